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

  /// A number in as few bytes as it needs: seven bits in each, the lowest first, the top bit set in all but the last.
  package mutating func write(compact value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  package mutating func write(compact value: Int) { write(compact: UInt64(value)) }

  /// A string with a compact length.
  package mutating func write(compact value: ByteString) {
    write(compact: value.count)
    bytes.append(contentsOf: value.bytes)
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
  package private(set) var offset: Int

  /// - Parameter count: how many bytes from the front are read; all of them where nil.
  package init(_ bytes: [UInt8], count: Int? = nil) {
    self.bytes = bytes
    offset = 0
    end = min(count ?? bytes.count, bytes.count)
  }

  /// Reads a part. What lies outside the bytes is not read, whatever the range says.
  package init(_ bytes: [UInt8], in range: Range<Int>) {
    self.bytes = bytes
    let part = range.clamped(to: 0..<bytes.count)
    offset = part.lowerBound
    end = part.upperBound
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

  /// Nil also where the number is written in more bytes than it needs: each has one form.
  package mutating func readCompact() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: 0 as UInt64, to: 64, by: 7) {
      guard let byte = readUInt8() else { return nil }
      let bits = UInt64(byte & 0x7F)
      guard shift < 63 || bits <= 1 else { return nil }
      value |= bits << shift
      if byte & 0x80 == 0 { return shift > 0 && byte == 0 ? nil : value }
    }
    return nil
  }

  /// A compact number that is an index or a count of something.
  package mutating func readCompactUInt32() -> UInt32? { readCompact().flatMap { UInt32(exactly: $0) } }

  package mutating func readCompactByteString() -> ByteString? {
    guard let count = readCompact(), count <= UInt64(remaining) else { return nil }
    defer { offset += Int(count) }
    return ByteString(bytes: Array(bytes[offset..<offset + Int(count)]))
  }

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
