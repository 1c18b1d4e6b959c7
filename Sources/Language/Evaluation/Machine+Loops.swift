import BuildGraph

/// Folds, comprehensions, and sorting by a function of the program: loops whose state lies on the stack.
extension Machine {
  // MARK: Folds

  /// Stack: function, list, start value.
  mutating func foldStart(end: Int) {
    var pending: [NodeID] = []
    for depth in [2, 1] { if case .delayed(let node) = operand(depth) { pending.append(node) } }
    guard pending.isEmpty else { return suspend(3, end: end, on: pending) }
    stack.append(.int(0))
  }

  /// Stack: function, list.
  mutating func reduceStart(end: Int) throws(Failure) {
    let pending = pendingOperands(2)
    guard pending.isEmpty else { return suspend(2, end: end, on: pending) }
    guard case .list(let list) = operand(0) else { preconditionFailure("the checker admits lists only") }
    guard list.count > 0 else { throw fail(.emptyList, "cannot reduce empty list") }
    stack.append(list[0])
    stack.append(.int(1))
  }

  /// Stack: function, list, accumulator, position.
  mutating func foldNext(end: Int) {
    let top = stack.count - 1
    guard case .int(let position) = stack[top], case .list(let list) = stack[top - 2] else {
      preconditionFailure("a fold has a position and a list")
    }
    if position == list.count {
      let accumulator = stack[top - 1]
      stack.removeLast(3)
      stack[top - 3] = accumulator
      current.position = end
      return
    }
    stack[top] = .int(position + 1)
    let accumulator = stack[top - 1]
    // The accumulator moves into the call, so that nobody else holds it there.
    stack[top - 1] = .unit
    stack.append(stack[top - 3])
    stack.append(accumulator)
    stack.append(list[position])
  }

  mutating func foldStep(start: Int) {
    let result = pop()
    stack[stack.count - 2] = result
    current.position = start
  }

  // MARK: Sorting by a function

  /// Stack: list, function.
  mutating func sortStart(end: Int) {
    let pending = pendingOperands(2)
    guard pending.isEmpty else { return suspend(2, end: end, on: pending) }
    stack.append(.list([]))
    stack.append(.int(0))
  }

  /// Stack: list, function, keys, position.
  mutating func sortNext(finish: Int) {
    let top = stack.count - 1
    guard case .int(let position) = stack[top], case .list(let list) = stack[top - 3] else {
      preconditionFailure("a sort has a position and a list")
    }
    guard position < list.count else {
      current.position = finish
      return
    }
    stack.append(stack[top - 2])
    stack.append(list[position])
  }

  mutating func sortStep(start: Int) {
    let key = pop()
    let top = stack.count - 1
    guard case .int(let position) = stack[top], case .list(let keys) = stack[top - 1] else {
      preconditionFailure("a sort has a position and keys")
    }
    stack[top - 1] = .list(keys.appending(List([key])))
    stack[top] = .int(position + 1)
    current.position = start
  }

  /// Sorts when the keys are known; equal keys keep their order.
  mutating func sortFinish() {
    let pending = pending(in: stack[stack.count - 2])
    guard pending.isEmpty else { return suspend(4, on: pending) }
    guard case .list(let keys) = deeplyResolved(stack[stack.count - 2]), case .list(let list) = stack[stack.count - 4]
    else { preconditionFailure("a sort has keys and a list") }
    let order = (0..<list.count).sorted {
      let order = Value.compareKeys(keys[$0], keys[$1])
      return order != 0 ? order < 0 : $0 < $1
    }
    complete(4, .value(.list(ContiguousArray(order.map { list[$0] }))))
  }

  // MARK: Comprehensions

  /// Stack: the source of a clause.
  mutating func iterate(end: Int) throws(Failure) {
    switch operand(0) {
    case .list: break
    case .map(let root): stack[stack.count - 1] = Self.pairs(of: root)
    case .dir(let dir):
      var pending: [NodeID] = []
      guard let content = try content(of: dir, or: &pending) else {
        return suspend(1, end: end, on: pending, collects: true)
      }
      stack[stack.count - 1] = Self.pairs(of: content)
    case .delayed(let node): return suspend(1, end: end, on: [node], collects: true)
    case .unit, .bool, .int, .big, .float, .string, .file, .fileset, .tuple, .record, .variant, .table, .closure,
      .native,
      .absent:
      preconditionFailure("the checker admits lists, maps and dirs only")
    }
    stack.append(.int(0))
  }

  /// The list of a map's pairs, ascending by key.
  static func pairs(of root: MapNode?) -> Value {
    var pairs = ContiguousArray<Value>()
    pairs.reserveCapacity(MapNode.count(root))
    MapNode.forEach(in: root) { pairs.append(.tuple($0, $1)) }
    return .list(pairs)
  }

  /// Stack: list, position.
  ///
  /// - Returns: whether the clause's unit is running now.
  mutating func iterateNext(unit: Int, end: Int) throws(Failure) -> Bool {
    let top = stack.count - 1
    guard case .int(let position) = stack[top], case .list(let list) = stack[top - 1] else {
      preconditionFailure("a loop has a position and a list")
    }
    guard position < list.count else {
      stack.removeLast(2)
      current.position = end
      return false
    }
    stack[top] = .int(position + 1)
    let code = current.code.module.units[unit]
    let frame = Frame(code.slotCount, parent: current.frame, graveyard: graveyard)
    frame.slots[0] = list[position]
    // Comes back to this instruction for the next element.
    current.position -= 1
    try enter(code, frame)
    return true
  }

  mutating func filter(end: Int) {
    switch operand(0) {
    case .bool(let condition):
      _ = pop()
      if !condition { current.position = end }
    case .delayed(let node): suspend(1, end: end, on: [node], collects: true)
    case .unit, .int, .big, .float, .string, .file, .dir, .fileset, .list, .map, .tuple, .record, .variant, .table,
      .closure,
      .native, .absent:
      preconditionFailure("the checker admits bools only")
    }
  }
}
