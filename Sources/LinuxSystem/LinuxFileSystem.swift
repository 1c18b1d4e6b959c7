package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
package import Ports
import Synchronization

/// The user's files, by system calls relative to the roots.
package final class LinuxFileSystem: FileSystem {
  package let roots: Roots
  private let clocks: FileClocks
  private let grown = GrownFiles()
  private let blocks = ObservedBlocks()
  /// Nil as long as nothing is known. See `GrownFiles`.
  private let outwardLinks = Mutex<OutwardLinks?>(nil)

  private final class OutwardLinks {
    var ofFolders: [Path: [ByteString]] = [:]
  }

  /// - Parameters:
  ///   - roots: absolute paths by the index of ``RootID``.
  ///   - stateFolder: `.reflow/`, absolute: where a file system's own clock may be read by touching a file.
  package convenience init(roots: [ByteString], stateFolder: ByteString) {
    self.init(roots: Roots(roots), stateFolder: stateFolder)
  }

  package init(roots: Roots, stateFolder: ByteString) {
    self.roots = roots
    clocks = FileClocks(stateFolder: stateFolder)
  }

  package func hostPath(of path: Path) -> ByteString {
    path.bytes.isEmpty ? roots.path(of: path.root) : roots.path(of: path.root) + "/" + path.bytes
  }

  // MARK: Looking

  package func look(at path: Path) -> Look {
    do throws(SystemError) {
      guard let place = try roots.open(path, placeOnly) else { return .missing }
      defer { close(place) }
      var figures = reflow_stat()
      let failure = reflow_stat_fd(place, &figures)
      if failure != 0 { return .refused(systemError(failure, "look at", ByteString(roots.display(path)))) }
      return Self.look(figures)
    } catch {
      return .refused(error)
    }
  }

  /// One call of `fstatat` for each path that is there. Where that fails, the longer way says why. Whether a link leads out of
  /// all roots is not asked here: such a file was never observed, so its hint equals none that is recorded.
  package func look(at paths: [Path]) -> [Look] {
    mapOnAllCores(paths.count, chunk: 256) { [self] index in
      let path = paths[index]
      guard !path.bytes.hasZero, !path.bytes.isEmpty, let root = roots.descriptor(of: path.root) else {
        return look(at: path)
      }
      var figures = reflow_stat()
      guard statAt(root.number, path.bytes, follow: true, into: &figures) == 0 else { return look(at: path) }
      return Self.look(figures)
    }
  }

  static func look(_ figures: reflow_stat) -> Look {
    if figures.isFile { return .file(FileHint(figures)) }
    if figures.isFolder { return .folder(FileHint(figures)) }
    return .special
  }

  // MARK: Reading

  package func observe(file path: Path) throws(SystemError) -> Observation {
    let descriptor = try openFile(path)
    defer { close(descriptor) }
    var before = reflow_stat()
    var failure = reflow_stat_fd(descriptor, &before)
    // A file that is written to all the time has no content to speak of; a few tries see an editor through its save.
    for _ in 0..<8 where failure == 0 {
      let clock = clocks.now(on: before.device, descriptor: descriptor)
      var hash = reflow_hash()
      var after = reflow_stat()
      var hashed = blocks.room(for: path, before)
      defer { free(hashed?.hashes) }
      failure = ObservedBlocks.hash(descriptor, &hash, &hashed)
      if failure == 0 { failure = reflow_stat_fd(descriptor, &after) }
      guard failure == 0 else { break }
      let hint = FileHint(after)
      if FileHint(before) == hint, Int64(hash.size) == hint.size {
        let artifact = Artifact(
          digest: Digest(high: hash.high, low: hash.low), isExecutable: after.mode & 0o100 != 0, size: hint.size)
        if let hashed { blocks.note(hashed, of: path, artifact.digest) }
        return Observation(artifact: artifact, hint: hint, isTrusted: hint.rested(before: clock))
      }
      before = after
      if lseek(descriptor, 0, SEEK_SET) < 0 { failure = errno }
    }
    if failure != 0 { throw systemError(failure, "read", ByteString(roots.display(path))) }
    throw SystemError(
      .other, "'\(roots.display(path))' changes while it is read; build again when nothing writes to it")
  }

  package func observe(growing path: Path) throws(SystemError) -> Observation {
    let descriptor = try openFile(path)
    defer { close(descriptor) }
    for _ in 0..<8 {
      let figures = try restingFigures(of: descriptor, path)
      let hint = FileHint(figures)
      let clock = clocks.now(on: figures.device, descriptor: descriptor)
      switch grown.digest(of: path, descriptor, hint) {
      case .success(let digest?):
        let artifact = Artifact(digest: digest, isExecutable: figures.mode & 0o100 != 0, size: hint.size)
        return Observation(artifact: artifact, hint: hint, isTrusted: hint.rested(before: clock))
      // It has become shorter meanwhile.
      case .success(nil): continue
      case .failure(let failure): throw systemError(failure.number, "read", ByteString(roots.display(path)))
      }
    }
    throw SystemError(
      .other, "'\(roots.display(path))' becomes shorter while it is read; build again when nothing writes to it")
  }

  /// The figures of a file that others add to. Where it ends within a line, somebody is likely to be in the middle of writing it: even one
  /// call that appends is seen in parts. It is given a moment, for as long as it grows.
  private func restingFigures(of descriptor: Int32, _ path: Path) throws(SystemError) -> reflow_stat {
    var figures = reflow_stat()
    var lastSize: Int64 = -1
    for _ in 0..<64 {
      let failure = reflow_stat_fd(descriptor, &figures)
      if failure != 0 { throw systemError(failure, "read", ByteString(roots.display(path))) }
      let size = Int64(figures.size)
      if size == 0 || size == lastSize { return figures }
      if case .success([UInt8(ascii: "\n")]) = readBytes(descriptor, at: Int(size) - 1, count: 1) { return figures }
      lastSize = size
      usleep(500)
    }
    return figures
  }

  package func generation(of path: Path) -> Int? { grown.generation(of: path) }

  package func keepBlocks(of paths: [Path]) { blocks.keep(paths) }

  package func blocks(of path: Path, _ digest: Digest) -> BlockDigests? { blocks.blocks(of: path, digest) }

  /// Has growing files looked at as a whole when they are observed next: somebody may have broken the promise unseen.
  package func doubtGrowth() { grown.doubt() }

  package func observe(files paths: [Path]) -> [Result<Observation, SystemError>] {
    // Large files first, so that the last one to end is short.
    let sizes = look(at: paths).map { look in
      if case .file(let hint) = look { hint.size } else { Int64(0) }
    }
    let order = sizes.indices.sorted { (sizes[$1], $0) < (sizes[$0], $1) }
    let largest = order.first.map { sizes[$0] } ?? 0
    let observed = mapOnAllCores(paths.count, chunk: largest > 1 << 20 ? 1 : 64) { [self] index in
      Result { () throws(SystemError) in try observe(file: paths[order[index]]) }
    }
    var results = observed
    for (index, place) in order.enumerated() { results[place] = observed[index] }
    return results
  }

  package func read(file path: Path, limitBytes: Int) throws(SystemError) -> [UInt8] {
    let descriptor = try openFile(path)
    defer { close(descriptor) }
    var figures = reflow_stat()
    _ = reflow_stat_fd(descriptor, &figures)
    switch readAll(descriptor, sizeHint: Int(figures.size), limitBytes: limitBytes) {
    case .success(let bytes?): return bytes
    case .success(nil):
      throw SystemError(
        .limit, "'\(roots.display(path))' has more than \(limitBytes) bytes, too many to become a value")
    case .failure(let failure): throw systemError(failure.number, "read", ByteString(roots.display(path)))
    }
  }

  package func read(
    file path: Path, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemError) -> Int {
    let descriptor = try openFile(path)
    defer { close(descriptor) }
    switch readBytes(descriptor, at: offset, into: buffer) {
    case .success(let count): return count
    case .failure(let failure): throw systemError(failure.number, "read", ByteString(roots.display(path)))
    }
  }

  /// - Returns: a descriptor of a regular file, which the caller closes.
  private func openFile(_ path: Path) throws(SystemError) -> Int32 {
    // Not blocking: opening a FIFO would wait for a writer. It changes nothing for a file.
    guard let descriptor = try roots.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY) else {
      throw SystemError(.notFound, "'\(roots.display(path))' does not exist", errno: ENOENT)
    }
    var figures = reflow_stat()
    let failure = reflow_stat_fd(descriptor, &figures)
    if failure == 0, figures.isFile { return descriptor }
    close(descriptor)
    if failure != 0 { throw systemError(failure, "read", ByteString(roots.display(path))) }
    throw SystemError(
      .wrongKind,
      figures.isFolder
        ? "'\(roots.display(path))' is a folder where a file is meant; name a file in it or use dir(…)"
        : "'\(roots.display(path))' is neither a file nor a folder; only these can be inputs")
  }

  package func list(folder path: Path, entering: (ByteString) -> Void) throws(SystemError) -> FolderListing {
    guard let descriptor = try roots.open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK) else {
      if case .file = look(at: path) {
        throw SystemError(
          .wrongKind, "'\(roots.display(path))' is a file where a folder is meant; use file(…)", errno: ENOTDIR)
      }
      throw SystemError(.notFound, "'\(roots.display(path))' does not exist", errno: ENOENT)
    }
    var walk = FolderWalk(roots: roots, top: path)
    try walk.visit(descriptor, at: "", ancestors: [], entering)
    outwardLinks.withLock { known in
      let links = known ?? OutwardLinks()
      known = links
      links.ofFolders[path] = walk.outwardLinks
    }
    return walk.listing
  }

  /// The links below a folder, relative to it, that would lead nowhere if only the folder were to be seen. As of its last listing;
  /// lists it where there was none.
  ///
  /// - Throws: as `list`.
  func outwardLinks(below folder: Path) throws(SystemError) -> [ByteString] {
    if let known = outwardLinks.withLock({ $0?.ofFolders[folder] }) { return known }
    _ = try list(folder: folder)
    return outwardLinks.withLock { $0?.ofFolders[folder] ?? [] }
  }
}

extension FileHint {
  init(_ figures: reflow_stat) {
    self.init(
      device: figures.device, inode: figures.inode, size: figures.size, modifiedNanoseconds: figures.modified,
      changedNanoseconds: figures.changed, mode: figures.mode)
  }

  /// Whether both times lie before `clock` by more than the file system's grain: a write after the read gets other times.
  func rested(before clock: Int64) -> Bool {
    let hasFineTimes = modifiedNanoseconds % 1_000_000_000 != 0 && changedNanoseconds % 1_000_000_000 != 0
    return max(modifiedNanoseconds, changedNanoseconds) < clock - (hasFineTimes ? 10_000_000 : 2_000_000_000)
  }
}
