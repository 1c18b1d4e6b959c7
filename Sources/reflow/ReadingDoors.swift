import BuildGraph
import Diagnostics
import Driver
import Ports
import Storage
import Synchronization

/// Objects for those who only ask: what a dry run would store is kept in memory, and nothing is made, moved or removed.
final class ReadingObjects: ObjectStore {
  private struct Made {
    var files: [ObjectID: [UInt8]] = [:]
    var folders: [ObjectID: FolderManifest] = [:]
  }

  /// Nil where nothing has been built yet.
  private let base: FileObjectStore?
  private let made = Mutex(Made())

  init(_ base: FileObjectStore?) { self.base = base }

  private static func refusal() -> SystemError {
    SystemError(.unsupported, "a dry run makes no objects; please report this")
  }

  func ingest(_ kind: ArtifactKind, at hostPath: ByteString) throws(SystemError) -> Artifact { throw Self.refusal() }
  func copyIn(file hostPath: ByteString) throws(SystemError) -> Artifact { throw Self.refusal() }

  func store(_ bytes: [UInt8]) throws(SystemError) -> Artifact {
    let artifact = Artifact(digest: Digest(hashing: bytes), size: Int64(bytes.count))
    made.withLock { $0.files[ObjectID(artifact)] = bytes }
    return artifact
  }

  func store(_ manifest: FolderManifest) throws(SystemError) -> Artifact {
    let artifact = manifest.artifact
    made.withLock { $0.folders[ObjectID(artifact)] = manifest }
    return artifact
  }

  private func isMade(_ id: ObjectID) -> Bool {
    made.withLock { $0.files[id] != nil || $0.folders[id] != nil }
  }

  func contains(_ artifact: Artifact) -> Bool {
    isMade(ObjectID(artifact)) || base?.contains(artifact) ?? false
  }

  func contains(_ artifacts: [Artifact]) -> [Bool] {
    guard let base else { return artifacts.map { isMade(ObjectID($0)) } }
    return zip(artifacts, base.contains(artifacts)).map { $1 || isMade(ObjectID($0)) }
  }

  func manifest(of folder: Artifact) throws(SystemError) -> FolderManifest {
    let id = ObjectID(folder)
    if let manifest = made.withLock({ $0.folders[id] }) ?? base?.members(of: id) { return manifest }
    throw SystemError(.notFound, "the folder \(id) is not in the cache")
  }

  func place(of artifact: Artifact) throws(SystemError) -> ByteString {
    guard let base else { throw Self.refusal() }
    return try base.place(of: artifact)
  }

  func read(_ file: Artifact, limitBytes: Int) throws(SystemError) -> [UInt8] {
    if let bytes = made.withLock({ $0.files[ObjectID(file)] }) { return bytes }
    guard let base else { throw SystemError(.notFound, "the object \(ObjectID(file)) is not in the cache") }
    return try base.read(file, limitBytes: limitBytes)
  }

  func sync() throws(SystemError) {}
}

/// The state before the first build.
final class EmptyStore: Store {
  let generation: Int64 = 0

  func sources() throws(SystemError) -> [Path: Observation] { [:] }
  func sources(at paths: [Path], below folders: [Path]) throws(SystemError) -> [Path: Observation] { [:] }
  func results(for contentKeys: [Digest]) throws(SystemError) -> [Digest: StepResult] { [:] }
  func derivations(for keys: [Digest]) throws(SystemError) -> [Digest: Derivation] { [:] }
  func variants() throws(SystemError) -> [Digest: Variant] { [:] }
  func derivationKeys() throws(SystemError) -> [Digest: [Digest]] { [:] }
  func readSets(for declaredKey: Digest) throws(SystemError) -> [ReadSet] { [] }
  func traces(for identities: [Digest]) throws(SystemError) -> [Digest: [UInt8]] { [:] }
  func outputs() throws(SystemError) -> [OwnedOutput] { [] }
  func outputs(atOrBelow paths: [ByteString]) throws(SystemError) -> [OwnedOutput] { [] }
  func intents() throws(SystemError) -> [Intent] { [] }
  func runs(labelled label: String?, limit: Int) throws(SystemError) -> [RunRecord] { [] }
  func histories(of kinds: [String]) throws(SystemError) -> [String: StepHistory] { [:] }
  func histories() throws(SystemError) -> [(kind: String, history: StepHistory)] { [] }
  func builds(limit: Int) throws(SystemError) -> [BuildRecord] { [] }
  func graphPages(of key: Digest, _ pages: [GraphPage]) throws(SystemError) -> [GraphPage: [UInt8]] { [:] }
  func graphKeys() throws(SystemError) -> [Digest] { [] }

