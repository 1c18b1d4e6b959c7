import BigInt
package import BuildGraph

/// Numbers and strings as Go's `fmt` prints them.
package enum GoText {
  /// `%q`: in double quotes on one line, what cannot be seen as escapes, bytes that are not UTF-8 as `\xNN`. It is a
  /// string literal of the language that stands for `value`.
  ///
  /// - Complexity: O(count).
  package static func quoted(_ value: ByteString) -> String {
    var result = "\""
    value.bytes.withUnsafeBufferPointer { bytes in
      var place = 0
      while place < bytes.count {
        let (scalar, width) = RegexMachine.scalar(in: bytes, at: place)
        let isDamaged = scalar == 0xFFFD && width == 1
        result += isDamaged ? byteEscape(bytes[place]) : quoted(scalar)
        place += width
      }
    }
    return result + "\""
  }

  private static func quoted(_ value: UInt32) -> String {
    switch value {
    case 0x07: return "\\a"
    case 0x08: return "\\b"
    case 0x09: return "\\t"
    case 0x0A: return "\\n"
    case 0x0B: return "\\v"
    case 0x0C: return "\\f"
    case 0x0D: return "\\r"
    case 0x22: return "\\\""
    case 0x5C: return "\\\\"
    case 0x20..<0x7F: return String(Unicode.Scalar(UInt8(value)))
    case 0..<0x80: return byteEscape(UInt8(value))
    default: break
    }
    if let scalar = Unicode.Scalar(value), isPrintable(scalar.properties.generalCategory) { return String(scalar) }
    return value < 0x10000
      ? "\\u" + hexadecimal(value, 4).lowercased() : "\\U" + hexadecimal(value, 8).lowercased()
  }

  private static func byteEscape(_ byte: UInt8) -> String { "\\x" + hexadecimal(byte, 2).lowercased() }

  private static func isPrintable(_ category: Unicode.GeneralCategory) -> Bool {
    switch category {
    case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator, .paragraphSeparator:
      false
    default: true
    }
  }

  /// `%.{precision}g`: at most `precision` significant digits, rounded from the exact value, ties to even.
  ///
  /// Values of less than 10⁻⁴ or with more digits before the point than `precision` get an exponent.
  ///
  /// - Precondition: `precision` ≥ 0; 0 means 1.
  /// - Complexity: O(exponent²).
  package static func general(_ value: some BinaryFloatingPoint, precision: Int) -> String {
    if value.isNaN { return "NaN" }
    let sign = value.sign == .minus ? "-" : ""
    if value.isInfinite { return (sign.isEmpty ? "+" : sign) + "Inf" }
    if value.isZero { return sign + "0" }
    let (digits, point) = digits(value.magnitude, count: max(1, precision))
    // Integers show all their digits, and need an exponent only when they have more than asked for.
    let limit = precision > digits.count && digits.count >= point ? digits.count : max(1, precision)
    let exponent = point - 1
    guard exponent < -4 || exponent >= limit else {
      if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
      if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) }
      return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
    let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
    let power = String(exponent.magnitude)
    return sign + digits.prefix(1) + fraction + (exponent < 0 ? "e-" : "e+") + (power.count < 2 ? "0" : "") + power
  }

  /// The first `count` significant digits without zeros at their end, and where the point is: 0.DIGITS × 10^point.
  private static func digits<F: BinaryFloatingPoint>(_ value: F, count: Int) -> (String, Int) {
    // The value is an integer times a power of two, which is written exactly in decimal.
    let bits = F.significandBitCount
    let integer = UInt64(F(sign: .plus, exponent: F.Exponent(bits), significand: value.significand))
    let exponent = Int(value.exponent) - bits
    let exact =
      exponent >= 0
      ? BigUInt(integer) << exponent : BigUInt(integer) * BigUInt(5).power(-exponent)
    var digits = Array(String(exact).utf8)
    var point = digits.count + min(0, exponent)
    if digits.count > count {
      let rest = digits[count...]
      let half = UInt8(ascii: "5")
      let isTie = rest.first == half && rest.dropFirst().allSatisfy { $0 == UInt8(ascii: "0") }
      let roundsUp = isTie ? digits[count - 1] & 1 == 1 : rest.first! >= half
      digits.removeSubrange(count...)
      if roundsUp {
        while digits.last == UInt8(ascii: "9") { digits.removeLast() }
        if let last = digits.last {
          digits[digits.count - 1] = last + 1
        } else {
          digits = [UInt8(ascii: "1")]
          point += 1
        }
      }
    }
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return (String(decoding: digits, as: UTF8.self), point)
  }
}
