/// A collection of records that changes over time, as a node of the dataflow: a difference trace in flight.
///
/// Its value at a time `t` is the sum of the differences at all times that precede `t`. Every operator keeps the
/// law: the output accumulated at any `t` is the operator applied to the input accumulated at `t`.
public struct Multiset<Data: Record, Time: Timestamp, Diff: Difference> {
  /// The scope that it belongs to.
  public let scope: Scope<Time>
  /// Where its updates come from; several after a concatenation, which needs no operator of its own.
  @usableFromInline let ports: [Port<Data, Time, Diff>]

  @inlinable init(scope: Scope<Time>, ports: [Port<Data, Time, Diff>]) {
    self.scope = scope
    self.ports = ports
  }

  /// Has every run of updates shown to a closure, which may not keep it.
  @inlinable func subscribe(_ sink: @escaping (Updates<Data, Time, Diff>) -> Void) {
    for port in ports { port.sinks.append(sink) }
  }
}

/// The place where an operator hands on its output.
@usableFromInline final class Port<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline var sinks: [(Updates<Data, Time, Diff>) -> Void] = []

  @inlinable init() {}

  @inlinable func push(_ updates: Updates<Data, Time, Diff>) {
    guard updates.count > 0 else { return }
    for sink in sinks { sink(updates) }
  }
}

/// A port with a run that fills up and is then pushed: the output of operators that make updates one by one.
@usableFromInline final class Outlet<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline let port = Port<Data, Time, Diff>()
  @usableFromInline var run: Updates<Data, Time, Diff>

  /// Runs of this many updates stay in the second-level cache from operator to operator.
  @inlinable static var runLength: Int { 4096 }

  @inlinable init() { run = Updates(capacity: 0) }

  deinit { run.deallocate() }

  /// The run to append to, made on first use. Give it back by ``flush(_:)``.
  @inlinable func take() -> Updates<Data, Time, Diff> {
    if run.capacity == 0 {
      run.deallocate()
      run = Updates(capacity: Self.runLength)
    }
    return run
  }

  /// Pushes a full run on and empties it.
  @inlinable func spill(_ updates: inout Updates<Data, Time, Diff>) {
    port.push(updates)
    updates.removeAll()
  }

  /// Pushes what is left, and keeps the run for the next time.
  @inlinable func flush(_ updates: Updates<Data, Time, Diff>) {
    var updates = updates
    spill(&updates)
    run = updates
  }
}

/// Updates that wait for their phase, by phase.
@usableFromInline final class Inbox<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline typealias List = UpdateList<Data, Time, Diff>
  @usableFromInline var buckets: [(phase: Time, list: List)] = []
  /// What was added up for one of the buckets, where equal records are.
  @usableFromInline var sums: RecordSums<Data, Time, Diff>?
  @usableFromInline let combines: Bool
  @usableFromInline let scope: Scope<Time>
  @usableFromInline var index = 0

  /// - Parameter combines: whether equal records are added up as they come; see ``RecordSums``.
  @inlinable init(_ scope: Scope<Time>, name: String? = nil, combines: Bool = false) {
    self.scope = scope
    self.combines = combines
    register(name: name)
    scope.control.backlogs.append { [weak self] in self?.waiting ?? 0 }
  }

  deinit {
    for bucket in buckets { bucket.list.deallocate() }
    sums?.deallocate()
  }

  /// How many updates wait; those that were added up count once.
  ///
  /// - Complexity: O(buckets).
  @inlinable var waiting: Int { buckets.reduce(sums?.run.count ?? 0) { $0 + $1.list.count } }

  /// Keeps a copy of a run, and asks for a visit at its phase.
  @inlinable func accept(_ updates: Updates<Data, Time, Diff>) {
    guard updates.count > 0 else { return }
    if updates.hasCommonTime {
      let at = bucket(updates.commonTime.phase)
      if !combines || !combine(updates) { buckets[at].list.append(updates) }
      return
    }
    // Neighbouring updates mostly share their phase: look the bucket up only where it changes.
    var phase = updates.time(at: 0).phase
    var at = bucket(phase)
    for i in 0..<updates.count {
      let time = updates.time(at: i)
      let its = time.phase
      if its != phase {
        phase = its
        at = bucket(phase)
      }
      buckets[at].list.append(updates.data(at: i), time, updates.difference(at: i))
    }
  }

  /// Adds a run up, if it is of the time of what was added up before.
  @inlinable func combine(_ updates: Updates<Data, Time, Diff>) -> Bool {
    if sums == nil { sums = RecordSums(time: updates.commonTime) }
    guard sums?.time == updates.commonTime else { return false }
    sums?.add(updates)
    return true
  }

  @inlinable func putSumsInTheirBucket() {
    guard let combined = sums else { return }
    sums = nil
    buckets[bucket(combined.time.phase)].list.append(owning: combined.finish())
  }

  @inlinable func bucket(_ phase: Time) -> Int {
    var at = buckets.count - 1
    while at >= 0 {
      if buckets[at].phase == phase { return at }
      at -= 1
    }
    buckets.append((phase, List()))
    scope.schedule(index, at: phase)
    return buckets.count - 1
  }

  /// The updates of the current phase, in the epochs being worked on. Those of later epochs stay.
  @inlinable func take() -> List {
    guard let at = buckets.firstIndex(where: { $0.phase == scope.phase }) else { return List() }
    if sums?.time.phase == scope.phase { putSumsInTheirBucket() }
    let list = buckets[at].list
    buckets.remove(at: at)
    let upper = scope.control.upper
    let isDue = list.runs.allSatisfy { run in
      run.hasCommonTime
        ? run.count == 0 || run.commonTime.epoch < upper
        : (0..<run.count).allSatisfy { run.time(at: $0).epoch < upper }
    }
    return isDue ? list : split(list, upper)
  }

  @inlinable @inline(never) func split(_ list: List, _ upper: Time.Epoch) -> List {
    var due = List()
    var later = List()
    for run in list.runs {
      for i in 0..<run.count {
        if run.time(at: i).epoch < upper {
          due.append(run.data(at: i), run.time(at: i), run.difference(at: i))
        } else {
          later.append(run.data(at: i), run.time(at: i), run.difference(at: i))
        }
      }
    }
    list.deallocate()
    let phase = scope.phase
    buckets.append((phase, later))
    scope.control.deferred.append { [scope, index] in scope.schedule(index, at: phase) }
    return due
  }
}
