import BuildGraph
import Diagnostics

/// Makes relations of tables and functions on the stack.
extension Machine {
  mutating func relate(_ code: RelationCode) throws(Failure) {
    switch code {
    case .source(let source): try makeSource(source)
    case .operation(let builtin, let types): try operate(builtin, types)
    case .union(let left, let right):
      let pending = pendingOperands(2)
      guard pending.isEmpty else { return suspend(2, on: pending) }
      let a = relation(operand(1), as: left.tableRow)
      let b = relation(operand(0), as: right.tableRow.reordered(like: left.tableRow))
      complete(2, .value(table(try union(a, b))))
    case .comprehension(let comprehension): try comprehend(comprehension)
    case .fixpoint: preconditionFailure("a loop has instructions of its own")
    }
  }

  private func table(_ relation: Relation) -> Value { .table(TableValue(.relation(relation))) }

  // MARK: Nodes

  /// The one relation of this key; a chain that is too long is refused.
  mutating func add(
    _ operation: RelationalOperation, _ columns: [Column], isAtMostOneRow: Bool = false,
    _ write: (inout DigestManifest) -> Void
  ) throws(Failure) -> Relation {
    let relation = unchecked(operation, columns, isAtMostOneRow: isAtMostOneRow, write)
    guard relation.depth <= Relation.depthLimit else {
      throw fail(.tooLarge, "a table is made by more than \(Relation.depthLimit) operations on top of each other")
    }
    return relation
  }

  private mutating func unchecked(
    _ operation: RelationalOperation, _ columns: [Column], isAtMostOneRow: Bool, _ write: (inout DigestManifest) -> Void
  ) -> Relation {
    var manifest = DigestManifest()
    manifest.write(.name, operation.name)
    for column in columns {
      manifest.write(.label, column.name)
      manifest.write(.kind, Int(column.kind.rawValue))
    }
    write(&manifest)
    let key = manifest.finish()
    if let known = relations[key] { return known }
    let made = Relation(
      operation, columns: columns, key: key, isAtMostOneRow: isAtMostOneRow,
      location: current.code.module.location(of: current.code.origins[current.position - 1]), name: identifier)
    relations[key] = made
    return made
  }

  /// A table with just the columns of a row type, in its order.
  mutating func relation(_ value: Value, as row: Type) -> Relation {
    guard case .table(let table) = value, case .relation(let whole) = table.content else {
      preconditionFailure("the checker admits tables of scalars only")
    }
    return project(whole, to: row.columns)
  }

  private mutating func project(_ whole: Relation, to columns: [Column]) -> Relation {
    if whole.columns == columns { return whole }
    var inner = whole
    var places = columns.map { column in
      guard let place = whole.columns.firstIndex(of: column) else { preconditionFailure("the checker has seen it") }
      return place
    }
    if case .project(let base, let earlier) = whole.operation {
      inner = base
      places = places.map { earlier[$0] }
      if inner.columns == columns { return inner }
    }
    return unchecked(.project(inner, columns: places), columns, isAtMostOneRow: inner.isAtMostOneRow) { manifest in
      manifest.write(.identity, inner.key)
      for place in places { manifest.write(.ordinal, place) }
    }
  }

  mutating func union(_ a: Relation, _ b: Relation) throws(Failure) -> Relation {
    var parts: [Relation] = []
    for side in [a, b] {
      if case .union(let inner) = side.operation { parts += inner } else { parts.append(side) }
    }
    return try add(.union(parts), a.columns) { manifest in
      for part in parts { manifest.write(.identity, part.key) }
    }
  }

  // MARK: Operations

  private mutating func operate(_ builtin: Builtin, _ types: [Type]) throws(Failure) {
    let pending = pendingOperands(types.count)
    guard pending.isEmpty else { return suspend(types.count, on: pending) }
    let first = relation(operand(types.count - 1), as: types[0].tableRow)
    switch builtin {
    case .distinct:
      let made = try add(.distinct(first), first.columns, isAtMostOneRow: first.isAtMostOneRow) {
        $0.write(.identity, first.key)
      }
      complete(1, .value(table(made)))
    case .group:
      guard let function = try function(operand(0), ofRow: types[0].tableRow, operands: 2) else { return }
      var keyType = Type.int
      if case .function(_, let result) = types[1] { keyType = result.unlabelled }
      let key = try function.rowFunction(layout(of: keyType), in: &self)
      complete(
        2, .value(.table(TableValue(.groups(GroupedTable(input: first, keyFunction: key, keyType: keyType))))))
    case .semijoin, .antijoin:
      guard let left = try function(operand(1), ofRow: types[0].tableRow, operands: 4),
        let right = try function(operand(0), ofRow: types[1].tableRow, operands: 4)
      else { return }
      var keyType = Type.int
      if case .function(_, let result) = types[2] { keyType = result.unlabelled }
      let (a, b) = try keys(left, right, keyType)
      let second = relation(operand(2), as: types[1].tableRow)
      let join = Semijoin(
        left: first, right: second, leftKey: a, rightKey: b, keepsMatches: builtin == .semijoin)
      let made = try add(.semijoin(join), first.columns, isAtMostOneRow: first.isAtMostOneRow) { manifest in
        for digest in [first.key, second.key, a.key, b.key] { manifest.write(.identity, digest) }
        manifest.write(.kind, join.keepsMatches ? 1 : 0)
      }
      complete(4, .value(table(made)))
    case .csv: complete(1, .value(.file(FileValue(try step(first, .csv)))))
    case .tsv: complete(1, .value(.file(FileValue(try step(first, .tsv)))))
    case .jsonl: complete(1, .value(.file(FileValue(try step(first, .jsonl)))))
    case .parts:
      guard case .int(let count) = operand(0), count > 0, count <= 1 << 20 else {
        throw fail(.badArgument, "parts makes from 1 to \(1 << 20) files")
      }
      complete(2, .value(.dir(DirValue(.reference(try step(first, .parts(count)))))))
    case .rows: complete(1, try rows(of: first, types[0].tableRow))
    case .delay, .error, .fold, .flatten, .len, .list, .map, .panic, .range, .reduce, .trace, .unzip, .zip, .quote,
      .fixpoint, .sum, .avg, .min, .max:
      preconditionFailure("not an operation on tables")
    }
  }

