import BuildGraph
import Scheduling
import Testing

@Suite struct SchedulerTests {
  private func id(_ index: Int) -> StepID { StepID(index: UInt32(index)) }

  @Test func theLongestChainGoesFirst() {
    var scheduler = Scheduler(pools: [Pool(name: "local", jobs: 1, cpu: 1, memory: 0)])
    scheduler.submit(id(0), Resources(), rank: 1)
    scheduler.submit(id(1), Resources(), rank: 3)
    scheduler.submit(id(2), Resources(), rank: 3)
    var order: [StepID] = []
    while let step = scheduler.next() {
      order.append(step)
      #expect(scheduler.next() == nil)
      scheduler.finished(step)
    }
    #expect(order == [id(1), id(2), id(0)])
  }

  @Test func capacityIsNeverExceeded() {
    var state: UInt64 = 7
    func below(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    let pool = Pool(name: "local", jobs: 5, cpu: 4, memory: 100)
    var scheduler = Scheduler(pools: [pool])
    var asked: [StepID: Resources] = [:]
    var running: [StepID] = []
    var finished = 0
    for round in 0..<3_000 {
      if round < 1_500 {
        let resources = Resources(
          cpu: below(3) == 0 ? nil : Double(1 + below(8)) / 2, memory: below(2) == 0 ? nil : Int64(below(101)))
        asked[id(round)] = resources
        scheduler.submit(id(round), resources, rank: Double(below(10)))
      }
      while let step = scheduler.next() { running.append(step) }
      #expect(running.count <= pool.jobs)
      #expect(running.reduce(0) { $0 + (asked[$1]!.cpu ?? 1) } <= pool.cpu)
      #expect(running.reduce(0) { $0 + (asked[$1]!.memory ?? 0) } <= pool.memory)
      if !running.isEmpty {
        scheduler.finished(running.remove(at: below(running.count)))
        finished += 1
      }
    }
    while !running.isEmpty || scheduler.hasWaiting {
      while let step = scheduler.next() { running.append(step) }
      scheduler.finished(running.removeFirst())
      finished += 1
    }
    #expect(finished == 1_500)
  }

  @Test func aLargeStepIsNotPassedOverForEver() {
    var scheduler = Scheduler(pools: [Pool(name: "local", jobs: 8, cpu: 4, memory: 0)])
    scheduler.submit(id(0), Resources(cpu: 1), rank: 9)
    var running = [scheduler.next()!]
    scheduler.submit(id(1), Resources(cpu: 4), rank: 5)
    for small in 2..<500 { scheduler.submit(id(small), Resources(cpu: 1), rank: 1) }
    var rounds = 0
    while !running.contains(id(1)) {
      rounds += 1
      #expect(rounds < 200)
      while let step = scheduler.next() { running.append(step) }
      if !running.contains(id(1)) { scheduler.finished(running.removeFirst()) }
    }
  }

  @Test func whatNoPoolCanRunIsRefusedWithTheFigures() {
    let scheduler = Scheduler(pools: [Pool(name: "local", jobs: 2, cpu: 2, memory: 4 << 30)])
    #expect(scheduler.refusal(of: Resources(cpu: 2, memory: 4 << 30)) == nil)
    #expect(scheduler.refusal(of: Resources(cpu: 3)) == "it asks for 3 cpus, and there are 2")
    #expect(
      scheduler.refusal(of: Resources(memory: 8 << 30))
        == "it asks for 8192 MiB of memory, and there are 4096")
  }

  @Test func aWithdrawnStepIsNotStarted() {
    var scheduler = Scheduler(pools: [Pool(name: "local", jobs: 1, cpu: 1, memory: 0)])
    for index in 0..<20 { scheduler.submit(id(index), Resources(), rank: Double(index % 7)) }
    scheduler.withdraw(id(13))
    var order: [StepID] = []
    while let step = scheduler.next() {
      order.append(step)
      scheduler.finished(step)
    }
    let wanted = (0..<20).filter { $0 != 13 }.sorted { ($1 % 7, $0) < ($0 % 7, $1) }
    #expect(order == wanted.map(id))
  }
}
