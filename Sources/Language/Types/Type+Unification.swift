/// Why two types have no common supertype.
package enum TypeConflict: Error, Hashable, Sendable, CustomStringConvertible {
  /// Types that are not of one kind: an int and a string, a list and a map.
  case kinds(Type, Type)
  /// Structs or modules that share no field.
  case noCommonFields(Type, Type)
  case tupleSizes(Type, Type)
  case parameters(Type, Type)
  /// Tables of different rows: no column is dropped silently.
  case rows(Type, Type)
  case keys(Type, Type)
  /// A tag with an element on one side and without it on the other.
  case element(tag: String)
  /// A conflict inside a field, a tag or a position of the types.
  indirect case inside(String, TypeConflict)

  package var description: String {
    switch self {
    case .kinds(let a, let b): "kind mismatch: \(a.kindName) != \(b.kindName)"
    case .noCommonFields(let a, let b):
      "\(a.kindName) \(a) and \(b.kindName) \(b) have no fields in common"
    case .tupleSizes(let a, let b): "tuples \(a) and \(b) have different sizes"
    case .rows(let a, let b): "tables of different rows: \(a) and \(b)"
    case .parameters(let a, let b): "functions \(a) and \(b) have different parameters"
    case .keys(let a, let b): "map keys of different types: \(a) and \(b)"
    case .element(let tag): "tag #\(tag) has an element on one side only"
    case .inside(let place, let conflict): "\(place): \(conflict)"
    }
  }
}

extension Type {
  /// The least common supertype, the type of a list of both.
  ///
  /// Structs keep the fields that both have, sums all tags of either. Fields of one name must unify, too: dropping one
  /// whose types differ would hide a mistake. Parameters of functions must be equal. Symmetric but for labels and order,
  /// idempotent, `bottom` is its identity, and where it succeeds it is the least upper bound of `isSubtype(of:)`.
  /// - Complexity: as ``isEqual(to:)``.
  package static func unify(_ a: Type, _ b: Type) -> Result<Type, TypeConflict> {
    switch (a, b) {
    case (.error, _), (_, .error): return .success(.error)
    case (.bottom, let other), (let other, .bottom): return .success(other)
    case (.top, _), (_, .top): return .success(.top)
    case (.int, .int), (.float, .float), (.string, .string), (.bool, .bool), (.file, .file), (.dir, .dir),
      (.unit, .unit), (.fileset, .fileset):
      return .success(a)
    case (.tuple(let elements), _) where elements.count == 1: return unify(elements[0].type, b)
    case (_, .tuple(let elements)) where elements.count == 1: return unify(a, elements[0].type)
    case (.list(let element), .list(let other)):
      return unify(element, other).map { .list($0) }
    case (.map(let key, let value), .map(let otherKey, let otherValue)):
      guard let common = commonKey(key, otherKey) else { return .failure(.keys(key, otherKey)) }
      return unify(value, otherValue).map { .map(key: common, value: $0) }
    case (.tuple(let elements), .tuple(let others)):
      guard elements.count == others.count else { return .failure(.tupleSizes(a, b)) }
      return unifyTuples(elements, others)
    case (.structure(let fields), .structure(let others)):
      return commonFields(fields, others).flatMap {
        $0.isEmpty ? .failure(.noCommonFields(a, b)) : .success(.structure($0))
      }
    case (.module(let fields, let aliases), .module(let others, let otherAliases)):
      return commonFields(fields, others).flatMap {
        let common = aliases.filter { otherAliases.contains($0) }
        return $0.isEmpty ? .failure(.noCommonFields(a, b)) : .success(.module($0, aliases: common))
      }
    case (.function(let parameters, let result), .function(let others, let otherResult)):
      guard pairwise(parameters, others, { $0.isEqual(to: $1) }) else { return .failure(.parameters(a, b)) }
      return unify(result, otherResult).map { .function(parameters, $0) }
    case (.sum(let variants), .sum(let others)): return unifySums(variants, others)
    case (.table(let row), .table(let other)):
      return row.isEqual(to: other) ? .success(a) : .failure(.rows(row, other))
    case (.scheme(let function), .scheme(let other)) where function == other: return .success(a)
    // Different kinds. Over pairs the compiler cannot check that all are there; the laws' tests have each kind.
    default:
      return .failure(.kinds(a, b))
    }
  }

  /// Keys are contravariant: the type that fits both. `top`, the key of `[:]`, gives way to any other.
  private static func commonKey(_ a: Type, _ b: Type) -> Type? {
    if case .top = a { return b }
    if case .top = b { return a }
    return a.isEqual(to: b) ? a : nil
  }

