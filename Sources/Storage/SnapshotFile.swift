import BuildGraph
import CXXHash
import Ports

/// The bytes of a snapshot. See <doc:StoreFormat>, "Snapshots"; all words are little-endian.
///
///     0   magic 8 · checksum 8: XXH3-64 of all that follows · length 8
///     24  version 16: digest of the executable's version · key 16
///     56  generation 8 · written at 8: nanoseconds since 1970
///     72  entries 4 · groups 4 · digests 4 · 0 4
///     88  offset of the strings 8 · offset of the summary 8
///     104 groups, 16 bytes each: root 4 · offset of the parent's path 4 · length of it 4 · first entry 4
///         entries, 56 bytes each: device 8 · inode 8 · size 8 · modified 8 · changed 8 · mode 4 · kind 4 ·
///         offset of the path 4 · index of the digest 4
///         digests, 16 bytes each · strings, each with a NUL behind it · summary
///
/// A group is a run of entries with one parent folder. Versions: 1, the first.
struct SnapshotFile {
  enum Kind: UInt32 { case missing, file, fileToHash, folder, untrustedFolder }

  static let magic: UInt64 = 0x3150_414E_534C_4652  // "RFLSNAP1"
  static let headerBytes = 104
  static let groupBytes = 16
  static let entryBytes = 56
  static let outputRoot: UInt32 = .max

  /// Valid as long as the mapping.
  let bytes: UnsafeRawBufferPointer

  var generation: Int64 { word(56) }
  var writtenAt: Int64 { word(64) }
  var entryCount: Int { Int(word(72) as UInt32) }
  var groupCount: Int { Int(word(76) as UInt32) }
  var digestCount: Int { Int(word(80) as UInt32) }
  var stringsOffset: Int { Int(word(88) as UInt64) }
  var summaryOffset: Int { Int(word(96) as UInt64) }
  var entriesOffset: Int { Self.headerBytes + groupCount * Self.groupBytes }
  var digestsOffset: Int { entriesOffset + entryCount * Self.entryBytes }

  var summary: [UInt8] { Array(bytes[summaryOffset...]) }

