package import BuildGraph
package import Diagnostics

/// Whether what lies in the output tree is what Reflow put there.
package enum OutputLook: Hashable, Sendable {
  case missing
  /// A file whose content is this; the hint may spare hashing next time.
  case file(Artifact, FileHint, isTrusted: Bool)
  case emptyFolder
  case folder
  /// A symbolic link; it was not followed.
  case link(target: ByteString)
  /// Something that is neither file, folder nor link.
  case other
  /// A folder on the way is not one, but a file, a link or something else: its path. Nothing can lie here before that
  /// is removed or displaced.
  case blocked(by: ByteString)
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

  /// Brings a file object to its place, replacing the file or link there. The returned hint may be trusted at once: the
  /// file's time of modification is set back by more than the clock's grain, so that any later write moves it.
  ///
  /// - Throws: `wrongKind` where a folder is in the way, or a file or link where a folder must be; `damaged` where the
  ///   object is not what its name says (it is then set aside); `notFound` where there is no such object; `noSpace`,
  ///   `notPermitted`. What was there before is still there.
  func write(_ artifact: Artifact, to path: ByteString) throws(SystemError) -> FileHint

  func writeLink(target: ByteString, to path: ByteString) throws(SystemError)
  func makeFolder(_ path: ByteString) throws(SystemError)

  /// Removes a file, a link or an empty folder, and the folders that this leaves empty (but never the tree's root). What is
  /// missing is removed already.
  func remove(_ path: ByteString) throws(SystemError)

  /// Moves what is there (a whole folder, too), or what blocks the way to it, to `.reflow/displaced/…` and says where,
  /// relative to the workspace.
  func displace(_ path: ByteString) throws(SystemError) -> ByteString

  /// Removes temporary names that a crash left.
  func sweep() throws(SystemError)
}
