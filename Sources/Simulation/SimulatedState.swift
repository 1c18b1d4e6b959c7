package import BuildGraph
package import Diagnostics
package import Ports

/// Counts the writes of a session and, at one of them, pulls the plug, or has the disk be full from then on.
package final class Plug: @unchecked Sendable {
  package private(set) var writes = 0
  package var crashAt: Int?
  package private(set) var isPulled = false
  private var isDisk = false

  package init() {}

  /// - Parameter isDisk: it is the disk that is full, and who writes lives on.
  package func arm(at write: Int?, isDisk: Bool = false) {
    writes = 0
    crashAt = write
    isPulled = false
    self.isDisk = isDisk
  }

  /// - Throws: at the chosen write, and at all after it: the process is dead, or the disk full.
  func write() throws(SystemError) {
    writes += 1
    if let crashAt, writes >= crashAt { isPulled = true }
    guard isPulled else { return }
    throw isDisk ? SystemError(.noSpace, "the disk is full") : SystemError(.other, "the plug was pulled")
  }
}

/// Objects in memory. What was not flushed may be lost in a crash.
package final class SimulatedObjects: ObjectStore, @unchecked Sendable {
  private let files: SimulatedFiles
  private let plug: Plug
  package var contents: [Artifact: [UInt8]] = [:]
  private var durable: Set<Artifact> = []
  /// Those that somebody removed when they were durable.
  private var removed: Set<Artifact> = []
  /// Whether one of them has come again, in a build that could not flush it, and was lost: rows name it since before it was removed.
  package var hasLostAgain = false
  package private(set) var flushes = 0

  package init(files: SimulatedFiles, plug: Plug) {
    self.files = files
    self.plug = plug
  }

  package func crash(losing isLost: (Artifact) -> Bool) {
    for artifact in contents.keys.sorted(by: { $0.digest < $1.digest }) where !durable.contains(artifact) {
      guard isLost(artifact) else { continue }
      contents[artifact] = nil
      if removed.contains(artifact) { hasLostAgain = true }
    }
    // What is there after the power went is on the disk.
    durable = Set(contents.keys)
  }

  package func removeAll() { remove(Set(contents.keys)) }

  package func remove(_ artifacts: Set<Artifact>) {
    removed.formUnion(durable.intersection(artifacts))
    durable.subtract(artifacts)
    for artifact in artifacts { contents[artifact] = nil }
  }

  package func isDurable(_ artifact: Artifact) -> Bool { durable.contains(artifact) }

  package func add(_ content: SimulatedContent) -> Artifact {
    switch content {
    case .file(let bytes):
      let artifact = Artifact(digest: Digest(hashing: bytes), size: Int64(bytes.count))
      contents[artifact] = bytes
      return artifact
    case .folder(let members):
      var entries: [FolderManifest.Entry] = []
      for (path, bytes) in members.sorted(by: { $0.key < $1.key }) {
        entries.append(FolderManifest.Entry(path: path, content: .file(add(.file(bytes)))))
      }
      let manifest = FolderManifest(entries: entries)
      contents[manifest.artifact] = manifest.encoded
      return manifest.artifact
    }
  }

  package func content(_ artifact: Artifact) -> SimulatedContent? {
    guard let bytes = contents[artifact] else { return nil }
    guard artifact.kind == .folder else { return .file(bytes) }
    var members: [ByteString: [UInt8]] = [:]
    for entry in FolderManifest(encoded: bytes)?.entries ?? [] {
      guard case .file(let file) = entry.content, let bytes = contents[file] else { return nil }
      members[entry.path] = bytes
    }
    return .folder(members)
  }

  // MARK: ObjectStore

  package func ingest(_ kind: ArtifactKind, at hostPath: ByteString) throws(SystemError) -> Artifact {
    throw SystemError(.unsupported, "the simulated runner adds its outputs itself")
  }

  package func copyIn(file hostPath: ByteString) throws(SystemError) -> Artifact {
    try plug.write()
    let artifact = try files.observe(file: Path(hostPath)).artifact
    contents[artifact] = try files.read(file: Path(hostPath), limitBytes: .max)
    return artifact
  }

  package func store(_ bytes: [UInt8]) throws(SystemError) -> Artifact {
    try plug.write()
    return add(.file(bytes))
  }

  package func store(_ manifest: FolderManifest) throws(SystemError) -> Artifact {
    try plug.write()
    contents[manifest.artifact] = manifest.encoded
    return manifest.artifact
  }

  package func contains(_ artifact: Artifact) -> Bool { content(artifact) != nil }

  package func manifest(of folder: Artifact) throws(SystemError) -> FolderManifest {
    guard let bytes = contents[folder], let manifest = FolderManifest(encoded: bytes) else {
      throw SystemError(.notFound, "no such object")
    }
    return manifest
  }

  package func place(of artifact: Artifact) throws(SystemError) -> ByteString {
    ByteString(artifact.digest.description)
  }

  package func read(_ file: Artifact, limitBytes: Int) throws(SystemError) -> [UInt8] {
    guard let bytes = contents[file] else { throw SystemError(.notFound, "no such object") }
    return bytes
  }

  package func sync() throws(SystemError) {
    try plug.write()
    flushes += 1
    durable = Set(contents.keys)
  }
}

