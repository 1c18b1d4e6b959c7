package import BuildGraph
package import Diagnostics
package import Ports

/// The user's files, entered in a ``WatchMap`` before they are read.
package struct WatchedFileSystem: FileSystem {
  let base: any FileSystem
  let map: WatchMap

  package init(_ base: any FileSystem, map: WatchMap) {
    self.base = base
    self.map = map
  }

  package func look(at path: Path) -> Look {
    map.willRead([path])
    return base.look(at: path)
  }

  package func look(at paths: [Path]) -> [Look] {
    map.willRead(paths)
    return base.look(at: paths)
  }

  package func observe(file path: Path) throws(SystemError) -> Observation {
    map.willRead([path])
    return try base.observe(file: path)
  }

  package func observe(files paths: [Path]) -> [Result<Observation, SystemError>] {
    map.willRead(paths)
    return base.observe(files: paths)
  }

  package func observe(growing path: Path) throws(SystemError) -> Observation {
    map.willRead([path])
    return try base.observe(growing: path)
  }

  package func generation(of path: Path) -> Int? { base.generation(of: path) }

  package func keepBlocks(of paths: [Path]) { base.keepBlocks(of: paths) }

  package func blocks(of path: Path, _ digest: Digest) -> BlockDigests? { base.blocks(of: path, digest) }

  package func list(folder path: Path, entering: (ByteString) -> Void) throws(SystemError) -> FolderListing {
    map.willRead([path])
    map.willList(path)
    return try base.list(folder: path) { folder in
      map.willList(path.appending(folder))
      entering(folder)
    }
  }

  package func read(file path: Path, limitBytes: Int) throws(SystemError) -> [UInt8] {
    map.willRead([path])
    return try base.read(file: path, limitBytes: limitBytes)
  }

  package func read(
    file path: Path, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemError) -> Int {
    map.willRead([path])
    return try base.read(file: path, at: offset, into: buffer)
  }

  package func hostPath(of path: Path) -> ByteString { base.hostPath(of: path) }
}

/// The output tree: what Reflow itself does there is told from what others do.
package struct WatchedOutputTree: OutputTree {
  let base: any OutputTree
  let map: WatchMap

  package init(_ base: any OutputTree, map: WatchMap) {
    self.base = base
    self.map = map
  }

  private func note(_ path: ByteString, _ look: OutputLook) {
    switch look {
    case .file(_, let hint, _): map.keeps(path, hint)
    case .missing, .emptyFolder, .folder, .link, .other, .blocked: map.keeps(path, nil)
    }
  }

  package func look(at path: ByteString, expecting expected: OwnedOutput?) throws(SystemError) -> OutputLook {
    map.keeps(path, nil)
    let look = try base.look(at: path, expecting: expected)
    note(path, look)
    return look
  }

  package func look(at outputs: [OwnedOutput]) throws(SystemError) -> [OutputLook] {
    for output in outputs { map.keeps(output.path, nil) }
    let looks = try base.look(at: outputs)
    for (output, look) in zip(outputs, looks) { note(output.path, look) }
    return looks
  }

  package func write(_ artifact: Artifact, to path: ByteString) throws(SystemError) -> FileHint {
    let hint = try base.write(artifact, to: path)
    map.keeps(path, hint)
    return hint
  }

  package func writeLink(target: ByteString, to path: ByteString) throws(SystemError) {
    try base.writeLink(target: target, to: path)
    map.keeps(path, nil)
  }

  package func makeFolder(_ path: ByteString) throws(SystemError) { try base.makeFolder(path) }

  package func remove(_ path: ByteString) throws(SystemError) {
    map.willRemove(path)
    try base.remove(path)
  }

  package func displace(_ path: ByteString) throws(SystemError) -> ByteString {
    let place = try base.displace(path)
    map.willRemove(path)
    return place
  }

  package func sweep() throws(SystemError) { try base.sweep() }
}

/// The nothing-changed check: what it looks at is watched first.
package struct WatchedSnapshot: Snapshot {
  let base: any Snapshot
  let map: WatchMap

  package init(_ base: any Snapshot, map: WatchMap) {
    self.base = base
    self.map = map
  }

  package func check(key: Digest, generation: Int64?) -> SnapshotAnswer {
    var sources: [Path] = []
    var outputs: [(path: ByteString, hint: FileHint?)] = []
    for entry in base.entries(key: key) {
      switch (entry.root, entry.expectation) {
      case (.output, .file(let hint, _)): outputs.append((entry.path, hint))
      case (.output, .folder), (.output, .missing): outputs.append((entry.path, nil))
      case (.source(let root), .file), (.source(let root), .missing): sources.append(Path(root: root, entry.path))
      case (.source(let root), .folder):
        sources.append(Path(root: root, entry.path))
        map.willList(Path(root: root, entry.path))
      }
    }
    map.willRead(sources)
    for output in outputs { map.keeps(output.path, output.hint) }
    return base.check(key: key, generation: generation)
  }

  package func write(
    key: Digest, generation: Int64, entries: [SnapshotEntry], summary: [UInt8]
  ) throws(SystemError) {
    try base.write(key: key, generation: generation, entries: entries, summary: summary)
  }

  package func patch(key: Digest, generation: Int64, _ patch: SnapshotPatch, summary: [UInt8]) throws(SystemError) {
    try base.patch(key: key, generation: generation, patch, summary: summary)
  }

  package func remove(key: Digest) throws(SystemError) { try base.remove(key: key) }
  package func removeOthers(than key: Digest) throws(SystemError) { try base.removeOthers(than: key) }

  package func entries(key: Digest) -> [SnapshotEntry] { base.entries(key: key) }
}
