import BuildGraph

/// Makes a ``RowProgram`` of frozen code, by running the code on names of registers instead of values.
///
/// Where code does what has no compact form (lists, maps, variants, calls that recur, …) there is no program, and the general machine
/// runs it. So this knows the common, simple expressions, and need not know more.
struct RowProgramBuilder {
  /// A value that is not known, but where it will be.
  indirect enum Symbolic {
    case register(ColumnKind, Int)
    /// Known already: a constant of the code.
    case constant(Value)
    case record([(name: Symbol, value: Symbolic)])
    case tuple([Symbolic])
    /// The words of the text in a register, as a list.
    case fields(Int)
  }

  /// The code has no compact form.
  struct Unsupported: Error {}

  private static let operationLimit = 400
  private static let callLimit = 8

  private var program = RowProgram()
  private var known: [Constant: Int] = [:]
  private var calls = 0

  private enum Constant: Hashable {
    case word(UInt64)
    case string(ByteString)
  }

  /// The program, and which of the inputs it reads.
  struct Result {
    var program: RowProgram
    var used: [Int]
  }

  /// - Parameters:
  ///   - parameters: with registers below `inputs` for the words that there may be.
  ///   - inputs: how many these are.
  /// - Returns: nil where there is no compact form.
  static func build(
    _ closure: Closure, _ parameters: [Symbolic], inputs: Int, result: RowLayout
  ) -> Result? {
    var builder = RowProgramBuilder()
    builder.program.registerCount = inputs
    do throws(Unsupported) {
      let value = try builder.call(closure.code, parameters)
      try builder.store(value, result)
    } catch {
      return nil
    }
    return builder.compacted(inputs)
  }

  /// The same of code that makes the list of a text's words and nothing else.
  static func buildFields(_ closure: Closure, _ parameters: [Symbolic], inputs: Int) -> Result? {
    var builder = RowProgramBuilder()
    builder.program.registerCount = inputs
    guard case .fields(let text)? = try? builder.call(closure.code, parameters) else { return nil }
    builder.program.outputs = [text]
    builder.program.makesFields = true
    return builder.compacted(inputs)
  }

  /// Leaves out the inputs that nothing reads.
  private consuming func compacted(_ inputs: Int) -> Result {
    var isUsed = [Bool](repeating: false, count: inputs)
    func use(_ register: Int32) { if Int(register) < inputs { isUsed[Int(register)] = true } }
    for operation in program.operations {
      switch operation.code {
      case .jump: continue
      case .jumpUnless, .move, .negateInt, .negateFloat, .not, .length, .intToFloat, .floatToInt: use(operation.a)
      case .addInt, .subtractInt, .multiplyInt, .divideInt, .remainderInt, .addFloat, .subtractFloat, .multiplyFloat,
        .divideFloat, .equalWord, .unequalWord, .lessInt, .lessEqualInt, .equalFloat, .unequalFloat, .lessFloat,
        .lessEqualFloat, .equalString, .unequalString, .lessString, .lessEqualString, .concatenate, .hasPrefix,
        .hasSuffix, .contains:
        use(operation.a)
        use(operation.b)
      }
    }
    for output in program.outputs { use(Int32(output)) }
    let used = (0..<inputs).filter { isUsed[$0] }
    var place = [Int](repeating: 0, count: program.registerCount)
    for (index, old) in used.enumerated() { place[old] = index }
    for old in inputs..<max(inputs, program.registerCount) { place[old] = old - inputs + used.count }
    for index in program.operations.indices {
      let code = program.operations[index].code
      program.operations[index].a = Int32(place[Int(program.operations[index].a)])
      program.operations[index].b = Int32(place[Int(program.operations[index].b)])
      if code != .jump, code != .jumpUnless {
        program.operations[index].c = Int32(place[Int(program.operations[index].c)])
      }
    }
    for index in program.constants.indices {
      program.constants[index].register = place[program.constants[index].register]
    }
    for index in program.strings.indices { program.strings[index].register = place[program.strings[index].register] }
    program.outputs = program.outputs.map { place[$0] }
    program.registerCount = program.registerCount - inputs + used.count
    return Result(program: program, used: used)
  }

