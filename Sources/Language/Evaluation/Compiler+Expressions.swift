import BigInt
import BuildGraph
import Diagnostics

extension Compiler {
  /// Emits what can be emitted at once, and schedules the rest.
  mutating func compile(_ id: ExpressionID) {
    let origin = id.index
    if let known = substitutions[id] { return emit(load(known), origin: origin) }
    switch tree[id].kind {
    case .error: emit(constant(.unit), origin: origin)
    case .integer(let value): emit(constant(Value(value)), origin: origin)
    case .float(let text):
      guard let value = Floating(literal: text) else { preconditionFailure("the lexer admits numbers only") }
      emit(constant(Value(value)), origin: origin)
    case .string(let text): emit(constant(.string(text)), origin: origin)
    case .bool(let value): emit(constant(.bool(value)), origin: origin)
    case .identifier(let name): emit(loadIdentifier(id, name.text), origin: origin)
    case .parenthesized(let inner): schedule([.expression(inner)])
    case .unary(let op, let operand): schedule([.expression(operand), .emit(.unary(op), origin: origin)])
    case .binary(let op, let left, let right): compileBinary(op, left, right, origin)
    case .conditional(let condition, let then, let otherwise):
      let elseLabel = newLabel()
      let end = newLabel()
      schedule([
        .expression(condition),
        .emit(.branch(otherwise: Int32(elseLabel), end: Int32(end)), origin: condition.index), .expression(then),
        .emit(.jump(Int32(end)), origin: origin), .label(elseLabel), .expression(otherwise), .label(end),
      ])
    case .switch(let scrutinee, let cases): compileSwitch(scrutinee, cases, origin)
    case .index(let base, let key):
      schedule([.expression(base), .expression(key), .emit(.index, origin: origin)])
    case .slice(let base, let lower, let upper):
      let bounds = [lower, upper].compactMap { $0 }.map { Task.expression($0) }
      schedule(
        [.expression(base)] + bounds + [.emit(.slice(hasLower: lower != nil, hasUpper: upper != nil), origin: origin)])
    case .call(let callee, let arguments): compileCall(callee, arguments, origin)
    case .member(let base, let name):
      if case .system(let function)? = checked.resolutions[id] {
        emit(constant(.native(.system(function))), origin: origin)
      } else {
        schedule([.expression(base), .emit(.member(symbols.symbol(name.text)), origin: origin)])
      }
    case .tuple(let elements):
      schedule(elements.map { .expression($0) } + [.emit(.tuple(Int32(elements.count)), origin: origin)])
    case .function(let function): schedule(functionTasks(function, name: names[names.count - 1], origin: origin))
    case .exec(let exec): compileExec(id, exec)
    case .make(path: _, let arguments): compileMake(id, arguments)
    case .block(let declarations, let value):
      schedule([.enterScope] + declarations.map { .declaration($0) } + [.expression(value), .leaveScope])
    case .structure(let fields): compileStructure(fields, origin)
    case .list(let elements, let spreads):
      var next: [Task] = elements.map { .expression($0) }
      next.append(.emit(.list(Int32(elements.count)), origin: origin))
      for spread in spreads {
        next += [.expression(spread), .emit(.binary(.add, type: -1), origin: spread.index)]
      }
      schedule(next)
    case .map(let pairs, let spreads):
      var next: [Task] = pairs.flatMap { [.expression($0.key), .expression($0.value)] }
      next.append(.emit(.map(Int32(pairs.count)), origin: origin))
      for spread in spreads { next += [.expression(spread), .emit(.mergeUnder, origin: spread.index)] }
      schedule(next)
    case .table(let table): compileTable(id, table)
    case .comprehension where checked.tableClauses[id] != nil: compileRelation(id)
    case .comprehension(let element, let clauses):
      schedule([
        .emit(.collect, origin: origin), .clauses(element, clauses, from: 0), .emit(.collected, origin: origin),
      ])
    case .variant(let tag, let element):
      let instruction = Instruction.variant(symbols.symbol(tag.text), hasElement: element != nil)
      schedule((element.map { [.expression($0)] } ?? []) + [.emit(instruction, origin: origin)])
    case .toInteger(let operand): schedule([.expression(operand), .emit(.toInteger, origin: origin)])
    case .toFloat(let operand): schedule([.expression(operand), .emit(.toFloat, origin: origin)])
    }
  }

  private mutating func loadIdentifier(_ id: ExpressionID, _ name: String) -> Instruction {
    switch checked.resolutions[id] {
    case .prelude(let name): prelude(name)
    case .recursive(let declaration): loadRecursive(declaration, name)
    case .system(let function): constant(.native(.system(function)))
    case .variable, .builtin, .output, nil: loadName(name)
    }
  }

