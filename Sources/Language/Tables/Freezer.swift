import BuildGraph
import Diagnostics

/// Makes a closure that depends on nothing around it: what its code reads of enclosing frames becomes a constant, in the code
/// of every function that it can reach.
///
/// The result can be run by any machine and thread, and hashed. Only what the code really reads is captured: of a module or
/// struct, the member.
struct Freezer {
  /// What is not known yet.
  private(set) var pending: [NodeID] = []
  /// The first thing in reach that cannot be computed row by row, in the order of the code.
  private(set) var forbidden: SourceRange?
  private(set) var hasForbidden = false

  private let machine: Machine
  private let empty: Frame
  private struct Captured: Hashable {
    var code: ObjectIdentifier
    var frame: ObjectIdentifier
  }
  private var closures: [Captured: Closure] = [:]
  private var modules: [ObjectIdentifier: ModuleCode] = [:]
  private var agenda: [(old: CodeUnit, new: CodeUnit, level: Int, frame: Frame)] = []
  /// Keeps the modules of the copies alive, to which code refers without owning them.
  private(set) var owners: [ModuleCode] = []

  init(_ machine: Machine) {
    self.machine = machine
    empty = Frame(0, parent: nil, graveyard: Graveyard())
  }

  /// - Returns: the closure; of use only if then nothing is pending and nothing forbidden.
  mutating func freeze(_ closure: Closure) -> Closure {
    let result = copy(closure)
    while let (old, new, level, frame) = agenda.popLast() { rewrite(old, into: new, level: level, frame: frame) }
    return Closure(result.code, empty, owners: owners)
  }

  private mutating func copy(_ closure: Closure) -> Closure {
    let identity = Captured(code: ObjectIdentifier(closure.code), frame: ObjectIdentifier(closure.frame))
    if let known = closures[identity] { return known }
    let unit = copy(closure.code, level: 0, frame: closure.frame).unit
    let result = Closure(unit, empty)
    closures[identity] = result
    return result
  }

  private mutating func copy(_ unit: CodeUnit, level: Int, frame: Frame) -> (unit: CodeUnit, index: Int) {
    let module = module(for: unit.module)
    let copy = CodeUnit(name: unit.name, module: module)
    copy.slotCount = unit.slotCount
    copy.parameterCount = unit.parameterCount
    copy.isFunction = unit.isFunction
    copy.names = unit.names
    copy.origins = unit.origins
    module.units.append(copy)
    agenda.append((unit, copy, level, frame))
    return (copy, module.units.count - 1)
  }

  private mutating func module(for old: ModuleCode) -> ModuleCode {
    if let known = modules[ObjectIdentifier(old)] { return known }
    let module = ModuleCode(checked: old.checked)
    module.constants = old.constants
    module.shapes = old.shapes
    module.types = old.types
    module.matchers = old.matchers
    module.selections = old.selections
    // The first is the module's own, which no row expression runs.
    module.units = [CodeUnit(name: "", module: module)]
    modules[ObjectIdentifier(old)] = module
    owners.append(module)
    return module
  }

