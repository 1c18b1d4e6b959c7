/// Reads what an arrangement was at times that it is asked to keep apart.
///
/// As long as it lives, the trace tells epochs from ``since`` on apart. Advancing it lets batches shrink; earlier reads are errors then.
public final class History<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  private let hub: TraceHub<Key, Value, Time, Diff>
  /// The first epoch that can be read.
  public private(set) var since: Time.Epoch

  init(_ hub: TraceHub<Key, Value, Time, Diff>) {
    self.hub = hub
    since = hub.control.lower
    hub.hold(since, by: 1)
  }

  deinit { hub.hold(since, by: -1) }

  /// Gives up the epochs before the given one.
  ///
  /// - Precondition: It is not before ``since``.
  public func advance(to epoch: Time.Epoch) {
    precondition(epoch >= since, "a history cannot go back")
    hub.hold(epoch, by: 1)
    hub.hold(since, by: -1)
    since = epoch
  }

  /// The values of a key at a time, ascending.
  ///
  /// - Precondition: The time's epoch is complete and not before ``since``.
  /// - Complexity: A search, and the history of the key.
  public func values(of key: Key, at time: Time) -> [Counted<Value, Diff>] {
    checkReadable(time)
    var sums = Scratch<Counted<Value, Diff>>()
    defer { sums.deallocate() }
    for columns in hub.spine.all {
      for row in columns.rows(of: key) where columns.time(row).precedes(time) {
        sums.append(Counted(columns.values[row], columns.difference(row)))
      }
    }
    sums.consolidate()
    return Array(sums.buffer)
  }

  /// All records at a time with their multiplicities, in order.
  ///
  /// - Precondition: The time's epoch is complete and not before ``since``.
  /// - Complexity: O(n log n).
  public func records(at time: Time) -> [Counted<Pair<Key, Value>, Diff>] {
    checkReadable(time)
    var sums = Scratch<Counted<Pair<Key, Value>, Diff>>()
    defer { sums.deallocate() }
    for columns in hub.spine.all {
      for index in 0..<columns.keyCount {
        for row in columns.rows(at: index) where columns.time(row).precedes(time) {
          sums.append(Counted(Pair(columns.keys[index], columns.values[row]), columns.difference(row)))
        }
      }
    }
    sums.consolidate()
    return Array(sums.buffer)
  }

  private func checkReadable(_ time: Time) {
    precondition(time.epoch >= since, "this epoch has been given up")
    precondition(time.epoch < hub.control.lower, "this epoch is not complete yet")
  }
}

extension TraceHub {
  /// Has an epoch kept apart from earlier ones once more, or once less.
  func hold(_ epoch: Time.Epoch, by difference: Int) {
    if let original {
      original.hold(epoch, by: difference)
      return
    }
    holds.update(epoch, by: difference)
    leastHeld = holds.frontier.elements.first
  }
}

extension Arrangement {
  /// A reader of what the arrangement is from now on, at any time that it holds on to, with the times of the scope that made it.
  public func history() -> History<Key, Value, Lens.Stored, Diff> { History(hub) }
}