/// The state in memory: a transaction happens whole or not at all.
package final class SimulatedStore: Store, @unchecked Sendable {
  private let plug: Plug
  private let objects: SimulatedObjects
  private let clock: SimulatedClock
  private var committedAt: Int64 = 0
  package private(set) var generation: Int64 = 0
  private var sourceRows: [Path: Observation] = [:]
  private var resultRows: [Digest: StepResult] = [:]
  private var derivationRows: [Digest: Derivation] = [:]
  private var variantRows: [Digest: Variant] = [:]
  private var traceRows: [Digest: [UInt8]] = [:]
  private var readSetRows: [Digest: [ReadSet]] = [:]
  private var runRows: [RunRecord] = []
  private var historyRows: [String: StepHistory] = [:]
  private var buildRows: [BuildRecord] = []
  private var outputRows: [ByteString: OwnedOutput] = [:]
  private var intentRows: [ByteString: Intent] = [:]
  package private(set) var graphRows: [Digest: [GraphPage: [UInt8]]] = [:]
  private var graphOrder: [Digest] = []
  private var lastRun: Int64 = 0
  private var lastBuild: Int64 = 0
  /// What a row must never do.
  package private(set) var violations: [String] = []
  package private(set) var commits = 0
  /// The most outputs that one transaction has intended to change.
  package private(set) var mostIntents = 0

  package init(plug: Plug, objects: SimulatedObjects, clock: SimulatedClock) {
    self.plug = plug
    self.objects = objects
    self.clock = clock
  }

  /// What opening the state does: a clock that was set back voids all figures.
  package func open() {
    guard committedAt > clock.nanoseconds else { return }
    committedAt = clock.nanoseconds
    sourceRows = [:]
    for path in outputRows.keys { outputRows[path]?.hint = nil }
  }

  /// So does taking it up again.
  package func refresh() throws(SystemError) { open() }

  package func sources() throws(SystemError) -> [Path: Observation] { sourceRows }

  package func sources(at paths: [Path], below folders: [Path]) throws(SystemError) -> [Path: Observation] {
    sourceRows.filter { path, _ in
      paths.contains(path)
        || folders.contains {
          $0.root == path.root
            && ($0.bytes.isEmpty || path.bytes.bytes.starts(with: $0.bytes.bytes + [UInt8(ascii: "/")]))
        }
    }
  }

  package func results(for keys: [Digest]) throws(SystemError) -> [Digest: StepResult] { pick(resultRows, keys) }
  package func derivations(for keys: [Digest]) throws(SystemError) -> [Digest: Derivation] {
    pick(derivationRows, keys)
  }
  package func variants() throws(SystemError) -> [Digest: Variant] { variantRows }
  package func derivationKeys() throws(SystemError) -> [Digest: [Digest]] {
    Dictionary(grouping: derivationRows.keys.sorted()) { derivationRows[$0]!.contentKey }
  }
  package func traces(for keys: [Digest]) throws(SystemError) -> [Digest: [UInt8]] { pick(traceRows, keys) }

  private func pick<Value>(_ rows: [Digest: Value], _ keys: [Digest]) -> [Digest: Value] {
    var result: [Digest: Value] = [:]
    for key in keys { result[key] = rows[key] }
    return result
  }

  package func readSets(for declaredKey: Digest) throws(SystemError) -> [ReadSet] { readSetRows[declaredKey] ?? [] }
  package func outputs() throws(SystemError) -> [OwnedOutput] {
    outputRows.values.sorted { $0.path < $1.path }
  }
  package func outputs(atOrBelow paths: [ByteString]) throws(SystemError) -> [OwnedOutput] {
    try outputs().filter { output in
      paths.contains {
        $0 == output.path || $0.isEmpty || output.path.bytes.starts(with: $0.bytes + [UInt8(ascii: "/")])
      }
    }
  }
  package func intents() throws(SystemError) -> [Intent] { intentRows.values.sorted { $0.path < $1.path } }
  package func runs(labelled label: String?, limit: Int) throws(SystemError) -> [RunRecord] {
    Array(runRows.filter { label == nil || $0.label == label }.reversed().prefix(limit))
  }
  package func graphPages(of key: Digest, _ pages: [GraphPage]) throws(SystemError) -> [GraphPage: [UInt8]] {
    (graphRows[key] ?? [:]).filter { pages.contains($0.key) }
  }
  package func builds(limit: Int) -> [BuildRecord] { Array(buildRows.reversed().prefix(limit)) }

  package func graphKeys() throws(SystemError) -> [Digest] { graphOrder }
  package func histories(of kinds: [String]) throws(SystemError) -> [String: StepHistory] {
    historyRows.filter { kinds.contains($0.key) }
  }
  package func histories() throws(SystemError) -> [(kind: String, history: StepHistory)] {
    historyRows.sorted { $0.key < $1.key }.map { (kind: $0.key, history: $0.value) }
  }

  /// Changes bytes of the persisted graphs, as a bad disk would without the seals of the real store.
  package func damageGraphs(_ damage: (GraphPage, inout [UInt8]) -> Void) {
    for key in graphOrder { for page in graphRows[key]!.keys.sorted() { damage(page, &graphRows[key]![page]!) } }
  }

  package func nextRun() throws(SystemError) -> RunID {
    lastRun += 1
    return RunID(number: lastRun)
  }

  package func nextBuild() throws(SystemError) -> Int64 {
    lastBuild += 1
    return lastBuild
  }

  package func runs(ofBuild build: Int64) -> [RunRecord] { runRows.filter { $0.build == build } }
  package var buildNumber: Int64 { lastBuild }

  package func commit(_ changes: [StoreChange]) throws(SystemError) {
    try plug.write()
    commits += 1
    generation += 1
    committedAt = clock.nanoseconds
    for change in changes { apply(change) }
  }

  private func apply(_ change: StoreChange) {
    switch change {
    case .setSource(let path, let observation): sourceRows[path] = observation
    case .removeSource(let path): sourceRows[path] = nil
    case .setResult(let key, let result):
      for artifact in result.outputs where !objects.isDurable(artifact) && objects.contains(artifact) {
        violations.append("a result names the object \(artifact.digest), which is not durable")
      }
      resultRows[key] = result
    case .removeResult(let key): resultRows[key] = nil
    case .setDerivation(let key, let derivation): derivationRows[key] = derivation
    case .setVariant(let key, let variant): variantRows[key] = variant
    case .setDeclaredKey: break
    case .addReadSet(let key, let set):
      readSetRows[key] = Array(([set] + (readSetRows[key] ?? []).filter { $0 != set }).prefix(4))
    case .setTrace(let identity, let bytes): traceRows[identity] = bytes
    case .addRun(let record): runRows.append(record)
    case .setHistory(let kind, let history): historyRows[kind] = history
    case .setOutput(let output): outputRows[output.path] = output
    case .removeOutput(let path): outputRows[path] = nil
    case .setIntents(let intents):
      mostIntents = max(mostIntents, intents.count)
      for intent in intents { intentRows[intent.path] = intent }
    case .removeIntents(let paths): for path in paths { intentRows[path] = nil }
    case .beginBuild(let number, let program, let startedAt):
      buildRows.append(BuildRecord(number: number, program: program, startedAt: startedAt, summary: nil))
    case .endBuild(let number, let summary):
      if let index = buildRows.lastIndex(where: { $0.number == number }) { buildRows[index].summary = summary }
    case .setGraph(let key, let pages):
      graphRows[key] = pages
      graphOrder = Array(([key] + graphOrder.filter { $0 != key }).prefix(8))
      graphRows = graphRows.filter { graphOrder.contains($0.key) }
    case .updateGraph(let key, let pages): graphRows[key]?.merge(pages) { $1 }
    case .removeGraph(let key):
      graphRows[key] = nil
      graphOrder.removeAll { $0 == key }
    }
  }
}

package final class SimulatedLock: StateLock, @unchecked Sendable {
  package private(set) var isHeld = false
  package init() {}
  package func acquire(waiting: (_ holder: String) -> Void) throws(SystemError) { isHeld = true }
  package func tryToAcquire() throws(SystemError) -> Bool {
    defer { isHeld = true }
    return !isHeld
  }
  package func release() { isHeld = false }
}