  // MARK: Registers

  private mutating func newRegister() -> Int {
    program.registerCount += 1
    return program.registerCount - 1
  }

  private mutating func emit(_ operation: RowProgram.Operation) throws(Unsupported) {
    guard program.operations.count < Self.operationLimit else { throw Unsupported() }
    program.operations.append(operation)
  }

  private mutating func compute(
    _ code: RowProgram.Code, _ kind: ColumnKind, _ a: Int, _ b: Int = 0, error: Int = -1
  ) throws(Unsupported) -> Symbolic {
    let register = newRegister()
    try emit(.init(code: code, a: Int32(a), b: Int32(b), c: Int32(register), d: Int32(error)))
    return .register(kind, register)
  }

  /// The register of a scalar.
  private mutating func register(_ value: Symbolic) throws(Unsupported) -> (kind: ColumnKind, register: Int) {
    switch value {
    case .register(let kind, let register): return (kind, register)
    case .constant(let constant): return try self.constant(constant)
    case .record, .tuple, .fields: throw Unsupported()
    }
  }

  private mutating func constant(_ value: Value) throws(Unsupported) -> (kind: ColumnKind, register: Int) {
    switch value {
    case .int(let word): return (.int, constant(word: UInt64(bitPattern: Int64(word))))
    case .float(let box): return (.float, constant(word: box.value.double.bitPattern))
    case .bool(let flag): return (.bool, constant(word: flag ? 1 : 0))
    case .string(let text):
      if let register = known[.string(text)] { return (.string, register) }
      let register = newRegister()
      program.strings.append((register, text))
      known[.string(text)] = register
      return (.string, register)
    case .unit, .big, .file, .dir, .fileset, .list, .map, .tuple, .record, .table, .variant, .closure, .native,
      .delayed, .absent:
      throw Unsupported()
    }
  }

  private mutating func constant(word: UInt64) -> Int {
    if let register = known[.word(word)] { return register }
    let register = newRegister()
    program.constants.append((register, word))
    known[.word(word)] = register
    return register
  }

  private mutating func error(_ id: EvaluationMessage, _ message: String, _ unit: CodeUnit, _ position: Int) -> Int {
    program.canFail = true
    program.errors.append(
      RowError(id.rawValue, message, at: unit.module.location(of: unit.origins[position])))
    return program.errors.count - 1
  }

  private mutating func store(_ value: Symbolic, _ layout: RowLayout) throws(Unsupported) {
    switch layout {
    case .scalar(let kind):
      let (found, register) = try register(value)
      guard found == kind else { throw Unsupported() }
      program.outputs.append(register)
    case .record(let fields):
      for (name, layout) in fields { try store(try member(name, of: value), layout) }
    case .tuple(let parts):
      for (index, layout) in parts.enumerated() { try store(try element(index, of: value), layout) }
    case .encoded: throw Unsupported()
    }
  }

  private func member(_ name: Symbol, of value: Symbolic) throws(Unsupported) -> Symbolic {
    switch value {
    case .record(let fields):
      guard let field = fields.last(where: { $0.name == name }) else { throw Unsupported() }
      return field.value
    case .constant(.record(let record)):
      guard let field = record[name] else { throw Unsupported() }
      return .constant(field)
    case .constant, .register, .tuple, .fields: throw Unsupported()
    }
  }

  private func element(_ index: Int, of value: Symbolic) throws(Unsupported) -> Symbolic {
    switch value {
    case .tuple(let elements): return elements[index]
    case .constant(.tuple(let tuple)): return .constant(tuple.elements[index])
    case .constant, .register, .record, .fields: throw Unsupported()
    }
  }

  // MARK: Code

  /// The variables and operands of a unit that is being run.
  private struct Run {
    let unit: CodeUnit
    var slots: [Symbolic?]
    var stack: [Symbolic] = []
  }

