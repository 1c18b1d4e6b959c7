package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
import Ports
import Synchronization

/// Contents by digest in `.reflow/objects/`. See <doc:StoreFormat> and <doc:Durability>.
///
/// An object is a read-only file named by what it holds, and got there by rename: it is whole or not there. Callable from
/// any thread.
package final class FileObjectStore: ObjectStore {
  /// What this process has found out, so that it need not look again. Nobody removes objects while the state lock is ours.
  private struct Knowledge {
    /// There, and of the right size; files that are verified are not in it.
    var present: Set<Artifact> = []
    /// Hashed, or made by this process.
    var verified: Set<Artifact> = []

    func isPresent(_ artifact: Artifact) -> Bool {
      // What is known of a folder's manifest says nothing of its files.
      present.contains(artifact) || artifact.kind == .file && verified.contains(artifact)
    }
    /// Taken in since the last flush; nil where they are too many to be flushed one by one.
    var unflushed: Set<Artifact>? = []
    /// Trees that this process made or looked through.
    var trees: Set<Digest> = []
  }

  /// The absolute path of `.reflow`.
  package let folder: ByteString
  let objects: Descriptor
  let temporary: Descriptor
  /// Where objects begin, below `.reflow`.
  let temporaryFolder: ByteString
  private let knowledge = Mutex(Knowledge())
  private let nextTemporary = Atomic<UInt64>(0)

  /// Makes the folders that are missing below `.reflow`.
  ///
  /// - Parameter temporaryFolder: One of its own for each process that makes objects without holding the state lock.
  /// - Throws: `notPermitted`, `noSpace`.
  package init(in folder: ByteString, temporaryFolder: ByteString = "tmp") throws(SystemError) {
    self.folder = folder
    self.temporaryFolder = temporaryFolder
    for name: ByteString in ["objects", "trees", temporaryFolder] { try makeFolders(folder + "/" + name) }
    objects = try Descriptor(folder: folder + "/objects")
    temporary = try Descriptor(folder: folder + "/" + temporaryFolder)
  }

  // MARK: - Looking

  package func contains(_ artifact: Artifact) -> Bool {
    if isPresent(artifact) { return true }
    switch artifact.kind {
    case .file:
      guard let status = try? look(at: artifact), status.kind == .file, status.hint.size == artifact.size else {
        return false
      }
    case .folder:
      guard let manifest = try? manifest(of: artifact), manifest.artifact == artifact else { return false }
      let files = manifest.entries.compactMap { entry -> Artifact? in
        switch entry.content {
        case .file(let file): file
        case .link, .emptyFolder: nil
        }
      }
      guard files.allSatisfy(contains) else { return false }
    }
    notePresent(artifact)
    return true
  }

  package func contains(_ artifacts: [Artifact]) -> [Bool] {
    Slots.filled(count: artifacts.count, with: false) { slots in
      onAllCores(count: artifacts.count, grain: 256) { range in
        for index in range { slots[index] = self.contains(artifacts[index]) }
      }
    }
  }

  package func manifest(of artifact: Artifact) throws(SystemError) -> FolderManifest {
    let bytes = try readObject(artifact, limitBytes: .max)
    guard let manifest = FolderManifest(encoded: bytes) else { throw setAside(artifact, "it is no manifest") }
    return manifest
  }

  package func read(_ file: Artifact, limitBytes: Int) throws(SystemError) -> [UInt8] {
    guard file.size <= limitBytes else {
      throw SystemError(
        .limit,
        "cannot read a file of \(file.size) bytes as a value: the limit is \(limitBytes) bytes; use it as a file")
    }
    return try readObject(file, limitBytes: limitBytes)
  }

  package func firstDifference(_ a: Artifact, _ b: Artifact) throws(SystemError) -> Int64 {
    let first = try openVerified(a)
    let second = try openVerified(b)
    let names = (ObjectName(a).path, ObjectName(b).path)
    var offset: Int64 = 0
    while true {
      let one = try first.read(upTo: 1 << 20, names.0)
      let other = try second.read(upTo: 1 << 20, names.1)
      let same = zip(one, other).prefix { $0 == $1 }.count
      offset += Int64(same)
      if same < max(one.count, other.count) || one.isEmpty { return offset }
    }
  }

  private func readObject(_ artifact: Artifact, limitBytes: Int) throws(SystemError) -> [UInt8] {
    let name = ObjectName(artifact)
    guard let file = try Descriptor.ifPresent(name.path, in: objects.number) else { throw missing(artifact) }
    let size = try file.status(name.path).hint.size
    guard size <= limitBytes else { throw setAside(artifact, "it is too long") }
    let bytes = try file.read(upTo: Int(size), name.path)
    guard Digest(hashing: bytes) == artifact.digest else { throw setAside(artifact, "its content is another") }
    noteVerified(artifact)
    return bytes
  }

  /// The object opened for reading, once it is certain that it holds what its name says: it was hashed in this process, or
  /// it is large and its seal holds.
  ///
  /// - Throws: `damaged` (it is then set aside), `notFound`.
  func openVerified(_ file: Artifact) throws(SystemError) -> Descriptor {
    let name = ObjectName(file)
    guard let descriptor = try Descriptor.ifPresent(name.path, in: objects.number) else { throw missing(file) }
    let status = try descriptor.status(name.path)
    guard status.kind == .file, status.hint.size == file.size else { throw setAside(file, "its size is another") }
    let isSealed =
      file.size >= ObjectSeal.smallestSize && ObjectSeal.holds(status.hint.modifiedNanoseconds, file.digest)
    // A large object may have been written through a link since it was hashed.
    if isSealed || file.size < ObjectSeal.smallestSize && isVerified(file) { return descriptor }
    guard try descriptor.hash(name.path).digest == file.digest else { throw setAside(file, "its content is another") }
    lseek(descriptor.number, 0, SEEK_SET)
    if file.size >= ObjectSeal.smallestSize { try seal(descriptor, file) }
    noteVerified(file)
    return descriptor
  }

  func seal(_ object: borrowing Descriptor, _ file: Artifact) throws(SystemError) {
    try object.setModified(ObjectSeal.time(of: file.digest, now: reflow_coarse_time()), ObjectName(file).path)
  }

  func look(at artifact: Artifact) throws(SystemError) -> FileStatus? {
    try FileStatus.of(ObjectName(artifact).path, in: objects.number)
  }

  /// The absolute path of an object.
  func hostPath(of artifact: Artifact) -> ByteString { folder + "/objects/" + ObjectName(artifact).path }

  // MARK: - Knowledge

  func isVerified(_ artifact: Artifact) -> Bool { knowledge.withLock { $0.verified.contains(artifact) } }
  func isPresent(_ artifact: Artifact) -> Bool { knowledge.withLock { $0.isPresent(artifact) } }
  func notePresent(_ artifact: Artifact) { knowledge.withLock { _ = $0.present.insert(artifact) } }

  /// An object that no row may name before it was flushed. One that was there already may have been left by a build that was killed.
  func noteUnflushed(_ artifact: Artifact) {
    knowledge.withLock {
      $0.unflushed?.insert(artifact)
      if let count = $0.unflushed?.count, count > Self.objectsToFlushOneByOne { $0.unflushed = nil }
    }
  }

  /// The first flush of a file writes the journal for all; flushing the whole file system writes what others have as well.
  private static let objectsToFlushOneByOne = 16

  func noteVerified(_ artifact: Artifact) {
    knowledge.withLock { _ = $0.verified.insert(artifact) }
  }

  func isTreeKnown(_ digest: Digest) -> Bool { knowledge.withLock { $0.trees.contains(digest) } }
  func noteTree(_ digest: Digest) { knowledge.withLock { _ = $0.trees.insert(digest) } }

  /// Forgets all that was seen: another process may have pruned.
  package func forget() {
    knowledge.withLock {
      let unflushed = $0.unflushed
      $0 = Knowledge()
      $0.unflushed = unflushed
    }
  }

  // MARK: - Damage

  func missing(_ artifact: Artifact) -> SystemError {
    let name = ObjectName(artifact).baseName.display
    return SystemError(
      .notFound,
      "the object \(name) is gone from '\(folder.display)/objects'; run again, and the step that made it runs")
  }

  /// Moves an object that is not what its name says to `.reflow/damaged/`, and says so.
  func setAside(_ artifact: Artifact, _ reason: String) -> SystemError {
    knowledge.withLock {
      $0.present.remove(artifact)
      $0.verified.remove(artifact)
    }
    let name = ObjectName(artifact)
    var place = ""
    if (try? makeFolders(folder + "/damaged")) != nil {
      for number in 1... {
        let target = folder + "/damaged/" + name.baseName + "-" + ByteString(String(number))
        let code = withCString(name.path) { old in
          withCString(target) { reflow_rename_at(objects.number, old, AT_FDCWD, $0, UInt32(REFLOW_RENAME_NOREPLACE)) }
        }
        if code == EEXIST { continue }
        if code == 0 { place = "; it was set aside as '\(target.display)'" }
        break
      }
    }
    return SystemError(
      .damaged,
      "the object \(name.baseName.display) is damaged (\(reason))\(place); run again, and the step that made it runs")
  }

  // MARK: - Temporary names

  /// A name below `.reflow/tmp` that nobody uses.
  func temporaryName() -> ByteString {
    let number = nextTemporary.add(1, ordering: .relaxed).oldValue
    return ByteString("\(getpid())-\(number)")
  }

  /// Removes what a crash left below `.reflow/tmp`, and half-made trees. The caller holds the state lock.
  package func sweep() throws(SystemError) {
    for entry in try folderNames(temporary.number, folder + "/" + temporaryFolder) {
      try removeTree(entry.name, in: temporary.number, folder + "/" + temporaryFolder + "/" + entry.name)
    }
  }

  /// Makes all objects so far durable: one `syncfs`.
  package func sync() throws(SystemError) {
    let few = knowledge.withLock { knowledge in
      defer { knowledge.unflushed = [] }
      return knowledge.unflushed
    }
    if let few, flush(few) { return }
    let code = reflow_sync_filesystem(objects.number)
    guard code == 0 else { throw SystemError(errno: code, cannot: "flush", folder + "/objects") }
  }

  /// - Returns: false where one could not be flushed.
  private func flush(_ artifacts: Set<Artifact>) -> Bool {
    for artifact in artifacts {
      let name = ObjectName(artifact)
      let folderName = ByteString(bytes: Array(name.path.bytes.prefix(2)))
      for (path, flags) in [(name.path, O_RDONLY), (folderName, O_RDONLY | O_DIRECTORY)] {
        let opened = withCString(path) { reflow_open_at(objects.number, $0, flags, 0) }
        guard opened >= 0 else { return false }
        let file = Descriptor(owning: opened)
        guard fsync(file.number) == 0 else { return false }
      }
    }
    return true
  }
}
