package import BuildGraph

/// What a step will take, by what it says and what steps of its kind took.
package struct Prediction: Hashable, Sendable {
  /// Whether history may lower what the program declares.
  package var lowersDeclared: Bool
  /// The pools; what is predicted is never more than the largest of them has, so that a step that did run always can.
  package var pools: [Pool]

  package init(lowersDeclared: Bool = false, pools: [Pool]) {
    self.lowersDeclared = lowersDeclared
    self.pools = pools
  }

  /// A share on top of the most that was seen: inputs grow.
  static let margin = 1.25
  /// Runs before a declared figure may be lowered.
  static let runsToLower = 5
  /// Predicted memory is a multiple of this; half a mebibyte more or less is no news.
  static let memoryGrain: Int64 = 16 << 20

  /// - Parameters:
  ///   - history: of the step's kind; nil where it never ran.
  ///   - memoryAtLeast: what an attempt that ran out of memory taught; nil where none did.
  ///   - executors: the pools that may run it; see ``Demand/pools``.
  package func demand(
    of resources: Resources, history: StepHistory?, memoryAtLeast: Int64? = nil, pools executors: [String] = []
  ) -> Demand {
    let candidates = executors.isEmpty ? pools : pools.filter { executors.contains($0.name) }
    var demand = Demand(
      disk: resources.disk ?? 0, cpuFeatures: resources.cpuFeatures, pools: executors,
      seconds: history?.expectedSeconds)
    let learned = history.flatMap { learnedCPU($0) }.map { min($0, candidates.map(\.largestCPU).max() ?? $0) }
    let mayLower = lowersDeclared && (history?.samples.count ?? 0) >= Self.runsToLower
    switch (resources.cpu, learned) {
    case (let declared?, let learned?) where mayLower: demand.cpu = min(declared, learned)
    case (let declared?, _): demand.cpu = declared
    case (nil, let learned?): demand.cpu = learned
    case (nil, nil): demand.cpu = 1
    }
    let memory = history.flatMap { learnedMemory($0) }.map { min($0, candidates.map(\.largestMemory).max() ?? $0) }
    switch (resources.memory, memory) {
    case (let declared?, let learned?) where mayLower: demand.memory = min(declared, learned)
    case (let declared?, _): demand.memory = declared
    case (nil, let learned?): demand.memory = learned
    case (nil, nil): demand.memory = 0
    }
    if let memoryAtLeast { demand.memory = max(demand.memory, memoryAtLeast) }
    return demand
  }

  /// Whole cores, at least one: who was slow because the machine was busy must not be taken for one who needs little.
  private func learnedCPU(_ history: StepHistory) -> Double? {
    guard let cores = history.quantile(0.75, of: \.cores) else { return nil }
    // A third of a core more than a whole number is the shell around a program, not a second program.
    return max(1, (cores - 1 / 3).rounded(.up))
  }

  private func learnedMemory(_ history: StepHistory) -> Int64? {
    guard let most = history.quantile(1, of: \.peakMemoryBytes), most > 0 else { return nil }
    let wanted = Int64(min(Double(most) * Self.margin, 1e18))
    return (wanted + Self.memoryGrain - 1) / Self.memoryGrain * Self.memoryGrain
  }

  /// What the next attempt should have after one with `had` bytes ran out of memory; nil where no pool has more.
  ///
  /// - Parameter peak: the most that was seen in use, which may be little where the end came fast.
  package func memoryAfterDeath(had: Int64, peak: Int64, pools executors: [String] = []) -> Int64? {
    let candidates = executors.isEmpty ? pools : pools.filter { executors.contains($0.name) }
    let largest = candidates.map(\.largestMemory).max() ?? 0
    guard had < largest else { return nil }
    let doubled = max(had, peak) > .max / 4 ? .max : max(had, peak) * 2
    return min(largest, max(doubled, Self.memoryGrain * 4))
  }
}

/// How long a build will go on: an estimate that is right on average, and never below what must follow in a row.
package struct RemainingTime: Hashable, Sendable {
  /// Core-seconds of what waits, what runs and what is not known to be unnecessary.
  package var work = 0.0
  /// The longest chain of what is left, in seconds.
  package var longestChain = 0.0

  package init() {}

  package mutating func add(seconds: Double, cpu: Double) { work += max(0, seconds) * max(cpu, 0) }

  /// - Parameter cpu: the cores of all pools.
  package func seconds(cpu: Double) -> Double { max(longestChain, cpu > 0 ? work / cpu : 0) }
}
