package import Diagnostics
import TOMLKit

extension Settings {
  /// The environment variable that overrides a key of the file: `REFLOW_SANDBOX_MODE` for `sandbox.mode`.
  package static func variable(forKey key: String) -> String {
    "REFLOW_" + String(key.map { $0 == "." || $0 == "-" ? "_" : $0 }).uppercased()
  }

  /// The variables that override keys, in the order of their names. Tables, such as the mappings, have none.
  package static var variables: [String] { keys.map { variable(forKey: $0.name) }.sorted() }

  /// What watches and workers set for others, and nobody for the configuration.
  private static let others: Set<String> = ["REFLOW_ROOT", "REFLOW_OUT", "REFLOW_RUN", "REFLOW_STATUS"]

  /// Applies the environment on top of what the file says. An empty variable is one that is not set.
  ///
  /// A value is written as in the file but without quotes; the members of a list are parted by colons. A variable that
  /// almost has the name of one is reported: its author takes it for one. Others that begin with `REFLOW_` are
  /// somebody else's.
  package mutating func apply(environment: [String: String]) -> [Diagnostic] {
    if environment.isEmpty { return [] }
    var diagnostics: [Diagnostic] = []
    for key in Self.keys {
      let name = Self.variable(forKey: key.name)
      guard let text = environment[name], !text.isEmpty else { continue }
      guard Self.readings(of: text).contains(where: { key.set($0, &self) }) else {
        diagnostics.append(
          Diagnostic(
            "configuration.invalid-value", "the environment variable \(name) takes \(key.expectation), not '\(text)'"))
        continue
      }
    }
    let known = Set(Self.variables)
    for name in environment.keys.sorted() where name.hasPrefix("REFLOW_") && !known.contains(name) {
      guard !Self.others.contains(name), let meant = Suggestion.nearest(to: name, among: known.sorted()) else {
        continue
      }
      diagnostics.append(
        Diagnostic(
          "configuration.unknown-key", "there is no environment variable \(name)",
          notes: [Diagnostic.Note("did you mean \(meant)?")]))
    }
    return diagnostics
  }

  /// What a text may mean, the first that a key takes counts.
  private static func readings(of text: String) -> [any TOMLValueConvertible] {
    var readings: [any TOMLValueConvertible] = [text]
    if let number = Int(text) { readings.append(number) }
    if text == "true" || text == "false" { readings.append(text == "true") }
    if let number = Double(text) { readings.append(number) }
    readings.append(TOMLArray(text.split(separator: ":").map { String($0) as any TOMLValueConvertible }))
    return readings
  }
}
