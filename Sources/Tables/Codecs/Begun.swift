import BuildGraph
import Language

/// The bytes of a record that has begun, and where in it a scanner would stand. A chain, since a record may go over many chunks.
final class Begun: Equatable {
  /// Where a character stands that decides whether a line feed ends the record.
  private enum Place { case fieldStart, plain, quoted, behindQuote, malformed }

  private let before: Begun?
  private let own: [UInt8]
  private let format: FileTable.Format
  private let place: Place
  /// Of all bytes, with those before.
  let count: Int
  /// Tells records that have begun apart.
  let digest: Digest

  init(_ format: FileTable.Format, _ bytes: UnsafeBufferPointer<UInt8>, after before: Begun?) {
    self.before = before
    self.format = format
    own = Array(bytes)
    count = own.count + (before?.count ?? 0)
    var place = before?.place ?? .fieldStart
    _ = Self.end(in: bytes, &place, format)
    self.place = place
    var manifest = DigestManifest()
    if let before { manifest.write(.identity, before.digest) }
    manifest.write(.value, Digest(hashing: bytes))
    digest = manifest.finish()
  }

  static func == (a: Begun, b: Begun) -> Bool { a.count == b.count && a.digest == b.digest }

  /// All bytes of the record so far.
  var bytes: [UInt8] {
    var parts: [[UInt8]] = [own]
    var next = before
    while let part = next {
      parts.append(part.own)
      next = part.before
    }
    return Array(parts.reversed().joined())
  }

  /// How much of the bytes that follow belongs to the record; nil if it does not end in them.
  func end(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    var place = place
    return Self.end(in: bytes, &place, format)
  }

  private static func end(
    in bytes: UnsafeBufferPointer<UInt8>, _ place: inout Place, _ format: FileTable.Format
  ) -> Int? {
    for (index, byte) in bytes.enumerated() {
      if byte == 0x0A, place != .quoted { return index + 1 }
      guard format == .csv else { continue }
      switch place {
      case .fieldStart: place = byte == 0x22 ? .quoted : byte == 0x2C ? .fieldStart : .plain
      case .plain: if byte == 0x2C { place = .fieldStart }
      case .quoted: if byte == 0x22 { place = .behindQuote }
      case .behindQuote: place = byte == 0x22 ? .quoted : byte == 0x2C ? .fieldStart : .malformed
      case .malformed: break
      }
    }
    return nil
  }
}
