import BuildGraph
import CXXHash
import Glibc
import Ports

/// The bytes of `traces/HEX/manifest`. See <doc:StoreFormat>, "Traces"; all words are little-endian.
///
///     0    magic 8 · checksum 8: XXH3-64 of all that follows · length 8
///     24   version 16: digest of the executable's version · key 16 · boot 16: digest of the kernel's boot id
///     72   next blob 8 · next segment 4 · segments 4 · blobs 8 · bytes of the root 8
///     104  segments, 48 bytes each: device 8 · inode 8 · size 8 · modified 8 · changed 8 · number 4 · 0 4
///          blobs, ascending, 40 bytes each: name 8 · offset 8 · length 8 · checksum 8 · index of the segment 4 · 0 4
///          root
///
/// Versions: 1, the first.
struct TraceManifest {
  struct Segment {
    var number: UInt32
    /// Of its file as it was when it had been written.
    var hint: FileHint
  }

  struct Blob {
    var name: UInt64
    /// Its index among the segments.
    var segment: UInt32
    var offset: UInt64
    var length: UInt64
    var checksum: UInt64
  }

  var boot: Digest
  var nextBlob: UInt64 = 1
  var nextSegment: UInt32 = 1
  var segments: [Segment] = []
  /// Ascending by name.
  var blobs: [Blob] = []
  var root: [UInt8] = []

  private static let magic: UInt64 = 0x3145_4341_5254_4652  // "RFTRACE1"
  private static let headerBytes = 104
  private static let segmentBytes = 48
  private static let blobBytes = 40

  init(boot: Digest) { self.boot = boot }

  enum Decoded {
    case whole(TraceManifest)
    /// Of another key, or of another version of the executable.
    case foreign
    case damaged
  }

  static func decoded(_ bytes: [UInt8], version: Digest, key: Digest) -> Decoded {
    guard bytes.count >= headerBytes else { return .damaged }
    let checksum = bytes.withUnsafeBytes { reflow_xxh3_64($0.baseAddress! + 16, $0.count - 16, 0) }
    var reader = BinaryReader(bytes)
    guard reader.readUInt64() == magic, reader.readUInt64() == checksum, reader.readUInt64() == UInt64(bytes.count)
    else { return .damaged }
    guard reader.readDigest() == version, reader.readDigest() == key else { return .foreign }
    return Self(bytes, &reader).map { .whole($0) } ?? .damaged
  }

  private init?(_ bytes: [UInt8], _ reader: inout BinaryReader) {
    guard let boot = reader.readDigest(), let nextBlob = reader.readUInt64(), let nextSegment = reader.readUInt32(),
      let segmentCount = reader.readUInt32(), let blobCount = reader.readUInt64(), let rootCount = reader.readUInt64(),
      // The checksum says that we wrote it; this says that no mistake of ours can lead outside.
      Int(segmentCount) <= reader.remaining / Self.segmentBytes, blobCount <= UInt64(reader.remaining / Self.blobBytes),
      rootCount <= UInt64(reader.remaining)
    else { return nil }
    self.boot = boot
    self.nextBlob = nextBlob
    self.nextSegment = nextSegment
    for _ in 0..<segmentCount {
      guard let device = reader.readUInt64(), let inode = reader.readUInt64(), let size = reader.readInt64(),
        let modified = reader.readInt64(), let changed = reader.readInt64(), let number = reader.readUInt32(),
        reader.readUInt32() == 0
      else { return nil }
      let hint = FileHint(
        device: device, inode: inode, size: size, modifiedNanoseconds: modified, changedNanoseconds: changed, mode: 0)
      segments.append(Segment(number: number, hint: hint))
    }
    blobs.reserveCapacity(Int(blobCount))
    for _ in 0..<blobCount {
      guard let name = reader.readUInt64(), let offset = reader.readUInt64(), let length = reader.readUInt64(),
        let checksum = reader.readUInt64(), let segment = reader.readUInt32(), reader.readUInt32() == 0,
        segment < segmentCount, offset <= UInt64(segments[Int(segment)].hint.size),
        length <= UInt64(segments[Int(segment)].hint.size) - offset
      else { return nil }
      blobs.append(Blob(name: name, segment: segment, offset: offset, length: length, checksum: checksum))
    }
    guard reader.remaining == Int(rootCount) else { return nil }
    root = Array(bytes[reader.offset...])
  }

  func encoded(version: Digest, key: Digest) -> [UInt8] {
    let count =
      Self.headerBytes + segments.count * Self.segmentBytes + blobs.count * Self.blobBytes + root.count
    var writer = BinaryWriter(reserving: count)
    writer.write(Self.magic)
    writer.write(0 as UInt64)
    writer.write(UInt64(count))
    writer.write(version)
    writer.write(key)
    writer.write(boot)
    writer.write(nextBlob)
    writer.write(nextSegment)
    writer.write(UInt32(segments.count))
    writer.write(UInt64(blobs.count))
    writer.write(UInt64(root.count))
    for segment in segments {
      writer.write(segment.hint.device)
      writer.write(segment.hint.inode)
      writer.write(segment.hint.size)
      writer.write(segment.hint.modifiedNanoseconds)
      writer.write(segment.hint.changedNanoseconds)
      writer.write(segment.number)
      writer.write(0 as UInt32)
    }
    for blob in blobs {
      writer.write(blob.name)
      writer.write(blob.offset)
      writer.write(blob.length)
      writer.write(blob.checksum)
      writer.write(blob.segment)
      writer.write(0 as UInt32)
    }
    writer.append(root)
    var bytes = writer.bytes
    bytes.withUnsafeMutableBytes { buffer in
      let checksum = reflow_xxh3_64(buffer.baseAddress! + 16, buffer.count - 16, 0)
      buffer.storeBytes(of: checksum.littleEndian, toByteOffset: 8, as: UInt64.self)
    }
    return bytes
  }
}

/// XXH3-64 of bytes that come in pieces.
struct PiecewiseChecksum: ~Copyable {
  private let state: OpaquePointer

  init() {
    state = reflow_xxh3_begin()!  // Only without memory is there none.
  }

  deinit { reflow_xxh3_free(state) }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    reflow_xxh3_add(state, bytes.baseAddress, bytes.count)
  }

  var value: UInt64 { reflow_xxh3_64_so_far(state) }

  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sum = PiecewiseChecksum()
    sum.add(bytes)
    return sum.value
  }
}
