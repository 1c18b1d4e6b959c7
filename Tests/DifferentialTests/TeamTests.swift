import Differential
import Foundation
import Testing

/// A barrier for tests: plain, and understood by the thread sanitizer.
private final class ConditionBarrier: @unchecked Sendable {
  // All state is read and written under the condition's lock.
  private let condition = NSCondition()
  private let count: Int
  private var arrived = 0
  private var generation = 0

  init(count: Int) { self.count = count }

  func wait() {
    condition.lock()
    defer { condition.unlock() }
    arrived += 1
    if arrived == count {
      arrived = 0
      generation += 1
      condition.broadcast()
      return
    }
    let mine = generation
    while generation == mine { condition.wait() }
  }
}

/// Results gathered from several threads.
private final class Gathered<Element: Sendable>: @unchecked Sendable {
  // Guarded by the lock.
  private let lock = NSLock()
  private var elements: [Element] = []
  func append(_ more: [Element]) {
    lock.lock()
    elements += more
    lock.unlock()
  }
  var all: [Element] {
    lock.lock()
    defer { lock.unlock() }
    return elements
  }
}

private typealias Edge = Pair<UInt32, UInt32>

/// A history of edges: what each epoch changes.
private func edgeHistory(seed: UInt64, nodes: UInt32, epochs: Int) -> [[(Edge, Int)]] {
  var generator = TestGenerator(seed: seed)
  var live: [Edge] = []
  return (0..<epochs).map { epoch in
    (0..<(epoch == 0 ? 30 : 4)).map { _ in
      if epoch > 0, !live.isEmpty, Bool.random(using: &generator) {
        return (live.swapRemove(Int.random(in: 0..<live.count, using: &generator)), -1)
      }
      live.append(
        Pair(UInt32.random(in: 0..<nodes, using: &generator), UInt32.random(in: 0..<nodes, using: &generator)))
      return (live.last!, 1)
    }
  }
}

/// Runs an algorithm with so many workers, each inserting its share of the changes, and gives all differences.
private func run<Out: Record>(
  workers: Int, _ history: [[(Edge, Int)]],
  _ build: @escaping @Sendable (Multiset<Edge, UInt32, Int>) -> Multiset<Out, UInt32, Int>
) -> [Update<Out, UInt32, Int>] {
  let barrier = ConditionBarrier(count: workers)
  let team = Team(count: workers, barrier: { barrier.wait() })
  let gathered = Gathered<Update<Out, UInt32, Int>>()
  let finished = DispatchGroup()
  for worker in 0..<workers {
    finished.enter()
    let thread = Thread {
      let flow = Dataflow<UInt32>(team, worker: worker)
      let (input, edges) = flow.input(Edge.self)
      let recorder = Recorder(build(edges))
      for (epoch, changes) in history.enumerated() {
        for (place, change) in changes.enumerated() where place % workers == worker {
          input.update(change.0, by: change.1)
        }
        input.advance(to: UInt32(epoch + 1))
        flow.step()
      }
      gathered.append(recorder.updates)
      finished.leave()
    }
    thread.start()
  }
  finished.wait()
  return consolidated(gathered.all)
}

@Test(arguments: 0..<3 as Range<UInt64>) func anyNumberOfWorkersGivesTheSameDifferences(seed: UInt64) {
  let history = edgeHistory(seed: seed, nodes: 12, epochs: 10)
  let counted = run(workers: 1, history) { $0.map { $0.first }.count() }
  let joined = run(workers: 1, history) { edges in
    edges.map { Pair($0.second, $0.first) }.join(edges) { Pair($0, Pair($1, $2)) }.consolidate()
  }
  let strong = run(workers: 1, history) { $0.stronglyConnected() }
  let near = run(workers: 1, history) { edges in
    edges.map { _ in UInt32(0) }.distinct().distances(along: edges)
  }
  #expect(!counted.isEmpty && !joined.isEmpty && !strong.isEmpty && !near.isEmpty)
  for workers in 2...3 {
    #expect(run(workers: workers, history) { $0.map { $0.first }.count() } == counted)
    #expect(
      run(workers: workers, history) { edges in
        edges.map { Pair($0.second, $0.first) }.join(edges) { Pair($0, Pair($1, $2)) }.consolidate()
      } == joined)
    #expect(run(workers: workers, history) { $0.stronglyConnected() } == strong)
    #expect(
      run(workers: workers, history) { edges in edges.map { _ in UInt32(0) }.distinct().distances(along: edges) }
        == near)
  }
}
