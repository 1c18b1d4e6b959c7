// Reduction when times are partially ordered.
//
// What is owed. The output of a key can have to change at a time where no input changes: at the least upper bound of times
// of changes. So for each time `t` at which a key is looked at, and each update of its input or output at a time `x` that
// does not precede `t`, the key is to be looked at again at `t ∨ x`; such *debts* wait for their phase. By this the times
// looked at are closed under joins with all updates, and at any other time nothing can be owed: an input that
// accumulates to the same at two times has accumulated to outputs already said.
//
// Within one activation all times looked at have the same phase, so they are totally ordered by epoch.

/// A reduction over partially ordered times, as an operator.
@usableFromInline final class GeneralReduce<Lens: TimeLens, R: Reduction> {
  @usableFromInline typealias Time = Lens.Seen
  @usableFromInline let hub: TraceHub<R.Key, R.Value, Lens.Stored, R.Diff>
  @usableFromInline let output: TraceHub<R.Key, R.Output, Time, R.OutDiff>
  @usableFromInline let scope: Scope<Time>
  @usableFromInline var index = 0
  @usableFromInline var arrived: [Batch<R.Key, R.Value, Lens.Stored, R.Diff>] = []
  /// What the inner loops work on: at a place of its own, so that its parts are reached without exclusivity checks. Only
  /// `run` touches it, and `run` does not call itself.
  @usableFromInline let room: UnsafeMutablePointer<ReduceRoom<Lens, R>>

  @inlinable init(
    _ hub: TraceHub<R.Key, R.Value, Lens.Stored, R.Diff>, _ reduction: R, _ scope: Scope<Time>,
    name: String? = nil
  ) {
    self.hub = hub
    self.scope = scope
    output = TraceHub(control: hub.control, kind: "reduce", name: name)
    room = .allocate(capacity: 1)
    room.initialize(to: ReduceRoom(reduction))
  }

  deinit {
    room.pointee.deallocate()
    room.deinitialize(count: 1)
    room.deallocate()
  }

  @inlinable func run() {
    let batches = arrived
    arrived.removeAll(keepingCapacity: true)
    output.settle()
    let batch = room.pointee.run(
      batches, phase: scope.phase, sources: hub.spine.all, freshFrom: hub.spine.settledCount, outputs: output.spine.all)
    hub.control.work.searches &+= room.pointee.tasks.count &* (hub.spine.all.count &+ output.spine.settledCount)
    hub.control.work.readUpdates &+= room.pointee.read
    room.pointee.read = 0
    for phase in room.pointee.newPhases { scope.schedule(index, at: phase) }
    room.pointee.newPhases.removeAll(keepingCapacity: true)
    if let batch { output.publish(batch) }
  }
}

/// A key and a time at which it is to be looked at.
@usableFromInline struct Debt<Key: Record, Time: Timestamp>: SortableRow {
  @usableFromInline var key: Key
  @usableFromInline var time: Time
  /// Whether it was noted earlier, and is not only because of an update at that very time.
  @usableFromInline var isOwed: Bool

  @inlinable init(_ key: Key, _ time: Time, isOwed: Bool) {
    self.key = key
    self.time = time
    self.isOwed = isOwed
  }

  @inlinable var radix: UInt64 { key.radix }
  @inlinable static var radixIsTotal: Bool { false }
  @inlinable static var hasDeepRadix: Bool { Key.hasDeepRadix && !Key.radixIsTotal }
  @inlinable static var deepRadixIsTotal: Bool { false }
  @inlinable func radix(from position: Int) -> UInt64 { key.radix(from: position) }
  @inlinable func radixPosition(after position: Int) -> Int? { key.radixPosition(after: position) }
  @inlinable static func < (a: Debt, b: Debt) -> Bool { a.key == b.key ? a.time < b.time : a.key < b.key }
}

