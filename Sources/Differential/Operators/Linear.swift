// The operators that keep no state: each update is turned into others by itself, so the output at a time is made
// of the input at that time. They run when they are handed a run of updates and are not scheduled.

extension Multiset {
  /// Makes a collection from each run of this one. The closure appends to the run it is given, by way of `Emitter`.
  @inlinable func transform<Result: Record, Around: Timestamp, OutDiff: Difference>(
    in scope: Scope<Around>,
    _ body: @escaping (Updates<Data, Time, Diff>, Int, inout Emitter<Result, Around, OutDiff>) -> Void
  ) -> Multiset<Result, Around, OutDiff> {
    let outlet = Outlet<Result, Around, OutDiff>()
    subscribe { updates in
      var emitter = Emitter(outlet)
      for i in 0..<updates.count { body(updates, i, &emitter) }
      emitter.finish()
    }
    return Multiset<Result, Around, OutDiff>(scope: scope, ports: [outlet.port])
  }

  /// The records made by a function of each record. *(LINQ: Select)*
  ///
  /// - Complexity: O(1) an update.
  @inlinable public func map<Result: Record>(_ body: @escaping (Data) -> Result) -> Multiset<Result, Time, Diff> {
    transform(in: scope) { updates, i, out in
      out.append(body(updates.records[i]), updates.time(at: i), updates.difference(at: i))
    }
  }

  /// The records that satisfy a predicate. *(LINQ: Where)*
  ///
  /// - Complexity: O(1) an update.
  @inlinable public func filter(_ isIncluded: @escaping (Data) -> Bool) -> Multiset<Data, Time, Diff> {
    transform(in: scope) { updates, i, out in
      let data = updates.records[i]
      if isIncluded(data) { out.append(data, updates.time(at: i), updates.difference(at: i)) }
    }
  }

  /// All the records made from each record. *(LINQ: SelectMany)*
  ///
  /// - Complexity: O(1) an update and a record made.
  @inlinable public func flatMap<Results: Sequence>(
    _ body: @escaping (Data) -> Results
  ) -> Multiset<Results.Element, Time, Diff> where Results.Element: Record {
    transform(in: scope) { updates, i, out in
      for result in body(updates.records[i]) { out.append(result, updates.time(at: i), updates.difference(at: i)) }
    }
  }

  /// The records of both, with the sum of their multiplicities. *(LINQ: Concat)*
  ///
  /// - Precondition: Both belong to the same scope.
  /// - Complexity: Nothing: it is no operator at all.
  @inlinable public func concat(_ other: Multiset) -> Multiset {
    precondition(scope === other.scope, "collections are combined within one scope; enter or leave first")
    return Multiset(scope: scope, ports: ports + other.ports)
  }

  /// The records with their multiplicities negated.
  @inlinable public func negate() -> Multiset {
    transform(in: scope) { updates, i, out in
      out.append(updates.records[i], updates.time(at: i), .zero - updates.difference(at: i))
    }
  }

  /// The records of this, less those of the other. Multiplicities may become negative; see `threshold` for sets.
  @inlinable public func subtract(_ other: Multiset) -> Multiset { concat(other.negate()) }

  /// Shows each update to a closure on its way, as it is made: not consolidated.
  @inlinable public func inspect(_ body: @escaping (Update<Data, Time, Diff>) -> Void) -> Multiset {
    subscribe { updates in for i in 0..<updates.count { body(updates[i]) } }
    return self
  }

  /// Shows each run of updates to a closure on its way.
  @inlinable public func inspectRuns(_ body: @escaping (Updates<Data, Time, Diff>) -> Void) -> Multiset {
    subscribe(body)
    return self
  }

  /// The records moved to a later time.
  ///
  /// - Precondition: The function is monotone and its result is not before the time that it is given.
  @inlinable public func delay(_ body: @escaping (Data, Time) -> Time) -> Multiset {
    transform(in: scope) { updates, i, out in
      let time = updates.time(at: i)
      let later = body(updates.records[i], time)
      precondition(time.precedes(later), "delay cannot move a record to an earlier time")
      out.append(updates.records[i], later, updates.difference(at: i))
    }
  }

  /// The records that a function makes of each, each with a difference that multiplies the record's own.
  @inlinable public func explode<Results: Sequence, Result: Record>(
    _ body: @escaping (Data) -> Results
  ) -> Multiset<Result, Time, Diff> where Results.Element == (Result, Diff), Diff: Weight {
    transform(in: scope) { updates, i, out in
      for (result, weight) in body(updates.records[i]) {
        out.append(result, updates.time(at: i), updates.difference(at: i) * weight)
      }
    }
  }
}

/// Appends to a run and pushes it on whenever it is full. Lives on the stack of one activation.
@usableFromInline struct Emitter<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline let outlet: Outlet<Data, Time, Diff>
  @usableFromInline var run: Updates<Data, Time, Diff>

  @inlinable init(_ outlet: Outlet<Data, Time, Diff>) {
    self.outlet = outlet
    run = outlet.take()
  }

  @inlinable mutating func append(_ data: Data, _ time: Time, _ difference: Diff) {
    if run.isFull { outlet.spill(&run) }
    run.append(data, time, difference)
  }

  @inlinable mutating func finish() { outlet.flush(run) }
}
