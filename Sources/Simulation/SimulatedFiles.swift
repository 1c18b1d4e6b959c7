package import BuildGraph
package import Diagnostics
package import Ports

/// The user's files, in memory, with a clock of settable grain.
package final class SimulatedFiles: FileSystem, @unchecked Sendable {
  package struct File: Hashable {
    package var bytes: [UInt8]
    package var isExecutable = false
    package var inode: UInt64
    package var modified: Int64
    package var changed: Int64
  }

  /// Something that a kernel tells those who watch.
  package enum Change {
    case name(WatchEvent.Change, ByteString)
    /// A folder itself was removed or moved; said while it is still there.
    case gone(ByteString)
    /// Each folder is another one now.
    case everything
  }

  package let clock: SimulatedClock
  package var tell: (Change) -> Void = { _ in }
  package var grain: Int64 = 1
  /// By paths without links.
  package internal(set) var files: [ByteString: File] = [:] { didSet { knownShape = nil } }
  var folders: [ByteString: File] = [:] { didSet { knownShape = nil } }
  /// Where each symbolic link leads: a path of the workspace, which may lead through others or nowhere.
  package internal(set) var links: [ByteString: ByteString] = [:] { didSet { knownShape = nil } }
  private var knownShape: Shape?
  var nextInode: UInt64 = 1
  /// How many files were read to be hashed.
  package private(set) var reads = 0
  /// The most files that were asked for in one go.
  package private(set) var mostAtOnce = 0
  package private(set) var looks = 0
  /// Does something to the world just before a text is read.
  package var beforeRead: () -> Void = {}

  package init(clock: SimulatedClock) {
    self.clock = clock
    makeFolder("")
  }

  /// What steps see of files beside their contents: which can be executed, which folders there are, where links lead.
  package struct Shape: Hashable {
    package var executables: Set<ByteString>
    package var folders: Set<ByteString>
    package var links: [ByteString: ByteString]
  }

  package var shape: Shape {
    if let knownShape { return knownShape }
    let shape = Shape(
      executables: Set(files.filter(\.value.isExecutable).keys), folders: Set(folders.keys), links: links)
    knownShape = shape
    return shape
  }

  // MARK: Links

  /// Where a path leads, whether or not something is there; nil where its links lead in a circle.
  func resolved(_ path: ByteString, depth: Int = 0) -> ByteString? {
    if links.isEmpty { return path }
    // As many links as the kernel follows. See: man 7 path_resolution.
    guard depth < 40 else { return nil }
    var place: [UInt8] = []
    for component in path.bytes.split(separator: UInt8(ascii: "/")) {
      if !place.isEmpty { place.append(UInt8(ascii: "/")) }
      place += component
      guard let target = links[ByteString(bytes: place)] else { continue }
      guard let end = resolved(target, depth: depth + 1) else { return nil }
      place = end.bytes
    }
    return ByteString(bytes: place)
  }

  /// The path with its folder free of links; its last name may be one.
  func place(of path: ByteString) -> ByteString? {
    if links.isEmpty { return path }
    let folder = Self.parent(of: path)
    guard !folder.isEmpty else { return path }
    return resolved(folder).map { $0 + "/" + Path(path).baseName }
  }

  /// The file that a path leads to.
  package func file(at path: ByteString) -> File? { resolved(path).flatMap { files[$0] } }

  func inode(ofFolder path: ByteString) -> UInt64? { resolved(path).flatMap { folders[$0]?.inode } }

  /// The links among the names of a folder, ascending.
  func links(inFolder path: ByteString) -> [ByteString] {
    guard let folder = resolved(path) else { return [] }
    return links.keys.filter { Self.parent(of: $0) == folder }.map { Path($0).baseName }.sorted()
  }

  static func parent(of path: ByteString) -> ByteString {
    let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
    return ByteString(bytes: Array(path.bytes[..<slash]))
  }

  var stamp: Int64 { clock.nanoseconds / grain * grain }

  // MARK: FileSystem

  private func hint(_ file: File, mode: UInt32) -> FileHint {
    FileHint(
      device: 1, inode: file.inode, size: Int64(file.bytes.count), modifiedNanoseconds: file.modified,
      changedNanoseconds: file.changed, mode: mode | (file.isExecutable ? 0o111 : 0))
  }

  package func look(at path: Path) -> Look {
    looks += 1
    guard let real = resolved(path.bytes) else {
      return .refused(SystemError(.wrongKind, "the links of '\(path.bytes.display)' lead in a circle"))
    }
    if let file = files[real] { return .file(hint(file, mode: 0o100644)) }
    if let folder = folders[real] { return .folder(hint(folder, mode: 0o040755)) }
    if let place = place(of: path.bytes), links[place] != nil {
      return .refused(SystemError(.notFound, "the link '\(path.bytes.display)' leads nowhere"))
    }
    return .missing
  }

  package func look(at paths: [Path]) -> [Look] { paths.map { look(at: $0) } }

  package func observe(file path: Path) throws(SystemError) -> Observation {
    guard let file = file(at: path.bytes) else {
      throw SystemError(.notFound, "file '\(path.bytes.display)' does not exist")
    }
    reads += 1
    let hint = hint(file, mode: 0o100644)
    return Observation(
      artifact: Artifact(
        digest: Digest(hashing: file.bytes), isExecutable: file.isExecutable, size: Int64(file.bytes.count)),
      hint: hint, isTrusted: hint.hasRested(before: clock.nanoseconds))
  }

  package func observe(files paths: [Path]) -> [Result<Observation, SystemError>] {
    mostAtOnce = max(mostAtOnce, paths.count)
    return paths.map { path in
      do throws(SystemError) { return .success(try observe(file: path)) } catch { return .failure(error) }
    }
  }

  package func list(folder path: Path, entering: (ByteString) -> Void) throws(SystemError) -> FolderListing {
    guard let real = resolved(path.bytes), folders[real] != nil else {
      throw SystemError(.notFound, "folder '\(path.bytes.display)' does not exist")
    }
    var listing = FolderListing(entries: [], folders: [])
    try visit(real, at: "", ancestors: [], entering, &listing)
    listing.entries.sort { $0.path < $1.path }
    listing.folders.sort { $0.path < $1.path }
    return listing
  }

  private func visit(
    _ folder: ByteString, at path: ByteString, ancestors: [ByteString], _ entering: (ByteString) -> Void,
    _ listing: inout FolderListing
  ) throws(SystemError) {
    if !path.isEmpty { entering(path) }
    if ancestors.contains(folder) { throw SystemError(.wrongKind, "'\(path.display)' leads back, a circle of links") }
    let look = Look.folder(hint(folders[folder]!, mode: 0o040755))
    listing.folders.append(ListedEntry(path: path, look: look))
    let prefix = folder.isEmpty ? [] : folder.bytes + [UInt8(ascii: "/")]
    func isChild(_ other: ByteString) -> Bool {
      other.count > prefix.count && other.bytes.starts(with: prefix)
        && !other.bytes[prefix.count...].contains(UInt8(ascii: "/"))
    }
    func name(_ child: ByteString) -> ByteString {
      let name = ByteString(bytes: Array(child.bytes[prefix.count...]))
      return path.isEmpty ? name : path + "/" + name
    }
    var isEmpty = true
    for (child, file) in files where isChild(child) {
      isEmpty = false
      listing.entries.append(ListedEntry(path: name(child), look: .file(hint(file, mode: 0o100644))))
    }
    for child in folders.keys where isChild(child) {
      isEmpty = false
      try visit(child, at: name(child), ancestors: ancestors + [folder], entering, &listing)
    }
    for child in links.keys where isChild(child) {
      isEmpty = false
      switch self.look(at: Path(child)) {
      case .folder: try visit(resolved(child)!, at: name(child), ancestors: ancestors + [folder], entering, &listing)
      case let other: listing.entries.append(ListedEntry(path: name(child), look: other))
      }
    }
    if isEmpty, !path.isEmpty { listing.entries.append(ListedEntry(path: path, look: look)) }
  }

  package func read(file path: Path, limitBytes: Int) throws(SystemError) -> [UInt8] {
    beforeRead()
    guard let file = file(at: path.bytes) else {
      throw SystemError(.notFound, "file '\(path.bytes.display)' does not exist")
    }
    return file.bytes
  }

  package func hostPath(of path: Path) -> ByteString { path.bytes }
}
