import Diagnostics

extension Checker {
  /// The type that is written; `.error`, after a report, for what does not exist. A label at its top is kept.
  ///
  /// The measure is an upper bound and within the limit. Parts come before what they are part of, so nothing recurs.
  mutating func resolve(_ id: TypeSyntaxID) -> (type: Type, measure: TypeMeasure) {
    if tree[id].parts.isEmpty { return compose(id) }
    var order = [id]
    var next = 0
    while next < order.count {
      order += tree[order[next]].parts
      next += 1
    }
    for part in order.reversed() {
      let (type, bound) = compose(part)
      var measure = TypeMeasure.scalar
      var result = type
      if case .error = type {
        if bound == .refused { measure = .refused }
      } else if !type.isScalar {
        if let found = within(type, bound, range(part)) {
          measure = found
        } else {
          result = .error
          measure = .refused
        }
      }
      writtenTypes[part] = (result, measure)
    }
    defer { writtenTypes.removeAll(keepingCapacity: true) }
    return writtenTypes[id] ?? (.error, .scalar)
  }

  private mutating func compose(_ id: TypeSyntaxID) -> (type: Type, measure: TypeMeasure) {
    var measure = TypeMeasure.scalar
    switch tree[id].kind {
    case .error: return (.error, .scalar)
    case .int: return (.int, .scalar)
    case .float: return (.float, .scalar)
    case .string: return (.string, .scalar)
    case .bool: return (.bool, .scalar)
    case .file: return (.file, .scalar)
    case .dir: return (.dir, .scalar)
    case .alias(let path): return resolveAlias(path, range(id))
    case .list(let element): return (.list(part(element, &measure)), measure)
    case .map(let key, let value):
      let keyType = part(key, &measure)
      let valueType = part(value, &measure)
      guard keyType.isMapKey else {
        report(.invalidMapKey, "\(keyType) is not a valid map key type", at: range(key))
        return (.error, .scalar)
      }
      return (.map(key: keyType, value: valueType), measure)
    case .structure(let fields): return (.structure(resolve(fields: fields, &measure)), measure)
    case .module(let fields): return (.module(resolve(fields: fields, &measure), aliases: []), measure)
    case .tuple(let elements):
      let resolved = labelled(elements, &measure)
      // Parentheses around one type without a label mean nothing.
      if resolved.count == 1, resolved[0].label == nil { return (resolved[0].type, measure) }
      return (.tuple(resolved), measure)
    case .function(let parameters, let result):
      let resolved = labelled(parameters, &measure)
      let (resultType, resultMeasure) = writtenTypes[result] ?? (.error, .scalar)
      measure.include(resultMeasure)
      return (.function(resolved, resultType), measure)
    case .table(let row):
      let rowType = part(row, &measure)
      if case .error = rowType { return (.error, .scalar) }
      guard rowType.rowFields != nil || rowType.isGroupRow else {
        reportRow(rowType, at: range(row))
        return (.error, .scalar)
      }
      return (.table(rowType), measure)
    case .sum(let variants):
      var resolved: [Type.Variant] = []
      var seen: Set<String> = []
      for variant in variants {
        checkTag(variant.tag)
        guard seen.insert(variant.tag.text).inserted else {
          report(.duplicateTag, "tag \"\(variant.tag.text)\" is not unique", at: range(variant.tag.token))
          continue
        }
        resolved.append(Type.Variant(variant.tag.text, variant.element.map { part($0, &measure) }))
      }
      return (.sum(resolved), measure)
    }
  }

  private mutating func part(_ id: TypeSyntaxID, _ measure: inout TypeMeasure) -> Type {
    let (type, inner) = writtenTypes[id] ?? (.error, .scalar)
    measure.include(inner)
    return type.unlabelled
  }

  private mutating func labelled(_ elements: [TypedName], _ measure: inout TypeMeasure) -> [Type.Labelled] {
    elements.map { Type.Labelled($0.name?.text, part($0.type, &measure)) }
  }

