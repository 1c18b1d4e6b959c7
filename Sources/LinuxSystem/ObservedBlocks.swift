import BuildGraph
import CLinux
import Synchronization

/// Digests of the blocks of large files, as they were observed last in this process: made while the file is hashed, when its bytes are in a
/// core's cache anyway. They let a table read only what changed.
final class ObservedBlocks: Sendable {
  private let known = Mutex<[Path: (digest: Digest, blocks: BlockDigests)]>([:])

  /// Smaller ones are read whole in less time than it takes to think about it.
  private static let leastBytes = 1 << 20
  /// A thousandth of the file is kept for its blocks.
  private static let blockBytes = 1 << 14

  /// Nil for a file whose blocks are not wanted. Whoever asks frees what is put in.
  static func room(for figures: reflow_stat) -> reflow_blocks? {
    guard Int(figures.size) >= leastBytes else { return nil }
    return reflow_blocks(block_bytes: blockBytes, hashes: nil, count: 0, room: 0)
  }

  /// - Returns: 0 or an errno.
  static func hash(_ descriptor: Int32, _ hash: inout reflow_hash, _ blocks: inout reflow_blocks?) -> Int32 {
    guard var hashed = blocks else { return reflow_hash_fd(descriptor, &hash) }
    defer { blocks = hashed }
    return reflow_hash_fd_blocks(descriptor, &hash, &hashed)
  }

  func note(_ hashed: reflow_blocks, of path: Path, _ digest: Digest) {
    let digests = UnsafeBufferPointer(start: hashed.hashes, count: hashed.count).map {
      Digest(high: $0.high, low: $0.low)
    }
    known.withLock { $0[path] = (digest, BlockDigests(blockBytes: hashed.block_bytes, digests: digests)) }
  }

  func blocks(of path: Path, _ digest: Digest) -> BlockDigests? {
    known.withLock { known in known[path].flatMap { $0.digest == digest ? $0.blocks : nil } }
  }
}
