#if arch(x86_64)
  /// 64 bits of mantissa, as the original keeps for literals.
  package typealias Extended = Float80
#else
  /// The widest that the platform computes with; literals of more than 17 digits lose some.
  package typealias Extended = Double
#endif

/// A float: a number and the precision that it has, like the original's.
///
/// Literals have 64 bits of mantissa, what comes from an int has 53, and an operation gives the larger of its operands'
/// precisions. With 53 bits everything is an IEEE double.
package struct Floating {
  package enum Precision: Comparable { case double, extended }

  package let value: Extended
  package let precision: Precision

  package init(_ value: Extended, _ precision: Precision) {
    self.precision = precision
    self.value = precision == .double ? Extended(Double(value)) : value
  }

  init(_ value: Double) {
    self.value = Extended(value)
    precision = .double
  }

  /// The value of a decimal literal: `1.`, `.5`, `1.5e-8`.
  package init?(literal text: String) {
    var digits = text
    if digits.hasSuffix(".") { digits += "0" }
    if digits.hasPrefix(".") { digits = "0" + digits }
    digits = digits.split(separator: ".", omittingEmptySubsequences: false).enumerated().map { position, part in
      // `1.e3` has no digit behind the point, which the parser of numbers wants.
      position > 0 && (part.first.map { !$0.isASCII || !$0.isNumber } ?? true) ? "0" + part : String(part)
    }.joined(separator: ".")
    guard let value = Extended(digits) else { return nil }
    self.value = value
    precision = .extended
  }

  static func operate(_ a: Floating, _ b: Floating, _ operation: (Extended, Extended) -> Extended) -> Floating {
    // Both being doubles, rounding the extended result once more could differ from the double result in the last bit;
    // the extended mantissa has not the 2p + 2 bits that would rule that out. See `double`.
    Floating(operation(a.value, b.value), max(a.precision, b.precision))
  }

  static func add(_ a: Floating, _ b: Floating) -> Floating {
    a.isDouble && b.isDouble ? Floating(a.double + b.double) : operate(a, b, +)
  }

  static func subtract(_ a: Floating, _ b: Floating) -> Floating {
    a.isDouble && b.isDouble ? Floating(a.double - b.double) : operate(a, b, -)
  }

  static func multiply(_ a: Floating, _ b: Floating) -> Floating {
    a.isDouble && b.isDouble ? Floating(a.double * b.double) : operate(a, b, *)
  }

  static func divide(_ a: Floating, _ b: Floating) -> Floating {
    a.isDouble && b.isDouble ? Floating(a.double / b.double) : operate(a, b, /)
  }

  var negated: Floating { Floating(-value, precision) }
  package var double: Double { Double(value) }
  private var isDouble: Bool { precision == .double }

  /// Towards zero; what lies beyond 64 bits becomes the largest or smallest int of 64 bits, as in the original.
  var truncated: Int {
    if value >= 0x1p63 { return .max }
    if value <= -0x1p63 { return .min }
    return Int(value)
  }
}
