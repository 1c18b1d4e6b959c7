import CXXHash

/// XXH3-128 of bytes that come in pieces: what hashing them at once gives.
package struct RunningDigest: ~Copyable {
  private let state: OpaquePointer
  /// How many bytes there were so far.
  package private(set) var count = 0

  package init() {
    state = XXH3_createState()!  // Only without memory is there none.
    XXH3_128bits_reset(state)
  }

  deinit { XXH3_freeState(state) }

  /// - Complexity: O(bytes).
  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    #if arch(x86_64)
      XXH3_128bits_update_dispatch(state, bytes.baseAddress, bytes.count)
    #else
      XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
    #endif
    count += bytes.count
  }

  /// Of all bytes so far.
  package var digest: Digest {
    let hash = XXH3_128bits_digest(state)
    return Digest(high: hash.high64, low: hash.low64)
  }
}
