/// The columns of a batch: pointers that inner loops read without touching a reference count.
///
/// Rows are sorted by key, value and time; `offsets[k]..<offsets[k + 1]` are the rows of key `k`. Columns whose entries are all
/// alike are not there: without `offsets` each key has one row, without `times` or `differences` the common one holds.
///
/// Valid as long as the ``Batch`` it came from is alive.
@usableFromInline struct BatchColumns<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline var keys: Column<Key>
  @usableFromInline var offsets: UnsafeMutablePointer<UInt32>?
  @usableFromInline var values: Column<Value>
  @usableFromInline var times: UnsafeMutablePointer<Time>?
  @usableFromInline var differences: UnsafeMutablePointer<Diff>?
  @usableFromInline var commonTime: Time
  @usableFromInline var commonDifference: Diff
  @usableFromInline var keyCount: Int
  @usableFromInline var rowCount: Int
  /// `directory[b]..<directory[b + 1]` are the keys whose radix, from `leastRadix` on, is in bucket `b`.
  @usableFromInline var directory: UnsafeMutablePointer<UInt32>?
  @usableFromInline var leastRadix: UInt64
  @usableFromInline var mostRadix: UInt64
  @usableFromInline var directoryShift: UInt64
  /// From where on the radices of keys are taken: all keys of the batch agree before it. 0 unless keys are views.
  @usableFromInline var radixPosition: Int

  @inlinable init(
    keys: Column<Key>, offsets: UnsafeMutablePointer<UInt32>?, values: Column<Value>,
    times: UnsafeMutablePointer<Time>?, differences: UnsafeMutablePointer<Diff>?, commonTime: Time,
    commonDifference: Diff, keyCount: Int, rowCount: Int, withDirectory: Bool = true
  ) {
    self.keys = keys
    self.offsets = offsets
    self.values = values
    self.times = times
    self.differences = differences
    self.commonTime = commonTime
    self.commonDifference = commonDifference
    self.keyCount = keyCount
    self.rowCount = rowCount
    directory = nil
    leastRadix = 0
    mostRadix = 0
    directoryShift = 0
    radixPosition = 0
    if withDirectory { makeDirectory() }
  }

  /// Below this many keys a search by halving touches one or two cache lines anyway.
  @inlinable static var directoryLimit: Int { 16 }

  @inlinable mutating func makeDirectory() {
    guard Key.radixWidth > 0, keyCount >= Self.directoryLimit else { return }
    if Key.isView && Key.hasDeepRadix { radixPosition = keys[0].commonPosition(with: keys[keyCount - 1]) }
    leastRadix = radix(of: keys[0])
    mostRadix = radix(of: keys[keyCount - 1])
    let span = mostRadix - leastRadix
    guard span > 0 else { return }
    // Small batches get two buckets a key: most searches for what is not there end at an empty bucket. In large
    // ones it is two keys a bucket: two bytes a key, and one cache line of keys a search.
    let width = 64 - span.leadingZeroBitCount
    let wanted = keyCount <= 1 << 14 ? 2 * keyCount : keyCount <= 1 << 17 ? keyCount : keyCount / 2
    let bits = 64 - UInt64(wanted - 1).leadingZeroBitCount
    directoryShift = UInt64(max(0, width - bits))
    let buckets = Int(span >> directoryShift) + 1
    let directory = UnsafeMutablePointer<UInt32>.allocate(capacity: buckets + 1)
    var next = 0
    for key in 0..<keyCount {
      let bucket = Int((radix(of: keys[key]) &- leastRadix) >> directoryShift)
      while next <= bucket {
        directory[next] = UInt32(truncatingIfNeeded: key)
        next += 1
      }
    }
    while next <= buckets {
      directory[next] = UInt32(truncatingIfNeeded: keyCount)
      next += 1
    }
    self.directory = directory
  }

  /// How many entries the directory has.
  var directoryCount: Int { directory == nil ? 0 : Int((mostRadix - leastRadix) >> directoryShift) + 2 }

  @inlinable @inline(__always) func radix(of key: Key) -> UInt64 {
    Key.isView && radixPosition > 0 ? key.radix(from: radixPosition) : key.radix
  }

  @inlinable var memory: ColumnMemory {
    var arenas: [UnsafeMutableRawPointer] = []
    if Key.isView { keys.arena.appendAllocations(to: &arenas) }
    if Value.isView { values.arena.appendAllocations(to: &arenas) }
    return ColumnMemory(
      (
        UnsafeMutableRawPointer(keys.slots), offsets.map { UnsafeMutableRawPointer($0) },
        UnsafeMutableRawPointer(values.slots), times.map { UnsafeMutableRawPointer($0) },
        differences.map { UnsafeMutableRawPointer($0) }, directory.map { UnsafeMutableRawPointer($0) }
      ), arenas: arenas)
  }

  /// The index of the first key that is not below the given one.
  ///
  /// - Complexity: O(1) expected where keys are spread evenly over their radix, O(log n) at worst.
  @inlinable func lowerBound(_ key: Key) -> Int {
    var low = 0
    var high = keyCount
    if let directory {
      if Key.isView && radixPosition > 0 && !key.agrees(with: keys[0], before: radixPosition) {
        return key < keys[0] ? 0 : keyCount
      }
      let radix = radix(of: key)
      if radix < leastRadix { return 0 }
      if radix > mostRadix { return keyCount }
      let bucket = Int((radix &- leastRadix) >> directoryShift)
      low = Int(directory[bucket])
      high = Int(directory[bucket + 1])
    }
    while low < high {
      let middle = (low &+ high) >> 1
      if keys[middle] < key { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// The rows of a key; empty if it is not there.
  @inlinable func rows(of key: Key) -> Range<Int> {
    let at = lowerBound(key)
    guard at < keyCount, keys[at] == key else { return 0..<0 }
    return rows(at: at)
  }

  /// The rows of the key at an index.
  @inlinable func rows(at index: Int) -> Range<Int> {
    if let offsets {
      return Range(uncheckedBounds: (Int(offsets[index]), Int(offsets[index &+ 1])))
    }
    return Range(uncheckedBounds: (index, index &+ 1))
  }

  @inlinable func time(_ row: Int) -> Time {
    if let times { return times[row] }
    return commonTime
  }

  @inlinable func difference(_ row: Int) -> Diff {
    if let differences { return differences[row] }
    return commonDifference
  }
}

/// Owns the columns of a batch. It is not generic on purpose: the end of a generic object runs code that is not specialised
/// and looks its types up by name, which costs more than making a small batch does.
@usableFromInline final class ColumnMemory {
  @usableFromInline typealias Column = UnsafeMutableRawPointer?
  @usableFromInline let columns: (Column, Column, Column, Column, Column, Column)
  /// The contents of records that are views.
  @usableFromInline let arenas: [UnsafeMutableRawPointer]
  /// Who owns what is not owned here.
  @usableFromInline let owner: AnyObject?

  @inlinable init(
    _ columns: (Column, Column, Column, Column, Column, Column), arenas: [UnsafeMutableRawPointer] = []
  ) {
    self.columns = columns
    self.arenas = arenas
    owner = nil
  }

  /// Owns nothing but a reference to the owner of the columns.
  @inlinable init(heldBy owner: AnyObject) {
    columns = (nil, nil, nil, nil, nil, nil)
    arenas = []
    self.owner = owner
  }

  deinit {
    for arena in arenas { arena.deallocate() }
    columns.0?.deallocate()
    columns.1?.deallocate()
    columns.2?.deallocate()
    columns.3?.deallocate()
    columns.4?.deallocate()
    columns.5?.deallocate()
  }
}

/// A sorted, consolidated run of updates that never changes, shared by the traces and operators that read it.
public final class Batch<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline let columns: BatchColumns<Key, Value, Time, Diff>

  @usableFromInline let memory: ColumnMemory

  /// What the sink of checkpoints called it, if it has been stored.
  @usableFromInline var storedName: UInt64?

  @inlinable init(_ columns: BatchColumns<Key, Value, Time, Diff>) {
    self.columns = columns
    memory = columns.memory
  }

  /// A batch whose columns belong to another.
  @inlinable init(_ columns: BatchColumns<Key, Value, Time, Diff>, heldBy owner: AnyObject) {
    self.columns = columns
    memory = ColumnMemory(heldBy: owner)
  }

  /// How many distinct keys there are.
  @inlinable public var keyCount: Int { columns.keyCount }
  /// How many updates there are.
  @inlinable public var rowCount: Int { columns.rowCount }

  /// Every update, in the order of keys, values and times. Views among them are valid as long as the batch.
  public var updates: [Update<Pair<Key, Value>, Time, Diff>] {
    (0..<columns.keyCount).flatMap { index in
      columns.rows(at: index).map { row in
        Update(Pair(columns.keys[index], columns.values[row]), columns.time(row), columns.difference(row))
      }
    }
  }
}
