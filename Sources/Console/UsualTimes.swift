/// What steps took the last time, for who looks on.
struct UsualTimes {
  /// Seconds of the last good run, by label.
  private let byLabel: [String: Double]
  /// Their means, by the name that labels begin with: also good for inputs that are new.
  private let byName: [String: Double]

  init(_ history: [String: Double]) {
    byLabel = history
    var sums: [String: (count: Int, seconds: Double)] = [:]
    for (label, seconds) in history {
      let sum = sums[Self.name(of: label)] ?? (0, 0)
      sums[Self.name(of: label)] = (sum.count + 1, sum.seconds + seconds)
    }
    byName = sums.mapValues { $0.seconds / Double($0.count) }
  }

  /// `Counts` of `Counts[08-ruth.txt]`.
  private static func name(of label: String) -> String { String(label.prefix { $0 != "[" && $0 != "#" }) }

  /// What a step takes; nil where nothing is known.
  func expected(_ label: String) -> Double? { byLabel[label] ?? byName[Self.name(of: label)] }

  /// `about 40 s left`: rounded, so that it does not fidget; empty for less than two seconds.
  static func left(_ seconds: Double) -> String {
    if seconds < 2 { return "" }
    if seconds < 10 { return "about \(Int(seconds.rounded())) s left" }
    if seconds < 58 { return "about \(Int((seconds / 5).rounded()) * 5) s left" }
    let minutes = Int((seconds / 60).rounded())
    if minutes < 60 { return "about \(max(1, minutes)) min left" }
    return "about \(minutes / 60) h \(minutes % 60 / 5 * 5) min left"
  }
}
