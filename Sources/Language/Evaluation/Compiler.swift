import BigInt
import BuildGraph
import Diagnostics

/// Turns a checked module into code.
///
/// Works through a list of tasks instead of recursing, because programs may be nested and chained more deeply than a stack
/// allows. Variables become slots here; nothing is looked up by name when the code runs.
///
/// - Complexity: O(size of the tree).
struct Compiler {
  enum Task {
    case expression(ExpressionID)
    case emit(Instruction, origin: Int32)
    case label(Int)
    case enterScope
    case leaveScope
    case declaration(DeclarationID)
    case bindPattern(PatternID)
    /// Binds a name to a slot that is reserved already.
    case bindName(String, slot: Int)
    case name(String)
    case selectCase(selection: Int, PatternID, label: Int)
    case clauses(ExpressionID, [Expression.Clause], from: Int)
    case loop(ExpressionID, [Expression.Clause], PatternID, from: Int)
    case beginFunction(Expression.Function, name: String)
    case endFunction(origin: Int32)
    case endLoop(end: Int)
    case beginRow(RowUnit)
    case endRow(origin: Int32)
    /// Keeps the top value in a variable, for an expression inside a row expression.
    case capture(ExpressionID)
    case endDeclaration(start: Int, slot: Int)
    case endParameters
    case endModule
  }

  /// A unit that is being compiled.
  struct OpenUnit {
    var code: CodeUnit
    var labels: [Int] = []
    var selections: [Int] = []
  }

  struct Binding {
    var unit: Int
    var slot: Int
  }

  let checked: CheckedModule
  let module: ModuleCode
  /// Expressions whose value lies in a variable already.
  var substitutions: [ExpressionID: Binding] = [:]
  var symbols: SymbolTable
  var tasks: [Task] = []
  var units: [OpenUnit] = []
  /// What each name means here, the last first.
  private var bindings: [String: [Binding]] = [:]
  /// The names bound in each open scope.
  private var scopes: [[String]] = [[]]
  private var recursive: [DeclarationID: Binding] = [:]
  /// What is being declared, innermost last.
  var names: [String] = [""]

  static func compile(_ checked: CheckedModule, symbols: inout SymbolTable) -> ModuleCode {
    var compiler = Compiler(checked: checked, symbols: symbols)
    compiler.compileModule()
    symbols = compiler.symbols
    return compiler.module
  }

  private init(checked: CheckedModule, symbols: SymbolTable) {
    self.checked = checked
    self.symbols = symbols
    module = ModuleCode(checked: checked)
  }

  var tree: SyntaxTree { checked.tree }

  // MARK: Tasks

  /// Adds tasks that are to be done next, in this order.
  mutating func schedule(_ next: [Task]) { tasks.append(contentsOf: next.reversed()) }

  private mutating func compileModule() {
    openUnit(name: "", parameterCount: checked.params.count)
    var next: [Task] = []
    for (position, param) in checked.params.enumerated() {
      guard case .param(let name, type: _, let initial) = tree[param.declaration].kind else { continue }
      let given = newLabel()
      next.append(.emit(.parameter(Int32(position), given: Int32(given)), origin: initial?.index ?? 0))
      if let initial {
        next += [.name(name.text), .expression(initial), .emit(.store(Int32(position)), origin: initial.index)]
      } else {
        next.append(.emit(.missingParameter(Int32(position)), origin: 0))
      }
      next += [.label(given), .bindName(name.text, slot: position)]
    }
    next.append(.endParameters)
    next += tree.module.declarations.map { .declaration($0) }
    next.append(.endModule)
    schedule(next)
    while let task = tasks.popLast() { perform(task) }
  }

