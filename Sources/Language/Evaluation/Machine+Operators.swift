import BigInt
import BuildGraph
import Diagnostics

extension Machine {
  /// Replaces operands by the result of an operation, or puts it off.
  mutating func complete(_ operands: Int, _ progress: Progress) {
    switch progress {
    case .value(let value):
      stack.removeLast(operands)
      stack.append(value)
    case .wait(let nodes): suspend(operands, on: nodes)
    }
  }

  /// The nodes that the top operands themselves wait for, not looking into them.
  mutating func pendingOperands(_ count: Int) -> [NodeID] {
    var pending: [NodeID] = []
    for depth in (0..<count).reversed() { if case .delayed(let id) = operand(depth) { pending.append(id) } }
    return pending
  }

  mutating func unary(_ op: UnaryOperator) {
    switch (op, operand(0)) {
    case (.not, .bool(let value)): complete(1, .value(.bool(!value)))
    case (.negate, .int(let value)) where value != .min: complete(1, .value(.int(-value)))
    case (.negate, .float(let box)): complete(1, .value(Value(box.value.negated)))
    case (_, .delayed(let node)): suspend(1, on: [node])
    case (_, let value):
      guard op == .negate, let integer = value.integer else { preconditionFailure("the checker admits numbers only") }
      complete(1, .value(Value(-integer)))
    }
  }

  mutating func binary(_ op: BinaryOperator, type: Int32) throws(Failure) {
    switch (operand(1), operand(0)) {
    case (.delayed(let a), .delayed(let b)): suspend(2, on: [a, b])
    case (.delayed(let node), _), (_, .delayed(let node)): suspend(2, on: [node])
    case (let a, let b): complete(2, try operate(op, a, b, type))
    }
  }

  private mutating func operate(
    _ op: BinaryOperator, _ a: Value, _ b: Value, _ type: Int32
  ) throws(Failure) -> Progress {
    switch (a, b) {
    case (.int, _), (.big, _):
      do { return .value(try Value.integerOperation(op, a, b)) } catch {
        throw fail(.arithmetic, error.message)
      }
    case (.float(let x), .float(let y)):
      let (x, y) = roundsFloats ? (Floating(x.value.double), Floating(y.value.double)) : (x.value, y.value)
      do { return .value(try Value.floatOperation(op, x, y)) } catch {
        throw fail(.arithmetic, error.message)
      }
    case (.string(let x), .string(let y)):
      if op == .add { try checkLength(x.count + y.count) }
      return .value(Value.stringOperation(op, x, y))
    case (.list(let x), .list(let y)) where op == .add:
      try checkCount(x.count + y.count)
      return .value(.list(x.appending(y)))
    case (.map(let x), .map(let y)) where op == .add: return .value(.map(MapNode.merging(x, y)))
    case (.dir(let x), .dir(let y)) where op == .add: return try sum(of: [x, y])
    case _: return try equality(op, a, b, current.code.module.types[Int(type)])
    }
  }

  /// A program that doubles a string or list again and again gets an error before the machine runs out of memory.
  mutating func checkLength(_ bytes: Int) throws(Failure) {
    guard bytes > limits.stringBytes else { return }
    throw fail(.tooLarge, "a string would have more than \(limits.stringBytes) bytes")
  }

  mutating func checkCount(_ elements: Int) throws(Failure) {
    guard elements > limits.elements else { return }
    throw fail(.tooLarge, "a list would have more than \(limits.elements) elements")
  }

  private mutating func equality(
    _ op: BinaryOperator, _ a: Value, _ b: Value, _ type: Type
  ) throws(Failure) -> Progress {
    switch try equal(a, b, type) {
    case .value(.bool(let equal)): return .value(.bool(equal == (op == .equal)))
    case let progress: return progress
    }
  }

  mutating func sequence(end: Int) throws(Failure) {
    var pending = pending(in: stack[stack.count - 1])
    try requireFiles(in: stack[stack.count - 1], or: &pending)
    if pending.isEmpty { _ = pop() } else { suspend(1, end: end, on: pending) }
  }

  mutating func index() throws(Failure) {
    switch (operand(1), operand(0)) {
    case (.delayed(let a), .delayed(let b)): suspend(2, on: [a, b])
    case (.delayed(let node), _), (_, .delayed(let node)): suspend(2, on: [node])
    case (.list(let list), let key):
      guard case .int(let index) = key, index >= 0, index < list.count else {
        let shown = key.integer.map { String($0) } ?? ""
        throw fail(
          .indexOutOfBounds, "index \(shown) out of bounds for list of size \(list.count)")
      }
      complete(2, .value(list[index]))
    case (.map(let root), let key):
      var pending: [NodeID] = []
      try requireKey(key, or: &pending)
      guard pending.isEmpty else { return suspend(2, on: pending) }
      guard let value = MapNode.lookUp(key, in: root) else {
        throw fail(.keyNotFound, "key \(Printer.key(key)) not found", notes: keyNotes(key, root))
      }
      complete(2, .value(value))
    case _: preconditionFailure("the checker admits lists and maps only")
    }
  }

