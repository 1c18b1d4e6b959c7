import BigInt
import BuildGraph
import Diagnostics

/// Tables where values are printed, compared, counted and put into the output tree; and the aggregates of lists.
extension Machine {
  // MARK: Printing and files

  /// The value with each table replaced by the list of its rows.
  mutating func withRows(_ value: Value, _ type: Type, or pending: inout [NodeID]) throws(Failure) -> Value {
    guard Self.holdsTable(value) else { return value }
    return try replacingTables(in: value, type) { (machine, table, row) throws(Failure) in
      let relation = try machine.flat(table, row)
      guard case .text(let bytes)? = try machine.require(.text(try machine.step(relation, .rows)), or: &pending) else {
        return .unit
      }
      let shape = Shape(relation.columns.map { machine.symbols.symbol($0.name) })
      return .list(RowCoding.records(bytes.bytes, relation.columns.map(\.kind), shape) ?? [])
    }
  }

  /// The value with each table replaced by one that has a file in the output tree.
  mutating func exported(_ value: Value, _ type: Type) throws(Failure) -> Value {
    guard Self.holdsTable(value) else { return value }
    return try replacingTables(in: value, type) { (machine, table, row) throws(Failure) in
      let relation = try machine.flat(table, row)
      return .table(TableValue(.relation(relation), exported: try machine.step(relation, .csv)))
    }
  }

  /// The CSV file of a table as text.
  mutating func csvText(_ value: Value, _ type: Type, or pending: inout [NodeID]) throws(Failure) -> String? {
    guard case .table(let table) = value else { return nil }
    var row: Type?
    if case .table(let known) = type.unlabelled { row = known }
    let relation = try flat(table, row)
    guard case .text(let bytes)? = try require(.text(try step(relation, .csv)), or: &pending) else { return "" }
    let text = String(decoding: bytes.bytes, as: UTF8.self)
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }

  private mutating func flat(_ table: TableValue, _ row: Type?) throws(Failure) -> Relation {
    guard case .relation(let whole) = table.content else {
      throw fail(.badOutput, "a grouped table cannot be printed or become a file")
    }
    guard let row, row.rowFields != nil else { return whole }
    return relation(.table(table), as: row)
  }

  private static func holdsTable(_ value: Value) -> Bool {
    switch value {
    case .table: true
    case .list(let list): (0..<list.count).contains { holdsTable(list[$0]) }
    case .map(let root): MapNode.pairs(of: root).contains { holdsTable($0.value) }
    case .tuple(let tuple): tuple.elements.contains { holdsTable($0) }
    case .record(let record): record.values.contains { holdsTable($0) }
    case .variant(let variant): variant.element.map { holdsTable($0) } ?? false
    case .unit, .bool, .int, .big, .float, .string, .file, .dir, .fileset, .closure, .native, .delayed, .absent: false
    }
  }

  private mutating func replacingTables(
    in value: Value, _ type: Type, _ replace: (inout Machine, TableValue, Type?) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let type = type.unlabelled
    switch value {
    case .table(let table):
      if case .table(let row) = type { return try replace(&self, table, row) }
      return try replace(&self, table, nil)
    case .list(let list):
      var elements = ContiguousArray<Value>()
      for index in 0..<list.count { elements.append(try replacingTables(in: list[index], type.inner(index), replace)) }
      return .list(elements)
    case .tuple(let tuple):
      var elements = ContiguousArray<Value>()
      for (index, element) in tuple.elements.enumerated() {
        elements.append(try replacingTables(in: element, type.inner(index), replace))
      }
      return .tuple(TupleValue(elements))
    case .map(let root):
      var pairs: [MapNode.Pair] = []
      for pair in MapNode.pairs(of: root) {
        pairs.append((pair.key, try replacingTables(in: pair.value, type.inner(0), replace)))
      }
      return .map(MapNode.fromPairs(pairs))
    case .record(let record):
      var values = ContiguousArray<Value>()
      for (name, element) in zip(record.shape.names, record.values) {
        values.append(try replacingTables(in: element, type.field(symbols[name]) ?? .top, replace))
      }
      return .record(Record(record.shape, values))
    case .variant(let variant):
      guard let element = variant.element else { return value }
      return .variant(
        VariantValue(variant.tag, try replacingTables(in: element, type.inner(of: symbols[variant.tag]), replace)))
    case .unit, .bool, .int, .big, .float, .string, .file, .dir, .fileset, .closure, .native, .delayed, .absent:
      return value
    }
  }

  // MARK: Comparing and counting

  /// False if it is known that they differ, else true; then they are equal if nothing is pending.
  mutating func isEqual(
    _ a: TableValue, _ b: TableValue, _ type: Type, or pending: inout [NodeID]
  ) throws(Failure) -> Bool {
    var row: Type?
    if case .table(let known) = type { row = known }
    let left = try flat(a, row)
    let right = try flat(b, row)
    let x = try summary(of: left, or: &pending)
    let y = try summary(of: right, or: &pending)
    guard let x, let y else { return true }
    return x == y
  }

  /// How many rows a table has, with multiplicity, if it is known.
  mutating func count(of table: TableValue, or pending: inout [NodeID]) throws(Failure) -> Int? {
    try summary(of: try flat(table, nil), or: &pending)?.count
  }

  /// Waits for a table as a whole.
  mutating func requireTable(_ table: TableValue, or pending: inout [NodeID]) throws(Failure) {
    guard case .relation(let relation) = table.content else { return }
    _ = try summary(of: relation, or: &pending)
  }

  // MARK: Aggregates of lists

  mutating func aggregate(_ builtin: Builtin, _ type: Type) throws(Failure) -> Progress {
    let pending = pending(in: operand(0))
    guard pending.isEmpty else { return .wait(pending) }
    guard case .list(let list) = deeplyResolved(operand(0)) else {
      preconditionFailure("the checker admits lists only")
    }
    var isFloat = false
    if case .list(let element) = type.unlabelled { isFloat = element.unlabelled == .float }
    if list.count == 0 {
      if builtin == .sum { return .value(isFloat ? Value(Floating(0)) : .int(0)) }
      throw fail(.emptyList, "\(builtin.rawValue) of an empty list")
    }
    if builtin == .min || builtin == .max {
      var best = list[0]
      for index in 1..<max(1, list.count) {
        let order = Value.compareKeys(list[index], best)
        if builtin == .min ? order < 0 : order > 0 { best = list[index] }
      }
      return .value(best)
    }
    var sum = ExactSum()
    var integer = BigInt(0)
    for index in 0..<list.count {
      if case .float(let box) = list[index] {
        guard box.value.double.isFinite else { throw fail(.arithmetic, "\(builtin.rawValue) of what is not finite") }
        sum.add(box.value.double)
      } else if let value = list[index].integer {
        integer += value
      }
    }
    if builtin == .sum { return .value(isFloat ? Value(Floating(sum.quotient())) : Value(integer)) }
    if !isFloat { sum.add(integer) }
    return .value(Value(Floating(sum.quotient(by: BigInt(list.count)))))
  }
}

extension Type {
  /// The type of a list's, map's or tuple's element.
  fileprivate func inner(_ index: Int) -> Type {
    switch self {
    case .list(let element): element
    case .map(key: _, let value): value
    case .tuple(let elements): elements.indices.contains(index) ? elements[index].type : .top
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .structure, .module,
      .function, .sum, .table, .scheme:
      .top
    }
  }

  fileprivate func inner(of tag: String) -> Type {
    guard case .sum(let variants) = self else { return .top }
    return variants.first { $0.tag == tag }?.element ?? .top
  }
}
