import Diagnostics

/// Turns text into tokens, one at a time.
///
/// It works on demand, because only the parser knows where `{"` begins a template and where an interpolation ends;
/// it can therefore be sent back to an offset (``rewind(to:)``), and then forgets what it said about the text after it.
struct Lexer {
  let source: SourceFile
  let text: UnsafeBufferPointer<UInt8>
  private(set) var offset = 0
  /// Whether a line break at this place ends a declaration.
  private var endsLine = false
  /// How many interpolations are open; inside one a line break is white space.
  var interpolations = 0
  private(set) var comments: [Comment] = []
  private(set) var diagnostics: [Diagnostic] = []
  /// No template or interpolation ends from this offset on.
  var unmarkedFrom = Int.max
  private let keywords: [UInt64: Token.Kind]

  init(source: SourceFile, text: UnsafeBufferPointer<UInt8>) {
    self.source = source
    self.text = text
    var keywords: [UInt64: Token.Kind] = [:]
    for (spelling, kind) in Token.Kind.keywords { keywords[Self.packed(spelling.utf8)] = kind }
    self.keywords = keywords
    if text.count >= 3, text[0] == 0xEF, text[1] == 0xBB, text[2] == 0xBF { offset = 3 }
  }

  private static func packed(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

  /// The byte at a distance from the current one, or 0 past the end.
  func byte(_ distance: Int = 0) -> UInt8 {
    let place = offset + distance
    return place < text.count ? text[place] : 0
  }

  mutating func report(
    _ id: Diagnostic.ID, _ message: String, _ lower: Int, _ upper: Int, notes: [Diagnostic.Note] = [],
    fixIts: [FixIt] = []
  ) {
    diagnostics.append(Diagnostic(id, message, at: SourceRange(source, lower, upper), notes: notes, fixIts: fixIts))
  }

  /// Goes back to `offset`, and takes back the comments and diagnostics at or after it.
  ///
  /// - Parameter index: The index of the token that will be read there.
  mutating func rewind(to offset: Int, index: TokenIndex) {
    self.offset = offset
    endsLine = false
    while let last = comments.last, last.lower >= Int32(offset) { comments.removeLast() }
    var last = comments.count - 1
    while last >= 0, comments[last].before > index {
      comments[last].before = index
      last -= 1
    }
    while let last = diagnostics.last?.range, last.lower >= offset { diagnostics.removeLast() }
  }

  /// Takes back all but the first `count` diagnostics, which are about text that was skipped.
  mutating func forgetDiagnostics(after count: Int) { diagnostics.removeSubrange(count...) }

  /// The next token; `.end`, again and again, at the end.
  ///
  /// - Parameter index: The index that the token will have.
  mutating func next(_ index: TokenIndex) -> Token {
    while offset < text.count {
      let byte = text[offset]
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
        offset += 1
      case UInt8(ascii: "\n"):
        offset += 1
        if endsLine && interpolations == 0 {
          endsLine = false
          return Token(kind: .semicolon, lower: Int32(offset - 1), upper: Int32(offset - 1))
        }
      case UInt8(ascii: "/") where self.byte(1) == UInt8(ascii: "/"):
        lineComment(index)
      case UInt8(ascii: "/") where self.byte(1) == UInt8(ascii: "*"):
        blockComment(index)
      default:
        let lower = offset
        let kind = scan(byte)
        endsLine = kind.endsLine
        return Token(kind: kind, lower: Int32(lower), upper: Int32(offset))
      }
    }
    let end = Int32(text.count)
    if endsLine && interpolations == 0 {
      endsLine = false
      return Token(kind: .semicolon, lower: end, upper: end)
    }
    return Token(kind: .end, lower: end, upper: end)
  }

  private mutating func lineComment(_ index: TokenIndex) {
    let lower = offset
    while offset < text.count, text[offset] != UInt8(ascii: "\n") {
      // For the original an interpolation ends at the first `}}`, comment or not.
      if interpolations > 0, text[offset] == UInt8(ascii: "}"), byte(1) == UInt8(ascii: "}") { break }
      offset += 1
    }
    comments.append(Comment(lower: Int32(lower), upper: Int32(offset), before: index))
  }

  private mutating func blockComment(_ index: TokenIndex) {
    let lower = offset
    offset += 2
    while offset < text.count, !(text[offset] == UInt8(ascii: "*") && byte(1) == UInt8(ascii: "/")) { offset += 1 }
    if offset < text.count {
      offset += 2
    } else {
      report("language.unterminated-comment", "this comment has no end: expected '*/'", lower, lower + 2)
    }
    comments.append(Comment(lower: Int32(lower), upper: Int32(offset), before: index))
  }

  private mutating func scan(_ byte: UInt8) -> Token.Kind {
    if isLetter(byte) { return word() }
    if isDigit(byte) || (byte == UInt8(ascii: ".") && isDigit(self.byte(1))) { return number() }
    if byte == UInt8(ascii: "\"") { return string() }
    if byte == UInt8(ascii: "`") { return rawString() }
    if byte == UInt8(ascii: "'") { return character() }
    if let (kind, length) = punctuation(byte) {
      offset += length
      return kind
    }
    if byte >= 0x80, let scalar = scalar(), scalar.properties.generalCategory.isLetter { return word() }
    return stray()
  }

