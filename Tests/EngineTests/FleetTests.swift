import Scheduling
import Testing

/// A cluster that gives out allocations after a while, and work that runs in them as agents run it, on a clock that is moved by hand.
private struct SimulatedCluster {
  var fleet: Fleet
  var now = 0.0
  var capacity: Int
  var random: Random
  var pending: [(id: Int, since: Double)] = []
  var held: [Int: Fleet.Shape] = [:]
  /// What agents have and what of it runs, with its end.
  var queues: [Int: [Fleet.Work]] = [:]
  var running: [Int: [(work: Fleet.Work, end: Double)]] = [:]
  var done: [Int64] = []
  var submissions: [Double] = []
  var mostHeld = 0
  var seconds: [Int64: Double] = [:]

  mutating func step() {
    for order in fleet.decide(now: now) {
      switch order {
      case .submit(let id, _):
        submissions.append(now)
        pending.append((id, now))
      case .assign(let work, let id):
        #expect(held[id] != nil, "work goes to allocations that run only")
        queues[id, default: []].append(work)
      case .release(let id):
        #expect(running[id, default: []].isEmpty && queues[id, default: []].isEmpty)
        end(id)
      }
    }
    mostHeld = max(mostHeld, pending.count + held.count)
    if held.count < capacity, let index = pending.firstIndex(where: { now - $0.since >= 1 }) {
      let id = pending.remove(at: index).id
      held[id] = fleet.allocations[id]?.shape
      fleet.began(id)
    }
    for id in held.keys.sorted() { work(id) }
    now += 0.1
  }

  private mutating func work(_ id: Int) {
    for (work, _) in running[id, default: []].filter({ $0.end <= now }) {
      done.append(work.id)
      fleet.finished(work.id, in: id)
    }
    running[id]?.removeAll { $0.end <= now }
    let shape = held[id]!
    for work in queues[id, default: []].sorted(by: { $0.id < $1.id }) {
      let cpu = running[id, default: []].reduce(work.needs.cpu) { $0 + $1.work.needs.cpu }
      let memory = running[id, default: []].reduce(work.needs.memory) { $0 + $1.work.needs.memory }
      #expect(work.needs.cpu <= shape.cpu && work.needs.memory <= shape.memory, "what an allocation gets fits it")
      guard cpu <= shape.cpu, memory <= shape.memory else { continue }
      queues[id]!.removeAll { $0.id == work.id }
      running[id, default: []].append((work, now + (seconds[work.id] ?? 1)))
    }
  }

  /// The allocation goes with all that it has.
  mutating func end(_ id: Int) {
    pending.removeAll { $0.id == id }
    held[id] = nil
    queues[id] = nil
    running[id] = nil
    for work in fleet.ended(id) { fleet.enqueue(work) }
  }
}

@Suite struct FleetTests {
  private static let limits = Fleet.Limits(allocations: 4, shape: .init(cpu: 4, memory: 4_000), idleSeconds: 5)

  private func cluster(_ seed: UInt64, capacity: Int = 4) -> SimulatedCluster {
    SimulatedCluster(fleet: Fleet(limits: Self.limits), capacity: capacity, random: Random(seed))
  }

  @Test(arguments: 1...12) func allWorkIsDoneOnceAndNoMoreIsHeldThanTheLimit(seed: UInt64) {
    var cluster = cluster(seed)
    var submitted: Int64 = 0
    for _ in 0..<3_000 where submitted < 250 || !cluster.fleet.allocations.isEmpty || !cluster.fleet.queue.isEmpty {
      if submitted < 250, cluster.random.below(3) == 0 {
        submitted += 1
        let needs = Fleet.Shape(
          cpu: cluster.random.below(12) == 0 ? 6 : Double(1 + cluster.random.below(3)),
          memory: Int64(cluster.random.below(2_000)))
        let seconds = Double(cluster.random.below(40)) / 10
        cluster.seconds[submitted] = seconds
        cluster.fleet.enqueue(
          Fleet.Work(
            id: submitted, needs: needs, seconds: cluster.random.below(2) == 0 ? seconds : nil,
            rank: Double(cluster.random.below(5))))
      }
      // Now and then a node dies.
      if cluster.random.below(80) == 0, let id = cluster.held.keys.sorted().first { cluster.end(id) }
      cluster.step()
    }
    #expect(cluster.done.sorted() == Array(1...submitted))
    #expect(cluster.mostHeld <= Self.limits.allocations)
    #expect(cluster.fleet.allocations.isEmpty, "all is given back at the end")
    for (one, next) in zip(cluster.submissions, cluster.submissions.dropFirst()) {
      #expect(next - one >= Self.limits.secondsBetweenSubmissions - 1e-9)
    }
  }

