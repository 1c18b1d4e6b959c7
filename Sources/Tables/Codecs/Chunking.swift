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
  private let least: Int
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
    package var chunks: [Chunk]
    /// How many chunks are the old ones, from the front.
    package var front: Int
    /// How many of the others are the old ones, from the back.
    package var back: Int
  }

  /// The chunks of a file that had others.
  ///
  /// - Parameter onlyGrows: the promise that what was there stands unchanged at the front: then it is not looked at.
  /// - Complexity: O(bytes), at the speed of hashing but for what is cut anew: what lies between the first and the last chunk that
  ///   changed, and what follows up to the next cut that is an old one.
  package func cut(
    _ bytes: UnsafeBufferPointer<UInt8>, was old: [Chunk] = [], onlyGrows: Bool = false
  ) -> Recut {
    let oldLength = old.reduce(0) { $0 + $1.length }
    var front = 0
    var start = 0
    while front < old.count {
      let chunk = old[front]
      // The last one was cut by the end of the file, and is as it was only if that is still there.
      let isLast = front == old.count - 1
      guard start + chunk.length <= bytes.count, !isLast || start + chunk.length == bytes.count else { break }
      let isTrusted = onlyGrows && bytes.count >= oldLength && !isLast
      guard isTrusted || digest(bytes, start, chunk.length) == chunk.digest else { break }
      start += chunk.length
      front += 1
    }
    // Where old chunks begin that stand at the back unchanged, ascending by how much follows them.
    var back = 0
    var backStart = bytes.count
    while back < old.count - front {
      let chunk = old[old.count - 1 - back]
      guard backStart - chunk.length >= start, digest(bytes, backStart - chunk.length, chunk.length) == chunk.digest
      else { break }
      backStart -= chunk.length
      back += 1
    }
    var chunks = Array(old[..<front])
    while start < bytes.count {
      // Behind an old cut come the old chunks.
      while back > 0, backStart < start {
        backStart += old[old.count - back].length
        back -= 1
      }
      if back > 0, backStart == start { break }
      let length = length(bytes, from: start)
      chunks.append(Chunk(length: length, digest: digest(bytes, start, length)))
      start += length
    }
    if start >= bytes.count { back = 0 }
    return Recut(chunks: chunks + old.suffix(back), front: front, back: back)
  }

  private func digest(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ length: Int) -> Digest {
    Digest(hashing: UnsafeBufferPointer(rebasing: bytes[start..<start + length]))
  }
}
