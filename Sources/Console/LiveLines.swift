/// The size of a terminal, in characters.
package struct TerminalSize: Hashable, Sendable {
  package var columns: Int
  package var rows: Int

  package init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
  }
}

/// A few lines at the bottom of what was written, each frame drawn over the one before: no line is cleared before its new text is there, so
/// nothing flickers.
///
/// The cursor rests behind the last of them.
struct LiveLines {
  /// How wide each line is that stands there.
  private var widths: [Int] = []

  var isThere: Bool { !widths.isEmpty }

  /// What draws these lines over the old ones.
  ///
  /// - Parameter lines: plain text, and the same as it is to be shown; those that are too long are cut, and shown plain.
  mutating func frame(_ lines: [(plain: String, shown: String)], columns: Int) -> String {
    var text = home(columns: columns)
    var new: [Int] = []
    for (index, line) in lines.enumerated() {
      if index > 0 { text += "\n" }
      // The last column stays free: a terminal that wraps there would move all that follows.
      let cut = Self.prefix(line.plain, columns: columns - 1)
      text += (cut.count < line.plain.count ? cut : line.shown) + "\u{1B}[K"
      new.append(Self.width(cut))
    }
    widths = new
    return text + "\u{1B}[J"
  }

  /// What takes them away.
  mutating func erasure(columns: Int) -> String {
    guard isThere else { return "" }
    defer { widths = [] }
    return home(columns: columns) + "\u{1B}[J"
  }

  /// To the beginning of the first line. A terminal that has become narrower has wrapped them.
  private func home(columns: Int) -> String {
    guard isThere else { return "" }
    let rows = widths.reduce(0) { $0 + max(1, ($1 + columns - 1) / max(1, columns)) }
    return rows > 1 ? "\r\u{1B}[\(rows - 1)A" : "\r"
  }

  /// As much of a text as fits, in columns.
  static func prefix(_ text: String, columns: Int) -> String {
    var width = 0
    var end = text.startIndex
    for index in text.indices {
      width += columnsOf(text[index])
      if width > max(1, columns) { return String(text[..<end]) }
      end = text.index(after: index)
    }
    return text
  }

  static func width(_ text: String) -> Int { text.reduce(0) { $0 + columnsOf($1) } }

  /// Two for what East Asian terminals show wide, and for pictograms.
  private static func columnsOf(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      return 2
    case _: return 1
    }
  }
}
