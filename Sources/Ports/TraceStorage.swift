package import BuildGraph
package import Diagnostics

/// What tables keep from one process to the next, by the key of their relation.
///
/// Callable from any thread; what belongs to one key is for one thread at a time. The caller holds the state lock.
package protocol TraceStorage: Sendable {
  /// What is kept under a key. Nothing is kept yet where there is nothing usable.
  ///
  /// - Throws: `notPermitted`, `noSpace`.
  /// - Complexity: O(blobs), whatever their size.
  func open(_ key: Digest) throws(SystemError) -> any TraceStore

  /// Reads all that is kept.
  ///
  /// - Returns: The keys under which something is damaged, and what it is; ascending.
  /// - Complexity: O(bytes).
  func damage() throws(SystemError) -> [(key: Digest, message: String)]
}

/// Blobs by number, and a root that says what they are.
///
/// What is stored counts once it is committed. A process that ends before leaves what was committed last.
package protocol TraceStore: AnyObject {
  /// What the last commit said; nil where nothing is kept.
  var root: [UInt8]? { get }
  /// Why what was there is of no use; nil where it is, or nothing was.
  var refusal: String? { get }
  /// Bytes of blobs that were read in this process; of large ones, which are read in place, only those that had to be checked.
  var bytesRead: Int { get }
  /// Bytes of files that were written in this process.
  var bytesWritten: Int { get }

  /// A blob of the last commit.
  ///
  /// - Throws: `damaged`, `notFound`.
  /// - Complexity: O(bytes) for a small one; O(1) for a large one that is as it was written.
  func blob(_ name: UInt64) throws(SystemError) -> TraceBlob

  /// Writes a blob.
  ///
  /// - Parameter show: calls what it is given with the bytes, piece by piece.
  /// - Returns: its number, which no other blob of the key has had.
  /// - Throws: `noSpace`, `notPermitted`.
  func store(
    byteCount: Int, _ show: (_ piece: (UnsafeRawBufferPointer) -> Void) -> Void
  ) throws(SystemError) -> UInt64

  /// Begins to write a large blob, in pieces. Nobody need hold the state lock.
  ///
  /// - Throws: `noSpace`, `notPermitted`.
  func begin() throws(SystemError) -> any TraceBlobWriter

  /// Whether all is as this process has left it: nobody has committed or removed anything since, and what was stored is there. To be
  /// asked with the state lock held, by who has not held it since the store was opened.
  ///
  /// - Complexity: O(files that were stored since the last commit).
  var isCurrent: Bool { get }

  /// Makes a root the one that counts, and lets all blobs go but those it rests on.
  ///
  /// - Complexity: O(blobs), and what it takes to keep the live bytes together: in proportion to what was stored, on average.
  func commit(root: [UInt8], live: [UInt64]) throws(SystemError)

  /// Lets go what was stored since the last commit.
  func abandon()

  /// Lets everything go.
  func removeAll() throws(SystemError)
}

/// A blob that is being written.
package protocol TraceBlobWriter: AnyObject {
  func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError)
  /// - Returns: its number, as ``TraceStore/store(byteCount:_:)`` does.
  func finish() throws(SystemError) -> UInt64
  /// Lets it go.
  func abandon()
}

/// Bytes in place: never written, at an address that is a multiple of 64, for as long as the owner lives.
package struct TraceBlob {
  package var bytes: UnsafeRawBufferPointer
  package var owner: AnyObject

  package init(bytes: UnsafeRawBufferPointer, owner: AnyObject) {
    self.bytes = bytes
    self.owner = owner
  }
}
