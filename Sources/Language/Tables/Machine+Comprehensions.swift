import BuildGraph
import Diagnostics

/// Comprehensions over tables become relations.
extension Machine {
  mutating func comprehend(_ code: ComprehensionCode) throws(Failure) {
    var pending = pendingOperands(code.operandCount)
    guard pending.isEmpty else { return suspend(code.operandCount, on: pending) }
    let first = stack.count - code.operandCount
    let tables = stack[first..<first + code.tableCount].map { resolved($0) }
    let functions = stack[(first + code.tableCount)...].map { resolved($0) }
    for function in functions { if case .closure(let closure) = function { pending += pendingCaptures(of: closure) } }
    guard pending.isEmpty else { return suspend(code.operandCount, on: pending) }
    let relation = try comprehension(code, tables, functions)
    complete(code.operandCount, .value(.table(TableValue(.relation(relation)))))
  }

  private mutating func comprehension(
    _ code: ComprehensionCode, _ tables: [Value], _ functions: [Value]
  ) throws(Failure) -> Relation {
    var operands = Operands(functions: functions)
    var scene = Scene(code: code)
    var nextTable = 0
    var conditions: [(ComprehensionCode.Condition, RowCallable, [RowCallable])] = []
    var lists: [Int: RowCallable] = [:]
    // Functions come in the order of the code: generators with their conditions, then the head.
    var place = 0
    for (index, generator) in code.generators.enumerated() {
      switch generator.kind {
      case .table:
        scene.relations[index] = relation(tables[nextTable], as: generator.element)
        nextTable += 1
      case .groups:
        guard case .table(let table) = tables[nextTable], case .groups(let groups) = table.content else {
          preconditionFailure("the checker admits grouped tables only")
        }
        scene.groups[index] = groups
        scene.keyWidths[index] = groups.keyFunction.outputs.count
        nextTable += 1
      case .list: if let unit = generator.unit { lists[index] = callable(unit, operands.next(), scene) }
      }
      while place < code.conditions.count, code.conditions[place].after == index + 1 {
        let condition = code.conditions[place]
        let whole = callable(condition.unit, operands.next(), scene)
        var sides: [RowCallable] = []
        if let (left, right) = condition.equality {
          sides.append(callable(left, operands.next(), scene))
          sides.append(callable(right, operands.next(), scene))
        } else if let (_, left, right) = condition.comparison {
          sides.append(callable(left, operands.next(), scene))
          sides.append(callable(right, operands.next(), scene))
        }
        conditions.append((condition, whole, sides))
        place += 1
      }
    }
    let head = try callable(code.head, operands.next(), scene)
      .rowFunction(layout(of: code.head.result), in: &self)

    var generators: [Generator] = []
    for (index, generator) in code.generators.enumerated() {
      switch generator.kind {
      case .table:
        let relation = scene.relations[index]!
        generators.append(
          Generator(
            source: .table(relation), columns: relation.columns.map(\.kind), isAtMostOneRow: relation.isAtMostOneRow))
      case .groups:
        let grouping = try grouping(index, code, scene, &operands)
        generators.append(
          Generator(
            source: .groups(grouping), columns: grouping.key.outputs + grouping.reducers.map(\.column),
            isAtMostOneRow: grouping.key.inputs.isEmpty))
      case .list:
        let element = layout(of: generator.element)
        let function = try lists[index]!.rowFunction(element, makesList: true, in: &self)
        generators.append(Generator(source: .list(function), columns: function.outputs, isAtMostOneRow: false))
      }
    }
    var checked: [Condition] = []
    for (condition, whole, sides) in conditions {
      checked.append(try self.condition(condition, whole, sides, generators))
    }
    let result = Comprehension(generators: generators, conditions: checked, head: head)
    warnOfProducts(result)
    let isAtMostOneRow = generators.allSatisfy(\.isAtMostOneRow)
    return try add(.comprehension(result), code.head.result.columns, isAtMostOneRow: isAtMostOneRow) { manifest in
      result.write(to: &manifest)
    }
  }

