/// What an arrangement held at one moment, gone over a piece at a time, while the arrangement goes on.
///
/// The batches that it goes over are kept until it is done with them.
public final class Review<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  private var batches: [Batch<Key, Value, Time, Diff>]
  /// Which key of the first batch is next.
  private var next = 0

  init(_ batches: [Batch<Key, Value, Time, Diff>]) { self.batches = batches.reversed() }

  /// Whether all has been gone over.
  public var isDone: Bool { batches.isEmpty }

  /// Goes over about so many updates, at least one key: the oldest first, a record perhaps several times.
  ///
  /// - Complexity: O(rows).
  public func goOn(_ rows: Int, _ body: (Key, Value, Diff) -> Void) {
    var left = rows
    while left > 0, let batch = batches.last {
      let columns = batch.columns
      while left > 0, next < columns.keyCount {
        let key = columns.keys[next]
        let rows = columns.rows(at: next)
        for row in rows { body(key, columns.values[row], columns.difference(row)) }
        left -= rows.count
        next += 1
      }
      guard next == columns.keyCount else { return }
      batches.removeLast()
      next = 0
    }
  }
}

extension Arrangement {
  /// What it holds now, between steps.
  public func review() -> Review<Key, Value, Lens.Stored, Diff> {
    hub.settle()
    return Review(hub.spine.batches.map(\.batch))
  }
}
