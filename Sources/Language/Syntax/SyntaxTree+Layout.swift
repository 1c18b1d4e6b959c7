package import BuildGraph
import Diagnostics

extension SyntaxTree {
  /// How the words stand in the file: equal for files that differ in comments and empty lines only, apart from the numbers of
  /// their lines.
  ///
  /// - Precondition: the file was parsed without an error, so that the tokens are all that it says.
  /// - Complexity: O(bytes).
  package var layout: ProgramLayout {
    var layout = ProgramLayout(file: source.name, words: Digest(high: 0, low: 0), lines: [])
    var words = BinaryWriter(reserving: source.text.count)
    var place = 0
    var line: UInt32 = 1
    var column = 1
    var lastLine: UInt32 = 0
    for token in tokens {
      words.write(token.kind.rawValue)
      // What the newline rule inserts, and the end, stand behind a comment or before it.
      if token.isInserted || token.kind == .end { continue }
      while place < Int(token.lower) {
        let byte = source.text[place]
        place += 1
        if byte == UInt8(ascii: "\n") {
          line += 1
          column = 1
        } else if byte & 0xC0 != 0x80 {
          column += 1
        }
      }
      words.write(line != lastLine)
      words.write(compact: column)
      words.write(compact: ByteString(bytes: Array(source.text[Int(token.lower)..<Int(token.upper)])))
      if line != lastLine { layout.append(line: line) }
      lastLine = line
    }
    layout.words = Digest(hashing: words.bytes)
    return layout
  }
}
