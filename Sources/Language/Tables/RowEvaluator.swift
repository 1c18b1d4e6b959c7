import BigInt
import BuildGraph
import Diagnostics

/// Applies row functions. Each thread has one of its own.
package final class RowEvaluator {
  package let strings: any RowStrings
  private var bound: [ObjectIdentifier: BoundRowFunction] = [:]

  package init(strings: any RowStrings) { self.strings = strings }

  /// The function, made ready for this evaluator.
  package func bind(_ function: RowFunction) -> BoundRowFunction {
    if let known = bound[ObjectIdentifier(function)] { return known }
    let made = BoundRowFunction(function, strings)
    bound[ObjectIdentifier(function)] = made
    return made
  }
}

/// A row function with the registers and the machine that it runs on.
package final class BoundRowFunction {
  package let function: RowFunction
  private let strings: any RowStrings
  private var machine: RowMachine?
  // Of the compact program, at fixed places: a copy of its arrays for each row would cost more than the row.
  private let registers: UnsafeMutableBufferPointer<UInt64>
  private let operations: UnsafeMutableBufferPointer<RowProgram.Operation>
  private let outputs: UnsafeMutableBufferPointer<(register: Int, kind: ColumnKind)>
  private let inputCount: Int
  private let hasProgram: Bool

  init(_ function: RowFunction, _ strings: any RowStrings) {
    self.function = function
    self.strings = strings
    let program = function.program
    registers = .allocate(capacity: (program?.registerCount ?? 0) + 1)
    registers.initialize(repeating: 0)
    operations = .allocate(capacity: program?.operations.count ?? 0)
    _ = operations.initialize(from: program?.operations ?? [])
    outputs = .allocate(capacity: program?.outputs.count ?? 0)
    _ = outputs.initialize(from: zip(program?.outputs ?? [], function.outputs).map { ($0, $1) })
    inputCount = function.inputs.count
    hasProgram = program != nil
    if let program {
      for (register, word) in program.constants { registers[register] = word }
      for (register, text) in program.strings { registers[register] = strings.intern(text.bytes) }
    }
  }

  deinit {
    registers.deallocate()
    operations.deallocate()
    outputs.deallocate()
  }

  /// Computes one row.
  ///
  /// - Parameters:
  ///   - input: the words of ``RowFunction/inputs``.
  ///   - output: room for the words of ``RowFunction/outputs``.
  ///   - faults: inputs that have no value, by index, and why; it matters only if the function looks at them.
  /// - Returns: why it has no value for these inputs; nil if it has.
  /// - Complexity: for scalar expressions without calls of functions of the program that recur, O(operations).
  package func apply(
    _ input: UnsafePointer<UInt64>, _ output: UnsafeMutablePointer<UInt64>, faults: [Int: RowError] = [:]
  ) -> RowError? {
    if hasProgram, faults.isEmpty, let base = registers.baseAddress {
      for index in 0..<inputCount { base[index] = input[index] }
      switch RowProgram.run(UnsafeBufferPointer(operations), base, strings) {
      case .done:
        for index in 0..<outputs.count {
          let (register, kind) = outputs[index]
          guard kind == .float else {
            output[index] = base[register]
            continue
          }
          let value = Double(bitPattern: base[register])
          guard value.isFinite else { return error(.notFinite) }
          output[index] = (value == 0 ? 0 : value).bitPattern
        }
        return nil
      case .failed(let index): return function.program?.errors[index]
      case .overflow: break
      }
    }
    switch value(input, faults) {
    case .failure(let error): return error
    case .success(let value):
      var next = 0
      return store(value, function.result, output, &next)
    }
  }

  /// Computes one bool.
  package func test(_ input: UnsafePointer<UInt64>, faults: [Int: RowError] = [:]) -> Result<Bool, RowError> {
    var word: UInt64 = 0
    if let error = apply(input, &word, faults: faults) { return .failure(error) }
    return .success(word != 0)
  }

  /// Computes a list, and calls `body` with the words of each element in turn.
  ///
  /// - Precondition: ``RowFunction/makesList``.
  /// - Returns: why it has no value, or why an element cannot be a row; then `body` may have been called.
  package func expand(
    _ input: UnsafePointer<UInt64>, faults: [Int: RowError] = [:], _ body: (UnsafePointer<UInt64>) -> Void
  ) -> RowError? {
    if hasProgram, faults.isEmpty, expandFields(input, body) { return nil }
    switch value(input, faults) {
    case .failure(let error): return error
    case .success(let value):
      var elements = ContiguousArray<Value>()
      if case .list(let list) = value { elements = list.elements }
      if case .map(let root) = value { MapNode.forEach(in: root) { elements.append(.tuple($0, $1)) } }
      var row = [UInt64](repeating: 0, count: function.outputs.count)
      for element in elements {
        var next = 0
        let error = row.withUnsafeMutableBufferPointer { row -> RowError? in
          guard let base = row.baseAddress else { return nil }
          if let error = store(element, function.result, base, &next) { return error }
          body(base)
          return nil
        }
        if let error { return error }
      }
      return nil
    }
  }

  /// Computes a list that is the words of a text, where that is no text for the general machine.
  private func expandFields(_ input: UnsafePointer<UInt64>, _ body: (UnsafePointer<UInt64>) -> Void) -> Bool {
    guard let base = registers.baseAddress, let text = outputs.first?.register else { return false }
    for index in 0..<inputCount { base[index] = input[index] }
    guard case .done = RowProgram.run(UnsafeBufferPointer(operations), base, strings) else { return false }
    return StringFunctions.forEachField(ofASCII: strings.bytes(base[text])) { field in
      var word = strings.intern(part: field)
      body(&word)
    }
  }

  private func error(_ error: StoringError) -> RowError { RowError(error.id, error.message, at: function.location) }

  // MARK: The general machine

  private func value(_ input: UnsafePointer<UInt64>, _ faults: [Int: RowError]) -> Result<Value, RowError> {
    if machine == nil { machine = RowMachine(function) }
    return machine!.apply(input, faults, strings)
  }

  private func store(
    _ value: Value, _ layout: RowLayout, _ output: UnsafeMutablePointer<UInt64>, _ next: inout Int
  ) -> RowError? {
    switch layout {
    case .scalar(.string), .scalar(.rows):
      guard case .string(let text) = value else { preconditionFailure("the checker admits strings only") }
      output[next] = strings.intern(text.bytes)
      next += 1
    case .scalar:
      switch StoringError.word(value) {
      case .success(let word): output[next] = word
      case .failure(let failure): return error(failure)
      }
      next += 1
    case .record(let fields):
      guard case .record(let record) = value else { preconditionFailure("the checker admits structs only") }
      for (name, layout) in fields {
        guard let field = record[name] else { preconditionFailure("the checker has seen the field") }
        if let error = store(field, layout, output, &next) { return error }
      }
    case .tuple(let parts):
      guard case .tuple(let tuple) = value else { preconditionFailure("the checker admits tuples only") }
      for (part, layout) in zip(tuple.elements, parts) {
        if let error = store(part, layout, output, &next) { return error }
      }
    case .encoded(let type):
      var bytes: [UInt8] = []
      KeyCoding.append(value, type, function.symbols, to: &bytes)
      output[next] = strings.intern(bytes)
      next += 1
    }
    return nil
  }
}

