import BuildGraph
import CLinux
import Diagnostics
import Glibc

/// A folder held open, to be kept across a series of calls.
final class OpenFolder: Sendable {
  let number: Int32

  /// O_PATH: names can be looked up below, and nothing read. See: man 2 open.
  private static let pathOnly: Int32 = 0o10000000

  init(owning number: Int32) { self.number = number }
  deinit { close(number) }

  /// What the way to a path in the tree turned out to be.
  enum Parent {
    /// The folder is there; the name is the path's last part.
    case folder(OpenFolder, name: ByteString)
    case missing
    /// This part of the way is no folder.
    case blocked(by: ByteString)
  }

  /// Opens the folder that holds `path`, following no link below this one.
  ///
  /// - Parameter making: whether folders on the way are made where they are missing.
  /// - Throws: `notPermitted`, `noSpace`, `wrongKind` for a path that is not relative and plain.
  func parent(of path: ByteString, making: Bool) throws(SystemError) -> Parent {
    guard FolderManifest.isRelative(path) else {
      throw SystemError(.wrongKind, "'\(path.display)' is no path within the output tree")
    }
    guard let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) else { return .folder(self, name: path) }
    let name = ByteString(bytes: Array(path.bytes[(slash + 1)...]))
    let parent = ByteString(bytes: Array(path.bytes[..<slash]))
    let resolve = UInt64(REFLOW_RESOLVE_BENEATH | REFLOW_RESOLVE_NO_SYMLINKS | REFLOW_RESOLVE_NO_MAGICLINKS)
    let opened = withCString(parent) { reflow_openat2(number, $0, Self.pathOnly | O_DIRECTORY, 0, resolve) }
    if opened >= 0 { return .folder(OpenFolder(owning: opened), name: name) }
    if opened == -ENOENT, !making { return .missing }
    if opened == -EACCES { throw SystemError(errno: EACCES, cannot: "open the folder", parent) }
    return try walk(to: parent, name: name, making: making)
  }

  /// The same part by part: says which one is in the way, makes what is missing, and serves kernels without `openat2`.
  private func walk(to parent: ByteString, name: ByteString, making: Bool) throws(SystemError) -> Parent {
    var folder = self
    var way = ByteString()
    for part in parent.bytes.split(separator: UInt8(ascii: "/")) {
      let part = ByteString(bytes: Array(part))
      way = way.isEmpty ? part : way + "/" + part
      if making, withCString(part, { mkdirat(folder.number, $0, 0o777) }) != 0, errno != EEXIST {
        throw SystemError(errno: errno, cannot: "make the folder", way)
      }
      let opened = withCString(part) { reflow_open_at(folder.number, $0, Self.pathOnly | O_DIRECTORY | O_NOFOLLOW, 0) }
      switch -opened {
      case ENOENT: return .missing
      case ENOTDIR, ELOOP: return .blocked(by: way)
      case let code where code > 0: throw SystemError(errno: code, cannot: "open the folder", way)
      case _: folder = OpenFolder(owning: opened)
      }
    }
    return .folder(folder, name: name)
  }
}
