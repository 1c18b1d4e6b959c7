/// How large the box of a unit is, and what stands in it. Widths are estimated: the same on every machine.
enum Box {
  static let height = 26.0
  static let groupHeight = 40.0
  static let longestLabel = 34

  /// A label that is too long keeps its ends, which tell more than its middle.
  static func shown(_ label: String) -> String {
    guard label.count > longestLabel else { return label }
    return label.prefix(longestLabel - 14) + "…" + label.suffix(13)
  }

  static func size(of unit: Grouping.Unit) -> Layout.Size {
    let letters = unit.isGroup ? max(shown(unit.label).count, counted(unit).count) : shown(unit.label).count
    return Layout.Size(width: Double(letters) * 7.2 + 26, height: unit.isGroup ? groupHeight : height)
  }

  /// `66 steps`
  static func counted(_ unit: Grouping.Unit) -> String {
    let noun =
      switch unit.kind {
      case .source: "inputs"
      case .literal: "texts"
      case .folder: "folders"
      case .step: "steps"
      case .output: "outputs"
      }
    return "\(unit.members.count) \(noun)"
  }

  /// `3 run, 63 unchanged`; empty for what has no states.
  static func states(_ unit: Grouping.Unit, of picture: Picture) -> String {
    var counts: [Picture.State: Int] = [:]
    for member in unit.members { counts[picture.nodes[member].state, default: 0] += 1 }
    return Picture.State.allCases.filter { $0 != .plain }.compactMap { state in
      counts[state].map { "\($0) \(state.word)" }
    }.joined(separator: ", ")
  }
}

extension Picture.State {
  /// As people call it.
  package var word: String {
    switch self {
    case .plain: "input"
    case .run: "run"
    case .cached: "unchanged"
    case .stale: "stale"
    case .failed: "failed"
    }
  }
}

/// A length for a picture: tenths, without zeros at the end.
package func number(_ value: Double) -> String {
  guard value.isFinite, value.magnitude < 1e12 else { return "0" }
  let tenths = Int64((value * 10).rounded())
  let sign = tenths < 0 ? "-" : ""
  let digits = tenths.magnitude
  return digits % 10 == 0 ? "\(sign)\(digits / 10)" : "\(sign)\(digits / 10).\(digits % 10)"
}
