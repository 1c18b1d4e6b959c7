import BuildGraph
import CLinux
import Diagnostics
import Glibc
import Ports
import Synchronization

@testable import LinuxSystem

/// The least that a runner needs of an object store: files and folders by digest of their place, kept as they came.
final class FolderOfObjects: ObjectStore {
  let folder: ByteString
  private let next = Atomic<Int>(0)

  init(_ folder: ByteString) { self.folder = folder }

  private func name(_ artifact: Artifact) -> ByteString { folder + "/" + ByteString(artifact.digest.description) }

  func ingest(_ kind: ArtifactKind, at hostPath: ByteString) throws(SystemError) -> Artifact {
    var hash = reflow_hash(high: 1, low: UInt64(next.wrappingAdd(1, ordering: .relaxed).newValue), size: 0)
    if kind == .file {
      let opened = openAt(anywhere, hostPath, O_RDONLY)
      guard opened >= 0 else { throw systemError(-opened, "open", hostPath) }
      _ = reflow_hash_fd(opened, &hash)
      close(opened)
    }
    let artifact = Artifact(kind: kind, digest: Digest(high: hash.high, low: hash.low), size: Int64(hash.size))
    let to = name(artifact)
    let failure = hostPath.withCString { from in
      to.withCString { reflow_rename_at(anywhere, from, anywhere, $0, 0) }
    }
    if failure != 0 { throw systemError(failure, "move", hostPath) }
    return artifact
  }

  func copyIn(file hostPath: ByteString) throws(SystemError) -> Artifact { throw SystemError(.other, "unused") }

  func store(_ bytes: [UInt8]) throws(SystemError) -> Artifact {
    var hash = reflow_hash()
    bytes.withUnsafeBytes { reflow_hash_bytes($0.baseAddress, $0.count, &hash) }
    let artifact = Artifact(digest: Digest(high: hash.high, low: hash.low), size: Int64(bytes.count))
    let opened = openAt(anywhere, name(artifact), O_WRONLY | O_CREAT, mode: 0o644)
    _ = bytes.withUnsafeBytes { write(opened, $0.baseAddress, $0.count) }
    close(opened)
    return artifact
  }

  func store(_ manifest: FolderManifest) throws(SystemError) -> Artifact { throw SystemError(.other, "unused") }
  func contains(_ artifact: Artifact) -> Bool { false }
  func manifest(of folder: Artifact) throws(SystemError) -> FolderManifest { throw SystemError(.other, "unused") }

  func read(_ file: Artifact, limitBytes: Int) throws(SystemError) -> [UInt8] {
    let opened = openAt(anywhere, name(file), O_RDONLY)
    guard opened >= 0 else { throw systemError(-opened, "open", name(file)) }
    defer { close(opened) }
    guard case .success(let bytes?) = readAll(opened, sizeHint: 0, limitBytes: limitBytes) else {
      throw SystemError(.other, "cannot read")
    }
    return bytes
  }

  func place(of artifact: Artifact) throws(SystemError) -> ByteString { name(artifact) }
  func sync() throws(SystemError) {}
}

/// A workspace with a runner. Each test has its own.
final class StepBench: Sendable {
  let workspace = TemporaryFolder()
  let objects: FolderOfObjects
  let runner: LinuxStepRunner
  private let nextRun = Atomic<Int>(0)

  private let isMounted: Bool

  /// - Parameter disk: the size of a disk of its own for `.reflow/`; root only.
  init(
    readable: [ByteString] = [], containers: ContainerRuntime = .none, onDiskOf disk: String? = nil,
    usesControlGroups: Bool = true
  ) {
    isMounted = disk != nil
    // The spawner is started once for all tests, whatever thread comes first.
    _ = Self.spawner
    workspace.makeFolder(".reflow")
    if let disk { workspace.shell("mount -t tmpfs -o size=\(disk) none .reflow") }
    workspace.makeFolder(".reflow/objects")
    let state = workspace.bytes + "/.reflow"
    objects = FolderOfObjects(state + "/objects")
    var configuration = LinuxStepRunner.Configuration(
      stateFolder: state, readableFolders: readable, containers: containers)
    configuration.usesControlGroups = usesControlGroups
    runner = LinuxStepRunner(
      configuration: configuration,
      fileSystem: LinuxFileSystem(roots: [workspace.bytes], stateFolder: state), objects: objects)
  }

  deinit { if isMounted { workspace.shell("umount -l .reflow") } }

  private static let spawner: Bool = {
    do throws(SystemError) { try LinuxStepRunner.startSpawner() } catch { return false }
    return true
  }()

  func request(
    _ command: RunRequest.Command, inputs: [String] = [], outputs: [String] = [], folderOutputs: [String] = [],
    sandbox: SandboxMode = .strict
  ) -> RunRequest {
    var staged: [RunRequest.Input] = []
    for (slot, name) in inputs.enumerated() {
      var status = stat()
      stat(workspace.path + "/" + name, &status)
      let kind: ArtifactKind = status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
      let path = ByteString("in/\(slot)/\(name.split(separator: "/").last ?? "x")")
      staged.append(.init(stagedPath: path, kind: kind, origin: .source(Path(ByteString(name)))))
    }
    return RunRequest(
      run: RunID(number: Int64(nextRun.wrappingAdd(1, ordering: .relaxed).newValue)), command: command, inputs: staged,
      outputs: outputs.map { .init(stagedPath: ByteString("out/\($0)"), kind: .file, isMentioned: true) }
        + folderOutputs.map { .init(stagedPath: ByteString("out/\($0)"), kind: .folder, isMentioned: true) },
      sandbox: sandbox)
  }

  func run(
    _ script: String, inputs: [String] = [], outputs: [String] = [], folderOutputs: [String] = [],
    sandbox: SandboxMode = .strict, change: (inout RunRequest) -> Void = { _ in }
  ) throws -> RunOutcome {
    var request = request(
      .shell(ByteString(script)), inputs: inputs, outputs: outputs, folderOutputs: folderOutputs, sandbox: sandbox)
    change(&request)
    return try runner.run(request)
  }

  func text(_ artifact: Artifact) throws -> String {
    String(decoding: try objects.read(artifact, limitBytes: 1 << 24), as: UTF8.self)
  }

  /// What is left in the run folders: nothing but their three parts, or the tests' `leftovers` fail.
  var leftovers: String {
    workspace.shell(
      "find .reflow/runs -mindepth 2 -not -path '*.stash/*' | grep -vE '^.reflow/runs/[0-9]+/(in|out|tmp)$' > leftovers"
    )
    return workspace.read("leftovers") ?? "?"
  }
}

extension RunOutcome {
  var refusal: String? {
    if case .refused(let message) = ending { message } else { nil }
  }
}
