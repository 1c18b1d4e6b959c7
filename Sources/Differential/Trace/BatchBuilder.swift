/// Makes a batch from rows that come in order.
///
/// The columns of offsets, times and differences are only made at the first entry that is not like all before it.
@usableFromInline struct BatchBuilder<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline var keys: Column<Key>
  @usableFromInline var offsets: UnsafeMutablePointer<UInt32>?
  @usableFromInline var values: Column<Value>
  @usableFromInline var times: UnsafeMutablePointer<Time>?
  @usableFromInline var differences: UnsafeMutablePointer<Diff>?
  @usableFromInline var commonTime: Time = .minimum
  @usableFromInline var commonDifference: Diff = .zero
  @usableFromInline var keyCount = 0
  @usableFromInline var rowCount = 0
  @usableFromInline var keyCapacity: Int
  @usableFromInline var rowCapacity: Int

  /// A builder with room for so many keys and rows. Room that is not used is never touched, and so costs no memory.
  @inlinable init(keyCapacity: Int, rowCapacity: Int) {
    precondition(rowCapacity < Int(UInt32.max), "a batch holds fewer than 2^32 rows")
    self.keyCapacity = max(keyCapacity, 1)
    self.rowCapacity = max(rowCapacity, 1)
    keys = Column(capacity: self.keyCapacity)
    values = Column(capacity: self.rowCapacity)
  }

  /// Makes room for so many rows in all, and as many keys.
  @inlinable mutating func reserve(_ rows: Int) {
    precondition(rows < Int(UInt32.max), "a batch holds fewer than 2^32 rows")
    guard rows > rowCapacity else { return }
    keys.grow(from: keyCount, to: rows)
    values.grow(from: rowCount, to: rows)
    if var column = times {
      move(&column, rowCount, rows)
      times = column
    }
    if var column = differences {
      move(&column, rowCount, rows)
      differences = column
    }
    if var column = offsets {
      move(&column, keyCount + 1, rows + 1)
      offsets = column
    }
    keyCapacity = rows
    rowCapacity = rows
  }

  @inlinable func move<E>(_ column: inout UnsafeMutablePointer<E>, _ count: Int, _ capacity: Int) {
    let wider = UnsafeMutablePointer<E>.allocate(capacity: capacity)
    wider.moveInitialize(from: column, count: count)
    column.deallocate()
    column = wider
  }

  /// Adds a row to the key that is open.
  @inlinable mutating func append(_ value: Value, _ time: Time, _ difference: Diff) {
    let at = rowCount
    values.put(value, at: at)
    if let times {
      times[at] = time
    } else if time != commonTime {
      separateTimes(time)
    }
    if let differences {
      differences[at] = difference
    } else if difference != commonDifference {
      separateDifferences(difference)
    }
    rowCount = at &+ 1
  }

  /// Ends a key whose rows began at `start`; without rows the key is left out.
  @inlinable mutating func close(_ key: Key, from start: Int) {
    guard rowCount > start else { return }
    keys.put(key, at: keyCount)
    keyCount = keyCount &+ 1
    if let offsets {
      offsets[keyCount] = UInt32(truncatingIfNeeded: rowCount)
    } else if rowCount != keyCount {
      separateOffsets()
    }
  }

  @inlinable @inline(never) mutating func separateTimes(_ time: Time) {
    if rowCount == 0 {
      commonTime = time
      return
    }
    let column = UnsafeMutablePointer<Time>.allocate(capacity: rowCapacity)
    column.initialize(repeating: commonTime, count: rowCount)
    column[rowCount] = time
    times = column
  }

  @inlinable @inline(never) mutating func separateDifferences(_ difference: Diff) {
    if rowCount == 0 {
      commonDifference = difference
      return
    }
    let column = UnsafeMutablePointer<Diff>.allocate(capacity: rowCapacity)
    column.initialize(repeating: commonDifference, count: rowCount)
    column[rowCount] = difference
    differences = column
  }

  @inlinable @inline(never) mutating func separateOffsets() {
    let column = UnsafeMutablePointer<UInt32>.allocate(capacity: keyCapacity + 1)
    for i in 0..<keyCount { column[i] = UInt32(truncatingIfNeeded: i) }
    column[keyCount] = UInt32(truncatingIfNeeded: rowCount)
    offsets = column
  }

  /// The batch, or nil if nothing was added. The builder may not be used afterwards.
  @inlinable mutating func finish() -> Batch<Key, Value, Time, Diff>? {
    guard rowCount > 0 else {
      keys.deallocate()
      values.deallocate()
      times?.deallocate()
      differences?.deallocate()
      offsets?.deallocate()
      return nil
    }
    return Batch(
      BatchColumns(
        keys: keys, offsets: offsets, values: values, times: times, differences: differences, commonTime: commonTime,
        commonDifference: commonDifference, keyCount: keyCount, rowCount: rowCount))
  }
}