/// The state of a reduction over partially ordered times.
@usableFromInline struct ReduceRoom<Lens: TimeLens, R: Reduction> {
  @usableFromInline typealias Time = Lens.Seen
  @usableFromInline typealias Source = BatchColumns<R.Key, R.Value, Lens.Stored, R.Diff>
  @usableFromInline typealias Said = BatchColumns<R.Key, R.Output, Time, R.OutDiff>
  @usableFromInline let reduction: R
  /// Keys to look at again, by phase; and the phases that have got their first since the last visit.
  @usableFromInline var debts: [(phase: Time, list: Scratch<Debt<R.Key, Time>>, region: Region?)] = []
  /// Holds the keys of debts that are being looked at, where keys are views.
  @usableFromInline var dueRegion: Region?
  @usableFromInline var newPhases: [Time] = []
  @usableFromInline var phase: Time = .minimum
  @usableFromInline var tasks = Scratch<Debt<R.Key, Time>>()
  @usableFromInline var dues = Scratch<Time>()
  @usableFromInline var group = Scratch<Counted<R.Value, R.Diff>>()
  @usableFromInline var said = Scratch<Counted<R.Output, R.OutDiff>>()
  @usableFromInline var produced = Scratch<(value: R.Output, time: Time, difference: R.OutDiff)>()
  @usableFromInline var later = Scratch<Time>()
  @usableFromInline var sure = Scratch<Counted<R.Value, Int>>()
  @usableFromInline var sourceRanges = Scratch<Range<Int>>()
  @usableFromInline var saidRanges = Scratch<Range<Int>>()
  @usableFromInline var new = Results<R.Output, R.OutDiff>()
  /// How many updates have been read since this was asked last.
  @usableFromInline var read = 0

  /// Keys are looked up so many at a time, batch by batch: independent searches overlap their cache misses.
  @inlinable static var block: Int { 128 }

  @inlinable init(_ reduction: R) { self.reduction = reduction }

  @inlinable func deallocate() {
    for bucket in debts { bucket.list.deallocate() }
    tasks.deallocate()
    dues.deallocate()
    group.deallocate()
    said.deallocate()
    produced.deallocate()
    later.deallocate()
    sure.deallocate()
    sourceRanges.deallocate()
    saidRanges.deallocate()
    new.deallocate()
  }

  /// Looks at the keys of new batches and the keys owed at this phase, and gives the changes of the output.
  @inlinable mutating func run(
    _ batches: [Batch<R.Key, R.Value, Lens.Stored, R.Diff>], phase: Time, sources: UnsafeBufferPointer<Source>,
    freshFrom: Int, outputs: UnsafeBufferPointer<Said>
  ) -> Batch<R.Key, R.Output, Time, R.OutDiff>? {
    self.phase = phase
    collectTasks(batches)
    guard tasks.count > 0 else { return nil }
    let tasks = self.tasks
    let isAbsorbing = reduction.leastDecides && batches.count <= 1 && batches.allSatisfy { $0.columns.times == nil }
    sourceRanges.resize(max(1, sources.count * Self.block))
    saidRanges.resize(max(1, outputs.count * Self.block))
    let found = sourceRanges.base
    var builder = BatchBuilder<R.Key, R.Output, Time, R.OutDiff>(keyCapacity: 0, rowCapacity: 0)
    var room = 0
    var next = 0
    while next < tasks.count {
      var ends = next
      var keys = 0
      while ends < tasks.count && keys < Self.block {
        let key = tasks[ends].key
        for layer in 0..<sources.count { found[layer &* Self.block &+ keys] = sources[layer].rows(of: key) }
        keys &+= 1
        repeat { ends &+= 1 } while ends < tasks.count && tasks[ends].key == key
      }
      var place = 0
      while next < ends {
        let key = tasks[next].key
        var isOwed = false
        dues.count = 0
        repeat {
          dues.append(tasks[next].time)
          if tasks[next].isOwed { isOwed = true }
          next &+= 1
        } while next < ends && tasks[next].key == key
        if isAbsorbing && !isOwed && isAbsorbed(dues[0], place, sources, freshFrom) {
          place &+= 1
          continue
        }
        for layer in 0..<outputs.count { saidRanges[layer] = outputs[layer].rows(of: key) }
        evaluate(key, place, sources, outputs)
        place &+= 1
        if produced.count > 0 {
          if builder.rowCount + produced.count > room {
            room = max(2 * room, builder.rowCount + produced.count, 16)
            builder.reserve(room)
          }
          let start = builder.rowCount
          for i in 0..<produced.count { builder.append(produced[i].value, produced[i].time, produced[i].difference) }
          builder.close(key, from: start)
        }
      }
    }
    dueRegion = nil
    new.forget()
    return builder.finish()
  }

