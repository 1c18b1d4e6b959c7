extension Type {
  /// Whether two types say the same: labels, names of arguments and the order of fields and tags do not count.
  ///
  /// ``Type/error`` equals everything. An equivalence on all other types.
  /// - Complexity: O(size of the smaller type), but O(n log n) in the number of fields and tags.
  package func isEqual(to other: Type) -> Bool {
    switch (self, other) {
    case (.error, _), (_, .error): return true
    case (.int, .int), (.float, .float), (.string, .string), (.bool, .bool), (.file, .file), (.dir, .dir),
      (.unit, .unit), (.fileset, .fileset), (.top, .top), (.bottom, .bottom):
      return true
    case (.list(let a), .list(let b)), (.table(let a), .table(let b)): return a.isEqual(to: b)
    case (.map(let key, let value), .map(let otherKey, let otherValue)):
      return key.isEqual(to: otherKey) && value.isEqual(to: otherValue)
    case (.tuple(let a), _) where a.count == 1: return a[0].type.isEqual(to: other)
    case (_, .tuple(let b)) where b.count == 1: return isEqual(to: b[0].type)
    case (.tuple(let a), .tuple(let b)): return Type.pairwise(a, b) { $0.isEqual(to: $1) }
    case (.structure(let a), .structure(let b)), (.module(let a, aliases: _), .module(let b, aliases: _)):
      return a.count == b.count && Type.everyField(of: b, in: a) { $0.isEqual(to: $1) }
    case (.function(let a, let result), .function(let b, let otherResult)):
      return Type.pairwise(a, b) { $0.isEqual(to: $1) } && result.isEqual(to: otherResult)
    case (.sum(let a), .sum(let b)):
      return a.count == b.count && Type.everyVariant(of: a, in: b) { $0.isEqual(to: $1) }
    case (.scheme(let a), .scheme(let b)): return a == b
    // Different kinds. Over pairs the compiler cannot check that all are there; the laws' tests have each kind.
    default:
      return false
    }
  }

  /// Whether every value of this type is a value of the other.
  ///
  /// `bottom ⊑ T ⊑ top`; lists, tuples and sums are covariant, map keys and parameters contravariant; structs and
  /// modules may have more fields, sums fewer tags. ``Type/error`` fits both ways. A preorder on all other types, and
  /// types that are each other's subtype are equal.
  /// - Complexity: as ``isEqual(to:)``.
  package func isSubtype(of other: Type) -> Bool {
    switch (self, other) {
    case (.error, _), (_, .error), (.bottom, _), (_, .top): return true
    case (.int, .int), (.float, .float), (.string, .string), (.bool, .bool), (.file, .file), (.dir, .dir),
      (.unit, .unit), (.fileset, .fileset):
      return true
    case (.list(let a), .list(let b)): return a.isSubtype(of: b)
    case (.table(let a), .table(let b)): return Type.isRow(a, subtypeOf: b)
    case (.map(let key, let value), .map(let otherKey, let otherValue)):
      return otherKey.isSubtype(of: key) && value.isSubtype(of: otherValue)
    case (.tuple(let a), _) where a.count == 1: return a[0].type.isSubtype(of: other)
    case (_, .tuple(let b)) where b.count == 1: return isSubtype(of: b[0].type)
    case (.tuple(let a), .tuple(let b)): return Type.pairwise(a, b) { $0.isSubtype(of: $1) }
    case (.structure(let a), .structure(let b)), (.module(let a, aliases: _), .module(let b, aliases: _)):
      return Type.everyField(of: b, in: a) { $0.isSubtype(of: $1) }
    case (.function(let a, let result), .function(let b, let otherResult)):
      return Type.pairwise(b, a) { $0.isSubtype(of: $1) } && result.isSubtype(of: otherResult)
    case (.sum(let a), .sum(let b)): return Type.everyVariant(of: a, in: b) { $0.isSubtype(of: $1) }
    case (.scheme(let a), .scheme(let b)): return a == b
    // Different kinds. Over pairs the compiler cannot check that all are there; the laws' tests have each kind.
    default:
      return false
    }
  }

  /// Whether `==` is defined on values of this type.
  package var isComparable: Bool {
    switch self {
    case .int, .float, .string, .bool, .file, .dir, .fileset, .bottom, .error: true
    case .unit, .top, .function, .module, .scheme: false
    case .list(let element): element.isComparable
    case .table(let row): !row.isGroupRow
    // The key of `[:]` is `top`; there is no such key, so comparing is fine.
    case .map(key: _, let value): value.isComparable
    case .tuple(let elements): elements.allSatisfy(\.type.isComparable)
    case .structure(let fields): fields.allSatisfy(\.type.isComparable)
    case .sum(let variants): variants.allSatisfy { $0.element?.isComparable ?? true }
    }
  }

  /// Whether values of this type can be the keys of a map.
  package var isMapKey: Bool {
    switch unlabelled {
    case .string, .int, .float, .bool, .file, .top, .error: true
    case .dir, .unit, .fileset, .bottom, .list, .map, .tuple, .structure, .module, .function, .sum, .table, .scheme:
      false
    }
  }

  /// Whether `$/lists` can sort by values of this type: scalars, and tuples of them.
  package var isOrdered: Bool {
    switch self {
    case .int, .float, .string, .bool, .bottom, .error: true
    case .tuple(let elements): elements.allSatisfy(\.type.isOrdered)
    case .file, .dir, .unit, .fileset, .top, .list, .map, .structure, .module, .function, .sum, .table, .scheme: false
    }
  }

  /// The type of a field; nil for other types than structs and modules, and for unknown names.
  ///
  /// - Complexity: O(fields).
  package func field(_ name: String) -> Type? {
    switch self {
    case .structure(let fields), .module(let fields, aliases: _): fields.last { $0.name == name }?.type
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .list, .map, .tuple,
      .function, .sum, .table, .scheme:
      nil
    }
  }

  static func pairwise(_ a: [Labelled], _ b: [Labelled], _ relation: (Type, Type) -> Bool) -> Bool {
    guard a.count == b.count else { return false }
    for index in a.indices where !relation(a[index].type, b[index].type) { return false }
    return true
  }

  /// Whether each of the needed fields is there, and related.
  static func everyField(of needed: [Field], in present: [Field], _ relation: (Type, Type) -> Bool) -> Bool {
    guard needed.count <= present.count else { return false }
    let find = fieldLookup(present)
    for field in needed {
      guard let index = find(field.name), relation(present[index].type, field.type) else { return false }
    }
    return true
  }

  private static func everyVariant(
    of needed: [Variant], in present: [Variant], _ relation: (Type, Type) -> Bool
  ) -> Bool {
    guard needed.count <= present.count else { return false }
    let find = variantLookup(present)
    for variant in needed {
      guard let index = find(variant.tag) else { return false }
      switch (variant.element, present[index].element) {
      case (nil, nil): continue
      case (let element?, let other?): guard relation(element, other) else { return false }
      case (nil, _?), (_?, nil): return false
      }
    }
    return true
  }

  /// Finds fields by name; a table only where there are many, because most structs are small.
  static func fieldLookup(_ fields: [Field]) -> (String) -> Int? {
    guard fields.count > 8 else { return { name in fields.lastIndex { $0.name == name } } }
    let table = Dictionary(fields.enumerated().map { ($1.name, $0) }) { $1 }
    return { table[$0] }
  }

  static func variantLookup(_ variants: [Variant]) -> (String) -> Int? {
    guard variants.count > 8 else { return { tag in variants.firstIndex { $0.tag == tag } } }
    let table = Dictionary(variants.enumerated().map { ($1.tag, $0) }) { first, _ in first }
    return { table[$0] }
  }
}
