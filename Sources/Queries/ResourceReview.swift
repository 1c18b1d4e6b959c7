package import BuildGraph
package import Diagnostics
package import Ports

/// What steps of one kind ask for beside what they take: for the report, and for who wants to mend a program.
package struct ResourceReview: Hashable, Sendable {
  package enum Verdict: String, Hashable, Sendable {
    case fine
    /// It asks for at least twice what it ever took, so that others wait for room that nobody uses.
    case overAsked
    /// It took more than it asked for, or ran out of memory.
    case underAsked
    /// It has not run often enough to tell.
    case unknown
  }

  /// What the program calls such steps.
  package var kind: String
  /// All runs that were ever noted; the figures are those of the latest.
  package var runs: Int64
  package var memoryDeaths: Int64
  /// The largest; nil where the program does not say.
  package var askedMemory: Int64?
  package var largestMemory: Int64
  package var askedCPU: Double?
  /// The third quartile of cores at work; nil where runs are too short to tell.
  package var usedCPU: Double?
  package var medianSeconds: Double
  /// The nine of ten that took the least took no more than this.
  package var slowSeconds: Double
  package var medianOutputBytes: Int64
  package var memory: Verdict
  package var cpu: Verdict

  /// Runs before a kind is called over-asked.
  package static let runsToTell = 3
  /// What nobody minds: asking for so little more is no waste.
  private static let smallMemory: Int64 = 64 << 20

  /// Nil where no run of the kind was a success.
  package init?(_ kind: String, _ history: StepHistory) {
    guard let largest = history.quantile(1, of: \.peakMemoryBytes), let median = history.expectedSeconds,
      let slow = history.quantile(0.9, of: \.wallSeconds), let output = history.quantile(0.5, of: \.outputBytes)
    else { return nil }
    self.kind = kind
    runs = history.runs
    memoryDeaths = history.memoryDeaths
    askedMemory = history.samples.compactMap(\.askedMemory).max()
    largestMemory = largest
    askedCPU = history.samples.compactMap(\.askedCPU).max()
    usedCPU = history.quantile(0.75, of: \.cores)
    (medianSeconds, slowSeconds, medianOutputBytes) = (median, slow, output)
    memory = .unknown
    cpu = .unknown
    let canTell = history.samples.count >= Self.runsToTell
    if memoryDeaths > 0 || askedMemory.map({ largest > $0 }) ?? false {
      memory = .underAsked
    } else if canTell, let askedMemory {
      memory = askedMemory >= max(largest * 2, Self.smallMemory) ? .overAsked : .fine
    }
    if let askedCPU, let usedCPU, canTell {
      // A tenth more than asked for is the shell and the measure.
      cpu = usedCPU > askedCPU * 1.1 + 0.1 ? .underAsked : askedCPU >= 2 && askedCPU >= usedCPU * 2 ? .overAsked : .fine
    }
  }

  /// What is wrong with what it asks for, in words; empty where nothing is or nobody can tell.
  package var remarks: [String] {
    var remarks: [String] = []
    switch memory {
    case .underAsked where memoryDeaths > 0:
      remarks.append("ran out of memory \(memoryDeaths == 1 ? "once" : "\(memoryDeaths) times")")
    case .underAsked: remarks.append("took more memory than it asks for")
    case .overAsked: remarks.append("asks for more memory than it needs")
    case .fine, .unknown: break
    }
    switch cpu {
    case .underAsked: remarks.append("takes more cores than it asks for")
    case .overAsked: remarks.append("asks for more cores than it keeps busy")
    case .fine, .unknown: break
    }
    return remarks
  }

  /// All kinds, those first that waste or lack the most: by what they ask for in vain, over all that is kept of their runs.
  package static func all(in store: any Store) throws(SystemError) -> [ResourceReview] {
    let reviews = try store.histories().compactMap { ResourceReview($0.kind, $0.history) }
    return reviews.sorted { ($1.weight, $0.kind) < ($0.weight, $1.kind) }
  }

  /// Of a list: a lack counts more than any waste.
  private var weight: Double {
    if memory == .underAsked { return 1e30 }
    let memoryWaste = memory == .overAsked ? Double((askedMemory ?? 0) - largestMemory) / 1e9 : 0
    let cpuWaste = cpu == .overAsked ? (askedCPU ?? 0) - (usedCPU ?? 0) : 0
    return (memoryWaste + cpuWaste) * medianSeconds * Double(runs)
  }
}
