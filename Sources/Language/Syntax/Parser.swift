package import Diagnostics

/// Reads a module. Never fails: what is wrong is in the diagnostics, in the order of the text, and `.error` in the tree.
///
/// - Complexity: O(bytes).
package func parse(_ source: SourceFile) -> (SyntaxTree, [Diagnostic]) {
  guard source.text.count < Int(Int32.max) else {
    let message = "this file is larger than 2 GiB; divide it into modules"
    return (SyntaxTree(source: source), [Diagnostic("language.file-too-large", message)])
  }
  return source.text.withUnsafeBufferPointer { text in
    var parser = Parser(source: source, text: text)
    parser.module()
    return parser.finish()
  }
}

/// Reads one expression and nothing else, for tests and tools.
package func parseExpression(_ source: SourceFile) -> (SyntaxTree, ExpressionID, [Diagnostic]) {
  source.text.withUnsafeBufferPointer { text in
    var parser = Parser(source: source, text: text)
    let expression = parser.expression()
    _ = parser.accept(.semicolon)
    if parser.current.kind != .end { parser.reportExpected("the end of the expression") }
    let (tree, diagnostics) = parser.finish()
    return (tree, expression, diagnostics)
  }
}

/// A recursive-descent parser over tokens that it lexes as it goes.
///
/// See <doc:Syntax>, "How the parser recovers".
package struct Parser: ~Copyable {
  /// How deep expressions, patterns and types may nest: as deep as half a mebibyte of stack holds in a debug build.
  package static let nestingLimit = 128
  /// How long an `else if` chain may be.
  package static let chainLimit = 4096

  let source: SourceFile
  let text: UnsafeBufferPointer<UInt8>
  var lexer: Lexer
  var tree: SyntaxTree
  var current = Token(kind: .end, lower: 0, upper: 0)
  private(set) var index = 0
  var diagnostics: [Diagnostic] = []
  /// Up to this token nothing more is reported: what follows from an error that is known is not news.
  var quietUntil = -1
  var depth = 0
  /// The rest of this declaration of the module has been skipped; until it is left, the file seems to end here.
  private(set) var isAbandoned = false
  /// Left operands of operators that wait for their right one; see ``expression()``.
  var waiting: [Waiting] = []
  /// How many groups of each closing token are open around the current token.
  var open = OpenGroups()

  init(source: SourceFile, text: UnsafeBufferPointer<UInt8>) {
    self.source = source
    self.text = text
    lexer = Lexer(source: source, text: text)
    tree = SyntaxTree(source: source)
    tree.tokens.reserveCapacity(text.count / 4)
    tree.expressions.reserveCapacity(text.count / 8)
    tree.tokens.append(lexer.next(0))
    current = tree.tokens[0]
  }

  consuming func finish() -> (SyntaxTree, [Diagnostic]) {
    tree.comments = lexer.comments
    var all = diagnostics + lexer.diagnostics
    if let damage = invalidText() { all.append(damage) }
    all.sort { ($0.range?.lower ?? 0) < ($1.range?.lower ?? 0) }
    return (tree, all)
  }

  /// One diagnostic for all bytes that are not UTF-8.
  private func invalidText() -> Diagnostic? {
    guard text.contains(where: { $0 >= 0x80 }), String(validating: text, as: UTF8.self) == nil else { return nil }
    var place = 0
    var decoder = UTF8()
    var bytes = text.makeIterator()
    while case .scalarValue(let scalar) = decoder.decode(&bytes) { place += UTF8.width(scalar) }
    return Diagnostic(
      "language.invalid-utf8",
      "this file is not UTF-8: the byte 0x\(hexadecimal(text[place], 2)) is the first that is not",
      at: SourceRange(source, place, place + 1))
  }
}

// MARK: - Tokens

extension Parser {
  /// The index of the current token.
  var here: TokenIndex { TokenIndex(index) }

  /// From `first` to the token before the current one.
  func span(_ first: TokenIndex) -> TokenSpan { TokenSpan(first, max(first, here - 1)) }

  /// The offset at which the token before the current one ends.
  var previousEnd: Int { index > 0 ? Int(tree.tokens[index - 1].upper) : 0 }

  mutating func advance() {
    guard current.kind != .end else { return }
    index += 1
    if index == tree.tokens.count { tree.tokens.append(lexer.next(here)) }
    current = tree.tokens[index]
  }

  mutating func peek(_ distance: Int = 1) -> Token {
    if isAbandoned { return current }
    while index + distance >= tree.tokens.count {
      if let last = tree.tokens.last, last.kind == .end { return last }
      tree.tokens.append(lexer.next(TokenIndex(tree.tokens.count)))
    }
    return tree.tokens[index + distance]
  }

  /// Goes back to a token that has been read.
  mutating func goBack(to place: Int) {
    index = place
    current = tree.tokens[place]
  }

