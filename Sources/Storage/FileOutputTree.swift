package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
package import Ports
import Synchronization

/// The output tree in a folder, on any file system. See <doc:Durability>, "The output tree".
///
/// Nothing is reached through a symbolic link below the tree's root. Callable from any thread, but for one path by one at a time.
package final class FileOutputTree: OutputTree {
  /// From this size on `auto` links, where it cannot reflink: below, copying costs less than what a read-only file with
  /// another owner of its bytes costs its user.
  package static let smallestHardLink: Int64 = ObjectSeal.smallestSize
  /// Sharing the blocks of a smaller file costs more than copying it.
  package static let smallestReflink: Int64 = 16 << 10
  /// By how much a written file's time of modification is set back: twice the clock's grain.
  static let setBackNanoseconds: Int64 = 2 * FileHint.clockGrainNanoseconds
  static let temporaryPrefix: ByteString = ".reflow-tmp-"

  /// The absolute path of the tree.
  package let root: ByteString
  let objects: FileObjectStore
  private let linkMode: LinkMode
  private let canReflink = Atomic<Bool>(true)
  private let nextTemporary = Atomic<UInt64>(0)
  let displacedFolder = Mutex<ByteString?>(nil)

  /// - Parameters:
  ///   - root: absolute; made at the first write. It may be a symbolic link.
  ///   - objects: where outputs come from. Displaced files go to its folder.
  package init(root: ByteString, objects: FileObjectStore, linkMode: LinkMode = .auto) {
    self.root = root
    self.objects = objects
    self.linkMode = linkMode
  }

  /// The root, or nil where it is missing.
  func openRoot(making: Bool = false) throws(SystemError) -> OpenFolder? {
    let opened = withCString(root) { reflow_open_at(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY, 0) }
    if opened >= 0 { return OpenFolder(owning: opened) }
    guard opened == -ENOENT else { throw SystemError(errno: -opened, cannot: "open the output folder", root) }
    guard making else { return nil }
    try makeFolders(root)
    let made = try Descriptor(folder: root)
    return OpenFolder(owning: dup(made.number))
  }

  /// A path in the tree as people find it.
  func shown(_ path: ByteString) -> ByteString { Path(root).baseName + "/" + path }

  /// The folder that is to hold a path, made where it is missing.
  private func place(of path: ByteString) throws(SystemError) -> (folder: OpenFolder, name: ByteString) {
    guard let root = try openRoot(making: true) else { throw SystemError(errno: ENOENT, cannot: "open", root) }
    switch try root.parent(of: path, making: true) {
    case .folder(let folder, let name): return (folder, name)
    case .missing: throw SystemError(errno: ENOENT, cannot: "write", shown(path))
    case .blocked(let other):
      throw SystemError(
        .wrongKind,
        "cannot write '\(shown(path).display)': '\(shown(other).display)' is there and no folder; move it away",
        errno: ENOTDIR)
    }
  }

  // MARK: - Writing

  package func write(_ artifact: Artifact, to path: ByteString) throws(SystemError) -> FileHint {
    precondition(artifact.kind == .file, "a folder reaches the output tree file by file")
    let (folder, name) = try place(of: path)
    let path = shown(path)
    let object = try objects.openVerified(artifact)
    switch linkMode {
    case .auto where artifact.size >= Self.smallestHardLink, .hard:
      if linkMode == .auto, let hint = try reflink(object, artifact, folder, name, path) { return hint }
      if let hint = try hardLink(object, artifact, folder, name, path) { return hint }
    case .auto where artifact.size >= Self.smallestReflink, .reflink:
      if let hint = try reflink(object, artifact, folder, name, path) { return hint }
    case .auto, .copy: break
    }
    return try writeTemporary(artifact, folder, name, path) { target throws(SystemError) in
      let count = reflow_copy_file(object.number, target.number)
      guard count >= 0 else { throw SystemError(errno: Int32(-count), cannot: "write", path) }
      guard count == artifact.size else {
        throw SystemError(.other, "cannot write '\(path.display)': its object changed while it was copied; run again")
      }
    }
  }

  /// - Returns: nil where the file system cannot.
  private func reflink(
    _ object: borrowing Descriptor, _ artifact: Artifact, _ folder: OpenFolder, _ name: ByteString, _ path: ByteString
  ) throws(SystemError) -> FileHint? {
    guard canReflink.load(ordering: .relaxed) else { return nil }
    let source = object.number
    var isCloned = true
    let hint = try writeTemporary(artifact, folder, name, path) { target throws(SystemError) in
      switch reflow_clone_file(source, target.number) {
      case 0: return
      case let code where code == ENOSPC || code == EDQUOT || code == EIO:
        throw SystemError(errno: code, cannot: "write", path)
      case _:
        isCloned = false
        lseek(source, 0, SEEK_SET)
        let count = reflow_copy_file(source, target.number)
        guard count >= 0 else { throw SystemError(errno: Int32(-count), cannot: "write", path) }
      }
    }
    if !isCloned { canReflink.store(false, ordering: .relaxed) }
    return hint
  }

  /// - Returns: nil where there can be no link: another file system, or too many already.
  private func hardLink(
    _ object: borrowing Descriptor, _ artifact: Artifact, _ folder: OpenFolder, _ name: ByteString, _ path: ByteString
  ) throws(SystemError) -> FileHint? {
    if artifact.size < ObjectSeal.smallestSize { try objects.seal(object, artifact) }
    let temporary = nextTemporaryName()
    let code = withCString(ObjectName(artifact).path) { old in
      withCString(temporary) { linkat(objects.objects.number, old, folder.number, $0, 0) == 0 ? 0 : errno }
    }
    switch code {
    case 0: break
    case EMLINK, EXDEV, EPERM, ENOTSUP: return nil
    case _: throw SystemError(errno: code, cannot: "write", path)
    }
    try rename(temporary, to: name, in: folder, path)
    // Where the object was there already, rename does nothing and leaves both names.
    withCString(temporary) { _ = unlinkat(folder.number, $0, 0) }
    return try object.status(path).hint
  }

  private func writeTemporary(
    _ artifact: Artifact, _ folder: OpenFolder, _ name: ByteString, _ path: ByteString,
    _ fill: (borrowing Descriptor) throws(SystemError) -> Void
  ) throws(SystemError) -> FileHint {
    let temporary = nextTemporaryName()
    let opened = withCString(temporary) {
      reflow_open_at(
        folder.number, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, artifact.isExecutable ? 0o777 : 0o666)
    }
    guard opened >= 0 else { throw SystemError(errno: -opened, cannot: "write", path) }
    let target = Descriptor(owning: opened)
    do throws(SystemError) {
      try fill(target)
      try setBack(target, path)
    } catch {
      withCString(temporary) { _ = unlinkat(folder.number, $0, 0) }
      throw error
    }
    try rename(temporary, to: name, in: folder, path)
    return try target.status(path).hint
  }

  /// Sets the time of modification back by more than the grain of the file's clock, so that any later write moves it and the
  /// hint can be trusted at once.
  private func setBack(_ file: borrowing Descriptor, _ path: ByteString) throws(SystemError) {
    let written = try file.status(path).hint.modifiedNanoseconds
    let isCoarse = written % 1_000_000_000 == 0
    try file.setModified(
      written - (isCoarse ? 2 * FileHint.coarseClockGrainNanoseconds : Self.setBackNanoseconds), path)
  }

  /// Puts a temporary name in its place, or removes it.
  private func rename(
    _ temporary: ByteString, to name: ByteString, in folder: OpenFolder, _ path: ByteString
  ) throws(SystemError) {
    let code = withCString(temporary) { old in
      withCString(name) { reflow_rename_at(folder.number, old, folder.number, $0, 0) }
    }
    guard code != 0 else { return }
    withCString(temporary) { _ = unlinkat(folder.number, $0, 0) }
    throw SystemError(errno: code, cannot: "write", path)
  }

  private func nextTemporaryName() -> ByteString {
    let number = nextTemporary.add(1, ordering: .relaxed).oldValue
    return Self.temporaryPrefix + ByteString("\(getpid())-\(reflow_coarse_time())-\(number)")
  }

  package func writeLink(target: ByteString, to path: ByteString) throws(SystemError) {
    guard FolderManifest.staysInside(target, from: path) else {
      throw SystemError(
        .wrongKind,
        "cannot write the link '\(shown(path).display)': it leads to '\(target.display)', out of the output tree")
    }
    let (folder, name) = try place(of: path)
    let temporary = nextTemporaryName()
    let code = withCString(target) { target in
      withCString(temporary) { symlinkat(target, folder.number, $0) == 0 ? 0 : errno }
    }
    guard code == 0 else { throw SystemError(errno: code, cannot: "write the link", shown(path)) }
    try rename(temporary, to: name, in: folder, shown(path))
  }

  package func makeFolder(_ path: ByteString) throws(SystemError) {
    let (folder, name) = try place(of: path)
    guard withCString(name, { mkdirat(folder.number, $0, 0o777) }) != 0 else { return }
    let code = errno
    if code == EEXIST, let status = try FileStatus.of(name, in: folder.number), status.kind == .folder { return }
    throw SystemError(errno: code == EEXIST ? ENOTDIR : code, cannot: "make the folder", shown(path))
  }

  // MARK: - Removing

  package func remove(_ path: ByteString) throws(SystemError) {
    guard let root = try openRoot() else { return }
    guard case .folder(let folder, let name) = try root.parent(of: path, making: false) else { return }
    var code = withCString(name) { unlinkat(folder.number, $0, 0) == 0 ? 0 : errno }
    if code == EISDIR || code == EPERM {
      code = withCString(name) { unlinkat(folder.number, $0, AT_REMOVEDIR) == 0 ? 0 : errno }
    }
    guard code == 0 || code == ENOENT else { throw SystemError(errno: code, cannot: "remove", shown(path)) }
    try removeEmptyParents(of: path, below: root)
  }

  func removeEmptyParents(of path: ByteString, below root: OpenFolder) throws(SystemError) {
    var rest = path.bytes[...]
    while let slash = rest.lastIndex(of: UInt8(ascii: "/")) {
      rest = rest[..<slash]
      let parent = ByteString(bytes: Array(rest))
      guard case .folder(let folder, let name) = try root.parent(of: parent, making: false) else { continue }
      // Not empty, or not ours to remove: it stays, and so does all above it.
      guard withCString(name, { unlinkat(folder.number, $0, AT_REMOVEDIR) }) == 0 || errno == ENOENT else { return }
    }
  }

  package func sweep() throws(SystemError) {
    guard let root = try openRoot() else { return }
    try sweep(root, self.root)
  }

  private func sweep(_ folder: OpenFolder, _ display: ByteString) throws(SystemError) {
    for entry in try folderNames(folder.number, display) {
      if entry.name.bytes.starts(with: Self.temporaryPrefix.bytes), entry.kind != .folder {
        withCString(entry.name) { _ = unlinkat(folder.number, $0, 0) }
      } else if entry.kind == .folder || entry.kind == nil {
        let opened = withCString(entry.name) {
          reflow_open_at(folder.number, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
        }
        // No folder, or not readable: then we wrote nothing there.
        if opened >= 0 { try sweep(OpenFolder(owning: opened), display + "/" + entry.name) }
      }
    }
  }
}
