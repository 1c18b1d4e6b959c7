import BuildGraph

/// A row expression that becomes a function of its own.
struct RowUnit {
  /// The patterns of the parameters that are bound, in order; nil for an aggregate or a row that nothing names.
  var patterns: [PatternID?]
  /// The aggregates in it, by parameter.
  var aggregates: [(expression: ExpressionID, parameter: Int)]
}

/// Tables: their operands, and functions for what is computed row by row.
extension Compiler {
  mutating func relate(_ code: RelationCode, _ origin: Int32) -> Task {
    module.relations.append(code)
    return .emit(.relate(Int32(module.relations.count - 1)), origin: origin)
  }

  mutating func compileTable(_ id: ExpressionID, _ table: Expression.Table) {
    var next: [Task] = [.expression(table.source)]
    var names: [String] = []
    for option in table.options {
      guard let (name, value) = argument(option) else { continue }
      names.append(name)
      next.append(.expression(value))
    }
    let code = RelationCode.SourceCode(
      source: checked.types[Int(table.source.index)], options: names, row: checked.types[Int(id.index)].tableRow)
    next.append(relate(.source(code), id.index))
    schedule(next)
  }

  mutating func compileFixpoint(_ arguments: [ExpressionID], _ origin: Int32) {
    let types = arguments.map { checked.types[Int($0.index)] }
    var parameter = types[0]
    var result = types[0]
    if case .function(let parameters, let made) = types[1] {
      parameter = parameters[0].type
      result = made
    }
    module.relations.append(
      .fixpoint(seed: types[0], parameter: parameter, result: result, hasPriority: arguments.count > 2))
    let code = Int32(module.relations.count - 1)
    let end = newLabel()
    schedule(
      arguments.map { Task.expression($0) } + [
        .emit(.fixpointStart(code, end: Int32(end)), origin: origin), .emit(.call(1), origin: origin),
        .emit(.fixpointEnd(code), origin: origin), .label(end),
      ])
  }

  mutating func compileRelation(_ id: ExpressionID) {
    guard let clauses = checked.tableClauses[id], case .comprehension(let head, _) = tree[id].kind else { return }
    var next: [Task] = clauses.captured.flatMap { [Task.expression($0), .capture($0)] }
    var functions: [Task] = []
    var code = ComprehensionCode(
      head: .init(parameters: [], result: checked.types[Int(head.index)], origin: head.index))
    var functionCount = 0

    func aggregates(in root: ExpressionID) -> [Int] {
      var found: [Int] = []
      var pending = [root]
      while let part = pending.popLast() {
        if let index = clauses.aggregates.firstIndex(where: { $0.expression == part }) {
          found.append(index)
        } else {
          pending += tree.parts(of: part)
        }
      }
      return Set(found).sorted()
    }

    /// A function of the generators that it mentions and the aggregates in it.
    func unit(_ expression: ExpressionID, _ mentions: [Int], body: Task? = nil) -> ComprehensionCode.Unit {
      let found = body == nil ? aggregates(in: expression) : []
      let row = RowUnit(
        patterns: mentions.map { clauses.generators[$0].pattern } + found.map { _ in nil },
        aggregates: found.enumerated().map { (clauses.aggregates[$1].expression, mentions.count + $0) })
      functions += [.beginRow(row), body ?? .expression(expression), .endRow(origin: expression.index)]
      functionCount += 1
      return .init(
        parameters: mentions.map { .generator($0) } + found.map { .aggregate($0) },
        result: checked.types[Int(expression.index)], origin: expression.index)
    }

    for (index, generator) in clauses.generators.enumerated() {
      let type = checked.types[Int(generator.source.index)]
      var made = ComprehensionCode.Generator(
        kind: generator.kind, type: type, element: elementType(type), unit: nil, origin: generator.source.index)
      switch generator.kind {
      case .table, .groups:
        next.append(.expression(generator.source))
        code.tableCount += 1
      case .list: made.unit = unit(generator.source, generator.mentions)
      }
      if generator.kind == .groups { made.needsRows = needsRows(id, index, clauses) }
      code.generators.append(made)
      if generator.isRefutable {
        let always = unit(generator.source, [index], body: .emit(constant(.bool(true)), origin: generator.source.index))
        code.conditions.append(
          .init(after: index + 1, unit: always, type: .bool, origin: generator.source.index))
      }
      for condition in clauses.conditions where condition.after == index + 1 {
        let whole = unit(condition.expression, condition.mentions)
        var made = ComprehensionCode.Condition(
          after: index + 1, unit: whole, type: .bool, origin: condition.expression.index)
        if let sides = condition.sides {
          made.type = checked.types[Int(sides.left.index)]
          let left = unit(sides.left, sides.leftMentions)
          made.equality = (left, unit(sides.right, sides.rightMentions))
        }
        if let sides = condition.comparison, case .binary(let op, _, _) = tree[condition.expression].kind {
          made.type = checked.types[Int(sides.left.index)]
          let left = unit(sides.left, sides.leftMentions)
          made.comparison = (op, left, unit(sides.right, sides.rightMentions))
        }
        code.conditions.append(made)
      }
    }
    code.head = unit(head, clauses.headMentions)
    for aggregate in clauses.aggregates {
      func rowUnit(_ expression: ExpressionID) -> ComprehensionCode.Unit {
        functions += [
          .beginRow(RowUnit(patterns: [aggregate.pattern], aggregates: [])), .expression(expression),
          .endRow(origin: expression.index),
        ]
        functionCount += 1
        return .init(
          parameters: [.row], result: checked.types[Int(expression.index)], origin: expression.index)
      }
      var made = ComprehensionCode.Aggregate(
        generator: aggregate.generator, kind: aggregate.kind, value: nil,
        valueType: checked.types[Int(aggregate.expression.index)], conditions: [], origin: aggregate.expression.index)
      if let value = aggregate.value {
        made.value = rowUnit(value)
        made.valueType = checked.types[Int(value.index)]
      }
      for condition in aggregate.conditions { made.conditions.append(rowUnit(condition)) }
      if case .top(let function, let count) = aggregate.kind {
        functions += [.expression(function), .expression(count)]
        functionCount += 2
        if case .function(_, let key) = checked.types[Int(function.index)] { made.valueType = key }
      }
      code.aggregates.append(made)
    }
    code.functionCount = functionCount
    next += functions
    next.append(relate(.comprehension(code), id.index))
    schedule(next)
  }

