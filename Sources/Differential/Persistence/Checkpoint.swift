/// Where the batches of checkpoints are kept.
public protocol BatchSink {
  /// Keeps a batch. What it returns names it from then on, in checkpoints and for a ``BatchSource`` of the same store.
  ///
  /// A batch is stored once: later checkpoints of the dataflow name it again. What no checkpoint that is still of use names may be
  /// given up.
  mutating func store(_ image: BatchImage) throws -> UInt64
}

/// Where batches are read from again.
public protocol BatchSource {
  /// The bytes stored under a name, at an address that is a multiple of ``BatchImage/alignment``, and who keeps them there
  /// unchanged as long as it lives. They are only ever read.
  func batch(named name: UInt64) throws -> (bytes: UnsafeRawBufferPointer, owner: AnyObject)
}

/// What a dataflow was at the end of an epoch: by names of batches that a store keeps.
public struct Checkpoint: Equatable, Sendable {
  /// One trace, or updates that wait for a later epoch.
  public struct Trace: Equatable, Sendable {
    /// What it is called in the dataflow: see ``Scope/named(_:_:)``.
    public var name: String
    /// Its batches, the oldest first.
    public var batches: [Named]

    /// A trace of that name, with its batches from the oldest on.
    public init(name: String, batches: [Named]) {
      self.name = name
      self.batches = batches
    }
  }

  /// A batch in the store.
  public struct Named: Equatable, Sendable {
    /// What the store calls it.
    public var name: UInt64
    /// How many rows had been inserted since it was made: old ones are merged though they are large.
    public var age: Int

    /// A batch by the name that the store gave it.
    public init(name: UInt64, age: Int) {
      self.name = name
      self.age = age
    }
  }

  /// The first epoch that is not complete.
  public var epoch: UInt64
  /// Which worker's part it is, of how many.
  public var worker: Int
  /// How many workers the team had.
  public var workers: Int
  /// All traces, in the order in which they were made.
  public var traces: [Trace]

  /// A checkpoint read back from a store.
  public init(epoch: UInt64, worker: Int, workers: Int, traces: [Trace]) {
    self.epoch = epoch
    self.worker = worker
    self.workers = workers
    self.traces = traces
  }

  /// Whether it has a trace of a name.
  ///
  /// - Complexity: O(traces).
  public func contains(_ name: String) -> Bool { traces.contains { $0.name == name } }

  /// The names of all batches.
  public var batches: [UInt64] { traces.flatMap { $0.batches.map(\.name) } }
}

extension Checkpoint {
  private static var magic: UInt64 { 0x3150_4B48_4346_4652 }  // "RFFCHKP1"

  /// The checkpoint as bytes, of a format of its own.
  public var bytes: [UInt8] {
    var result: [UInt8] = []
    func add(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { result += $0 } }
    for word in [Self.magic, epoch, UInt64(worker), UInt64(workers), UInt64(traces.count)] { add(word) }
    for trace in traces {
      add(UInt64(trace.name.utf8.count))
      result += trace.name.utf8
      add(UInt64(trace.batches.count))
      for batch in trace.batches {
        add(batch.name)
        add(UInt64(batch.age))
      }
    }
    return result
  }

  /// The checkpoint that `bytes` gave; nil if they are not one.
  public init?(bytes: [UInt8]) {
    var rest = bytes[...]
    func word() -> UInt64? {
      guard rest.count >= 8 else { return nil }
      let word = rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      rest = rest.dropFirst(8)
      return word
    }
    func number(below limit: Int) -> Int? {
      guard let word = word(), let number = Int(exactly: word), number < limit else { return nil }
      return number
    }
    guard word() == Self.magic, let epoch = word(), let worker = number(below: 1 << 20),
      let workers = number(below: 1 << 20), let count = number(below: bytes.count)
    else { return nil }
    self.init(epoch: epoch, worker: worker, workers: workers, traces: [])
    for _ in 0..<count {
      guard let length = number(below: rest.count), length <= rest.count else { return nil }
      let name = String(decoding: rest.prefix(length), as: UTF8.self)
      rest = rest.dropFirst(length)
      guard let named = number(below: rest.count / 16 + 1) else { return nil }
      var batches: [Named] = []
      for _ in 0..<named {
        guard let batch = word(), let age = number(below: .max) else { return nil }
        batches.append(Named(name: batch, age: age))
      }
      traces.append(Trace(name: name, batches: batches))
    }
    guard rest.isEmpty else { return nil }
  }
}

/// Why a dataflow cannot be kept or taken up again.
public enum CheckpointError: Error, Equatable, Sendable {
  /// A step was interrupted and has not been run to its end.
  case insideStep
  /// A worker's changes have not been handed to those they belong to: run a step first.
  case unexchangedChanges
  /// The dataflow reads another's arrangements, which are not its own to keep.
  case readsAnother
  /// The dataflow has already run.
  case alreadyRunning
  /// The checkpoint is another worker's, or a team's of another size.
  case otherWorker
  /// The epoch does not fit the dataflow's type of epochs.
  case epochTooLarge
  /// The dataflow has traces that the checkpoint has not and that are not new, by name.
  case missingTraces([String])
  /// A batch of a trace is not what it should be.
  case unreadable(trace: String, BatchImageError)
}
