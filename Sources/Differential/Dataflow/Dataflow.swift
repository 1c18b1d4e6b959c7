/// A dataflow: inputs, operators and what holds their state, driven by one thread.
///
/// Build it by applying operators to the collections of its inputs, then change the inputs, advance them and call
/// ``step()``. Dataflows do not know each other. One worker's dataflow has no locks; see ``Workers`` for several.
///
/// An epoch is complete when every input has advanced beyond it and a step has run: then all differences at its times
/// have been handed out, and ``frontier`` is past it.
public final class Dataflow<Epoch: EpochTime> {
  /// The scope outside all loops.
  public let root: Scope<Epoch>
  @usableFromInline let control: Control<Epoch>
  @usableFromInline var inputs: [AnyInput<Epoch>] = []
  /// How the workers of a team agree on the epochs to work off.
  @usableFromInline let bound: Agreement<Epoch>?

  /// An empty dataflow.
  @inlinable public init() {
    control = Control(membership: nil)
    root = Scope(control: control)
    bound = nil
  }

  /// One worker's part of a dataflow that a team works on. A team of one has no meetings.
  ///
  /// - Precondition: Each worker below the team's count is made once, used on one thread, and runs the same program.
  @inlinable public init(_ team: Team, worker: Int) {
    let membership = team.count > 1 ? Membership(team: team, worker: worker) : nil
    control = Control(membership: membership)
    bound = membership.map { Agreement($0) }
    root = Scope(control: control)
  }

  deinit {
    control.giveUp()
    bound?.peers.removeAll()
  }

  /// A new input with its collection.
  @inlinable public func input<Data: Record, Diff: Difference>(
    _ type: Data.Type = Data.self, differences: Diff.Type = Int.self
  ) -> (session: Input<Data, Epoch, Diff>, collection: Multiset<Data, Epoch, Diff>) {
    let port = Port<Data, Epoch, Diff>()
    let input = Input<Data, Epoch, Diff>(port: port, control: control)
    control.teardown.append { [weak port] in port?.sinks.removeAll() }
    inputs.append(
      AnyInput(
        epoch: { input.isClosed ? nil : input.epoch }, flush: { input.flush() }, start: { input.advance(to: $0) }))
    input.advance(to: control.lower)
    return (input, Multiset(scope: root, ports: [port]))
  }

  /// The least epoch that may still change; empty once all inputs are closed and worked off.
  public var frontier: Antichain<Epoch> { isFinished ? Antichain() : Antichain([control.lower]) }

  /// Whether the results at the epoch are final.
  @inlinable public func isComplete(_ epoch: Epoch) -> Bool { isFinished || epoch < control.lower }

  @inlinable var isFinished: Bool { control.lower == .max && inputs.allSatisfy { $0.epoch() == nil } }

  /// How many operators have been visited since the dataflow was made.
  @inlinable public var visits: Int { control.visits }

  /// How many updates wait in front of operators until the next step: what it takes to put one off. Equal records that are added up as
  /// they come count once.
  ///
  /// - Complexity: O(operators).
  @inlinable public var waitingUpdates: Int {
    for input in inputs { input.flush() }
    return control.backlogs.reduce(0) { $0 + $1() }
  }

  /// Works off all epochs that every input has advanced beyond.
  ///
  /// - Parameter mayContinue: Asked between operators; when it answers no, the step stops there, and the next call goes on. A step
  ///   runs one operator at least.
  ///   Not asked in a team, whose workers go together.
  /// - Precondition: It is not called from a closure that a step has called. Such closures may change inputs, at epochs that
  ///   are open; that takes effect in the next step.
  /// - Returns: Whether the step ran to its end.
  @inlinable @discardableResult
  public func step(while mayContinue: @escaping () -> Bool = { true }) -> Bool {
    precondition(!control.isBusy, "a step is not made from inside a step")
    control.mayContinue = mayContinue
    control.isInterrupted = false
    control.hasWorked = false
    if !root.isRunning {
      var upper = Epoch.max
      for input in inputs {
        input.flush()
        if let epoch = input.epoch() { upper = min(upper, epoch) }
      }
      if control.isFollowing { upper = clamped(upper) }
      if let bound {
        control.membership?.introduce()
        upper = bound.least(upper) ?? upper
      }
      guard upper > control.lower else { return true }
      control.upper = upper
      let deferred = control.deferred
      control.deferred.removeAll()
      for again in deferred { again() }
    }
    control.isBusy = true
    defer {
      control.isBusy = false
      control.mayContinue = { true }
    }
    if let agreement = root.agreement {
      root.runTogether(agreement)
    } else if !root.run() {
      return false
    }
    control.lower = control.upper
    finishStep()
    return true
  }

  /// The last epoch up to a given one at which all dataflows that are read let a step end.
  @usableFromInline func clamped(_ upper: Epoch) -> Epoch {
    var upper = upper
    while true {
      let clamped = inputs.reduce(upper) { min($0, $1.clamp(upper)) }
      if clamped == upper { return upper }
      upper = clamped
    }
  }

