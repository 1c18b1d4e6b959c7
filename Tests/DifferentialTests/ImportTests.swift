import Differential
import Testing

private typealias Edge = Pair<UInt32, UInt32>

/// A stream of edge changes, the same for every reader.
private struct Changes {
  private var generator: TestGenerator
  private var live: [Edge] = []
  init(seed: UInt64) { generator = TestGenerator(seed: seed) }

  mutating func next() -> (Edge, Int) {
    if live.count > 8, Bool.random(using: &generator) {
      return (live.swapRemove(Int.random(in: 0..<live.count, using: &generator)), -1)
    }
    live.append(Pair(.random(in: 0..<7, using: &generator), .random(in: 0..<7, using: &generator)))
    return (live.last!, 1)
  }
}

/// A few readers of an arrangement, of all kinds: their outcomes accumulated at an epoch.
private final class Readers {
  private var recorders: [Recorder<Triple<UInt32, UInt32, UInt32>, UInt32, Int>] = []

  init(_ edges: Arrangement<UInt32, UInt32, Int, SameTime<UInt32>>) {
    func record<D: Record>(_ results: Multiset<D, UInt32, Int>, _ word: @escaping (D) -> Edge) {
      let kind = UInt32(recorders.count)
      recorders.append(
        Recorder(results.map { Pair(kind, word($0)) }))
    }
    record(edges.asCollection()) { $0 }
    record(edges.reduce(by: LeastReduction()) { Pair($0, $1) }) { $0 }
    record(edges.reduceArranged(by: GreatestReduction(count: 2)).asCollection()) { $0 }
    record(edges.join(edges) { Pair($1, $2) }) { $0 }
    record(edges.asCollection().map { $0.first }.count()) { Pair($0.first, UInt32($0.second)) }
    // In a loop: two steps and more from node 1.
    record(
      edges.scope.loop { loop in
        let found = Variable<Edge, UInt32, UInt32, Int>(loop)
        let start = edges.asCollection().filter { $0.first == 1 }.enter(loop)
        let all = found.collection.concat(start).distinct()
        found.set(all.map { Pair($0.second, $0.first) }.arrangeByKey().join(edges.enter(loop)) { Pair($1, $2) })
        return all.leave(edges.scope)
      }
    ) { $0 }
  }

  func outcome(at epoch: UInt32) -> [Triple<UInt32, UInt32, UInt32>: Int] {
    accumulated(recorders.flatMap(\.updates), at: epoch)
  }

  var firstTime: UInt32? { recorders.flatMap { $0.updates.map(\.time) }.min() }
}

@Test(arguments: 0..<8 as Range<UInt64>) func aPartMadeLaterSeesWhatIsThereAndThenWhatChanges(seed: UInt64) {
  var changes = Changes(seed: seed)
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Edge.self)
  let arranged = edges.arrangeByKey()
  let first = Readers(arranged)
  var late: [(since: UInt32, readers: Readers)] = []
  for epoch in 0..<12 as Range<UInt32> {
    if epoch % 3 == UInt32(seed % 3) { late.append((epoch, Readers(arranged.imported()))) }
    for _ in 0..<(epoch == 0 ? 20 : 3) {
      let (edge, difference) = changes.next()
      input.update(edge, by: difference)
    }
    input.advance(to: epoch + 1)
    flow.step()
    for (since, readers) in late {
      #expect(readers.outcome(at: epoch) == first.outcome(at: epoch), "made at \(since), epoch \(epoch)")
      #expect(readers.firstTime == since, "nothing comes at epochs that were complete")
    }
  }
}

