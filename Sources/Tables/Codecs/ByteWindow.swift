import BuildGraph
import Diagnostics

/// The bytes of a file, looked at from front to back, some at a time: where they are, or in a buffer that goes along.
struct ByteWindow: ~Copyable {
  /// Of the file, in bytes.
  let size: Int
  private let whole: UnsafeBufferPointer<UInt8>?
  private let file: StoredFile?
  private let buffer: UnsafeMutableBufferPointer<UInt8>
  /// Where in the file the buffer begins, and how much of it is filled.
  private var offset = 0
  private var filled = 0
  /// Of the whole file.
  private let expected: Digest?
  /// Of all bytes so far, if that is wanted.
  private var sum = RunningDigest()
  private let isHashed: Bool
  /// What is known of the file: then no more is read than what is asked for, and each block that is read is compared.
  let known: KnownBlocks?
  /// Whether some block that was read is not what it is known to be.
  private var isOther = false

  /// So much is in a core's second-level cache when it is looked at.
  private static let bufferBytes = 1 << 19

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    size = bytes.count
    whole = bytes
    file = nil
    known = nil
    expected = nil
    buffer = .allocate(capacity: 0)
    isHashed = false
  }

  /// - Parameters:
  ///   - most: how many bytes are asked for at once.
  ///   - digest: of all, where it is known: it is looked whether it is so.
  init(_ file: StoredFile, most: Int, digest: Digest?, _ known: KnownBlocks? = nil) {
    size = file.size
    whole = nil
    self.file = file
    self.known = known
    expected = digest
    isHashed = digest != nil && known == nil
    buffer = .allocate(capacity: min(file.size, max(Self.bufferBytes, 4 * most)))
  }

  deinit { buffer.deallocate() }

  /// Some bytes, which stay until more are asked for; fewer only where the file ends.
  ///
  /// - Precondition: they do not begin before those that were asked for last.
  mutating func bytes(at start: Int, count: Int) throws(SystemError) -> UnsafeBufferPointer<UInt8> {
    let count = min(count, size - start)
    if let whole { return UnsafeBufferPointer(rebasing: whole[start..<start + count]) }
    if start < offset || start + count > offset + filled {
      if let known { try fill(start..<start + count, known) } else { try fill(from: start) }
    }
    return UnsafeBufferPointer(rebasing: buffer[start - offset..<start - offset + count])
  }

  private mutating func fill(from start: Int) throws(SystemError) {
    let kept = start >= offset ? max(0, offset + filled - start) : 0
    if kept > 0, let base = buffer.baseAddress {
      UnsafeMutableRawPointer(base).copyMemory(from: base + (start - offset), byteCount: kept)
    }
    offset = start
    filled = kept
    let wanted = min(buffer.count, size - start)
    let new = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[kept..<wanted])
    try file?.fill(new, from: start + kept)
    filled = wanted
    if isHashed, sum.count == start + kept { sum.add(UnsafeRawBufferPointer(new)) }
  }

  /// Reads the blocks that a range is in, but for those that are there.
  private mutating func fill(_ range: Range<Int>, _ known: KnownBlocks) throws(SystemError) {
    let first = range.lowerBound / known.blockBytes * known.blockBytes
    let end = min(size, (range.upperBound + known.blockBytes - 1) / known.blockBytes * known.blockBytes)
    let kept = first >= offset ? max(0, offset + filled - first) : 0
    if kept > 0, let base = buffer.baseAddress {
      UnsafeMutableRawPointer(base).copyMemory(from: base + (first - offset), byteCount: kept)
    }
    offset = first
    filled = kept
    let new = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[kept..<end - first])
    try file?.fill(new, from: first + kept)
    filled = end - first
    for start in stride(from: kept, to: filled, by: known.blockBytes) {
      let block = UnsafeBufferPointer(rebasing: buffer[start..<min(filled, start + known.blockBytes)])
      if !known.isBlock((first + start) / known.blockBytes, block) { isOther = true }
    }
  }

  /// Of the whole file, if it was known and what was read is so; without known blocks, if all of it has been looked at.
  var digest: Digest? {
    if known != nil { return isOther ? nil : expected }
    return isHashed && sum.count == size && sum.digest == expected ? expected : nil
  }
}

/// Which blocks of a file are as they were when it was read last.
struct KnownBlocks {
  private let new: BlockDigests
  /// For each block, and the end, how many before are not as they were.
  private var changedBefore: [Int] = [0]

  var blockBytes: Int { new.blockBytes }

  /// Nil if they cannot be compared.
  ///
  /// - Parameter size: of the file as it is now, in bytes.
  /// - Complexity: O(blocks).
  init?(_ new: BlockDigests, was old: BlockDigests, size: Int) {
    guard new.blockBytes == old.blockBytes, new.digests.count == (size + new.blockBytes - 1) / new.blockBytes else {
      return nil
    }
    self.new = new
    changedBefore.reserveCapacity(new.digests.count + 1)
    for (index, digest) in new.digests.enumerated() {
      let isSame = index < old.digests.count && old.digests[index] == digest
      changedBefore.append(changedBefore[index] + (isSame ? 0 : 1))
    }
  }

  /// Whether some bytes, of which there are some, are certainly as they were and where they were.
  func areUnchanged(_ range: Range<Int>) -> Bool {
    let end = (range.upperBound + blockBytes - 1) / blockBytes
    return end < changedBefore.count && changedBefore[range.lowerBound / blockBytes] == changedBefore[end]
  }

  func isBlock(_ index: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    index < new.digests.count && Digest(hashing: bytes) == new.digests[index]
  }
}
