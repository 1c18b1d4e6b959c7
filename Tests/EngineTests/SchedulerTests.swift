import BuildGraph
@testable import Scheduling
import Testing

@Suite struct SchedulerTests {
  private func id(_ index: Int) -> StepID { StepID(index: UInt32(index)) }

  @Test func theLongestChainGoesFirst() {
    var scheduler = Scheduler(pools: [Pool(name: "local", jobs: 1, cpu: 1, memory: 0)])
    scheduler.submit(id(0), Demand(), rank: 1)
    scheduler.submit(id(1), Demand(), rank: 3)
    scheduler.submit(id(2), Demand(), rank: 3)
    var order: [StepID] = []
    while let step = scheduler.next(now: 0)?.step {
      order.append(step)
      #expect(scheduler.next(now: 0) == nil)
      scheduler.finished(step)
    }
    #expect(order == [id(1), id(2), id(0)])
  }

  @Test(arguments: 1...20) func capacityIsNeverExceeded(seed: UInt64) {
    var random = Random(seed)
    let pools = [
      Pool(name: "here", jobs: 5, cpu: 4, memory: 100, disk: 50),
      Pool(name: "there", jobs: 9, cpu: 16, memory: 400, largestCPU: 6, largestMemory: 150),
    ]
    var scheduler = Scheduler(pools: pools)
    var running: [Scheduler.Placement] = []
    var finished = 0
    var submitted = 0
    for round in 0..<1_000 {
      if round < 500 {
        var demand = Demand(
          cpu: Double(1 + random.below(12)) / 2, memory: Int64(random.below(151)), disk: Int64(random.below(60)))
        let choice = random.below(4)
        if choice < 3 { demand.pools = [["here"], ["there"], ["here", "there"]][choice] }
        if demand.refusal(by: pools) == nil {
          scheduler.submit(id(round), demand, rank: Double(random.below(10)))
          submitted += 1
        }
      }
      while let placement = scheduler.next(now: 0) { running.append(placement) }
      for (index, pool) in pools.enumerated() {
        let mine = running.filter { $0.pool == index }.map(\.demand)
        #expect(mine.count <= pool.jobs)
        #expect(mine.reduce(0) { $0 + $1.cpu } <= pool.cpu + 1e-6)
        #expect(mine.reduce(0) { $0 + $1.memory } <= pool.memory)
        #expect(mine.allSatisfy { $0.cpu <= pool.largestCPU && $0.memory <= pool.largestMemory })
        #expect(mine.allSatisfy { $0.pools.isEmpty || $0.pools.contains(pool.name) })
        if pool.disk < .max { #expect(mine.reduce(0) { $0 + $1.disk } <= pool.disk) }
      }
      if !running.isEmpty {
        scheduler.finished(running.remove(at: random.below(running.count)).step)
        finished += 1
      }
    }
    while !running.isEmpty || scheduler.hasWaiting {
      while let placement = scheduler.next(now: 0) { running.append(placement) }
      // Nothing that fits one of the pools waits while all of them are empty.
      guard !running.isEmpty else { break }
      scheduler.finished(running.removeFirst().step)
      finished += 1
    }
    #expect(finished == submitted)
    let isWaiting = scheduler.hasWaiting
    #expect(!isWaiting)
  }

  @Test func aLargeStepIsNotPassedOverForEver() {
    var scheduler = Scheduler(pools: [Pool(name: "local", jobs: 8, cpu: 4, memory: 0)])
    scheduler.submit(id(0), Demand(cpu: 1), rank: 9)
    var running = [scheduler.next(now: 0)!.step]
    scheduler.submit(id(1), Demand(cpu: 4), rank: 5)
    for small in 2..<500 { scheduler.submit(id(small), Demand(cpu: 1), rank: 1) }
    var rounds = 0
    while !running.contains(id(1)) {
      rounds += 1
      #expect(rounds < 200)
      while let step = scheduler.next(now: 0)?.step { running.append(step) }
      if !running.contains(id(1)) { scheduler.finished(running.removeFirst()) }
    }
  }

  @Test func aLargeStepHoldsBackOnlyThePoolsThatCouldRunIt() {
    var scheduler = Scheduler(pools: [
      Pool(name: "here", jobs: 4, cpu: 4, memory: 0), Pool(name: "there", jobs: 4, cpu: 4, memory: 0),
    ])
    scheduler.submit(id(0), Demand(cpu: 1, pools: ["here"]), rank: 9)
    #expect(scheduler.next(now: 0)?.pool == 0)
    scheduler.submit(id(1), Demand(cpu: 4, pools: ["here"]), rank: 5)
    for small in 2..<400 { scheduler.submit(id(small), Demand(cpu: 1, pools: ["there"]), rank: 1) }
    for _ in 0..<90 {
      var begun: [StepID] = []
      while let placement = scheduler.next(now: 0) {
        #expect(placement.pool == 1)
        begun.append(placement.step)
      }
      #expect(begun.count == 4)
      for step in begun { scheduler.finished(step) }
    }
    scheduler.finished(id(0))
    #expect(scheduler.next(now: 0)?.step == id(1))
  }

  @Test func aStepRunsInThePoolThatItPrefersWhileThereIsRoom() {
    var scheduler = Scheduler(pools: [
      Pool(name: "there", jobs: 4, cpu: 4, memory: 0), Pool(name: "here", jobs: 2, cpu: 2, memory: 0),
    ])
    for index in 0..<5 { scheduler.submit(id(index), Demand(pools: ["here", "there"]), rank: 1) }
    var places: [Int] = []
    while let placement = scheduler.next(now: 0) { places.append(placement.pool) }
    #expect(places == [1, 1, 0, 0, 0])
  }

  @Test func whoEndsBeforeTheFirstInLineCouldBeginGoesBeforeIt() {
    var scheduler = Scheduler(pools: [Pool(name: "local", jobs: 4, cpu: 4, memory: 0)])
    scheduler.submit(id(0), Demand(cpu: 3, seconds: 10), rank: 99)
    #expect(scheduler.next(now: 0)?.step == id(0))
    scheduler.submit(id(1), Demand(cpu: 4, seconds: 10), rank: 50)
    scheduler.submit(id(2), Demand(cpu: 1, seconds: 11), rank: 40)
    scheduler.submit(id(3), Demand(cpu: 1, seconds: 4), rank: 30)
    // The second must not delay the first, which can begin at 10.
    #expect(scheduler.next(now: 0)?.step == id(3))
    scheduler.finished(id(3))
    scheduler.submit(id(4), Demand(cpu: 1, seconds: 7), rank: 20)
    #expect(scheduler.next(now: 4) == nil)
    scheduler.finished(id(0))
    #expect(scheduler.next(now: 10)?.step == id(1))
  }

  @Test func whatNoPoolCanRunIsRefusedWithTheFigures() {
    let pools = [
      Pool(name: "local", jobs: 2, cpu: 2, memory: 4 << 30, disk: 1 << 30, cpuFeatures: ["avx"]),
      Pool(name: "wide", jobs: 9, cpu: 64, memory: 64 << 30, disk: 1 << 30, cpuFeatures: [], largestCPU: 4),
    ]
    #expect(Demand(cpu: 2, memory: 4 << 30).refusal(by: pools) == nil)
    #expect(Demand(cpu: 5).refusal(by: pools) == "it asks for 5 cpus, and there are 4")
    #expect(Demand(cpu: 3, pools: ["local"]).refusal(by: pools) == "it asks for 3 cpus, and there are 2")
    #expect(
      Demand(memory: 128 << 30).refusal(by: pools) == "it asks for 131072 MiB of memory, and there are 65536")
    #expect(Demand(disk: 2 << 30).refusal(by: pools) == "it asks for 2048 MiB of disk, and 1024 are free")
    #expect(Demand(cpuFeatures: ["avx"]).refusal(by: pools) == nil)
    #expect(
      Demand(cpuFeatures: ["avx512"]).refusal(by: pools) == "it asks for a processor with avx512, and there is none")
    #expect(Demand(cpu: 3, cpuFeatures: ["avx"]).refusal(by: pools)?.contains("no pool has all") == true)
    #expect(Demand(pools: ["slurm"]).refusal(by: pools)?.contains("slurm") == true)
  }

  @Test func aWithdrawnStepIsNotStarted() {
    var scheduler = Scheduler(pools: [Pool(name: "local", jobs: 1, cpu: 1, memory: 0)])
    for index in 0..<20 { scheduler.submit(id(index), Demand(), rank: Double(index % 7)) }
    scheduler.withdraw(id(13))
    var order: [StepID] = []
    while let step = scheduler.next(now: 0)?.step {
      order.append(step)
      scheduler.finished(step)
    }
    let wanted = (0..<20).filter { $0 != 13 }.sorted { ($1 % 7, $0) < ($0 % 7, $1) }
    #expect(order == wanted.map(id))
  }

  @Test func equalDemandsAreKeptOnceAndUntilNobodyHasThem() {
    var table = DemandTable()
    let (one, two) = (Demand(cpu: 1), Demand(cpu: 2, seconds: 3))
    let first = table.add(one)
    #expect(table.add(two) != first && table.add(one) == first)
    #expect(table[first] == one)
    table.remove(first)
    #expect(table.add(one) == first, "one that has it is left")
    table.remove(first)
    table.remove(first)
    #expect(table.add(Demand(cpu: 3)) == first, "its place is free")
    #expect(table[first] == Demand(cpu: 3))
  }
}
