/// Index of a token in ``SyntaxTree/tokens``.
package typealias TokenIndex = Int32

/// A lexeme, or a semicolon that the newline rule inserted (then `lower == upper`).
package struct Token: Hashable, Sendable {
  package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
    /// `.template` is one piece of a template's text: `{"…"}`, or `{"…{{`, `}}…{{`, `}}…"}` around interpolations.
    case identifier, integer, float, string, character, template
    // Keywords; those of `float` and `string` have names of their own beside the literals.
    case `val`, file, dir, `struct`, module, exec, `func`, int, floatKeyword, stringKeyword, bool, keyspace, param
    case `if`, `else`, `switch`, `case`, make, requires, type, `true`, `false`
    /// `force`, `import`, `include`: always an error.
    case reserved
    // Operators and punctuation.
    case plus, minus, star, slash, percent, ampersand, shiftLeft, shiftRight, andAnd, orOr, not, equal, notEqual, less
    case greater, lessEqual, greaterEqual, tildeArrow, fatArrow, define, assign, leftArrow, colon, semicolon, comma
    case dot, ellipsis, leftParen, rightParen, leftBracket, rightBracket, leftBrace, rightBrace, bar, hash, at
    case underscore, caret
    /// A lexeme that the lexer has complained of.
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

  /// Whether the newline rule put it there: the source has no such character.
  package var isInserted: Bool { kind == .semicolon && lower == upper }
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

extension Token.Kind {
  package static let keywords: [(spelling: String, kind: Self)] = [
    ("val", .val), ("file", .file), ("dir", .dir), ("struct", .struct), ("module", .module), ("exec", .exec),
    ("func", .func), ("int", .int), ("float", .floatKeyword), ("string", .stringKeyword), ("bool", .bool),
    ("keyspace", .keyspace), ("param", .param), ("if", .if), ("else", .else), ("switch", .switch), ("case", .case),
    ("make", .make), ("requires", .requires), ("type", .type), ("true", .true), ("false", .false),
    ("force", .reserved), ("import", .reserved), ("include", .reserved),
  ]

  /// Whether it is a word that cannot be a name.
  package var isKeyword: Bool { (Self.val.rawValue...Self.reserved.rawValue).contains(rawValue) }

  /// Whether a line break after it ends the declaration.
  ///
  /// Literals, names and keywords stand first in the enumeration. After a lexeme that is wrong a line break ends the
  /// declaration too, which keeps one mistake from reaching the next line.
  var endsLine: Bool {
    rawValue <= Self.reserved.rawValue || self == .rightParen || self == .rightBracket || self == .rightBrace
      || self == .error
  }

  /// The one way to write it, for punctuation; nil for words and literals.
  var punctuation: String? {
    switch self {
    case .identifier, .integer, .float, .string, .character, .template, .val, .file, .dir, .struct, .module, .exec,
      .func, .int, .floatKeyword, .stringKeyword, .bool, .keyspace, .param, .if, .else, .switch, .case, .make,
      .requires, .type, .true, .false, .reserved, .error, .end:
      nil
    case .plus: "+"
    case .minus: "-"
    case .star: "*"
    case .slash: "/"
    case .percent: "%"
    case .ampersand: "&"
    case .shiftLeft: "<<"
    case .shiftRight: ">>"
    case .andAnd: "&&"
    case .orOr: "||"
    case .not: "!"
    case .equal: "=="
    case .notEqual: "!="
    case .less: "<"
    case .greater: ">"
    case .lessEqual: "<="
    case .greaterEqual: ">="
    case .tildeArrow: "~>"
    case .fatArrow: "=>"
    case .define: ":="
    case .assign: "="
    case .leftArrow: "<-"
    case .colon: ":"
    case .semicolon: ";"
    case .comma: ","
    case .dot: "."
    case .ellipsis: "..."
    case .leftParen: "("
    case .rightParen: ")"
    case .leftBracket: "["
    case .rightBracket: "]"
    case .leftBrace: "{"
    case .rightBrace: "}"
    case .bar: "|"
    case .hash: "#"
    case .at: "@"
    case .underscore: "_"
    case .caret: "^"
    }
  }
}

/// A set of token kinds.
struct TokenSet: ExpressibleByArrayLiteral {
  static let closers: Self = [.rightParen, .rightBracket, .rightBrace]

  private var bits: UInt128 = 0

  init(arrayLiteral elements: Token.Kind...) {
    for element in elements { bits |= 1 << UInt128(element.rawValue) }
  }

  func contains(_ kind: Token.Kind) -> Bool { bits >> UInt128(kind.rawValue) & 1 == 1 }
  func union(_ other: Self) -> Self {
    var result = self
    result.bits |= other.bits
    return result
  }
}
