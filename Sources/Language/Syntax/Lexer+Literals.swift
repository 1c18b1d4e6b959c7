import Diagnostics

extension Lexer {
  /// `12`, `1.`, `.5`, `1e-8`. A number that runs into letters is one wrong lexeme, not two right ones.
  mutating func number() -> Token.Kind {
    let lower = offset
    var kind = Token.Kind.integer
    take(while: isDigit)
    // `1...xs` in a list is 1 and a spread.
    if byte() == UInt8(ascii: "."), !(byte(1) == UInt8(ascii: ".") && byte(2) == UInt8(ascii: ".")) {
      kind = .float
      take()
      take(while: isDigit)
    }
    var complete = true
    if byte() | 0x20 == UInt8(ascii: "e") {
      let sign = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-") ? 1 : 0
      if isDigit(byte(1 + sign)) {
        kind = .float
        take(1 + sign)
        take(while: isDigit)
      } else {
        complete = false
      }
    }
    let end = offset
    take { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 >= 0x80 }
    guard offset > end || !complete else { return kind }
    let digits = String(decoding: text[lower..<end], as: UTF8.self)
    let rest = String(decoding: text[end..<offset], as: UTF8.self)
    switch rest {
    case "KiB", "MiB", "GiB", "TiB":
      report(
        "language.invalid-number", "a unit is multiplied: write '\(digits)*\(rest)'", lower, offset,
        fixIts: [FixIt("insert '*'", [.init(SourceRange(source, end, end), "*")])])
    default:
      report(
        "language.invalid-number", "'\(digits)\(rest)' is not a number: numbers are decimal, without '_' or suffix",
        lower, offset)
    }
    return .error
  }

  /// `"…"`, as far as its line goes.
  mutating func string() -> Token.Kind {
    let lower = offset
    take()
    var escapes = false
    while true {
      switch byte() {
      case UInt8(ascii: "\""):
        take()
        if escapes {
          _ = StringLiteral.value(text[lower..<offset]) { report("language.invalid-escape", $0, $1, $2) }
        }
        return .string
      case UInt8(ascii: "\\") where offset + 1 < text.count && byte(1) != UInt8(ascii: "\n"):
        escapes = true
        take(2)
      case let other:
        guard offset < text.count, other != UInt8(ascii: "\n") else {
          report("language.unterminated-string", "this string does not end on its line: expected '\"'", lower, offset)
          return .error
        }
        take()
      }
    }
  }

  /// `` `…` ``, over any number of lines.
  mutating func rawString() -> Token.Kind {
    let lower = offset
    take()
    take { $0 != UInt8(ascii: "`") }
    guard offset < text.count else {
      // What follows may well be code: only the line is taken for the string.
      take(lower - offset)
      take { $0 != UInt8(ascii: "\n") }
      report("language.unterminated-string", "this raw string has no end: expected '`'", lower, lower + 1)
      return .error
    }
    take()
    return .string
  }

  /// `'c'`, which the language does not have.
  mutating func character() -> Token.Kind {
    let lower = offset
    take()
    while offset < text.count, byte() != UInt8(ascii: "'"), byte() != UInt8(ascii: "\n") {
      take(byte() == UInt8(ascii: "\\") && offset + 1 < text.count && byte(1) != UInt8(ascii: "\n") ? 2 : 1)
    }
    guard byte() == UInt8(ascii: "'") else {
      report("language.invalid-character", "an apostrophe has no meaning here", lower, lower + 1)
      return .error
    }
    take()
    return .character
  }
}

// MARK: - Templates

extension Lexer {
  /// How a piece of a template ends.
  enum TemplateEnd: Int { case interpolation, template, missing }

  /// Scans the text of a template from `lower`, where `{"` or `}}` stands, up to and including `{{` or `"}`.
  ///
  /// A template without an end is taken to end before the first line that begins like a declaration, so that the
  /// declarations after it are still read.
  mutating func templatePiece(at lower: Int) -> (Token, TemplateEnd) {
    let (place, end) = templateMark(from: lower + 2, brace: UInt8(ascii: "{"))
    return (endTemplatePiece(from: lower, to: end == .missing ? place : place + 2), end)
  }

  /// The last piece of a template that cannot be read on: `"}` at `lower`, or nothing.
  mutating func templateEnd(at lower: Int, _ end: TemplateEnd) -> Token {
    endTemplatePiece(from: lower, to: end == .template ? lower + 2 : lower)
  }

  /// Where reading goes on in an interpolation that cannot be understood: at the first `}}` or `"}`.
  mutating func interpolationEnd(from lower: Int) -> (Int, TemplateEnd) {
    templateMark(from: lower, brace: UInt8(ascii: "}"))
  }

  /// The first `"}` or double `brace` from `lower` on, else the end of the line before the next declaration.
  private mutating func templateMark(from lower: Int, brace: UInt8) -> (Int, TemplateEnd) {
    var place = lower
    var declaration: Int?
    while place < text.count {
      let byte = text[place]
      let next = place + 1 < text.count ? text[place + 1] : 0
      if byte == UInt8(ascii: "\""), next == UInt8(ascii: "}") { return (place, .template) }
      if byte == brace, next == brace { return (place, .interpolation) }
      if byte == UInt8(ascii: "\n"), declaration == nil, beginsDeclaration(place + 1) {
        declaration = place
        // Another search has found no end from here on; without this, many such templates would take quadratic time.
        if lower >= unmarkedFrom { break }
      }
      place += 1
    }
    unmarkedFrom = min(unmarkedFrom, lower)
    return (declaration ?? place, .missing)
  }

  /// Whether the line at `place` begins like a declaration of the module.
  private func beginsDeclaration(_ place: Int) -> Bool {
    let line = text[min(place, text.count)..<min(place + 9, text.count)]
    return ["val ", "func ", "type ", "param ", "@requires"].contains { line.starts(with: $0.utf8) }
  }
}
