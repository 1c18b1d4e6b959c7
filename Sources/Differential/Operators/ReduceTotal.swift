// Reduction when times are totally ordered. The output of a key before a change is the reduction of what its
// group was before, so no trace of the output is kept: it is computed again, from values that have to be read anyway.

/// A reduction over totally ordered times, as an operator.
@usableFromInline final class TotalReduce<Lens: TimeLens, R: Reduction, Result: Record> {
  @usableFromInline let hub: TraceHub<R.Key, R.Value, Lens.Stored, R.Diff>
  @usableFromInline let outlet = Outlet<Result, Lens.Seen, R.OutDiff>()
  @usableFromInline var arrived: [Batch<R.Key, R.Value, Lens.Stored, R.Diff>] = []
  /// What the inner loops work on: at a place of its own, so that its parts are reached without exclusivity checks. Only
  /// `run` touches it, and `run` does not call itself.
  @usableFromInline let room: UnsafeMutablePointer<TotalRoom<Lens, R, Result>>

  @inlinable init(
    _ hub: TraceHub<R.Key, R.Value, Lens.Stored, R.Diff>, _ reduction: R,
    _ result: @escaping (R.Key, R.Output) -> Result
  ) {
    self.hub = hub
    room = .allocate(capacity: 1)
    room.initialize(to: TotalRoom(reduction, result))
  }

  deinit {
    room.pointee.deallocate()
    room.deinitialize(count: 1)
    room.deallocate()
  }

  @inlinable func run() {
    var out = Emitter(outlet)
    let batches = arrived
    arrived.removeAll(keepingCapacity: true)
    for batch in batches {
      hub.control.work.searches &+= batch.keyCount &* hub.spine.settledCount
      room.pointee.run(batch.columns, settled: hub.spine.settled, &out)
    }
    out.finish()
    hub.control.work.readUpdates &+= room.pointee.read
    room.pointee.read = 0
  }
}

/// The state of a reduction over totally ordered times: nothing but room to work in.
@usableFromInline struct TotalRoom<Lens: TimeLens, R: Reduction, Result: Record> {
  @usableFromInline typealias Columns = BatchColumns<R.Key, R.Value, Lens.Stored, R.Diff>
  @usableFromInline let reduction: R
  @usableFromInline let result: (R.Key, R.Output) -> Result
  @usableFromInline var ranges = Scratch<Cursor>()
  @usableFromInline var cursors = Scratch<Cursor>()
  @usableFromInline var before = Scratch<Counted<R.Value, R.Diff>>()
  @usableFromInline var after = Scratch<Counted<R.Value, R.Diff>>()
  @usableFromInline var changes = Scratch<(time: Lens.Seen, value: R.Value, difference: R.Diff)>()
  /// How many values have been read since this was asked last.
  @usableFromInline var read = 0
  @usableFromInline var old = Results<R.Output, R.OutDiff>()
  @usableFromInline var new = Results<R.Output, R.OutDiff>()

  /// The rows of a key in one batch that are still to be read.
  @usableFromInline struct Cursor {
    @usableFromInline var low: Int
    @usableFromInline var high: Int
    @usableFromInline var layer: Int
    @inlinable init(_ low: Int, _ high: Int, _ layer: Int) {
      self.low = low
      self.high = high
      self.layer = layer
    }
  }

  /// Keys are looked up so many at a time, batch by batch: independent searches overlap their cache misses.
  @inlinable static var block: Int { 128 }

  @inlinable init(_ reduction: R, _ result: @escaping (R.Key, R.Output) -> Result) {
    self.reduction = reduction
    self.result = result
  }

  @inlinable func deallocate() {
    ranges.deallocate()
    cursors.deallocate()
    before.deallocate()
    after.deallocate()
    changes.deallocate()
    old.deallocate()
    new.deallocate()
  }

