package import BuildGraph
package import Diagnostics

/// Contents by digest, in `.reflow/objects/`, read-only.
///
/// Callable from any thread. Objects are usable at once and durable after `sync`; a database row may name an object only then.
package protocol ObjectStore: Sendable {
  /// Hashes a file or folder that a step made at `hostPath` (in a run's private folder, on the same file system) and
  /// moves it in, by rename. Files inside a folder become objects of their own, and the folder a manifest object.
  ///
  /// - Throws: `wrongKind` for FIFOs, devices, absolute links and links that lead outside; `noSpace`.
  func ingest(_ kind: ArtifactKind, at hostPath: ByteString) throws(SystemError) -> Artifact

  /// Copies a user's file in (by reflink where the file system can), which stays as it is.
  ///
  /// - Throws: `notFound`, `notPermitted`, `noSpace`.
  func copyIn(file hostPath: ByteString) throws(SystemError) -> Artifact

  /// Stores bytes that the program or an encoder made.
  func store(_ bytes: [UInt8]) throws(SystemError) -> Artifact

  /// Stores a manifest; its entries must be objects already.
  func store(_ manifest: FolderManifest) throws(SystemError) -> Artifact

  /// Whether the object (of a folder: with all that it holds) is there, of the right size.
  func contains(_ artifact: Artifact) -> Bool

  /// `contains` for many, on all cores.
  func contains(_ artifacts: [Artifact]) -> [Bool]

  /// - Throws: `damaged` where the bytes do not match their digest; the object is then set aside.
  func manifest(of folder: Artifact) throws(SystemError) -> FolderManifest

  /// The absolute path on this host of a file object, or of a read-only tree made from a folder's manifest: what a step's
  /// inputs lead to. Never stored, never part of a key.
  ///
  /// - Throws: `notFound` where the object is gone; `noSpace`.
  func place(of artifact: Artifact) throws(SystemError) -> ByteString

  func read(_ file: Artifact, limitBytes: Int) throws(SystemError) -> [UInt8]

  /// The offset of the first byte in which two files differ: where one is the beginning of the other, its size.
  ///
  /// - Complexity: O(offset).
  func firstDifference(_ a: Artifact, _ b: Artifact) throws(SystemError) -> Int64

  /// Forgets what was seen to be there: another process may have removed some.
  func forget()

  /// Removes objects that nothing names any more.
  func remove(_ objects: [ObjectID]) throws(SystemError)

  /// Makes all objects so far durable (`syncfs`).
  func sync() throws(SystemError)
}

extension ObjectStore {
  package func firstDifference(_ a: Artifact, _ b: Artifact) throws(SystemError) -> Int64 {
    let (first, second) = (try read(a, limitBytes: .max), try read(b, limitBytes: .max))
    return Int64(zip(first, second).prefix { $0 == $1 }.count)
  }

  package func forget() {}
  package func remove(_ objects: [ObjectID]) throws(SystemError) {}
  package func contains(_ artifacts: [Artifact]) -> [Bool] { artifacts.map { contains($0) } }
}
