/// One change: at `time`, the multiplicity of `data` changes by `difference`.
public struct Update<Data: Record, Time: Timestamp, Diff: Difference>: Equatable, Sendable {
  /// The record.
  public var data: Data
  /// From when on its multiplicity is another.
  public var time: Time
  /// By how much.
  public var difference: Diff

  /// A change of a record at a time.
  @inlinable public init(_ data: Data, _ time: Time, _ difference: Diff) {
    self.data = data
    self.time = time
    self.difference = difference
  }
}

/// Sorts updates by record and time, adds up those alike and drops those that come to nothing.
///
/// - Complexity: O(n log n). The engine's own paths use radix sorts; this is for readers of results and for tests.
public func consolidated<D: Record, T: Timestamp, R: Difference>(_ updates: [Update<D, T, R>]) -> [Update<D, T, R>] {
  let sorted = updates.sorted { $0.data == $1.data ? $0.time < $1.time : $0.data < $1.data }
  var result: [Update<D, T, R>] = []
  for update in sorted {
    if let last = result.last, last.data == update.data, last.time == update.time {
      result[result.count - 1].difference += update.difference
    } else {
      if let last = result.last, last.difference == .zero { result.removeLast() }
      result.append(update)
    }
  }
  if let last = result.last, last.difference == .zero { result.removeLast() }
  return result
}

/// A run of updates in columns, in flight between operators.
///
/// While all times, or all differences, are alike they are held once and take no room; the columns are made at the
/// first that differs. The memory is owned by whoever made the run and is freed by ``deallocate()``; whoever is shown a run
/// copies what it keeps; records that are views point into it. It is a plain value so that inner loops can work on a local copy without exclusivity checks.
public struct Updates<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline var records: Column<Data>
  @usableFromInline var timeColumn: UnsafeMutablePointer<Time>?
  @usableFromInline var differenceColumn: UnsafeMutablePointer<Diff>?
  @usableFromInline var commonTime: Time
  @usableFromInline var commonDifference: Diff
  @usableFromInline var filled: Int
  @usableFromInline var capacity: Int

  /// An empty run with room for so many updates.
  @inlinable public init(capacity: Int) {
    records = Column(capacity: capacity)
    timeColumn = nil
    differenceColumn = nil
    commonTime = .minimum
    commonDifference = .zero
    filled = 0
    self.capacity = capacity
  }

  /// Frees the memory. The run may not be used afterwards.
  @inlinable public func deallocate() {
    records.deallocate()
    timeColumn?.deallocate()
    differenceColumn?.deallocate()
  }

  /// How many updates there are.
  @inlinable public var count: Int { filled }
  /// Whether there are none.
  @inlinable public var isEmpty: Bool { filled == 0 }
  @inlinable var isFull: Bool { count == capacity }

  /// Whether all updates have the same time.
  @inlinable public var hasCommonTime: Bool { timeColumn == nil }
  /// Whether all updates have the same difference.
  @inlinable public var hasCommonDifference: Bool { differenceColumn == nil }

  /// The record of an update.
  @inlinable public func data(at index: Int) -> Data { records[index] }
  /// The time of an update.
  @inlinable public func time(at index: Int) -> Time { timeColumn.map { $0[index] } ?? commonTime }
  /// The difference of an update.
  @inlinable public func difference(at index: Int) -> Diff { differenceColumn.map { $0[index] } ?? commonDifference }

  /// The update at an index.
  @inlinable public subscript(index: Int) -> Update<Data, Time, Diff> {
    Update(data(at: index), time(at: index), difference(at: index))
  }

  /// Adds an update.
  ///
  /// - Precondition: There is room.
  @inlinable public mutating func append(_ data: Data, _ time: Time, _ difference: Diff) {
    let at = count
    records.put(data, at: at)
    if let column = timeColumn {
      column[at] = time
    } else if time != commonTime {
      separateTimes(time)
    }
    if let column = differenceColumn {
      column[at] = difference
    } else if difference != commonDifference {
      separateDifferences(difference)
    }
    filled = at + 1
  }

  @inlinable @inline(never) mutating func separateTimes(_ time: Time) {
    if count == 0 {
      commonTime = time
      return
    }
    let column = UnsafeMutablePointer<Time>.allocate(capacity: capacity)
    column.initialize(repeating: commonTime, count: count)
    column[count] = time
    timeColumn = column
  }

  @inlinable @inline(never) mutating func separateDifferences(_ difference: Diff) {
    if count == 0 {
      commonDifference = difference
      return
    }
    let column = UnsafeMutablePointer<Diff>.allocate(capacity: capacity)
    column.initialize(repeating: commonDifference, count: count)
    column[count] = difference
    differenceColumn = column
  }

  /// Forgets the updates and keeps the room.
  @inlinable public mutating func removeAll() {
    filled = 0
    if Data.isView { records.arena.removeAll() }
    timeColumn?.deallocate()
    differenceColumn?.deallocate()
    timeColumn = nil
    differenceColumn = nil
  }

  /// Adds a part of another run, as much as there is room for.
  ///
  /// - Returns: How many updates were taken.
  @inlinable mutating func append(from other: Updates, start: Int) -> Int {
    let taken = min(capacity - count, other.count - start)
    guard taken > 0 else { return 0 }
    records.append(taken, of: other.records, from: start, at: count)
    if let theirs = other.timeColumn {
      ensureTimeColumn()
      (timeColumn! + count).initialize(from: theirs + start, count: taken)
    } else if timeColumn != nil || (count > 0 && commonTime != other.commonTime) {
      ensureTimeColumn()
      (timeColumn! + count).initialize(repeating: other.commonTime, count: taken)
    } else {
      commonTime = other.commonTime
    }
    if let theirs = other.differenceColumn {
      ensureDifferenceColumn()
      (differenceColumn! + count).initialize(from: theirs + start, count: taken)
    } else if differenceColumn != nil || (count > 0 && commonDifference != other.commonDifference) {
      ensureDifferenceColumn()
      (differenceColumn! + count).initialize(repeating: other.commonDifference, count: taken)
    } else {
      commonDifference = other.commonDifference
    }
    filled += taken
    return taken
  }

  @inlinable mutating func ensureTimeColumn() {
    guard timeColumn == nil else { return }
    let column = UnsafeMutablePointer<Time>.allocate(capacity: capacity)
    column.initialize(repeating: commonTime, count: count)
    timeColumn = column
  }

  @inlinable mutating func ensureDifferenceColumn() {
    guard differenceColumn == nil else { return }
    let column = UnsafeMutablePointer<Diff>.allocate(capacity: capacity)
    column.initialize(repeating: commonDifference, count: count)
    differenceColumn = column
  }
}

