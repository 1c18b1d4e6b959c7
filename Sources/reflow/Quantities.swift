import ArgumentParser

/// A size on the command line: digits, and behind them `K`, `M`, `G` or `T` for powers of 1024.
struct ByteSize: ExpressibleByArgument, Equatable {
  var bytes: Int64

  init?(argument: String) {
    guard let (number, unit) = Quantity.split(argument) else { return nil }
    let powers: [String: Int] = ["": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4]
    var name = unit.lowercased()
    for suffix in ["ib", "b"] where name.hasSuffix(suffix) && name.utf8.count > suffix.utf8.count {
      name.removeLast(suffix.utf8.count)
    }
    guard let power = powers[name] else { return nil }
    let value = (0..<power).reduce(number) { value, _ in value * 1024 }
    guard value < 9e18 else { return nil }
    bytes = Int64(value)
  }

  /// `1.5 GB` in steps of 1024, with one digit behind the point above bytes.
  static func text(_ bytes: Int64) -> String {
    var value = Double(bytes)
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
      if value < 1024 {
        return unit == "bytes" ? "\(bytes) \(bytes == 1 ? "byte" : "bytes")" : Self.digits(value) + " \(unit)"
      }
      value /= 1024
    }
    return Self.digits(value) + " TiB"
  }

  private static func digits(_ value: Double) -> String {
    let tenths = Int64((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}

/// An age on the command line: digits, and behind them `s`, `m`, `h`, `d` or `w`.
struct Age: ExpressibleByArgument, Equatable {
  var seconds: Double

  init?(argument: String) {
    guard let (number, unit) = Quantity.split(argument) else { return nil }
    let factors: [String: Double] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800]
    guard let factor = factors[unit.lowercased()] else { return nil }
    seconds = number * factor
  }
}

private enum Quantity {
  /// A number without a sign, and the letters behind it.
  static func split(_ text: String) -> (number: Double, unit: String)? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let first = digits.first, first != ".", let number = Double(digits), number.isFinite else { return nil }
    return (number, String(text.dropFirst(digits.count)))
  }
}
