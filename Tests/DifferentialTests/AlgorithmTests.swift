import Differential
import Testing

private typealias Edge = Pair<UInt32, UInt32>
private typealias Graph = Multiset<Edge, UInt32, Int>

/// Changes a random graph over many epochs, several a step now and then, and compares an algorithm's result with the oracle's at
/// every epoch.
private func check<Out: Record>(
  seed: UInt64, nodes: UInt32, edges: Int, epochs: UInt32 = 25,
  _ build: (Graph, Multiset<UInt32, UInt32, Int>) -> Multiset<Out, UInt32, Int>, _ expected: (Oracle) -> [Out: Int]
) {
  var generator = TestGenerator(seed: seed)
  let flow = Dataflow<UInt32>()
  let (input, graph) = flow.input(Edge.self)
  let (given, starts) = flow.input(UInt32.self)
  let recorder = Recorder(build(graph, starts))
  given.insert(1)
  given.close()
  var oracle = Oracle()
  var oracles: [Oracle] = []
  var live: [Edge] = []
  var compared = 0
  for epoch in 0..<epochs {
    let count = epoch == 0 ? edges : Int.random(in: 0...4, using: &generator)
    for _ in 0..<count {
      if epoch > 0, !live.isEmpty, Int.random(in: 0..<5, using: &generator) < 3 {
        let edge = live.swapRemove(Int.random(in: 0..<live.count, using: &generator))
        oracle.change(edge, by: -1)
        input.update(edge, at: epoch, by: -1)
      } else {
        let edge = Pair(
          UInt32.random(in: 0..<nodes, using: &generator), UInt32.random(in: 0..<nodes, using: &generator))
        live.append(edge)
        oracle.change(edge, by: 1)
        input.update(edge, at: epoch, by: 1)
      }
    }
    oracles.append(oracle)
    if epoch + 1 < epochs, Int.random(in: 0..<3, using: &generator) == 0 { continue }
    input.advance(to: epoch + 1)
    flow.step()
    while compared <= Int(epoch) {
      let actual = accumulated(recorder.updates, at: UInt32(compared))
      let wanted = expected(oracles[compared])
      #expect(actual == wanted, "epoch \(compared) of seed \(seed)")
      if actual != wanted { return }
      compared += 1
    }
  }
}

private func once<Out: Hashable>(_ records: some Sequence<Out>) -> [Out: Int] {
  Dictionary(uniqueKeysWithValues: records.map { ($0, 1) })
}

private func labelled(_ labels: [UInt32: UInt32]) -> [Pair<UInt32, UInt32>: Int] {
  once(labels.map { Pair($0.key, $0.value) })
}

@Test(arguments: 0..<6) func reachAndDistancesFollowTheGraph(seed: UInt64) {
  check(seed: seed, nodes: 14, edges: 20, { $1.reachable(along: $0) }, { once($0.distances(from: 1).keys) })
  check(seed: seed, nodes: 14, edges: 20, { $1.distances(along: $0) }, { labelled($0.distances(from: 1)) })
}

@Test(arguments: 0..<6) func shortestPathsFollowTheGraph(seed: UInt64) {
  let weight = { (edge: Edge) in UInt32(finalize(edge.radix) % 20) + 1 }
  check(
    seed: seed, nodes: 14, edges: 30,
    { graph, starts in
      starts.shortestPaths(along: graph.map { Pair($0.first, Pair($0.second, weight($0))) }, step: 8)
    }, { labelled($0.shortestPaths(from: 1, weight: weight)) })
}

@Test(arguments: [LabelOrder.together, .leastFirst], 0..<4)
func componentsFollowTheGraph(order: LabelOrder, seed: UInt64) {
  let all = Set(0..<16 as Range<UInt32>)
  check(
    seed: seed, nodes: 16, edges: 12,
    { graph, starts in
      starts.flatMap { _ in 0..<16 as Range<UInt32> }.connectedComponents(graph, order)
    }, { labelled($0.components(of: all)) })
}

@Test(arguments: [LabelOrder.together, .leastFirst], 0..<4)
func strongComponentsFollowTheGraph(order: LabelOrder, seed: UInt64) {
  check(seed: seed, nodes: 10, edges: 18, { graph, _ in graph.stronglyConnected(order) }, { $0.stronglyConnected })
}

