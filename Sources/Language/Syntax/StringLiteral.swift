import BuildGraph

/// The two ways to write a string: `"…"` with escapes, and raw between back quotes.
enum StringLiteral {
  /// The bytes that a literal stands for.
  ///
  /// - Parameters:
  ///   - literal: With its quotes.
  ///   - report: Told of each escape that is wrong, with its offsets; such an escape stands for nothing.
  static func value(_ literal: Slice<UnsafeBufferPointer<UInt8>>, report: (String, Int, Int) -> Void) -> ByteString {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(literal.count)
    let content = literal.dropFirst().dropLast()
    if literal.first == UInt8(ascii: "`") {
      bytes.append(contentsOf: content.filter { $0 != UInt8(ascii: "\r") })
      return ByteString(bytes: bytes)
    }
    var rest = content
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let letter = rest.popFirst() else {
        bytes.append(byte)
        continue
      }
      let lower = rest.startIndex - 2
      switch letter {
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "a"): bytes.append(0x07)
      case UInt8(ascii: "b"): bytes.append(0x08)
      case UInt8(ascii: "f"): bytes.append(0x0C)
      case UInt8(ascii: "v"): bytes.append(0x0B)
      case UInt8(ascii: "\\"), UInt8(ascii: "\""): bytes.append(letter)
      case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
        let width = letter == UInt8(ascii: "x") ? 2 : letter == UInt8(ascii: "u") ? 4 : 8
        guard let value = number(&rest, width: width, radix: 16) else {
          report("this escape needs \(width) hexadecimal digits", lower, rest.startIndex)
          continue
        }
        if width == 2 {
          bytes.append(UInt8(value))
        } else if let scalar = Unicode.Scalar(value) {
          bytes.append(contentsOf: UTF8.encode(scalar)!)
        } else {
          report("U+\(hexadecimal(value, 4)) is not a Unicode character", lower, rest.startIndex)
        }
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        rest = content[(rest.startIndex - 1)...]
        guard let value = number(&rest, width: 3, radix: 8), value < 256 else {
          report("this escape needs three octal digits, at most \\377", lower, rest.startIndex)
          continue
        }
        bytes.append(UInt8(value))
      default:
        while let next = rest.first, next & 0xC0 == 0x80 { rest = rest.dropFirst() }
        let shown = String(decoding: content[lower..<rest.startIndex], as: UTF8.self)
        report("there is no escape '\(shown)'; a backslash is written '\\\\'", lower, rest.startIndex)
      }
    }
    return ByteString(bytes: bytes)
  }

  /// Takes exactly `width` digits, or as many as there are and returns nil.
  private static func number(_ rest: inout Slice<UnsafeBufferPointer<UInt8>>, width: Int, radix: UInt32) -> UInt32? {
    var value: UInt32 = 0
    for _ in 0..<width {
      guard let byte = rest.first, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < radix else {
        return nil
      }
      // Eight hexadecimal digits fill 32 bits and do not exceed them.
      value = value * radix + UInt32(digit)
      rest = rest.dropFirst()
    }
    return value
  }
}
