/// What the latest runs of one kind of step took. A kind is what the program calls a step.
///
/// Only the latest runs count, so that what is learned follows the data and the machine.
package struct StepHistory: Hashable, Sendable {
  /// One run that ended with success.
  package struct Sample: Hashable, Sendable {
    package var wallSeconds: Double
    package var cpuSeconds: Double
    package var peakMemoryBytes: Int64
    package var outputBytes: Int64
    /// What the program asked for; nil where it did not say.
    package var askedCPU: Double?
    package var askedMemory: Int64?

    package init(
      wallSeconds: Double, cpuSeconds: Double, peakMemoryBytes: Int64, outputBytes: Int64, askedCPU: Double? = nil,
      askedMemory: Int64? = nil
    ) {
      self.wallSeconds = wallSeconds
      self.cpuSeconds = cpuSeconds
      self.peakMemoryBytes = peakMemoryBytes
      self.outputBytes = outputBytes
      self.askedCPU = askedCPU
      self.askedMemory = askedMemory
    }

    /// Cores that were at work on average; nil for a run so short that the figure means nothing.
    package var cores: Double? { wallSeconds < 0.05 ? nil : cpuSeconds / wallSeconds }
  }

  /// How many runs are kept.
  package static let limit = 32

  /// The oldest first.
  package private(set) var samples: [Sample]
  /// All runs that were ever noted.
  package private(set) var runs: Int64
  /// Runs that ended for want of memory.
  package private(set) var memoryDeaths: Int64

  package init() { (samples, runs, memoryDeaths) = ([], 0, 0) }

  package mutating func note(_ sample: Sample) {
    if samples.count == Self.limit { samples.removeFirst() }
    samples.append(sample)
    runs += 1
  }

  package mutating func noteMemoryDeath() { memoryDeaths += 1 }

  /// The value that a share of the samples does not exceed.
  ///
  /// - Parameter share: from 0 to 1; 1 is the largest.
  /// - Complexity: O(limit · log limit).
  package func quantile<Value: Comparable>(_ share: Double, of value: (Sample) -> Value?) -> Value? {
    let sorted = samples.compactMap(value).sorted()
    guard !sorted.isEmpty else { return nil }
    let position = (share * Double(sorted.count - 1)).rounded(.up)
    return sorted[min(sorted.count - 1, max(0, Int(position)))]
  }

  /// The wall time to expect, in seconds.
  package var expectedSeconds: Double? { quantile(0.5, of: \.wallSeconds) }
}

extension StepHistory {
  package func encode(into writer: inout BinaryWriter) {
    writer.write(runs)
    writer.write(memoryDeaths)
    writer.write(UInt32(samples.count))
    for sample in samples {
      writer.write(sample.wallSeconds)
      writer.write(sample.cpuSeconds)
      writer.write(sample.peakMemoryBytes)
      writer.write(sample.outputBytes)
      writer.write(sample.askedCPU != nil)
      writer.write(sample.askedCPU ?? 0)
      writer.write(sample.askedMemory ?? -1)
    }
  }

  package init?(decoding reader: inout BinaryReader) {
    guard let runs = reader.readInt64(), let deaths = reader.readInt64(), let count = reader.readUInt32(),
      count <= Self.limit
    else { return nil }
    self.init()
    for _ in 0..<count {
      guard let wall = reader.readDouble(), let cpu = reader.readDouble(), let memory = reader.readInt64(),
        let output = reader.readInt64(), let saysCPU = reader.readBool(), let askedCPU = reader.readDouble(),
        let askedMemory = reader.readInt64()
      else { return nil }
      samples.append(
        Sample(
          wallSeconds: wall, cpuSeconds: cpu, peakMemoryBytes: memory, outputBytes: output,
          askedCPU: saysCPU ? askedCPU : nil, askedMemory: askedMemory < 0 ? nil : askedMemory))
    }
    (self.runs, memoryDeaths) = (runs, deaths)
  }
}