  private mutating func word() -> Token.Kind {
    let lower = offset
    var packed: UInt64 = 0
    while offset < text.count {
      let byte = text[offset]
      if isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") {
        packed = packed << 8 | UInt64(byte)
        offset += 1
      } else if byte >= 0x80, let scalar = scalar(), scalar.properties.generalCategory.isLetterOrDigit {
        packed = .max
        offset += UTF8.width(scalar)
      } else {
        break
      }
    }
    // Keywords have at most eight letters; a longer word has lost its first ones.
    return offset - lower <= 8 ? keywords[packed] ?? .identifier : .identifier
  }

  /// The scalar at the current offset, or nil where the bytes are not UTF-8.
  private func scalar() -> Unicode.Scalar? {
    var decoder = UTF8()
    var bytes = text[offset..<min(offset + 4, text.count)].makeIterator()
    switch decoder.decode(&bytes) {
    case .scalarValue(let scalar): return scalar
    case .emptyInput, .error: return nil
    }
  }

  /// A character that begins no token. Bytes that are not UTF-8 have been reported for the file as a whole.
  private mutating func stray() -> Token.Kind {
    let lower = offset
    guard let scalar = scalar() else {
      while offset < text.count, text[offset] >= 0x80, self.scalar() == nil { offset += 1 }
      return .error
    }
    offset += UTF8.width(scalar)
    let shown = scalar.properties.generalCategory.isVisible ? "'\(scalar)'" : "U+\(hexadecimal(scalar.value, 4))"
    report(
      "language.invalid-character", "the character \(shown) has no meaning here", lower, offset,
      notes: Self.hint(for: scalar).map { [Diagnostic.Note($0)] } ?? [])
    return .error
  }

  /// How what other languages write with a character is written here.
  private static func hint(for scalar: Unicode.Scalar) -> String? {
    switch scalar {
    case "?": Parser.conditionHint
    case "$": "a value stands by its name alone, and in a command as {{name}}"
    case "\\": "a line goes on after an operator, a comma or an opening bracket; nothing marks it"
    case "\u{201C}", "\u{201D}", "\u{2018}", "\u{2019}": "strings stand between straight quotes"
    case _: nil
    }
  }

  private func punctuation(_ byte: UInt8) -> (Token.Kind, Int)? {
    let next = self.byte(1)
    switch byte {
    case UInt8(ascii: "+"): return (.plus, 1)
    case UInt8(ascii: "-"): return (.minus, 1)
    case UInt8(ascii: "*"): return (.star, 1)
    case UInt8(ascii: "/"): return (.slash, 1)
    case UInt8(ascii: "%"): return (.percent, 1)
    case UInt8(ascii: "&"): return next == byte ? (.andAnd, 2) : (.ampersand, 1)
    case UInt8(ascii: "|"): return next == byte ? (.orOr, 2) : (.bar, 1)
    case UInt8(ascii: "!"): return next == UInt8(ascii: "=") ? (.notEqual, 2) : (.not, 1)
    case UInt8(ascii: "="):
      if next == byte { return (.equal, 2) }
      return next == UInt8(ascii: ">") ? (.fatArrow, 2) : (.assign, 1)
    case UInt8(ascii: "<"):
      if next == byte { return (.shiftLeft, 2) }
      if next == UInt8(ascii: "-") { return (.leftArrow, 2) }
      return next == UInt8(ascii: "=") ? (.lessEqual, 2) : (.less, 1)
    case UInt8(ascii: ">"):
      if next == byte { return (.shiftRight, 2) }
      return next == UInt8(ascii: "=") ? (.greaterEqual, 2) : (.greater, 1)
    case UInt8(ascii: "~"): return next == UInt8(ascii: ">") ? (.tildeArrow, 2) : nil
    case UInt8(ascii: ":"): return next == UInt8(ascii: "=") ? (.define, 2) : (.colon, 1)
    case UInt8(ascii: ";"): return (.semicolon, 1)
    case UInt8(ascii: ","): return (.comma, 1)
    case UInt8(ascii: "."): return next == byte && self.byte(2) == byte ? (.ellipsis, 3) : (.dot, 1)
    case UInt8(ascii: "("): return (.leftParen, 1)
    case UInt8(ascii: ")"): return (.rightParen, 1)
    case UInt8(ascii: "["): return (.leftBracket, 1)
    case UInt8(ascii: "]"): return (.rightBracket, 1)
    case UInt8(ascii: "{"): return (.leftBrace, 1)
    case UInt8(ascii: "}"): return (.rightBrace, 1)
    case UInt8(ascii: "#"): return (.hash, 1)
    case UInt8(ascii: "@"): return (.at, 1)
    case UInt8(ascii: "_"): return (.underscore, 1)
    case UInt8(ascii: "^"): return (.caret, 1)
    default: return nil
    }
  }

  /// Moves over `count` bytes of a lexeme.
  mutating func take(_ count: Int = 1) { offset += count }

  /// Moves over bytes for as long as `condition` holds.
  mutating func take(while condition: (UInt8) -> Bool) {
    while offset < text.count, condition(text[offset]) { offset += 1 }
  }

  /// Ends a piece of a template at `upper`.
  mutating func endTemplatePiece(from lower: Int, to upper: Int) -> Token {
    offset = upper
    endsLine = true
    return Token(kind: .template, lower: Int32(lower), upper: Int32(upper))
  }
}

func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }
func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

/// `value` in upper-case hexadecimal, with zeros in front up to `width` digits.
func hexadecimal(_ value: some BinaryInteger, _ width: Int) -> String {
  let digits = String(value, radix: 16, uppercase: true)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Unicode.GeneralCategory {
  var isLetter: Bool {
    [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter].contains(self)
  }

  var isLetterOrDigit: Bool { isLetter || self == .decimalNumber }

  fileprivate var isVisible: Bool {
    ![.control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator]
      .contains(self)
  }
}
