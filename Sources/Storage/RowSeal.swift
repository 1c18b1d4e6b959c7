import BuildGraph
import CXXHash
import Ports

/// Guards the value of a row against flipped bits and against standing under a key that is not its own: SQLite checks the
/// structure of its pages and not their contents.
///
/// A sealed value is the payload and then 8 bytes: its XXH3-64, seeded with the table and the key.
enum RowSeal {
  /// The number is stored implicitly, as part of every seal: never change one.
  enum Table: UInt64 {
    case source = 1, result, derivation, trace, readSet, run, output, intent, graphPage, history, variant
  }

  static func seed(_ table: Table, _ key: Digest) -> UInt64 {
    table.rawValue &* 0x9E37_79B9_7F4A_7C15 ^ key.low ^ (key.high << 1 | key.high >> 63)
  }

  static func seed(_ table: Table, _ key: ByteString) -> UInt64 { seed(table, Digest(hashing: key.bytes)) }

  /// - Parameter number: of a page within the graph of a key.
  static func seed(_ table: Table, _ key: Digest, number: Int64) -> UInt64 {
    seed(table, key) &+ UInt64(bitPattern: number) &* 0xD6E8_FEB8_6659_FD93
  }

  static func seal(_ payload: [UInt8], seed: UInt64) -> [UInt8] {
    var writer = BinaryWriter(reserving: payload.count + 8)
    writer.append(payload)
    writer.write(checksum(payload, count: payload.count, seed: seed))
    return writer.bytes
  }

  /// A reader of the payload, or nil where the seal does not hold.
  static func open(_ sealed: [UInt8], seed: UInt64) -> BinaryReader? {
    guard sealed.count >= 8 else { return nil }
    let count = sealed.count - 8
    let expected = sealed.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: count, as: UInt64.self))
    }
    guard checksum(sealed, count: count, seed: seed) == expected else { return nil }
    return BinaryReader(sealed, count: count)
  }

  private static func checksum(_ bytes: [UInt8], count: Int, seed: UInt64) -> UInt64 {
    bytes.withUnsafeBytes { reflow_xxh3_64($0.baseAddress, count, seed) }
  }
}