  private func elementType(_ type: Type) -> Type {
    switch type.unlabelled {
    case .table(let row): row.unlabelled
    case .list(let element): element.unlabelled
    case .map(let key, let value): .pair(key, value)
    case let other: other
    }
  }

  /// Whether the rows of a group are looked at outside the aggregates. Names are compared as written: one that means
  /// something else costs work and changes nothing.
  private func needsRows(_ id: ExpressionID, _ generator: Int, _ clauses: TableClauses) -> Bool {
    var names: Set<String> = []
    switch tree[clauses.generators[generator].pattern].kind {
    case .identifier(let name): names = [name.text]
    case .structure(let fields):
      // What is named beside the key holds the rows.
      for field in fields where field.name.text == "rows" {
        names.formUnion(field.pattern.map { tree.names(in: $0).map(\.text) } ?? ["rows"])
      }
    case .error, .wildcard, .tuple, .list, .variant, .literal: return false
    }
    var pending = [id]
    while let part = pending.popLast() {
      if clauses.aggregates.contains(where: { $0.expression == part }) { continue }
      if case .member(let base, let field) = tree[part].kind, field.text == "key", case .identifier = tree[base].kind {
        continue
      }
      if case .identifier(let name) = tree[part].kind, names.contains(name.text) { return true }
      if case .structure(let fields) = tree[part].kind,
        fields.contains(where: { $0.value == nil && names.contains($0.name.text) })
      {
        return true
      }
      pending += tree.parts(of: part)
    }
    return false
  }

  mutating func beginRow(_ unit: RowUnit) {
    openUnit(name: names[names.count - 1], parameterCount: unit.patterns.count)
    enterScope()
    for (slot, pattern) in unit.patterns.enumerated() {
      guard let pattern else { continue }
      emit(.local(Int32(slot)), origin: -1 - pattern.index)
      bind(pattern)
    }
    for (expression, parameter) in unit.aggregates {
      substitutions[expression] = Binding(unit: units.count - 1, slot: parameter)
    }
  }
}
