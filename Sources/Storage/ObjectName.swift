import BuildGraph
import CXXHash

/// The name of an object below `.reflow/objects`: `xx/HEX` for a file, `xx/HEX.x` for an executable one, `xx/HEX.d` for the
/// manifest of a folder.
///
/// The executable bit is part of the name since a hard link carries it.
struct ObjectName: Hashable, Sendable {
  let path: ByteString

  init(_ artifact: Artifact) {
    let suffix: StaticString =
      switch artifact.kind {
      case .file: artifact.isExecutable ? ".x" : ""
      case .folder: ".d"
      }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(37)
    bytes.append(Self.digit(artifact.digest.high >> 60))
    bytes.append(Self.digit(artifact.digest.high >> 56))
    bytes.append(UInt8(ascii: "/"))
    Self.append(artifact.digest, to: &bytes)
    suffix.withUTF8Buffer { bytes.append(contentsOf: $0) }
    path = ByteString(bytes: bytes)
  }

  /// `xx`
  var shard: ByteString { ByteString(bytes: Array(path.bytes[..<2])) }
  /// `HEX`, `HEX.x` or `HEX.d`
  var baseName: ByteString { ByteString(bytes: Array(path.bytes[3...])) }

  static func hex(_ digest: Digest) -> ByteString {
    var bytes: [UInt8] = []
    append(digest, to: &bytes)
    return ByteString(bytes: bytes)
  }

  private static func append(_ digest: Digest, to bytes: inout [UInt8]) {
    for word in [digest.high, digest.low] {
      for shift in stride(from: 60, through: 0, by: -4) { bytes.append(digit(word >> UInt64(shift))) }
    }
  }

  private static func digit(_ nibble: UInt64) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: nibble & 15)
    return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}

/// The time of modification that a large object is given, whose nanoseconds follow from the seconds and the digest.
///
/// Large objects reach `out/` as hard links, and can be written through them in spite of their mode. Such a write moves the
/// time, and then the nanoseconds no longer fit (but once in a billion): the object is hashed before it is used again. So
/// no figure needs to be stored, and a copy of `.reflow` with new times costs one reading.
enum ObjectSeal {
  /// Smaller objects are not sealed: they are never hard-linked out of `.reflow`, and reading one costs no more than a look.
  static let smallestSize: Int64 = 1 << 20

  /// - Parameter now: the file system's clock, nanoseconds since 1970. The sealed time lies before it by more than the clock's
  ///   grain, so that a hint which holds it can be trusted at once.
  static func time(of digest: Digest, now: Int64) -> Int64 {
    let latest = now - 2 * 10_000_000
    let second = latest / 1_000_000_000
    let time = second * 1_000_000_000 + nanoseconds(digest, second)
    return time <= latest ? time : (second - 1) * 1_000_000_000 + nanoseconds(digest, second - 1)
  }

  static func holds(_ modified: Int64, _ digest: Digest) -> Bool {
    let (second, rest) = modified.quotientAndRemainder(dividingBy: 1_000_000_000)
    return rest == nanoseconds(digest, second)
  }

  private static func nanoseconds(_ digest: Digest, _ second: Int64) -> Int64 {
    let mixed = withUnsafeBytes(of: (digest.high, digest.low, second)) { reflow_xxh3_64($0.baseAddress, $0.count, 0) }
    // Never 0, which is what file systems with coarse times give to everybody.
    return Int64(mixed % 999_999_999) + 1
  }
}
