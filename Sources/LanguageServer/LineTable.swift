import Diagnostics

/// How a client counts the columns of a line.
package enum PositionEncoding: String, Sendable {
  case utf8 = "utf-8"
  case utf16 = "utf-16"
}

/// Turns offsets of a text into the lines and columns of the protocol, and back.
///
/// A line ends in `\n`, `\r\n` or `\r`. Whatever a client asks for, there is an answer: a line behind the last one is the
/// end of the text, a column behind the end of a line is that end, and a column inside a character is its beginning.
struct LineTable {
  let text: [UInt8]
  let encoding: PositionEncoding
  /// The offset of the first byte of each line; never empty.
  private let starts: [Int]

  /// - Complexity: O(bytes).
  init(_ text: [UInt8], _ encoding: PositionEncoding) {
    self.text = text
    self.encoding = encoding
    var starts = [0]
    for (offset, byte) in text.enumerated() {
      let isEnd =
        byte == UInt8(ascii: "\n")
        || (byte == UInt8(ascii: "\r") && (offset + 1 == text.count || text[offset + 1] != UInt8(ascii: "\n")))
      if isEnd { starts.append(offset + 1) }
    }
    self.starts = starts
  }

  var lineCount: Int { starts.count }

  /// The line, counted from 0, that an offset is on.
  ///
  /// - Complexity: O(log lines).
  func line(of offset: Int) -> Int {
    var low = 0
    var high = starts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  /// The bytes of a line without what ends it.
  func content(of line: Int) -> Range<Int> {
    let start = starts[line]
    guard line + 1 < starts.count else { return start..<text.count }
    var end = starts[line + 1] - 1
    if end > start, text[end] == UInt8(ascii: "\n"), text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return start..<end
  }

  /// How many columns a piece of a line has.
  func width(_ range: Range<Int>) -> Int {
    switch encoding {
    case .utf8: range.count
    case .utf16: text[range].reduce(0) { $0 + Self.units($1) }
    }
  }

  /// The UTF-16 units of the character that a byte begins.
  private static func units(_ byte: UInt8) -> Int { byte & 0xC0 == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1 }

  // MARK: Of the protocol

  func position(_ offset: Int) -> JSON {
    let offset = min(max(0, offset), text.count)
    let line = line(of: offset)
    return ["line": JSON(line), "character": JSON(width(starts[line]..<offset))]
  }

  func range(_ lower: Int, _ upper: Int) -> JSON { ["start": position(lower), "end": position(upper)] }

  /// - Returns: nil for what is no position.
  func offset(_ position: JSON?) -> Int? {
    guard let line = position?["line"]?.integer, let column = position?["character"]?.integer else { return nil }
    guard line >= 0 else { return 0 }
    guard line < starts.count else { return text.count }
    let content = content(of: line)
    var offset = content.lowerBound
    var rest = max(0, column)
    while offset < content.upperBound, rest > 0 {
      let width = encoding == .utf8 ? 1 : Self.units(text[offset])
      if width > rest { return offset }
      rest -= width
      offset += 1
      while offset < content.upperBound, text[offset] & 0xC0 == 0x80 {
        if encoding == .utf8 {
          // Inside a character.
          if rest == 0 { return beginning(offset) }
          rest -= 1
        }
        offset += 1
      }
    }
    return offset
  }

  /// The beginning of the character that a byte belongs to.
  private func beginning(_ offset: Int) -> Int {
    var offset = offset
    while offset > 0, text[offset] & 0xC0 == 0x80 { offset -= 1 }
    return offset
  }
}