  /// A function value that is applied to rows, before its result is given words.
  struct RowCallable {
    var closure: Closure
    var sources: [RowSource]
    var origin: Int32

    func rowFunction(_ layout: RowLayout, makesList: Bool = false, in machine: inout Machine) throws(Failure)
      -> RowFunction
    {
      try machine.rowFunction(closure, sources, layout, makesList: makesList, origin: origin)
    }
  }

  /// - Returns: nil if it waits for something, and the instruction has been put off.
  private mutating func function(_ value: Value, ofRow row: Type, operands: Int) throws(Failure) -> RowCallable? {
    let closure = self.closure(of: value)
    let pending = pendingCaptures(of: closure)
    guard pending.isEmpty else {
      suspend(operands, on: pending)
      return nil
    }
    return RowCallable(
      closure: closure, sources: [RowSource(generator: 0, kind: .element(row))],
      origin: current.code.origins[current.position - 1])
  }

  /// A function of the program; a native one is called by a function that does nothing else.
  func closure(of value: Value) -> Closure {
    if case .closure(let closure) = value { return closure }
    let module = ModuleCode(checked: current.code.module.checked)
    let unit = CodeUnit(name: "", module: module)
    unit.parameterCount = 1
    unit.slotCount = 1
    module.constants = [value]
    unit.instructions = [.constant(0), .local(0), .call(1), .return]
    unit.origins = Array(repeating: current.code.origins[current.position - 1], count: 4)
    module.units = [unit]
    return Closure(unit, Frame(0, parent: nil, graveyard: graveyard), owners: [module])
  }

  /// Two functions whose words are equal exactly where their values are.
  mutating func keys(
    _ left: RowCallable, _ right: RowCallable, _ type: Type
  ) throws(Failure) -> (RowFunction, RowFunction) {
    let plain = layout(of: type)
    let a = try left.rowFunction(plain, in: &self)
    let b = try right.rowFunction(plain, in: &self)
    let isExact = plain.kinds.allSatisfy { $0 == .string || $0 == .bool }
    // Structs give their words by name in the order of one type, so the sides' own orders do not matter.
    if isExact || (a.selection != nil && b.selection != nil) { return (a, b) }
    // An int that is computed may need more than a word.
    return (try left.rowFunction(.encoded(type), in: &self), try right.rowFunction(.encoded(type), in: &self))
  }

  // MARK: Steps

  /// The output of a step that makes a file or folder of a table.
  mutating func step(_ relation: Relation, _ form: TableStep.Form) throws(Failure) -> ArtifactReference {
    guard relation.loops.isEmpty else {
      throw fail(
        .loopTable, "a table inside a loop can only be used to make tables",
        notes: [Diagnostic.Note("what depends on the argument of fixpoint's function has no value of its own")])
    }
    let inputs = relation.inputs.map { Exec.Input(reference: $0.reference, kind: $0.kind) }
    let plan = TablePlan(key: relation.key, content: relation, outline: ByteString(relation.outline))
    let work = TableStep(plan: plan, form: form, inputs: inputs)
    // Whoever wants the file of it is often only `Main`.
    let name = relation.name.isEmpty ? identifier : relation.name
    return .output(
      graph.addStep(Step(work: .table(work), name: name.isEmpty ? "table" : name, location: relation.location)), 0)
  }

  /// The rows as a list, if they are known.
  private mutating func rows(of relation: Relation, _ row: Type) throws(Failure) -> Progress {
    var pending: [NodeID] = []
    guard case .text(let bytes)? = try require(.text(try step(relation, .rows)), or: &pending) else {
      return .wait(pending)
    }
    let shape = Shape(relation.columns.map { symbols.symbol($0.name) })
    guard let records = RowCoding.records(bytes.bytes, relation.columns.map(\.kind), shape) else {
      throw fail(.unavailable, "the rows of the table are damaged")
    }
    try checkCount(records.count)
    return .value(.list(records))
  }

  /// The count of rows and a digest of them, if they are known.
  mutating func summary(
    of relation: Relation, or pending: inout [NodeID]
  ) throws(Failure) -> (count: Int, digest: ByteString)? {
    guard case .text(let bytes)? = try require(.text(try step(relation, .summary)), or: &pending) else { return nil }
    var reader = BinaryReader(bytes.bytes)
    guard let count = reader.readUInt64(), count <= UInt64(Int.max) else {
      throw fail(.unavailable, "the summary of the table is damaged")
    }
    return (Int(count), ByteString(bytes: Array(bytes.bytes.dropFirst(8))))
  }
}

extension RelationalOperation {
  fileprivate var name: String {
    switch self {
    case .files: "files"
    case .literal: "literal"
    case .loop: "loop"
    case .project: "project"
    case .union: "union"
    case .distinct: "distinct"
    case .comprehension: "comprehension"
    case .semijoin: "semijoin"
    case .fixpoint: "fixpoint"
    }
  }
}

extension Type {
  /// The same row type with its fields in the order of another.
  func reordered(like other: Type) -> Type {
    guard let mine = rowFields, let wanted = other.rowFields else { return self }
    return .structure(wanted.compactMap { field in mine.first { $0.name == field.name } })
  }
}
