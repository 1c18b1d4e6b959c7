package import BuildGraph
package import Diagnostics

/// Whether what lies in the output tree is what Reflow put there.
package enum OutputLook: Hashable, Sendable {
  case missing
  /// A file whose content is this; the hint may spare hashing next time.
  case file(Artifact, FileHint, isTrusted: Bool)
  case emptyFolder
  case folder
  /// A link, or something that is neither file nor folder.
  case other
}

/// How outputs reach the tree.
package enum LinkMode: String, Hashable, Sendable, CaseIterable { case auto, reflink, hard, copy }

/// Writes `out/`, and nothing but what it is told. Deciding what is ours is the engine's work.
///
/// Each file is old or new: written beside its place under a temporary name and renamed. Folders are made as needed.
package protocol OutputTree: Sendable {
  /// Hashes only if `expected` differs from what stat shows.
  func look(at path: ByteString, expecting expected: OwnedOutput?) throws(SystemError) -> OutputLook

  /// Looks at many outputs, on all cores.
  func look(at outputs: [OwnedOutput]) throws(SystemError) -> [OutputLook]

  /// Brings an object to its place, replacing the file there.
  func write(_ artifact: Artifact, to path: ByteString) throws(SystemError) -> FileHint

  func writeLink(target: ByteString, to path: ByteString) throws(SystemError)
  func makeFolder(_ path: ByteString) throws(SystemError)

  /// Removes a file and the folders that this leaves empty (but never the tree's root).
  func remove(_ path: ByteString) throws(SystemError)

  /// Moves a file to `.reflow/displaced/…` and says where.
  func displace(_ path: ByteString) throws(SystemError) -> ByteString

  /// Removes temporary names that a crash left.
  func sweep() throws(SystemError)
}
