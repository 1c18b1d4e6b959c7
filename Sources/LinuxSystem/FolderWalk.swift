import BuildGraph
import CLinux
import Diagnostics
import Glibc
import Ports

/// One recursive listing.
struct FolderWalk {
  /// A folder on the way from the top, to notice a circle.
  struct Ancestor {
    var device: UInt64
    var inode: UInt64
    var path: ByteString
  }

  private let roots: Roots
  private let top: Path
  private var entries: [ListedEntry] = []
  private var folders: [ListedEntry] = []
  /// Links, relative to the top, that mean nothing where only the folder can be seen: absolute ones, and those that lead out.
  private(set) var outwardLinks: [ByteString] = []
  private let canonicalTop: ByteString

  init(roots: Roots, top: Path) {
    self.roots = roots
    self.top = top
    canonicalTop = (try? roots.resolve(top)) ?? ""
  }

  var listing: FolderListing {
    FolderListing(entries: entries.sorted { $0.path < $1.path }, folders: folders.sorted { $0.path < $1.path })
  }

  /// Lists an open folder, which it closes, and what is below it.
  mutating func visit(
    _ descriptor: Int32, at path: ByteString, ancestors: [Ancestor], _ entering: (ByteString) -> Void
  ) throws(SystemError) {
    defer { close(descriptor) }
    if !path.isEmpty { entering(path) }
    // The figures first: a name that comes after them changes the folder's times.
    var figures = reflow_stat()
    let failure = reflow_stat_fd(descriptor, &figures)
    if failure != 0 { throw systemError(failure, "list", ByteString(roots.display(top.appending(path)))) }
    if let circle = ancestors.first(where: { $0.device == figures.device && $0.inode == figures.inode }) {
      throw SystemError(
        .wrongKind,
        "'\(roots.display(top.appending(path)))' leads back to '\(roots.display(top.appending(circle.path)))', a circle of "
          + "links; remove the link", errno: ELOOP)
    }
    guard ancestors.count < 512 else {
      throw SystemError(.limit, "'\(roots.display(top.appending(path)))' lies more than 512 folders deep")
    }
    folders.append(ListedEntry(path: path, look: .folder(FileHint(figures))))
    let (names, readFailure) = names(inFolder: descriptor)
    if readFailure != 0 { throw systemError(readFailure, "list", ByteString(roots.display(top.appending(path)))) }
    if names.isEmpty, !path.isEmpty { entries.append(ListedEntry(path: path, look: .folder(FileHint(figures)))) }
    let below = ancestors + [Ancestor(device: figures.device, inode: figures.inode, path: path)]
    for name in names { try add(name, in: descriptor, at: path, below, entering) }
  }

  private mutating func add(
    _ name: FolderName, in folder: Int32, at parent: ByteString, _ ancestors: [Ancestor],
    _ entering: (ByteString) -> Void
  ) throws(SystemError) {
    let path = parent.isEmpty ? name.name : parent + "/" + name.name
    var figures = reflow_stat()
    if name.kind == UInt8(DT_DIR) {
      figures.mode = UInt32(S_IFDIR)
    } else {
      let failure = statAt(folder, name.name, follow: false, into: &figures)
      if failure == ENOENT { return }  // removed since the names were read; the folder's times tell
      if failure != 0 {
        entries.append(
          ListedEntry(path: path, look: .refused(systemError(failure, "look at", ByteString(shown(path))))))
        return
      }
    }
    if figures.isFolder {
      let opened = openAt(folder, name.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      if opened >= 0 {
        try visit(opened, at: path, ancestors: ancestors, entering)
      } else if opened != -ENOENT {
        entries.append(ListedEntry(path: path, look: .refused(systemError(-opened, "list", ByteString(shown(path))))))
      }
    } else if figures.isLink {
      try follow(path, ancestors, entering)
    } else {
      entries.append(ListedEntry(path: path, look: LinuxFileSystem.look(figures)))
    }
  }

  private mutating func follow(
    _ path: ByteString, _ ancestors: [Ancestor], _ entering: (ByteString) -> Void
  ) throws(SystemError) {
    do throws(SystemError) {
      guard let place = try roots.open(top.appending(path), placeOnly) else { return }
      defer { close(place) }
      var figures = reflow_stat()
      guard reflow_stat_fd(place, &figures) == 0 else { return }
      if leadsOut(path, to: place) { outwardLinks.append(path) }
      guard figures.isFolder else {
        entries.append(ListedEntry(path: path, look: LinuxFileSystem.look(figures)))
        return
      }
    } catch {
      entries.append(ListedEntry(path: path, look: .refused(error)))
      return
    }
    if let opened = try roots.open(top.appending(path), O_RDONLY | O_DIRECTORY) {
      try visit(opened, at: path, ancestors: ancestors, entering)
    }
  }

  private func leadsOut(_ path: ByteString, to place: Int32) -> Bool {
    guard let canonical = canonicalPath(of: place), canonical.isWithin(canonicalTop) else { return true }
    let host = canonicalTop + "/" + path
    guard let target = linkTarget(anywhere, host), target.bytes.first != UInt8(ascii: "/") else { return true }
    // It ends inside; it must not climb above the folder on its way either.
    var depth = path.components.count - 1
    for part in target.components where depth >= 0 && part.elementsEqual(".".utf8) == false {
      depth += part.elementsEqual("..".utf8) ? -1 : 1
    }
    return depth < 0
  }

  private func shown(_ path: ByteString) -> String { roots.display(top.appending(path)) }
}
