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

  /// Lists a folder recursively; links that stay inside a declared root are followed.
  ///
  /// - Throws: `notFound`, `notPermitted`, `wrongKind`; a circle of links.
  func list(folder path: Path) throws(SystemError) -> FolderListing

  /// - Throws: as `observe`; `limit` where the file is larger than `limitBytes`.
  func read(file path: Path, limitBytes: Int) throws(SystemError) -> [UInt8]

  /// The absolute path of a place on this host. Never stored, never part of a key.
  func hostPath(of path: Path) -> ByteString
}
