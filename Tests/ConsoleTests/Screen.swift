/// A terminal, as far as living lines need one: what a person would see.
struct Screen {
  let columns: Int
  private(set) var lines: [[Character]] = [[]]
  private var row = 0
  private var column = 0

  init(columns: Int) { self.columns = columns }

  /// Without blanks at ends of lines, nor empty lines at the end.
  var text: String {
    var shown = lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
    while shown.last == "" { shown.removeLast() }
    return shown.joined(separator: "\n")
  }

  /// - Returns: false for what it does not know.
  @discardableResult
  mutating func take(_ text: String) -> Bool {
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\r": column = 0
      case "\n":
        (row, column) = (row + 1, 0)
        if row == lines.count { lines.append([]) }
      case "\u{1B}":
        guard rest.popFirst() == "[" else { return false }
        let number = rest.prefix { ("0"..."9").contains($0) || $0 == ";" }
        rest = rest.dropFirst(number.count)
        switch rest.popFirst() {
        case "A": row = max(0, row - (Int(String(number)) ?? 1))
        case "K": lines[row] = Array(lines[row].prefix(column))
        case "J":
          lines[row] = Array(lines[row].prefix(column))
          lines.removeSubrange((row + 1)...)
        case "m": break
        case _: return false
        }
      case _:
        if column == columns {
          (row, column) = (row + 1, 0)
          if row == lines.count { lines.append([]) }
        }
        while lines[row].count <= column { lines[row].append(" ") }
        lines[row][column] = Character(scalar)
        column += 1
      }
    }
    return true
  }
}
