import BuildGraph
package import Diagnostics
import Language
package import Ports
import Synchronization
import Tables

/// Runs the steps that evaluate tables, and hands all others on.
///
/// A table is evaluated from its inputs as they are; with tables or traces that are kept, by what has changed in them. A run that
/// is cancelled ends by itself, and what it made is dropped.
package final class TableRunner: StepRunner {
  private let commands: any StepRunner
  private let fileSystem: any FileSystem
  private let objects: any ObjectStore
  private let clock: any Clock
  private let kept: KeptTables?
  private let traces: TableTraces?
  private let cancelled = Mutex<[RunID: Bool]>([:])

  /// - Parameters:
  ///   - kept: the tables of a process that stays; nil if it is asked for each once.
  ///   - traces: what such a process goes on from, and leaves to the next; nil to evaluate each table from nothing.
  package init(
    _ commands: any StepRunner, fileSystem: any FileSystem, objects: any ObjectStore, clock: any Clock,
    kept: KeptTables? = nil, traces: TableTraces? = nil
  ) {
    self.kept = kept
    self.traces = traces
    self.commands = commands
    self.fileSystem = fileSystem
    self.objects = objects
    self.clock = clock
  }

  package func run(_ request: RunRequest, succeeded: () -> Void) throws(SystemError) -> RunOutcome {
    guard case .table(let step) = request.command else { return try commands.run(request, succeeded: succeeded) }
    cancelled.withLock { $0[request.run] = false }
    defer { cancelled.withLock { _ = $0.removeValue(forKey: request.run) } }
    let begin = clock.monotonic
    var ending = RunOutcome.Ending.exited(0)
    var outputs: [Artifact] = []
    var remarks: [Diagnostic] = []
    var heldBytes = 0
    let result = Result { () throws(TableFailure) in try evaluate(step, request) }
    switch result {
    case .success(let table):
      heldBytes = table.heldBytes
      remarks = table.notes.map { Diagnostic("table.kept", .note, "\(Self.names(of: request)): \($0)") }
      if table.dropped > 0 { remarks.append(Self.remark(on: table.dropped, request)) }
      if let output = table.output, !isCancelled(request.run) {
        outputs = [try store(output)]
      } else {
        ending = .cancelled
      }
    case .failure(let failure): ending = .refused(message: failure.message)
    }
    let seconds = clock.monotonic - begin
    var plan: String?
    if case .success(let table) = result { plan = table.plan }
    var outcome = RunOutcome(
      ending: ending,
      usage: RunOutcome.Usage(
        wallSeconds: seconds, cpuSeconds: seconds, peakMemoryBytes: Int64(heldBytes), memoryMeasure: .counted),
      outputs: outputs, isSandboxed: true)
    outcome.remarks = remarks
    outcome.plan = plan
    return outcome
  }

  /// Says of what the program leaves out how much it is.
  private static func remark(on dropped: Int, _ request: RunRequest) -> Diagnostic {
    let records = dropped == 1 ? "1 malformed record is" : "\(dropped) malformed records are"
    return Diagnostic("table.malformed-dropped", .warning, "\(records) left out of \(names(of: request))")
  }

  /// The files that a table is made of, for people.
  private static func names(of request: RunRequest) -> String {
    let names = request.inputs.compactMap { input in
      if case .source(let path) = input.origin { path.bytes.display } else { nil }
    }
    return names.isEmpty ? "a table's files" : names.joined(separator: ", ")
  }

  package func cancel(_ run: RunID) {
    let isTable = cancelled.withLock { runs in
      guard runs[run] != nil else { return false }
      runs[run] = true
      return true
    }
    if !isTable { commands.cancel(run) }
  }

  package func cancelAll() {
    cancelled.withLock { runs in for run in runs.keys { runs[run] = true } }
    commands.cancelAll()
  }

  private func isCancelled(_ run: RunID) -> Bool { cancelled.withLock { $0[run] } == true }

  // MARK: Tables

  /// What came of a table.
  fileprivate struct Made {
    /// Nil if it was cancelled on the way.
    var output: TableWriter.Output?
    /// How many malformed records were left out.
    var dropped: Int
    /// What there is to say of how it was made.
    var notes: [String] = []
    /// What went through its plan.
    var plan: String?
    /// The memory that was held for it alone, in bytes: files, rows, strings and the output. What a watch keeps of tables is not
    /// counted; it is there whether the step runs or not.
    var heldBytes = 0
  }

  private func evaluate(_ step: TableStep, _ request: RunRequest) throws(TableFailure) -> Made {
    let (relation, files) = try reading(step, request)
    // An evaluation lets go of one file before it reads the next; a dataflow holds none but those that had to be read whole.
    var largestFile = 0
    var allBytes = 0
    var heldBytes = 0
    let source = { (part: Relation.Input) throws(TableFailure) -> [InputFile] in
      let found = try files(part)
      largestFile = found.reduce(largestFile) { max($0, $1.size) }
      allBytes += found.reduce(0) { $0 + $1.size }
      heldBytes += found.reduce(0) { $0 + $1.heldBytes }
      return found
    }
    let run = request.run
    let mayContinue = { [weak self] in self?.isCancelled(run) == false }
    let companions = request.companions.compactMap { $0.content as? Relation }
    if let kept {
      var made = try kept.output(of: relation, step.form, with: companions, while: mayContinue, source)
      made.heldBytes = heldBytes + (made.output?.byteCount ?? 0)
      return made
    }
    guard let traces else {
      let evaluation = Evaluation(source)
      let output = try evaluation.output(of: relation, step.form)
      return Made(
        output: output, dropped: evaluation.dropped, plan: evaluation.counts.text(of: relation),
        heldBytes: evaluation.heldBytes + largestFile + output.byteCount)
    }
    var parts: [Relation.Input: [InputFile]] = [:]
    for part in relation.inputs { parts[part] = try source(part) }
    let all = parts
    let held = heldBytes
    let result = traces.withTable(of: relation, with: companions, bytes: allBytes) { table in
      Result { () throws(TableFailure) in
        let output = try table.output(step.form, of: relation, all, while: mayContinue)
        let refusal = output == nil ? nil : table.keep()
        return Made(
          output: output, dropped: table.dropped, notes: table.notes(refusal),
          plan: table.plan,
          heldBytes: held + table.heldBytes + (output?.byteCount ?? 0))
      }
    }
    return try result.get()
  }

  /// What a row of the table's file rests on; nothing is run or kept.
  ///
  /// - Parameters:
  ///   - number: from 1.
  ///   - member: which file, where the step makes a folder.
  /// - Returns: nil if there is no such row.
  func lineage(
    ofRow number: Int, in member: ByteString, of step: TableStep, _ request: RunRequest, limit: Int
  ) throws(TableFailure) -> RowLineage? {
    let (relation, source) = try reading(step, request)
    return try Evaluation(source).lineage(ofRow: number, in: member, of: relation, step.form, limit: limit)
  }

  /// A step's table, and its files.
  private func reading(
    _ step: TableStep, _ request: RunRequest
  ) throws(TableFailure) -> (relation: Relation, source: ResidentTables.Source) {
    guard let relation = step.plan.content as? Relation else {
      throw .input("the table's expression is not known; evaluate the program again")
    }
    // By place: the step may be of a part of the graph that numbers its nodes otherwise than the relation does.
    let staged = Dictionary(zip(relation.inputs, request.inputs), uniquingKeysWith: { first, _ in first })
    let source = { (part: Relation.Input) throws(TableFailure) -> [InputFile] in
      guard let input = staged[part] else { throw .input("a file of the table was not handed to its step") }
      do throws(SystemError) {
        return try self.files(of: input, request.sourceDigests)
      } catch {
        throw .input(error.message)
      }
    }
    return (relation, source)
  }

  /// The files of an input, ascending by path.
  private func files(
    of input: RunRequest.Input, _ digests: [Path: Digest]
  ) throws(SystemError) -> [InputFile] {
    if case .source(let path) = input.origin, let size = input.grownTo.map({ Int($0) }) {
      return [growingFile(path, size, digests)]
    }
    return try files(input.origin, input.kind, at: "", digests).sorted { $0.path < $1.path }
  }

  /// A file that others may be adding to. Who keeps tables reads what was added and no more.
  private func growingFile(_ path: Path, _ size: Int, _ digests: [Path: Digest]) -> InputFile {
    guard kept != nil, let generation = fileSystem.generation(of: path) else {
      return file(path, size: size, named: path.bytes, digests)
    }
    let fileSystem = fileSystem
    return InputFile(
      path: path.bytes,
      growing: GrowingFile(size: size, generation: generation) { range throws(SystemError) in
        try fileSystem.read(file: path, in: range)
      })
  }

  private func files(
    _ origin: RunRequest.Origin, _ kind: ArtifactKind, at prefix: ByteString, _ digests: [Path: Digest]
  ) throws(SystemError) -> [InputFile] {
    switch (origin, kind) {
    case (.source(let path), .file):
      let name = prefix.isEmpty ? path.bytes : prefix
      guard case .file(let hint) = fileSystem.look(at: path) else {
        // Reading it says what is wrong with it.
        return [InputFile(path: name, bytes: try fileSystem.read(file: path, limitBytes: .max))]
      }
      return [file(path, size: Int(hint.size), named: name, digests)]
    case (.source(let path), .folder):
      var found: [InputFile] = []
      for entry in try fileSystem.list(folder: path).entries {
        guard case .file(let hint) = entry.look else { continue }
        found.append(
          file(path.appending(entry.path), size: Int(hint.size), named: join(prefix, entry.path), digests))
      }
      return found
    case (.object(let artifact), .file): return [file(artifact, named: prefix.isEmpty ? "output" : prefix)]
    case (.object(let artifact), .folder):
      var found: [InputFile] = []
      for entry in try objects.manifest(of: artifact).entries {
        guard case .file(let member) = entry.content else { continue }
        found.append(file(member, named: join(prefix, entry.path)))
      }
      return found
    case (.view(let members), _):
      var found: [InputFile] = []
      for member in members { found += try files(member.origin, .file, at: join(prefix, member.path), digests) }
      return found
    }
  }

  private func file(
    _ path: Path, size: Int, named name: ByteString, _ digests: [Path: Digest]
  ) -> InputFile {
    let fileSystem = fileSystem
    let stored = StoredFile(size: size) { offset, buffer throws(SystemError) in
      try fileSystem.read(file: path, at: offset, into: buffer)
    }
    let digest = digests[path]
    return InputFile(
      path: name, stored: stored, digest: digest, blocks: digest.flatMap { fileSystem.blocks(of: path, $0) })
  }

  /// An object is checked when it is read, and so is read whole.
  private func file(_ artifact: Artifact, named name: ByteString) -> InputFile {
    let objects = objects
    let whole = WholeFile(size: Int(artifact.size)) { () throws(SystemError) in
      try objects.read(artifact, limitBytes: .max)
    }
    return InputFile(path: name, whole: whole, digest: artifact.digest)
  }

  private func join(_ prefix: ByteString, _ path: ByteString) -> ByteString {
    prefix.isEmpty ? path : prefix + "/" + path
  }

  private func store(_ output: TableWriter.Output) throws(SystemError) -> Artifact {
    switch output {
    case .file(let bytes): return try objects.store(bytes)
    case .folder(let members):
      var entries: [FolderManifest.Entry] = []
      for member in members {
        let artifact = try objects.store(member.bytes)
        entries.append(FolderManifest.Entry(path: ByteString(member.name), content: .file(artifact)))
      }
      return try objects.store(FolderManifest(entries: entries.sorted { $0.path < $1.path }))
    }
  }
}

