import BuildGraph
import Diagnostics

/// How many groups wait for each closer.
struct OpenGroups {
  var parens = 0
  var brackets = 0
  var braces = 0

  subscript(closer: Token.Kind) -> Int {
    get { closer == .rightParen ? parens : closer == .rightBracket ? brackets : braces }
    set {
      if closer == .rightParen {
        parens = newValue
      } else if closer == .rightBracket {
        brackets = newValue
      } else {
        braces = newValue
      }
    }
  }
}

// MARK: - Reports

extension Parser {
  func range(_ lower: Int, _ upper: Int) -> SourceRange { SourceRange(source, lower, upper) }

  func range(of place: TokenIndex) -> SourceRange {
    let token = tree.tokens[Int(place)]
    return range(Int(token.lower), Int(token.upper))
  }

  /// Reports something at the current token, unless an error is known there already.
  mutating func report(
    _ id: Diagnostic.ID, _ message: String, at place: SourceRange? = nil, notes: [Diagnostic.Note] = [],
    fixIts: [FixIt] = []
  ) {
    defer { quietUntil = index }
    // What follows a lexeme that is wrong looks wrong as well.
    guard index > quietUntil, current.kind != .error, !isAbandoned, index == 0 || tree.tokens[index - 1].kind != .error
    else { return }
    diagnostics.append(Diagnostic(id, message, at: place ?? placeOfCurrent(), notes: notes, fixIts: fixIts))
  }

  /// Reports something about a construct that was understood; nothing is quiet after it.
  mutating func complain(_ id: Diagnostic.ID, _ message: String, at place: SourceRange, fixIts: [FixIt] = []) {
    diagnostics.append(Diagnostic(id, message, at: place, fixIts: fixIts))
  }

  mutating func reportExpected(
    _ what: String, id: Diagnostic.ID = "language.syntax", notes: [Diagnostic.Note] = [], fixIts: [FixIt] = []
  ) {
    if current.kind == .reserved {
      report(
        "language.reserved-word", "'\(spelling(current))' is reserved: expected \(what)",
        notes: notes.isEmpty ? hints() : notes)
    } else if current.kind == .character {
      let inner = spelling(current).dropFirst().dropLast()
      let isValue = what == "an expression" || what == "a pattern"
      let fix = FixIt("use a string", [.init(range(of: here), GoText.quoted(ByteString(inner)))])
      report(
        "language.character-literal", "there are no character literals: write a string in double quotes",
        fixIts: inner.contains("\\") || !isValue ? [] : [fix])
    } else {
      report(
        id, "expected \(what), found \(describeCurrent())", notes: notes.isEmpty && fixIts.isEmpty ? hints() : notes,
        fixIts: fixIts)
    }
  }

  /// Where a message about the current token is shown: behind the token before it, if the line ends there; but a wrong
  /// line break before `else`, `{` or a closer where the next line goes on, which is the line that the original names.
  mutating func placeOfCurrent() -> SourceRange {
    let isMissing: Bool
    if current.isInserted {
      let next = peek()
      if next.kind == .else || next.kind == .leftBrace || TokenSet.closers.contains(next.kind) {
        return range(Int(next.lower), Int(next.upper))
      }
      isMissing = true
    } else {
      isMissing = current.kind == .end || isAtBoundary()
    }
    return isMissing && index > 0 ? range(previousEnd, previousEnd) : range(of: here)
  }

  mutating func describeCurrent() -> String {
    if index > 0, isAtBoundary() { return "the end of the line" }
    return switch current.kind {
    case .end: "the end of the file"
    case .semicolon where current.isInserted:
      Int(current.lower) == text.count ? "the end of the file" : "the end of the line"
    case .string: "the string \(shortened())"
    case .integer, .float: "the number \(shortened())"
    case .template: "a template"
    case let kind where kind.isKeyword: "the keyword '\(spelling(current))'"
    case let kind: "'\(kind.punctuation ?? shortened())'"
    }
  }

  private func shortened() -> String {
    let whole = spelling(current)
    return whole.count <= 24 && !whole.contains("\n") ? whole : whole.prefix { $0 != "\n" }.prefix(20) + "…"
  }
}

// MARK: - Skipping

extension Parser {
  /// Whether the token begins a line and could begin a declaration of the module. Only looked at after an error:
  /// programs are indented, so that this is where the next declaration is.
  mutating func isAtBoundary() -> Bool {
    let lower = Int(current.lower)
    guard lower == 0 || text[lower - 1] == UInt8(ascii: "\n") else { return false }
    return current.kind == .param || current.kind == .keyspace || startsDeclaration()
  }

  /// Whether a declaration begins at a distance from the current token.
  mutating func startsDeclaration(at distance: Int = 0) -> Bool {
    switch (distance == 0 ? current : peek(distance)).kind {
    case .val, .type, .at: true
    case .func: peek(distance + 1).kind == .identifier
    case .identifier, .underscore: peek(distance + 1).kind == .define
    case _: false
    }
  }