  private mutating func compileBinary(
    _ op: BinaryOperator, _ left: ExpressionID, _ right: ExpressionID, _ origin: Int32
  ) {
    switch op {
    case .and, .or:
      let elseLabel = newLabel()
      let end = newLabel()
      let decided = Task.emit(constant(.bool(op == .or)), origin: origin)
      let rest = Task.expression(right)
      schedule([
        .expression(left), .emit(.branch(otherwise: Int32(elseLabel), end: Int32(end)), origin: left.index),
        op == .or ? decided : rest, .emit(.jump(Int32(end)), origin: origin), .label(elseLabel),
        op == .or ? rest : decided, .label(end),
      ])
    case .sequence:
      let end = newLabel()
      schedule([
        .expression(left), .emit(.sequence(end: Int32(end)), origin: left.index), .expression(right), .label(end),
      ])
    case .equal, .notEqual:
      schedule([
        .expression(left), .expression(right),
        .emit(.binary(op, type: type(checked.types[Int(left.index)])), origin: origin),
      ])
    case .add where checked.types[Int(left.index)].isTable:
      schedule([
        .expression(left), .expression(right),
        relate(.union(checked.types[Int(left.index)], checked.types[Int(right.index)]), origin),
      ])
    case .less, .greater, .lessEqual, .greaterEqual, .add, .subtract, .multiply, .divide, .remainder, .bitAnd,
      .shiftLeft, .shiftRight:
      schedule([.expression(left), .expression(right), .emit(.binary(op, type: -1), origin: origin)])
    }
  }

  private mutating func compileSwitch(_ scrutinee: ExpressionID, _ cases: [Expression.Case], _ origin: Int32) {
    let end = newLabel()
    let selection = module.selections.count
    module.selections.append(ModuleCode.Selection(cases: [], end: end))
    units[units.count - 1].selections.append(selection)
    var next: [Task] = [
      .expression(scrutinee), .emit(.select(table: Int32(selection)), origin: scrutinee.index),
    ]
    for one in cases {
      next += [
        .enterScope, .selectCase(selection: selection, one.pattern, label: newLabel()), .expression(one.body),
        .leaveScope, .emit(.jump(Int32(end)), origin: origin),
      ]
    }
    next.append(.label(end))
    schedule(next)
  }

  private mutating func compileCall(_ callee: ExpressionID, _ arguments: [ExpressionID], _ origin: Int32) {
    let operands = arguments.map { Task.expression($0) }
    let first = arguments.first.map { checked.types[Int($0.index)] } ?? .unit
    var inner = callee
    while case .parenthesized(let next) = tree[inner].kind { inner = next }
    switch checked.resolutions[inner] {
    case .builtin(.fold): schedule(operands + loopTasks({ .foldStart(end: $0) }, with: origin))
    case .builtin(.reduce): schedule(operands + loopTasks({ .reduceStart(end: $0) }, with: origin))
    case .builtin(.fixpoint): compileFixpoint(arguments, origin)
    case .builtin(let builtin) where builtin.isOfTables:
      let types = arguments.map { checked.types[Int($0.index)] }
      schedule(operands + [relate(.operation(builtin, types), origin)])
    case .builtin(let builtin):
      let count = Int32(arguments.count)
      schedule(operands + [.emit(.builtin(builtin, arguments: count, type: type(first)), origin: origin)])
    case .system(.listsSortBy):
      let start = newLabel()
      let finish = newLabel()
      let end = newLabel()
      schedule(
        operands + [
          .emit(.sortStart(end: Int32(end)), origin: origin), .label(start),
          .emit(.sortNext(finish: Int32(finish)), origin: origin), .emit(.call(1), origin: origin),
          .emit(.sortStep(Int32(start)), origin: origin), .label(finish), .emit(.sortFinish, origin: origin),
          .label(end),
        ])
    case .system(let function):
      let count = Int32(arguments.count)
      schedule(operands + [.emit(.system(function, arguments: count, type: type(first)), origin: origin)])
    case .variable, .prelude, .output, .recursive, nil:
      schedule([.expression(callee)] + operands + [.emit(.call(Int32(arguments.count)), origin: origin)])
    }
  }

  private mutating func loopTasks(_ begin: (Int32) -> Instruction, with origin: Int32) -> [Task] {
    let start = newLabel()
    let end = newLabel()
    return [
      .emit(begin(Int32(end)), origin: origin), .label(start), .emit(.foldNext(end: Int32(end)), origin: origin),
      .emit(.call(2), origin: origin), .emit(.foldStep(Int32(start)), origin: origin), .label(end),
    ]
  }

