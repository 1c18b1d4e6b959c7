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
  /// `directory[b]..<directory[b + 1]` are the keys whose radix, from `leastRadix` on, is in bucket `b`. Where keys are
  /// views it is a hash table instead: at or after the place that the high bits of a key's route name is its index plus one;
  /// 0 is an empty place.
  @usableFromInline var directory: UnsafeMutablePointer<UInt32>?
  @usableFromInline var leastRadix: UInt64
  @usableFromInline var mostRadix: UInt64
  @usableFromInline var directoryShift: UInt64

  @inlinable init(
    keys: Column<Key>, offsets: UnsafeMutablePointer<UInt32>?, values: Column<Value>,
    times: UnsafeMutablePointer<Time>?, differences: UnsafeMutablePointer<Diff>?, commonTime: Time,
    commonDifference: Diff, keyCount: Int, rowCount: Int
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
  }

  /// How many rows take something away.
  ///
  /// - Complexity: O(rows), if their differences are not all alike.
  @inlinable var takenRows: Int {
    guard let differences else { return commonDifference.takesAway ? rowCount : 0 }
    var count = 0
    for row in 0..<rowCount where differences[row].takesAway { count &+= 1 }
    return count
  }

  /// Below this many keys a search by halving touches one or two cache lines anyway.
  @inlinable static var directoryLimit: Int { 16 }

  @inlinable mutating func makeDirectory() {
    guard Key.radixWidth > 0, keyCount >= Self.directoryLimit else { return }
    if Self.isHashed {
      makeHashTable()
      return
    }
    leastRadix = keys[0].radix
    mostRadix = keys[keyCount - 1].radix
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
      let bucket = Int((keys[key].radix &- leastRadix) >> directoryShift)
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

  /// Views are found by a hash: what distinguishes texts or rows is mostly not in their leading bits.
  @inlinable @inline(__always) static var isHashed: Bool { Key.isView && Key.routeIsStable }

  @inlinable mutating func makeHashTable() {
    // At most half of the places are taken: a search ends after one or two.
    let bits = 64 - UInt64(2 * keyCount - 1).leadingZeroBitCount
    let places = 1 << bits
    directoryShift = UInt64(64 - bits)
    let table = UnsafeMutablePointer<UInt32>.allocate(capacity: places)
    table.initialize(repeating: 0, count: places)
    for key in 0..<keyCount {
      var place = Int(truncatingIfNeeded: keys[key].route >> directoryShift)
      while table[place] != 0 { place = (place &+ 1) & (places &- 1) }
      table[place] = UInt32(truncatingIfNeeded: key &+ 1)
    }
    directory = table
  }

  /// How many entries the directory has.
  var directoryCount: Int {
    guard directory != nil else { return 0 }
    return Self.isHashed ? 1 << (64 - Int(directoryShift)) : Int((mostRadix - leastRadix) >> directoryShift) + 2
  }

  @inlinable var memory: ColumnMemory {
    var arenas: [UnsafeMutableRawPointer] = []
    if Key.isView { keys.arena.appendAllocations(to: &arenas) }
    if Value.isView { values.arena.appendAllocations(to: &arenas) }
    return ColumnMemory(
      (
        UnsafeMutableRawPointer(keys.slots), offsets.map { UnsafeMutableRawPointer($0) },
        UnsafeMutableRawPointer(values.slots), times.map { UnsafeMutableRawPointer($0) },
        differences.map { UnsafeMutableRawPointer($0) }
      ), arenas: arenas)
  }

  /// The index of the first key that is not below the given one, where keys are not hashed.
  ///
  /// - Complexity: O(1) expected where keys are spread evenly over their radix, O(log n) at worst.
  @inlinable func lowerBound(_ key: Key) -> Int {
    var low = 0
    var high = keyCount
    if !Self.isHashed, let directory {
      let radix = key.radix
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
    if Self.isHashed, let directory {
      let mask = 1 &<< (64 &- Int(directoryShift)) &- 1
      var place = Int(truncatingIfNeeded: key.route >> directoryShift)
      while true {
        let entry = Int(directory[place])
        if entry == 0 { return 0..<0 }
        if keys[entry &- 1] == key { return rows(at: entry &- 1) }
        place = (place &+ 1) & mask
      }
    }
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
  @usableFromInline let columns: (Column, Column, Column, Column, Column)
  /// Made at the first search.
  @usableFromInline var directory: Column = nil
  /// The contents of records that are views.
  @usableFromInline let arenas: [UnsafeMutableRawPointer]
  /// Who owns what is not owned here.
  @usableFromInline let owner: AnyObject?

  @inlinable init(
    _ columns: (Column, Column, Column, Column, Column), arenas: [UnsafeMutableRawPointer] = []
  ) {
    self.columns = columns
    self.arenas = arenas
    owner = nil
  }

  /// Owns nothing but a reference to the owner of the columns.
  @inlinable init(heldBy owner: AnyObject) {
    columns = (nil, nil, nil, nil, nil)
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
    directory?.deallocate()
  }
}

/// A sorted, consolidated run of updates that never changes, shared by the traces and operators that read it.
public final class Batch<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline var columns: BatchColumns<Key, Value, Time, Diff>

  @usableFromInline let memory: ColumnMemory

  /// In which round it was shown last, and how many bytes of it; see ``Dataflow/showContents(inRound:atMost:_:)``.
  var shown: (round: UInt32, bytes: Int) = (0, 0)

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

  /// Makes the directory of the keys if there is none: before the first search. Many batches are merged before one.
  @inlinable func prepareSearches() {
    guard columns.directory == nil, columns.keyCount >= BatchColumns<Key, Value, Time, Diff>.directoryLimit else {
      return
    }
    columns.makeDirectory()
    memory.directory = columns.directory.map { UnsafeMutableRawPointer($0) }
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
