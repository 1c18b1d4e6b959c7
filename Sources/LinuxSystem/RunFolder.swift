import BuildGraph
import CLinux
import Diagnostics
import Glibc

/// `.reflow/runs/N/`: the working directory of one step after another, with `in/`, `out/` and `tmp/`.
///
/// It is used again only if it is found, after a step, as it was made: this spares making and removing four folders a step.
final class RunFolder: Sendable {
  /// Absolute and without links.
  let path: ByteString
  let descriptor: Int32
  private let owner: Descriptor

  /// Makes the folder, which must not exist, in an open one.
  init(in runs: Int32, name: ByteString) throws(SystemError) {
    var failure = makeFolderAt(runs, name)
    let opened = failure == 0 ? openAt(runs, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) : -failure
    if opened < 0 { throw systemError(-opened, "make a run folder in .reflow/runs") }
    owner = Descriptor(opened)
    descriptor = opened
    path = canonicalPath(of: opened) ?? name
    for part: ByteString in ["in", "out", "tmp"] where failure == 0 {
      failure = makeFolderAt(opened, part)
      // Whatever the umask of the caller says: what a step sees is the same everywhere.
      if failure == 0 { failure = part.withCString { fchmodat(opened, $0, 0o755, 0) == 0 ? 0 : errno } }
    }
    if failure == 0, fchmod(opened, 0o755) != 0 { failure = errno }
    if failure != 0 { throw systemError(failure, "make", path) }
  }

  /// What is left after a step.
  struct Remains {
    /// Names, relative to the folder, that nobody declared.
    var undeclared: [ByteString] = []
    /// False: something could not be removed or restored; the folder must not be used again.
    var isClean = true
  }

  /// Empties the folder: removes what the step left behind.
  ///
  /// - Parameters:
  ///   - declared: paths relative to the folder that are no surprise: outputs, the depfile.
  ///   - isStageDirty: whether something is in `in/`.
  /// - Complexity: a dozen system calls where nothing is left.
  func sweep(declared: [ByteString], isStageDirty: Bool) -> Remains {
    var remains = Remains()
    var parts = 0
    lseek(descriptor, 0, SEEK_SET)
    for entry in names(inFolder: descriptor).names {
      if entry.name == "in" || entry.name == "out" || entry.name == "tmp" {
        parts += 1
        continue
      }
      let isDeclared = declared.contains { $0 == entry.name || $0.bytes.starts(with: (entry.name + "/").bytes) }
      if !isDeclared { remains.undeclared.append(entry.name) }
      if !removeTree(descriptor, entry.name) { remains.isClean = false }
    }
    remains.isClean = remains.isClean && parts == 3 && restoreMode(of: descriptor)
    empty("out", declared: declared, &remains)
    empty("tmp", declared: nil, &remains)
    if isStageDirty { empty("in", declared: declared, &remains) }
    remains.undeclared.sort()
    return remains
  }

  /// - Parameter declared: nil where nothing is worth mentioning.
  private func empty(_ part: ByteString, declared: [ByteString]?, _ remains: inout Remains) {
    let opened = openAt(descriptor, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    guard opened >= 0 else {
      remains.isClean = false
      return
    }
    defer { close(opened) }
    for entry in names(inFolder: opened).names {
      let path = part + "/" + entry.name
      if let declared, !declared.contains(path) { remains.undeclared.append(path) }
      if !removeTree(opened, entry.name) { remains.isClean = false }
    }
    if !restoreMode(of: opened) { remains.isClean = false }
  }

  private func restoreMode(of folder: Int32) -> Bool {
    var figures = reflow_stat()
    guard reflow_stat_fd(folder, &figures) == 0 else { return false }
    return figures.mode & 0o7777 == 0o755 || fchmod(folder, 0o755) == 0
  }

  /// Whether its path still leads to it. One system call each for the folder and its path.
  var isInPlace: Bool {
    var mine = reflow_stat()
    var there = reflow_stat()
    return reflow_stat_fd(descriptor, &mine) == 0
      && path.withCString({ reflow_stat_at(anywhere, $0, AT_SYMLINK_NOFOLLOW, &there) }) == 0
      && mine.inode == there.inode && mine.device == there.device
  }

  /// Removes the folder and what its worker has put aside beside it.
  func remove() {
    removeTree(anywhere, path)
    removeTree(anywhere, path + ".stash")
  }

  /// Whether the file system has next to nothing left for its user.
  var isDiskFull: Bool {
    var figures = statvfs()
    guard fstatvfs(descriptor, &figures) == 0 else { return false }
    return figures.f_blocks > 0 && UInt64(figures.f_bavail) * UInt64(figures.f_frsize) < 1 << 20
  }
}
