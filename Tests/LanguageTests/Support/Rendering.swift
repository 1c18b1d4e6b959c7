import Diagnostics

/// Diagnostics as lines, for goldens and failures of tests.
enum Rendering {
  /// `file:line:column: severity: message [id]`
  static func short(_ diagnostic: Diagnostic) -> String {
    place(diagnostic.range) + "\(diagnostic.severity.rawValue): \(diagnostic.message) [\(diagnostic.id)]"
  }

  /// The same with notes and fixes, each on a line of its own.
  static func full(_ diagnostic: Diagnostic) -> String {
    var lines = [short(diagnostic)]
    for note in diagnostic.notes { lines.append("  " + place(note.range) + "note: " + note.message) }
    for fix in diagnostic.fixIts {
      let edits = fix.edits.map { "\(place($0.range))\"\($0.replacement)\"" }
      lines.append("  fix: " + fix.message + " (" + edits.joined(separator: ", ") + ")")
    }
    return lines.joined(separator: "\n")
  }

  private static func place(_ range: SourceRange?) -> String {
    guard let range else { return "" }
    let start = range.start
    let end = range.file.position(of: range.upper)
    let upTo = start.line == end.line ? "\(end.column)" : "\(end.line):\(end.column)"
    return "\(range.file.name):\(start.line):\(start.column)-\(upTo): "
  }
}
