import Differential

/// Runs one of the library's further algorithms, for which there are no figures of others; false if there is none of that name.
///
/// They have the arguments of the workloads over graphs, and show by two sizes that what a change costs does not follow the size.
func runExample(_ name: String, _ arguments: WorkloadArguments) throws -> Bool {
  let sizes = try GraphSizes(arguments)
  let schedule = try Schedule(load: try arguments.number("m", default: 5_000_000), arguments)
  switch name {
  case "degrees":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .none) { edges, _, sums in
        collect(edges.degreeDistribution(), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  case "closure":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .none) { edges, _, sums in
        collect(edges.transitiveClosure(), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  case "triangles":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .none) { edges, _, sums in
        collect(edges.triangles(), sums) {
          Checksum.mix(UInt64($0.first), Checksum.mix(UInt64($0.second.first), UInt64($0.second.second)))
        }
      }
    }
  case "sssp":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .root) { edges, roots, sums in
        // Weights from 1 to 100 that an edge has by itself.
        let weighted = edges.map { Pair($0.first, Pair($0.second, UInt32(finalize($0.radix) % 100) + 1)) }
        collect(roots.shortestPaths(along: weighted), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  case "generations":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .none) { edges, _, sums in
        // From the lesser to the greater: nobody is among the own ancestors.
        let parents = edges.filter { $0.first != $0.second }
          .map { $0.first < $0.second ? $0 : Pair($0.second, $0.first) }
        collect(parents.sameGeneration(), sums) { Checksum.mix(UInt64($0.first), UInt64($0.second)) }
      }
    }
  case "recommend":
    run(name, schedule) { seat in
      graph(seat, sizes, nodes: .none) { likes, _, sums in
        collect(likes.recommendations(), sums) {
          Checksum.mix(Checksum.mix(UInt64($0.first.first), UInt64($0.first.second)), UInt64($0.second))
        }
      }
    }
  default: return false
  }
  return true
}
