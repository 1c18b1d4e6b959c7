package import BuildGraph
import Diagnostics

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
  let most: Int
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

  /// The length of the chunk that some bytes begin with; nil if that takes more of them.
  ///
  /// - Parameter isEnd: whether the file ends with them.
  /// - Complexity: O(its length).
  fileprivate func length(_ bytes: UnsafeBufferPointer<UInt8>, isEnd: Bool) -> Int? {
    guard bytes.count > least else { return isEnd ? bytes.count : nil }
    let end = min(bytes.count, most)
    return Self.gear.withUnsafeBufferPointer { gear in
      // A table of 256, and bytes within the buffer: looking at each time whether they are takes as long as the rest.
      guard let gear = gear.baseAddress, let bytes = bytes.baseAddress else { return nil }
      var hash: UInt64 = 0
      var position = least - Self.window
      while position < least {
        hash = hash &<< 1 &+ gear[Int(bytes[position])]
        position &+= 1
      }
      while position < end {
        hash = hash &<< 1 &+ gear[Int(bytes[position])]
        position &+= 1
        if hash & mask == 0 { return position }
      }
      return isEnd || position == most ? position : nil
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

  /// The chunks of a file that had others.
  ///
  /// - Parameter onlyGrows: the promise that what was there stands unchanged at the front: then it is not looked at.
  /// - Complexity: as ``ChunkCutter``.
  package func cut(
    _ bytes: UnsafeBufferPointer<UInt8>, was old: [Chunk] = [], onlyGrows: Bool = false
  ) -> Recut {
    var result = Recut()
    var window = ByteWindow(bytes)
    var cutter = ChunkCutter(self, was: old, size: bytes.count, onlyGrows: onlyGrows)
    while let (chunk, origin) = try? cutter.next(in: &window) {
      result.chunks.append(chunk)
      result.origins.append(origin)
    }
    return result
  }
}

/// Cuts a file that had other chunks, from front to back. The chunks are always those that cutting it from nothing gives.
///
/// - Complexity: O(bytes), at the speed of hashing but for what is cut anew: what is in no old chunk, and what follows up to
///   the next cut that is an old one.
struct ChunkCutter {
  private let chunking: Chunking
  private let old: [Chunk]
  /// Where each of them began.
  private let starts: [Int]
  private let size: Int
  private var isUsed: [Bool]
  /// So many old chunks are there unchanged, as somebody promises.
  private let trusted: Int
  private var places: [Digest: Int]?
  /// Where the next chunk begins.
  private(set) var position = 0
  /// The old chunk that follows the one that was met last.
  private(set) var nextOld = 0

  /// - Parameter size: of the file as it is now, in bytes.
  init(_ chunking: Chunking, was old: [Chunk], size: Int, onlyGrows: Bool) {
    self.chunking = chunking
    self.old = old
    var starts: [Int] = []
    starts.reserveCapacity(old.count)
    var start = 0
    for chunk in old {
      starts.append(start)
      start += chunk.length
    }
    self.starts = starts
    self.size = size
    isUsed = [Bool](repeating: false, count: old.count)
    // The last chunk was cut by the end of the file, and is as it was only if that is still there.
    trusted = onlyGrows && size >= old.reduce(0) { $0 + $1.length } ? max(0, old.count - 1) : 0
  }

  /// - Returns: the next chunk, and which of the old ones it is, none twice; nil for that where it is none. Nil at the end.
  mutating func next(in window: inout ByteWindow) throws(SystemError) -> (chunk: Chunk, origin: Int?)? {
    guard position < size else { return nil }
    var chunk: Chunk
    var origin: Int?
    if try isNextThere(in: &window) {
      chunk = old[nextOld]
      origin = nextOld
    } else {
      let text = try text(in: &window)
      chunk = Chunk(length: text.count, digest: Digest(hashing: text))
      // What was moved, or follows what was taken out.
      if places == nil {
        places = Dictionary(old.enumerated().map { ($1.digest, $0) }, uniquingKeysWith: { first, _ in first })
      }
      if let place = places?[chunk.digest], !isUsed[place], old[place] == chunk { origin = place }
    }
    if let origin {
      isUsed[origin] = true
      nextOld = origin + 1
    }
    position += chunk.length
    return (chunk, origin)
  }

  /// The next chunk, where it is cut anew: mostly it ends where the old one did, and no more is asked for.
  private func text(in window: inout ByteWindow) throws(SystemError) -> UnsafeBufferPointer<UInt8> {
    if nextOld < old.count, old[nextOld].length < chunking.most {
      let bytes = try window.bytes(at: position, count: old[nextOld].length)
      if let length = chunking.length(bytes, isEnd: position + bytes.count == size) {
        return UnsafeBufferPointer(rebasing: bytes[..<length])
      }
    }
    let bytes = try window.bytes(at: position, count: chunking.most)
    let isEnd = position + bytes.count == size
    return UnsafeBufferPointer(rebasing: bytes[..<(chunking.length(bytes, isEnd: isEnd) ?? bytes.count)])
  }

  private mutating func isNextThere(in window: inout ByteWindow) throws(SystemError) -> Bool {
    guard nextOld < old.count, !isUsed[nextOld] else { return false }
    let chunk = old[nextOld]
    guard chunk.length <= chunking.most, position + chunk.length <= size, isCutBy(nextOld, chunk) else { return false }
    if nextOld < trusted { return true }
    if starts[nextOld] == position, window.known?.areUnchanged(position..<position + chunk.length) == true {
      return true
    }
    return Digest(hashing: try window.bytes(at: position, count: chunk.length)) == chunk.digest
  }

  /// Whether a chunk ends where an old one would: the last one was cut by the end of the file.
  private func isCutBy(_ index: Int, _ chunk: Chunk) -> Bool {
    index < old.count - 1 || position + chunk.length == size
  }
}