@Test(arguments: 0..<4) func coresAndClosuresFollowTheGraph(seed: UInt64) {
  check(seed: seed, nodes: 10, edges: 24, { graph, _ in graph.core(4) }, { $0.core(4) })
  check(seed: seed, nodes: 9, edges: 12, { graph, _ in graph.transitiveClosure() }, { once($0.closure) })
}

@Test(arguments: 0..<3) func trianglesDegreesAndRanksFollowTheGraph(seed: UInt64) {
  check(seed: seed, nodes: 10, edges: 26, { graph, _ in graph.triangles() }, { once($0.triangles) })
  check(
    seed: seed, nodes: 10, edges: 26, { graph, _ in graph.degreeDistribution() },
    { oracle in
      var degree: [UInt32: Int] = [:]
      for (edge, count) in oracle.edges { degree[edge.first, default: 0] += count }
      return once(Dictionary(grouping: degree.values) { $0 }.map { Pair($0.key, $0.value.count) })
    })
  check(
    seed: seed, nodes: 10, edges: 26, epochs: 8, { graph, _ in graph.pageRank(rounds: 6) }, { $0.pageRank(rounds: 6) })
}

@Test func wordCountsFollowTheirTexts() {
  let vocabulary = ["a", "the", "river", "commonbeginningone", "commonbeginningtwo", "ä"]
  let gaps = [" ", "  ", "\t", "\n"]
  var generator = TestGenerator(seed: 12)
  let flow = Dataflow<UInt32>()
  let (input, texts) = flow.input(Text.self)
  let counted = texts.wordCount().contents()
  var live: [String] = []
  for epoch in 1...40 as ClosedRange<UInt32> {
    for _ in 0..<(epoch == 1 ? 12 : 3) {
      if epoch > 1, Bool.random(using: &generator), !live.isEmpty {
        let text = live.swapRemove(Int.random(in: 0..<live.count, using: &generator))
        Text.with(text) { input.remove($0) }
      } else {
        let text = (0..<Int.random(in: 0..<8, using: &generator)).map { _ in
          gaps.randomElement(using: &generator)! + vocabulary.randomElement(using: &generator)!
        }.joined()
        live.append(text)
        Text.with(text) { input.insert($0) }
      }
    }
    input.advance(to: epoch)
    flow.step()
    var expected: [String: Int] = [:]
    for text in live {
      for word in text.split(whereSeparator: \.isWhitespace) { expected[String(word), default: 0] += 1 }
    }
    let actual = counted.sorted.map { (String($0.value.first), $0.value.second) }
    #expect(Dictionary(uniqueKeysWithValues: actual) == expected)
  }
}

@Test(arguments: 0..<3) func datalogAndRecommendationsFollowTheirFacts(seed: UInt64) {
  check(seed: seed, nodes: 10, edges: 9, { graph, _ in graph.sameGeneration() }, { once($0.sameGeneration) })
  check(seed: seed, nodes: 8, edges: 14, { graph, _ in graph.recommendations() }, { $0.recommendations })
}

@Test(arguments: 0..<4) func iterateIsTheFixedPointAlsoWithPriorities(seed: UInt64) {
  // Least labels, written with the general forms.
  func step<T: Timestamp>(
    _ labels: Multiset<Edge, T, Int>, _ edges: Multiset<Edge, T, Int>, _ start: Multiset<Edge, T, Int>
  ) -> Multiset<Edge, T, Int> {
    labels.join(edges) { _, label, next in Pair(next, label) }.concat(start).min()
  }
  let expected = { (oracle: Oracle) in
    var least: [Edge: Int] = [:]
    for node in oracle.nodes {
      let ancestors = oracle.nodes.filter { oracle.distances(from: $0)[node] != nil }
      least[Pair(node, ancestors.min()!)] = 1
    }
    return least
  }
  check(
    seed: seed, nodes: 12, edges: 18,
    { graph, _ in
      let start = graph.flatMap { [Pair($0.first, $0.first), Pair($0.second, $0.second)] }.distinct()
      return start.iterate { loop, labels in step(labels, graph.enter(loop), start.enter(loop)) }
    }, expected)
  check(
    seed: seed, nodes: 12, edges: 18,
    { graph, _ in
      let start = graph.flatMap { [Pair($0.first, $0.first), Pair($0.second, $0.second)] }.distinct()
      return start.prioritizedIterate(priority: { $0.second * 20 }) { loop, labels in
        step(labels, graph.enter(loop), start.enterAt(loop) { $0.second * 20 })
      }
    }, expected)
}
