package import BuildGraph
package import Diagnostics

/// Figures of `stat` that spare reading a file: equality only, never order. Never the truth about a content.
///
/// A hint is worth something only if the file had rested when it was taken (see `isTrusted` of ``Observation``).
package struct FileHint: Hashable, Sendable {
  package var device: UInt64
  package var inode: UInt64
  package var size: Int64
  package var modifiedNanoseconds: Int64
  package var changedNanoseconds: Int64
  package var mode: UInt32

  package init(
    device: UInt64, inode: UInt64, size: Int64, modifiedNanoseconds: Int64, changedNanoseconds: Int64, mode: UInt32
  ) {
    self.device = device
    self.inode = inode
    self.size = size
    self.modifiedNanoseconds = modifiedNanoseconds
    self.changedNanoseconds = changedNanoseconds
    self.mode = mode
  }
}

/// What one look at a path showed, without reading it. Links are followed.
package enum Look: Hashable, Sendable {
  case missing
  case file(FileHint)
  case folder(FileHint)
  /// A FIFO, a device, a socket: never an input or output.
  case special
  /// A link that leads nowhere, in a circle, or out of every declared root; a folder without permission.
  case refused(SystemError)
}

/// A content together with the figures under which it was read.
package struct Observation: Hashable, Sendable {
  package var artifact: Artifact
  package var hint: FileHint
  /// Whether the hint may spare reading the file next time: its times lie before the read by more than the clock's grain.
  package var isTrusted: Bool

  package init(artifact: Artifact, hint: FileHint, isTrusted: Bool) {
    self.artifact = artifact
    self.hint = hint
    self.isTrusted = isTrusted
  }
}

/// One file, link or empty folder below a listed folder.
package struct ListedEntry: Hashable, Sendable {
  /// Relative to the listed folder.
  package var path: ByteString
  package var look: Look

  package init(path: ByteString, look: Look) {
    self.path = path
    self.look = look
  }
}

/// A folder's recursive listing, and what must be looked at to know that it still holds.
package struct FolderListing: Hashable, Sendable {
  /// Ascending bytewise by path.
  package var entries: [ListedEntry]
  /// Every folder that was read, the listed one (the empty path) included, with its hint: a name that came or went
  /// changes its folder's times.
  package var folders: [ListedEntry]

  package init(entries: [ListedEntry], folders: [ListedEntry]) {
    self.entries = entries
    self.folders = folders
  }
}

/// Reads what the user owns. Never writes.
///
/// Callable from any thread.
package protocol FileSystem: Sendable {
  /// - Complexity: one or two system calls.
  func look(at path: Path) -> Look

  /// Looks at many paths, on all cores.
  func look(at paths: [Path]) -> [Look]

  /// Reads and hashes a file: fstat, read, fstat again, and again if they differ.
  ///
  /// - Throws: `notFound`, `notPermitted`, `wrongKind`.
  func observe(file path: Path) throws(SystemError) -> Observation

  /// Hashes many files, on all cores, large ones first.
  func observe(files paths: [Path]) -> [Result<Observation, SystemError>]

  /// As `observe(file:)`, of a file of which it is promised that it only grows: what has been hashed is not hashed again.
  ///
  /// The content is that up to where the file ended when this began; others may go on writing. The promise is checked where that
  /// costs nothing: what is shorter than before, was replaced, was written to without growing, or differs just before the place where
  /// it ended is looked at as a whole.
  ///
  /// - Throws: as `observe`.
  /// - Complexity: O(bytes that were added).
  func observe(growing path: Path) throws(SystemError) -> Observation

  /// Tells contents of a growing file apart: as long as the number stays, what was read of it still stands there. Nil where nobody
  /// keeps track.
  func generation(of path: Path) -> Int?

  /// From now on digests of the blocks of these files, and of all that lie in these folders, are kept when they are observed: whoever
  /// reads tables of them need not read again what is as it was.
  func keepBlocks(of paths: [Path])

  /// Digests of the blocks of a content that `observe(file:)` has seen last, if it kept them. Nil where nobody did.
  func blocks(of path: Path, _ digest: Digest) -> BlockDigests?

  /// Lists a folder recursively; links that stay inside a declared root are followed.
  ///
  /// - Parameter entering: Called with each folder below, relative to this one, before its names are read; also where the listing comes
  ///   to nothing because of what is in it.
  /// - Throws: `notFound`, `notPermitted`, `wrongKind`; a circle of links.
  func list(folder path: Path, entering: (ByteString) -> Void) throws(SystemError) -> FolderListing

  /// - Throws: as `observe`; `limit` where the file is larger than `limitBytes`.
  func read(file path: Path, limitBytes: Int) throws(SystemError) -> [UInt8]

  /// Fills a buffer with what a file holds from an offset on.
  ///
  /// - Returns: How many bytes there were; fewer than there is room for only where the file ends.
  /// - Throws: as `observe`.
  func read(
    file path: Path, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemError) -> Int

  /// The absolute path of a place on this host. Never stored, never part of a key.
  func hostPath(of path: Path) -> ByteString
}

extension FileSystem {
  package func observe(growing path: Path) throws(SystemError) -> Observation { try observe(file: path) }

  package func generation(of path: Path) -> Int? { nil }

  package func keepBlocks(of paths: [Path]) {}
  package func blocks(of path: Path, _ digest: Digest) -> BlockDigests? { nil }

  package func read(
    file path: Path, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemError) -> Int {
    let bytes = try read(file: path, limitBytes: .max).dropFirst(offset).prefix(buffer.count)
    buffer.copyBytes(from: bytes)
    return bytes.count
  }
}

extension FileSystem {
  /// Lists a folder recursively, for who need not know on the way what it enters.
  ///
  /// - Throws: as `list(folder:entering:)`.
  package func list(folder path: Path) throws(SystemError) -> FolderListing { try list(folder: path) { _ in } }

  /// Some bytes of a file; fewer where it ends before.
  ///
  /// - Throws: as `observe`.
  package func read(file path: Path, in range: Range<Int>) throws(SystemError) -> [UInt8] {
    var result: Result<Int, SystemError> = .success(0)
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
      result = Result { () throws(SystemError) in
        try read(file: path, at: range.lowerBound, into: UnsafeMutableRawBufferPointer(buffer))
      }
      if case .success(let count) = result { filled = count }
    }
    _ = try result.get()
    return bytes
  }
}

extension FileHint {
  /// Whether the same file has become longer since, or is as it was.
  package func hasOnlyGrown(since old: FileHint) -> Bool {
    self == old || (device == old.device && inode == old.inode && mode == old.mode && size > old.size)
  }
}
