import BuildGraph
import Diagnostics

/// The graph of delayed values: nodes that wait for each other and are run when what they wait for is done.
extension Machine {
  mutating func add(_ node: Node) -> NodeID {
    nodes.append(node)
    return NodeID(index: Int32(nodes.count - 1))
  }

  /// The value, if it is delayed and its node is done that node's.
  func resolved(_ value: Value) -> Value {
    guard case .delayed(let id) = value, case .done(let known) = nodes[Int(id.index)].state else { return value }
    return known
  }

  /// A node that is done when the caller has answered.
  mutating func node(for need: Need) -> NodeID {
    if let node = needNodes[need] { return node }
    let node = add(Node(state: .idle(.need(need))))
    needNodes[need] = node
    return node
  }

  /// Makes somebody's wish known: idle nodes are put in the queue.
  mutating func demand(_ id: NodeID) {
    guard case .idle = nodes[Int(id.index)].state else { return }
    ready.append(id)
  }

  /// Runs nodes until none can go on.
  ///
  /// - Complexity: each node is begun once and woken once for each time that its operation finds something else to wait for.
  mutating func settleAll() {
    var next = 0
    while next < ready.count {
      let id = ready[next]
      next += 1
      switch nodes[Int(id.index)].state {
      case .idle(let work):
        nodes[Int(id.index)].state = .waiting(work, remaining: 0)
        let pending = dependencies(of: work)
        if pending.isEmpty { advance(id, work) } else { wait(id, work, for: pending) }
      case .waiting(let work, remaining: 0): advance(id, work)
      case .waiting, .asked, .done, .failed: continue
      }
    }
    ready.removeAll(keepingCapacity: true)
  }

  private func dependencies(of work: Work) -> [NodeID] {
    switch work {
    case .resume(let suspension): suspension.dependencies
    case .project(let projection): pendingTop(projection.whole)
    case .alias(let value): pendingTop(value)
    case .concatenate(let pieces): pieces.flatMap { pendingTop($0) }
    case .need: []
    case .force(let value): pending(in: value)
    }
  }

  private func pendingTop(_ value: Value) -> [NodeID] {
    if case .delayed(let id) = resolved(value) { return [id] }
    return []
  }

  private mutating func wait(_ id: NodeID, _ work: Work, for others: [NodeID]) {
    var remaining = 0
    for other in others {
      switch nodes[Int(other.index)].state {
      case .done: continue
      case .failed(let failure): return finish(id, .failed(failure))
      case .idle, .waiting, .asked:
        nodes[Int(other.index)].dependents.append(id)
        remaining += 1
      }
    }
    nodes[Int(id.index)].state = .waiting(work, remaining: remaining)
    if remaining == 0 { ready.append(id) } else { others.forEach { demand($0) } }
  }

  /// Does the work of a node whose dependencies are done.
  private mutating func advance(_ id: NodeID, _ work: Work) {
    do throws(Failure) {
      switch work {
      case .resume(let suspension): try settle(id, resume(suspension))
      case .project(let projection):
        let whole = resolved(projection.whole)
        try settle(id, part(projection.part, of: whole, in: projection.code, origin: projection.origin))
      case .alias(let value): try settle(id, value)
      case .concatenate(let pieces):
        var whole = List([])
        for piece in pieces { if case .list(let list) = resolved(piece) { whole = whole.appending(list) } }
        try settle(id, .list(whole))
      case .need(let need): ask(id, need)
      case .force(let value):
        let pending = pending(in: value)
        if pending.isEmpty { finish(id, .done(deeplyResolved(value))) } else { wait(id, work, for: pending) }
      }
    } catch {
      finish(id, .failed(error))
    }
  }

  private mutating func settle(_ id: NodeID, _ value: Value) throws(Failure) {
    let value = resolved(value)
    if case .delayed(let other) = value { return wait(id, .alias(value), for: [other]) }
    finish(id, .done(value))
  }

  /// Gives a node its outcome and wakes, or fails, those that wait for it.
  private mutating func finish(_ id: NodeID, _ outcome: Node.State) {
    var finished = [(id, outcome)]
    while let (id, outcome) = finished.popLast() {
      let dependents = nodes[Int(id.index)].dependents
      nodes[Int(id.index)] = Node(state: outcome)
      if case .failed(.reported) = outcome { hasReportedFailure = true }
      for dependent in dependents {
        guard case .waiting(let work, let remaining) = nodes[Int(dependent.index)].state else { continue }
        if case .failed(let failure) = outcome {
          finished.append((dependent, .failed(failure)))
        } else {
          nodes[Int(dependent.index)].state = .waiting(work, remaining: remaining - 1)
          if remaining == 1 { ready.append(dependent) }
        }
      }
    }
  }

  private mutating func resume(_ suspension: Suspension) throws(Failure) -> Value {
    resumed = suspension
    nodeDepth = suspension.depth
    defer {
      resumed = nil
      nodeDepth = 0
    }
    current = Activation(
      code: suspension.code, position: suspension.position, end: suspension.end, frame: suspension.frame,
      height: stack.count, collectors: collectors.count, requirement: suspension.requirement)
    // A node with its frame and operands is several times as large as a call.
    if suspension.depth > limits.depth / 4 {
      current.position += 1
      throw fail(.recursionTooDeep, "more than \(limits.depth / 4) delayed computations within each other")
    }
    stack.append(contentsOf: suspension.operands)
    return try run(collects: suspension.collects)
  }

  // MARK: Needs

  private mutating func ask(_ id: NodeID, _ need: Need) {
    if answers[need] != nil { return finish(id, .done(.unit)) }
    nodes[Int(id.index)].state = .asked
    request(need)
  }

