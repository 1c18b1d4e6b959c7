extension Arrangement {
  /// Every pair of a record here and a record there with equal keys, made one by a function. *(LINQ: Join)*
  ///
  /// The difference of a result is the product of the two, at the least upper bound of their times.
  ///
  /// - Precondition: Both are seen from the same scope.
  /// - Complexity: For a change, a search in each batch of the other side's trace, and the results.
  @inlinable public func join<Other: Record, OtherLens: TimeLens, Result: Record>(
    _ other: Arrangement<Key, Other, Diff, OtherLens>, _ body: @escaping (Key, Value, Other) -> Result
  ) -> Multiset<Result, Lens.Seen, Diff> where OtherLens.Seen == Lens.Seen, Diff: Weight {
    precondition(scope === other.scope, "collections are combined within one scope; enter or leave first")
    let join = Join<Key, Value, Other, Lens, OtherLens, Diff, Result>(hub, other.hub, body)
    let scope = self.scope
    let index = scope.add("join") { join.run() }
    hub.readers.append { batch in
      join.left.append(batch)
      scope.activate(index)
    }
    other.hub.readers.append { batch in
      join.right.append(batch)
      scope.activate(index)
    }
    return Multiset(scope: scope, ports: [join.outlet.port])
  }
}

/// The state of a join: what has arrived and not been matched.
///
/// Each pair of updates is matched once, by the one that arrives later: what is new on the left meets what was there
/// before on the right; then what is new on the right meets everything on the left.
@usableFromInline
final class Join<
  Key: Record, Value: Record, Other: Record, Lens: TimeLens, OtherLens: TimeLens, Diff: Weight, Result: Record
> where Lens.Seen == OtherLens.Seen {
  @usableFromInline typealias Left = BatchColumns<Key, Value, Lens.Stored, Diff>
  @usableFromInline typealias Right = BatchColumns<Key, Other, OtherLens.Stored, Diff>
  @usableFromInline let leftHub: TraceHub<Key, Value, Lens.Stored, Diff>
  @usableFromInline let rightHub: TraceHub<Key, Other, OtherLens.Stored, Diff>
  @usableFromInline let body: (Key, Value, Other) -> Result
  @usableFromInline let outlet = Outlet<Result, Lens.Seen, Diff>()
  @usableFromInline var searches = 0
  @usableFromInline var read = 0
  @usableFromInline var left: [Batch<Key, Value, Lens.Stored, Diff>] = []
  @usableFromInline var right: [Batch<Key, Other, OtherLens.Stored, Diff>] = []

  @inlinable init(
    _ leftHub: TraceHub<Key, Value, Lens.Stored, Diff>, _ rightHub: TraceHub<Key, Other, OtherLens.Stored, Diff>,
    _ body: @escaping (Key, Value, Other) -> Result
  ) {
    self.leftHub = leftHub
    self.rightHub = rightHub
    self.body = body
  }

  @inlinable func run() {
    var out = Emitter(outlet)
    // The batches are fresh in their spines until the next ones arrive, after this operator's turn: so what
    // arrived on the right in this turn is exactly what `settled` leaves out.
    let before = right.isEmpty ? rightHub.spine.all : rightHub.spine.settled
    for batch in left {
      for columns in before { match(batch.columns, columns, &out) }
    }
    for batch in right {
      for columns in leftHub.spine.all { match(columns, batch.columns, &out) }
    }
    left.removeAll(keepingCapacity: true)
    right.removeAll(keepingCapacity: true)
    out.finish()
    leftHub.control.work.searches &+= searches
    leftHub.control.work.readUpdates &+= read
    searches = 0
    read = 0
  }

  /// Keys are looked up so many at a time: independent searches overlap their cache misses.
  @inlinable static var block: Int { 64 }

  /// Matches two batches: looks up the keys of the one with fewer in the other.
  @inlinable func match(_ a: Left, _ b: Right, _ out: inout Emitter<Result, Lens.Seen, Diff>) {
    var pairs = 0
    defer {
      searches &+= min(a.keyCount, b.keyCount)
      read &+= pairs
    }
    withUnsafeTemporaryAllocation(of: Range<Int>.self, capacity: Self.block) { found in
      let found = found.baseAddress!
      var start = 0
      if a.keyCount <= b.keyCount {
        while start < a.keyCount {
          let size = min(Self.block, a.keyCount &- start)
          for i in 0..<size { (found + i).initialize(to: b.rows(of: a.keys[start &+ i])) }
          for i in 0..<size where !found[i].isEmpty {
            multiply(a.keys[start &+ i], a, a.rows(at: start &+ i), b, found[i], &pairs, &out)
          }
          start &+= size
        }
      } else {
        while start < b.keyCount {
          let size = min(Self.block, b.keyCount &- start)
          for i in 0..<size { (found + i).initialize(to: a.rows(of: b.keys[start &+ i])) }
          for i in 0..<size where !found[i].isEmpty {
            multiply(b.keys[start &+ i], a, found[i], b, b.rows(at: start &+ i), &pairs, &out)
          }
          start &+= size
        }
      }
    }
  }

  @inlinable func multiply(
    _ key: Key, _ a: Left, _ first: Range<Int>, _ b: Right, _ second: Range<Int>,
    _ pairs: inout Int, _ out: inout Emitter<Result, Lens.Seen, Diff>
  ) {
    pairs &+= first.count &* second.count
    for i in first {
      let value = a.values[i]
      let time = Lens.view(a.time(i))
      let difference = a.difference(i)
      for j in second {
        out.append(
          body(key, value, b.values[j]), time.join(OtherLens.view(b.time(j))), difference * b.difference(j))
      }
    }
  }
}

extension Multiset where Diff: Weight {
  /// Joins two keyed collections. *(LINQ: Join)*
  @inlinable public func join<Key: Record, Value: Record, Other: Record, Result: Record>(
    _ other: Multiset<Pair<Key, Other>, Time, Diff>, _ body: @escaping (Key, Value, Other) -> Result
  ) -> Multiset<Result, Time, Diff> where Data == Pair<Key, Value> {
    arrangeByKey().join(other.arrangeByKey(), body)
  }

  /// The records whose key is in a collection of keys, times the multiplicity of the key there.
  @inlinable public func semijoin<Key: Record, Value: Record>(
    _ keys: Multiset<Key, Time, Diff>
  ) -> Multiset<Data, Time, Diff> where Data == Pair<Key, Value> {
    arrangeByKey().join(keys.arrangeBySelf()) { key, value, _ in Pair(key, value) }
  }

  /// The records whose key is not in a set of keys. *(LINQ: Except, by key)*
  ///
  /// - Precondition: No key is there more than once; make it a set by `distinct`.
  @inlinable public func antijoin<Key: Record, Value: Record>(
    _ keys: Multiset<Key, Time, Diff>
  ) -> Multiset<Data, Time, Diff> where Data == Pair<Key, Value> { subtract(semijoin(keys)) }
}