  @Test func aThousandShortStepsCostAHandfulOfSubmissions() {
    var cluster = cluster(1)
    for id in 1...1_000 {
      cluster.seconds[Int64(id)] = 1
      cluster.fleet.enqueue(Fleet.Work(id: Int64(id), needs: .init(cpu: 1, memory: 1), seconds: 1))
    }
    while cluster.done.count < 1_000, cluster.now < 500 { cluster.step() }
    #expect(cluster.done.count == 1_000)
    #expect(cluster.submissions.count == 4)
    // 1,000 seconds of work on 16 cores.
    #expect(cluster.now < 1.3 * 1_000 / 16)
  }

  @Test func littleWorkHoldsLittle() {
    var cluster = cluster(1)
    for id in 1...3 { cluster.fleet.enqueue(Fleet.Work(id: Int64(id), needs: .init(cpu: 1, memory: 1))) }
    while cluster.done.count < 3, cluster.now < 100 { cluster.step() }
    #expect(cluster.submissions.count == 1)
    #expect(cluster.now < 5)
    while !cluster.fleet.allocations.isEmpty, cluster.now < 100 { cluster.step() }
    #expect(cluster.now < 12)
  }

  @Test func aLargePieceGetsAnAllocationOfItsOwnThoughSmallOnesKeepComing() {
    var cluster = cluster(1)
    cluster.fleet.limits.allocations = 1
    for id in 1...20 {
      cluster.seconds[Int64(id)] = 2
      cluster.fleet.enqueue(Fleet.Work(id: Int64(id), needs: .init(cpu: 1, memory: 1)))
    }
    for _ in 0..<20 { cluster.step() }
    cluster.fleet.enqueue(Fleet.Work(id: 100, needs: .init(cpu: 7, memory: 9_000)))
    var next: Int64 = 1_000
    while !cluster.done.contains(100), cluster.now < 200 {
      next += 1
      if next % 5 == 0 { cluster.fleet.enqueue(Fleet.Work(id: next, needs: .init(cpu: 1, memory: 1), rank: -1)) }
      cluster.step()
    }
    #expect(cluster.done.contains(100))
  }

  @Test func workThatNobodyHasCanBeTakenBack() {
    var fleet = Fleet(limits: Self.limits)
    fleet.enqueue(Fleet.Work(id: 1, needs: .init(cpu: 1, memory: 1)))
    fleet.enqueue(Fleet.Work(id: 2, needs: .init(cpu: 9, memory: 1)))
    let hadFirst = fleet.withdraw(1)
    let hadItAgain = fleet.withdraw(1)
    let large = fleet.withdraw(needingMoreThan: Self.limits.shape)
    #expect(hadFirst && !hadItAgain)
    #expect(large.map(\.id) == [2])
    #expect(fleet.queue.isEmpty)
  }

  @Test func aClusterThatDoesNotAnswerIsAskedAgainAfterAWhile() {
    var fleet = Fleet(limits: Self.limits)
    fleet.enqueue(Fleet.Work(id: 1, needs: .init(cpu: 1, memory: 1)))
    guard case .submit(let id, _)? = fleet.decide(now: 0).first else {
      Issue.record("nothing was asked for")
      return
    }
    fleet.refusedForNow(id, until: 5)
    let early = fleet.decide(now: 4.9)
    let late = fleet.decide(now: 5)
    #expect(early.isEmpty && late.count == 1)
  }
}
