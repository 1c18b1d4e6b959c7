import ArgumentParser
import Differential

typealias Graph = Multiset<Pair<UInt32, UInt32>, UInt32, Int>

/// Runs a workload over a graph; false if there is none of that name.
func runGraph(_ name: String, _ arguments: WorkloadArguments) throws -> Bool {
  let isPrioritized = name.hasSuffix("_at") || arguments.text("variant", default: "") == "at"
  let order: LabelOrder = isPrioritized ? .leastFirst : .together
  let sizes = try GraphSizes(arguments)
  let schedule = try Schedule(load: try arguments.number("m", default: 5_000_000), arguments)
  let share = try arguments.number("rebuild", default: 0)
  let k = try arguments.number("k", default: 8)
  let rounds = UInt32(try arguments.number("rounds", default: 20))
  switch name {
  case "reach":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .root) { edges, roots, sums in
        collect(roots.reachable(along: edges), sums) { Checksum.mix(UInt64($0), 0) }
      }
    }
  case "bfs", "bfs10M":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .root) { edges, roots, sums in
        collect(roots.distances(along: edges), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  case "cc", "cc_at":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .all) { edges, nodes, sums in
        collect(nodes.connectedComponents(edges, order), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  case "scc", "scc_at":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .none) { edges, _, sums in
        let strong =
          share > 0
          ? edges.rebuilding(whenChangesExceedOneIn: share) { $0.stronglyConnected(order) }
          : edges.stronglyConnected(order)
        collect(strong, sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  case "kcore":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .none) { edges, _, sums in
        collect(edges.core(k), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  case "pagerank":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .none) { edges, _, sums in
        collect(edges.pageRank(rounds: rounds).count(), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  default: return false
  }
  return true
}

/// Which nodes a workload is given beside the edges.
enum GivenNodes {
  case none
  /// Node 0, to start from.
  case root
  case all
}

/// What determines the edges of a graph workload.
struct GraphSizes: Sendable {
  var nodes: UInt64
  var stream: PairStream

  init(_ arguments: WorkloadArguments) throws {
    nodes = UInt64(try arguments.number("n", default: 1_000_000))
    let shape: PairStream.Shape
    switch arguments.text("graph", default: "uniform") {
    case "uniform": shape = .uniform
    case "rmat": shape = .rmat
    case let other: throw ValidationError("graph=\(other) is neither uniform nor rmat")
    }
    let seed = UInt64(try arguments.number("seed", default: 42))
    stream = PairStream(seed: seed, first: nodes, second: nodes, shape: shape)
  }
}

func graph(
  _ seat: WorkerSeat, _ sizes: GraphSizes, nodes given: GivenNodes,
  _ build: (Graph, Multiset<UInt32, UInt32, Int>, ChecksumBox) -> Void
) -> Workload {
  let flow = Dataflow<UInt32>(seat.team, worker: seat.worker)
  let sums = ChecksumBox()
  let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
  let (nodes, nodeRecords) = flow.input(UInt32.self)
  build(edges, nodeRecords, sums)
  switch given {
  case .none: break
  case .root: if seat.worker == 0 { nodes.insert(0) }
  case .all: for node in 0..<UInt32(sizes.nodes) where seat.feeds(Int(node)) { nodes.insert(node) }
  }
  nodes.close()
  return workload(seat, flow, input, sums, sizes.stream) { Pair(UInt32($0.0), UInt32($0.1)) }
}
