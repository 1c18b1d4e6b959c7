/// Amounts as people read them.
package enum Measure {
  /// `340 ms`, `2.41 s`, `3 min 12 s`.
  package static func seconds(_ value: Double) -> String {
    if value < 0.9995 { return "\(Int((value * 1000).rounded())) ms" }
    if value < 60 {
      let hundredths = Int((value * 100).rounded())
      let rest = hundredths % 100
      return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) s"
    }
    let whole = Int(value.rounded())
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }

  /// `512 B`, `3.4 MiB`.
  package static func bytes(_ count: Int64) -> String {
    if count < 1024 { return "\(count) B" }
    var value = Double(count)
    var unit = 0
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while value >= 1023.95, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }
}

/// An instant in universal time, which is the same for everybody who reads it.
package struct Moment: CustomStringConvertible {
  private let seconds: Int64

  /// - Parameter seconds: since 1970.
  package init(_ seconds: Double) { self.seconds = Int64(max(0, min(seconds, 253_402_300_799))) }

  /// `2026-11-21 07:05:09 UTC`
  package var description: String {
    let (days, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
    let (year, month, day) = Self.date(days)
    func two(_ value: Int64) -> String { (value < 10 ? "0" : "") + "\(value)" }
    return "\(year)-\(two(month))-\(two(day)) \(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60)) UTC"
  }

  /// The civil date of a day counted from 1970-01-01. See: E. G. Richards, "Calendars", in Explanatory Supplement to the
  /// Astronomical Almanac, 2013.
  private static func date(_ days: Int64) -> (Int64, Int64, Int64) {
    let julian = days + 2_440_588
    let f = julian + 1401 + (((4 * julian + 274_277) / 146_097) * 3) / 4 - 38
    let e = 4 * f + 3
    let g = (e % 1461) / 4
    let h = 5 * g + 2
    let day = (h % 153) / 5 + 1
    let month = (h / 153 + 2) % 12 + 1
    let year = e / 1461 - 4716 + (14 - month) / 12
    return (year, month, day)
  }
}
