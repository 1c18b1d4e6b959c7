// Reading an arrangement from a part of a dataflow that is made later, or from another dataflow.

extension Arrangement where Lens.Seen: EpochTime, Lens.Stored == Lens.Seen {
  /// The arrangement for operators that are made when it has run already: first all that it is, at the epoch that is open
  /// then, and from there on what changes.
  ///
  /// The trace is shared. In a program that is taken up from checkpoints, parts may read what others arrange by this
  /// always: what has read the past before does not read it again.
  ///
  /// - Parameter name: What the reader is called in checkpoints: see ``Scope/named(_:_:)``.
  /// - Complexity: Once O(n) for `n` updates in the trace. After that nothing.
  @inlinable public func imported(name: String? = nil) -> Arrangement<Key, Value, Diff, SameTime<Lens.Stored>> {
    let reader = LateReader(hub)
    let scope = self.scope
    let index = scope.add("import") { reader.catchUp() }
    reader.register(name: name)
    hub.readers.append { batch in reader.pass(batch) }
    scope.activate(index)
    return Arrangement<Key, Value, Diff, SameTime<Lens.Stored>>(scope: scope, hub: reader.output)
  }

  /// The arrangement in another dataflow, on the same thread.
  ///
  /// That one moves behind this: it completes the epochs that this has completed, when it is stepped. Where this completed
  /// several epochs in one step, so does the other. What the other has still to read is kept for it, with the trace as it
  /// read it last, until its next step or until it is gone.
  ///
  /// All that the arrangement was when this is called comes at the last epoch that was complete.
  ///
  /// - Complexity: Once O(n) for `n` updates in the trace. After that O(batches) a step.
  @inlinable public func imported(
    into flow: Dataflow<Lens.Stored>
  ) -> Arrangement<Key, Value, Diff, SameTime<Lens.Stored>> {
    let control = hub.control
    precondition(flow.control !== control, "within a dataflow an arrangement is imported into no other")
    precondition(!scope.isRunning, "arrangements are read by others between steps")
    flow.control.isFollowing = true
    let follower = Follower(hub, flow.control)
    let index = flow.root.add("import") { follower.deliver() }
    hub.readers.append { [weak follower] batch in follower?.pending.append((control.lower, control.upper, batch)) }
    flow.inputs.append(
      AnyInput(
        epoch: { control.lower == .max ? nil : control.lower },
        flush: { [unowned root = flow.root] in if follower.hasNews { root.activate(index) } }, start: { _ in },
        clamp: { follower.clamp($0) }))
    return Arrangement<Key, Value, Diff, SameTime<Lens.Stored>>(scope: flow.root, hub: follower.output)
  }
}

/// All updates of some batches in one, with times not before an epoch.
///
/// - Complexity: O(rows log batches), or O(1) for a single batch whose times are alike.
@inlinable func united<K: Record, V: Record, T: Timestamp, R: Difference>(
  _ batches: [Batch<K, V, T, R>], since: T.Epoch
) -> Batch<K, V, T, R>? {
  guard let first = batches.first else { return nil }
  if batches.count == 1 && first.columns.times == nil {
    var columns = first.columns
    columns.commonTime = columns.commonTime.advanced(to: since)
    return Batch(columns, heldBy: first)
  }
  // The newest are the smallest.
  var rest = batches
  if rest.count == 1 { rest.append(Batch(BatchColumns.empty)) }
  var last = rest.removeLast()
  while let next = rest.popLast() {
    let merge = Merge(next, last, since: since)
    while !merge.work(fuel: .max) {}
    last = merge.finish() ?? Batch(BatchColumns.empty)
  }
  return last.rowCount == 0 ? nil : last
}

extension BatchColumns {
  /// Columns without rows, to merge with.
  @inlinable static var empty: Self {
    Self(
      keys: Column(capacity: 1), offsets: nil, values: Column(capacity: 1), times: nil, differences: nil,
      commonTime: .minimum, commonDifference: .zero, keyCount: 0, rowCount: 0)
  }
}

