package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
package import Ports
import Synchronization

/// Snapshots in `.reflow/snapshots/HEX`, mapped and compared without the database. See <doc:StoreFormat>, "Snapshots".
///
/// A snapshot is self-validating: it holds as long as every path looks as it says, whatever the database went through, so
/// no generation needs to be read to trust one, and a crash between a commit and the snapshot's replacement leaves an old
/// promise that is still true or that a changed path breaks.
package final class MappedSnapshot: Snapshot {
  private let folder: ByteString
  private let roots: [ByteString]
  private let output: ByteString
  private let version: Digest

  /// How many snapshots are kept; each is some 100 bytes an entry.
  private static let kept = 32
  /// How many entries a thread takes at a time. Threads need some time to start, and must not be waited for at the end.
  private static let grain = 250
  /// From so many on a second thread saves more than it costs.
  private static let leastForThreads = 2_000

  /// - Parameters:
  ///   - stateFolder: the absolute path of `.reflow`.
  ///   - roots: absolute paths by the index of ``RootID``.
  ///   - output: the absolute path of the output tree.
  ///   - version: of the executable; a snapshot of another one is not used.
  package init(stateFolder: ByteString, roots: [ByteString], output: ByteString, version: ByteString) {
    folder = stateFolder + "/snapshots"
    self.roots = roots
    self.output = output
    self.version = Digest(hashing: version.bytes)
  }

  private func path(of key: Digest) -> ByteString { folder + "/" + ObjectName.hex(key) }

  // MARK: - Checking

  /// Maps the snapshot of a key, if there is a usable one, for as long as `body` runs.
  private func withSnapshot<Result>(_ key: Digest, _ body: (SnapshotFile) -> Result) -> Result? {
    guard let file = try? Descriptor.ifPresent(path(of: key)), let size = try? file.status(folder).hint.size, size > 0,
      let address = mmap(nil, Int(size), PROT_READ, MAP_PRIVATE | Int32(MAP_POPULATE), file.number, 0),
      address != MAP_FAILED
    else { return nil }
    defer { munmap(address, Int(size)) }
    let bytes = UnsafeRawBufferPointer(start: address, count: Int(size))
    return SnapshotFile(bytes, version: version, key: key).map(body)
  }

  package func check(key: Digest, generation: Int64?) -> SnapshotAnswer {
    let now = reflow_coarse_time()
    return withSnapshot(key) { check($0, key, generation, now: now) } ?? .none
  }

  private func check(_ snapshot: SnapshotFile, _ key: Digest, _ generation: Int64?, now: Int64) -> SnapshotAnswer {
    // A clock that went back makes all times worthless once.
    guard snapshot.writtenAt <= now, generation == nil || generation == snapshot.generation else { return .none }

    let check = SnapshotCheck(snapshot, roots: roots, output: output, startedAt: now)
    let count = snapshot.entryCount
    let grain = count < Self.leastForThreads ? max(1, count) : Self.grain
    onAllCores(count: count, grain: grain) { range in check.run(range) }
    let (differences, rested) = check.outcome
    guard differences.isEmpty else {
      return .changed(differences.map { snapshot.decoded($0) }, summary: snapshot.summary)
    }
    if !rested.isEmpty { promote(rested, in: snapshot, key: key) }
    return .unchanged(summary: snapshot.summary)
  }

  /// Writes the snapshot again, with files that were hashed and have rested taken at their figures from now on.
  private func promote(_ entries: [Int], in snapshot: SnapshotFile, key: Digest) {
    var bytes = Array(snapshot.bytes)
    for entry in entries { bytes[snapshot.kindOffset(entry)] = UInt8(SnapshotFile.Kind.file.rawValue) }
    SnapshotFile.seal(&bytes)
    // Only a convenience: without it they are hashed again.
    try? replace(key, with: bytes)
  }

  // MARK: - Writing

  package func write(
    key: Digest, generation: Int64, entries: [SnapshotEntry], summary: [UInt8]
  ) throws(SystemError) {
    let bytes = SnapshotFile.encode(
      version: version, key: key, generation: generation, writtenAt: reflow_coarse_time(), entries: entries,
      summary: summary)
    try makeFolders(folder)
    let isNew = try FileStatus.of(path(of: key)) == nil
    try replace(key, with: bytes)
    if isNew { try forgetOldest() }
  }

  package func patch(
    key: Digest, generation: Int64, _ patch: SnapshotPatch, summary: [UInt8]
  ) throws(SystemError) {
    let patched = withSnapshot(key) { snapshot -> [UInt8]? in
      if let base = patch.base, base != snapshot.summary { return nil }
      let now = reflow_coarse_time()
      if let bytes = snapshot.overwritten(by: patch, generation: generation, writtenAt: now, summary: summary) {
        return bytes
      }
      let entries = patch.applied(to: (0..<snapshot.entryCount).map { snapshot.decoded($0) })
      return SnapshotFile.encode(
        version: version, key: key, generation: generation, writtenAt: now, entries: entries, summary: summary)
    }
    if let bytes = patched ?? nil { try replace(key, with: bytes) }
  }

  package func entries(key: Digest) -> [SnapshotEntry] {
    withSnapshot(key) { snapshot in (0..<snapshot.entryCount).map { snapshot.decoded($0) } } ?? []
  }

  package func remove(key: Digest) throws(SystemError) { try removeTree(path(of: key), in: AT_FDCWD, path(of: key)) }

  package func removeOthers(than key: Digest) throws(SystemError) {
    guard let opened = try Descriptor.ifPresent(folder) else { return }
    for entry in try folderNames(opened.number, folder) {
      // Nor what another process is just writing.
      if folder + "/" + entry.name == path(of: key) || entry.name.bytes.starts(with: Array("tmp-".utf8)) { continue }
      try removeTree(entry.name, in: opened.number, folder + "/" + entry.name)
    }
  }

  /// Without a flush: what a power failure tears has another checksum.
  private func replace(_ key: Digest, with bytes: [UInt8]) throws(SystemError) {
    // Several builds may do this at once, without the lock.
    let temporary = folder + "/" + ByteString("tmp-\(getpid())")
    do throws(SystemError) {
      let file = try Descriptor(opening: temporary, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o666)
      try file.write(bytes, temporary)
    } catch {
      withCString(temporary) { _ = unlink($0) }
      throw error
    }
    let code = withCString(temporary) { old in
      withCString(path(of: key)) { reflow_rename_at(AT_FDCWD, old, AT_FDCWD, $0, 0) }
    }
    guard code == 0 else { throw SystemError(errno: code, cannot: "write", path(of: key)) }
  }

  private func forgetOldest() throws(SystemError) {
    let descriptor = try Descriptor(folder: folder)
    var known: [(age: Int64, name: ByteString)] = []
    for entry in try folderNames(descriptor.number, folder) {
      guard let status = try FileStatus.of(entry.name, in: descriptor.number) else { continue }
      known.append((status.hint.modifiedNanoseconds, entry.name))
    }
    known.sort { ($0.age, $0.name) < ($1.age, $1.name) }
    for (_, name) in known.dropLast(Self.kept) { withCString(name) { _ = unlinkat(descriptor.number, $0, 0) } }
  }
}