/// Keys that are compared and not stored, as bytes: equal values give equal bytes, others do not.
enum KeyCoding {
  static func append(_ value: Value, _ type: Type, _ symbols: SymbolTable, to bytes: inout [UInt8]) {
    var writer = BinaryWriter()
    write(value, type.unlabelled, symbols, to: &writer)
    bytes += writer.bytes
  }

  private static func write(_ value: Value, _ type: Type, _ symbols: SymbolTable, to writer: inout BinaryWriter) {
    switch value {
    case .int, .big: writer.write(String(value.integer ?? 0))
    case .float(let box):
      let double = box.value.double
      writer.write(double == 0 ? 0 : double)
    case .string(let text): writer.write(text)
    case .bool(let flag): writer.write(flag)
    case .tuple(let tuple):
      for element in tuple.elements { write(element, .top, symbols, to: &writer) }
    case .record(let record):
      // By name, so that the order in which the two sides write their fields does not count.
      var names: [String] = record.shape.names.map { symbols[$0] }
      if case .structure(let fields) = type { names = fields.map(\.name) }
      for name in names.sorted() {
        guard let symbol = symbols.known(name), let field = record[symbol] else { continue }
        write(field, .top, symbols, to: &writer)
      }
    case .unit, .file, .dir, .fileset, .list, .map, .table, .variant, .closure, .native, .delayed, .absent:
      preconditionFailure("the checker admits keys of scalars only")
    }
  }
}

