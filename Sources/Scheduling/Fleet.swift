/// Decides how many allocations of a cluster are held, and which work goes to which of them.
///
/// Pure: it is told what happened and asked what to do next. Work waits here until an allocation has room; allocations are asked
/// for one by one while work waits that none of them will take soon, never more than the limit, and given back when idle.
package struct Fleet {
  /// Cores and bytes.
  package struct Shape: Hashable, Sendable {
    package var cpu: Double
    package var memory: Int64

    package init(cpu: Double, memory: Int64) {
      self.cpu = cpu
      self.memory = memory
    }

    func covers(_ other: Shape) -> Bool {
      other.cpu <= cpu + Demand.tolerance && other.memory <= memory
    }

    /// The larger of each.
    func union(_ other: Shape) -> Shape { Shape(cpu: max(cpu, other.cpu), memory: max(memory, other.memory)) }
  }

  package struct Limits: Hashable, Sendable {
    /// Allocations at a time, those that wait for the cluster included.
    package var allocations: Int
    /// What an allocation has unless a piece of work needs more.
    package var shape: Shape
    /// How long an allocation without work is kept.
    package var idleSeconds: Double
    package var secondsBetweenSubmissions: Double
    /// Work that is over sooner is handed out before there is room for it, so that nobody waits for a message between two pieces.
    package var prefetchSeconds: Double

    package init(
      allocations: Int, shape: Shape, idleSeconds: Double = 10, secondsBetweenSubmissions: Double = 0.25,
      prefetchSeconds: Double = 2
    ) {
      self.allocations = allocations
      self.shape = shape
      self.idleSeconds = idleSeconds
      self.secondsBetweenSubmissions = secondsBetweenSubmissions
      self.prefetchSeconds = prefetchSeconds
    }
  }

  package struct Work: Hashable, Sendable {
    package var id: Int64
    package var needs: Shape
    /// Nil where nobody knows.
    package var seconds: Double?
    /// What waits behind it; the largest goes first.
    package var rank: Double

    package init(id: Int64, needs: Shape, seconds: Double? = nil, rank: Double = 0) {
      self.id = id
      self.needs = needs
      self.seconds = seconds
      self.rank = rank
    }
  }

  package enum Order: Hashable, Sendable {
    case submit(Int, Shape)
    case assign(Work, to: Int)
    /// Give it back: it has no work, or never came to have any.
    case release(Int)
  }

  package enum State: Hashable, Sendable {
    /// Asked for.
    case pending
    case running
    /// Gets no more work and goes when it has none.
    case draining
    /// Told to go.
    case released
  }

  package struct Allocation: Hashable, Sendable {
    package var shape: Shape
    package var state: State
    package private(set) var works: [Int64: Work] = [:]
    var idleSince: Double?

    private(set) var load = Shape(cpu: 0, memory: 0)
    /// Core-seconds of what it has, as far as known.
    private(set) var seconds = 0.0

    mutating func add(_ work: Work) {
      works[work.id] = work
      idleSince = nil
      load = Shape(cpu: load.cpu + work.needs.cpu, memory: load.memory + work.needs.memory)
      seconds += (work.seconds ?? 0) * work.needs.cpu
    }

    mutating func remove(_ id: Int64) {
      guard let work = works.removeValue(forKey: id) else { return }
      load = Shape(cpu: load.cpu - work.needs.cpu, memory: load.memory - work.needs.memory)
      seconds -= (work.seconds ?? 0) * work.needs.cpu
      if works.isEmpty { (load, seconds) = (Shape(cpu: 0, memory: 0), 0) }
    }

    func hasRoom(for work: Work) -> Bool {
      shape.covers(Shape(cpu: load.cpu + work.needs.cpu, memory: load.memory + work.needs.memory))
    }

    /// Whether it will have done all that it has within some seconds, and this as well.
    func willHaveRoom(for work: Work, within limit: Double) -> Bool {
      guard shape.covers(work.needs), works.count < Int(shape.cpu) * Fleet.prefetchDepth else { return false }
      return seconds + (work.seconds ?? .infinity) * work.needs.cpu <= limit * shape.cpu
    }
  }

  /// How often the first in line is passed over before whoever could take it takes nothing else.
  private static let patience = 64
  /// How many pieces of work an allocation has at once, for each of its cores.
  package static let prefetchDepth = 16

  package var limits: Limits
  package private(set) var allocations: [Int: Allocation] = [:]
  package private(set) var queue: [Work] = []
  private var nextAllocation = 1
  private var lastSubmission = -Double.infinity
  private var passedOver: (id: Int64, times: Int) = (-1, 0)

  package init(limits: Limits) { self.limits = limits }

  // MARK: What happened

  ///
  /// - Complexity: O(waiting), where it is not the last in line.
  package mutating func enqueue(_ work: Work) {
    var index = queue.endIndex
    while index > 0, queue[index - 1].rank < work.rank { index -= 1 }
    queue.insert(work, at: index)
  }

  /// Takes work back that no allocation has.
  ///
  /// - Returns: false where one has it.
  package mutating func withdraw(_ id: Int64) -> Bool {
    guard let index = queue.firstIndex(where: { $0.id == id }) else { return false }
    queue.remove(at: index)
    return true
  }

  /// An allocation that an earlier process asked for, with the work that it still has.
  package mutating func adopt(_ shape: Shape, works: [Work], isRunning: Bool) -> Int {
    let id = nextAllocation
    nextAllocation += 1
    allocations[id] = Allocation(shape: shape, state: isRunning ? .running : .pending)
    for work in works { allocations[id]!.add(work) }
    return id
  }

  package mutating func began(_ id: Int) {
    if allocations[id]?.state == .pending { allocations[id]?.state = .running }
  }

  /// Some work of an allocation is done, one way or the other.
  package mutating func finished(_ work: Int64, in id: Int) { allocations[id]?.remove(work) }

  /// The allocation is gone.
  ///
  /// - Returns: the work that it had.
  package mutating func ended(_ id: Int) -> [Work] {
    (allocations.removeValue(forKey: id)?.works.values).map { $0.sorted { $0.id < $1.id } } ?? []
  }

  /// The work that waits and that no allocation of a shape would take; all that waits where none is given. It is taken off the queue.
  package mutating func withdraw(needingMoreThan shape: Shape?) -> [Work] {
    let taken = queue.filter { work in shape.map { !$0.covers(work.needs) } ?? true }
    queue.removeAll { taken.contains($0) }
    return taken
  }

  /// The cluster does not take what was asked for now; it is asked again after a while.
  package mutating func refusedForNow(_ id: Int, until time: Double) {
    allocations[id] = nil
    lastSubmission = time - limits.secondsBetweenSubmissions
  }

  // MARK: What to do

  /// - Parameter now: seconds on a clock that never goes back.
  /// - Complexity: O(waiting + handed out · allocations).
  package mutating func decide(now: Double) -> [Order] {
    var orders: [Order] = []
    handOut(&orders)
    grow(now, &orders)
    shrink(now, &orders)
    return orders
  }

  private mutating func handOut(_ orders: inout [Order]) {
    guard !queue.isEmpty else { return }
    var rest: [Work] = []
    var isReserved = false
    let ids = allocations.keys.sorted()
    // Beyond this many that do not fit, those behind them will hardly either.
    let reach = 256
    for (index, work) in queue.enumerated() {
      if rest.count >= reach {
        rest += queue[index...]
        break
      }
      let first = rest.first
      func isOpen(_ id: Int) -> Bool {
        guard let allocation = allocations[id], allocation.state == .running else { return false }
        guard isReserved, let first else { return true }
        return !allocation.shape.covers(first.needs)
      }
      guard let id = place(work, among: ids.filter(isOpen)) else {
        if rest.isEmpty, passedOver.id == work.id, passedOver.times >= Self.patience { isReserved = true }
        rest.append(work)
        continue
      }
      if let first, allocations[id]!.shape.covers(first.needs) {
        passedOver = (first.id, passedOver.id == first.id ? passedOver.times + 1 : 1)
      }
      allocations[id]!.add(work)
      orders.append(.assign(work, to: id))
    }
    queue = rest
  }

  /// The fullest that has the room, so that others fall idle; for what is over soon, one that will have it.
  private func place(_ work: Work, among ids: [Int]) -> Int? {
    var best: (id: Int, load: Double)?
    for id in ids {
      guard let allocation = allocations[id], allocation.hasRoom(for: work) else { continue }
      let load = allocation.load.cpu
      if best == nil || load > best!.load { best = (id, load) }
    }
    if let best { return best.id }
    guard let seconds = work.seconds, seconds <= limits.prefetchSeconds else { return nil }
    for id in ids {
      guard let allocation = allocations[id], allocation.willHaveRoom(for: work, within: limits.prefetchSeconds) else {
        continue
      }
      let load = allocation.load.cpu / allocation.shape.cpu
      if best == nil || load < best!.load { best = (id, load) }
    }
    return best?.id
  }

  private mutating func grow(_ now: Double, _ orders: inout [Order]) {
    guard !queue.isEmpty, now - lastSubmission >= limits.secondsBetweenSubmissions else { return }
    // What has been asked for will take some of it; is there more?
    var coming = allocations.values.filter { $0.state == .pending }.map { ($0.shape, Shape(cpu: 0, memory: 0)) }
    var uncovered: Work?
    for work in queue.prefix(1024) {
      let index = coming.firstIndex { shape, load in
        shape.covers(Shape(cpu: load.cpu + work.needs.cpu, memory: load.memory + work.needs.memory))
      }
      guard let index else {
        uncovered = work
        break
      }
      coming[index].1 = Shape(
        cpu: coming[index].1.cpu + work.needs.cpu, memory: coming[index].1.memory + work.needs.memory)
    }
    guard let work = uncovered else { return }
    let wanted = limits.shape.union(work.needs)
    let count = allocations.values.count { $0.state != .released }
    if count < limits.allocations {
      let id = nextAllocation
      nextAllocation += 1
      lastSubmission = now
      allocations[id] = Allocation(shape: wanted, state: .pending)
      orders.append(.submit(id, wanted))
    } else if !allocations.values.contains(where: { $0.state != .released && $0.shape.covers(work.needs) }) {
      // None that there is could ever take it: the one that is free first makes room for one that can.
      let candidates = allocations.filter { $0.value.state == .running || $0.value.state == .pending }
      if allocations.values.contains(where: { $0.state == .draining }) { return }
      guard let id = candidates.min(by: { ($0.value.works.count, $0.key) < ($1.value.works.count, $1.key) })?.key else {
        return
      }
      allocations[id]!.state = .draining
    }
  }

  private mutating func shrink(_ now: Double, _ orders: inout [Order]) {
    for id in allocations.keys.sorted() where allocations[id]!.works.isEmpty {
      switch allocations[id]!.state {
      case .released: continue
      case .draining: release(id, &orders)
      case .pending, .running:
        // While anything waits that it could take, it is not idle.
        guard !queue.contains(where: { allocations[id]!.shape.covers($0.needs) }) else {
          allocations[id]!.idleSince = nil
          continue
        }
        let since = allocations[id]!.idleSince ?? now
        allocations[id]!.idleSince = since
        if now - since >= limits.idleSeconds { release(id, &orders) }
      }
    }
  }

  private mutating func release(_ id: Int, _ orders: inout [Order]) {
    allocations[id]!.state = .released
    orders.append(.release(id))
  }

  /// Gives all back, whatever they do.
  package mutating func releaseAll() -> [Order] {
    var orders: [Order] = []
    for id in allocations.keys.sorted() where allocations[id]!.state != .released { release(id, &orders) }
    return orders
  }
}
