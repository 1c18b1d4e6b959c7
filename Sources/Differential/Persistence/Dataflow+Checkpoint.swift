// What there is to keep. At the end of a step all epochs before `lower` are worked off, in all rounds of all loops: nothing is
// owed, and nothing is on its way but updates of later epochs, which wait in inboxes. So the state is the traces (the
// input of each operator that looks things up, and the output of each reduction within loops, with rounds as part of
// their times), what waits, and the epoch. Operators that keep nothing start anew. See <doc:Persistence>.

/// One part of a dataflow's state: a trace, or what waits in an inbox.
@usableFromInline struct StatePart {
  @usableFromInline typealias Fetch = (UInt64) throws -> (bytes: UnsafeRawBufferPointer, owner: AnyObject)
  @usableFromInline let name: String
  /// Whether it is named in a checkpoint even if it is empty.
  @usableFromInline let isTrace: Bool
  /// Stores what has not been stored, and names all of it.
  @usableFromInline let save:
    (_ finishesMerges: Bool, _ store: (BatchImage) throws -> UInt64) throws -> [Checkpoint.Named]
  @usableFromInline let load: (_ kept: [Checkpoint.Named], _ fetch: Fetch) throws -> Void
  /// A batch of at least so many bytes that has not been stored.
  @usableFromInline let unstored: (_ bytes: Int) -> UnstoredBatch?
  /// How many rows merges have moved.
  @usableFromInline let moved: () -> Int
  /// How many updates it holds.
  @usableFromInline let held: () -> Int
  /// The memory that these take, with merges under way, in bytes.
  @usableFromInline let heldBytes: () -> Int
  /// Goes on showing what they hold; see ``Dataflow/showContents(inRound:atMost:_:)``.
  @usableFromInline let show: (_ round: UInt32, _ budget: inout Int, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool
}

/// Names for parts of a dataflow, the same whenever the same program makes it.
@usableFromInline struct PartNames {
  @usableFromInline var prefix = ""
  private var ordinals: [String: Int] = [:]
  private var taken: Set<String> = []

  @usableFromInline init() {}

  /// A name under the present prefix: the one given, or the kind and its number there.
  mutating func claim(_ kind: String, _ given: String?) -> String {
    let name: String
    if let given {
      name = prefix + given
    } else {
      name = prefix + kind + "#" + String(ordinals[prefix + kind, default: 0])
      ordinals[prefix + kind, default: 0] += 1
    }
    precondition(taken.insert(name).inserted, "two parts of a dataflow are named '\(name)'")
    return name
  }

  mutating func enter(_ name: String) {
    prefix += name + "/"
    precondition(taken.insert(prefix).inserted, "two parts of a dataflow are named '\(prefix)'")
  }
}

extension Scope {
  /// Makes operators whose traces are called by this name and a number of their own, in checkpoints.
  ///
  /// Traces outside such calls are numbered through the whole dataflow: the same program gives the same names. A program
  /// that may change between checkpoints gives names to parts that stay the same.
  ///
  /// - Precondition: The name has not been given before at this place.
  public func named<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    let before = control.names.prefix
    control.names.enter(name)
    defer { control.names.prefix = before }
    return try body()
  }
}

/// A batch that has not been stored: for who stores some of them before a checkpoint, in pieces.
public struct UnstoredBatch {
  /// Its bytes, which stay as they are whatever becomes of the dataflow.
  public let image: BatchImage
  let note: (UInt64) -> Void

  /// Notes what the sink of checkpoints calls it: they need not store it again.
  public func isStored(as name: UInt64) { note(name) }
}

extension Dataflow {
  /// A batch of at least so many bytes that has not been stored, between steps; nil if there is none.
  ///
  /// - Complexity: O(batches), but for directories of batches that nobody has searched yet.
  public func unstoredBatch(ofAtLeast bytes: Int) -> UnstoredBatch? {
    for part in control.parts { if let batch = part.unstored(bytes) { return batch } }
    return nil
  }

  /// Stores what the dataflow is now, after a step, so that ``resume(_:from:isNew:)`` goes on from it.
  ///
  /// Only batches that have not been stored before are. A dataflow is stored in one store: names that the sink gives are
  /// remembered.
  ///
  /// - Parameter finishesMerges: Whether merges under way are completed first. What a merge has done so far is not stored: a
  ///   process that ends soon would never come to the end of one, and batches would only become more.
  /// - Complexity: O(traces), the bytes of new batches, and what waits for later epochs; with merges, on average, in
  ///   proportion to what was inserted since the last checkpoint times a logarithm.
  public func checkpoint(into sink: inout some BatchSink, finishesMerges: Bool = false) throws -> Checkpoint {
    guard !root.isRunning else { throw CheckpointError.insideStep }
    guard !control.isFollowing else { throw CheckpointError.readsAnother }
    for input in inputs { input.flush() }
    guard control.exchanges.allSatisfy({ !$0() }) else { throw CheckpointError.unexchangedChanges }
    var traces: [Checkpoint.Trace] = []
    for part in control.parts {
      let names = try part.save(finishesMerges) { try sink.store($0) }
      if part.isTrace || !names.isEmpty { traces.append(Checkpoint.Trace(name: part.name, batches: names)) }
    }
    return Checkpoint(
      epoch: UInt64(control.lower), worker: control.membership?.worker ?? 0,
      workers: control.membership?.team.count ?? 1, traces: traces)
  }