  private mutating func call(_ unit: CodeUnit, _ arguments: [Symbolic]) throws(Unsupported) -> Symbolic {
    guard calls < Self.callLimit else { throw Unsupported() }
    calls += 1
    defer { calls -= 1 }
    var run = Run(unit: unit, slots: Array(repeating: nil, count: unit.slotCount))
    for (slot, argument) in arguments.enumerated() { run.slots[slot] = argument }
    try perform(&run, from: 0, to: unit.instructions.count)
    guard let result = run.stack.last else { throw Unsupported() }
    return result
  }

  /// Runs the code between two positions, which leave it by its end only.
  private mutating func perform(_ run: inout Run, from start: Int, to end: Int) throws(Unsupported) {
    var position = start
    while position < end {
      let instruction = run.unit.instructions[position]
      position += 1
      switch instruction {
      case .constant(let index): run.stack.append(.constant(run.unit.module.constants[Int(index)]))
      case .local(let slot):
        guard let value = run.slots[Int(slot)] else { throw Unsupported() }
        run.stack.append(value)
      case .store(let slot): run.slots[Int(slot)] = run.stack.removeLast()
      case .bind(let matcher):
        try bind(run.stack.removeLast(), run.unit.module.matchers[Int(matcher)], &run)
      case .jump(let target): position = Int(target)
      case .branch(let otherwise, let join):
        try branch(&run, position, otherwise: Int(otherwise), join: Int(join))
        position = Int(join)
      case .unary(let op): run.stack.append(try unary(op, run.stack.removeLast()))
      case .binary(let op, type: _):
        let right = run.stack.removeLast()
        let left = run.stack.removeLast()
        run.stack.append(try binary(op, left, right, run.unit, position - 1))
      case .member(let name): run.stack.append(try member(name, of: run.stack.removeLast()))
      case .toFloat:
        let (kind, register) = try register(run.stack.removeLast())
        guard kind == .int else { throw Unsupported() }
        run.stack.append(try compute(.intToFloat, .float, register))
      case .toInteger:
        let (kind, register) = try register(run.stack.removeLast())
        guard kind == .float else { throw Unsupported() }
        run.stack.append(try compute(.floatToInt, .int, register))
      case .tuple(let count):
        let elements = Array(run.stack.suffix(Int(count)))
        run.stack.removeLast(Int(count))
        run.stack.append(.tuple(elements))
      case .record(let shape):
        let names = run.unit.module.shapes[Int(shape)].names
        let values = Array(run.stack.suffix(names.count))
        run.stack.removeLast(names.count)
        run.stack.append(.record(zip(names, values).map { ($0, $1) }))
      case .call(let count):
        let arguments = Array(run.stack.suffix(Int(count)))
        run.stack.removeLast(Int(count))
        guard case .constant(.closure(let closure))? = run.stack.popLast() else { throw Unsupported() }
        run.stack.append(try call(closure.code, arguments))
      case .builtin(.len, arguments: _, type: _):
        let (kind, register) = try register(run.stack.removeLast())
        guard kind == .string else { throw Unsupported() }
        run.stack.append(try compute(.length, .int, register))
      case .system(.stringsFields, arguments: 1, type: _):
        let (kind, register) = try register(run.stack.removeLast())
        guard kind == .string else { throw Unsupported() }
        run.stack.append(.fields(register))
      case .system(let function, arguments: 2, type: _):
        let right = try register(run.stack.removeLast())
        let left = try register(run.stack.removeLast())
        run.stack.append(try system(function, left.register, right.register))
      case .return: return
      case .outer, .select, .sequence, .index, .slice, .list, .map, .mergeUnder, .variant, .closure, .builtin, .system,
        .foldStart, .reduceStart, .foldNext, .foldStep, .sortStart, .sortNext, .sortStep, .sortFinish, .collect,
        .iterate, .iterateNext, .filter, .yield, .endIteration, .collected, .exec, .make, .relate, .fixpointStart,
        .fixpointEnd, .parameter, .missingParameter, .enterRequirements, .leaveRequirements, .endModule:
        throw Unsupported()
      }
    }
  }

