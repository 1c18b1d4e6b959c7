extension Multiset where Diff == Int {
  /// The rank of each node, as its multiplicity, after so many rounds of PageRank on the edges.
  ///
  /// Every node starts with 6,000,000 surfers. In a round five sixths of a node's surfers are divided evenly among its edges,
  /// in whole numbers, and 1,000,000 start anew at each node.
  ///
  /// - Complexity: A changed edge changes nearly every rank a little: this is a recomputation for all but the last digits.
  @inlinable public func pageRank<Node: Record>(rounds: UInt32) -> Multiset<Node, Time, Int>
  where Data == Pair<Node, Node> {
    let nodes = flatMap { [$0.first, $0.second] }.distinct()
    let degrees = map { $0.first }.count().arrangeByKey()
    let arranged = arrangeByKey()
    return scope.loop { loop in
      let entered = nodes.enter(loop)
      let fresh = entered.transform(in: loop) { updates, i, out in
        out.append(updates.records[i], updates.time(at: i), updates.difference(at: i) * 1_000_000)
      }
      let initial = entered.transform(in: loop) { updates, i, out in
        out.append(updates.records[i], updates.time(at: i), updates.difference(at: i) * 6_000_000)
      }
      let ranks = Variable<Node, Time, UInt32, Int>(loop, from: initial)
      let pushed = degrees.enter(loop).join(ranks.collection.arrangeBySelf()) { node, degree, _ in Pair(node, degree) }
        .arrangeBySelf().threshold { nodeAndDegree, rank in (5 * rank) / (6 * nodeAndDegree.second) }
        .map { $0.first }
      let moved = arranged.enter(loop).join(pushed.arrangeBySelf()) { _, next, _ in next }
        .concat(fresh).consolidate()
      let counted = moved.transform(in: loop) { updates, i, out in
        let time = updates.time(at: i)
        if time.inner < rounds { out.append(updates.records[i], time, updates.difference(at: i)) }
      }
      ranks.set(counted)
      return counted.leave(scope)
    }
  }
}
