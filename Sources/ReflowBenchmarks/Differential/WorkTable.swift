import ArgumentParser
import Differential

/// An algorithm with the size of its smaller graph.
private struct WorkCase {
  var name: String
  var nodes: UInt64
  var edges: Int
  var build: (Graph, Multiset<UInt32, UInt32, Int>) -> Void
}

/// A collection that is looked at by nobody.
@inline(__always) private func keep<D: Record>(_ collection: Multiset<D, UInt32, Int>) { _ = collection.consolidate() }

private func makeCases() -> [WorkCase] {
  [
    WorkCase(name: "word count", nodes: 1_000, edges: 10_000) { edges, _ in keep(edges.map { $0.first }.count()) },
    WorkCase(name: "degree distribution", nodes: 1_000, edges: 10_000) { edges, _ in keep(edges.degreeDistribution()) },
    WorkCase(name: "transitive closure", nodes: 2_000, edges: 1_400) { edges, _ in keep(edges.transitiveClosure()) },
    WorkCase(name: "breadth-first distances", nodes: 10_000, edges: 50_000) { edges, roots in
      keep(roots.distances(along: edges))
    },
    WorkCase(name: "shortest paths", nodes: 10_000, edges: 50_000) { edges, roots in
      keep(
        roots.shortestPaths(along: edges.map { Pair($0.first, Pair($0.second, 1 + ($0.first ^ $0.second) % 100)) }))
    },
    WorkCase(name: "connected components", nodes: 10_000, edges: 50_000) { edges, _ in
      keep(edges.flatMap { [$0.first, $0.second] }.distinct().connectedComponents(edges))
    },
    WorkCase(name: "strongly connected components", nodes: 5_000, edges: 10_000) { edges, _ in
      keep(edges.stronglyConnected())
    },
    WorkCase(name: "k-core", nodes: 5_000, edges: 50_000) { edges, _ in keep(edges.core(8)) },
    WorkCase(name: "triangles", nodes: 5_000, edges: 25_000) { edges, _ in keep(edges.triangles()) },
    WorkCase(name: "same generation (Datalog)", nodes: 5_000, edges: 3_000) { edges, _ in keep(edges.sameGeneration())
    },
    WorkCase(name: "recommendations", nodes: 5_000, edges: 15_000) { edges, _ in keep(edges.recommendations()) },
    WorkCase(name: "PageRank, 20 rounds", nodes: 500, edges: 5_000) { edges, _ in keep(edges.pageRank(rounds: 20)) },
  ]
}

/// `differential work`: what one change touches in a graph and in one ten times as large, in counts that do not depend on the
/// machine.
func runWork(_ arguments: WorkloadArguments) throws {
  let only = Set(arguments.text("only", default: "").split(separator: ",").map(String.init))
  let changes = try arguments.number("m", default: 200)
  print("| algorithm | nodes, edges | touched a change, n | 10 n | searches, n | 10 n | visits, n | 10 n |")
  print("|---|---|---|---|---|---|---|---|")
  for item in makeCases() where only.isEmpty || only.contains(item.name) {
    let small = touched(item, scale: 1, changes: changes)
    let large = touched(item, scale: 10, changes: changes)
    func pair(_ count: (Work) -> Int) -> String {
      "\(fixed(Double(count(small)) / Double(changes), 1)) | \(fixed(Double(count(large)) / Double(changes), 1))"
    }
    print(
      "| \(item.name) | \(item.nodes), \(item.edges) | \(pair { $0.touchedUpdates }) | \(pair { $0.searches })",
      "| \(pair { $0.visits }) |")
  }
}

/// The work of so many single changes of a loaded graph: edges come and the oldest go, in turn.
private func touched(_ item: WorkCase, scale: Int, changes: Int) -> Work {
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
  let (roots, rootRecords) = flow.input(UInt32.self)
  item.build(edges, rootRecords)
  roots.insert(0)
  roots.close()
  let nodes = item.nodes * UInt64(scale)
  var inserted = PairStream(seed: 42, first: nodes, second: nodes)
  var removed = inserted
  func change(_ stream: inout PairStream, _ difference: Int) {
    let edge = stream.next()
    input.update(Pair(UInt32(edge.0), UInt32(edge.1)), by: difference)
  }
  for _ in 0..<item.edges * scale { change(&inserted, 1) }
  input.advance(to: 1)
  flow.step()
  let before = flow.work
  for number in 0..<changes {
    if number % 2 == 0 { change(&inserted, 1) } else { change(&removed, -1) }
    input.advance(to: input.epoch + 1)
    flow.step()
  }
  return flow.work - before
}
