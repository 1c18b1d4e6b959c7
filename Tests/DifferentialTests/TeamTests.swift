import Differential
import Testing

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
  consolidated(
    gather(workers: workers) { flow, worker in
      let (input, edges) = flow.input(Edge.self)
      let recorder = Recorder(build(edges))
      for (epoch, changes) in history.enumerated() {
        for (place, change) in changes.enumerated() where place % workers == worker {
          input.update(change.0, by: change.1)
        }
        input.advance(to: UInt32(epoch + 1))
        flow.step()
      }
      return recorder.updates
    })
}

/// Checks that one to four workers say the same of a history.
private func checkTeams<Out: Record>(
  _ history: [[(Edge, Int)]],
  _ build: @escaping @Sendable (Multiset<Edge, UInt32, Int>) -> Multiset<Out, UInt32, Int>
) {
  let alone = run(workers: 1, history, build)
  #expect(!alone.isEmpty)
  for workers in 2...4 { #expect(run(workers: workers, history, build) == alone, "\(workers) workers") }
}

@Test(arguments: 0..<2 as Range<UInt64>) func anyNumberOfWorkersGivesTheSameDifferences(seed: UInt64) {
  let history = edgeHistory(seed: seed, nodes: 12, epochs: 10)
  checkTeams(history) { $0.map { $0.first }.count() }
  checkTeams(history) { edges in
    edges.map { Pair($0.second, $0.first) }.join(edges) { Pair($0, Pair($1, $2)) }.consolidate()
  }
  checkTeams(history) { $0.stronglyConnected() }
  checkTeams(history) { edges in edges.map { _ in UInt32(0) }.distinct().distances(along: edges) }
  checkTeams(history) { $0.triangles() }
  checkTeams(history) { $0.pageRank(rounds: 4) }
}

/// What teams are told by the definitions is what one worker is told.
@Test(arguments: definedOperators.indices, 2...4)
func everyOperatorKeepsItsDefinitionWithSeveralWorkers(place: Int, workers: Int) {
  func check(_ tested: some DefinedOperator) {
    for seed in 0..<2 as Range<UInt64> {
      var generator = TestGenerator(seed: seed &* 1_000 &+ UInt64(4 * place + workers))
      let loops = (place + workers + Int(seed)) % 3
      let epochs = UInt32.random(in: 1...4, using: &generator)
      let history = randomSidedHistory(&generator, loops: loops, epochs: epochs)
      let steps = randomSteps(&generator, epochs: epochs)
      let emitted = gather(workers: workers) { flow, worker in
        emissions(
          of: tested, over: history, in: flow, loops: loops, stepsEndingAt: steps,
          feeds: { $0 % workers == worker })
      }
      if let reason = disagreement(of: tested, over: history, emitted: emitted) {
        Issue.record("\(definedOperators[place].name) in \(loops) loops: \(reason); \(history), steps \(steps)")
      }
    }
  }
  check(definedOperators[place].tested)
}

@Test func theWorkersOfATeamShareTheContents() {
  let parts: [Counted<UInt8, Int>] = gather(workers: 3) { flow, worker in
    let (input, records) = flow.input(UInt8.self)
    let contents = records.contents()
    for record in 0..<30 as Range<UInt8> { input.insert(record) }
    input.advance(to: 1)
    flow.step()
    return contents.sorted
  }
  #expect(parts.sorted { $0.value < $1.value } == (0..<30).map { Counted($0, 3) })
}
