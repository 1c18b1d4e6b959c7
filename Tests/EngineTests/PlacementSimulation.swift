import BuildGraph
import Scheduling
import Testing

/// A generator of the tests' own: the same numbers for the same seed, everywhere.
struct Random {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func below(_ count: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % count
  }
}

/// A graph of steps that run for as long as they say, on a clock that jumps from end to end.
private struct SimulatedGraph {
  var seconds: [Double] = []
  var demands: [Demand] = []
  var inputs: [[Int]] = []

  /// Layers of steps, each resting on some of the layers before.
  init(seed: UInt64, steps: Int, pool: Pool) {
    var random = Random(seed)
    let width = 2 + random.below(30)
    for step in 0..<steps {
      let isLong = random.below(10) == 0
      seconds.append(Double(1 + random.below(isLong ? 60 : 8)))
      // At most half of the pool: of steps that exclude each other the bound knows nothing.
      let cpu = random.below(6) == 0 ? Double(1 + random.below(Int(pool.cpu) / 2)) : 1
      let memory = Int64(random.below(Int(pool.memory) / 8))
      demands.append(Demand(cpu: cpu, memory: memory, seconds: seconds[step]))
      let before = min(step, width + random.below(width))
      inputs.append(
        before == 0 || random.below(4) == 0 ? [] : (0...random.below(3)).map { _ in step - 1 - random.below(before) })
    }
  }

  var ranks: [Double] {
    var ranks = seconds
    for step in seconds.indices.reversed() {
      for input in inputs[step] { ranks[input] = max(ranks[input], seconds[input] + ranks[step]) }
    }
    return ranks
  }

  /// No schedule is shorter than the longest chain, nor than all the work on all the cores or in all the memory.
  func lowerBound(_ pool: Pool) -> Double {
    let work = zip(seconds, demands).reduce(0) { $0 + $1.0 * $1.1.cpu } / pool.cpu
    let room = zip(seconds, demands).reduce(0) { $0 + $1.0 * Double($1.1.memory) } / Double(pool.memory)
    return max(ranks.max() ?? 0, work, room)
  }

  /// When each step began, in order, and when all was done.
  func run(on pools: [Pool]) -> (log: [String], makespan: Double) {
    var scheduler = Scheduler(pools: pools)
    let ranks = ranks
    var missing = inputs.map { Set($0).count }
    var dependents = [[Int]](repeating: [], count: seconds.count)
    for step in seconds.indices { for input in Set(inputs[step]) { dependents[input].append(step) } }
    func submit(_ step: Int, _ scheduler: inout Scheduler) {
      scheduler.submit(StepID(index: UInt32(step)), demands[step], rank: ranks[step])
    }
    for step in seconds.indices where missing[step] == 0 { submit(step, &scheduler) }
    var now = 0.0
    var running: [(end: Double, step: Int, pool: Int)] = []
    var log: [String] = []
    while true {
      while let placement = scheduler.next(now: now) {
        let step = Int(placement.step.index)
        running.append((now + seconds[step], step, placement.pool))
        log.append("\(now) \(step) \(placement.pool)")
      }
      for (index, pool) in pools.enumerated() {
        let mine = running.filter { $0.pool == index }.map { demands[$0.step] }
        #expect(mine.reduce(0) { $0 + $1.cpu } <= pool.cpu + 1e-6)
        #expect(mine.reduce(0) { $0 + $1.memory } <= pool.memory)
      }
      guard let next = running.min(by: { ($0.end, $0.step) < ($1.end, $1.step) }) else { break }
      running.removeAll { $0.step == next.step }
      now = next.end
      scheduler.finished(StepID(index: UInt32(next.step)))
      for step in dependents[next.step] {
        missing[step] -= 1
        if missing[step] == 0 { submit(step, &scheduler) }
      }
    }
    let isWaiting = scheduler.hasWaiting
    #expect(!isWaiting)
    #expect(log.count == seconds.count)
    return (log, now)
  }
}

@Suite struct PlacementSimulation {
  private static let pool = Pool(name: "local", jobs: 16, cpu: 16, memory: 64_000)

  @Test(arguments: 1...200) func theMakespanIsNearTheLowerBound(seed: UInt64) {
    let graph = SimulatedGraph(seed: seed, steps: 300, pool: Self.pool)
    let (_, makespan) = graph.run(on: [Self.pool])
    let bound = graph.lowerBound(Self.pool)
    #expect(makespan >= bound - 1e-6)
    #expect(makespan <= 1.3 * bound, "\(makespan) s, and no schedule is shorter than \(bound) s")
  }

