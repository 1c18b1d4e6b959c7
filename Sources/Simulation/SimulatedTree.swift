package import BuildGraph
package import Diagnostics
package import Ports

/// The output tree in memory.
package final class SimulatedTree: OutputTree, @unchecked Sendable {
  package enum Node: Hashable {
    case file([UInt8], FileHint, isExecutable: Bool = false)
    case link(ByteString)
    case emptyFolder
  }

  private let objects: SimulatedObjects
  private let clock: SimulatedClock
  private let plug: Plug
  package private(set) var nodes: [ByteString: Node] = [:]
  package private(set) var displaced: [(path: ByteString, node: Node)] = []
  package private(set) var changes = 0
  /// How often the objects had been flushed when the first output of the last build was written.
  package private(set) var flushesBeforeFirstWrite: Int?
  private var nextInode: UInt64 = 1_000_000
  /// What a kernel tells those who watch the tree.
  package var tell: (WatchEvent.Change, ByteString) -> Void = { _, _ in }

  package init(objects: SimulatedObjects, clock: SimulatedClock, plug: Plug) {
    self.objects = objects
    self.clock = clock
    self.plug = plug
  }

  private func hint(_ bytes: [UInt8]) -> FileHint {
    nextInode += 1
    let rested = clock.nanoseconds - 20_000_000
    return FileHint(
      device: 2, inode: nextInode, size: Int64(bytes.count), modifiedNanoseconds: rested, changedNanoseconds: rested,
      mode: 0o100644)
  }

  // MARK: The user's hand

  func holdsFolder(_ path: ByteString) -> Bool {
    let inside = path.bytes + [UInt8(ascii: "/")]
    return nodes[path] == .emptyFolder || nodes.keys.contains { $0.bytes.starts(with: inside) }
  }

  /// Puts something at a place, with the folders that lead there.
  private func put(_ node: Node, at path: ByteString) {
    for folder in ancestors(of: path) where !holdsFolder(folder) { tell(.created, folder) }
    nodes[path] = node
    tell(.movedIn, path)
  }

  /// A person writes into the tree.
  package func scribble(_ path: ByteString, _ bytes: [UInt8]) {
    for folder in ancestors(of: path) where nodes[folder] == .emptyFolder { nodes[folder] = nil }
    nextInode += 1
    put(
      .file(
        bytes,
        FileHint(
          device: 2, inode: nextInode, size: Int64(bytes.count), modifiedNanoseconds: clock.nanoseconds,
          changedNanoseconds: clock.nanoseconds, mode: 0o100644)), at: path)
  }

  package func erase(_ path: ByteString) {
    nodes[path] = nil
    tell(.removed, path)
  }

  package var files: [ByteString: [UInt8]] {
    nodes.compactMapValues { node in
      if case .file(let bytes, _, _) = node { return bytes }
      return nil
    }
  }

  private func ancestors(of path: ByteString) -> [ByteString] {
    path.bytes.indices.filter { path.bytes[$0] == UInt8(ascii: "/") }.map {
      ByteString(bytes: Array(path.bytes[..<$0]))
    }
  }

  // MARK: OutputTree

  package func look(at path: ByteString, expecting expected: OwnedOutput?) throws(SystemError) -> OutputLook {
    for folder in ancestors(of: path) {
      switch nodes[folder] {
      case .file, .link: return .blocked(by: folder)
      case .emptyFolder, nil: continue
      }
    }
    switch nodes[path] {
    case .file(let bytes, let hint, let isExecutable):
      let artifact = Artifact(
        digest: Digest(hashing: bytes), isExecutable: isExecutable, size: Int64(bytes.count))
      return .file(artifact, hint, isTrusted: hint.hasRested(before: clock.nanoseconds))
    case .link(let target): return .link(target: target)
    case .emptyFolder: return .emptyFolder
    case nil:
      let inside = path.bytes + [UInt8(ascii: "/")]
      return nodes.keys.contains { $0.bytes.starts(with: inside) } ? .folder : .missing
    }
  }

  package func look(at outputs: [OwnedOutput]) throws(SystemError) -> [OutputLook] {
    var looks: [OutputLook] = []
    for output in outputs { looks.append(try look(at: output.path, expecting: output)) }
    return looks
  }

  private func makeRoom(for path: ByteString) throws(SystemError) {
    try plug.write()
    changes += 1
    for folder in ancestors(of: path) {
      switch nodes[folder] {
      case .file, .link: throw SystemError(.wrongKind, "'\(folder.display)' is no folder")
      case .emptyFolder: nodes[folder] = nil
      case nil: continue
      }
    }
    let inside = path.bytes + [UInt8(ascii: "/")]
    if nodes.keys.contains(where: { $0.bytes.starts(with: inside) }) {
      throw SystemError(.wrongKind, "'\(path.display)' is a folder")
    }
  }

  package func write(_ artifact: Artifact, to path: ByteString) throws(SystemError) -> FileHint {
    let bytes = try objects.read(artifact, limitBytes: .max)
    try makeRoom(for: path)
    let hint = hint(bytes)
    flushesBeforeFirstWrite = flushesBeforeFirstWrite ?? objects.flushes
    put(.file(bytes, hint, isExecutable: artifact.isExecutable), at: path)
    return hint
  }

  package func writeLink(target: ByteString, to path: ByteString) throws(SystemError) {
    try makeRoom(for: path)
    put(.link(target), at: path)
  }

  package func makeFolder(_ path: ByteString) throws(SystemError) {
    let inside = path.bytes + [UInt8(ascii: "/")]
    if nodes.keys.contains(where: { $0.bytes.starts(with: inside) }) { return }
    try makeRoom(for: path)
    put(.emptyFolder, at: path)
  }

  package func remove(_ path: ByteString) throws(SystemError) {
    try plug.write()
    changes += 1
    nodes[path] = nil
    tell(.removed, path)
  }

  package func displace(_ path: ByteString) throws(SystemError) -> ByteString {
    try plug.write()
    changes += 1
    let inside = path.bytes + [UInt8(ascii: "/")]
    for (place, node) in nodes where place == path || place.bytes.starts(with: inside) {
      displaced.append((place, node))
      nodes[place] = nil
      tell(.movedOut, place)
    }
    return ".reflow/displaced/\(displaced.count)/" + path
  }

  package func sweep() throws(SystemError) {}
}

