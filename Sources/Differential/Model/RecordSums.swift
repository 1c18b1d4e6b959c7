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

  /// - Precondition: all updates of the run have the time.
  /// - Complexity: O(1) expected for each update.
  @inlinable mutating func add(_ updates: Updates<Data, Time, Diff>) {
    var index = 0
    while index < updates.count {
      // As many as there is room for if each is new.
      if run.isFull { grow() }
      let end = min(updates.count, index + run.capacity - run.count)
      let mask = 1 &<< Int(bits) &- 1
      let shift = 64 &- bits
      while index < end {
        let record = updates.records[index]
        let difference = updates.difference(at: index)
        var place = Int(truncatingIfNeeded: record.route &>> shift)
        while true {
          let entry = Int(table[place])
          if entry == 0 {
            run.append(record, time, difference)
            table[place] = UInt32(truncatingIfNeeded: run.count)
            break
          }
          if run.records[entry &- 1] == record {
            run.differenceColumn.unsafelyUnwrapped[entry &- 1] += difference
            break
          }
          place = (place &+ 1) & mask
        }
        index &+= 1
      }
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