  mutating func accept(_ kind: Token.Kind) -> Bool {
    guard current.kind == kind else { return false }
    advance()
    return true
  }

  /// Puts `token`, which the lexer made for a place in the text, in the place of the tokens from `place` on.
  mutating func replaceTokens(from place: Int, with token: Token) {
    tree.tokens.removeSubrange(place...)
    tree.tokens.append(token)
    index = place
    current = token
    quietUntil = min(quietUntil, place)
  }

  func spelling(_ token: Token) -> String {
    String(decoding: text[Int(token.lower)..<Int(token.upper)], as: UTF8.self)
  }

  func name(at place: TokenIndex) -> Name { Name(spelling(tree.tokens[Int(place)]), place) }

  /// Whether the byte after the current token is `byte`.
  func isFollowed(by byte: UInt8) -> Bool {
    let place = Int(current.upper)
    return place < text.count && text[place] == byte
  }
}

// MARK: - Nodes

extension Parser {
  mutating func add(_ kind: Expression.Kind, _ span: TokenSpan) -> ExpressionID {
    tree.expressions.append(Expression(kind, span))
    return ExpressionID(index: Int32(tree.expressions.count - 1))
  }

  mutating func add(_ kind: Pattern.Kind, _ span: TokenSpan) -> PatternID {
    tree.patterns.append(Pattern(kind, span))
    return PatternID(index: Int32(tree.patterns.count - 1))
  }

  mutating func add(_ kind: TypeSyntax.Kind, _ span: TokenSpan) -> TypeSyntaxID {
    tree.types.append(TypeSyntax(kind, span))
    return TypeSyntaxID(index: Int32(tree.types.count - 1))
  }

  mutating func add(_ declaration: Declaration) -> DeclarationID {
    tree.declarations.append(declaration)
    return DeclarationID(index: Int32(tree.declarations.count - 1))
  }

  // In a debug build every node and every message that a function makes has room of its own in the function's frame.
  // What recursion goes through therefore leaves that to functions that return at once.

  mutating func error(_ first: TokenIndex) -> ExpressionID { add(.error, span(first)) }

  mutating func missing(_ what: String, _ first: TokenIndex) -> ExpressionID {
    reportExpected(what)
    return error(first)
  }

  mutating func errorType(_ first: TokenIndex) -> TypeSyntaxID { add(.error, span(first)) }

  mutating func missingType(_ what: String, _ first: TokenIndex) -> TypeSyntaxID {
    reportExpected(what)
    return errorType(first)
  }

  mutating func errorPattern(_ first: TokenIndex) -> PatternID { add(.error, span(first)) }

  mutating func missingPattern(_ what: String, _ first: TokenIndex) -> PatternID {
    reportExpected(what)
    return errorPattern(first)
  }

  mutating func add(_ kind: Expression.Kind, from first: TokenIndex) -> ExpressionID { add(kind, span(first)) }

  /// Goes one level deeper, or tells that there are too many.
  mutating func enter() -> Bool {
    guard depth < Self.nestingLimit else {
      tooDeep()
      return false
    }
    depth += 1
    return true
  }

  private mutating func tooDeep() {
    abandon("more than \(Self.nestingLimit) parts are nested here; give inner parts names of their own")
  }

  /// Reports something that makes the rest of this declaration of the module unreadable, and skips it.
  ///
  /// Then every loop of the parser ends as at the end of the file, and nothing is reported, until
  /// ``endOfDeclaration()`` goes on from there.
  mutating func abandon(_ message: String) {
    guard !isAbandoned else { return }
    report("language.nesting-too-deep", message)
    let known = lexer.diagnostics.count
    skipDeclaration()
    lexer.forgetDiagnostics(after: known)
    isAbandoned = true
    current = Token(kind: .end, lower: current.lower, upper: current.lower)
  }

  /// At the end of a declaration of the module: what follows is read again.
  mutating func recover() {
    guard isAbandoned else { return }
    isAbandoned = false
    goBack(to: index)
  }

  /// The sizes of the arenas, to which a part that is read anew is taken back, and how much was wrong before it.
  struct Mark {
    var expressions, patterns, types, declarations, diagnostics, lexerDiagnostics: Int
  }

  var mark: Mark {
    Mark(
      expressions: tree.expressions.count, patterns: tree.patterns.count, types: tree.types.count,
      declarations: tree.declarations.count, diagnostics: diagnostics.count,
      lexerDiagnostics: lexer.diagnostics.count)
  }

  mutating func removeNodes(after mark: Mark) {
    tree.expressions.removeSubrange(mark.expressions...)
    tree.patterns.removeSubrange(mark.patterns...)
    tree.types.removeSubrange(mark.types...)
    tree.declarations.removeSubrange(mark.declarations...)
  }
}
