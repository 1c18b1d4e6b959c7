package import BuildGraph

/// A stretch of a file.
package struct Chunk: Hashable, Sendable {
  /// In bytes.
  package var length: Int
  package var digest: Digest

  package init(length: Int, digest: Digest) {
    self.length = length
    self.digest = digest
  }
}

/// Where files are cut: by what is written there and not by where that stands, so that an edit moves only the cuts near it.
///
/// A chunk ends behind a byte at which a hash of the last 64 bytes has a certain look, the first time that this happens beyond
/// `least`; else at `most`, or with the file.
package struct Chunking: Hashable, Sendable {
  /// In bytes; at least 64.
  let least: Int
  private let most: Int
  private let mask: UInt64

  package static let standard = Chunking(least: 1 << 14, usual: 14, most: 1 << 17)

  /// - Parameter usual: of how many bytes beyond the least one is a cut, as a power of two.
  package init(least: Int, usual: Int, most: Int) {
    precondition(least >= Self.window && most >= least && usual > 0 && usual < 64, "chunks have a size")
    self.least = least
    self.most = most
    mask = ~0 << UInt64(64 - usual)
  }

  /// How many bytes the hash covers.
  private static let window = 64

  /// A number without pattern for each byte.
  private static let gear: [UInt64] = (0..<256).map { (index: UInt64) in
    var z = (index &+ 1) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The length of the chunk that begins at an offset.
  ///
  /// - Complexity: O(its length).
  private func length(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    let rest = bytes.count - start
    guard rest > least else { return rest }
    let end = start + min(rest, most)
    return Self.gear.withUnsafeBufferPointer { gear in
      var hash: UInt64 = 0
      var position = start + least - Self.window
      while position < start + least {
        hash = hash << 1 &+ gear[Int(bytes[position])]
        position += 1
      }
      while position < end {
        hash = hash << 1 &+ gear[Int(bytes[position])]
        position += 1
        if hash & mask == 0 { break }
      }
      return position - start
    }
  }

  /// What became of the chunks of a file.
  package struct Recut: Hashable, Sendable {
    /// All chunks of the file as it is now: always those that cutting it from nothing would give.
    package var chunks: [Chunk] = []
    /// For each which of the old chunks it is, none twice; nil where it is none.
    package var origins: [Int?] = []

    /// How many chunks are the old ones, from the front.
    package var front: Int { origins.enumerated().prefix { $0.offset == $0.element }.count }

    /// How many chunks are no old ones.
    package var changed: Int { origins.count { $0 == nil } }
  }

  /// How many of the old chunks are tried in turn where the cut before them is known.
  private static let tries = 4

  /// The chunks of a file that had others.
  ///
  /// - Parameter onlyGrows: the promise that what was there stands unchanged at the front: then it is not looked at.
  /// - Complexity: O(bytes), at the speed of hashing but for what is cut anew: what is in no old chunk, and what follows up to
  ///   the next cut that is an old one.
  package func cut(
    _ bytes: UnsafeBufferPointer<UInt8>, was old: [Chunk] = [], onlyGrows: Bool = false
  ) -> Recut {
    var result = Recut()
    result.chunks.reserveCapacity(old.count)
    result.origins.reserveCapacity(old.count)
    var isUsed = [Bool](repeating: false, count: old.count)
    // The last chunk was cut by the end of the file, and is as it was only if that is still there.
    let oldLength = old.reduce(0) { $0 + $1.length }
    let trusted = onlyGrows && bytes.count >= oldLength ? max(0, old.count - 1) : 0
    var places: [Digest: Int]?
    var start = 0
    // The old chunk that follows the one that was met last.
    var next = 0
    func isThere(_ index: Int) -> Bool {
      let chunk = old[index]
      let end = start + chunk.length
      guard !isUsed[index], end <= bytes.count, index < old.count - 1 || end == bytes.count else { return false }
      return index < trusted || digest(bytes, start, chunk.length) == chunk.digest
    }
    while start < bytes.count {
      var chunk: Chunk
      var origin = (next..<max(next, min(next + Self.tries, old.count))).first { isThere($0) }
      if let origin {
        chunk = old[origin]
      } else {
        let length = length(bytes, from: start)
        chunk = Chunk(length: length, digest: digest(bytes, start, length))
        // What was moved, or follows what was taken out.
        if places == nil {
          places = Dictionary(old.enumerated().map { ($1.digest, $0) }, uniquingKeysWith: { first, _ in first })
        }
        if let place = places?[chunk.digest], !isUsed[place], old[place] == chunk { origin = place }
      }
      if let origin {
        isUsed[origin] = true
        next = origin + 1
      }
      result.chunks.append(chunk)
      result.origins.append(origin)
      start += chunk.length
    }
    return result
  }

  private func digest(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ length: Int) -> Digest {
    Digest(hashing: UnsafeBufferPointer(rebasing: bytes[start..<start + length]))
  }
}