  /// The keys and times to look at in this activation: those of new updates and those owed, sorted, each once.
  @inlinable mutating func collectTasks(_ batches: [Batch<R.Key, R.Value, Lens.Stored, R.Diff>]) {
    tasks.count = 0
    for batch in batches {
      let columns = batch.columns
      if columns.times == nil {
        let time = Lens.view(columns.commonTime)
        for i in 0..<columns.keyCount { tasks.append(Debt(columns.keys[i], time, isOwed: false)) }
      } else {
        for i in 0..<columns.keyCount {
          for row in columns.rows(at: i) {
            tasks.append(Debt(columns.keys[i], Lens.view(columns.time(row)), isOwed: false))
          }
        }
      }
    }
    let isSorted = batches.count == 1 && batches[0].columns.times == nil
    if let at = debts.firstIndex(where: { $0.phase == phase }) {
      let due = debts[at].list
      let region = debts[at].region
      debts.remove(at: at)
      for i in 0..<due.count { tasks.append(due[i]) }
      due.deallocate()
      dueRegion = region
    } else if isSorted {
      return
    }
    guard tasks.count > 1 else { return }
    let scratch = UnsafeMutablePointer<Debt<R.Key, Time>>.allocate(capacity: tasks.count)
    radixSort(tasks.base, scratch, tasks.count, intoScratch: false)
    scratch.deallocate()
    var kept = 0
    for i in 1..<tasks.count {
      if tasks[i].key != tasks[kept].key || tasks[i].time != tasks[kept].time {
        kept &+= 1
        tasks[kept] = tasks[i]
      } else if tasks[i].isOwed {
        tasks.base[kept].isOwed = true
      }
    }
    tasks.count = kept + 1
  }

  /// Whether the new updates of a key change its result at no time at all, now or later.
  ///
  /// True if a value not above the changed ones is there before and after the change, at this time and, even if every
  /// removal of it that is known for later came first, at all times after. Then the least value is the same everywhere.
  @inlinable mutating func isAbsorbed(
    _ time: Time, _ place: Int, _ sources: UnsafeBufferPointer<Source>, _ freshFrom: Int
  ) -> Bool {
    guard freshFrom + 1 == sources.count else { return false }
    let fresh = sources.baseAddress! + freshFrom
    let changed = sourceRanges[freshFrom * Self.block + place]
    let least = fresh.pointee.values[changed.lowerBound]
    sure.count = 0
    let removed = reduction.multiplicity(fresh.pointee.difference(changed.lowerBound))
    if removed < 0 { sure.append(Counted(least, removed)) }
    for layer in 0..<freshFrom {
      let columns = sources.baseAddress! + layer
      for row in sourceRanges[layer * Self.block + place] {
        let value = columns.pointee.values[row]
        if least < value { break }
        let count = reduction.multiplicity(columns.pointee.difference(row))
        if count < 0 || Lens.view(columns.pointee.time(row)).precedes(time) { sure.append(Counted(value, count)) }
      }
    }
    if sure.count == 0 { return false }
    if sure.count == 1 { return sure[0].difference > 0 }
    sure.consolidate()
    for i in 0..<sure.count where sure[i].difference > 0 { return true }
    return false
  }

  /// Brings the output of a key up to date at the times due, leaves it in `produced`, and notes what is owed later.
  @inlinable mutating func evaluate(
    _ key: R.Key, _ place: Int, _ sources: UnsafeBufferPointer<Source>, _ outputs: UnsafeBufferPointer<Said>
  ) {
    produced.count = 0
    var due = 0
    while due < dues.count {
      let time = dues[due]
      due += 1
      later.count = 0
      gather(time, place, sources)
      recall(time, outputs)
      new.list.count = 0
      if group.count > 0 { reduction.reduce(key, Group(group.buffer), into: &new) }
      new.list.consolidate()
      correct(time)
      if later.count > 0 { owe(key) }
    }
    if dues.count > 1 && produced.count > 1 {
      var rows = UnsafeMutableBufferPointer(start: produced.base, count: produced.count)
      rows.sort { $0.value == $1.value ? $0.time < $1.time : $0.value < $1.value }
    }
  }

