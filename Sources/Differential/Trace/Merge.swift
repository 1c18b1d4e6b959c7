/// A merge of two batches that can be done a bounded piece at a time.
///
/// Times are brought up to the epoch `since` on the way: no reader can tell the earlier ones apart any more. Equal
/// (key, value, time) are added up and what comes to nothing is left out. Whoever holds it calls `finish()` in the end; it has no
/// `deinit`, for the reason given at `ColumnMemory`.
@usableFromInline final class Merge<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline typealias Columns = BatchColumns<Key, Value, Time, Diff>
  @usableFromInline let older: Batch<Key, Value, Time, Diff>
  @usableFromInline let newer: Batch<Key, Value, Time, Diff>
  @usableFromInline let since: Time.Epoch
  @usableFromInline var builder: BatchBuilder<Key, Value, Time, Diff>
  @usableFromInline var nextOlder = 0
  @usableFromInline var nextNewer = 0
  /// How many rows have been moved so far.
  @usableFromInline var moved = 0
  @usableFromInline typealias Stamps = Scratch<(time: Time, difference: Diff)>

  @inlinable init(
    _ older: Batch<Key, Value, Time, Diff>, _ newer: Batch<Key, Value, Time, Diff>, since: Time.Epoch
  ) {
    self.older = older
    self.newer = newer
    self.since = since
    builder = BatchBuilder(
      keyCapacity: older.keyCount + newer.keyCount, rowCapacity: older.rowCount + newer.rowCount)
    if Key.isView { builder.keys.arena.reserve(for: older.columns.keys.arena, and: newer.columns.keys.arena) }
    if Value.isView { builder.values.arena.reserve(for: older.columns.values.arena, and: newer.columns.values.arena) }
  }

  /// Does work for about so many rows, at least one key.
  ///
  /// - Returns: Whether the merge is complete.
  @inlinable func work(fuel: Int) -> Bool {
    let a = older.columns
    let b = newer.columns
    var out = builder
    var i = nextOlder
    var j = nextNewer
    var left = fuel
    let plain = a.times == nil && b.times == nil
    var stamps = Stamps(capacity: 8)
    defer { stamps.deallocate() }
    while left > 0 && (i < a.keyCount || j < b.keyCount) {
      let start = out.rowCount
      if j >= b.keyCount || (i < a.keyCount && a.keys[i] < b.keys[j]) {
        let rows = a.rows(at: i)
        copy(a, rows, &stamps, into: &out)
        out.close(a.keys[i], from: start)
        i &+= 1
        left &-= rows.count
      } else if i >= a.keyCount || b.keys[j] < a.keys[i] {
        let rows = b.rows(at: j)
        copy(b, rows, &stamps, into: &out)
        out.close(b.keys[j], from: start)
        j &+= 1
        left &-= rows.count
      } else {
        let first = a.rows(at: i)
        let second = b.rows(at: j)
        if plain {
          mergePlain(a, first, b, second, into: &out)
        } else {
          mergeStamped(a, first, b, second, &stamps, into: &out)
        }
        out.close(a.keys[i], from: start)
        i &+= 1
        j &+= 1
        left &-= first.count &+ second.count
      }
    }
    builder = out
    nextOlder = i
    nextNewer = j
    moved &+= fuel &- left
    return i >= a.keyCount && j >= b.keyCount
  }

  /// The merged batch, nil if everything cancelled.
  ///
  /// - Precondition: The work is complete, and this is called once.
  @inlinable func finish() -> Batch<Key, Value, Time, Diff>? {
    builder.finish()
  }

  /// Copies the rows of a key that only one side has.
  @inlinable func copy(
    _ from: Columns, _ rows: Range<Int>, _ stamps: inout Stamps, into out: inout BatchBuilder<Key, Value, Time, Diff>
  ) {
    if from.times == nil {
      let time = from.commonTime.advanced(to: since)
      for row in rows { out.append(from.values[row], time, from.difference(row)) }
      return
    }
    var row = rows.lowerBound
    while row < rows.upperBound {
      let value = from.values[row]
      let next = row &+ 1
      if next == rows.upperBound || from.values[next] != value {
        out.append(value, from.time(row).advanced(to: since), from.difference(row))
        row = next
        continue
      }
      stamps.count = 0
      row = gather(from, row, rows.upperBound, &stamps)
      flush(value, &stamps, into: &out)
    }
  }

  /// Merges the rows of one key when each side has a single time, and so each value at most once.
  @inlinable func mergePlain(
    _ a: Columns, _ first: Range<Int>, _ b: Columns, _ second: Range<Int>,
    into out: inout BatchBuilder<Key, Value, Time, Diff>
  ) {
    let early = a.commonTime.advanced(to: since)
    let late = b.commonTime.advanced(to: since)
    let same = early == late
    let inOrder = early < late
    var i = first.lowerBound
    var j = second.lowerBound
    while i < first.upperBound && j < second.upperBound {
      let v = a.values[i]
      let w = b.values[j]
      if v < w {
        out.append(v, early, a.difference(i))
        i &+= 1
      } else if w < v {
        out.append(w, late, b.difference(j))
        j &+= 1
      } else {
        if same {
          let sum = a.difference(i) + b.difference(j)
          if sum != .zero { out.append(v, early, sum) }
        } else if inOrder {
          out.append(v, early, a.difference(i))
          out.append(v, late, b.difference(j))
        } else {
          out.append(v, late, b.difference(j))
          out.append(v, early, a.difference(i))
        }
        i &+= 1
        j &+= 1
      }
    }
    while i < first.upperBound {
      out.append(a.values[i], early, a.difference(i))
      i &+= 1
    }
    while j < second.upperBound {
      out.append(b.values[j], late, b.difference(j))
      j &+= 1
    }
  }

  /// Merges the rows of one key when values may have several times.
  @inlinable func mergeStamped(
    _ a: Columns, _ first: Range<Int>, _ b: Columns, _ second: Range<Int>, _ stamps: inout Stamps,
    into out: inout BatchBuilder<Key, Value, Time, Diff>
  ) {
    var i = first.lowerBound
    var j = second.lowerBound
    while i < first.upperBound || j < second.upperBound {
      let fromFirst = i < first.upperBound && (j >= second.upperBound || !(b.values[j] < a.values[i]))
      let value = fromFirst ? a.values[i] : b.values[j]
      stamps.count = 0
      if fromFirst { i = gather(a, i, first.upperBound, &stamps) }
      if j < second.upperBound && b.values[j] == value { j = gather(b, j, second.upperBound, &stamps) }
      flush(value, &stamps, into: &out)
    }
  }

  /// Takes the stamps of the rows with the value at `row`; the index after them.
  @inlinable func gather(_ from: Columns, _ row: Int, _ end: Int, _ stamps: inout Stamps) -> Int {
    let value = from.values[row]
    var row = row
    repeat {
      stamps.append((from.time(row).advanced(to: since), from.difference(row)))
      row &+= 1
    } while row < end && from.values[row] == value
    return row
  }

  /// Writes the gathered stamps, sorted and added up.
  @inlinable func flush(_ value: Value, _ stamps: inout Stamps, into out: inout BatchBuilder<Key, Value, Time, Diff>) {
    if stamps.count == 1 {
      out.append(value, stamps[0].time, stamps[0].difference)
      return
    }
    // Mostly two or three.
    for i in 1..<stamps.count {
      let stamp = stamps[i]
      var j = i
      while j > 0 && stamp.time < stamps[j &- 1].time {
        stamps[j] = stamps[j &- 1]
        j &-= 1
      }
      stamps[j] = stamp
    }
    var i = 0
    while i < stamps.count {
      let time = stamps[i].time
      var sum = stamps[i].difference
      i += 1
      while i < stamps.count && stamps[i].time == time {
        sum += stamps[i].difference
        i += 1
      }
      if sum != .zero { out.append(value, time, sum) }
    }
  }
}
