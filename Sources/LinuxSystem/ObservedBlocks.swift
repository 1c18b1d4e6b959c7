import BuildGraph
import CLinux
import Synchronization

/// Digests of the blocks of large files that tables read, as they were observed last in this process: made while the file is hashed, when its
/// bytes are in a core's cache anyway. They let a table read only what changed.
final class ObservedBlocks: Sendable {
  private struct State {
    var wanted: Set<Path> = []
    var known: [Path: (digest: Digest, blocks: BlockDigests)] = [:]
  }

  private let state = Mutex(State())

  /// Smaller ones are read whole in less time than it takes to think about it.
  private static let leastBytes = 1 << 20
  /// A thousandth of the file is kept for its blocks.
  private static let blockBytes = 1 << 14

  /// Nil for a file whose blocks are not wanted. Whoever asks frees what is put in.
  func room(for path: Path, _ figures: reflow_stat) -> reflow_blocks? {
    guard Int(figures.size) >= Self.leastBytes, isWanted(path) else { return nil }
    return reflow_blocks(block_bytes: Self.blockBytes, hashes: nil, count: 0, room: 0)
  }

  /// - Parameter paths: of files, and of folders for all in them.
  func keep(_ paths: [Path]) { state.withLock { $0.wanted.formUnion(paths) } }

  private func isWanted(_ path: Path) -> Bool {
    state.withLock { state in
      !state.wanted.isEmpty && sequence(first: path, next: \.folder).contains { state.wanted.contains($0) }
    }
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
    state.withLock { $0.known[path] = (digest, BlockDigests(blockBytes: hashed.block_bytes, digests: digests)) }
  }

  func blocks(of path: Path, _ digest: Digest) -> BlockDigests? {
    state.withLock { state in state.known[path].flatMap { $0.digest == digest ? $0.blocks : nil } }
  }
}