  private mutating func rewrite(_ old: CodeUnit, into new: CodeUnit, level: Int, frame: Frame) {
    var instructions = old.instructions
    let targets = old.targets
    var position = 0
    while position < instructions.count {
      let instruction = instructions[position]
      switch instruction {
      case .outer(let depth, let slot) where Int(depth) > level:
        var outer = frame
        for _ in 0..<(Int(depth) - level - 1) {
          guard let parent = outer.parent else { preconditionFailure("a variable lies in an enclosing unit") }
          outer = parent
        }
        var end = position + 1
        var value = machine.resolved(outer.slots[Int(slot)])
        while end < instructions.count, !targets.contains(end), case .member(let name) = instructions[end],
          case .record(let record) = value
        {
          guard let field = record[name] else { break }
          value = machine.resolved(field)
          end += 1
        }
        instructions[position] = constant(freeze(value), in: new.module)
        if end > position + 1 { instructions[position + 1] = .jump(Int32(end)) }
        position = end
        continue
      case .constant(let index):
        switch new.module.constants[Int(index)] {
        case .native(let function): if function.isBeyondRows { forbid(old, position) }
        case .float(let box):
          instructions[position] = constant(Value(Floating(box.value.double)), in: new.module)
        case .unit, .bool, .int, .big, .string, .file, .dir, .fileset, .list, .map, .tuple, .record, .table, .variant,
          .closure, .delayed, .absent:
          break
        }
      case .closure(let unit):
        let index = copy(old.module.units[Int(unit)], level: level + 1, frame: frame).index
        instructions[position] = .closure(unit: Int32(index))
      case .iterateNext(let unit, let end):
        let index = copy(old.module.units[Int(unit)], level: level + 1, frame: frame).index
        instructions[position] = .iterateNext(unit: Int32(index), end: end)
      // Both are identities here: nothing waits in a row expression, and nobody could follow what it prints.
      case .builtin(.delay, arguments: _, type: _), .builtin(.trace, arguments: _, type: _):
        instructions[position] = .jump(Int32(position + 1))
      case .builtin(let builtin, arguments: _, type: _): if builtin.isOfTables { forbid(old, position) }
      case .system(let function, arguments: _, type: _): if function.isDelayed { forbid(old, position) }
      case .exec, .make, .relate, .fixpointStart, .fixpointEnd: forbid(old, position)
      case .local, .outer, .store, .bind, .jump, .branch, .select, .unary, .binary, .sequence, .index, .slice, .member,
        .toInteger, .toFloat, .tuple, .record, .list, .map, .mergeUnder, .variant, .call, .foldStart, .reduceStart,
        .foldNext, .foldStep, .sortStart, .sortNext, .sortStep, .sortFinish, .collect, .iterate, .filter, .yield,
        .endIteration, .collected, .parameter, .missingParameter, .enterRequirements, .leaveRequirements, .endModule,
        .return:
        break
      }
      position += 1
    }
    new.instructions = instructions
  }

  private mutating func forbid(_ unit: CodeUnit, _ position: Int) {
    hasForbidden = true
    if forbidden == nil { forbidden = unit.range(at: position) }
  }

  private func constant(_ value: Value, in module: ModuleCode) -> Instruction {
    module.constants.append(value)
    return .constant(Int32(module.constants.count - 1))
  }

  /// A captured value with everything in it known.
  private mutating func freeze(_ value: Value) -> Value {
    switch machine.resolved(value) {
    case .delayed(let node):
      pending.append(node)
      return .absent
    case .closure(let closure): return .closure(copy(closure))
    case .float(let box): return Value(Floating(box.value.double))
    case .list(let list):
      var elements = ContiguousArray<Value>()
      elements.reserveCapacity(list.count)
      for index in 0..<list.count { elements.append(freeze(list[index])) }
      return .list(List(frozen: elements))
    case .map(let root):
      var pairs: [MapNode.Pair] = []
      MapNode.forEach(in: root) { pairs.append(($0, $1)) }
      return .map(MapNode.fromPairs(pairs.map { ($0.key, freeze($0.value)) }))
    case .tuple(let tuple):
      var elements = ContiguousArray<Value>()
      for element in tuple.elements { elements.append(freeze(element)) }
      return .tuple(TupleValue(elements))
    case .record(let record):
      var values = ContiguousArray<Value>()
      for element in record.values { values.append(freeze(element)) }
      return .record(Record(record.shape, values))
    case .variant(let variant):
      return .variant(VariantValue(variant.tag, variant.element.map { freeze($0) }))
    case .native(let function):
      if function.isBeyondRows { hasForbidden = true }
      return .native(function)
    case let known: return known
    }
  }
}

extension NativeFunction {
  /// Whether it makes or asks for something that only the evaluation as a whole can.
  fileprivate var isBeyondRows: Bool {
    switch self {
    case .file, .dir: true
    case .system(let function): function.isDelayed
    }
  }
}

extension CodeUnit {
  /// The positions that are jumped to.
  fileprivate var targets: Set<Int> {
    var targets: Set<Int> = []
    for instruction in instructions {
      _ = instruction.mapTargets { target in
        targets.insert(Int(target))
        return target
      }
      guard case .select(let table) = instruction else { continue }
      let selection = module.selections[Int(table)]
      targets.formUnion(selection.cases.map(\.target))
      targets.insert(selection.end)
    }
    return targets
  }
}
