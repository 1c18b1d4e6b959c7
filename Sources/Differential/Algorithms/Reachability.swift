/// The edges of a directed graph: from the first to the second.
public typealias Edges<Node: Record, Time: Timestamp> = Multiset<Pair<Node, Node>, Time, Int>

extension Multiset where Diff == Int {
  /// The nodes that some way along edges leads to from one of these, and these.
  ///
  /// - Complexity: A change of an edge costs the nodes whose reach, in rounds, it changes, and their edges.
  @inlinable public func reachable(along edges: Edges<Data, Time>) -> Multiset {
    let arranged = edges.arrangeByKey()
    return scope.loop { loop in
      let found = Variable<Data, Time, UInt32, Int>(loop, isBuffered: false)
      // The result of `distinct` is read by the join from the trace that `distinct` keeps: no second copy.
      let reached = found.collection.concat(enter(loop)).arrangeBySelf().distinctArranged()
      found.set(reached.join(arranged.enter(loop)) { _, _, next in next })
      return reached.asCollection { node, _ in node }.leave(scope)
    }
  }

  /// Each node that these lead to, with the least number of edges on the way.
  ///
  /// - Complexity: As `reachable`, counting changes of distances.
  @inlinable public func distances(along edges: Edges<Data, Time>) -> Multiset<Pair<Data, UInt32>, Time, Int> {
    let arranged = edges.arrangeByKey()
    return scope.loop { loop in
      let proposals = Variable<Pair<Data, UInt32>, Time, UInt32, Int>(loop, isBuffered: false)
      let roots = enter(loop).map { Pair($0, UInt32(0)) }
      let nearest = proposals.collection.concat(roots).arrangeByKey().reduceArranged(by: LeastReduction())
      proposals.set(nearest.join(arranged.enter(loop)) { _, distance, next in Pair(next, distance + 1) })
      return nearest.asCollection().leave(scope)
    }
  }

  /// Each node that these lead to, with the least sum of the weights of edges on the way: shortest paths.
  ///
  /// Sums enter the loop in the order of their size, in steps of `step`: as in a bucket queue, long ways that a short
  /// one makes useless are mostly never tried.
  ///
  /// - Parameter edges: From node to node, with a weight.
  @inlinable public func shortestPaths(
    along edges: Multiset<Pair<Data, Pair<Data, UInt32>>, Time, Int>, step: UInt32 = 64
  ) -> Multiset<Pair<Data, UInt32>, Time, Int> {
    let arranged = edges.arrangeByKey()
    return scope.loop { loop in
      let proposals = Variable<Pair<Data, UInt32>, Time, UInt32, Int>(loop, isBuffered: false)
      let roots = enter(loop).map { Pair($0, UInt32(0)) }
      // A sum waits for the round of its bucket; within a bucket each further edge takes a round.
      let waiting = proposals.collection.delay { proposal, time in
        Product(time.outer, Swift.max(time.inner, proposal.second / step))
      }
      let nearest = waiting.concat(roots).arrangeByKey().reduceArranged(by: LeastReduction())
      proposals.set(
        nearest.join(arranged.enter(loop)) { _, sum, edge in Pair(edge.first, sum + edge.second) })
      return nearest.asCollection().leave(scope)
    }
  }
}

extension Multiset where Diff == Int {
  /// Every pair of nodes that some way of one edge or more leads from one to the other.
  @inlinable public func transitiveClosure<Node: Record>() -> Multiset where Data == Pair<Node, Node> {
    let arranged = arrangeByKey()
    return scope.loop { loop in
      let longer = Variable<Data, Time, UInt32, Int>(loop, isBuffered: false)
      let ways = longer.collection.concat(enter(loop)).arrangeBySelf().distinctArranged()
      let byEnd = ways.asCollection { way, _ in Pair(way.second, way.first) }.arrangeByKey()
      longer.set(byEnd.join(arranged.enter(loop)) { _, start, end in Pair(start, end) })
      return ways.asCollection { way, _ in way }.leave(scope)
    }
  }
}
