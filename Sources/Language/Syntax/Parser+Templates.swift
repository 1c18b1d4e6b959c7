import BuildGraph
import Diagnostics

extension Parser {
  /// `exec(name := e, …) outputs {"template"}`
  mutating func exec() -> ExpressionID {
    let first = here
    advance()
    var arguments: [DeclarationID] = []
    if current.kind == .leftParen {
      let group = begin(.rightParen, of: Self.argumentStarts, trailingComma: false)
      arguments = self.arguments(group)
      end(group)
    } else {
      reportExpected("'(' after 'exec'")
    }
    let outputs = type()
    if current.isInserted, peek().kind == .leftBrace {
      let end = Int(peek().lower)
      report(
        "language.line-break", "the template '{\"' stands on the line of the outputs before it",
        fixIts: onlySpace(previousEnd, end)
          ? [FixIt("remove the line break", [.init(range(previousEnd, end), " ")])] : [])
      advance()
    }
    guard current.kind == .leftBrace, isFollowed(by: UInt8(ascii: "\"")) else {
      reportExpected("the template, '{\"' … '\"}', with nothing between brace and quote")
      if current.kind == .leftBrace { skip(to: [.semicolon, .comma]) }
      return add(.error, span(first))
    }
    let templateToken = here
    let parts = template()
    return add(
      .exec(.init(arguments: arguments, outputs: outputs, template: parts, templateToken: templateToken)), span(first))
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
    while true {
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
      complain(
        "language.unterminated-template", "this template has no end: expected '\"}'", at: range(opener, opener + 2))
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
    let errors = diagnostics.count
    let before = mark
    let outside = open
    let piece = index
    advance()
    var value = expression()
    if current.kind == .rightBrace, isFollowed(by: UInt8(ascii: "}")) {
      return (value, templatePiece(at: Int(current.lower)))
    }
    open = outside
    // After a mistake in the expression its tokens say little: reading goes on at the first end of an interpolation.
    let (place, end) = lexer.interpolationEnd(from: diagnostics.count == errors ? previousEnd : opener + 2)
    diagnostics.removeAll(from: errors) { ($0.range?.lower ?? 0) >= place }
    if end == .interpolation {
      reportExpected("'}}' at the end of the interpolation")
    } else if diagnostics.count == errors {
      complain(
        "language.unterminated-interpolation", "this interpolation has no end: expected '}}'",
        at: range(opener, opener + 2))
    }
    if place < previousEnd {
      removeNodes(after: before)
      goBack(to: piece)
      advance()
      value = add(.error, TokenSpan(TokenIndex(piece), TokenIndex(piece)))
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
