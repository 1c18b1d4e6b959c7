/// Updates of one time, those of equal records added up as they come: a table by hash instead of a sort of all of them.
///
/// Where few records are distinct it takes their room and no more, whatever the differences are. It is a plain value that owns memory
/// by hand.
@usableFromInline struct RecordSums<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline let time: Time
  /// Each record once.
  @usableFromInline var run: Updates<Data, Time, Diff>
  /// At or after the place that the high bits of a record's route name is its index plus one; 0 is an empty place. At most half
  /// of the places are taken.
  @usableFromInline var table: UnsafeMutablePointer<UInt32>
  @usableFromInline var bits: UInt64

  @inlinable init(time: Time) {
    self.time = time
    bits = 6
    run = Updates(capacity: 32)
    run.ensureDifferenceColumn()
    run.commonTime = time
    table = .allocate(capacity: 64)
    table.initialize(repeating: 0, count: 64)
  }

  @inlinable func deallocate() {
    run.deallocate()
    table.deallocate()
  }

  /// What it has come to; it may not be used afterwards.
  @inlinable func finish() -> Updates<Data, Time, Diff> {
    table.deallocate()
    return run
  }

  /// Updates are looked up so many at a time: each takes three places in memory, and none waits for another's.
  @inlinable static var block: Int { 128 }

  /// - Precondition: all updates of the run have the time.
  /// - Complexity: O(1) expected for each update.
  @inlinable mutating func add(_ updates: Updates<Data, Time, Diff>) {
    withUnsafeTemporaryAllocation(of: Int.self, capacity: Self.block) { found in
      let found = found.baseAddress!  // It has room for a block.
      var start = 0
      while start < updates.count {
        // As many as there is room for if each is new.
        if run.isFull { grow() }
        let count = min(updates.count - start, run.capacity - run.count, Self.block)
        let shift = 64 &- bits
        for i in 0..<count {
          found[i] = Int(table[Int(truncatingIfNeeded: updates.records[start &+ i].route &>> shift)])
        }
        for i in 0..<count where found[i] != 0 && run.records[found[i] &- 1] != updates.records[start &+ i] {
          found[i] = 0
        }
        for i in 0..<count {
          let difference = updates.difference(at: start &+ i)
          if found[i] != 0 {
            run.differenceColumn.unsafelyUnwrapped[found[i] &- 1] += difference
          } else {
            add(updates.records[start &+ i], difference)
          }
        }
        start &+= count
      }
    }
  }

  /// - Precondition: there is room for one that is new.
  @inlinable mutating func add(_ record: Data, _ difference: Diff) {
    let mask = 1 &<< Int(bits) &- 1
    var place = Int(truncatingIfNeeded: record.route &>> (64 &- bits))
    while true {
      let entry = Int(table[place])
      if entry == 0 {
        run.append(record, time, difference)
        table[place] = UInt32(truncatingIfNeeded: run.count)
        return
      }
      if run.records[entry &- 1] == record {
        run.differenceColumn.unsafelyUnwrapped[entry &- 1] += difference
        return
      }
      place = (place &+ 1) & mask
    }
  }

  @inlinable @inline(never) mutating func grow() {
    let capacity = 2 * run.capacity
    precondition(capacity < Int(UInt32.max), "a run holds fewer than 2^32 records")
    run.grow(to: capacity)
    table.deallocate()
    bits += 1
    let places = 1 << Int(bits)
    table = .allocate(capacity: places)
    table.initialize(repeating: 0, count: places)
    for index in 0..<run.count {
      var place = Int(truncatingIfNeeded: run.records[index].route &>> (64 &- bits))
      while table[place] != 0 { place = (place &+ 1) & (places &- 1) }
      table[place] = UInt32(truncatingIfNeeded: index &+ 1)
    }
  }
}
