/// A place where steps run, and how much of it there is.
package struct Pool: Hashable, Sendable {
  package var name: String
  /// How many steps at a time.
  package var jobs: Int
  /// Cores.
  package var cpu: Double
  /// Bytes.
  package var memory: Int64
  /// Bytes for what steps write.
  package var disk: Int64
  /// What its processors can, as the program calls it: `avx2`. Nil where nobody knows, and any step may try.
  package var cpuFeatures: Set<String>?
  /// The most cores that one step can have: a pool of many machines has more in all.
  package var largestCPU: Double
  package var largestMemory: Int64
  /// Cores that are really at work at a time, for estimates: a pool that queues takes more steps than it runs.
  package var cores: Double

  package init(
    name: String, jobs: Int, cpu: Double, memory: Int64, disk: Int64 = .max, cpuFeatures: Set<String>? = nil,
    largestCPU: Double? = nil, largestMemory: Int64? = nil, cores: Double? = nil
  ) {
    self.name = name
    self.jobs = jobs
    self.cpu = cpu
    self.memory = memory
    self.disk = disk
    self.cpuFeatures = cpuFeatures
    self.largestCPU = min(cpu, largestCPU ?? cpu)
    self.largestMemory = min(memory, largestMemory ?? memory)
    self.cores = cores ?? cpu
  }
}

/// What a step takes of its pool while it runs.
package struct Demand: Hashable, Sendable {
  package var cpu: Double
  package var memory: Int64
  package var disk: Int64
  package var cpuFeatures: [String]
  /// The names of the pools that may run it, the preferred first; empty where any may, in their order.
  package var pools: [String]
  /// How long it is expected to run; nil where nobody knows.
  package var seconds: Double?

  package init(
    cpu: Double = 1, memory: Int64 = 0, disk: Int64 = 0, cpuFeatures: [String] = [], pools: [String] = [],
    seconds: Double? = nil
  ) {
    self.cpu = cpu
    self.memory = memory
    self.disk = disk
    self.cpuFeatures = cpuFeatures
    self.pools = pools
    self.seconds = seconds
  }
}

extension Pool {
  mutating func take(_ demand: Demand) {
    jobs -= 1
    cpu -= demand.cpu
    memory -= demand.memory
    disk -= demand.disk
  }

  mutating func give(_ demand: Demand) {
    jobs += 1
    cpu += demand.cpu
    memory += demand.memory
    disk += demand.disk
  }
}

extension Demand {
  /// Sums of fractions of a core come out a hair above the whole.
  static let tolerance = 1e-9

  /// Whether a pool could run it if nothing else ran there.
  func couldRun(in pool: Pool) -> Bool { Self.lack(of: self, in: pool) == nil }

  enum Lack { case cpu, memory, disk, feature(String) }

  static func lack(of demand: Demand, in pool: Pool) -> Lack? {
    if demand.cpu > pool.largestCPU + tolerance { return .cpu }
    if demand.memory > pool.largestMemory { return .memory }
    if demand.disk > pool.disk { return .disk }
    if let known = pool.cpuFeatures, let missing = demand.cpuFeatures.first(where: { !known.contains($0) }) {
      return .feature(missing)
    }
    return nil
  }

  /// Why no pool could ever run it; nil if one can.
  package func refusal(by pools: [Pool]) -> String? {
    let candidates = self.pools.isEmpty ? pools : pools.filter { self.pools.contains($0.name) }
    guard !candidates.isEmpty else {
      return "it must run in \(self.pools.joined(separator: " or ")), and that is not set up"
    }
    if candidates.contains(where: { couldRun(in: $0) }) { return nil }
    let most = candidates.map(\.largestCPU).max() ?? 0
    if cpu > most + Self.tolerance {
      return "it asks for \(Self.display(cpu)) cpus, and there are \(Self.display(most))"
    }
    let largest = candidates.map(\.largestMemory).max() ?? 0
    if memory > largest {
      return "it asks for \(Self.mebibytes(memory)) MiB of memory, and there are \(Self.mebibytes(largest))"
    }
    let roomiest = candidates.map(\.disk).max() ?? 0
    if disk > roomiest {
      return "it asks for \(Self.mebibytes(disk)) MiB of disk, and \(Self.mebibytes(roomiest)) are free"
    }
    for feature in cpuFeatures where candidates.allSatisfy({ $0.cpuFeatures?.contains(feature) == false }) {
      return "it asks for a processor with \(feature), and there is none"
    }
    return "no pool has all that it asks for: \(Self.display(cpu)) cpus, \(Self.mebibytes(memory)) MiB of memory"
  }

  private static func display(_ cpu: Double) -> String {
    cpu == cpu.rounded() && cpu < 1e9 ? "\(Int(cpu))" : "\(cpu)"
  }

  private static func mebibytes(_ bytes: Int64) -> Int64 { bytes >> 20 }
}
