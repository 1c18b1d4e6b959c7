/// Appends values to bytes in the one form that all stored formats share: little-endian words, length-prefixed strings.
package struct BinaryWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init(reserving capacity: Int = 64) { bytes.reserveCapacity(capacity) }

  package mutating func write(_ value: UInt8) { bytes.append(value) }
  package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }
  package mutating func write(_ value: UInt16) { append(UInt64(value), count: 2) }
  package mutating func write(_ value: UInt32) { append(UInt64(value), count: 4) }
  package mutating func write(_ value: UInt64) { append(value, count: 8) }
  package mutating func write(_ value: Int32) { write(UInt32(bitPattern: value)) }
  package mutating func write(_ value: Int64) { write(UInt64(bitPattern: value)) }
  package mutating func write(_ value: Double) { write(value.bitPattern) }

  package mutating func write(_ value: Digest) {
    write(value.high)
    write(value.low)
  }

  /// - Precondition: fewer than 2³² bytes.
  package mutating func write(_ value: ByteString) {
    write(UInt32(value.count))
    bytes.append(contentsOf: value.bytes)
  }

  package mutating func write(_ value: String) { write(ByteString(value)) }

  package mutating func write(_ value: Artifact) {
    write(UInt8(value.kind.rawValue | (value.isExecutable ? 2 : 0)))
    write(value.digest)
    write(value.size)
  }

  /// Bytes as they are, without their length.
  package mutating func append(_ raw: [UInt8]) { bytes.append(contentsOf: raw) }

  private mutating func append(_ value: UInt64, count: Int) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0.prefix(count)) }
  }
}

/// Reads what ``BinaryWriter`` wrote. Every read gives nil where the bytes end too early or cannot be meant so; there is no
/// input that makes it trap.
package struct BinaryReader: Sendable {
  private let bytes: [UInt8]
  private let end: Int
  package private(set) var offset = 0

  /// - Parameter count: how many bytes from the front are read; all of them where nil.
  package init(_ bytes: [UInt8], count: Int? = nil) {
    self.bytes = bytes
    end = min(count ?? bytes.count, bytes.count)
  }

  package var isAtEnd: Bool { offset == end }
  /// How many bytes are left; an upper bound for any count that is read.
  package var remaining: Int { end - offset }

  package mutating func readUInt8() -> UInt8? {
    guard offset < end else { return nil }
    defer { offset += 1 }
    return bytes[offset]
  }

  package mutating func readBool() -> Bool? {
    switch readUInt8() {
    case 0: false
    case 1: true
    case _: nil
    }
  }

  package mutating func readUInt16() -> UInt16? { readWord(2).map { UInt16(truncatingIfNeeded: $0) } }
  package mutating func readUInt32() -> UInt32? { readWord(4).map { UInt32(truncatingIfNeeded: $0) } }
  package mutating func readUInt64() -> UInt64? { readWord(8) }
  package mutating func readInt32() -> Int32? { readUInt32().map { Int32(bitPattern: $0) } }
  package mutating func readInt64() -> Int64? { readWord(8).map { Int64(bitPattern: $0) } }
  package mutating func readDouble() -> Double? { readWord(8).map { Double(bitPattern: $0) } }

  package mutating func readDigest() -> Digest? {
    guard let high = readWord(8), let low = readWord(8) else { return nil }
    return Digest(high: high, low: low)
  }

  package mutating func readByteString() -> ByteString? {
    guard let count = readUInt32(), Int(count) <= remaining else { return nil }
    defer { offset += Int(count) }
    return ByteString(bytes: Array(bytes[offset..<offset + Int(count)]))
  }

  package mutating func readString() -> String? { readByteString()?.utf8 }

  package mutating func readArtifact() -> Artifact? {
    guard let tag = readUInt8(), tag < 3, let digest = readDigest(), let size = readInt64(), size >= 0,
      let kind = ArtifactKind(rawValue: tag & 1)
    else { return nil }
    return Artifact(kind: kind, digest: digest, isExecutable: tag & 2 != 0, size: size)
  }

  private mutating func readWord(_ count: Int) -> UInt64? {
    guard remaining >= count else { return nil }
    defer { offset += count }
    if count == 8 {
      return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
    return value
  }
}