  private mutating func compileStructure(_ fields: [Expression.Field], _ origin: Int32) {
    var next: [Task] = []
    for field in fields {
      if let value = field.value {
        next.append(.expression(value))
      } else {
        next.append(.emit(loadName(field.name.text), origin: origin))
      }
    }
    module.shapes.append(Shape(fields.map { symbols.symbol($0.name.text) }))
    next.append(.emit(.record(shape: Int32(module.shapes.count - 1)), origin: origin))
    schedule(next)
  }

  /// The loop over a clause's source; what follows the clause is a unit of its own, so that each element has its own
  /// variables.
  mutating func compileClauses(_ element: ExpressionID, _ clauses: [Expression.Clause], from first: Int) {
    guard first < clauses.count else {
      return schedule([.expression(element), .emit(.yield, origin: element.index)])
    }
    guard case .enumeration(let pattern, let source) = clauses[first] else { return }
    let end = newLabel()
    let next = newLabel()
    schedule([
      .expression(source), .emit(.iterate(end: Int32(end)), origin: source.index), .label(next),
      .loop(element, clauses, pattern, from: first + 1),
      .emit(.iterateNext(unit: -1, end: Int32(end)), origin: source.index), .label(end),
    ])
  }

  mutating func beginLoop(
    _ element: ExpressionID, _ clauses: [Expression.Clause], _ pattern: PatternID, from first: Int
  ) {
    openUnit(name: names[names.count - 1], parameterCount: 1)
    enterScope()
    let end = newLabel()
    var next: [Task] = [.emit(.local(0), origin: -1 - pattern.index), .bindPattern(pattern)]
    var position = first
    while position < clauses.count, case .filter(let condition) = clauses[position] {
      next += [.expression(condition), .emit(.filter(end: Int32(end)), origin: condition.index)]
      position += 1
    }
    next += [.clauses(element, clauses, from: position), .endLoop(end: end)]
    schedule(next)
  }

  private mutating func compileMake(_ id: ExpressionID, _ arguments: [DeclarationID]) {
    guard let target = checked.imports[id] else { return emit(constant(.unit), origin: id.index) }
    var next: [Task] = []
    var given: [String] = []
    for argument in arguments {
      guard let (name, value) = self.argument(argument) else { continue }
      given.append(name)
      next.append(.expression(value))
    }
    module.makes.append(ModuleCode.MakeCode(target: target, arguments: given, name: names[names.count - 1]))
    next.append(.emit(.make(Int32(module.makes.count - 1)), origin: id.index))
    schedule(next)
  }

  /// `name := value`, or the shorthand `name`.
  func argument(_ id: DeclarationID) -> (name: String, value: ExpressionID)? {
    guard case .value(let pattern, type: _, let value, form: _) = tree[id].kind,
      case .identifier(let name) = tree[pattern].kind
    else { return nil }
    return (name.text, value)
  }

  private mutating func compileExec(_ id: ExpressionID, _ exec: Expression.Exec) {
    var next: [Task] = []
    var arguments: [String] = []
    for argument in exec.arguments {
      guard let (name, value) = self.argument(argument) else { continue }
      arguments.append(name)
      next.append(.expression(value))
    }
    var outputs = declaredOutputs(id, exec)
    var parts: [ModuleCode.ExecCode.Part] = []
    var operands = arguments.count
    for part in exec.template {
      switch part {
      case .text(let text): parts.append(.text(text))
      case .interpolation(let value):
        if case .output(let index)? = checked.resolutions[value], outputs.indices.contains(index) {
          outputs[index].isMentioned = true
          parts.append(.output(index))
        } else {
          parts.append(.value(operands))
          operands += 1
          next.append(.expression(value))
        }
      }
    }
    module.execs.append(
      ModuleCode.ExecCode(
        arguments: arguments, parts: parts, operandCount: operands, outputs: outputs, name: names[names.count - 1],
        location: module.location(of: id.index)))
    next.append(.emit(.exec(Int32(module.execs.count - 1)), origin: id.index))
    schedule(next)
  }

  private func declaredOutputs(_ id: ExpressionID, _ exec: Expression.Exec) -> [Exec.Output] {
    func kind(_ type: Type) -> ArtifactKind { type.unlabelled == .dir ? .folder : .file }
    let type = checked.types[Int(id.index)]
    if case .tuple(let elements) = type {
      return elements.enumerated().map { position, element in
        Exec.Output(label: element.label ?? "out\(position)", kind: kind(element.type), isMentioned: false)
      }
    }
    var label = "out"
    if case .tuple(let written) = tree[exec.outputs].kind, let name = written.first?.name { label = name.text }
    return [Exec.Output(label: label, kind: kind(type), isMentioned: false)]
  }

  // MARK: Patterns