  private mutating func system(_ function: SystemFunction, _ a: Int, _ b: Int) throws(Unsupported) -> Symbolic {
    if function == .stringsHasPrefix { return try compute(.hasPrefix, .bool, a, b) }
    if function == .stringsHasSuffix { return try compute(.hasSuffix, .bool, a, b) }
    if function == .stringsContains { return try compute(.contains, .bool, a, b) }
    throw Unsupported()
  }

  private mutating func bind(_ value: Symbolic, _ matcher: Matcher, _ run: inout Run) throws(Unsupported) {
    var rest = [(value, 0)]
    while let (value, node) = rest.popLast() {
      switch matcher.nodes[node] {
      case .wildcard: continue
      case .bind(let slot): run.slots[slot] = value
      case .tuple(let parts):
        for (index, part) in parts.enumerated() { rest.append((try element(index, of: value), part)) }
      case .record(let fields): for (name, part) in fields { rest.append((try member(name, of: value), part)) }
      case .list, .variant, .literal: throw Unsupported()
      }
    }
  }

  // MARK: Branches

  private mutating func branch(_ run: inout Run, _ position: Int, otherwise: Int, join: Int) throws(Unsupported) {
    let condition = run.stack.removeLast()
    // The branch that is taken ends with a jump over the other one.
    if case .constant(.bool(let flag)) = condition {
      return try perform(&run, from: flag ? position : otherwise, to: flag ? otherwise - 1 : join)
    }
    let (kind, register) = try register(condition)
    guard kind == .bool else { throw Unsupported() }
    let fork = program.operations.count
    try emit(.init(code: .jumpUnless, a: Int32(register)))
    var other = run
    try perform(&run, from: position, to: otherwise - 1)
    guard let then = run.stack.popLast() else { throw Unsupported() }
    let result = try place(for: then)
    try move(then, to: result)
    let exit = program.operations.count
    try emit(.init(code: .jump))
    program.operations[fork].c = Int32(program.operations.count)
    try perform(&other, from: otherwise, to: join)
    guard let alternative = other.stack.popLast() else { throw Unsupported() }
    try move(alternative, to: result)
    program.operations[exit].c = Int32(program.operations.count)
    run.stack.append(result)
  }

  /// New registers for a value of the same form.
  private mutating func place(for value: Symbolic) throws(Unsupported) -> Symbolic {
    switch value {
    case .register(let kind, _): return .register(kind, newRegister())
    case .constant(.record(let record)):
      var fields: [(name: Symbol, value: Symbolic)] = []
      for (name, value) in zip(record.shape.names, record.values) {
        fields.append((name, try place(for: .constant(value))))
      }
      return .record(fields)
    case .constant(.tuple(let tuple)):
      var parts: [Symbolic] = []
      for element in tuple.elements { parts.append(try place(for: .constant(element))) }
      return .tuple(parts)
    case .constant(let constant): return .register(try self.constant(constant).kind, newRegister())
    case .record(let fields):
      var places: [(name: Symbol, value: Symbolic)] = []
      for (name, value) in fields { places.append((name, try place(for: value))) }
      return .record(places)
    case .tuple(let elements):
      var places: [Symbolic] = []
      for element in elements { places.append(try place(for: element)) }
      return .tuple(places)
    case .fields: throw Unsupported()
    }
  }

  private mutating func move(_ value: Symbolic, to place: Symbolic) throws(Unsupported) {
    switch place {
    case .register(let kind, let target):
      let (found, source) = try register(value)
      guard found == kind else { throw Unsupported() }
      try emit(.init(code: .move, a: Int32(source), c: Int32(target)))
    case .record(let fields): for (name, target) in fields { try move(try member(name, of: value), to: target) }
    case .tuple(let parts):
      for (index, target) in parts.enumerated() { try move(try element(index, of: value), to: target) }
    case .constant, .fields: throw Unsupported()
    }
  }

