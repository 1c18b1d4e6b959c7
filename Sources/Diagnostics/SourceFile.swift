/// The text of one source file, with the table that turns offsets into lines.
///
/// Text is bytes: a program may hold invalid UTF-8, which the lexer reports and the renderer must survive.
package final class SourceFile: Sendable {
  /// The name under which messages show the file: the path as the user wrote it.
  package let name: String
  package let text: [UInt8]
  /// The offset of the first byte of each line; never empty.
  package let lineStarts: [Int]

  /// - Complexity: O(bytes).
  package init(name: String, text: [UInt8]) {
    self.name = name
    self.text = text
    var starts = [0]
    for (offset, byte) in text.enumerated() where byte == UInt8(ascii: "\n") { starts.append(offset + 1) }
    lineStarts = starts
  }

  package convenience init(name: String, text: String) {
    self.init(name: name, text: Array(text.utf8))
  }

  /// The 1-based line and column of an offset; the column counts Unicode scalars, so that carets stand under what they mean.
  ///
  /// - Complexity: O(log lines + length of the line).
  package func position(of offset: Int) -> SourcePosition {
    var low = 0
    var high = lineStarts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    let end = max(lineStarts[low], min(offset, text.count))
    let column = text[lineStarts[low]..<end].reduce(1) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    return SourcePosition(line: low + 1, column: column)
  }

  /// The bytes of a 1-based line, without its line break.
  package func line(_ number: Int) -> ArraySlice<UInt8> {
    let start = lineStarts[number - 1]
    var end = number < lineStarts.count ? lineStarts[number] - 1 : text.count
    if end > start, text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return text[start..<end]
  }
}

/// A 1-based line and column.
package struct SourcePosition: Hashable, Sendable {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}

/// A range of UTF-8 offsets in one file. Lines and columns are computed only when it is shown.
package struct SourceRange: Hashable, Sendable {
  package let file: SourceFile
  package let lower: Int
  package let upper: Int

  package init(_ file: SourceFile, _ lower: Int, _ upper: Int) {
    self.file = file
    self.lower = lower
    self.upper = max(lower, upper)
  }

  package var start: SourcePosition { file.position(of: lower) }

  package static func == (a: Self, b: Self) -> Bool {
    a.file === b.file && a.lower == b.lower && a.upper == b.upper
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(ObjectIdentifier(file))
    hasher.combine(lower)
    hasher.combine(upper)
  }
}
