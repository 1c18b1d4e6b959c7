import ArgumentParser
import Differential

private typealias Graph = Multiset<Pair<UInt32, UInt32>, UInt32, Int>

/// Runs a workload over a graph; false if there is none of that name.
func runGraph(_ name: String, _ arguments: WorkloadArguments) throws -> Bool {
  let order: LabelOrder =
    name.hasSuffix("_at") || arguments.text("variant", default: "") == "at" ? .leastFirst : .together
  let count = try arguments.number("m", default: 5_000_000)
  let k = try arguments.number("k", default: 8)
  let rounds = UInt32(try arguments.number("rounds", default: 20))
  let workload: Workload
  switch name {
  case "reach":
    workload = try graph(arguments, nodes: .root) { edges, roots, sums in
      collect(roots.reachable(along: edges), sums) { Checksum.mix(UInt64($0), 0) }
    }
  case "bfs", "bfs10M":
    workload = try graph(arguments, nodes: .root) { edges, roots, sums in
      collect(roots.distances(along: edges), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
    }
  case "cc", "cc_at":
    workload = try graph(arguments, nodes: .all) { edges, nodes, sums in
      collect(nodes.connectedComponents(edges, order), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
    }
  case "scc", "scc_at":
    workload = try graph(arguments, nodes: .none) { edges, _, sums in
      collect(edges.stronglyConnected(order), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
    }
  case "kcore":
    workload = try graph(arguments, nodes: .none) { edges, _, sums in
      collect(edges.core(k), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
    }
  case "pagerank":
    workload = try graph(arguments, nodes: .none) { edges, _, sums in
      collect(edges.pageRank(rounds: rounds).count(), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
    }
  default: return false
  }
  try run(name, workload, loading: count, arguments: arguments)
  return true
}

/// Which nodes a workload is given beside the edges.
private enum GivenNodes {
  case none
  /// Node 0, to start from.
  case root
  case all
}

private func graph(
  _ arguments: WorkloadArguments, nodes given: GivenNodes,
  _ build: (Graph, Multiset<UInt32, UInt32, Int>, ChecksumBox) -> Void
) throws -> Workload {
  let count = UInt64(try arguments.number("n", default: 1_000_000))
  let seed = UInt64(try arguments.number("seed", default: 42))
  let shape: PairStream.Shape
  switch arguments.text("graph", default: "uniform") {
  case "uniform": shape = .uniform
  case "rmat": shape = .rmat
  case let other: throw ValidationError("graph=\(other) is neither uniform nor rmat")
  }
  let flow = Dataflow<UInt32>()
  let sums = ChecksumBox()
  let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
  let (nodes, nodeRecords) = flow.input(UInt32.self)
  build(edges, nodeRecords, sums)
  switch given {
  case .none: break
  case .root: nodes.insert(0)
  case .all: for node in 0..<UInt32(count) { nodes.insert(node) }
  }
  nodes.close()
  var inserted = PairStream(seed: seed, first: count, second: count, shape: shape)
  var removed = PairStream(seed: seed, first: count, second: count, shape: shape)
  return Workload(
    insert: {
      let (a, b) = inserted.next()
      input.update(Pair(UInt32(a), UInt32(b)), by: 1)
    },
    remove: {
      let (a, b) = removed.next()
      input.update(Pair(UInt32(a), UInt32(b)), by: -1)
    },
    finishEpoch: {
      input.advance(to: input.epoch + 1)
      flow.step()
    },
    nextTime: { input.advance(to: input.epoch + 1) },
    checksum: { sums.value })
}