/// Tables that are kept from one build of a process to the next. Steps that ask at the same time wait for each other.
///
/// `@unchecked Sendable`: the tables are touched inside `monitor.withLock` only.
package final class KeptTables: @unchecked Sendable {
  private let monitor = Monitor()
  private let tables: ResidentTables
  private let traces: TableTraces?

  /// - Parameter traces: what the tables go on from when they are asked for first, and where ``keep(while:locked:)`` leaves them.
  package init(traces: TableTraces? = nil) {
    self.traces = traces
    tables = ResidentTables { key in traces?.shelf(of: key) }
  }

  /// Leaves what a later process goes on from, a piece at a time; see ``Tables/ResidentTables/keep(leastBytes:while:locked:)``. Between
  /// builds.
  ///
  /// - Parameters:
  ///   - mayContinue: asked before each piece, which takes some milliseconds at most.
  ///   - locked: calls what it is given with the state lock held, if nobody else holds it; and says whether it did.
  package func keep(while mayContinue: () -> Bool, locked: (() -> Void) -> Bool) -> Kept {
    guard let traces else { return .all }
    let kept = monitor.withLock { tables.keep(leastBytes: traces.leastBytes, while: mayContinue, locked: locked) }
    switch kept {
    case .all: return .all
    case .some: return .some
    case .later: return .later
    }
  }

  /// How far keeping has come.
  package enum Kept {
    /// All is kept that is worth it.
    case all
    /// It was told to stop, and goes on where it was.
    case some
    /// Another process is at work.
    case later
  }

  /// Lets go of what was stored and has not come to count, at the end.
  package func abandon() { monitor.withLock { tables.abandon() } }

  fileprivate func output(
    of relation: Relation, _ form: TableStep.Form, with companions: [Relation], while mayContinue: @escaping () -> Bool,
    _ source: ResidentTables.Source
  ) throws(TableFailure) -> TableRunner.Made {
    let result = monitor.withLock {
      Result { () throws(TableFailure) in
        let before = tables.work
        let output = try tables.output(of: relation, form, with: companions, while: mayContinue, source)
        return TableRunner.Made(
          output: output, dropped: tables.dropped, notes: tables.hasResumed ? [(tables.work - before).text] : [],
          plan: tables.plan)
      }
    }
    return try result.get()
  }
}

extension TableWriter.Output {
  fileprivate var byteCount: Int {
    switch self {
    case .file(let bytes): bytes.count
    case .folder(let members): members.reduce(0) { $0 + $1.bytes.count }
    }
  }
}