@Test(arguments: 0..<8 as Range<UInt64>) func anotherDataflowFollowsTheOneThatItReads(seed: UInt64) {
  var changes = Changes(seed: seed)
  var generator = TestGenerator(seed: seed &+ 100)
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Edge.self)
  let arranged = edges.arrangeByKey()
  let first = Readers(arranged)
  var others:
    [(flow: Dataflow<UInt32>, extra: Input<UInt32, UInt32, Int>, extras: Recorder<Edge, UInt32, Int>, readers: Readers)] =
      []
  for epoch in 0..<16 as Range<UInt32> {
    if epoch % 4 == UInt32(seed % 4) {
      let other = Dataflow<UInt32>()
      let (extra, nodes) = other.input(UInt32.self)
      let imported = arranged.imported(into: other)
      let chosen = Recorder(nodes.arrangeBySelf().join(imported) { node, _, next in Pair(node, next) })
      extra.insert(3)
      others.append((other, extra, chosen, Readers(imported)))
    }
    for _ in 0..<(epoch == 0 ? 20 : 3) {
      let (edge, difference) = changes.next()
      input.update(edge, at: epoch, by: difference)
    }
    // Several epochs in one step, now and then.
    if Bool.random(using: &generator) || epoch == 15 {
      input.advance(to: epoch + 1)
      flow.step()
    }
    for other in others where Bool.random(using: &generator) || epoch == 15 {
      // An input of its own that lags behind holds it back.
      if Bool.random(using: &generator) || epoch == 15 { other.extra.advance(to: max(other.extra.epoch, epoch + 1)) }
      other.flow.step()
      let complete = other.flow.frontier.elements[0]
      #expect(complete <= input.epoch)
      if epoch == 15 { #expect(complete == 16) }
      guard complete > 0, let start = other.readers.firstTime, complete > start else { continue }
      #expect(other.readers.outcome(at: complete - 1) == first.outcome(at: complete - 1))
      let expected = first.outcome(at: complete - 1).filter { $0.key.first == 0 && $0.key.second.first == 3 }
      #expect(accumulated(other.extras.updates, at: complete - 1).values.reduce(0, +) == expected.values.reduce(0, +))
    }
  }
}

@Test func aReaderThatIsGoneHoldsNothing() {
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Edge.self)
  let arranged = edges.arrangeByKey()
  weak var scope: Scope<UInt32>?
  do {
    let other = Dataflow<UInt32>()
    let held = arranged.imported(into: other)
    scope = other.root
    input.insert(Pair(1, 2))
    input.advance(to: 1)
    flow.step()
    other.step()
    #expect(held.history().since == 1)
    #expect(other.isComplete(0))
  }
  #expect(scope == nil)
  for epoch in 1..<200 as Range<UInt32> {
    input.insert(Pair(1, epoch))
    input.remove(Pair(1, epoch))
    input.advance(to: epoch + 1)
    flow.step()
  }
  #expect(arranged.heldUpdates <= 2)
}

@Test func aPartThatACheckpointHasNotReadsWhatIsThere() throws {
  var shelf = BatchShelf()
  func make(_ parts: [String]) -> (Dataflow<UInt32>, Input<Edge, UInt32, Int>, [Recorder<Edge, UInt32, Int>]) {
    let flow = Dataflow<UInt32>()
    let (input, edges) = flow.input(Edge.self)
    let arranged = flow.root.named("edges") { edges.arrangeByKey() }
    let recorders = parts.map { part in
      flow.root.named(part) { Recorder(arranged.imported().reduceArranged(by: LeastReduction()).asCollection()) }
    }
    return (flow, input, recorders)
  }
  var (flow, input, old) = make(["a", "b"])
  for node in 0..<50 as Range<UInt32> { input.insert(Pair(node / 2, node)) }
  input.advance(to: 1)
  flow.step()
  #expect(old.allSatisfy { $0.updates.count == 25 })
  let checkpoint = try flow.checkpoint(into: &shelf)
  (flow, input, old) = make(["b", "c"])
  let unused = try flow.resume(checkpoint, from: shelf) { $0.hasPrefix("c/") }
  #expect(unused == ["a/import#0", "a/reduce#0"])
  input.insert(Pair(3, 1))
  input.advance(to: 2)
  flow.step()
  #expect(old[0].consolidatedUpdates == [Update(Pair(3, 1), 1, 1), Update(Pair(3, 6), 1, -1)], "b goes on")
  #expect(accumulated(old[1].updates, at: 1).count == 25, "c begins with everything")
  #expect(accumulated(old[1].updates, at: 1)[Pair(3, 1)] == 1)
}
