import Language

/// The accepted and the written forms of fields.
enum Scalars {
  /// Decimal digits with an optional sign; nil beyond 64 bits.
  static func int(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
    var index = 0
    let isNegative = text.first == 0x2D
    if isNegative || text.first == 0x2B { index = 1 }
    guard index < text.count else { return nil }
    if text.count - index <= 18 {
      var value: Int64 = 0
      while index < text.count {
        let digit = text[index] &- 0x30
        guard digit < 10 else { return nil }
        value = value &* 10 &+ Int64(digit)
        index += 1
      }
      return isNegative ? -value : value
    }
    var magnitude: UInt64 = 0
    while index < text.count {
      let digit = text[index] &- 0x30
      guard digit < 10 else { return nil }
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
      if overflow || carry { return nil }
      magnitude = sum
      index += 1
    }
    if isNegative { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
    return Int64(exactly: magnitude)
  }

  /// The powers of ten that are doubles.
  private static let powers: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
  ]

  /// Digits with an optional sign, point and exponent; the nearest double, zero without its sign; nil if it is not finite.
  static func float(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
    var index = 0
    let isNegative = text.first == 0x2D
    if isNegative || text.first == 0x2B { index = 1 }
    var mantissa: UInt64 = 0
    var digits = 0
    var scale = 0
    var seenPoint = false
    while index < text.count {
      let byte = text[index]
      if byte == 0x2E, !seenPoint {
        seenPoint = true
      } else {
        let digit = byte &- 0x30
        guard digit < 10 else { break }
        mantissa = mantissa &* 10 &+ UInt64(digit)
        digits += 1
        if seenPoint { scale -= 1 }
      }
      index += 1
    }
    guard digits > 0 else { return nil }
    if index < text.count {
      guard text[index] | 0x20 == 0x65 else { return nil }
      index += 1
      var isDown = false
      if index < text.count, text[index] == 0x2D || text[index] == 0x2B {
        isDown = text[index] == 0x2D
        index += 1
      }
      guard index < text.count else { return nil }
      var exponent = 0
      while index < text.count {
        let digit = text[index] &- 0x30
        guard digit < 10 else { return nil }
        exponent = min(100_000, exponent * 10 + Int(digit))
        index += 1
      }
      scale += isDown ? -exponent : exponent
    }
    // With both exact, one operation rounds once.
    if digits <= 18, mantissa <= 1 << 53, abs(scale) <= 22 {
      if mantissa == 0 { return 0 }
      let value = scale < 0 ? Double(mantissa) / powers[-scale] : Double(mantissa) * powers[scale]
      return isNegative ? -value : value
    }
    guard let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite else { return nil }
    return value == 0 ? 0 : value
  }

  static func bool(_ text: UnsafeBufferPointer<UInt8>) -> Bool? {
    if text.elementsEqual("true".utf8) { return true }
    if text.elementsEqual("false".utf8) { return false }
    return nil
  }

  /// - Complexity: O(bytes); eight at a time while they are ASCII.
  @inline(__always)
  static func isUTF8(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    StringFunctions.isASCII(UnsafeRawBufferPointer(text)) || String(validating: text, as: UTF8.self) != nil
  }

  /// Appends an int, float or bool as it is written.
  static func append(_ word: UInt64, _ kind: ColumnKind, to bytes: inout [UInt8]) {
    switch kind {
    case .int: appendInt(Int64(bitPattern: word), to: &bytes)
    case .float: bytes.append(contentsOf: "\(Double(bitPattern: word))".utf8)
    case .bool: bytes.append(contentsOf: (word == 0 ? "false" : "true").utf8)
    case .string, .rows: preconditionFailure("strings are written by the format")
    }
  }

  private static func appendInt(_ value: Int64, to bytes: inout [UInt8]) {
    var magnitude = value.magnitude
    if value < 0 { bytes.append(0x2D) }
    let start = bytes.count
    repeat {
      bytes.append(UInt8(0x30 + magnitude % 10))
      magnitude /= 10
    } while magnitude > 0
    bytes[start...].reverse()
  }
}