  /// The functions that have not been used, first come first.
  private struct Operands {
    var functions: [Value]
    var position = 0

    mutating func next() -> Value {
      position += 1
      return functions[position - 1]
    }
  }

  /// What the parameters of functions refer to.
  private struct Scene {
    var code: ComprehensionCode
    var relations: [Int: Relation] = [:]
    var groups: [Int: GroupedTable] = [:]
    /// How many words a group's key has.
    var keyWidths: [Int: Int] = [:]

    /// The columns of a group: key, aggregates in order, and all rows if they are wanted.
    func column(ofAggregate index: Int) -> Int {
      let generator = code.aggregates[index].generator
      let earlier = code.aggregates[..<index].count { $0.generator == generator }
      return keyWidths[generator, default: 0] + earlier
    }

    func column(ofRows generator: Int) -> Int? {
      guard code.generators[generator].needsRows else { return nil }
      return keyWidths[generator, default: 0] + code.aggregates.count { $0.generator == generator }
    }
  }

  private mutating func callable(
    _ unit: ComprehensionCode.Unit, _ function: Value, _ scene: Scene
  ) -> RowCallable {
    guard case .closure(let closure) = function else { preconditionFailure("the compiler puts functions there") }
    let sources = unit.parameters.map { parameter -> RowSource in
      switch parameter {
      case .generator(let index):
        let element = scene.code.generators[index].element
        guard let groups = scene.groups[index] else { return RowSource(generator: index, kind: .element(element)) }
        return RowSource(
          generator: index,
          kind: .group(
            key: groups.keyType, rows: element.groupParts?.rows ?? [], rowsColumn: scene.column(ofRows: index)))
      case .aggregate(let index):
        let aggregate = scene.code.aggregates[index]
        let column = scene.column(ofAggregate: index)
        guard case .top = aggregate.kind else {
          return RowSource(generator: aggregate.generator, kind: .word(aggregate.column, column: column))
        }
        let rows = scene.code.generators[aggregate.generator].element.groupParts?.rows ?? []
        return RowSource(generator: aggregate.generator, kind: .list(rows, column: column))
      case .row: preconditionFailure("a row of a group is the parameter of its aggregates' functions only")
      }
    }
    return RowCallable(closure: closure, sources: sources, origin: unit.origin)
  }

  // MARK: Groups

  private mutating func grouping(
    _ index: Int, _ code: ComprehensionCode, _ scene: Scene, _ operands: inout Operands
  ) throws(Failure) -> Grouping {
    guard let groups = scene.groups[index] else { preconditionFailure("a generator of groups has groups") }
    let rows = code.generators[index].element.groupParts?.rows ?? []
    let columns = rows.map { field in groups.input.columns.firstIndex { $0.name == field.name } ?? 0 }
    var grouping = Grouping(input: groups.input, key: groups.keyFunction, reducers: [])
    // The functions of all aggregates lie one after the other, whichever generator they belong to.
    var position = operands.position
    for aggregate in code.aggregates {
      func take() -> Value {
        position += 1
        return operands.functions[position - 1]
      }
      let value = aggregate.value.map { ($0, take()) }
      let conditions = aggregate.conditions.map { ($0, take()) }
      var top: (Value, Value)?
      if case .top = aggregate.kind { top = (take(), take()) }
      guard aggregate.generator == index else { continue }
      grouping.reducers.append(
        try reducer(aggregate, value, conditions, top, groups.input, rows, columns))
    }
    if code.generators[index].needsRows {
      grouping.reducers.append(
        Reducer(kind: .rows(columns: columns), conditions: [], column: .rows, location: nil))
    }
    return grouping
  }

