/// Index of a token in ``SyntaxTree/tokens``.
package typealias TokenIndex = Int32

/// A lexeme, or a semicolon that the newline rule inserted (then `lower == upper`).
package struct Token: Hashable, Sendable {
  package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
    /// `.template` is one piece of a template's text: `{"…"}`, or `{"…{{`, `}}…{{`, `}}…"}` around interpolations.
    case identifier, integer, float, string, character, template
    // Keywords; those of `float` and `string` have names of their own beside the literals.
    case `val`, file, dir, `struct`, module, exec, `func`, int, floatKeyword, stringKeyword, bool, keyspace, param,
      `if`, `else`,
      `switch`, `case`, make, requires, type, `true`, `false`
    /// `force`, `import`, `include`: always an error.
    case reserved
    // Operators and punctuation.
    case plus, minus, star, slash, percent, ampersand, shiftLeft, shiftRight, andAnd, orOr, not, equal, notEqual, less,
      greater, lessEqual, greaterEqual, tildeArrow, fatArrow, define, assign, leftArrow, colon, semicolon, comma, dot,
      ellipsis, leftParen, rightParen, leftBracket, rightBracket, leftBrace, rightBrace, bar, hash, at, underscore,
      caret
    case error
    case end
  }

  package var kind: Kind
  /// UTF-8 offsets in the source.
  package var lower: Int32
  package var upper: Int32

  package init(kind: Kind, lower: Int32, upper: Int32) {
    self.kind = kind
    self.lower = lower
    self.upper = upper
  }
}

/// A comment, by its offsets; the markers are part of it.
package struct Comment: Hashable, Sendable {
  package var lower: Int32
  package var upper: Int32
  /// The token that follows it.
  package var before: TokenIndex

  package init(lower: Int32, upper: Int32, before: TokenIndex) {
    self.lower = lower
    self.upper = upper
    self.before = before
  }
}