  /// Records a need, and that the caller is to be told.
  mutating func request(_ need: Need) {
    guard requested.insert(need) else { return }
    dependencies.append(need)
    unasked.append(need)
    outstanding += 1
    if need.isOfSource { outstandingSources += 1 }
  }

  /// Takes the caller's answer to a need.
  mutating func accept(_ need: Need, _ answer: Answer) {
    guard answers[need] == nil else { return }
    answers.add(answer, to: need)
    outstanding -= 1
    if need.isOfSource { outstandingSources -= 1 }
    if case .presence(let id) = need {
      if case .failed(let message, let isReported) = answer {
        if isReported {
          hasReportedFailure = true
        } else {
          _ = fail(Diagnostic(EvaluationMessage.missingSource.id, message, at: presenceRanges[id] ?? nil))
        }
      }
    }
    // A failed need is the failure of those who asked, at their places.
    if let node = needNodes[need] { finish(node, .done(.unit)) }
  }

  /// The answer, or the node to wait for.
  ///
  /// - Throws: what the caller said about why there is none, at the current instruction.
  mutating func require(_ need: Need, or pending: inout [NodeID]) throws(Failure) -> Answer? {
    guard let answer = answers[need] else {
      pending.append(node(for: need))
      return nil
    }
    guard case .failed(let message, let isReported) = answer else { return answer }
    if isReported { throw .reported }
    if case .source(let id)? = need.reference, presenceRanges[id] != nil {
      // That a named source is missing is said where it is named, and only there.
      switch answers[.presence(id)] {
      case nil:
        pending.append(node(for: .presence(id)))
        return nil
      case .failed(let message, let isReported)?:
        if isReported { throw .reported }
        throw fail(
          Diagnostic(EvaluationMessage.missingSource.id, message, at: presenceRanges[id] ?? nil))
      case .present?, .artifact?, .listing?, .text?: break
      }
    }
    throw fail(.unavailable, message)
  }

  // MARK: Deep values

  /// The nodes that a value still waits for, down to its last element. Functions are not looked into.
  ///
  /// - Complexity: O(size).
  func pending(in value: Value) -> [NodeID] {
    var found: [NodeID] = []
    collectPending(in: value, into: &found)
    return found
  }

  private func collectPending(in value: Value, into found: inout [NodeID]) {
    switch value {
    case .delayed(let id):
      if case .done(let known) = nodes[Int(id.index)].state {
        collectPending(in: known, into: &found)
      } else {
        found.append(id)
      }
    case .list(let list): for index in 0..<list.count { collectPending(in: list[index], into: &found) }
    case .map(let root): MapNode.forEach(in: root) { collectPending(in: $1, into: &found) }
    case .tuple(let tuple): for element in tuple.elements { collectPending(in: element, into: &found) }
    case .record(let record): for element in record.values { collectPending(in: element, into: &found) }
    case .variant(let variant): if let element = variant.element { collectPending(in: element, into: &found) }
    case .dir(let dir): if case .assembled(let root) = dir.content { collectPending(in: .map(root), into: &found) }
    case .fileset(let fileset): collectPending(in: fileset.value, into: &found)
    case .unit, .bool, .int, .big, .float, .string, .file, .table, .closure, .native, .absent: return
    }
  }

  /// The value with every node that is done replaced by its value.
  ///
  /// - Complexity: O(size); nothing is copied where nothing is delayed.
  func deeplyResolved(_ value: Value) -> Value {
    guard mentionsNodes(value) else { return value }
    switch value {
    case .delayed:
      let known = resolved(value)
      if case .delayed = known { return known }
      return deeplyResolved(known)
    case .list(let list): return .list(ContiguousArray((0..<list.count).map { deeplyResolved(list[$0]) }))
    case .map(let root): return .map(MapNode.mapValues(of: root) { deeplyResolved($0) })
    case .tuple(let tuple): return .tuple(TupleValue(ContiguousArray(tuple.elements.map { deeplyResolved($0) })))
    case .record(let record):
      return .record(Record(record.shape, ContiguousArray(record.values.map { deeplyResolved($0) })))
    case .variant(let variant): return .variant(VariantValue(variant.tag, variant.element.map { deeplyResolved($0) }))
    case .dir(let dir):
      guard case .assembled(let root) = dir.content else { return value }
      return .dir(DirValue(.assembled(MapNode.mapValues(of: root) { deeplyResolved($0) })))
    case .fileset(let fileset): return .fileset(FilesetValue(deeplyResolved(fileset.value)))
    case .unit, .bool, .int, .big, .float, .string, .file, .table, .closure, .native, .absent: return value
    }
  }

  private func mentionsNodes(_ value: Value) -> Bool {
    switch value {
    case .delayed: return true
    case .list(let list): return (0..<list.count).contains { mentionsNodes(list[$0]) }
    case .map(let root): return mapMentionsNodes(root)
    case .tuple(let tuple): return tuple.elements.contains { mentionsNodes($0) }
    case .record(let record): return record.values.contains { mentionsNodes($0) }
    case .variant(let variant): return variant.element.map { mentionsNodes($0) } ?? false
    case .dir(let dir):
      if case .assembled(let root) = dir.content { return mapMentionsNodes(root) }
      return false
    case .fileset(let fileset): return mentionsNodes(fileset.value)
    case .unit, .bool, .int, .big, .float, .string, .file, .table, .closure, .native, .absent: return false
    }
  }

  private func mapMentionsNodes(_ node: MapNode?) -> Bool {
    guard let node else { return false }
    return mentionsNodes(node.value) || mapMentionsNodes(node.left) || mapMentionsNodes(node.right)
  }
}