  private mutating func perform(_ task: Task) {
    switch task {
    case .expression(let id): compile(id)
    case .emit(let instruction, let origin): emit(instruction, origin: origin)
    case .label(let label): units[units.count - 1].labels[label] = position
    case .enterScope: scopes.append([])
    case .leaveScope: leaveScope()
    case .declaration(let id): declare(id)
    case .bindPattern(let id): bind(id)
    case .bindName(let name, let slot): bindName(name, slot: slot)
    case .name(let name): setName(name)
    case .selectCase(let selection, let pattern, let label):
      units[units.count - 1].labels[label] = position
      module.selections[selection].cases.append((matcher: matcher(for: pattern), target: label))
    case .clauses(let element, let clauses, let first): compileClauses(element, clauses, from: first)
    case .loop(let element, let clauses, let pattern, let first): beginLoop(element, clauses, pattern, from: first)
    case .beginFunction(let function, let name):
      openUnit(name: name, parameterCount: function.parameters.count)
      units[units.count - 1].code.isFunction = true
      enterScope()
      for (slot, parameter) in function.parameters.enumerated() {
        if let name = parameter.name { bindName(name.text, slot: slot) }
      }
    case .endFunction(let origin):
      emit(.return, origin: origin)
      leaveScope()
      let unit = closeUnit()
      emit(.closure(unit: unit), origin: origin)
    case .endLoop(let end):
      units[units.count - 1].labels[end] = position
      emit(.endIteration, origin: 0)
      leaveScope()
      let unit = closeUnit()
      // The instruction that runs the unit comes next; its number is known only now.
      guard case .emit(.iterateNext(unit: _, let exit), let origin)? = tasks.popLast() else {
        preconditionFailure("a loop's unit is closed before the instruction that runs it")
      }
      emit(.iterateNext(unit: unit, end: exit), origin: origin)
    case .beginRow(let unit): beginRow(unit)
    case .endRow(let origin):
      emit(.return, origin: origin)
      leaveScope()
      let unit = closeUnit()
      emit(.closure(unit: unit), origin: origin)
    case .capture(let id):
      let slot = newSlot()
      emit(.store(Int32(slot)), origin: id.index)
      substitutions[id] = Binding(unit: units.count - 1, slot: slot)
    case .endDeclaration(let start, let slot):
      let unit = units[units.count - 1].code
      unit.declarations.append(.init(range: start..<position, slots: slot..<unit.slotCount))
    case .endParameters: setName("")
    case .endModule:
      let exported = checked.exports.compactMap { field in
        bindings[field.name]?.last.map { (name: symbols.symbol(field.name), slot: $0.slot) }
      }
      module.exports = (Shape(exported.map(\.name)), exported.map(\.slot))
      emit(.endModule, origin: 0)
      _ = closeUnit()
    }
  }

  // MARK: Units

  var position: Int { units[units.count - 1].code.instructions.count }

  mutating func openUnit(name: String, parameterCount: Int) {
    let unit = CodeUnit(name: name, module: module)
    unit.parameterCount = parameterCount
    unit.slotCount = parameterCount
    // A module's own unit is the first; it is closed last.
    if units.isEmpty { module.units.append(unit) }
    units.append(OpenUnit(code: unit))
    names.append(name)
  }

  /// Puts positions in the place of labels.
  mutating func closeUnit() -> Int32 {
    let open = units.removeLast()
    names.removeLast()
    let labels = open.labels
    func at(_ label: Int32) -> Int32 { Int32(labels[Int(label)]) }
    for (index, instruction) in open.code.instructions.enumerated() {
      open.code.instructions[index] = instruction.mapTargets(at)
    }
    for selection in open.selections {
      module.selections[selection].end = labels[module.selections[selection].end]
      for index in module.selections[selection].cases.indices {
        module.selections[selection].cases[index].target = labels[module.selections[selection].cases[index].target]
      }
    }
    guard !units.isEmpty else { return 0 }
    module.units.append(open.code)
    return Int32(module.units.count - 1)
  }

  mutating func newLabel() -> Int {
    units[units.count - 1].labels.append(-1)
    return units[units.count - 1].labels.count - 1
  }

  func newSlot() -> Int {
    let unit = units[units.count - 1].code
    unit.slotCount += 1
    return unit.slotCount - 1
  }

  func emit(_ instruction: Instruction, origin: Int32) {
    let unit = units[units.count - 1].code
    unit.instructions.append(instruction)
    unit.origins.append(origin)
  }

  mutating func constant(_ value: Value) -> Instruction {
    module.constants.append(value)
    return .constant(Int32(module.constants.count - 1))
  }

  mutating func type(_ type: Type) -> Int32 {
    module.types.append(type)
    return Int32(module.types.count - 1)
  }

  mutating func setName(_ name: String) {
    names[names.count - 1] = name
    units[units.count - 1].code.names.append((position, name))
  }

  // MARK: Scopes

  mutating func enterScope() { scopes.append([]) }

