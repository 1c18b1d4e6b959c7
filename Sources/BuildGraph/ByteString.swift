/// A string of bytes: a path, a string value of the language, a piece of a command.
///
/// Compared and hashed bytewise. Swift's `String` compares by canonical equivalence and would take two different
/// files, or two different map keys, for one.
package struct ByteString: Hashable, Sendable, Comparable, ExpressibleByStringLiteral {
  package var bytes: [UInt8]

  package init(bytes: [UInt8] = []) { self.bytes = bytes }
  package init(_ text: some StringProtocol) { bytes = Array(text.utf8) }
  package init(stringLiteral value: String) { bytes = Array(value.utf8) }

  package var isEmpty: Bool { bytes.isEmpty }
  package var count: Int { bytes.count }

  /// The text, or nil where the bytes are not UTF-8.
  package var utf8: String? { String(validating: bytes, as: UTF8.self) }

  /// For people: bytes that are not UTF-8, and control characters, appear as `\xNN`.
  ///
  /// - Complexity: O(count).
  package var display: String {
    if let text = utf8, !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return text }
    var result = ""
    var rest = bytes[...]
    while let first = rest.first {
      let length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
      if first >= 0x20, first != 0x7F, let scalar = String(validating: rest.prefix(length), as: UTF8.self) {
        result += scalar
        rest = rest.dropFirst(length)
      } else {
        let hex = String(first, radix: 16)
        result += "\\x" + (hex.count < 2 ? "0" : "") + hex
        rest = rest.dropFirst()
      }
    }
    return result
  }

  /// The bytes at once; hashing them one by one is what `[UInt8]` does.
  package func hash(into hasher: inout Hasher) {
    hasher.combine(bytes.count)
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }

  package static func < (a: Self, b: Self) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
  package static func + (a: Self, b: Self) -> Self { ByteString(bytes: a.bytes + b.bytes) }
  package static func += (a: inout Self, b: Self) { a.bytes += b.bytes }
}