  /// The input accumulated at a time; the times of what comes later go to `later`.
  @inlinable mutating func gather(_ time: Time, _ place: Int, _ sources: UnsafeBufferPointer<Source>) {
    group.count = 0
    for layer in 0..<sources.count {
      let rows = sourceRanges[layer &* Self.block &+ place]
      if rows.isEmpty { continue }
      let columns = sources.baseAddress! + layer
      if columns.pointee.times == nil {
        let common = Lens.view(columns.pointee.commonTime)
        if common.precedes(time) {
          for row in rows { group.append(Counted(columns.pointee.values[row], columns.pointee.difference(row))) }
        } else {
          note(common.join(time))
        }
      } else {
        for row in rows {
          let its = Lens.view(columns.pointee.time(row))
          if its.precedes(time) {
            group.append(Counted(columns.pointee.values[row], columns.pointee.difference(row)))
          } else {
            note(its.join(time))
          }
        }
      }
    }
    read &+= group.count
    group.consolidate()
  }

  /// The output said so far, accumulated at a time; the times of what comes later go to `later`.
  @inlinable mutating func recall(_ time: Time, _ outputs: UnsafeBufferPointer<Said>) {
    said.count = 0
    for layer in 0..<outputs.count {
      let rows = saidRanges[layer]
      if rows.isEmpty { continue }
      let columns = outputs.baseAddress! + layer
      for row in rows {
        let its = columns.pointee.time(row)
        if its.precedes(time) {
          said.append(Counted(columns.pointee.values[row], columns.pointee.difference(row)))
        } else {
          note(its.join(time))
        }
      }
    }
    for i in 0..<produced.count {
      if produced[i].time.precedes(time) {
        said.append(Counted(produced[i].value, produced[i].difference))
      } else {
        note(produced[i].time.join(time))
      }
    }
    read &+= said.count
    said.consolidate()
  }

  /// Keeps the minimal ones of the times noted. The others will be noted again when the key is looked at there: if `m`
  /// is below `t ∨ x`, both beyond `t`, then `m ∨ x` is `t ∨ x`.
  @inlinable mutating func note(_ time: Time) {
    var i = 0
    while i < later.count {
      if later[i].precedes(time) { return }
      if time.precedes(later[i]) {
        later.count &-= 1
        later[i] = later[later.count]
      } else {
        i &+= 1
      }
    }
    later.append(time)
  }

  /// Adds to `produced` what takes the output from what was said to what is right.
  @inlinable mutating func correct(_ time: Time) {
    let list = new.list
    var i = 0
    var j = 0
    while i < said.count || j < list.count {
      if j >= list.count || (i < said.count && said[i].value < list[j].value) {
        produced.append((said[i].value, time, .zero - said[i].difference))
        i &+= 1
      } else if i >= said.count || list[j].value < said[i].value {
        produced.append((list[j].value, time, list[j].difference))
        j &+= 1
      } else {
        let difference = list[j].difference - said[i].difference
        if difference != .zero { produced.append((list[j].value, time, difference)) }
        i &+= 1
        j &+= 1
      }
    }
  }

  /// Notes the times in `later` as debts of the key: those of this phase are due in this activation.
  @inlinable mutating func owe(_ key: R.Key) {
    for i in 0..<later.count {
      let owed = later[i]
      let its = owed.phase
      if its == phase {
        insertDue(owed)
      } else {
        let at = bucket(its)
        let kept = if let region = debts[at].region { key.kept(in: region) } else { key }
        debts[at].list.append(Debt(kept, owed, isOwed: true))
      }
    }
  }

  @inlinable mutating func bucket(_ phase: Time) -> Int {
    var at = debts.count - 1
    while at >= 0 {
      if debts[at].phase == phase { return at }
      at -= 1
    }
    debts.append((phase, Scratch(), R.Key.isView ? Region() : nil))
    newPhases.append(phase)
    return debts.count - 1
  }

  /// Puts a time among those due, in order. It is after the one being looked at.
  @inlinable mutating func insertDue(_ time: Time) {
    var at = dues.count
    while at > 0 && time < dues[at - 1] { at -= 1 }
    if at > 0 && dues[at - 1] == time { return }
    dues.append(time)
    var i = dues.count - 1
    while i > at {
      dues[i] = dues[i - 1]
      i -= 1
    }
    dues[at] = time
  }
}
