/// Where a closure puts the records that it makes of one: any number, of two kinds.
public struct Expansion<Main: Record, Side: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline var main: Emitter<Main, Time, Diff>
  @usableFromInline var side: Emitter<Side, Time, Diff>
  @usableFromInline var time: Time
  @usableFromInline var difference: Diff

  @inlinable init(main: Emitter<Main, Time, Diff>, side: Emitter<Side, Time, Diff>) {
    self.main = main
    self.side = side
    time = .minimum
    difference = .zero
  }

  /// Adds a record to the main collection. A view need not outlive the call.
  @inlinable public mutating func append(_ record: Main) { main.append(record, time, difference) }

  /// Adds a record to the collection on the side.
  @inlinable public mutating func appendAside(_ record: Side) { side.append(record, time, difference) }
}

extension Multiset {
  /// Two collections at once, of the records that a function makes of each record: results and, say, complaints.
  ///
  /// - Complexity: O(1) an update and a record made.
  @inlinable public func expand<Main: Record, Side: Record>(
    _ body: @escaping (Data, inout Expansion<Main, Side, Time, Diff>) -> Void
  ) -> (main: Multiset<Main, Time, Diff>, side: Multiset<Side, Time, Diff>) {
    let main = Outlet<Main, Time, Diff>()
    let side = Outlet<Side, Time, Diff>()
    subscribe { updates in
      var expansion = Expansion(main: Emitter(main), side: Emitter(side))
      for i in 0..<updates.count {
        expansion.time = updates.time(at: i)
        expansion.difference = updates.difference(at: i)
        body(updates.records[i], &expansion)
      }
      expansion.main.finish()
      expansion.side.finish()
    }
    return (
      Multiset<Main, Time, Diff>(scope: scope, ports: [main.port]),
      Multiset<Side, Time, Diff>(scope: scope, ports: [side.port])
    )
  }

  /// The records that a function makes of each, with differences of another group: a sum to keep beside a count, say.
  ///
  /// Law: the function is linear in the difference.
  ///
  /// - Complexity: O(1) an update.
  @inlinable public func weigh<Result: Record, OutDiff: Difference>(
    _ body: @escaping (Data, Diff) -> (Result, OutDiff)
  ) -> Multiset<Result, Time, OutDiff> {
    transform(in: scope) { updates, i, out in
      let (result, difference) = body(updates.records[i], updates.difference(at: i))
      out.append(result, updates.time(at: i), difference)
    }
  }
}
