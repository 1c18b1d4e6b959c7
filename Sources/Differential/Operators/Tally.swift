/// Counting when times are totally ordered: for each changed key, the sum of its differences before and after.
@usableFromInline
final class Tally<
  Key: Record, Lens: TimeLens, Diff: Difference, Result: Record, OutDiff: Difference
> {
  @usableFromInline let hub: TraceHub<Key, Unit, Lens.Stored, Diff>
  @usableFromInline let body: (Key, Diff) -> (Result, OutDiff)?
  @usableFromInline let outlet = Outlet<Result, Lens.Seen, OutDiff>()
  @usableFromInline var arrived: [Batch<Key, Unit, Lens.Stored, Diff>] = []

  /// Keys are looked up so many at a time, batch by batch: independent searches overlap their cache misses.
  @inlinable static var block: Int { 256 }

  @inlinable init(_ hub: TraceHub<Key, Unit, Lens.Stored, Diff>, _ body: @escaping (Key, Diff) -> (Result, OutDiff)?) {
    self.hub = hub
    self.body = body
  }

  @inlinable func run() {
    var out = Emitter(outlet)
    let batches = arrived
    arrived.removeAll(keepingCapacity: true)
    var searches = 0
    var read = 0
    withUnsafeTemporaryAllocation(of: Diff.self, capacity: Self.block) { sums in
      let sums = sums.baseAddress!
      for batch in batches {
        let fresh = batch.columns
        let settled = hub.spine.settled
        searches &+= settled.count &* fresh.keyCount
        var start = 0
        while start < fresh.keyCount {
          let size = min(Self.block, fresh.keyCount - start)
          sums.initialize(repeating: .zero, count: size)
          for columns in settled {
            for i in 0..<size {
              let rows = columns.rows(of: fresh.keys[start &+ i])
              read &+= rows.count
              for row in rows { sums[i] += columns.difference(row) }
            }
          }
          for i in 0..<size { emitChanges(fresh, start &+ i, sums[i], &out) }
          start += size
        }
      }
    }
    out.finish()
    hub.control.work.searches &+= searches
    hub.control.work.readUpdates &+= read
  }

  /// Follows the sum of a key through the epochs of the batch; its rows are sorted by time.
  @inlinable func emitChanges(
    _ fresh: BatchColumns<Key, Unit, Lens.Stored, Diff>, _ index: Int, _ sum: Diff,
    _ out: inout Emitter<Result, Lens.Seen, OutDiff>
  ) {
    let key = fresh.keys[index]
    var sum = sum
    var old = sum == .zero ? nil : body(key, sum)
    for row in fresh.rows(at: index) {
      sum += fresh.difference(row)
      let new = sum == .zero ? nil : body(key, sum)
      let time = Lens.view(fresh.time(row))
      if let old, let new, old.0 == new.0 {
        let difference = new.1 - old.1
        if difference != .zero { out.append(new.0, time, difference) }
      } else {
        if let old, old.1 != .zero { out.append(old.0, time, .zero - old.1) }
        if let new, new.1 != .zero { out.append(new.0, time, new.1) }
      }
      old = new
    }
  }
}