extension Updates {
  /// Moves to wider memory; all differences are in a column afterwards.
  @inlinable mutating func grow(to capacity: Int) {
    records.grow(from: filled, to: capacity)
    let wider = UnsafeMutablePointer<Diff>.allocate(capacity: capacity)
    if let differenceColumn {
      wider.moveInitialize(from: differenceColumn, count: filled)
      differenceColumn.deallocate()
    } else {
      wider.initialize(repeating: commonDifference, count: filled)
    }
    differenceColumn = wider
    self.capacity = capacity
  }
}

/// Updates at rest, in runs of growing size: appending never copies what is there already.
@usableFromInline struct UpdateList<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline var runs: [Updates<Data, Time, Diff>] = []
  @usableFromInline var count = 0

  @inlinable init() {}

  /// The largest run. Runs of this size are returned to the system when they are freed.
  @inlinable static var largestRun: Int { 1 << 18 }

  @inlinable mutating func append(_ updates: Updates<Data, Time, Diff>) {
    var start = 0
    while start < updates.count {
      if let last = runs.indices.last, !runs[last].isFull {
        start += runs[last].append(from: updates, start: start)
      } else {
        let wanted = max(updates.count - start, count, 16)
        runs.append(Updates(capacity: min(wanted, Self.largestRun)))
      }
    }
    count += updates.count
  }

  @inlinable mutating func append(_ data: Data, _ time: Time, _ difference: Diff) {
    if runs.isEmpty || runs[runs.count - 1].isFull {
      runs.append(Updates(capacity: min(max(count, 16), Self.largestRun)))
    }
    runs[runs.count - 1].append(data, time, difference)
    count += 1
  }

  /// Takes over a run with its memory.
  @inlinable mutating func append(owning run: Updates<Data, Time, Diff>) {
    runs.append(run)
    count += run.count
  }

  @inlinable func deallocate() {
    for run in runs { run.deallocate() }
  }
}
