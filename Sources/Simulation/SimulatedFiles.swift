package import BuildGraph
package import Diagnostics
package import Ports

/// A clock that is moved by hand.
///
/// `@unchecked Sendable`, as all of the simulation: one thread does everything.
package final class SimulatedClock: Clock, @unchecked Sendable {
  /// Since 1970.
  package var nanoseconds: Int64 = 1_700_000_000_123_456_789
  package init() {}
  package var now: Double { Double(nanoseconds) / 1e9 }
  package var monotonic: Double { Double(nanoseconds + taken) / 1e9 }
  /// What was taken from the time of day.
  private var taken: Int64 = 0
  package var wasSetBack: Bool { taken > 0 }

  /// Somebody sets the time of day back.
  package func setBack(by nanoseconds: Int64) {
    self.nanoseconds -= nanoseconds
    taken += nanoseconds
  }
}

/// The user's files, in memory, with a clock of settable grain.
package final class SimulatedFiles: FileSystem, @unchecked Sendable {
  package struct File: Hashable {
    package var bytes: [UInt8]
    package var isExecutable = false
    package var inode: UInt64
    package var modified: Int64
    package var changed: Int64
  }

  /// Something that a kernel tells those who watch.
  package enum Change {
    case name(WatchEvent.Change, ByteString)
    /// A folder itself was removed or moved; said while it is still there.
    case gone(ByteString)
    /// Each folder is another one now.
    case everything
  }

  package let clock: SimulatedClock
  package var tell: (Change) -> Void = { _ in }
  package var grain: Int64 = 1
  package private(set) var files: [ByteString: File] = [:]
  private var folders: [ByteString: File] = [:]
  private var nextInode: UInt64 = 1
  /// How many files were read to be hashed.
  package private(set) var reads = 0
  package private(set) var looks = 0
  /// Does something to the world just before a text is read.
  package var beforeRead: () -> Void = {}

  package init(clock: SimulatedClock) {
    self.clock = clock
    makeFolder("")
  }

  private var stamp: Int64 { clock.nanoseconds / grain * grain }

  // MARK: The user's hand

  package func makeFolder(_ path: ByteString) {
    guard folders[path] == nil else { return touchFolder(path) }
    if !path.isEmpty { makeFolder(Self.parent(of: path)) }
    nextInode += 1
    folders[path] = File(bytes: [], inode: nextInode, modified: stamp, changed: stamp)
    tell(.name(.created, path))
  }

  private func touchFolder(_ path: ByteString) {
    folders[path]?.modified = stamp
    folders[path]?.changed = stamp
  }

  func inode(ofFolder path: ByteString) -> UInt64? { folders[path]?.inode }

  static func parent(of path: ByteString) -> ByteString {
    let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
    return ByteString(bytes: Array(path.bytes[..<slash]))
  }

  /// Writes in place: the inode stays.
  package func write(_ path: ByteString, _ bytes: [UInt8]) {
    if files[path] == nil {
      makeFolder(Self.parent(of: path))
      nextInode += 1
      files[path] = File(bytes: bytes, inode: nextInode, modified: stamp, changed: stamp)
      tell(.name(.created, path))
    } else {
      files[path]!.bytes = bytes
      files[path]!.modified = stamp
      files[path]!.changed = stamp
      tell(.name(.modified, path))
    }
    tell(.name(.written, path))
  }

  package func touch(_ path: ByteString) {
    guard files[path] != nil else { return }
    files[path]!.modified = stamp
    files[path]!.changed = stamp
    tell(.name(.attributes, path))
  }

  /// Another content of the same size, with the time of modification set back: only the time of change tells.
  package func writeSecretly(_ path: ByteString, _ bytes: [UInt8]) {
    guard files[path] != nil else { return }
    files[path]!.bytes = bytes
    files[path]!.changed = stamp
    tell(.name(.written, path))
    tell(.name(.attributes, path))
  }

  package var folderPaths: Set<ByteString> { Set(folders.keys) }

  package var executables: Set<ByteString> { Set(files.filter(\.value.isExecutable).keys) }

  package func setExecutable(_ path: ByteString, _ isExecutable: Bool) {
    guard files[path] != nil else { return }
    files[path]!.isExecutable = isExecutable
    files[path]!.changed = stamp
    tell(.name(.attributes, path))
  }

  package func remove(_ path: ByteString) {
    guard files.removeValue(forKey: path) != nil else { return }
    touchFolder(Self.parent(of: path))
    tell(.name(.removed, path))
  }

  package func rename(_ path: ByteString, to other: ByteString) {
    guard var file = files.removeValue(forKey: path) else { return }
    touchFolder(Self.parent(of: path))
    makeFolder(Self.parent(of: other))
    file.changed = stamp
    files[other] = file
    tell(.name(.movedOut, path))
    tell(.name(.movedIn, other))
  }

  /// Each gets the other's name.
  package func swap(_ path: ByteString, _ other: ByteString) {
    guard path != other, var first = files[path], var second = files[other] else { return }
    first.changed = stamp
    second.changed = stamp
    files[path] = second
    files[other] = first
    for name in [path, other] {
      tell(.name(.movedOut, name))
      tell(.name(.movedIn, name))
    }
    touchFolder(Self.parent(of: path))
    touchFolder(Self.parent(of: other))
  }

  /// Another file of the same content and time of modification takes the name: a copy that was linked or moved here.
  package func relink(_ path: ByteString) {
    guard files[path] != nil else { return }
    nextInode += 1
    files[path]!.inode = nextInode
    files[path]!.changed = stamp
    touchFolder(Self.parent(of: path))
    tell(.name(.movedIn, path))
  }

  /// A folder moves with all that is in it.
  package func renameFolder(_ path: ByteString, to other: ByteString) {
    guard folders[path] != nil, folders[other] == nil, files[other] == nil else { return }
    makeFolder(Self.parent(of: other))
    tell(.gone(path))
    let inside = path.bytes + [UInt8(ascii: "/")]
    func moved(_ old: ByteString) -> ByteString { ByteString(bytes: other.bytes + old.bytes[path.count...]) }
    for old in files.keys.filter({ $0.bytes.starts(with: inside) }) {
      files[moved(old)] = files.removeValue(forKey: old)
    }
    for old in folders.keys.filter({ $0 == path || $0.bytes.starts(with: inside) }) {
      folders[moved(old)] = folders.removeValue(forKey: old)
    }
    folders[other]!.changed = stamp
    touchFolder(Self.parent(of: path))
    touchFolder(Self.parent(of: other))
    tell(.name(.movedOut, path))
    tell(.name(.movedIn, other))
  }

  /// A folder goes with all that is in it.
  package func removeFolder(_ path: ByteString) {
    guard !path.isEmpty, folders[path] != nil else { return }
    let inside = path.bytes + [UInt8(ascii: "/")]
    for file in files.keys.sorted() where file.bytes.starts(with: inside) { tell(.name(.removed, file)) }
    for folder in folders.keys.sorted().reversed() where folder == path || folder.bytes.starts(with: inside) {
      tell(.gone(folder))
      tell(.name(.removed, folder))
    }
    folders[path] = nil
    files = files.filter { !$0.key.bytes.starts(with: inside) }
    folders = folders.filter { !$0.key.bytes.starts(with: inside) }
    touchFolder(Self.parent(of: path))
  }

  /// A clone of the project elsewhere: new inodes, new times.
  package func copyAllAnew() {
    for path in files.keys.sorted() {
      nextInode += 1
      files[path]!.inode = nextInode
      touch(path)
    }
    for path in folders.keys.sorted() {
      nextInode += 1
      folders[path]!.inode = nextInode
      touchFolder(path)
    }
    tell(.everything)
  }

  // MARK: FileSystem

  private func hint(_ file: File, mode: UInt32) -> FileHint {
    FileHint(
      device: 1, inode: file.inode, size: Int64(file.bytes.count), modifiedNanoseconds: file.modified,
      changedNanoseconds: file.changed, mode: mode | (file.isExecutable ? 0o111 : 0))
  }

  package func look(at path: Path) -> Look {
    looks += 1
    if let file = files[path.bytes] { return .file(hint(file, mode: 0o100644)) }
    if let folder = folders[path.bytes] { return .folder(hint(folder, mode: 0o040755)) }
    return .missing
  }

  package func look(at paths: [Path]) -> [Look] { paths.map { look(at: $0) } }

  package func observe(file path: Path) throws(SystemError) -> Observation {
    guard let file = files[path.bytes] else {
      throw SystemError(.notFound, "file '\(path.bytes.display)' does not exist")
    }
    reads += 1
    let hint = hint(file, mode: 0o100644)
    return Observation(
      artifact: Artifact(
        digest: Digest(hashing: file.bytes), isExecutable: file.isExecutable, size: Int64(file.bytes.count)),
      hint: hint, isTrusted: hint.hasRested(before: clock.nanoseconds))
  }

  package func observe(files paths: [Path]) -> [Result<Observation, SystemError>] {
    paths.map { path in
      do throws(SystemError) { return .success(try observe(file: path)) } catch { return .failure(error) }
    }
  }

  package func list(folder path: Path) throws(SystemError) -> FolderListing {
    guard folders[path.bytes] != nil else {
      throw SystemError(.notFound, "folder '\(path.bytes.display)' does not exist")
    }
    let prefix = path.bytes.isEmpty ? [] : path.bytes.bytes + [UInt8(ascii: "/")]
    func below(_ other: ByteString) -> ByteString? {
      guard other.bytes.starts(with: prefix), other.count > prefix.count else { return nil }
      return ByteString(bytes: Array(other.bytes[prefix.count...]))
    }
    var entries: [ListedEntry] = []
    for file in files.keys {
      if let name = below(file) { entries.append(ListedEntry(path: name, look: look(at: Path(file)))) }
    }
    var listed = [ListedEntry(path: "", look: look(at: path))]
    for folder in folders.keys {
      guard let name = below(folder) else { continue }
      listed.append(ListedEntry(path: name, look: look(at: Path(folder))))
      let inside = folder.bytes + [UInt8(ascii: "/")]
      if !(files.keys.contains { $0.bytes.starts(with: inside) }
        || folders.keys.contains { $0.bytes.starts(with: inside) })
      {
        entries.append(ListedEntry(path: name, look: look(at: Path(folder))))
      }
    }
    return FolderListing(entries: entries.sorted { $0.path < $1.path }, folders: listed.sorted { $0.path < $1.path })
  }

  package func read(file path: Path, limitBytes: Int) throws(SystemError) -> [UInt8] {
    beforeRead()
    guard let file = files[path.bytes] else {
      throw SystemError(.notFound, "file '\(path.bytes.display)' does not exist")
    }
    return file.bytes
  }

  package func hostPath(of path: Path) -> ByteString { path.bytes }
}