  mutating func slice(hasLower: Bool, hasUpper: Bool) throws(Failure) {
    let count = 1 + (hasLower ? 1 : 0) + (hasUpper ? 1 : 0)
    let pending = pendingOperands(count)
    guard pending.isEmpty else { return suspend(count, on: pending) }
    guard case .list(let list) = operand(count - 1) else { preconditionFailure("the checker admits lists only") }
    let lower = hasLower ? operand(hasUpper ? 1 : 0) : .int(0)
    let upper = hasUpper ? operand(0) : .int(list.count)
    guard case .int(let from) = lower, case .int(let to) = upper, from >= 0, from <= to, to <= list.count else {
      func text(_ bound: Value) -> String { bound.integer.map { String($0) } ?? "" }
      throw fail(
        .indexOutOfBounds,
        "slice [\(text(lower)):\(text(upper))] out of bounds for list of size \(list.count)")
    }
    complete(count, .value(.list(list.slice(from, to))))
  }

  mutating func member(_ name: Symbol) {
    switch operand(0) {
    case .record(let record):
      guard let value = record[name] else { preconditionFailure("the checker has seen the field") }
      complete(1, .value(value))
    case .delayed(let node): suspend(1, on: [node])
    case .unit, .bool, .int, .big, .float, .string, .file, .dir, .fileset, .list, .map, .tuple, .variant, .table,
      .closure,
      .native, .absent:
      preconditionFailure("the checker admits structures and modules only")
    }
  }

  mutating func toInteger() {
    switch operand(0) {
    case .float(let box): complete(1, .value(.int(box.value.truncated)))
    case .delayed(let node): suspend(1, on: [node])
    case .unit, .bool, .int, .big, .string, .file, .dir, .fileset, .list, .map, .tuple, .record, .variant, .table,
      .closure,
      .native, .absent:
      preconditionFailure("the checker admits floats only")
    }
  }

  mutating func toFloat() {
    switch operand(0) {
    case .int(let word): complete(1, .value(Value(Floating(Double(word)))))
    case .big(let box): complete(1, .value(Value(Floating(Double(box.value)))))
    case .delayed(let node): suspend(1, on: [node])
    case .unit, .bool, .float, .string, .file, .dir, .fileset, .list, .map, .tuple, .record, .variant, .table, .closure,
      .native, .absent:
      preconditionFailure("the checker admits ints only")
    }
  }

  // MARK: Maps

  /// Sees to it that a value can be the key of a map, or be sorted: files' digests must be known.
  mutating func requireKey(_ key: Value, or pending: inout [NodeID]) throws(Failure) {
    if case .file(let file) = key { _ = try artifact(of: file, or: &pending) }
    if case .tuple(let tuple) = key { for element in tuple.elements { try requireKey(element, or: &pending) } }
  }

  mutating func makeMap(pairs count: Int) throws(Failure) {
    var pending: [NodeID] = []
    for pair in 0..<count {
      let key = operand(2 * pair + 1)
      if case .delayed(let node) = key { pending.append(node) } else { try requireKey(key, or: &pending) }
    }
    guard pending.isEmpty else { return suspend(2 * count, on: pending) }
    let operands = pop(2 * count)
    let pairs = (0..<count).map { (key: operands[2 * $0], value: operands[2 * $0 + 1]) }
    stack.append(.map(MapNode.fromPairs(pairs)))
  }

  mutating func mergeUnder() {
    let pending = pendingOperands(2)
    guard pending.isEmpty else { return suspend(2, on: pending) }
    guard case .map(let upper) = operand(1), case .map(let lower) = operand(0) else {
      preconditionFailure("the checker admits maps only")
    }
    complete(2, .value(.map(MapNode.merging(lower, upper))))
  }

  /// The keys that there are in the place of one that there is not.
  private func keyNotes(_ key: Value, _ root: MapNode?) -> [Diagnostic.Note] {
    let pairs = MapNode.pairs(of: root)
    if pairs.isEmpty { return [Diagnostic.Note("the map is empty")] }
    let texts = pairs.prefix(10_000).compactMap { if case .string(let text) = $0.key { text.display } else { nil } }
    if case .string(let text) = key, let meant = Suggestion.nearest(to: text.display, among: texts) {
      return [Diagnostic.Note("did you mean \"\(meant)\"?")]
    }
    let shown = pairs.prefix(6).map { Printer.key($0.key) }.joined(separator: ", ")
    return [Diagnostic.Note("there is \(shown)\(pairs.count > 6 ? " and \(pairs.count - 6) more" : "")")]
  }
}
