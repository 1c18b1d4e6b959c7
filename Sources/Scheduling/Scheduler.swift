package import BuildGraph

/// Chooses which step runs next, and where.
///
/// Steps at the head of the longest chain go first, equal ones in the order of the program. A step that does not fit now has its
/// room reserved: others go before it where they end before it could begin anyway, or take what it will not need. Where nobody
/// knows how long steps take, others pass it only so often. So nothing starves.
package struct Scheduler: ~Copyable {
  /// A step that may begin, and the pool that has the room.
  package struct Placement: Hashable, Sendable {
    package var step: StepID
    /// Index among the pools.
    package var pool: Int
    package var demand: Demand
  }

  /// Small, since all steps of a build may wait.
  private struct Entry {
    var step: StepID
    /// Its number among the demands.
    var demand: UInt32
    var rank: Double
  }

  private struct Running {
    var pool: Int
    var demand: Demand
    /// When it should end; nil where nobody knows.
    var end: Double?
  }

  /// Where and when the first in line will begin.
  private struct Reservation {
    var step: StepID
    var pool: Int
    /// Nil where nobody knows.
    var start: Double?
    /// What will be left beside it then.
    var rest: Pool
  }

  /// How often the first in line is passed by steps of which nobody knows how long they take, before its pool is kept free for it.
  private static let patience = 32
  /// How many entries behind one that does not fit are tried: a bound on the work of each choice.
  private static let reach = 64

  package let pools: [Pool]
  private var free: [Pool]
  /// A binary heap: the entry to start first on top.
  private var heap: [Entry] = []
  /// What they demand.
  private var demands = DemandTable()
  private var running: [StepID: Running] = [:]
  private var passedOver: (step: StepID, times: Int)?

  /// - Precondition: there is a pool.
  package init(pools: [Pool]) {
    precondition(!pools.isEmpty, "a scheduler without pools can run nothing")
    self.pools = pools
    free = pools
  }

  package var runningCount: Int { running.count }
  /// Whether steps wait to be started.
  package var hasWaiting: Bool { !heap.isEmpty }

  /// - Parameter rank: how long a chain of work waits for the step, itself included.
  /// - Precondition: ``Demand/refusal(by:)`` of these pools is nil; another would wait for ever.
  /// - Complexity: O(log waiting).
  package mutating func submit(_ step: StepID, _ demand: Demand, rank: Double) {
    heap.append(Entry(step: step, demand: demands.add(demand), rank: rank))
    siftUp(heap.count - 1)
  }

  /// Takes back a step that has not been started.
  ///
  /// - Complexity: O(waiting); rare.
  package mutating func withdraw(_ step: StepID) {
    guard let index = heap.firstIndex(where: { $0.step == step }) else { return }
    demands.remove(heap.remove(at: index).demand)
    for position in stride(from: heap.count / 2, through: 0, by: -1) where position < heap.count { siftDown(position) }
  }

  /// The step to start now, if there is room for one; its room is taken until ``finished(_:)``.
  ///
  /// - Parameter now: seconds on a clock that never goes back.
  /// - Complexity: O(log waiting), times a constant where steps do not fit.
  package mutating func next(now: Double) -> Placement? {
    var skipped: [Entry] = []
    defer {
      for entry in skipped {
        heap.append(entry)
        siftUp(heap.count - 1)
      }
    }
    var reservation: Reservation?
    while let entry = pop() {
      let demand = demands[entry.demand]
      if let (pool, isPassing) = place(for: demand, reservation, now) {
        if isPassing, let first = reservation?.step {
          passedOver = (first, passedOver?.step == first ? passedOver!.times + 1 : 1)
        } else if passedOver?.step == entry.step {
          passedOver = nil
        }
        take(entry.step, demand, pool, now)
        demands.remove(entry.demand)
        return Placement(step: entry.step, pool: pool, demand: demand)
      }
      if skipped.isEmpty { reservation = reserve(entry, now) }
      skipped.append(entry)
      if skipped.count >= Self.reach || free.allSatisfy({ $0.jobs == 0 }) { return nil }
    }
    return nil
  }

  private func isAllowed(_ pool: Pool, _ demand: Demand) -> Bool {
    demand.pools.isEmpty || demand.pools.contains(pool.name)
  }

  private static func fits(_ demand: Demand, _ room: Pool) -> Bool {
    room.jobs > 0 && demand.cpu <= room.cpu + Demand.tolerance && demand.memory <= room.memory
      && demand.disk <= room.disk
  }

  /// The first pool, in the order that the step prefers, that has the room now; and whether it takes room that the first in line
  /// may have to wait for.
  private func place(for demand: Demand, _ reservation: Reservation?, _ now: Double) -> (pool: Int, isPassing: Bool)? {
    func room(_ index: Int) -> (pool: Int, isPassing: Bool)? {
      guard Self.fits(demand, free[index]), demand.couldRun(in: pools[index]) else { return nil }
      guard let reservation, reservation.pool == index else { return (index, false) }
      if let start = reservation.start {
        if Self.fits(demand, reservation.rest) { return (index, false) }
        if let seconds = demand.seconds { return now + seconds <= start ? (index, false) : nil }
      }
      let times = passedOver?.step == reservation.step ? passedOver!.times : 0
      return times < Self.patience ? (index, true) : nil
    }
    if demand.pools.isEmpty {
      for index in free.indices { if let found = room(index) { return found } }
      return nil
    }
    for name in demand.pools {
      for index in free.indices where pools[index].name == name { if let found = room(index) { return found } }
    }
    return nil
  }

  /// Where the first in line will begin earliest, as far as is known how long the others go on.
  ///
  /// - Complexity: O(running · log running).
  private func reserve(_ entry: Entry, _ now: Double) -> Reservation? {
    var best: Reservation?
    let demand = demands[entry.demand]
    for index in pools.indices where isAllowed(pools[index], demand) && demand.couldRun(in: pools[index]) {
      var rest = free[index]
      var start: Double? = now
      // Those of which nobody knows come last: until then it may be that they are not needed.
      let others = running.values.filter { $0.pool == index }
        .sorted { ($0.end ?? .infinity, $0.demand.cpu) < ($1.end ?? .infinity, $1.demand.cpu) }
      for other in others where !Self.fits(demand, rest) {
        rest.give(other.demand)
        start = other.end.map { max($0, now) }
      }
      rest.take(demand)
      let found = Reservation(step: entry.step, pool: index, start: start, rest: rest)
      if best == nil || (start ?? .infinity) < (best!.start ?? .infinity) { best = found }
    }
    return best
  }

  private mutating func take(_ step: StepID, _ demand: Demand, _ pool: Int, _ now: Double) {
    free[pool].take(demand)
    running[step] = Running(pool: pool, demand: demand, end: demand.seconds.map { now + $0 })
  }

  /// Gives back the room of a step that was started.
  package mutating func finished(_ step: StepID) {
    guard let entry = running.removeValue(forKey: step) else { return }
    free[entry.pool].give(entry.demand)
    // Nothing runs: what rounding has left in the sums goes.
    if free[entry.pool].jobs == pools[entry.pool].jobs { free[entry.pool] = pools[entry.pool] }
  }

  // MARK: Heap

  private func precedes(_ a: Entry, _ b: Entry) -> Bool {
    a.rank != b.rank ? a.rank > b.rank : a.step < b.step
  }

  private mutating func pop() -> Entry? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      siftDown(0)
    }
    return top
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard precedes(heap[index], heap[parent]) else { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var first = index
      for child in (2 * index + 1)...(2 * index + 2) where child < heap.count && precedes(heap[child], heap[first]) {
        first = child
      }
      if first == index { return }
      heap.swapAt(index, first)
      index = first
    }
  }
}
