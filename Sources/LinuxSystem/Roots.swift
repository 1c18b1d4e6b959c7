package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
import Synchronization

/// Where the folders that paths are relative to lie on this host. The only place that knows.
///
/// A link may lead into any of them, and nowhere else.
package final class Roots: Sendable {
  private struct Root {
    var path: ByteString
    /// Open while the folder is there.
    var descriptor: Descriptor?
    /// The path without links.
    var canonical: ByteString
  }

  private let roots: Mutex<[Root]>

  /// - Parameter paths: absolute, by the index of ``RootID``; they need not exist.
  package init(_ paths: [ByteString]) {
    roots = Mutex(paths.map { Root(path: $0, descriptor: nil, canonical: $0) })
  }

  /// The folders' paths without links, by the index of ``RootID``; those that do not exist, as given.
  package var canonicalPaths: [ByteString] {
    (0..<count).forEach { _ = descriptor(of: RootID(index: UInt16($0))) }
    return roots.withLock { $0.map(\.canonical) }
  }

  package var count: Int { roots.withLock { $0.count } }

  /// The path as it was given, for messages.
  func path(of root: RootID) -> ByteString {
    roots.withLock { Int(root.index) < $0.count ? $0[Int(root.index)].path : "?" }
  }

  /// A descriptor of the root's folder, for calls relative to it; nil while it is missing.
  func descriptor(of root: RootID) -> Descriptor? {
    roots.withLock { roots in
      let index = Int(root.index)
      guard index < roots.count else { return nil }
      if let descriptor = roots[index].descriptor { return descriptor }
      let opened = openAt(anywhere, roots[index].path, placeOnly | O_DIRECTORY)
      guard opened >= 0 else { return nil }
      let descriptor = Descriptor(opened)
      roots[index].descriptor = descriptor
      roots[index].canonical = canonicalPath(of: opened) ?? roots[index].path
      return descriptor
    }
  }

  /// Forgets the folders, which may have been replaced: they are opened anew.
  package func reopen() {
    roots.withLock { roots in
      for index in roots.indices { roots[index].descriptor = nil }
    }
  }

  /// How a path is shown to people: relative to the workspace, or absolute.
  package func display(_ path: Path) -> String {
    if path.root == .workspace { return path.bytes.isEmpty ? "." : path.bytes.display }
    return (path.bytes.isEmpty ? self.path(of: path.root) : self.path(of: path.root) + "/" + path.bytes).display
  }

  /// Opens a path, following links into declared roots only.
  ///
  /// - Returns: a descriptor, which the caller closes; nil where nothing is there.
  func open(_ path: Path, _ flags: Int32) throws(SystemError) -> Int32? {
    guard !path.bytes.hasZero else {
      throw SystemError(.notFound, "cannot use '\(display(path))': a zero byte cannot be part of a path")
    }
    guard let root = descriptor(of: path.root) else { return nil }
    // An empty path is the root itself, which may be opened by a dot only.
    let relative: ByteString = path.bytes.isEmpty ? "." : path.bytes
    let scoped = relative.withCString {
      reflow_openat2(
        root.number, $0, flags, 0, UInt64(REFLOW_RESOLVE_BENEATH | REFLOW_RESOLVE_NO_MAGICLINKS))
    }
    if scoped >= 0 { return scoped }
    switch -scoped {
    case ENOENT, ENOTDIR:
      try refuseDanglingLink(path, relative, root)
      return nil
    case EXDEV, ENOSYS, EPERM, EINVAL:
      return try openAcrossRoots(path, relative, root, flags)
    case ELOOP:
      throw SystemError(
        .wrongKind, "cannot open '\(display(path))': its symbolic links lead in a circle; repair or remove them",
        errno: ELOOP)
    default:
      throw systemError(-scoped, "open", ByteString(display(path)))
    }
  }

  /// The way led out of the root, by a link or by `..`, or the kernel is older than scoped look-ups: it must end in a root.
  private func openAcrossRoots(
    _ path: Path, _ relative: ByteString, _ root: Descriptor, _ flags: Int32
  ) throws(SystemError) -> Int32? {
    let place = openAt(root.number, relative, placeOnly)
    if place == -ENOENT || place == -ENOTDIR {
      try refuseDanglingLink(path, relative, root)
      return nil
    }
    guard place >= 0 else { throw systemError(-place, "open", ByteString(display(path))) }
    defer { close(place) }
    guard let canonical = canonicalPath(of: place) else { throw systemError(errno, "open", ByteString(display(path))) }
    guard canonicalPaths.contains(where: { canonical.isWithin($0) }) else {
      throw SystemError(
        .notPermitted,
        "'\(display(path))' leads to '\(canonical.display)', outside of the workspace and of every declared root; "
          + "copy it into the workspace or add its folder to `roots` in reflow.toml")
    }
    let opened = openAt(anywhere, canonical, flags)
    guard opened >= 0 else { throw systemError(-opened, "open", ByteString(display(path))) }
    return opened
  }

  private func refuseDanglingLink(_ path: Path, _ relative: ByteString, _ root: Descriptor) throws(SystemError) {
    var figures = reflow_stat()
    guard statAt(root.number, relative, follow: false, into: &figures) == 0, figures.isLink else { return }
    let target = linkTarget(root.number, relative) ?? "?"
    throw SystemError(
      .notFound,
      "'\(display(path))' is a symbolic link to '\(target.display)', which does not exist; make its target or remove the link",
      errno: ENOENT)
  }

  /// The absolute path, without links, of what `path` leads to.
  ///
  /// - Throws: `notFound`; `notPermitted` where it leads out of every root.
  package func resolve(_ path: Path) throws(SystemError) -> ByteString {
    guard let place = try open(path, placeOnly) else {
      throw SystemError(.notFound, "'\(display(path))' does not exist", errno: ENOENT)
    }
    defer { close(place) }
    guard let canonical = canonicalPath(of: place) else { throw systemError(errno, "find", ByteString(display(path))) }
    return canonical
  }
}
