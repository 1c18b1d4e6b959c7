extension Arrangement {
  /// Maintains a reduction of each key's group, and makes a record of each result. *(LINQ: GroupBy)*
  ///
  /// The algorithm is chosen by the type of time: without loops the cheap one, with loops the exact one for partial orders.
  ///
  /// - Complexity: For each changed key, and within loops each time at which it could differ, a search in each batch and the
  ///   part of the group that the reduction reaches for.
  @inlinable public func reduce<R: Reduction, Result: Record>(
    by reduction: R, _ result: @escaping (Key, R.Output) -> Result
  ) -> Multiset<Result, Lens.Seen, R.OutDiff> where R.Key == Key, R.Value == Value, R.Diff == Diff {
    guard Lens.Seen.isTotallyOrdered else {
      return reduceArranged(by: reduction).asCollection(result)
    }
    let node = TotalReduce<Lens, R, Result>(hub, reduction, result)
    let scope = self.scope
    let index = scope.add("reduce") { node.run() }
    hub.readers.append { batch in
      node.arrived.append(batch)
      scope.activate(index)
    }
    return Multiset(scope: scope, ports: [node.outlet.port])
  }

  /// Maintains a reduction of each key's group, arranged by the same key: the trace that the reduction itself needs in
  /// loops, to be read by others without a second copy.
  ///
  /// - Parameter name: What the trace is called in checkpoints; see ``Scope/named(_:_:)``.
  @inlinable public func reduceArranged<R: Reduction>(
    by reduction: R, name: String? = nil
  ) -> Arrangement<Key, R.Output, R.OutDiff, SameTime<Lens.Seen>>
  where R.Key == Key, R.Value == Value, R.Diff == Diff {
    let node = GeneralReduce<Lens, R>(hub, reduction, scope, name: name)
    let scope = self.scope
    let index = scope.add("reduce") { node.run() }
    node.index = index
    hub.readers.append { batch in
      node.arrived.append(batch)
      scope.activate(index)
    }
    return Arrangement<Key, R.Output, R.OutDiff, SameTime<Lens.Seen>>(scope: scope, hub: node.output)
  }

  /// Maintains any function from a group to results.
  ///
  /// - Precondition: The closure is a function: the same group gives the same results.
  @inlinable public func reduce<Output: Record, OutDiff: Difference>(
    _ body: @escaping (Key, Group<Value, Diff>, inout Results<Output, OutDiff>) -> Void
  ) -> Multiset<Pair<Key, Output>, Lens.Seen, OutDiff> {
    reduce(by: ClosureReduction(body)) { Pair($0, $1) }
  }
}

extension Arrangement where Value == Unit {
  /// How often each key is there, by a function to a result and its difference; nothing for none.
  ///
  /// Times totally ordered: a running sum a key, and no trace of the output.
  @inlinable func tally<Output: Record, OutDiff: Difference, Result: Record>(
    _ body: @escaping (Key, Diff) -> (Output, OutDiff)?, _ result: @escaping (Key, Output) -> Result
  ) -> Multiset<Result, Lens.Seen, OutDiff> {
    guard Lens.Seen.isTotallyOrdered else {
      return reduce(
        by: ClosureReduction<Key, Unit, Diff, Output, OutDiff> { key, group, results in
          if let (output, difference) = body(key, group[0].difference) { results.append(output, difference) }
        }, result)
    }
    let node = Tally<Key, Lens, Diff, Result, OutDiff>(hub) { key, count in
      body(key, count).map { (result(key, $0.0), $0.1) }
    }
    let scope = self.scope
    let index = scope.add("tally") { node.run() }
    hub.readers.append { batch in
      node.arrived.append(batch)
      scope.activate(index)
    }
    return Multiset(scope: scope, ports: [node.outlet.port])
  }

  /// Each key with how often it is there. *(LINQ: GroupBy and Count)*
  @inlinable public func count() -> Multiset<Pair<Key, Diff>, Lens.Seen, Int> where Diff: Record {
    tally({ _, count in (count, 1) }, { Pair($0, $1) })
  }

