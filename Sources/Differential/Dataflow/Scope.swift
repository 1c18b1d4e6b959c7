/// The operators of one scope, the root or a loop, and what they have still to do.
///
/// The order of visits is the design: within an epoch the phases (rounds of all loops around) are visited in their total
/// order, and within a phase the operators in the order in which they were made, which is the order in which data
/// flows, since only the variable of a loop is used before it is defined, and it delivers in a later round. A loop is one
/// operator of the scope around it. So when an operator runs at a phase, all its input at that phase has
/// arrived, and nothing earlier can come any more: no counts of messages are needed to know what is final.
public final class Scope<Time: Timestamp> {
  @usableFromInline var operators: [() -> Void] = []
  @usableFromInline var names: [String] = []
  /// One bit an operator: it has something to do at the current phase.
  @usableFromInline var active: [UInt64] = []
  /// The current phase, while the scope runs.
  @usableFromInline var phase: Time = .minimum
  @usableFromInline var isRunning = false
  @usableFromInline var agenda = Agenda<Time>()
  @usableFromInline let control: Control<Time.Epoch>
  /// The scope of which this one is a loop; none for the root.
  @usableFromInline var around: ObjectIdentifier?
  /// Asks the scope around to run this one: now, or at a later phase.
  @usableFromInline var requestRun: (Time?) -> Void = { _ in }
  /// The phase with which a run begins, for the current phase around; and whether a phase belongs to it.
  @usableFromInline var firstPhase: () -> Time = { .minimum }
  @usableFromInline var belongsToCurrentRun: (Time) -> Bool = { _ in true }

  /// The operators before which workers exchange updates, and the loops that contain such, in order.
  @usableFromInline var meetings: [(index: Int, exchange: () -> Void)] = []
  @usableFromInline let agreement: Agreement<Time>?

  @inlinable init(control: Control<Time.Epoch>) {
    self.control = control
    agreement = control.membership.map { Agreement($0) }
    // A loop's scope may be gone before its turn, with the one around; its agreement is held by its own peers.
    control.teardown.append { [weak self, agreement] in
      self?.operators.removeAll()
      self?.meetings.removeAll()
      agreement?.peers.removeAll()
    }
  }

  /// Adds an operator, which runs after all those made before it.
  @inlinable func add(_ name: String, _ run: @escaping () -> Void) -> Int {
    operators.append(run)
    names.append(name)
    if operators.count > active.count * 64 { active.append(0) }
    return operators.count - 1
  }

  /// Asks that an operator run in the current phase, or, from outside, in the first phase of the next run.
  @inlinable func activate(_ index: Int) {
    active[index >> 6] |= 1 << UInt64(index & 63)
    if !isRunning { requestRun(nil) }
  }

  /// Asks that an operator run at a phase.
  @inlinable func schedule(_ index: Int, at phase: Time) {
    if isRunning {
      if phase <= self.phase {
        active[index >> 6] |= 1 << UInt64(index & 63)
        return
      }
      agenda.insert(phase, index)
      if !belongsToCurrentRun(phase) { requestRun(phase) }
    } else {
      agenda.insert(phase, index)
      requestRun(phase)
    }
  }

  /// Traps unless this is a loop made in the given scope: times would be taken for others.
  @inlinable func checkIsLoop<Outer: Timestamp>(of scope: Scope<Outer>) {
    precondition(
      around == ObjectIdentifier(scope), "collections enter loops of their own scope, and leave to the scope around")
  }

  @inlinable var isActive: Bool { active.contains { $0 != 0 } }

  /// Runs what there is to do in the current run, phase by phase.
  ///
  /// - Returns: False if it was interrupted; it goes on where it stopped when called again.
  @inlinable func run() -> Bool {
    if !isRunning {
      let first = firstPhase()
      if isActive {
        phase = first
      } else {
        guard let next = agenda.first, belongsToCurrentRun(next) else { return true }
        phase = first < next ? next : first
      }
      isRunning = true
    }
    while true {
      while let next = agenda.first, next <= phase {
        let index = agenda.removeFirst()
        active[index >> 6] |= 1 << UInt64(index & 63)
      }
      while let index = lowestActive() {
        if control.hasWorked && !control.mayContinue() { return false }
        active[index >> 6] &= ~(1 << UInt64(index & 63))
        operators[index]()
        control.visits &+= 1
        if control.isInterrupted { return false }
        control.hasWorked = true
      }
      guard let next = agenda.first, belongsToCurrentRun(next) else { break }
      phase = next
    }
    isRunning = false
    if let next = agenda.first { requestRun(next) }
    return true
  }