  private static func unifyTuples(_ elements: [Labelled], _ others: [Labelled]) -> Result<Type, TypeConflict> {
    var common: [Labelled] = []
    common.reserveCapacity(elements.count)
    for (index, (element, other)) in zip(elements, others).enumerated() {
      switch unify(element.type, other.type) {
      case .success(let type): common.append(Labelled(element.label == other.label ? element.label : nil, type))
      case .failure(let conflict): return .failure(.inside("element \(index)", conflict))
      }
    }
    // Labels are all or none; a mixture could not be written.
    if common.contains(where: { $0.label == nil }) { common = common.map { Labelled(nil, $0.type) } }
    return .success(.tuple(common))
  }

  private static func commonFields(_ fields: [Field], _ others: [Field]) -> Result<[Field], TypeConflict> {
    let find = fieldLookup(others)
    var common: [Field] = []
    for field in fields {
      guard let index = find(field.name) else { continue }
      switch unify(field.type, others[index].type) {
      case .success(let type): common.append(Field(field.name, type))
      case .failure(let conflict): return .failure(.inside("field \"\(field.name)\"", conflict))
      }
    }
    return .success(common)
  }

  private static func unifySums(_ variants: [Variant], _ others: [Variant]) -> Result<Type, TypeConflict> {
    let find = variantLookup(variants)
    var common = variants
    for other in others {
      guard let index = find(other.tag) else {
        common.append(other)
        continue
      }
      switch (variants[index].element, other.element) {
      case (nil, nil): continue
      case (let element?, let second?):
        switch unify(element, second) {
        case .success(let type): common[index].element = type
        case .failure(let conflict): return .failure(.inside("tag #\(other.tag)", conflict))
        }
      case (nil, _?), (_?, nil): return .failure(.element(tag: other.tag))
      }
    }
    return .success(.sum(common))
  }

  /// The kind of a type, in a word.
  package var kindName: String {
    switch self {
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error: description
    case .list: "list"
    case .map: "map"
    case .tuple: "tuple"
    case .structure: "struct"
    case .module: "module"
    case .function: "func"
    case .sum: "sum"
    case .table: "table"
    case .scheme: "func"
    }
  }

  /// Where and why this type is not a subtype of the other, for a note: `field "a": string is not int`; nil where the
  /// types as wholes say it already, or where it is one.
  ///
  /// - Complexity: O(size × depth).
  package func discrepancy(with other: Type) -> String? {
    guard !isSubtype(of: other) else { return nil }
    switch (self, other) {
    case (.structure(let fields), .structure(let needed)), (.module(let fields, _), .module(let needed, _)):
      let find = Type.fieldLookup(fields)
      for field in needed {
        guard let index = find(field.name) else { return "field \"\(field.name)\" is missing" }
        if let inner = Type.step("field \"\(field.name)\"", fields[index].type, field.type) { return inner }
      }
      return nil
    case (.tuple(let elements), .tuple(let needed)) where elements.count > 1 && needed.count > 1:
      guard elements.count == needed.count else {
        return "\(elements.count) elements where \(needed.count) are needed"
      }
      for index in elements.indices {
        if let inner = Type.step("element \(index)", elements[index].type, needed[index].type) { return inner }
      }
      return nil
    case (.list(let element), .list(let needed)):
      return element.discrepancy(with: needed).map { "element: \($0)" }
    case (.map(key: _, let value), .map(key: _, let needed)):
      return value.discrepancy(with: needed).map { "value: \($0)" }
    case (.sum(let variants), .sum(let allowed)):
      let find = Type.variantLookup(allowed)
      for variant in variants {
        guard let index = find(variant.tag) else { return "tag #\(variant.tag) is not among \(other)" }
        switch (variant.element, allowed[index].element) {
        case (nil, nil): continue
        case (let element?, let needed?):
          if let inner = Type.step("tag #\(variant.tag)", element, needed) { return inner }
        case (nil, _?): return "tag #\(variant.tag) lacks its element"
        case (_?, nil): return "tag #\(variant.tag) has no element in \(other)"
        }
      }
      return nil
    // Different kinds. Over pairs the compiler cannot check that all are there; the laws' tests have each kind.
    default:
      return nil
    }
  }

  private static func step(_ place: String, _ present: Type, _ needed: Type) -> String? {
    guard !present.isSubtype(of: needed) else { return nil }
    return place + ": " + (present.discrepancy(with: needed) ?? "\(present) is not \(needed)")
  }
}
