package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
import Ports

// Folders that steps read: a tree of hard links to objects below `.reflow/trees/HEX`, made once and bound whole.
extension FileObjectStore {
  package func place(of artifact: Artifact) throws(SystemError) -> ByteString {
    switch artifact.kind {
    case .file:
      _ = try openVerified(artifact).number
      return hostPath(of: artifact)
    case .folder:
      let place = folder + "/trees/" + ObjectName.hex(artifact.digest)
      if isTreeKnown(artifact.digest) { return place }
      let manifest = try manifest(of: artifact)
      switch try FileStatus.of(place)?.kind {
      case .folder? where try isTree(place, of: manifest): break
      case nil: try makeTree(manifest, at: place)
      case .file?, .folder?, .link?, .special?:
        try removeTree(place, in: AT_FDCWD, place)
        try makeTree(manifest, at: place)
      }
      noteTree(artifact.digest)
      return place
    }
  }

  /// Whether a tree that an earlier process made still is what it should be, by kinds, sizes and modes. Each file is the
  /// object itself or a copy of it.
  private func isTree(_ place: ByteString, of manifest: FolderManifest) throws(SystemError) -> Bool {
    let root = try Descriptor(folder: place)
    for entry in manifest.entries {
      guard let status = try? FileStatus.of(entry.path, in: root.number) else { return false }
      switch entry.content {
      case .file(let artifact):
        let object = try look(at: artifact)
        let isObject = status.hint.inode == object?.hint.inode && status.hint.device == object?.hint.device
        guard status.kind == .file, status.hint.size == artifact.size, status.isExecutable == artifact.isExecutable,
          isObject || object != nil && status.hint.mode & 0o222 == 0
        else { return false }
        // The link may have been written through.
        if isObject { _ = try openVerified(artifact).number }
      case .link(let target):
        guard status.kind == .link, try linkTarget(entry.path, in: root.number) == target else { return false }
      case .emptyFolder: guard status.kind == .folder else { return false }
      }
    }
    return true
  }

  /// Builds the tree under a temporary name and renames it: it is there whole or not at all.
  private func makeTree(_ manifest: FolderManifest, at place: ByteString) throws(SystemError) {
    let name = temporaryName()
    let temporaryPlace = folder + "/" + temporaryFolder + "/" + name
    do throws(SystemError) {
      try makeFolders(temporaryPlace)
      let root = try Descriptor(folder: temporaryPlace)
      var made: Set<ByteString> = []
      for entry in manifest.entries {
        try makeParents(of: entry.path, below: root.number, made: &made)
        switch entry.content {
        case .file(let artifact): try link(artifact, to: entry.path, in: root.number)
        case .link(let target):
          let code = withCString(target) { target in
            withCString(entry.path) { symlinkat(target, root.number, $0) == 0 ? 0 : errno }
          }
          guard code == 0 else { throw SystemError(errno: code, cannot: "make the link", entry.path) }
        case .emptyFolder: try makeFolder(entry.path, below: root.number, made: &made)
        }
      }
      // Innermost first would not matter: a folder's mode does not keep its owner from changing modes below it.
      for path in made { withCString(path) { _ = fchmodat(root.number, $0, 0o555, 0) } }
      let code = withCString(temporaryPlace) { old in
        withCString(place) { reflow_rename_at(AT_FDCWD, old, AT_FDCWD, $0, UInt32(REFLOW_RENAME_NOREPLACE)) }
      }
      switch code {
      case 0:
        // Only now: a folder that cannot be written cannot be moved.
        withCString(place) { _ = chmod($0, 0o555) }
      case EEXIST, ENOTEMPTY: try removeTree(name, in: temporary.number, temporaryPlace)
      case _: throw SystemError(errno: code, cannot: "make the folder", place)
      }
    } catch {
      try? removeTree(name, in: temporary.number, temporaryPlace)
      throw error
    }
  }

  private func link(_ artifact: Artifact, to path: ByteString, in root: Int32) throws(SystemError) {
    let object = try openVerified(artifact)
    let code = withCString(ObjectName(artifact).path) { old in
      withCString(path) { linkat(objects.number, old, root, $0, 0) == 0 ? 0 : errno }
    }
    switch code {
    case 0: return
    case EMLINK, EPERM, EXDEV, ENOTSUP:
      let mode: mode_t = artifact.isExecutable ? 0o555 : 0o444
      let target = try Descriptor(opening: path, in: root, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      if reflow_clone_file(object.number, target.number) != 0 {
        let count = reflow_copy_file(object.number, target.number)
        guard count >= 0 else { throw SystemError(errno: Int32(-count), cannot: "copy to", path) }
      }
      try target.setMode(mode, path)
    case _: throw SystemError(errno: code, cannot: "link to", path)
    }
  }

  private func makeParents(of path: ByteString, below root: Int32, made: inout Set<ByteString>) throws(SystemError) {
    guard let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) else { return }
    try makeFolder(ByteString(bytes: Array(path.bytes[..<slash])), below: root, made: &made)
  }

  private func makeFolder(_ path: ByteString, below root: Int32, made: inout Set<ByteString>) throws(SystemError) {
    guard !made.contains(path) else { return }
    try makeParents(of: path, below: root, made: &made)
    guard withCString(path, { mkdirat(root, $0, 0o777) }) == 0 else {
      throw SystemError(errno: errno, cannot: "make the folder", path)
    }
    made.insert(path)
  }
}

/// Removes a name and all below it, read-only folders too. Links are removed, not followed. What is missing is removed.
func removeTree(_ name: ByteString, in folder: Int32, _ display: ByteString) throws(SystemError) {
  let code = withCString(name) { unlinkat(folder, $0, 0) == 0 ? 0 : errno }
  switch code {
  case 0, ENOENT: return
  // Linux says EISDIR of a folder, POSIX EPERM.
  case EISDIR, EPERM:
    let opened = withCString(name) { reflow_open_at(folder, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) }
    // Another process may remove the same, a sweep of what a crash left, say.
    if opened == -ENOENT { return }
    guard opened >= 0 else { throw SystemError(errno: -opened, cannot: "remove", display) }
    let inner = Descriptor(owning: opened)
    try? inner.setMode(0o700, display)
    for entry in try folderNames(inner.number, display) {
      try removeTree(entry.name, in: inner.number, display + "/" + entry.name)
    }
    guard withCString(name, { unlinkat(folder, $0, AT_REMOVEDIR) }) == 0 || errno == ENOENT else {
      throw SystemError(errno: errno, cannot: "remove", display)
    }
  case _: throw SystemError(errno: code, cannot: "remove", display)
  }
}
