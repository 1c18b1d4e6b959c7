/// Digests of a content's blocks, which all have one size but the last: what of a content is as it was can be told without reading it.
package struct BlockDigests: Hashable, Sendable {
  /// The size of a block, in bytes; a power of two.
  package let blockBytes: Int
  package let digests: [Digest]

  package init(blockBytes: Int, digests: [Digest]) {
    self.blockBytes = blockBytes
    self.digests = digests
  }

  /// - Complexity: O(bytes).
  package init(hashing bytes: [UInt8], blockBytes: Int) {
    self.init(
      blockBytes: blockBytes,
      digests: stride(from: 0, to: bytes.count, by: blockBytes).map { start in
        Digest(hashing: Array(bytes[start..<min(bytes.count, start + blockBytes)]))
      })
  }
}