  /// Skips to one of `stops`, over whole groups, but not past the end of a group that is open around it, nor past the
  /// beginning of the next declaration of the module, nor out of an interpolation. Then nothing is reported there.
  mutating func skip(to stops: TokenSet) {
    var groups: [Token.Kind] = []
    var inner = OpenGroups()
    var seesExec = false
    while current.kind != .end, !isAtBoundary() {
      if groups.isEmpty, stops.contains(current.kind) { break }
      var closer: Token.Kind?
      if current.kind == .leftParen {
        closer = .rightParen
      } else if current.kind == .leftBracket {
        closer = .rightBracket
      } else if current.kind == .leftBrace {
        if seesExec, isFollowed(by: UInt8(ascii: "\"")) {
          skipTemplate()
          seesExec = false
          continue
        }
        closer = .rightBrace
      } else if current.kind == .exec {
        seesExec = true
      } else if TokenSet.closers.contains(current.kind) {
        if current.kind == .rightBrace, lexer.interpolations > 0, isFollowed(by: UInt8(ascii: "}")) { break }
        if inner[current.kind] > 0 {
          while let group = groups.popLast() {
            inner[group] -= 1
            if group == current.kind { break }
          }
        } else if open[current.kind] > 0 {
          break
        }
      }
      if let closer {
        groups.append(closer)
        inner[closer] += 1
      }
      advance()
    }
    quietUntil = index
  }

  /// Skips to the end of a declaration of the module from wherever in it the parser is.
  mutating func skipDeclaration() {
    var groups = open
    while current.kind != .end, !isAtBoundary() {
      switch current.kind {
      case .leftParen: groups.parens += 1
      case .leftBracket: groups.brackets += 1
      case .leftBrace: groups.braces += 1
      case .rightParen, .rightBracket, .rightBrace: groups[current.kind] = max(0, groups[current.kind] - 1)
      case .semicolon where groups.parens == 0 && groups.brackets == 0 && groups.braces == 0: return
      case _: break
      }
      advance()
    }
  }

  /// Skips a template that begins at the current `{`, up to the first `"}`.
  private mutating func skipTemplate() {
    let lower = Int(current.lower)
    lexer.rewind(to: lower, index: here)
    var (token, end) = lexer.templatePiece(at: lower)
    while end == .interpolation { (token, end) = lexer.templatePiece(at: Int(token.upper) - 2) }
    replaceTokens(from: index, with: Token(kind: .template, lower: Int32(lower), upper: token.upper))
    advance()
  }
}

// MARK: - Groups

extension Parser {
  /// A bracketed list of elements that is being read.
  struct Group {
    var opener: TokenIndex
    var closer: Token.Kind
    /// Tokens that begin an element.
    var elements: TokenSet
    var allowsTrailingComma: Bool
  }

  /// Opens a group at the current token.
  mutating func begin(_ closer: Token.Kind, of elements: TokenSet, trailingComma: Bool) -> Group {
    let group = Group(opener: here, closer: closer, elements: elements, allowsTrailingComma: trailingComma)
    advance()
    open[closer] += 1
    return group
  }

  /// After an element: takes the comma, or what was written instead of it, and tells whether another element follows.
  mutating func continues(_ group: Group) -> Bool {
    if current.kind == group.closer { return false }
    if current.kind == .comma {
      let comma = here
      advance()
      guard current.kind == group.closer else { return true }
      if !group.allowsTrailingComma { rejectTrailingComma(comma) }
      return false
    }
    // A comma is missing, or the closer, or something stands here that does not belong here.
    if current.isInserted, peek().kind == group.closer {
      reportLineBreak(before: group)
      advance()
      return false
    }
    let isNextLine = current.isInserted
    if isNextLine { advance() }
    let goesOn = group.elements.contains(current.kind) && !isAtBoundary()
    let ends = current.kind == .end || isAtBoundary()
    if isNextLine { goBack(to: index - 1) }
    if goesOn {
      let insert = FixIt("insert ','", [.init(range(previousEnd, previousEnd), ",")])
      reportExpected("',' or '\(group.closer.punctuation!)'", id: "language.missing-comma", fixIts: [insert])
      if isNextLine { advance() }
      return true
    }
    if ends || (TokenSet.closers.contains(current.kind) && open[current.kind] > 0) { return false }
    reportExpected("',' or '\(group.closer.punctuation!)'")
    skip(to: [.comma, group.closer])
    return accept(.comma) && current.kind != group.closer
  }

  private mutating func rejectTrailingComma(_ comma: TokenIndex) {
    complain(
      "language.trailing-comma", "no comma may stand before this \(describeCurrent())", at: range(of: comma),
      fixIts: [FixIt("remove the comma", [.init(range(of: comma), "")])])
  }

  /// Reports the line break between the last element and the closer.
  private mutating func reportLineBreak(before group: Group) {
    let closer = "'\(group.closer.punctuation!)'"
    let next = Int(peek().lower)
    let found = "expected ',' or \(closer), found the end of the line: "
    if group.allowsTrailingComma {
      report(
        "language.line-break", found + "the last element needs a comma before a line break",
        fixIts: [FixIt("insert ','", [.init(range(previousEnd, previousEnd), ",")])])
    } else {
      let join = FixIt("remove the line break", [.init(range(previousEnd, next), "")])
      report(
        "language.line-break", found + "no line break may stand before this \(closer)",
        fixIts: onlySpace(previousEnd, next) ? [join] : [])
    }
  }

  /// Closes a group, or says what it lacks.
  mutating func end(_ group: Group) {
    open[group.closer] -= 1
    if accept(group.closer) { return }
    let closer = group.closer.punctuation!
    let opener = tree.tokens[Int(group.opener)].kind.punctuation!
    if current.kind != .reserved, current.kind != .character {
      report(
        "language.missing-closer", "expected '\(closer)', found \(describeCurrent())",
        notes: [Diagnostic.Note("to close this '\(opener)'", at: range(of: group.opener))],
        fixIts: [FixIt("insert '\(closer)'", [.init(range(previousEnd, previousEnd), closer)])])
    } else {
      reportExpected("'\(closer)'")
    }
  }

  /// Whether nothing but white space is there.
  func onlySpace(_ lower: Int, _ upper: Int) -> Bool {
    text[lower..<upper].allSatisfy {
      $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r")
    }
  }
}