  private mutating func resolve(fields: [TypedName], _ measure: inout TypeMeasure) -> [Type.Field] {
    var resolved: [Type.Field] = []
    var seen: Set<String> = []
    for field in fields {
      let type = part(field.type, &measure)
      guard let name = field.name else { continue }
      guard seen.insert(name.text).inserted else {
        report(.duplicateField, "field \"\(name.text)\" is given twice", at: range(name.token))
        continue
      }
      resolved.append(Type.Field(name.text, type))
    }
    return resolved
  }

  /// `T`, or `m.T` with a module value `m`.
  private mutating func resolveAlias(_ path: [Name], _ range: SourceRange) -> (type: Type, measure: TypeMeasure) {
    guard let name = path.last else { return (.error, .scalar) }
    let written = path.map(\.text).joined(separator: ".")
    guard path.count > 1 else {
      if let alias = scope.aliases[name.text] {
        names?.note(use: name.token, of: alias.token)
        return (alias.type, alias.measure)
      }
      if lostNames.contains(name.text) { return (.error, .scalar) }
      let later = declaredLater(name.text, isType: true)
      if !later.isEmpty {
        report(.unknownType, "type alias \(written) not found", at: range, notes: later)
        return (.error, .scalar)
      }
      let known = ["int", "float", "string", "bool", "file", "dir"] + scope.aliases.keys
      var suggestion = suggestion(for: name.text, among: known, at: range)
      if let type = Self.type(ofOtherLanguages: name.text) {
        suggestion = ([Diagnostic.Note("it is called '\(type)'")], [FixIt("write '\(type)'", [.init(range, type)])])
      }
      report(
        .unknownType, "type alias \(written) not found", at: range, notes: suggestion.notes,
        fixIts: suggestion.fixIts)
      return (.error, .scalar)
    }
    guard let binding = scope.use(path[0].text) else {
      if lostNames.contains(path[0].text) { return (.error, .scalar) }
      let suggestion = suggestion(for: path[0].text, among: scope.names, at: self.range(path[0].token))
      report(
        .unknownType, "type alias \(written) not found: identifier \"\(path[0].text)\" not defined", at: range,
        notes: suggestion.notes, fixIts: suggestion.fixIts)
      return (.error, .scalar)
    }
    names?.note(use: path[0].token, of: binding.token)
    var type = binding.type.unlabelled
    for step in path.dropFirst().dropLast() {
      if case .error = type { return (.error, .scalar) }
      guard let field = type.field(step.text) else {
        report(
          .unknownType, "type alias \(written) not found: there is no \"\(step.text)\" in it", at: range)
        return (.error, .scalar)
      }
      type = field.unlabelled
    }
    if case .error = type { return (.error, .scalar) }
    if case .module(_, let aliases) = type {
      if let alias = aliases.last(where: { $0.name == name.text }) { return (alias.type, binding.measure) }
      let suggestion = suggestion(for: name.text, among: aliases.map(\.name), at: self.range(name.token))
      report(
        .unknownType, "type alias \(written) not found", at: range, notes: suggestion.notes,
        fixIts: suggestion.fixIts)
    } else {
      report(
        .unknownType, "type alias \(written) not found: the value before the \".\" is not a module", at: range)
    }
    return (.error, .scalar)
  }
}

extension TypeSyntax {
  /// The types that it is made of.
  var parts: [TypeSyntaxID] {
    switch kind {
    case .error, .int, .float, .string, .bool, .file, .dir, .alias: []
    case .list(let element), .table(let element): [element]
    case .map(let key, let value): [key, value]
    case .structure(let fields), .module(let fields), .tuple(let fields): fields.map(\.type)
    case .function(let parameters, let result): parameters.map(\.type) + [result]
    case .sum(let variants): variants.compactMap(\.element)
    }
  }
}
