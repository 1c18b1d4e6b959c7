import Diagnostics

/// Entering functions and modules.
extension Machine {
  /// - Returns: whether another unit is running now.
  mutating func call(_ count: Int) throws(Failure) -> Bool {
    switch operand(count) {
    case .closure(let closure):
      let frame = Frame(closure.code.slotCount, parent: closure.frame, graveyard: graveyard)
      let first = stack.count - count
      for index in 0..<count { frame.slots[index] = stack[first + index] }
      stack.removeLast(count + 1)
      try enter(closure.code, frame)
      return true
    case .native(let function):
      let arguments = pop(count)
      stack[stack.count - 1] = .native(function)
      stack.append(contentsOf: arguments)
      try perform(function, count)
      return false
    case .delayed(let node):
      suspend(count + 1, on: [node])
      return false
    case .unit, .bool, .int, .big, .float, .string, .file, .dir, .fileset, .list, .map, .tuple, .record, .variant,
      .table, .absent:
      preconditionFailure("the checker admits calls of functions only")
    }
  }

  mutating func enter(_ code: CodeUnit, _ frame: Frame) throws(Failure) {
    guard activations.count < limits.depth else {
      throw fail(
        .recursionTooDeep, "more than \(limits.depth) calls within calls",
        notes: [Diagnostic.Note("a recursive function needs a case that does not call it")])
    }
    activations.append(current)
    current = Activation(
      code: code, position: 0, end: -1, frame: frame, height: stack.count, collectors: collectors.count,
      requirement: current.requirement)
  }

  mutating func make(_ make: ModuleCode.MakeCode) throws(Failure) -> Bool {
    let arguments = pop(make.arguments.count)
    switch make.target {
    case .system(let module):
      stack.append(.record(record(of: module)))
      return false
    case .module(let checked):
      let code = moduleCode(checked)
      let prefix = current.frame.modulePrefix + (make.name.isEmpty ? "" : make.name + ".")
      let frame = Frame(code.main.slotCount, parent: nil, graveyard: graveyard, prefix: prefix)
      for (name, value) in zip(make.arguments, arguments) {
        guard let slot = checked.params.firstIndex(where: { $0.name == name }) else { continue }
        frame.slots[slot] = value
      }
      try enter(code.main, frame)
      return true
    }
  }

  private mutating func moduleCode(_ checked: CheckedModule) -> ModuleCode {
    if let code = modules[ObjectIdentifier(checked)] { return code }
    let code = Compiler.compile(checked, symbols: &symbols)
    modules[ObjectIdentifier(checked)] = code
    return code
  }

  private mutating func record(of module: SystemModule) -> Record {
    if let record = systemModules[module.name] { return record }
    let shape = Shape(module.functions.map { symbols.symbol($0.name) })
    let record = Record(shape, ContiguousArray(module.functions.map { .native(.system($0)) }))
    systemModules[module.name] = record
    return record
  }
}
