import CXXHash

/// XXH3-128 of bytes that come in pieces: what hashing them at once gives.
package struct RunningDigest: ~Copyable {
  private let state: OpaquePointer
  /// How many bytes there were so far.
  package private(set) var count = 0

  package init() {
    state = reflow_xxh3_begin()!  // Only without memory is there none.
  }

  deinit { reflow_xxh3_free(state) }

  /// - Complexity: O(bytes).
  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    reflow_xxh3_add(state, bytes.baseAddress, bytes.count)
    count += bytes.count
  }

  /// Of all bytes so far.
  package var digest: Digest {
    let hash = reflow_xxh3_128_so_far(state)
    return Digest(high: hash.high, low: hash.low)
  }
}
