package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
import Ports
import Synchronization

extension FileOutputTree {
  package func displace(_ path: ByteString) throws(SystemError) -> ByteString {
    guard let root = try openRoot() else { throw SystemError(errno: ENOENT, cannot: "move away", shown(path)) }
    switch try root.parent(of: path, making: false) {
    case .missing: throw SystemError(errno: ENOENT, cannot: "move away", shown(path))
    case .blocked(let other): return try displace(other)
    case .folder(let folder, let name):
      for isFresh in [false, true] {
        let home = try displacedHome(isFresh: isFresh)
        let target = home + "/" + path
        do throws(SystemError) {
          if try FileStatus.of(target) != nil { continue }
          if let slash = target.bytes.lastIndex(of: UInt8(ascii: "/")) {
            try makeFolders(ByteString(bytes: Array(target.bytes[..<slash])))
          }
        } catch {
          // A file was displaced before where a folder is needed now: another home has room for both.
          guard error.code == .wrongKind, !isFresh else { throw error }
          continue
        }
        try move(name, from: folder, to: target, shown(path))
        try removeEmptyParents(of: path, below: root)
        let prefix = objects.folder.count
        return ".reflow" + ByteString(bytes: Array(target.bytes[prefix...]))
      }
      throw SystemError(errno: EEXIST, cannot: "move away", shown(path))
    }
  }

  /// `.reflow/displaced/DATE-N`, one for the life of this tree unless a path comes twice.
  private func displacedHome(isFresh: Bool) throws(SystemError) -> ByteString {
    if !isFresh, let known = displacedFolder.withLock({ $0 }) { return known }
    let parent = objects.folder + "/displaced"
    try makeFolders(parent)
    for number in 1... {
      let home = parent + "/" + ByteString("\(Self.today)-\(number)")
      if withCString(home, { mkdir($0, 0o777) }) == 0 {
        displacedFolder.withLock { $0 = home }
        return home
      }
      guard errno == EEXIST else { throw SystemError(errno: errno, cannot: "make the folder", home) }
    }
    throw SystemError(errno: EEXIST, cannot: "make a folder below", parent)
  }

  /// The date in UTC, such as `2026-03-01`: a name, so that time zones do not matter.
  private static var today: String {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
  }

  private func move(
    _ name: ByteString, from folder: OpenFolder, to target: ByteString, _ path: ByteString
  ) throws(SystemError) {
    let code = withCString(name) { old in
      withCString(target) { reflow_rename_at(folder.number, old, AT_FDCWD, $0, UInt32(REFLOW_RENAME_NOREPLACE)) }
    }
    switch code {
    case 0: return
    case EXDEV, EINVAL:
      // Another file system: nothing is removed before the copy is whole.
      do throws(SystemError) {
        try copyTree(name, in: folder.number, to: target, path)
      } catch {
        try? removeTree(target, in: AT_FDCWD, target)
        throw error
      }
      try removeTree(name, in: folder.number, path)
    case _: throw SystemError(errno: code, cannot: "move away", path)
    }
  }

  private func copyTree(
    _ name: ByteString, in folder: Int32, to target: ByteString, _ display: ByteString
  ) throws(SystemError) {
    guard let status = try FileStatus.of(name, in: folder) else { return }
    let mode = mode_t(status.hint.mode & 0o7777)
    switch status.kind {
    case .file:
      let source = try Descriptor(opening: name, in: folder, flags: O_RDONLY | O_NOFOLLOW)
      let copy = try Descriptor(opening: target, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      let count = reflow_copy_file(source.number, copy.number)
      guard count >= 0 else { throw SystemError(errno: Int32(-count), cannot: "move away", display) }
      try copy.setMode(mode, target)
      try copy.setModified(status.hint.modifiedNanoseconds, target)
      // The original is removed next, and a power failure must not take both.
      guard fsync(copy.number) == 0 else { throw SystemError(errno: errno, cannot: "flush", target) }
    case .link:
      let destination = try linkTarget(name, in: folder)
      guard withCString(destination, { old in withCString(target) { symlink(old, $0) } }) == 0 else {
        throw SystemError(errno: errno, cannot: "move away", display)
      }
    case .folder:
      try makeFolders(target)
      let opened = withCString(name) { reflow_open_at(folder, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) }
      guard opened >= 0 else { throw SystemError(errno: -opened, cannot: "list", display) }
      let inner = OpenFolder(owning: opened)
      for entry in try folderNames(inner.number, display) {
        try copyTree(entry.name, in: inner.number, to: target + "/" + entry.name, display + "/" + entry.name)
      }
      withCString(target) { _ = chmod($0, mode) }
    case .special:
      throw SystemError(
        .wrongKind,
        "cannot move '\(display.display)' to another file system: it is a FIFO, a device or a socket; remove it")
    }
  }
}