  @Test(arguments: 1...10) func theSameSeedGivesTheSameDecisions(seed: UInt64) {
    let pools = [Self.pool, Pool(name: "more", jobs: 40, cpu: 32, memory: 128_000)]
    let graph = SimulatedGraph(seed: seed, steps: 200, pool: Self.pool)
    #expect(graph.run(on: pools).log == graph.run(on: pools).log)
  }
}

@Suite struct PredictionTests {
  private let pools = [Pool(name: "local", jobs: 8, cpu: 8, memory: 8 << 30)]

  private func history(_ runs: Int, seconds: Double = 2, cpu: Double = 2, memory: Int64 = 100 << 20) -> StepHistory {
    var history = StepHistory()
    for _ in 0..<runs {
      history.note(.init(wallSeconds: seconds, cpuSeconds: cpu, peakMemoryBytes: memory, outputBytes: 1))
    }
    return history
  }

  @Test func whatIsNotSaidIsOneCoreAndNoMemoryUntilItRan() {
    let demand = Prediction(pools: pools).demand(of: Resources(), history: nil)
    #expect((demand.cpu, demand.memory) == (1, 0))
  }

  @Test func whatIsNotSaidIsPredictedFromTheLatestRuns() {
    let demand = Prediction(pools: pools).demand(of: Resources(), history: history(3, cpu: 7.8))
    #expect(demand.cpu == 4)
    // 125 MiB, in grains of 16.
    #expect(demand.memory == 128 << 20)
  }

  @Test func aPredictionNeverMakesAStepImpossible() {
    let demand = Prediction(pools: pools).demand(of: Resources(), history: history(3, cpu: 100, memory: 7 << 30))
    #expect(demand.refusal(by: pools) == nil)
    #expect((demand.cpu, demand.memory) == (8, 8 << 30))
  }

  @Test func whatIsSaidCountsUnlessItMayBeLowered() {
    let declared = Resources(cpu: 4, memory: 4 << 30)
    let plain = Prediction(pools: pools).demand(of: declared, history: history(20))
    #expect((plain.cpu, plain.memory) == (4, 4 << 30))
    let lowering = Prediction(lowersDeclared: true, pools: pools)
    let lowered = lowering.demand(of: declared, history: history(20))
    #expect((lowered.cpu, lowered.memory) == (1, 128 << 20))
    let early = lowering.demand(of: declared, history: history(4))
    #expect((early.cpu, early.memory) == (4, 4 << 30))
    let never = lowering.demand(of: Resources(cpu: 1, memory: 1 << 20), history: history(20, cpu: 8))
    #expect((never.cpu, never.memory) == (1, 1 << 20))
  }

  @Test func memoryDoublesAfterADeathUntilThereIsNoMore() {
    let prediction = Prediction(pools: pools)
    #expect(prediction.memoryAfterDeath(had: 1 << 30, peak: 0) == 2 << 30)
    #expect(prediction.memoryAfterDeath(had: 1 << 30, peak: 3 << 30) == 6 << 30)
    #expect(prediction.memoryAfterDeath(had: 6 << 30, peak: 0) == 8 << 30)
    #expect(prediction.memoryAfterDeath(had: 8 << 30, peak: 0) == nil)
    #expect(prediction.memoryAfterDeath(had: 1 << 20, peak: 0) == 64 << 20)
    let demand = prediction.demand(of: Resources(memory: 1 << 20), history: nil, memoryAtLeast: 64 << 20)
    #expect(demand.memory == 64 << 20)
  }

  @Test func onlyTheLatestRunsCountAndAHistoryComesBackFromItsBytes() {
    var history = history(40, memory: 1 << 30)
    for _ in 0..<StepHistory.limit {
      history.note(
        .init(wallSeconds: 1, cpuSeconds: 1, peakMemoryBytes: 5, outputBytes: 9, askedCPU: 2, askedMemory: 77))
    }
    history.noteMemoryDeath()
    #expect(history.runs == 40 + Int64(StepHistory.limit))
    #expect(history.samples.count == StepHistory.limit)
    #expect(history.quantile(1, of: \.peakMemoryBytes) == 5)
    var writer = BinaryWriter()
    history.encode(into: &writer)
    var reader = BinaryReader(writer.bytes)
    #expect(StepHistory(decoding: &reader) == history)
    for count in 0..<writer.bytes.count {
      var short = BinaryReader(writer.bytes, count: count)
      #expect(StepHistory(decoding: &short) == nil)
    }
  }

  @Test func theTimeThatIsLeftIsNoLessThanTheLongestChain() {
    var rest = RemainingTime()
    rest.add(seconds: 10, cpu: 2)
    rest.add(seconds: -5, cpu: 1)
    #expect(rest.seconds(cpu: 4) == 5)
    rest.longestChain = 12
    #expect(rest.seconds(cpu: 4) == 12)
  }
}
