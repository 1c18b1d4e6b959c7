package import Diagnostics

/// Turns diagnostics into text: `file:line:column: error: message [id]`, the source line, a caret, notes and mends.
package struct DiagnosticRenderer: Sendable {
  package var style: Style

  package init(style: Style) { self.style = style }

  /// - Complexity: O(length of the lines shown).
  package func render(_ diagnostic: Diagnostic) -> String {
    var text =
      head(severity: diagnostic.severity, message: diagnostic.message, id: diagnostic.id, range: diagnostic.range)
    for note in diagnostic.notes { text += head(severity: .note, message: note.message, id: nil, range: note.range) }
    for fixIt in diagnostic.fixIts { text += "  " + style.strong("help:") + " " + fixIt.message + "\n" }
    return text
  }

  private func head(severity: Diagnostic.Severity, message: String, id: Diagnostic.ID?, range: SourceRange?) -> String {
    let word: String
    switch severity {
    case .error: word = style.bad("error:")
    case .warning: word = style.notable("warning:")
    case .note: word = style.quiet("note:")
    }
    let suffix = id.map { " " + style.quiet("[\($0)]") } ?? ""
    guard let range else { return word + " " + message + suffix + "\n" }
    let start = range.start
    let place = style.strong("\(range.file.name):\(start.line):\(start.column):")
    return place + " " + word + " " + message + suffix + "\n" + excerpt(range, start)
  }

  /// The line and a caret under the range; a range of several lines is marked to the end of the first.
  private func excerpt(_ range: SourceRange, _ start: SourcePosition) -> String {
    let line = range.file.line(start.line)
    let number = String(start.line)
    let margin = String(repeating: " ", count: number.utf8.count + 2) + "| "
    let shown = Self.visible(line)
    let before = Self.visible(line.prefix(max(0, range.lower - line.startIndex)))
    let end = min(max(range.upper, range.lower), line.endIndex)
    let marked = range.lower < end ? Self.visible(line[range.lower..<end]).unicodeScalars.count : 1
    let carets = "^" + String(repeating: "~", count: max(0, marked - 1))
    return " \(number) | \(shown)\n" + margin + String(repeating: " ", count: before.unicodeScalars.count)
      + style.bad(carets) + "\n"
  }

  /// Tabs become four blanks and what cannot be shown becomes a question mark, so that carets stand under what they mean.
  private static func visible(_ bytes: ArraySlice<UInt8>) -> String {
    var text = ""
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      if scalar == "\t" {
        text += "    "
      } else if scalar.value < 0x20 || scalar.value == 0x7F {
        text += "?"
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

/// How text is set off on a terminal; nothing where there is none, or where `NO_COLOR` is set.
package struct Style: Hashable, Sendable {
  package var isColored: Bool

  package init(isColored: Bool) { self.isColored = isColored }

  package func strong(_ text: String) -> String { paint(text, "1") }
  package func bad(_ text: String) -> String { paint(text, "1;31") }
  package func notable(_ text: String) -> String { paint(text, "1;33") }
  package func good(_ text: String) -> String { paint(text, "32") }
  package func quiet(_ text: String) -> String { paint(text, "2") }

  private func paint(_ text: String, _ code: String) -> String {
    isColored ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}