  private mutating func reducer(
    _ aggregate: ComprehensionCode.Aggregate, _ value: (ComprehensionCode.Unit, Value)?,
    _ conditions: [(ComprehensionCode.Unit, Value)], _ top: (Value, Value)?, _ input: Relation, _ rows: [Type.Field],
    _ columns: [Int]
  ) throws(Failure) -> Reducer {
    /// Reads a row of the group, of which the static type may know some of the columns only.
    func rowFunction(
      _ function: Value, _ type: Type, _ origin: Int32, _ machine: inout Machine
    ) throws(Failure) -> RowFunction {
      guard case .closure(let closure) = function else { preconditionFailure("the checker admits functions only") }
      let wide = Type.structure(input.columns.map { Type.Field($0.name, $0.kind.type) })
      let callable = RowCallable(
        closure: closure, sources: [RowSource(generator: 0, kind: .element(wide))], origin: origin)
      return try callable.rowFunction(machine.layout(of: type), in: &machine)
    }
    var filters: [RowFunction] = []
    for (unit, function) in conditions { filters.append(try rowFunction(function, .bool, unit.origin, &self)) }
    var measured: RowFunction?
    // What is only counted need not be computed, unless computing it may fail.
    if let (unit, function) = value, aggregate.kind != .count {
      measured = try rowFunction(function, aggregate.valueType, unit.origin, &self)
    }
    let kind: Reducer.Kind
    switch aggregate.kind {
    case .count: kind = .count
    case .sum: kind = .sum(measured!)
    case .average: kind = .average(measured!)
    case .minimum: kind = .minimum(measured!)
    case .maximum: kind = .maximum(measured!)
    case .top:
      guard let (function, count) = top, let wanted = count.integer else {
        preconditionFailure("the checker admits ints only")
      }
      // As `lists.Take`: what is below nothing is nothing.
      let limit = wanted < 0 ? 0 : Int(exactly: wanted) ?? .max
      kind = .top(
        try rowFunction(.closure(closure(of: function)), aggregate.valueType, aggregate.origin, &self), count: limit,
        columns: columns)
    }
    return Reducer(
      kind: kind, conditions: filters, column: aggregate.column,
      location: current.code.module.location(of: aggregate.origin))
  }

  // MARK: Conditions

  private mutating func condition(
    _ code: ComprehensionCode.Condition, _ whole: RowCallable, _ sides: [RowCallable], _ generators: [Generator]
  ) throws(Failure) -> Condition {
    let function = try whole.rowFunction(.scalar(.bool), in: &self)
    var condition = Condition(after: code.after, function: function, equality: nil, window: nil)
    guard sides.count == 2 else { return condition }
    if code.equality != nil, code.type.unlabelled.isGroupKey {
      let (left, right) = try keys(sides[0], sides[1], code.type)
      if !left.canFail, !right.canFail, !left.inputs.isEmpty, !right.inputs.isEmpty {
        condition.equality = Equality(left: left, right: right)
      }
    }
    if let (op, _, _) = code.comparison, ColumnKind(code.type) != nil {
      let plain = layout(of: code.type)
      let left = try sides[0].rowFunction(plain, in: &self)
      let right = try sides[1].rowFunction(plain, in: &self)
      condition.window = window(op, left, right, generators) ?? window(op.mirrored, right, left, generators)
    }
    return condition
  }

  private func window(
    _ op: BinaryOperator, _ column: RowFunction, _ bound: RowFunction, _ generators: [Generator]
  ) -> Window? {
    guard column.selection != nil, let input = column.inputs.first, column.inputs.count == 1,
      !generators[input.generator].isAtMostOneRow, case .table = generators[input.generator].source,
      !bound.inputs.isEmpty, bound.generators.allSatisfy({ generators[$0].isAtMostOneRow }), !bound.canFail
    else { return nil }
    let relation: Window.Relation
    switch op {
    case .less: relation = .less
    case .lessEqual: relation = .lessEqual
    case .greater: relation = .greater
    case .greaterEqual: relation = .greaterEqual
    case .sequence, .or, .and, .notEqual, .equal, .add, .subtract, .multiply, .divide, .remainder, .bitAnd, .shiftLeft,
      .shiftRight:
      return nil
    }
    return Window(column: input, relation: relation, bound: bound)
  }