  // MARK: Operators

  private mutating func unary(_ op: UnaryOperator, _ operand: Symbolic) throws(Unsupported) -> Symbolic {
    let (kind, register) = try register(operand)
    switch (op, kind) {
    case (.not, .bool): return try compute(.not, .bool, register)
    case (.negate, .int): return try compute(.negateInt, .int, register)
    case (.negate, .float): return try compute(.negateFloat, .float, register)
    case (.not, _), (.negate, _): throw Unsupported()
    }
  }

  private mutating func binary(
    _ op: BinaryOperator, _ left: Symbolic, _ right: Symbolic, _ unit: CodeUnit, _ position: Int
  ) throws(Unsupported) -> Symbolic {
    let (kind, a) = try register(left)
    let (other, b) = try register(right)
    guard kind == other else { throw Unsupported() }
    func notANumber(_ builder: inout Self) -> Int {
      builder.error(.arithmetic, ArithmeticError.notANumber.message, unit, position)
    }
    func byZero(_ builder: inout Self) -> Int {
      builder.error(.arithmetic, ArithmeticError.divisionByZero.message, unit, position)
    }
    switch (op, kind) {
    case (.add, .int): return try compute(.addInt, .int, a, b)
    case (.subtract, .int): return try compute(.subtractInt, .int, a, b)
    case (.multiply, .int): return try compute(.multiplyInt, .int, a, b)
    case (.divide, .int): return try compute(.divideInt, .int, a, b, error: byZero(&self))
    case (.remainder, .int): return try compute(.remainderInt, .int, a, b, error: byZero(&self))
    case (.add, .float): return try compute(.addFloat, .float, a, b, error: notANumber(&self))
    case (.subtract, .float): return try compute(.subtractFloat, .float, a, b, error: notANumber(&self))
    case (.multiply, .float): return try compute(.multiplyFloat, .float, a, b, error: notANumber(&self))
    case (.divide, .float): return try compute(.divideFloat, .float, a, b, error: notANumber(&self))
    case (.add, .string): return try compute(.concatenate, .string, a, b)
    case (.equal, .float): return try compute(.equalFloat, .bool, a, b)
    case (.notEqual, .float): return try compute(.unequalFloat, .bool, a, b)
    case (.equal, .string): return try compute(.equalString, .bool, a, b)
    case (.notEqual, .string): return try compute(.unequalString, .bool, a, b)
    case (.equal, .int), (.equal, .bool): return try compute(.equalWord, .bool, a, b)
    case (.notEqual, .int), (.notEqual, .bool): return try compute(.unequalWord, .bool, a, b)
    case (.less, .int): return try compute(.lessInt, .bool, a, b)
    case (.lessEqual, .int): return try compute(.lessEqualInt, .bool, a, b)
    case (.greater, .int): return try compute(.lessInt, .bool, b, a)
    case (.greaterEqual, .int): return try compute(.lessEqualInt, .bool, b, a)
    case (.less, .float): return try compute(.lessFloat, .bool, a, b)
    case (.lessEqual, .float): return try compute(.lessEqualFloat, .bool, a, b)
    case (.greater, .float): return try compute(.lessFloat, .bool, b, a)
    case (.greaterEqual, .float): return try compute(.lessEqualFloat, .bool, b, a)
    case (.less, .string): return try compute(.lessString, .bool, a, b)
    case (.lessEqual, .string): return try compute(.lessEqualString, .bool, a, b)
    case (.greater, .string): return try compute(.lessString, .bool, b, a)
    case (.greaterEqual, .string): return try compute(.lessEqualString, .bool, b, a)
    case (.sequence, _), (.or, _), (.and, _), (.bitAnd, _), (.shiftLeft, _), (.shiftRight, _), (.add, _),
      (.subtract, _), (.multiply, _), (.divide, _), (.remainder, _), (.equal, _), (.notEqual, _), (.less, _),
      (.lessEqual, _), (.greater, _), (.greaterEqual, _):
      throw Unsupported()
    }
  }
}