  /// As ``run()``, with all workers of the team: at each phase that any of them proposes, meeting where updates are exchanged.
  @inlinable func runTogether(_ agreement: Agreement<Time>) {
    let first = firstPhase()
    var proposal: Time?
    if isActive {
      proposal = first
    } else if let next = agenda.first, belongsToCurrentRun(next) {
      proposal = first < next ? next : first
    }
    while let agreed = agreement.least(proposal) {
      isRunning = true
      phase = agreed
      while let next = agenda.first, next <= phase {
        let index = agenda.removeFirst()
        active[index >> 6] |= 1 << UInt64(index & 63)
      }
      for meeting in meetings {
        runActive(below: meeting.index)
        meeting.exchange()
      }
      runActive(below: .max)
      proposal = nil
      if let next = agenda.first, belongsToCurrentRun(next) { proposal = next }
    }
    isRunning = false
    if let next = agenda.first { requestRun(next) }
  }

  @inlinable func runActive(below limit: Int) {
    while let index = lowestActive(), index < limit {
      active[index >> 6] &= ~(1 << UInt64(index & 63))
      operators[index]()
      control.visits &+= 1
    }
  }

  @inlinable func lowestActive() -> Int? {
    for word in 0..<active.count where active[word] != 0 {
      return word << 6 + active[word].trailingZeroBitCount
    }
    return nil
  }
}

/// What all scopes of a dataflow share.
@usableFromInline final class Control<Epoch: EpochTime> {
  /// Updates before this epoch are being worked on; all epochs before `lower` are complete.
  @usableFromInline var lower: Epoch = .minimum
  @usableFromInline var upper: Epoch = .minimum
  @usableFromInline var mayContinue: () -> Bool = { true }
  /// Whether an operator has been run in this step: each step does at least that much, however deep in loops it stopped.
  @usableFromInline var hasWorked = false
  /// A loop inside stopped half-way: so do all around it.
  @usableFromInline var isInterrupted = false
  /// How many operators have been run so far: what tests and benchmarks count.
  @usableFromInline var visits = 0
  /// What else is counted; see ``Dataflow/work``.
  @usableFromInline var work = Work()
  /// Which large merge is under way.
  @usableFromInline let mergeTurn = MergeTurn()
  /// Whether another dataflow's traces are read.
  @usableFromInline var isFollowing = false
  /// Operators that hold updates of later epochs, to be asked again then.
  @usableFromInline var deferred: [() -> Void] = []
  /// Whether a step or a flush is under way: closures called by it neither step nor hand on updates.
  @usableFromInline var isBusy = false
  /// Traces with fresh batches, to be settled at the end of the step.
  @usableFromInline var touched: [() -> Void] = []

  /// The state that checkpoints keep, in the order of making.
  @usableFromInline var parts: [StatePart] = []
  @usableFromInline var names = PartNames()
  /// How many updates wait in front of each operator that takes them later.
  @usableFromInline var backlogs: [() -> Int] = []
  /// Whether updates wait to be handed to other workers, for each place where that is done.
  @usableFromInline var exchanges: [() -> Bool] = []

  /// The team that this worker is in, if any.
  @usableFromInline let membership: Membership?
  /// Takes apart what refers to itself in a circle, when the dataflow goes.
  @usableFromInline var teardown: [() -> Void] = []

  @inlinable init(membership: Membership?) { self.membership = membership }

  /// Lets go of everything that refers to itself in a circle, at the end of the dataflow.
  @usableFromInline func giveUp() {
    for part in teardown { part() }
    teardown.removeAll()
    mergeTurn.giveUp()
    deferred.removeAll()
    touched.removeAll()
    backlogs.removeAll()
    membership?.leave()
  }
}

/// Operators by the phase at which they are to run: a binary heap.
@usableFromInline struct Agenda<Time: Timestamp> {
  @usableFromInline var entries: [(phase: Time, index: Int)] = []

  @inlinable init() {}

  @inlinable var first: Time? { entries.first?.phase }

  @inlinable static func isBefore(_ a: (phase: Time, index: Int), _ b: (phase: Time, index: Int)) -> Bool {
    a.phase == b.phase ? a.index < b.index : a.phase < b.phase
  }

  @inlinable mutating func insert(_ phase: Time, _ index: Int) {
    entries.append((phase, index))
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Self.isBefore(entries[child], entries[parent]) else { break }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  /// The operator to run first.
  ///
  /// - Precondition: The agenda is not empty.
  @inlinable mutating func removeFirst() -> Int {
    let index = entries[0].index
    let last = entries.removeLast()
    guard !entries.isEmpty else { return index }
    entries[0] = last
    var parent = 0
    while true {
      var least = 2 * parent + 1
      guard least < entries.count else { break }
      if least + 1 < entries.count && Self.isBefore(entries[least + 1], entries[least]) { least += 1 }
      guard Self.isBefore(entries[least], entries[parent]) else { break }
      entries.swapAt(parent, least)
      parent = least
    }
    return index
  }
}