/// One check of one snapshot, by several threads.
///
/// `@unchecked`: what is not guarded by a lock or an atomic does not change, and the mapping outlives the check.
private final class SnapshotCheck: @unchecked Sendable {
  private let snapshot: SnapshotFile
  private let startedAt: Int64
  /// Open folders; none where one cannot be opened. A list, since there are few.
  private var roots: [(root: UInt32, folder: OpenFolder?)] = []
  private struct Found {
    var differences: [Int] = []
    var rested: [Int] = []
  }

  private let found = Mutex(Found())

  init(_ snapshot: SnapshotFile, roots: [ByteString], output: ByteString, startedAt: Int64) {
    self.snapshot = snapshot
    self.startedAt = startedAt
    for index in 0..<snapshot.groupCount {
      let root = snapshot.group(index).root
      guard !self.roots.contains(where: { $0.root == root }) else { continue }
      let place = root == SnapshotFile.outputRoot ? output : Int(root) < roots.count ? roots[Int(root)] : nil
      let opened = place.map { withCString($0) { reflow_open_at(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY, 0) } } ?? -1
      self.roots.append((root, opened >= 0 ? OpenFolder(owning: opened) : nil))
    }
  }

  /// The differing entries, ascending, and the entries that were hashed and may now be trusted.
  var outcome: (differences: [Int], rested: [Int]) { found.withLock { ($0.differences.sorted(), $0.rested) } }