extension ByteString {
  fileprivate static func + (a: String, b: ByteString) -> ByteString { ByteString(a) + b }
}

/// The nothing-changed file in memory.
package final class SimulatedSnapshot: Snapshot, @unchecked Sendable {
  private let files: SimulatedFiles
  private let tree: SimulatedTree
  private var rows: [Digest: (entries: [SnapshotEntry], summary: [UInt8], writtenAt: Int64)] = [:]
  package private(set) var hits = 0
  /// As if a kill came before each write.
  package var losesWrites = false

  package init(files: SimulatedFiles, tree: SimulatedTree) {
    self.files = files
    self.tree = tree
  }

  package func check(key: Digest, generation: Int64?) -> SnapshotAnswer {
    guard let row = rows[key], row.writtenAt <= files.clock.nanoseconds else { return .none }
    let changed = row.entries.filter { !holds($0) }
    guard changed.isEmpty else { return .changed(changed, summary: row.summary) }
    hits += 1
    return .unchanged(summary: row.summary)
  }

  private func holds(_ entry: SnapshotEntry) -> Bool {
    switch entry.root {
    case .source:
      switch (entry.expectation, files.look(at: Path(entry.path))) {
      case (.missing, .missing): return true
      case (.folder(let old, let isTrusted), .folder(let new)): return isTrusted && old == new
      case (.file(let old, nil), .file(let new)): return old == new
      case (.file(let old, .some(let digest)), .file(let new)):
        return old == new && (try? files.observe(file: Path(entry.path)).artifact.digest) == digest
      case (.missing, _), (.folder, _), (.file, _): return false
      }
    case .output:
      guard case .file(let old, nil) = entry.expectation, case .file(_, let new, _)? = tree.nodes[entry.path] else {
        return false
      }
      return old == new
    }
  }

  package func entries(key: Digest) -> [SnapshotEntry] { rows[key]?.entries ?? [] }

  package func write(key: Digest, generation: Int64, entries: [SnapshotEntry], summary: [UInt8]) throws(SystemError) {
    if !losesWrites { rows[key] = (entries, summary, files.clock.nanoseconds) }
  }

  package func patch(key: Digest, generation: Int64, _ patch: SnapshotPatch, summary: [UInt8]) throws(SystemError) {
    guard !losesWrites, let row = rows[key], patch.base == nil || patch.base == row.summary else { return }
    rows[key] = (patch.applied(to: row.entries), summary, files.clock.nanoseconds)
  }

  package func remove(key: Digest) throws(SystemError) { rows[key] = nil }
  package func removeOthers(than key: Digest) throws(SystemError) { rows = rows.filter { $0.key == key } }
  package func removeAll() { rows = [:] }
}

/// Copies into the simulated files.
package final class SimulatedExporter: Exporter, @unchecked Sendable {
  private let files: SimulatedFiles
  private let objects: SimulatedObjects

  package init(files: SimulatedFiles, objects: SimulatedObjects) {
    self.files = files
    self.objects = objects
  }

  package func export(_ artifact: Artifact, to path: Path) throws(SystemError) {
    guard let content = objects.content(artifact) else { throw SystemError(.notFound, "no such object") }
    switch content {
    case .file(let bytes): files.write(path.bytes, bytes)
    case .folder(let members): for (name, bytes) in members { files.write(path.appending(name).bytes, bytes) }
    }
  }
}