  /// Makes a dataflow that has been built and not run what another was at a checkpoint.
  ///
  /// It has to be built by the same program. From then on it goes on as the other would have: inputs continue at the checkpoint's
  /// epoch, and what comes out are changes since then. Batches are read in place; nothing is copied or computed.
  ///
  /// - Parameter isNew: Whether a trace that the checkpoint has not, by name, is one that begins empty on purpose: of a part
  ///   that was not there before, and that reads others as ``Arrangement/imported()``.
  /// - Returns: The names of what the checkpoint has and the dataflow has not.
  /// - Throws: ``CheckpointError``, or what the source throws. The dataflow is of no use then.
  /// - Complexity: O(traces and batches), whatever their size.
  @discardableResult public func resume(
    _ checkpoint: Checkpoint, from source: some BatchSource, isNew: (String) -> Bool = { _ in false }
  ) throws -> [String] {
    guard control.visits == 0, control.lower == .minimum, !root.isRunning else { throw CheckpointError.alreadyRunning }
    guard !control.isFollowing else { throw CheckpointError.readsAnother }
    guard checkpoint.worker == control.membership?.worker ?? 0,
      checkpoint.workers == control.membership?.team.count ?? 1
    else { throw CheckpointError.otherWorker }
    guard let epoch = Epoch(exactly: checkpoint.epoch) else { throw CheckpointError.epochTooLarge }
    var kept: [String: [Checkpoint.Named]] = [:]
    for trace in checkpoint.traces { kept[trace.name] = trace.batches }
    let missing = control.parts.filter { $0.isTrace && kept[$0.name] == nil && !isNew($0.name) }.map(\.name)
    guard missing.isEmpty else { throw CheckpointError.missingTraces(missing) }
    control.lower = epoch
    control.upper = epoch
    for input in inputs { input.start(epoch) }
    for part in control.parts {
      guard let names = kept.removeValue(forKey: part.name) else { continue }
      do {
        try part.load(names) { try source.batch(named: $0) }
      } catch let error as BatchImageError {
        throw CheckpointError.unreadable(trace: part.name, error)
      }
    }
    return checkpoint.traces.map(\.name).filter { kept[$0] != nil }
  }
}

extension TraceHub {
  /// Makes the trace part of the dataflow's state.
  @usableFromInline func register(_ kind: String, name: String?) {
    control.parts.append(
      StatePart(
        name: control.names.claim(kind, name), isTrace: true,
        save: { [weak self] finishesMerges, store in try self?.save(finishesMerges, store) ?? [] },
        load: { [weak self] names, fetch in try self?.load(names, fetch) },
        unstored: { [weak self] in self?.unstored(ofAtLeast: $0) },
        moved: { [weak self] in self?.spine.movedRows ?? 0 }, held: { [weak self] in self?.spine.rowCount ?? 0 },
        heldBytes: { [weak self] in self?.spine.heldBytes ?? 0 },
        show: { [weak self] in self?.spine.showContents(inRound: $0, &$1, $2) ?? true }))
  }

  private func save(
    _ finishesMerges: Bool, _ store: (BatchImage) throws -> UInt64
  ) throws -> [Checkpoint.Named] {
    prepareToStore(finishesMerges)
    return try spine.batches.map { batch, age in
      if let name = batch.storedName { return Checkpoint.Named(name: name, age: age) }
      let name = try store(batch.image)
      batch.storedName = name
      return Checkpoint.Named(name: name, age: age)
    }
  }

  private func unstored(ofAtLeast bytes: Int) -> UnstoredBatch? {
    prepareToStore(false)
    for (batch, _) in spine.batches where batch.storedName == nil {
      let image = batch.image
      if image.byteCount >= bytes { return UnstoredBatch(image: image) { batch.storedName = $0 } }
    }
    return nil
  }

  private func load(_ kept: [Checkpoint.Named], _ fetch: StatePart.Fetch) throws {
    var batches: [(batch: Batch<Key, Value, Time, Diff>, age: Int)] = []
    for named in kept {
      let (bytes, owner) = try fetch(named.name)
      let batch = try Batch<Key, Value, Time, Diff>(bytes, heldBy: owner)
      batch.storedName = named.name
      batches.append((batch, named.age))
    }
    spine.since = control.lower
    spine.adopt(batches)
  }
}

extension Inbox {
  /// Makes what waits part of the dataflow's state.
  @usableFromInline func register(name: String?) {
    scope.control.parts.append(
      StatePart(
        name: scope.control.names.claim("waiting", name.map { $0 + "~" }), isTrace: false,
        save: { [weak self] _, store in try self?.save(store) ?? [] },
        load: { [weak self] names, fetch in try self?.load(names, fetch) }, unstored: { _ in nil }, moved: { 0 },
        held: { 0 }, heldBytes: { 0 },
        show: { _, _, _ in true }))
  }

  private func save(_ store: (BatchImage) throws -> UInt64) throws -> [Checkpoint.Named] {
    putSumsInTheirBucket()
    var list = UpdateList<Pair<Data, Unit>, Time, Diff>()
    for bucket in buckets {
      for run in bucket.list.runs {
        for i in 0..<run.count { list.append(Pair(run.data(at: i), Unit()), run.time(at: i), run.difference(at: i)) }
      }
    }
    guard let batch = makeBatch(consuming: list) else { return [] }
    return [Checkpoint.Named(name: try store(batch.image), age: 0)]
  }

  private func load(_ kept: [Checkpoint.Named], _ fetch: StatePart.Fetch) throws {
    for named in kept {
      let (bytes, owner) = try fetch(named.name)
      let columns = try Batch<Data, Unit, Time, Diff>(bytes, heldBy: owner).columns
      var run = Updates<Data, Time, Diff>(capacity: columns.rowCount)
      for index in 0..<columns.keyCount {
        for row in columns.rows(at: index) {
          run.append(columns.keys[index], columns.time(row), columns.difference(row))
        }
      }
      accept(run)
      run.deallocate()
      // The run copied what it was given.
      withExtendedLifetime(owner) {}
    }
  }
}