  @inlinable func finishStep() {
    for settle in control.touched { settle() }
    control.touched.removeAll(keepingCapacity: true)
    control.mergeTurn.goOn(control.work.arrangedUpdates)
  }
}

/// An input of any type of record, as far as the steps of a dataflow are concerned.
@usableFromInline struct AnyInput<Epoch: EpochTime> {
  @usableFromInline let epoch: () -> Epoch?
  @usableFromInline let flush: () -> Void
  /// Has it continue at an epoch.
  @usableFromInline let start: (Epoch) -> Void
  /// The last epoch up to a given one at which a step may end.
  @usableFromInline let clamp: (Epoch) -> Epoch
  @inlinable init(
    epoch: @escaping () -> Epoch?, flush: @escaping () -> Void, start: @escaping (Epoch) -> Void,
    clamp: @escaping (Epoch) -> Epoch = { $0 }
  ) {
    self.epoch = epoch
    self.flush = flush
    self.start = start
    self.clamp = clamp
  }
}

/// Where records enter a dataflow. Changes are made at the current epoch, which moves forward by ``advance(to:)``.
public final class Input<Data: Record, Epoch: EpochTime, Diff: Difference> {
  /// The epoch at which changes are made; it and all later ones may still change.
  public private(set) var epoch: Epoch = .minimum
  /// Whether the input has been closed: its records stay, and change no more.
  public private(set) var isClosed = false
  @usableFromInline let port: Port<Data, Epoch, Diff>
  /// At a place of its own: reached for each record, without exclusivity checks. Nothing keeps an access to it open.
  @usableFromInline let run: UnsafeMutablePointer<Updates<Data, Epoch, Diff>>
  @usableFromInline let control: Control<Epoch>
  @usableFromInline var spare: Updates<Data, Epoch, Diff>
  /// What closures of a step or of another flush have changed: they may be called while the way of this input is in use.
  @usableFromInline var waiting = UpdateList<Data, Epoch, Diff>()

  @inlinable init(port: Port<Data, Epoch, Diff>, control: Control<Epoch>) {
    self.port = port
    self.control = control
    run = .allocate(capacity: 1)
    run.initialize(to: Updates(capacity: 4096))
    spare = Updates(capacity: 4096)
  }

  deinit {
    run.pointee.deallocate()
    run.deallocate()
    spare.deallocate()
    waiting.deallocate()
  }

  /// Changes the multiplicity of a record at the current epoch.
  @inlinable public func update(_ data: Data, by difference: Diff) { update(data, at: epoch, by: difference) }

  /// Changes the multiplicity of a record at an epoch that the input has not yet advanced beyond.
  ///
  /// - Precondition: The epoch is not before the current one, and the input is open.
  @inlinable public func update(_ data: Data, at time: Epoch, by difference: Diff) {
    precondition(!isClosed && time >= epoch, "an input changes only at epochs that are still open")
    run.pointee.append(data, time, difference)
    if run.pointee.isFull { flush() }
  }

  /// Hands on what has been changed so far. Steps do this too; within one, it is the next step that does.
  @inlinable public func flush() {
    guard run.pointee.count > 0 || waiting.count > 0 else { return }
    if control.isBusy {
      waiting.append(run.pointee)
      run.pointee.removeAll()
      return
    }
    control.isBusy = true
    // Closures on the way may change this input again: they fill the other run.
    var pushed = run.pointee
    run.pointee = spare
    if waiting.count > 0 {
      let list = waiting
      waiting = UpdateList()
      for run in list.runs { port.push(run) }
      list.deallocate()
    }
    port.push(pushed)
    pushed.removeAll()
    spare = pushed
    control.isBusy = false
  }

  /// Moves to a later epoch; the ones before are no longer going to change.
  ///
  /// - Precondition: The epoch is not before the current one.
  public func advance(to epoch: Epoch) {
    precondition(epoch >= self.epoch, "an input cannot go back")
    self.epoch = epoch
  }

  /// Ends the input. Its records stay.
  public func close() {
    flush()
    isClosed = true
  }
}

extension Input where Diff: Weight {
  /// Adds a record.
  @inlinable public func insert(_ data: Data) { update(data, by: .one) }
  /// Takes a record away.
  @inlinable public func remove(_ data: Data) { update(data, by: .zero - .one) }
}

/// Tells how far a dataflow is. In this engine all collections are complete together, at the end of a step.
public struct Probe<Epoch: EpochTime> {
  @usableFromInline let control: Control<Epoch>
  @inlinable init(control: Control<Epoch>) { self.control = control }

  /// The first epoch that may still change.
  @inlinable public var frontier: Epoch { control.lower }
  /// Whether the results at the epoch are final.
  @inlinable public func isPast(_ epoch: Epoch) -> Bool { epoch < control.lower }
}

extension Multiset {
  /// A probe on the collection.
  @inlinable public func probe() -> Probe<Time.Epoch> { Probe(control: scope.control) }
}
