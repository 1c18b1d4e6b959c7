/// Several workers, each with a dataflow of its own on a thread of its own, made by the same program.
///
/// The library starts no threads and has no locks: whoever does supplies a *barrier*, which returns on each thread once
/// it has been called on all. Records are divided among the workers by the route of their key wherever they are arranged. The
/// workers go through the phases of an epoch together, and meet at each operator that arranges.
///
/// All workers make the same operators in the same order, and call `step` equally often. Each inserts whatever it likes;
/// an epoch is complete when all workers' inputs have advanced beyond it. Each hands out a part of the results.
///
/// `@unchecked Sendable`: what is posted here, and in the objects posted, is written by one worker before a barrier and
/// read by others after it; two sides alternate, so that nothing is written again until all have passed a further barrier.
public final class Team: @unchecked Sendable {
  /// How many workers there are.
  public let count: Int
  @usableFromInline let barrier: @Sendable () -> Void
  /// A slot for each worker, which it alone writes.
  @usableFromInline let posted: UnsafeMutablePointer<[AnyObject]>

  /// A team whose barrier orders memory: what a thread wrote before it called, all see after it returned to them.
  public init(count: Int, barrier: @escaping @Sendable () -> Void) {
    precondition(count > 0, "a team has at least one worker")
    self.count = count
    self.barrier = barrier
    posted = .allocate(capacity: count)
    posted.initialize(repeating: [], count: count)
  }

  deinit {
    posted.deinitialize(count: count)
    posted.deallocate()
  }
}

/// One worker's place in its team: what it shows to the others.
@usableFromInline final class Membership {
  @usableFromInline let team: Team
  @usableFromInline let worker: Int
  /// What this worker shows, in the order of making, which is the same for all.
  @usableFromInline var shown: [AnyObject] = []
  /// Finds the others' counterparts once everything is made.
  @usableFromInline var introductions: [([[AnyObject]]) -> Void] = []

  @inlinable init(team: Team, worker: Int) {
    precondition(worker >= 0 && worker < team.count, "a worker's number is below the team's count")
    self.team = team
    self.worker = worker
  }

  /// Shows an object and asks to be given the others' in its place.
  @inlinable func show<Object: AnyObject>(_ object: Object, _ meet: @escaping ([Object]) -> Void) {
    let place = shown.count
    shown.append(object)
    introductions.append { posted in
      // The same program made the same operators in the same order, so the types agree; else the trap is deserved.
      meet(posted.map { $0[place] as! Object })
    }
  }

  /// Forgets what has not been shown yet.
  func leave() {
    shown.removeAll()
    introductions.removeAll()
  }

  /// Called by all workers before a step. What was made since the last is introduced; it is the same for all.
  @inlinable func introduce() {
    guard !introductions.isEmpty else { return }
    team.posted[worker] = shown
    team.barrier()
    let posted = (0..<team.count).map { team.posted[$0] }
    precondition(posted.allSatisfy { $0.count == shown.count }, "all workers of a team make the same dataflow")
    for introduction in introductions { introduction(posted) }
    introductions.removeAll()
    shown.removeAll()
    team.barrier()
    team.posted[worker] = []
  }
}

/// Agreement on the least of what each worker proposes.
@usableFromInline final class Agreement<Time: Timestamp> {
  @usableFromInline let membership: Membership
  @usableFromInline var peers: [Agreement] = []
  @usableFromInline var even: Time?
  @usableFromInline var odd: Time?
  @usableFromInline var isOdd = false

  @inlinable init(_ membership: Membership) {
    self.membership = membership
    membership.show(self) { [unowned self] in peers = $0 }
  }

  /// The least proposal of all workers; nil if none has one.
  @inlinable func least(_ proposal: Time?) -> Time? {
    let side = isOdd
    isOdd.toggle()
    if side { odd = proposal } else { even = proposal }
    membership.team.barrier()
    var result: Time?
    for peer in peers {
      guard let theirs = side ? peer.odd : peer.even else { continue }
      if let known = result, known <= theirs { continue }
      result = theirs
    }
    return result
  }
}

/// Where updates are divided among workers, in front of an operator that arranges.
@usableFromInline final class Exchange<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline typealias List = UpdateList<Data, Time, Diff>
  @usableFromInline let membership: Membership
  @usableFromInline let inbox: Inbox<Data, Time, Diff>
  @usableFromInline let route: (Data) -> UInt64
  @usableFromInline var peers: [Exchange] = []
  /// What waits to be shown, by worker; and what is shown on the even and the odd side.
  @usableFromInline var waiting: [List]
  @usableFromInline var even: [List]
  @usableFromInline var odd: [List]
  @usableFromInline var isOdd = false
  /// Phases for which this worker has asked to be visited, since the last swap.
  @usableFromInline var asked: [Time] = []

  @inlinable init(_ membership: Membership, _ inbox: Inbox<Data, Time, Diff>, route: @escaping (Data) -> UInt64) {
    self.membership = membership
    self.inbox = inbox
    self.route = route
    waiting = (0..<membership.team.count).map { _ in List() }
    even = waiting
    odd = waiting
    membership.show(self) { [unowned self] in peers = $0 }
    inbox.scope.control.teardown.append { [weak self] in self?.peers.removeAll() }
    inbox.scope.control.exchanges.append { [weak self] in self?.waiting.contains { $0.count > 0 } ?? false }
  }

  deinit { for list in waiting + even + odd { list.deallocate() } }

  /// Divides a run. The visit asked for is at this worker; the others will come along.
  @inlinable func accept(_ updates: Updates<Data, Time, Diff>) {
    let count = UInt64(membership.team.count)
    for i in 0..<updates.count {
      let data = updates.records[i]
      let time = updates.time(at: i)
      let target = Int(truncatingIfNeeded: route(data).multipliedFullWidth(by: count).high)
      waiting[target].append(data, time, updates.difference(at: i))
      if i == 0 || !updates.hasCommonTime { ask(time.phase) }
    }
  }

  @inlinable func ask(_ phase: Time) {
    if asked.contains(phase) { return }
    asked.append(phase)
    inbox.scope.schedule(inbox.index, at: phase)
  }

  /// Shows the others what is theirs and takes what is shown to this worker. All workers call it at the same point.
  @inlinable func swapUpdates() {
    let side = isOdd
    isOdd.toggle()
    asked.removeAll(keepingCapacity: true)
    // What this side showed two swaps ago has been copied by all: they have passed a barrier since.
    for list in side ? odd : even { list.deallocate() }
    if side { odd = waiting } else { even = waiting }
    waiting = waiting.map { _ in List() }
    membership.team.barrier()
    for peer in peers {
      for run in (side ? peer.odd : peer.even)[membership.worker].runs { inbox.accept(run) }
    }
  }
}
