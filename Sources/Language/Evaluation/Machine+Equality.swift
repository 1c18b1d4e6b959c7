import BuildGraph

extension Machine {
  /// Whether two values of one type are equal: structures by the fields of the type, maps and folders by key, files by content.
  ///
  /// Two mentions of one file are equal without anybody looking at it.
  ///
  /// - Complexity: O(size).
  mutating func equal(_ a: Value, _ b: Value, _ type: Type) throws(Failure) -> Progress {
    var pending = pending(in: a) + pending(in: b)
    guard pending.isEmpty else { return .wait(pending) }
    let equal = try isEqual(a, b, type.unlabelled, or: &pending)
    return !equal || pending.isEmpty ? .value(.bool(equal)) : .wait(pending)
  }

  /// False if it is known that they differ, else true; then they are equal if nothing is pending.
  private mutating func isEqual(
    _ a: Value, _ b: Value, _ type: Type, or pending: inout [NodeID]
  ) throws(Failure) -> Bool {
    if case .table(let x) = resolved(a), case .table(let y) = resolved(b) {
      return try isEqual(x, y, type, or: &pending)
    }
    switch (resolved(a), resolved(b)) {
    case (.unit, .unit): return true
    case (.string(let x), .string(let y)): return x == y
    case (.bool, .bool), (.int, _), (.big, _), (.float, .float):
      return Value.compareKeys(resolved(a), resolved(b)) == 0
    case (.file(let x), .file(let y)): return try isEqual(x, y, or: &pending)
    case (.dir(let x), .dir(let y)): return try isEqual(x, y, or: &pending)
    case (.fileset(let x), .fileset(let y)): return try isEqual(x.value, y.value, .top, or: &pending)
    case (.list(let x), .list(let y)):
      guard x.count == y.count else { return false }
      var element = Type.top
      if case .list(let type) = type { element = type }
      for index in 0..<x.count where try !isEqual(x[index], y[index], element, or: &pending) { return false }
      return true
    case (.map(let x), .map(let y)):
      guard MapNode.count(x) == MapNode.count(y) else { return false }
      var element = Type.top
      if case .map(key: _, let type) = type { element = type }
      for (p, q) in zip(MapNode.pairs(of: x), MapNode.pairs(of: y)) {
        guard Value.compareKeys(p.key, q.key) == 0 else { return false }
        guard try isEqual(p.value, q.value, element, or: &pending) else { return false }
      }
      return true
    case (.tuple(let x), .tuple(let y)):
      var types: [Type.Labelled] = []
      if case .tuple(let elements) = type { types = elements }
      for index in x.elements.indices {
        let element = types.indices.contains(index) ? types[index].type.unlabelled : .top
        guard try isEqual(x.elements[index], y.elements[index], element, or: &pending) else { return false }
      }
      return true
    case (.record(let x), .record(let y)):
      for field in Self.fields(of: type, in: x, symbols) {
        guard let p = x[field.symbol], let q = y[field.symbol] else { return false }
        guard try isEqual(p, q, field.type, or: &pending) else { return false }
      }
      return true
    case (.variant(let x), .variant(let y)):
      guard x.tag == y.tag else { return false }
      guard let p = x.element, let q = y.element else { return true }
      var element = Type.top
      if case .sum(let variants) = type, let variant = variants.first(where: { $0.tag == symbols[x.tag] }) {
        element = variant.element ?? .top
      }
      return try isEqual(p, q, element, or: &pending)
    case _: return false
    }
  }

  /// The fields that count: those of the static type, or all where it says nothing.
  static func fields(of type: Type, in record: Record, _ symbols: SymbolTable) -> [(symbol: Symbol, type: Type)] {
    let fields: [Type.Field]
    switch type {
    case .structure(let own): fields = own
    case .module(let own, aliases: _): fields = own
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .list, .map, .tuple,
      .function, .sum, .table, .scheme:
      return record.shape.names.map { ($0, .top) }
    }
    return fields.compactMap { field in symbols.known(field.name).map { ($0, field.type.unlabelled) } }
  }

  private mutating func isEqual(_ a: FileValue, _ b: FileValue, or pending: inout [NodeID]) throws(Failure) -> Bool {
    if a.reference == b.reference { return true }
    let x = try artifact(of: a, or: &pending)
    let y = try artifact(of: b, or: &pending)
    guard let x, let y else { return true }
    return x.digest == y.digest
  }

  private mutating func isEqual(_ a: DirValue, _ b: DirValue, or pending: inout [NodeID]) throws(Failure) -> Bool {
    if case .reference(let x) = a.content, case .reference(let y) = b.content, x == y { return true }
    let x = try content(of: a, or: &pending)
    let y = try content(of: b, or: &pending)
    guard let x, let y else { return true }
    return try isEqual(.map(x), .map(y), .map(key: .string, value: .file), or: &pending)
  }
}