  @inlinable mutating func run(
    _ fresh: Columns, settled: UnsafeBufferPointer<Columns>, _ out: inout Emitter<Result, Lens.Seen, R.OutDiff>
  ) {
    let layers = settled.count
    ranges.resize(max(1, layers * Self.block))
    var start = 0
    while start < fresh.keyCount {
      let size = min(Self.block, fresh.keyCount - start)
      for layer in 0..<layers {
        let columns = settled[layer]
        let found = ranges.base + layer * Self.block
        for i in 0..<size {
          let rows = columns.rows(of: fresh.keys[start &+ i])
          found[i] = Cursor(rows.lowerBound, rows.upperBound, layer)
        }
      }
      new.forget()
      old.forget()
      for i in 0..<size {
        cursors.count = 0
        for layer in 0..<layers {
          let found = ranges[layer &* Self.block &+ i]
          if found.low < found.high { cursors.append(found) }
        }
        let key = fresh.keys[start &+ i]
        let rows = fresh.rows(at: start &+ i)
        if fresh.times == nil {
          cursors.append(Cursor(rows.lowerBound, rows.upperBound, layers))
          gather(settled, fresh)
          emitChange(key, Lens.view(fresh.commonTime), &out)
        } else {
          emitHistory(key, settled, fresh, rows, &out)
        }
      }
      start += size
    }
  }

  /// Reads the group of a key before and after the change, as far as the reduction reaches.
  @inlinable mutating func gather(_ settled: UnsafeBufferPointer<Columns>, _ fresh: Columns) {
    before.count = 0
    after.count = 0
    switch reduction.reach {
    case .all: ascend(settled, fresh, limit: .max)
    case .least(let limit): ascend(settled, fresh, limit: limit)
    case .greatest(let limit): descend(settled, fresh, limit: limit)
    }
  }

  @inlinable mutating func ascend(_ settled: UnsafeBufferPointer<Columns>, _ fresh: Columns, limit: Int) {
    var before = self.before
    var after = self.after
    var live = cursors
    let layers = settled.count
    var seenBefore = 0
    var seenAfter = 0
    while live.count > 0 && (seenBefore < limit || seenAfter < limit) {
      var value = live[0].layer == layers ? fresh.values[live[0].low] : settled[live[0].layer].values[live[0].low]
      var c = 1
      while c < live.count {
        let other = live[c].layer == layers ? fresh.values[live[c].low] : settled[live[c].layer].values[live[c].low]
        if other < value { value = other }
        c &+= 1
      }
      var old = R.Diff.zero
      var change = R.Diff.zero
      c = 0
      while c < live.count {
        var cursor = live[c]
        if cursor.layer == layers {
          while cursor.low < cursor.high && fresh.values[cursor.low] == value {
            change += fresh.difference(cursor.low)
            cursor.low &+= 1
          }
        } else {
          let columns = settled.baseAddress! + cursor.layer
          while cursor.low < cursor.high && columns.pointee.values[cursor.low] == value {
            old += columns.pointee.difference(cursor.low)
            cursor.low &+= 1
          }
        }
        if cursor.low < cursor.high {
          live[c] = cursor
          c &+= 1
        } else {
          live.count &-= 1
          live[c] = live[live.count]
        }
      }
      let new = old + change
      if old != .zero {
        before.append(Counted(value, old))
        if limit != .max { seenBefore += max(0, reduction.multiplicity(old)) }
      }
      if new != .zero {
        after.append(Counted(value, new))
        if limit != .max { seenAfter += max(0, reduction.multiplicity(new)) }
      }
    }
    self.before = before
    self.after = after
  }