  /// Flattens a pattern and gives its names slots.
  mutating func matcher(for root: PatternID) -> Int {
    var matcher = Matcher(nodes: [], origins: [])
    var rest: [(pattern: PatternID, node: Int)] = []
    func reserve(_ pattern: PatternID) -> Int {
      matcher.nodes.append(.wildcard)
      matcher.origins.append(-1 - pattern.index)
      rest.append((pattern, matcher.nodes.count - 1))
      return matcher.nodes.count - 1
    }
    _ = reserve(root)
    while let (pattern, node) = rest.popLast() {
      switch tree[pattern].kind {
      case .error, .wildcard: continue
      case .identifier(let name):
        matcher.nodes[node] = .bind(slot: bindNew(name.text))
      case .tuple(let elements): matcher.nodes[node] = .tuple(elements.map { reserve($0) })
      case .list(let elements, let tail):
        let nodes = elements.map { reserve($0) }
        switch tail {
        case .none: matcher.nodes[node] = .list(nodes, tail: .none)
        case .anything: matcher.nodes[node] = .list(nodes, tail: .anything)
        case .pattern(let pattern): matcher.nodes[node] = .list(nodes, tail: .node(reserve(pattern)))
        }
      case .structure(let fields):
        var nodes: [(name: Symbol, node: Int)] = []
        for field in fields {
          let symbol = symbols.symbol(field.name.text)
          if let pattern = field.pattern {
            nodes.append((symbol, reserve(pattern)))
          } else {
            matcher.nodes.append(.bind(slot: bindNew(field.name.text)))
            matcher.origins.append(-1 - pattern.index)
            nodes.append((symbol, matcher.nodes.count - 1))
          }
        }
        matcher.nodes[node] = .record(nodes)
      case .variant(let tag, let element):
        matcher.nodes[node] = .variant(symbols.symbol(tag.text), element.map { reserve($0) })
      case .literal(let expression): matcher.nodes[node] = .literal(literal(expression))
      }
    }
    module.matchers.append(matcher)
    return module.matchers.count - 1
  }

  private mutating func bindNew(_ name: String) -> Int {
    let slot = newSlot()
    bindName(name, slot: slot)
    return slot
  }

  /// The value of a literal pattern: a literal, perhaps in parentheses or negated.
  private func literal(_ id: ExpressionID) -> Value {
    var expression = id
    var isNegative = false
    while true {
      switch tree[expression].kind {
      case .parenthesized(let inner): expression = inner
      case .unary(.negate, let inner):
        isNegative.toggle()
        expression = inner
      case .integer(let value): return Value(isNegative ? -value : value)
      case .float(let text):
        let value = Floating(literal: text) ?? Floating(0)
        return Value(isNegative ? value.negated : value)
      case .string(let text): return .string(text)
      case .bool(let value): return .bool(value)
      case .error, .identifier, .unary, .binary, .conditional, .switch, .index, .slice, .call, .member, .tuple,
        .function, .exec, .make, .block, .structure, .list, .map, .comprehension, .table, .variant, .toInteger,
        .toFloat:
        return .unit
      }
    }
  }
}

extension Instruction {
  /// The instruction with every target replaced.
  func mapTargets(_ at: (Int32) -> Int32) -> Instruction {
    switch self {
    case .jump(let target): .jump(at(target))
    case .branch(let otherwise, let end): .branch(otherwise: at(otherwise), end: at(end))
    case .sequence(let end): .sequence(end: at(end))
    case .foldStart(let end): .foldStart(end: at(end))
    case .reduceStart(let end): .reduceStart(end: at(end))
    case .foldNext(let end): .foldNext(end: at(end))
    case .foldStep(let start): .foldStep(at(start))
    case .sortStart(let end): .sortStart(end: at(end))
    case .sortNext(let finish): .sortNext(finish: at(finish))
    case .sortStep(let start): .sortStep(at(start))
    case .iterate(let end): .iterate(end: at(end))
    case .iterateNext(let unit, let end): .iterateNext(unit: unit, end: at(end))
    case .filter(let end): .filter(end: at(end))
    case .parameter(let position, let given): .parameter(position, given: at(given))
    case .fixpointStart(let code, let end): .fixpointStart(code, end: at(end))
    case .constant, .local, .outer, .store, .bind, .select, .unary, .binary, .index, .slice, .member, .toInteger,
      .toFloat, .tuple, .record, .list, .map, .mergeUnder, .variant, .closure, .call, .builtin, .system, .sortFinish,
      .collect, .yield, .endIteration, .collected, .relate, .fixpointEnd, .exec, .make, .missingParameter,
      .enterRequirements,
      .leaveRequirements, .endModule, .return:
      self
    }
  }
}
