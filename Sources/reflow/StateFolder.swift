import BuildGraph
import Diagnostics
import LinuxSystem
@preconcurrency import Glibc

/// `.reflow/` as a whole, for those who want it gone.
struct StateFolder {
  let path: ByteString
  private static let ignoreList: ByteString = "/.gitignore"

  /// Tells a folder from another one that was made in its place.
  struct Identity: Hashable {
    var device: UInt
    var inode: UInt
  }

  /// Of the folder that is there now; zeros where there is none.
  var identity: Identity {
    var status = stat()
    guard HostFile.withPath(path, { stat($0, &status) }) == 0 else { return Identity(device: 0, inode: 0) }
    return Identity(device: UInt(status.st_dev), inode: UInt(status.st_ino))
  }

  /// Makes the folder if it is not there, so that version control leaves it alone whatever the project's own list says.
  func make() throws(SystemError) {
    if HostFile.withPath(path, { mkdir($0, 0o777) }) == 0 {
      // It is a courtesy: a build does not fail for it.
      try? HostFile.create(
        path + Self.ignoreList, Array("# Made by reflow; nothing in here belongs to a project.\n*\n".utf8))
      return
    }
    // Folders above it are made with what lies in it.
    guard errno != EEXIST, errno != ENOENT else { return }
    throw SystemError(
      errno == ENOSPC ? .noSpace : .notPermitted,
      "cannot make '\(path.display)': \(String(cString: strerror(errno))); what reflow knows of a project is kept there: "
        + "change the permissions of its folder, or copy the project to where you may write", errno: errno)
  }

  /// Removes the state: objects, database, logs. What was moved out of the way of outputs belongs to the user and stays.
  func removeAllButDisplaced() throws(SystemError) {
    let names = try names(inFolder: path)
    for name in names where name != "displaced" && name != "lock" && name != ".gitignore" {
      try Self.removeTree(path + "/" + name)
    }
    // The folder itself, unless something of the user's is in it.
    _ = HostFile.withPath(path + "/lock", unlink)
    if !names.contains("displaced") { _ = HostFile.withPath(path + Self.ignoreList, unlink) }
    _ = HostFile.withPath(path, rmdir)
  }

  private static func removeTree(_ top: ByteString) throws(SystemError) {
    var pending = [(path: top, isEmptied: false)]
    while let (path, isEmptied) = pending.popLast() {
      if isEmptied {
        try check(HostFile.withPath(path, rmdir), path)
        continue
      }
      var status = stat()
      guard HostFile.withPath(path, { lstat($0, &status) }) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        // Materialised folders are read-only.
        _ = HostFile.withPath(path) { chmod($0, 0o700) }
        pending.append((path, true))
        for name in try names(inFolder: path) { pending.append((path + "/" + name, false)) }
      } else {
        try check(HostFile.withPath(path, unlink), path)
      }
    }
  }

  private static func check(_ result: Int32, _ path: ByteString) throws(SystemError) {
    guard result != 0, errno != ENOENT else { return }
    throw SystemError(
      .notPermitted, "cannot remove '\(path.display)': \(String(cString: strerror(errno)))", errno: errno)
  }
}