  /// As `ascend`, from the greatest value down; the groups are turned round at the end.
  @inlinable mutating func descend(_ settled: UnsafeBufferPointer<Columns>, _ fresh: Columns, limit: Int) {
    var before = self.before
    var after = self.after
    var live = cursors
    let layers = settled.count
    var seenBefore = 0
    var seenAfter = 0
    while live.count > 0 && (seenBefore < limit || seenAfter < limit) {
      var value =
        live[0].layer == layers ? fresh.values[live[0].high &- 1] : settled[live[0].layer].values[live[0].high &- 1]
      var c = 1
      while c < live.count {
        let other =
          live[c].layer == layers ? fresh.values[live[c].high &- 1] : settled[live[c].layer].values[live[c].high &- 1]
        if value < other { value = other }
        c &+= 1
      }
      var old = R.Diff.zero
      var change = R.Diff.zero
      c = 0
      while c < live.count {
        var cursor = live[c]
        if cursor.layer == layers {
          while cursor.low < cursor.high && fresh.values[cursor.high &- 1] == value {
            cursor.high &-= 1
            change += fresh.difference(cursor.high)
          }
        } else {
          let columns = settled.baseAddress! + cursor.layer
          while cursor.low < cursor.high && columns.pointee.values[cursor.high &- 1] == value {
            cursor.high &-= 1
            old += columns.pointee.difference(cursor.high)
          }
        }
        if cursor.low < cursor.high {
          live[c] = cursor
          c &+= 1
        } else {
          live.count &-= 1
          live[c] = live[live.count]
        }
      }
      let new = old + change
      if old != .zero {
        before.append(Counted(value, old))
        seenBefore += max(0, reduction.multiplicity(old))
      }
      if new != .zero {
        after.append(Counted(value, new))
        seenAfter += max(0, reduction.multiplicity(new))
      }
    }
    var reversible = UnsafeMutableBufferPointer(start: before.base, count: before.count)
    reversible.reverse()
    reversible = UnsafeMutableBufferPointer(start: after.base, count: after.count)
    reversible.reverse()
    self.before = before
    self.after = after
  }

  /// Emits what the reduction says of the group now and did not before, and takes back the opposite.
  @inlinable mutating func emitChange(
    _ key: R.Key, _ time: Lens.Seen, _ out: inout Emitter<Result, Lens.Seen, R.OutDiff>
  ) {
    read &+= before.count &+ after.count
    old.list.count = 0
    new.list.count = 0
    if before.count > 0 { reduction.reduce(key, Group(before.buffer), into: &old) }
    if after.count > 0 { reduction.reduce(key, Group(after.buffer), into: &new) }
    emitDifference(key, time, &out)
  }

  @inlinable mutating func emitDifference(
    _ key: R.Key, _ time: Lens.Seen, _ out: inout Emitter<Result, Lens.Seen, R.OutDiff>
  ) {
    old.list.consolidate()
    new.list.consolidate()
    var i = 0
    var j = 0
    while i < old.list.count || j < new.list.count {
      if j >= new.list.count || (i < old.list.count && old.list[i].value < new.list[j].value) {
        out.append(result(key, old.list[i].value), time, .zero - old.list[i].difference)
        i &+= 1
      } else if i >= old.list.count || new.list[j].value < old.list[i].value {
        out.append(result(key, new.list[j].value), time, new.list[j].difference)
        j &+= 1
      } else {
        let difference = new.list[j].difference - old.list[i].difference
        if difference != .zero { out.append(result(key, new.list[j].value), time, difference) }
        i &+= 1
        j &+= 1
      }
    }
  }

  /// A batch with several epochs: the group is carried from one to the next.
  @inlinable @inline(never) mutating func emitHistory(
    _ key: R.Key, _ settled: UnsafeBufferPointer<Columns>, _ fresh: Columns, _ rows: Range<Int>,
    _ out: inout Emitter<Result, Lens.Seen, R.OutDiff>
  ) {
    before.count = 0
    after.count = 0
    ascend(settled, fresh, limit: .max)
    var group = before
    read &+= group.count &+ rows.count
    changes.count = 0
    for row in rows { changes.append((Lens.view(fresh.time(row)), fresh.values[row], fresh.difference(row))) }
    var sorted = UnsafeMutableBufferPointer(start: changes.base, count: changes.count)
    sorted.sort { $0.time == $1.time ? $0.value < $1.value : $0.time < $1.time }
    old.list.count = 0
    if group.count > 0 { reduction.reduce(key, Group(group.buffer), into: &old) }
    var i = 0
    while i < changes.count {
      let time = changes[i].time
      while i < changes.count && changes[i].time == time {
        group.append(Counted(changes[i].value, changes[i].difference))
        i &+= 1
      }
      group.consolidate()
      new.list.count = 0
      if group.count > 0 { reduction.reduce(key, Group(group.buffer), into: &new) }
      emitDifference(key, time, &out)
      swap(&old, &new)
    }
    before = group
  }
}
