package import BuildGraph

/// What the server sees of the world. Paths are absolute.
package protocol Files {
  /// The bytes of a file, or nil where there is none that can be read.
  func read(_ path: ByteString) -> [UInt8]?

  /// The nearest folder, from this one upward, that holds `.reflow/`.
  func workspaceRoot(above folder: ByteString) -> ByteString?

  /// The programs in a folder and below it, sorted; not all of them where there are very many.
  func programs(below folder: ByteString) -> [ByteString]
}