  mutating func leaveScope() {
    for name in scopes.removeLast() { bindings[name]?.removeLast() }
  }

  mutating func bindName(_ name: String, slot: Int) {
    bindings[name, default: []].append(Binding(unit: units.count - 1, slot: slot))
    scopes[scopes.count - 1].append(name)
  }

  func load(_ binding: Binding) -> Instruction {
    let depth = units.count - 1 - binding.unit
    return depth == 0 ? .local(Int32(binding.slot)) : .outer(depth: Int32(depth), slot: Int32(binding.slot))
  }

  mutating func loadName(_ name: String) -> Instruction {
    if let binding = bindings[name]?.last { return load(binding) }
    return prelude(name)
  }

  mutating func prelude(_ name: String) -> Instruction {
    switch name {
    case "file": constant(.native(.file))
    case "dir": constant(.native(.dir))
    case "KiB": constant(.int(1 << 10))
    case "MiB": constant(.int(1 << 20))
    case "GiB": constant(.int(1 << 30))
    case "TiB": constant(.int(1 << 40))
    case _: preconditionFailure("the checker has resolved every name")
    }
  }

  mutating func loadRecursive(_ declaration: DeclarationID, _ name: String) -> Instruction {
    recursive[declaration].map { load($0) } ?? loadName(name)
  }

  // MARK: Declarations

  private mutating func declare(_ id: DeclarationID) {
    let declaration = tree[id]
    let outer = names[names.count - 1]
    var next: [Task] = []
    let isTopLevel = units.count == 1 && scopes.count == 1
    let start = position
    let slot = units[units.count - 1].code.slotCount
    switch declaration.kind {
    case .error, .type, .param: return
    case .function(let name, let function):
      let binding = Binding(unit: units.count - 1, slot: newSlot())
      recursive[id] = binding
      next = [.name(name.text)]
      next += functionTasks(function, name: name.text, origin: function.body.index)
      next += [
        .emit(.store(Int32(binding.slot)), origin: function.body.index), .bindName(name.text, slot: binding.slot),
      ]
    case .value(let pattern, type: _, let value, form: _):
      if let name = firstName(of: pattern) { next.append(.name(name)) }
      for requirement in declaration.requires {
        var arguments: [String] = []
        for argument in requirement {
          guard case .value(let pattern, type: _, let value, form: _) = tree[argument].kind,
            case .identifier(let name) = tree[pattern].kind
          else { continue }
          arguments.append(name.text)
          next.append(.expression(value))
        }
        module.requirements.append(arguments)
        next.append(.emit(.enterRequirements(Int32(module.requirements.count - 1)), origin: value.index))
      }
      next.append(.expression(value))
      for _ in declaration.requires { next.append(.emit(.leaveRequirements, origin: value.index)) }
      next.append(.bindPattern(pattern))
    }
    next.append(.name(outer))
    if isTopLevel { next.append(.endDeclaration(start: start, slot: slot)) }
    schedule(next)
  }

  /// The name that steps in the value of a pattern go by.
  private func firstName(of pattern: PatternID) -> String? {
    if case .identifier(let name) = tree[pattern].kind { return name.text }
    // For a tuple or structure: its first name, which is better than none. Patterns are small.
    var rest = [pattern]
    while let next = rest.popLast() {
      switch tree[next].kind {
      case .identifier(let name): return name.text
      case .tuple(let elements): rest += elements.reversed()
      case .list(let elements, tail: _): rest += elements.reversed()
      case .structure(let fields): return fields.first?.name.text
      case .variant(tag: _, let element): if let element { rest.append(element) }
      case .error, .wildcard, .literal: continue
      }
    }
    return nil
  }

  mutating func functionTasks(_ function: Expression.Function, name: String, origin: Int32) -> [Task] {
    [.beginFunction(function, name: name), .expression(function.body), .endFunction(origin: origin)]
  }

  mutating func bind(_ pattern: PatternID) {
    if case .identifier(let name) = tree[pattern].kind {
      let slot = newSlot()
      emit(.store(Int32(slot)), origin: -1 - pattern.index)
      bindName(name.text, slot: slot)
      return
    }
    let matcher = matcher(for: pattern)
    emit(.bind(matcher: Int32(matcher)), origin: -1 - pattern.index)
  }
}