/// A reader of a trace of the same dataflow that may have begun after it.
///
/// In its first activation it hands on all that is there as one fresh batch, by a trace of its own that has only
/// that; at the end of the step it has the other's trace, where all of it is settled.
@usableFromInline final class LateReader<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline let source: TraceHub<Key, Value, Time, Diff>
  @usableFromInline let output: TraceHub<Key, Value, Time, Diff>
  @usableFromInline var hasCaughtUp = false

  @inlinable init(_ source: TraceHub<Key, Value, Time, Diff>) {
    self.source = source
    output = TraceHub(reading: source, in: source.control)
    output.settling = { [unowned output, source] in
      if output.spine !== source.spine { output.spine = source.spine }
    }
  }

  /// Makes it part of the state whether this has read what was there.
  @usableFromInline func register(name: String?) {
    let control = source.control
    control.parts.append(
      StatePart(
        name: control.names.claim("import", name), isTrace: true, save: { _, _ in [] },
        load: { [weak self] _, _ in self?.begin() }, unstored: { _ in nil }, moved: { 0 }, held: { 0 },
        heldBytes: { 0 },
        show: { _, _, _ in true }))
  }

  @usableFromInline func begin() {
    hasCaughtUp = true
    output.spine = source.spine
  }

  @inlinable func catchUp() {
    guard !hasCaughtUp else { return }
    hasCaughtUp = true
    let settled = source.spine.batches.map(\.batch)
    if settled.isEmpty, source.spine.fresh.count == 1 {
      output.announce(source.spine.fresh[0])
    } else if let batch = united(settled + source.spine.fresh, since: source.control.lower) {
      output.announce(batch)
    } else {
      output.spine = source.spine
    }
  }

  /// Tells the readers of a new batch of the source.
  @inlinable func pass(_ batch: Batch<Key, Value, Time, Diff>) {
    guard hasCaughtUp else { return }
    for reader in output.readers { reader(batch) }
  }
}

/// A reader of a trace of another dataflow.
///
/// Batches never change, so what it has read is a list of them: the ones that the source had when it read last. It takes the
/// source's present ones whenever it has read all.
@usableFromInline final class Follower<Key: Record, Value: Record, Time: EpochTime, Diff: Difference> {
  @usableFromInline typealias B = Batch<Key, Value, Time, Diff>
  @usableFromInline let source: TraceHub<Key, Value, Time, Diff>
  @usableFromInline let output: TraceHub<Key, Value, Time, Diff>
  /// What has arrived since: with the epochs of the step in which it did, from the first to before the last.
  @usableFromInline var pending: [(from: Time, to: Time, batch: B)] = []
  @usableFromInline var read: [B] = []
  @usableFromInline let history: B?
  @usableFromInline var hasReadHistory = false
  /// The epoch at which the history appears, if there is any.
  @usableFromInline let start: Time

  @inlinable init(_ source: TraceHub<Key, Value, Time, Diff>, _ control: Control<Time>) {
    self.source = source
    output = TraceHub(reading: source, in: control)
    let lower = source.control.lower
    start = lower == 0 ? 0 : lower - 1
    if let all = united(source.spine.batches.map(\.batch), since: lower) {
      // All of it is from before `lower`, and so is what it has become by `start`.
      var columns = all.columns
      columns.commonTime = start
      history = Batch(columns, heldBy: all)
    } else {
      history = nil
    }
    output.settling = { [unowned self] in settle() }
  }

  @inlinable var hasNews: Bool { !pending.isEmpty || !hasReadHistory }

  /// The last epoch up to the given one at which a step may end: not inside a step of the source that changed the trace.
  @inlinable func clamp(_ upper: Time) -> Time {
    for step in pending where step.from < upper && upper < step.to { return step.from }
    return upper
  }

  @inlinable func deliver() {
    let upper = output.control.upper
    var due: [B] = []
    if !hasReadHistory, upper > start {
      hasReadHistory = true
      if let history { due.append(history) }
    }
    while let next = pending.first, next.to <= upper {
      due.append(next.batch)
      pending.removeFirst()
    }
    read += due
    if let batch = due.count == 1 ? due[0] : united(due, since: .minimum) { output.announce(batch) }
  }

  /// What has been read is settled now.
  @inlinable func settle() {
    if pending.isEmpty && hasReadHistory && output.control.lower == source.control.lower {
      read = source.spine.batches.map(\.batch)
    }
    output.spine.show(read)
  }
}