  /// Warns where every row of one table meets every row of another: rarely meant, and never cheap.
  private mutating func warnOfProducts(_ comprehension: Comprehension) {
    let generators = comprehension.generators
    var parent = Array(generators.indices)
    func root(_ index: Int) -> Int {
      var index = index
      while parent[index] != index { index = parent[index] }
      return index
    }
    func join(_ group: Set<Int>) {
      guard let first = group.min() else { return }
      for other in group { parent[root(other)] = root(first) }
    }
    for (index, generator) in generators.enumerated() {
      if case .list(let function) = generator.source { join(function.generators.union([index])) }
    }
    for condition in comprehension.conditions {
      if let equality = condition.equality { join(equality.left.generators.union(equality.right.generators)) }
    }
    let tables = generators.indices.filter { index in
      if case .list = generators[index].source { return false }
      return !generators[index].isAtMostOneRow
    }
    guard Set(tables.map { root($0) }).count > 1 else { return }
    let warning = Diagnostic(
      EvaluationMessage.tableProduct.id, .warning,
      "every row of one table meets every row of another here: no condition \"x == y\" relates them", at: range)
    if !traces.contains(warning) { traces.append(warning) }
  }
}

extension ComprehensionCode.Aggregate {
  /// The kind of the word that it makes.
  var column: ColumnKind {
    switch kind {
    case .count: .int
    case .average: .float
    case .sum, .minimum, .maximum: ColumnKind(valueType) ?? .int
    case .top: .rows
    }
  }
}

extension ColumnKind {
  fileprivate var type: Type {
    switch self {
    case .int: .int
    case .float: .float
    case .string, .rows: .string
    case .bool: .bool
    }
  }
}

extension BinaryOperator {
  /// The comparison with its sides exchanged.
  fileprivate var mirrored: BinaryOperator {
    switch self {
    case .less: .greater
    case .lessEqual: .greaterEqual
    case .greater: .less
    case .greaterEqual: .lessEqual
    case .sequence, .or, .and, .notEqual, .equal, .add, .subtract, .multiply, .divide, .remainder, .bitAnd, .shiftLeft,
      .shiftRight:
      self
    }
  }
}

extension Comprehension {
  /// Takes down what it says.
  ///
  /// - Parameter withTables: whether the tables that it is made of are part of that.
  func write(to manifest: inout DigestManifest, withTables: Bool = true) {
    manifest.write(.count, generators.count)
    for generator in generators {
      switch generator.source {
      case .table(let relation):
        manifest.write(.name, "table")
        if withTables { manifest.write(.identity, relation.key) }
      case .list(let function):
        manifest.write(.name, "list")
        manifest.write(.identity, function.key)
      case .groups(let grouping):
        manifest.write(.name, "groups")
        if withTables { manifest.write(.identity, grouping.input.key) }
        manifest.write(.identity, grouping.key.key)
        for reducer in grouping.reducers { reducer.write(to: &manifest) }
      }
    }
    for condition in conditions {
      manifest.write(.name, "if")
      manifest.write(.ordinal, condition.after)
      manifest.write(.identity, condition.function.key)
    }
    manifest.write(.name, "head")
    manifest.write(.identity, head.key)
  }
}

extension Reducer {
  fileprivate func write(to manifest: inout DigestManifest) {
    for condition in conditions { manifest.write(.identity, condition.key) }
    func write(_ name: String, _ function: RowFunction?, _ columns: [Int] = []) {
      manifest.write(.name, name)
      if let function { manifest.write(.identity, function.key) }
      for column in columns { manifest.write(.ordinal, column) }
    }
    switch kind {
    case .count: write("count", nil)
    case .sum(let function): write("sum", function)
    case .average(let function): write("average", function)
    case .minimum(let function): write("minimum", function)
    case .maximum(let function): write("maximum", function)
    case .top(let function, let count, let columns):
      write("top", function, columns)
      manifest.write(.count, count)
    case .rows(let columns): write("rows", nil, columns)
    }
  }
}