/// Sorts updates and makes a batch of them; takes over and frees their memory.
///
/// - Returns: Nil if everything cancels.
/// - Complexity: One radix sort.
@inlinable func makeBatch<K: Record, V: Record, T: Timestamp, R: Difference>(
  consuming list: UpdateList<Pair<K, V>, T, R>
) -> Batch<K, V, T, R>? {
  guard let first = list.runs.first, list.count > 0 else {
    list.deallocate()
    return nil
  }
  var commonTime = true
  var commonDifference = true
  for run in list.runs where run.count > 0 {
    if !run.hasCommonTime || run.commonTime != first.commonTime { commonTime = false }
    if !run.hasCommonDifference || run.commonDifference != first.commonDifference { commonDifference = false }
  }
  let time = first.commonTime
  let difference = first.commonDifference
  if commonTime && Pair<K, V>.radixIsTotal && V.radixWidth == 0, let span = denseSpan(list) {
    return makeDenseBatch(list, span, time)
  }
  if commonTime && commonDifference {
    return makeBatch(
      list, { _, _ in NoExtra() }, { _ in time }, { _ in difference })
  }
  if commonTime {
    return makeBatch(
      list, { run, i in DifferenceExtra(run.difference(at: i)) }, { _ in time }, { $0.difference })
  }
  return makeBatch(
    list, { run, i in StampExtra(run.time(at: i), run.difference(at: i)) }, { $0.time }, { $0.difference })
}

/// The least and the greatest radix of the keys, if there are about as many updates as numbers between the two.
@inlinable func denseSpan<K: Record, V: Record, T: Timestamp, R: Difference>(
  _ list: UpdateList<Pair<K, V>, T, R>
) -> ClosedRange<UInt64>? {
  guard list.count > insertionSortLimit else { return nil }
  var least = UInt64.max
  var most: UInt64 = 0
  let room = 2 &* UInt64(truncatingIfNeeded: list.count)
  for run in list.runs {
    for i in 0..<run.count {
      let radix = run.records[i].first.radix
      if radix < least { least = radix }
      if radix > most { most = radix }
    }
    if most > least && most - least >= room { return nil }
  }
  return least...most
}

/// As `makeBatch` for keys without values, at one time, that fill a range of numbers: a sum for each number instead of a sort.
@inlinable func makeDenseBatch<K: Record, V: Record, T: Timestamp, R: Difference>(
  _ list: UpdateList<Pair<K, V>, T, R>, _ span: ClosedRange<UInt64>, _ time: T
) -> Batch<K, V, T, R>? {
  let least = span.lowerBound
  let width = Int(span.upperBound - least) + 1
  let sums = UnsafeMutablePointer<R>.allocate(capacity: width)
  let records = UnsafeMutablePointer<Pair<K, V>>.allocate(capacity: width)
  // A key that is not there has the sum of one that cancels.
  sums.initialize(repeating: .zero, count: width)
  for run in list.runs {
    for i in 0..<run.count {
      let record = run.records[i]
      let place = Int(truncatingIfNeeded: record.first.radix &- least)
      records[place] = record
      sums[place] += run.difference(at: i)
    }
    run.deallocate()
  }
  let room = min(width, list.count)
  var builder = BatchBuilder<K, V, T, R>(keyCapacity: room, rowCapacity: room)
  for place in 0..<width where sums[place] != .zero {
    let start = builder.rowCount
    builder.append(records[place].second, time, sums[place])
    builder.close(records[place].first, from: start)
  }
  sums.deallocate()
  records.deallocate()
  return builder.finish()
}

@inlinable @inline(__always) func makeBatch<K: Record, V: Record, T: Timestamp, R: Difference, E: RowExtra>(
  _ list: UpdateList<Pair<K, V>, T, R>, _ extra: (Updates<Pair<K, V>, T, R>, Int) -> E, _ time: (E) -> T,
  _ difference: (E) -> R
) -> Batch<K, V, T, R>? {
  if let widths = wordCounts(list) {
    let width = widths.key + widths.value
    if width <= TwoWords.count { return makeWordBatch(list, widths, TwoWords.self, extra, time, difference) }
    if width <= FourWords.count { return makeWordBatch(list, widths, FourWords.self, extra, time, difference) }
  }
  let count = list.count
  let rows = UnsafeMutablePointer<Row<Pair<K, V>, E>>.allocate(capacity: count)
  var filled = 0
  for run in list.runs {
    for i in 0..<run.count { rows[filled &+ i] = Row(run.records[i], extra(run, i)) }
    filled += run.count
    if !Pair<K, V>.isView { run.deallocate() }
  }
  let sorted: UnsafeMutablePointer<Row<Pair<K, V>, E>>
  if count <= insertionSortLimit {
    insertionSort(rows, count)
    sorted = rows
  } else {
    sorted = .allocate(capacity: count)
    radixSort(rows, sorted, count, intoScratch: true)
    rows.deallocate()
  }
  var builder = BatchBuilder<K, V, T, R>(keyCapacity: count, rowCapacity: count)
  var i = 0
  while i < count {
    let key = sorted[i].data.first
    let start = builder.rowCount
    repeat {
      let value = sorted[i].data.second
      let at = time(sorted[i].extra)
      var sum = difference(sorted[i].extra)
      i &+= 1
      while i < count, sorted[i].data.second == value, sorted[i].data.first == key, time(sorted[i].extra) == at {
        sum += difference(sorted[i].extra)
        i &+= 1
      }
      if sum != .zero { builder.append(value, at, sum) }
    } while i < count && sorted[i].data.first == key
    builder.close(key, from: start)
  }
  let batch = builder.finish()
  sorted.deallocate()
  // Rows that are views point into the runs.
  if Pair<K, V>.isView { list.deallocate() }
  return batch
}