  func run(_ range: Range<Int>) {
    var differences: [Int] = []
    var rested: [Int] = []
    var index = range.lowerBound
    var groupIndex = snapshot.groupIndex(ofEntry: index)
    while index < range.upperBound {
      let group = snapshot.group(groupIndex)
      let end = min(group.end, range.upperBound)
      look(at: index..<end, of: group, &differences, &rested)
      index = end
      groupIndex += 1
    }
    if differences.isEmpty && rested.isEmpty { return }
    found.withLock {
      $0.differences += differences
      $0.rested += rested
    }
  }

  private func look(
    at entries: Range<Int>, of group: SnapshotFile.Group, _ differences: inout [Int], _ rested: inout [Int]
  ) {
    let isOutput = group.root == SnapshotFile.outputRoot
    let root = roots.first { $0.root == group.root }?.folder
    var folder = root
    var skipped = 0
    // Opening the parent costs two calls and saves a part of each look, so that a lone source is looked at from its root. No
    // link may lead to an output, and only opening the parent can tell.
    if let root, group.parentLength > 0, isOutput || entries.count > 2 {
      skipped = group.parentLength + 1
      let opened =
        isOutput
        ? reflow_openat2(root.number, group.parent, Self.pathOnly | O_DIRECTORY, 0, Self.beneath)
        : reflow_open_at(root.number, group.parent, Self.pathOnly | O_DIRECTORY, 0)
      switch -opened {
      case ENOENT, ENOTDIR: folder = nil
      case let code where code > 0:
        differences += entries
        return
      case _: folder = OpenFolder(owning: opened)
      }
    }
    for index in entries {
      let entry = snapshot.entry(index)
      if !holds(entry, index, folder, entry.path + skipped, follow: !isOutput, &rested) {
        differences.append(index)
      }
    }
  }

  private func holds(
    _ entry: SnapshotFile.Entry, _ index: Int, _ folder: OpenFolder?, _ name: UnsafePointer<CChar>, follow: Bool,
    _ rested: inout [Int]
  ) -> Bool {
    guard let kind = entry.kind else { return false }
    guard let folder else { return kind == .missing }
    var figures = reflow_stat()
    let flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | (name.pointee == 0 ? Self.emptyPath : 0)
    let code = reflow_stat_at(folder.number, name, flags, &figures)
    if code == ENOENT || code == ENOTDIR { return kind == .missing }
    guard code == 0 else { return false }
    let hint = entry.hint
    let isSame =
      figures.modified == hint.modifiedNanoseconds && figures.changed == hint.changedNanoseconds
      && figures.size == hint.size && figures.inode == hint.inode && figures.device == hint.device
      && figures.mode == hint.mode
    switch kind {
    case .missing, .untrustedFolder: return false
    case .file, .folder: return isSame
    case .fileToHash:
      guard isSame, let digest = snapshot.digest(entry.digestIndex) else { return false }
      let opened = reflow_open_at(folder.number, name, O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW), 0)
      guard opened >= 0 else { return false }
      let file = Descriptor(owning: opened)
      guard let (found, _) = try? file.hash(""), found == digest, (try? file.status(""))?.hint == hint else {
        return false
      }
      if hint.hasRested(before: startedAt) { rested.append(index) }
      return true
    }
  }

  // O_PATH and AT_EMPTY_PATH, which Glibc does not show. See: man 2 open, man 2 fstatat.
  private static let pathOnly: Int32 = 0o10000000
  private static let emptyPath: Int32 = 0x1000
  private static let beneath = UInt64(
    REFLOW_RESOLVE_BENEATH | REFLOW_RESOLVE_NO_SYMLINKS | REFLOW_RESOLVE_NO_MAGICLINKS)
}
