import Differential

/// Sequential algorithms on a multigraph, written for being evidently right.
struct Oracle {
  typealias Edge = Pair<UInt32, UInt32>
  var edges: [Edge: Int] = [:]

  mutating func change(_ edge: Edge, by difference: Int) {
    let count = edges[edge, default: 0] + difference
    edges[edge] = count == 0 ? nil : count
  }

  var nodes: Set<UInt32> { Set(edges.keys.flatMap { [$0.first, $0.second] }) }

  func successors(reversed: Bool = false) -> [UInt32: [UInt32]] {
    var result: [UInt32: [UInt32]] = [:]
    for edge in edges.keys {
      if reversed {
        result[edge.second, default: []].append(edge.first)
      } else {
        result[edge.first, default: []].append(edge.second)
      }
    }
    return result
  }

  func distances(from root: UInt32) -> [UInt32: UInt32] {
    let next = successors()
    var distance: [UInt32: UInt32] = [root: 0]
    var queue = [root]
    var at = 0
    while at < queue.count {
      for node in next[queue[at]] ?? [] where distance[node] == nil {
        distance[node] = distance[queue[at]]! + 1
        queue.append(node)
      }
      at += 1
    }
    return distance
  }

  /// Bellman and Ford's, until nothing changes.
  func shortestPaths(from root: UInt32, weight: (Edge) -> UInt32) -> [UInt32: UInt32] {
    var best: [UInt32: UInt32] = [root: 0]
    var changed = true
    while changed {
      changed = false
      for edge in edges.keys {
        guard let sum = best[edge.first] else { continue }
        if sum + weight(edge) < best[edge.second] ?? .max {
          best[edge.second] = sum + weight(edge)
          changed = true
        }
      }
    }
    return best
  }

  func components(of nodes: Set<UInt32>) -> [UInt32: UInt32] {
    var label = Dictionary(uniqueKeysWithValues: nodes.union(self.nodes).map { ($0, $0) })
    var changed = true
    while changed {
      changed = false
      for edge in edges.keys where label[edge.first] != label[edge.second] {
        let least = min(label[edge.first]!, label[edge.second]!)
        label[edge.first] = least
        label[edge.second] = least
        changed = true
      }
    }
    return label
  }

  var closure: Set<Edge> {
    var pairs: Set<Edge> = []
    for node in nodes {
      for next in successors()[node] ?? [] { for end in distances(from: next).keys { pairs.insert(Pair(node, end)) } }
    }
    return pairs
  }

  var stronglyConnected: [Edge: Int] {
    let reach = Dictionary(uniqueKeysWithValues: nodes.map { ($0, Set(distances(from: $0).keys)) })
    return edges.filter { reach[$0.key.second]!.contains($0.key.first) }
  }

  func core(_ k: Int) -> [Edge: Int] {
    var kept = edges
    while true {
      var degree: [UInt32: Int] = [:]
      for (edge, count) in kept {
        degree[edge.first, default: 0] += count
        degree[edge.second, default: 0] += count
      }
      let next = kept.filter { degree[$0.key.first]! >= k && degree[$0.key.second]! >= k }
      if next.count == kept.count { return kept }
      kept = next
    }
  }

  var triangles: Set<Triple<UInt32, UInt32, UInt32>> {
    var linked: Set<Edge> = []
    for edge in edges.keys {
      linked.insert(edge)
      linked.insert(Pair(edge.second, edge.first))
    }
    var found: Set<Triple<UInt32, UInt32, UInt32>> = []
    for a in nodes {
      for b in nodes where a < b && linked.contains(Pair(a, b)) {
        for c in nodes where b < c && linked.contains(Pair(a, c)) && linked.contains(Pair(b, c)) {
          found.insert(Pair(a, Pair(b, c)))
        }
      }
    }
    return found
  }

  func pageRank(rounds: UInt32) -> [UInt32: Int] {
    var ranks = Dictionary(uniqueKeysWithValues: nodes.map { ($0, 6_000_000) })
    var degree: [UInt32: Int] = [:]
    for (edge, count) in edges { degree[edge.first, default: 0] += count }
    for _ in 0..<rounds {
      var next = Dictionary(uniqueKeysWithValues: nodes.map { ($0, 1_000_000) })
      for (edge, count) in edges {
        next[edge.second]! += count * ((5 * ranks[edge.first]!) / (6 * degree[edge.first]!))
      }
      ranks = next
    }
    return ranks
  }

  /// Pairs of one generation, edges being from parent to child.
  var sameGeneration: Set<Edge> {
    var same: Set<Edge> = []
    let children = successors()
    for (_, all) in children { for x in all { for y in all { same.insert(Pair(x, y)) } } }
    while true {
      var more = same
      for pair in same {
        for x in children[pair.first] ?? [] { for y in children[pair.second] ?? [] { more.insert(Pair(x, y)) } }
      }
      if more.count == same.count { return same }
      same = more
    }
  }

  /// Users are the first, items the second of each edge.
  var recommendations: [Pair<Edge, Int>: Int] {
    var ways: [Edge: Int] = [:]
    for one in edges.keys {
      for other in edges.keys where other.second == one.second && other.first != one.first {
        for offer in edges.keys where offer.first == other.first {
          ways[Pair(one.first, offer.second), default: 0] += 1
        }
      }
    }
    var result: [Pair<Edge, Int>: Int] = [:]
    for (pair, count) in ways where edges[pair] == nil { result[Pair(pair, count)] = 1 }
    return result
  }
}