  private static func refusal() -> SystemError {
    SystemError(.unsupported, "a dry run changes nothing in the state; please report this")
  }

  func nextRun() throws(SystemError) -> RunID { throw Self.refusal() }
  func nextBuild() throws(SystemError) -> Int64 { throw Self.refusal() }
  func commit(_ changes: [StoreChange]) throws(SystemError) { throw Self.refusal() }
}

/// For who changes nothing: a build may be at work meanwhile.
final class NoLock: StateLock {
  func acquire(waiting: (_ holder: String) -> Void) throws(SystemError) {}
  func tryToAcquire() throws(SystemError) -> Bool { true }
  func release() {}
}

extension Session {
  /// The doors of a dry run: nothing behind them can be changed, and nobody is waited for.
  func readingWorld(
    _ fileSystem: any FileSystem, _ snapshot: any Snapshot, _ clock: any Clock,
    runner: (any ObjectStore) -> any StepRunner
  ) throws(SystemError) -> World {
    let state = workspace.stateFolder
    let treeName = workspace.treeName(of: outputFolder)
    let base = HostFile.isFolder(state + "/objects") ? try FileObjectStore(in: state) : nil
    let objects = ReadingObjects(base)
    return World(
      fileSystem: fileSystem, objects: objects,
      outputs: ReadingOutputs(base: base.map { FileOutputTree(root: outputFolder, objects: $0) }),
      runner: runner(objects),
      exporter: NoExporter(), snapshot: snapshot, lock: NoLock(), clock: clock,
      openStore: { () throws(SystemError) -> any Store in
        do throws(SystemError) {
          return try SQLiteStore(in: state, options: SQLiteStore.Options(tree: treeName, isReadOnly: true))
        } catch {
          // Before the first build, or the first of this version: nothing is known.
          guard error.code == .notFound || error.code == .unsupported else { throw error }
          return EmptyStore()
        }
      })
  }
}

/// Outputs that are looked at and left as they are.
private struct ReadingOutputs: OutputTree {
  /// Nil before the first build.
  let base: FileOutputTree?

  private static func refusal() -> SystemError {
    SystemError(.unsupported, "a dry run writes no outputs; please report this")
  }

  func look(at path: ByteString, expecting expected: OwnedOutput?) throws(SystemError) -> OutputLook {
    try base?.look(at: path, expecting: expected) ?? .missing
  }

  func look(at outputs: [OwnedOutput]) throws(SystemError) -> [OutputLook] {
    try base?.look(at: outputs) ?? outputs.map { _ in .missing }
  }

  func write(_ artifact: Artifact, to path: ByteString) throws(SystemError) -> FileHint { throw Self.refusal() }
  func writeLink(target: ByteString, to path: ByteString) throws(SystemError) { throw Self.refusal() }
  func makeFolder(_ path: ByteString) throws(SystemError) { throw Self.refusal() }
  func remove(_ path: ByteString) throws(SystemError) { throw Self.refusal() }
  func displace(_ path: ByteString) throws(SystemError) -> ByteString { throw Self.refusal() }
  func sweep() throws(SystemError) { throw Self.refusal() }
}

private struct NoExporter: Exporter {
  func export(_ artifact: Artifact, to path: Path) throws(SystemError) {
    throw SystemError(.unsupported, "a dry run copies nothing; please report this")
  }
}