  /// Each key as often as a function of its multiplicity says.
  @inlinable public func threshold<OutDiff: Difference>(
    _ body: @escaping (Key, Diff) -> OutDiff
  ) -> Multiset<Key, Lens.Seen, OutDiff> {
    tally({ key, count in (Unit(), body(key, count)) }, { key, _ in key })
  }
}

extension Arrangement where Value == Unit {
  /// Each key as often as a function of its multiplicity says, arranged: the trace that this needs in loops anyway.
  @inlinable public func thresholdArranged<OutDiff: Difference>(
    _ body: @escaping (Key, Diff) -> OutDiff
  ) -> Arrangement<Key, Unit, OutDiff, SameTime<Lens.Seen>> {
    reduceArranged(
      by: ClosureReduction<Key, Unit, Diff, Unit, OutDiff> { key, group, results in
        results.append(Unit(), body(key, group[0].difference))
      })
  }
}

extension Arrangement where Value == Unit, Diff == Int {
  /// Each key that is there, once, arranged.
  @inlinable public func distinctArranged() -> Arrangement<Key, Unit, Int, SameTime<Lens.Seen>> {
    reduceArranged(by: PresenceReduction<Key>())
  }

  /// Each key that is there, once. *(LINQ: Distinct)*
  @inlinable public func distinct() -> Multiset<Key, Lens.Seen, Int> {
    guard Lens.Seen.isTotallyOrdered else { return distinctArranged().asCollection { key, _ in key } }
    return threshold { $1 > 0 ? 1 : 0 }
  }
}

extension Multiset {
  /// Each record with how often it is there. *(LINQ: GroupBy and Count)*
  @inlinable public func count() -> Multiset<Pair<Data, Diff>, Time, Int> where Diff: Record { arrangeBySelf().count() }

  /// Each record as often as a function of its multiplicity says; it is not asked about records that are not there.
  @inlinable public func threshold<OutDiff: Difference>(
    _ body: @escaping (Data, Diff) -> OutDiff
  ) -> Multiset<Data, Time, OutDiff> { arrangeBySelf().threshold(body) }

  /// Maintains any function from the group of a key to results. *(LINQ: GroupBy)*
  @inlinable public func reduce<Key: Record, Value: Record, Output: Record, OutDiff: Difference>(
    _ body: @escaping (Key, Group<Value, Diff>, inout Results<Output, OutDiff>) -> Void
  ) -> Multiset<Pair<Key, Output>, Time, OutDiff> where Data == Pair<Key, Value> { arrangeByKey().reduce(body) }
}

extension Multiset where Diff == Int {
  /// Each record that is there, once. *(LINQ: Distinct)*
  @inlinable public func distinct() -> Multiset { arrangeBySelf().distinct() }

  /// The least value of each key. *(LINQ: GroupBy and Min)*
  @inlinable public func min<Key: Record, Value: Record>() -> Multiset<Data, Time, Int> where Data == Pair<Key, Value> {
    arrangeByKey().reduce(by: LeastReduction<Key, Value>()) { Pair($0, $1) }
  }

  /// The greatest value of each key. *(LINQ: GroupBy and Max)*
  @inlinable public func max<Key: Record, Value: Record>() -> Multiset<Data, Time, Int> where Data == Pair<Key, Value> {
    top(1)
  }

  /// The greatest values of each key, so many of them counted with multiplicity. *(LINQ: GroupBy and Take)*
  @inlinable public func top<Key: Record, Value: Record>(
    _ count: Int
  ) -> Multiset<Data, Time, Int> where Data == Pair<Key, Value> {
    arrangeByKey().reduce(by: GreatestReduction<Key, Value>(count: count)) { Pair($0, $1) }
  }

  /// The sum of the values of each key; a key whose records are gone has none.
  ///
  /// - Precondition: Sums fit an `Int`.
  @inlinable public func sum<Key: Record>() -> Multiset<Pair<Key, Int>, Time, Int> where Data == Pair<Key, Int> {
    // The sum is kept in the difference, beside the count, so that a group is never read again.
    let weighted = transform(in: scope) { updates, i, out in
      let difference = updates.difference(at: i)
      out.append(
        updates.records[i].first, updates.time(at: i),
        DifferencePair(difference, difference * updates.records[i].second))
    }
    return weighted.arrangeBySelf().tally({ _, total in (total.second, 1) }, { Pair($0, $1) })
  }
}
