extension Multiset where Diff == Int {
  /// How many nodes have each number of outgoing edges, as pairs of degree and count.
  @inlinable public func degreeDistribution<Node: Record>() -> Multiset<Pair<Int, Int>, Time, Int>
  where Data == Pair<Node, Node> { map { $0.first }.count().map { $0.second }.count() }

  /// The triangles of a graph without direction, each once as its three nodes in ascending order.
  ///
  /// Edges are taken from the lesser node to the greater and once; two that start alike are a triangle if an edge closes it.
  ///
  /// - Complexity: A changed edge costs the degrees of its ends, in edges to greater nodes.
  @inlinable public func triangles<Node: Record>() -> Multiset<Triple<Node, Node, Node>, Time, Int>
  where Data == Pair<Node, Node> {
    let ascending = filter { $0.first != $0.second }
      .map { $0.first < $0.second ? $0 : Pair($0.second, $0.first) }.distinct()
    let byLeast = ascending.arrangeByKey()
    let open = byLeast.join(byLeast) { least, middle, greatest in Pair(Pair(middle, greatest), least) }
      .filter { $0.first.first < $0.first.second }
    return open.arrangeByKey().join(ascending.arrangeBySelf()) { ends, least, _ in
      Pair(least, Pair(ends.first, ends.second))
    }
  }

  /// What to recommend to each user: items liked by others who like an item that the user likes, with the number of ways,
  /// less what the user likes already. The collection is of users and items.
  @inlinable public func recommendations<User: Record, Item: Record>() -> Multiset<
    Pair<Pair<User, Item>, Int>, Time, Int
  >
  where Data == Pair<User, Item> {
    let likes = distinct()
    let byUser = likes.arrangeByKey()
    let byItem = likes.map { Pair($0.second, $0.first) }.arrangeByKey()
    // The pairs of users with an item in common, once for each such item.
    let alike = byItem.join(byItem) { _, one, other in Pair(other, one) }.filter { $0.first != $0.second }
    let offers = alike.arrangeByKey().join(byUser) { _, user, item in Pair(user, item) }
    let known = likes.arrangeBySelf()
    let offered = offers.count()
    return offered.antijoinOn(known)
  }

  /// The pairs whose first is not in an arranged set.
  @inlinable func antijoinOn<Key: Record, Value: Record>(
    _ keys: Arrangement<Key, Unit, Int, SameTime<Time>>
  ) -> Multiset where Data == Pair<Key, Value> {
    subtract(arrangeByKey().join(keys) { key, value, _ in Pair(key, value) })
  }

  /// The pairs of one generation, from pairs of parent and child: a small Datalog program.
  ///
  /// ```
  /// same(x, y) :- parent(p, x), parent(p, y).
  /// same(x, y) :- parent(a, x), same(a, b), parent(b, y).
  /// ```
  @inlinable public func sameGeneration<Node: Record>() -> Multiset where Data == Pair<Node, Node> {
    let children = arrangeByKey()
    let siblings = children.join(children) { _, x, y in Pair(x, y) }
    return scope.loop { loop in
      let derived = Variable<Data, Time, UInt32, Int>(loop, isBuffered: false)
      let same = derived.collection.concat(siblings.enter(loop)).arrangeBySelf().distinctArranged()
      let entered = children.enter(loop)
      let half = same.asCollection { pair, _ in pair }.arrangeByKey()
        .join(entered) { _, b, x in Pair(b, x) }
      derived.set(half.arrangeByKey().join(entered) { _, x, y in Pair(x, y) })
      return same.asCollection { pair, _ in pair }.leave(scope)
    }
  }
}
