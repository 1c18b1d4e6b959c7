import BuildGraph
import Diagnostics

extension Parser {
  /// `exec(name := e, …) outputs {"template"}`
  mutating func exec() -> ExpressionID {
    let first = here
    advance()
    let arguments = execArguments()
    let outputs = lacksOutputs() ? errorType(here) : type()
    guard findsTemplate() else { return error(first) }
    let templateToken = here
    let parts = template()
    return add(
      .exec(.init(arguments: arguments, outputs: outputs, template: parts, templateToken: templateToken)), from: first)
  }

  private mutating func execArguments() -> [DeclarationID] {
    guard current.kind == .leftParen else {
      reportExpected("'(' after 'exec'")
      return []
    }
    let group = begin(.rightParen, of: Self.argumentStarts, trailingComma: false)
    let arguments = self.arguments(group)
    end(group)
    return arguments
  }

  /// Whether a template begins at the current token, or on the next line, which is reported.
  private mutating func findsTemplate() -> Bool {
    if current.isInserted, peek().kind == .leftBrace {
      joinLines("the template '{\"' stands on the line of the outputs before it")
    }
    if current.kind == .leftBrace, isFollowed(by: UInt8(ascii: "\"")) { return true }
    reportExpected("the template, '{\"' … '\"}', with nothing between brace and quote", notes: templateHints())
    if current.kind == .leftBrace { skip(to: [.semicolon, .comma]) }
    return false
  }

  /// A piece of a template and how it ends.
  private struct Piece {
    var token: Token
    var end: Lexer.TemplateEnd
    /// The template broke off in an interpolation; the piece is the `"}` that was found, or nothing.
    var isCut = false
  }

  /// Reads a template from its `{`. The lexer is told where its pieces begin, and lexes expressions between them.
  private mutating func template() -> [Expression.TemplatePart] {
    var parts: [Expression.TemplatePart] = []
    let opener = Int(current.lower)
    let outer = lexer.interpolations
    var piece = templatePiece(at: opener)
    open.braces += 1
    while !isAbandoned {
      replaceTokens(from: index, with: piece.token)
      let lower = Int(piece.token.lower) + 2
      let upper = Int(piece.token.upper) - (piece.end == .missing ? 0 : 2)
      if !piece.isCut, upper > lower { parts.append(.text(ByteString(bytes: Array(text[lower..<upper])))) }
      guard piece.end == .interpolation else { break }
      lexer.interpolations = outer + 1
      let value: ExpressionID
      (value, piece) = interpolation(upper)
      lexer.interpolations = outer
      parts.append(.interpolation(value))
    }
    open.braces -= 1
    if piece.end == .missing, !piece.isCut {
      reportUnterminated("template", "'\"}'", opener, "language.unterminated-template")
    }
    advance()
    return parts
  }

  private mutating func templatePiece(at place: Int) -> Piece {
    lexer.rewind(to: place, index: here)
    let (token, end) = lexer.templatePiece(at: place)
    return Piece(token: token, end: end)
  }

  /// Reads what stands after the `{{` at `opener`, and the next piece of the template.
  private mutating func interpolation(_ opener: Int) -> (ExpressionID, Piece) {
    let before = mark
    let outside = open
    let piece = index
    advance()
    let value = expression()
    if isAbandoned { return (value, Piece(token: current, end: .missing, isCut: true)) }
    if current.kind == .rightBrace, isFollowed(by: UInt8(ascii: "}")) {
      return (value, templatePiece(at: Int(current.lower)))
    }
    open = outside
    return resume(value, since: before, piece: piece, opener)
  }

  private mutating func reportUnterminated(_ what: String, _ end: String, _ opener: Int, _ id: Diagnostic.ID) {
    complain(id, "this \(what) has no end: expected \(end)", at: range(opener, opener + 2))
  }

  /// Finds the way back into the template from an interpolation that is wrong.
  private mutating func resume(
    _ expression: ExpressionID, since before: Mark, piece: Int, _ opener: Int
  ) -> (ExpressionID, Piece) {
    var value = expression
    // After a mistake in the expression its tokens say little: reading goes on at the first end of an interpolation.
    let isClean = diagnostics.count == before.diagnostics && lexer.diagnostics.count == before.lexerDiagnostics
    let (place, end) = lexer.interpolationEnd(from: isClean ? previousEnd : opener + 2)
    diagnostics.removeAll(from: before.diagnostics) { ($0.range?.lower ?? 0) > place }
    if end == .interpolation {
      if isClean { reportExpected("'}}' at the end of the interpolation") }
    } else if diagnostics.count == before.diagnostics {
      reportUnterminated("interpolation", "'}}'", opener, "language.unterminated-interpolation")
    }
    if place < previousEnd {
      removeNodes(after: before)
      goBack(to: piece)
      advance()
      value = error(TokenIndex(piece))
    }
    if end == .interpolation { return (value, templatePiece(at: place)) }
    lexer.rewind(to: place, index: here)
    return (value, Piece(token: lexer.templateEnd(at: place, end), end: end, isCut: true))
  }
}

extension Array {
  fileprivate mutating func removeAll(from start: Int, where isUnwanted: (Element) -> Bool) {
    let kept = self[start...].filter { !isUnwanted($0) }
    replaceSubrange(start..., with: kept)
  }
}