  /// Nil where the bytes are not a whole snapshot of this key and version.
  init?(_ bytes: UnsafeRawBufferPointer, version: Digest, key: Digest) {
    guard bytes.count >= Self.headerBytes else { return nil }
    self.bytes = bytes
    guard word(0) == Self.magic, word(16) == UInt64(bytes.count), digest(at: 24) == version, digest(at: 40) == key,
      word(8) == Self.checksum(bytes)
    else { return nil }
    // The checksum says that we wrote it; this says that no mistake of ours can lead outside.
    let strings = word(88) as UInt64
    let summary = word(96) as UInt64
    guard summary <= UInt64(bytes.count), strings < summary,
      UInt64(digestsOffset) + UInt64(digestCount) * 16 == strings, bytes[Int(summary) - 1] == 0
    else { return nil }
  }

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    reflow_xxh3_64(bytes.baseAddress! + 16, bytes.count - 16, 0)
  }

  private func word<Word: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> Word {
    Word(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Word.self))
  }

  private func digest(at offset: Int) -> Digest { Digest(high: word(offset), low: word(offset + 8)) }

  /// A NUL-terminated string, inside the file whatever the offset is.
  private func string(_ offset: UInt32) -> UnsafePointer<CChar> {
    let end = summaryOffset - 1
    return (bytes.baseAddress! + min(stringsOffset + Int(offset), end)).assumingMemoryBound(to: CChar.self)
  }

  struct Group {
    var root: UInt32
    var parent: UnsafePointer<CChar>
    var parentLength: Int
    var first: Int
    var end: Int
  }

  func group(_ index: Int) -> Group {
    let offset = Self.headerBytes + index * Self.groupBytes
    let end = index + 1 < groupCount ? Int(word(offset + Self.groupBytes + 12) as UInt32) : entryCount
    return Group(
      root: word(offset), parent: string(word(offset + 4)), parentLength: Int(word(offset + 8) as UInt32),
      first: Int(word(offset + 12) as UInt32), end: end)
  }

  /// The group that holds an entry.
  ///
  /// - Complexity: O(log groups).
  func groupIndex(ofEntry entry: Int) -> Int {
    var low = 0
    var high = groupCount
    while high - low > 1 {
      let middle = (low + high) / 2
      if group(middle).first <= entry { low = middle } else { high = middle }
    }
    return low
  }

  /// Where an entry's path lies among the strings.
  func pathOffset(_ index: Int) -> UInt32 { word(entriesOffset + index * Self.entryBytes + 48) }

  struct Entry {
    var hint: FileHint
    var kind: Kind?
    /// From the root on.
    var path: UnsafePointer<CChar>
    var digestIndex: Int
  }

  func entry(_ index: Int) -> Entry {
    let offset = entriesOffset + index * Self.entryBytes
    let hint = FileHint(
      device: word(offset), inode: word(offset + 8), size: word(offset + 16), modifiedNanoseconds: word(offset + 24),
      changedNanoseconds: word(offset + 32), mode: word(offset + 40))
    return Entry(
      hint: hint, kind: Kind(rawValue: word(offset + 44)), path: string(word(offset + 48)),
      digestIndex: Int(word(offset + 52) as UInt32))
  }

  func digest(_ index: Int) -> Digest? { index < digestCount ? digest(at: digestsOffset + index * 16) : nil }

  /// The offset of an entry's kind, for those who promote it.
  func kindOffset(_ index: Int) -> Int { entriesOffset + index * Self.entryBytes + 44 }

  /// The entry as it was given.
  func decoded(_ index: Int) -> SnapshotEntry {
    let entry = entry(index)
    let group = group(groupIndex(ofEntry: index))
    let root: SnapshotRoot =
      group.root == Self.outputRoot ? .output : .source(RootID(index: UInt16(truncatingIfNeeded: group.root)))
    let expectation: SnapshotExpectation =
      switch entry.kind {
      case .file: .file(entry.hint, rehash: nil)
      case .fileToHash: .file(entry.hint, rehash: digest(entry.digestIndex))
      case .folder: .folder(entry.hint, isTrusted: true)
      case .untrustedFolder: .folder(entry.hint, isTrusted: false)
      case .missing, nil: .missing
      }
    return SnapshotEntry(root: root, path: ByteString(cString: entry.path), expectation: expectation)
  }

  // MARK: - Writing

  /// - Precondition: fewer than 2³² entries and 4 GiB of paths.
  static func encode(
    version: Digest, key: Digest, generation: Int64, writtenAt: Int64, entries: [SnapshotEntry], summary: [UInt8]
  ) -> [UInt8] {
    var groups = BinaryWriter(reserving: 1 << 10)
    var strings: [UInt8] = []
    // And some for the folders.
    strings.reserveCapacity(entries.reduce(1 << 10) { $0 + $1.path.count + 1 })
    var pathOffsets: [UInt32] = []
    pathOffsets.reserveCapacity(entries.count)
    var groupCount: UInt32 = 0
    var digestCount: UInt32 = 0
    var current: (root: SnapshotRoot, parent: ArraySlice<UInt8>)?
    for (index, entry) in entries.enumerated() {
      let path = entry.path.bytes
      let parent = path[..<(path.lastIndex(of: UInt8(ascii: "/")) ?? 0)]
      if current == nil || current!.root != entry.root || current!.parent != parent {
        current = (entry.root, parent)
        switch entry.root {
        case .source(let root): groups.write(UInt32(root.index))
        case .output: groups.write(outputRoot)
        }
        groups.write(UInt32(strings.count))
        groups.write(UInt32(parent.count))
        groups.write(UInt32(index))
        strings += parent
        strings.append(0)
        groupCount += 1
      }
      pathOffsets.append(UInt32(strings.count))
      strings += path
      strings.append(0)
      if figures(of: entry.expectation).digest != nil { digestCount += 1 }
    }
    if strings.isEmpty { strings = [0] }
    let stringsOffset = headerBytes + groups.bytes.count + entries.count * entryBytes + Int(digestCount) * 16
    var writer = BinaryWriter(reserving: stringsOffset + strings.count + summary.count)
    writer.write(magic)
    writer.write(UInt64(0))
    writer.write(UInt64(stringsOffset + strings.count + summary.count))
    writer.write(version)
    writer.write(key)
    writer.write(generation)
    writer.write(writtenAt)
    writer.write(UInt32(entries.count))
    writer.write(groupCount)
    writer.write(digestCount)
    writer.write(UInt32(0))
    writer.write(UInt64(stringsOffset))
    writer.write(UInt64(stringsOffset + strings.count))
    writer.append(groups.bytes)
    // The entries are most of the file: they are written where they stay.
    var digestIndex: UInt32 = 0
    for (entry, pathOffset) in zip(entries, pathOffsets) {
      let (hint, kind, digest) = figures(of: entry.expectation)
      hint.encode(into: &writer)
      writer.write(kind.rawValue)
      writer.write(pathOffset)
      writer.write(digest == nil ? 0 : digestIndex)
      if digest != nil { digestIndex += 1 }
    }
    for entry in entries { if let digest = figures(of: entry.expectation).digest { writer.write(digest) } }
    writer.append(strings)
    writer.append(summary)
    // Sealed in place: whoever else held them would keep a second copy.
    var bytes = (consume writer).bytes
    seal(&bytes)
    return bytes
  }

  /// Sets the checksum.
  static func seal(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { buffer in
      let sum = checksum(UnsafeRawBufferPointer(buffer))
      buffer.storeBytes(of: sum.littleEndian, toByteOffset: 8, as: UInt64.self)
    }
  }
}
