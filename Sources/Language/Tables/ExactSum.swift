package import BigInt

/// A sum without rounding: of ints, or of finite doubles in units of 2⁻¹⁰⁷⁴. Its order cannot matter.
package struct ExactSum: Hashable, Sendable {
  private static let scale = 1074

  private var units = BigInt(0)

  package init() {}

  /// - Precondition: it is finite.
  package mutating func add(_ value: Double) { units += Self.units(of: value) }
  package mutating func subtract(_ value: Double) { units -= Self.units(of: value) }
  package mutating func add(_ value: BigInt) { units += value << Self.scale }

  private static func units(of value: Double) -> BigInt {
    guard value != 0 else { return 0 }
    let mantissa = BigInt(value.significandBitPattern | (value.isNormal ? 1 << 52 : 0))
    let magnitude = mantissa << max(0, Int(value.exponentBitPattern) - 1)
    return value.sign == .minus ? -magnitude : magnitude
  }

  /// The double that is nearest to the sum divided by a count, the even one of two; infinite beyond the largest.
  ///
  /// - Precondition: `count` is at least 1.
  package func quotient(by count: BigInt = 1) -> Double {
    guard units != 0 else { return 0 }
    let magnitude = units.magnitude
    let divisor = count.magnitude
    // So many digits that what is cut off can be told from a half.
    let shift = max(0, 66 + divisor.bitWidth - magnitude.bitWidth)
    let (quotient, remainder) = (magnitude << shift).quotientAndRemainder(dividingBy: divisor)
    let unit = -Self.scale - shift
    let exponent = quotient.bitWidth - 1 + unit
    let precision = exponent >= -1022 ? 53 : 53 - (-1022 - exponent)
    let sign: FloatingPointSign = units < 0 ? .minus : .plus
    guard precision >= 0 else { return Double(sign: sign, exponent: 0, significand: 0) }
    let dropped = quotient.bitWidth - precision
    var mantissa = quotient >> dropped
    let rest = quotient - (mantissa << dropped)
    let half = BigUInt(1) << (dropped - 1)
    let isOdd = mantissa & 1 == 1
    if rest > half || (rest == half && (remainder != 0 || isOdd)) { mantissa += 1 }
    guard mantissa.bitWidth + dropped + unit <= 1024 else { return sign == .minus ? -.infinity : .infinity }
    return Double(sign: sign, exponent: dropped + unit, significand: Double(UInt64(mantissa)))
  }
}