/// The machine of the language, with one function and no graph around it.
private struct RowMachine {
  private var machine: Machine
  private let function: RowFunction

  init(_ function: RowFunction) {
    self.function = function
    machine = Machine(rowsOf: function)
  }

  mutating func apply(
    _ input: UnsafePointer<UInt64>, _ faults: [Int: RowError], _ strings: any RowStrings
  ) -> Result<Value, RowError> {
    var missing: [NodeID: RowError] = [:]
    var arguments = ContiguousArray<Value>()
    for parameter in function.parameters {
      arguments.append(argument(parameter, input, faults, strings, &missing))
    }
    let result = machine.applyToRow(function.closure, arguments)
    defer { machine.forgetRow() }
    switch result {
    case .success(let value): return .success(value)
    case .failure(.diagnostic(let index)):
      let diagnostic = machine.failures[index]
      let place = diagnostic.range.map {
        ProgramLocation(file: $0.file.name, line: $0.start.line, column: $0.start.column)
      }
      return .failure(RowError(diagnostic.id.description, diagnostic.message, at: place))
    case .failure(.reported):
      return .failure(
        missing.values.min()
          ?? RowError("language.step-of-row", "a row expression cannot wait for a step", at: function.location))
    }
  }

  private mutating func argument(
    _ parameter: RowParameter, _ input: UnsafePointer<UInt64>, _ faults: [Int: RowError], _ strings: any RowStrings,
    _ missing: inout [NodeID: RowError]
  ) -> Value {
    switch parameter {
    case .scalar(let kind, let index):
      guard let index else { return .absent }
      if let fault = faults[index] { return machine.poison(fault, &missing) }
      switch kind {
      case .int: return .int(Int(bitPattern: UInt(input[index])))
      case .float: return Value(Floating(Double(bitPattern: input[index])))
      case .bool: return .bool(input[index] != 0)
      case .string, .rows: return .string(ByteString(bytes: Array(strings.bytes(input[index]))))
      }
    case .record(let shape, let parts):
      var values = ContiguousArray<Value>()
      for part in parts { values.append(argument(part, input, faults, strings, &missing)) }
      return .record(Record(shape, values))
    case .tuple(let parts):
      var values = ContiguousArray<Value>()
      for part in parts { values.append(argument(part, input, faults, strings, &missing)) }
      return .tuple(TupleValue(values))
    case .rows(let index, let shape, let kinds):
      guard let index else { return .absent }
      if let fault = faults[index] { return machine.poison(fault, &missing) }
      return .list(RowCoding.records(Array(strings.bytes(input[index])), kinds, shape) ?? [])
    }
  }
}

extension Machine {
  /// A value that fails whoever looks at it.
  fileprivate mutating func poison(_ error: RowError, _ missing: inout [NodeID: RowError]) -> Value {
    let node = add(Node(state: .failed(.reported)))
    missing[node] = error
    return .delayed(node)
  }

  /// Runs a function of rows to its end.
  fileprivate mutating func applyToRow(_ closure: Closure, _ arguments: ContiguousArray<Value>) -> Result<
    Value, Failure
  > {
    let frame = Frame(closure.code.slotCount, parent: closure.frame, graveyard: graveyard)
    for (slot, value) in arguments.enumerated() { frame.slots[slot] = value }
    current = Activation(
      code: closure.code, position: 0, end: -1, frame: frame, height: 0, collectors: 0, requirement: 0)
    do throws(Failure) {
      let value = try run()
      guard !pending(in: value).isEmpty else { return .success(deeplyResolved(value)) }
      let node = add(Node(state: .idle(.force(value))))
      demand(node)
      settleAll()
      switch nodes[Int(node.index)].state {
      case .done(let value): return .success(deeplyResolved(value))
      case .failed(let failure): return .failure(failure)
      case .idle, .waiting, .asked: return .failure(.reported)
      }
    } catch {
      return .failure(error)
    }
  }

  /// Forgets what was computed for a row.
  fileprivate mutating func forgetRow() {
    nodes.removeAll(keepingCapacity: true)
    stack.removeAll(keepingCapacity: true)
    activations.removeAll(keepingCapacity: true)
    collectors.removeAll(keepingCapacity: true)
    failures.removeAll()
    knownFailures.removeAll()
    ready.removeAll(keepingCapacity: true)
    needNodes.removeAll()
    unasked.removeAll()
  }
}
