import Diagnostics

/// `table(source, option := …) ROW`, which looks like a call until its row type comes.
///
/// What stands behind the closing parenthesis decides, and nothing but the syntax: a name, or `{` with names and a
/// type, on the same line. Anything else leaves a call of whatever `table` is bound to.
extension Parser {
  /// Whether the current token is the word `table`, which is no keyword.
  var isTableWord: Bool { current.kind == .identifier && isTableWord(current) }

  private func isTableWord(_ token: Token) -> Bool {
    let word: StaticString = "table"
    guard Int(token.upper - token.lower) == word.utf8CodeUnitCount else { return false }
    return text[Int(token.lower)..<Int(token.upper)].elementsEqual("table".utf8)
  }

  /// Whether an operand is the bare name `table`.
  func isTable(_ base: ExpressionID) -> Bool {
    guard case .identifier(let name) = tree[base].kind else { return false }
    return name.text == "table"
  }

  /// One thing between the parentheses: an option, or an expression that may turn out to be the shorthand of one.
  private struct Part {
    var expression: ExpressionID?
    var option: DeclarationID?
  }

  /// From the parenthesis after `table` on.
  mutating func table(_ callee: ExpressionID, _ first: TokenIndex) -> ExpressionID {
    let group = begin(.rightParen, of: Self.expressionStarts, trailingComma: true)
    let parts = tableParts(group)
    end(group)
    let hasOptions = parts.contains { $0.option != nil }
    guard findsRowType(hasOptions: hasOptions) else {
      return hasOptions ? missingRowType(first) : add(.call(callee, parts.compactMap(\.expression)), from: first)
    }
    return table(parts, first)
  }

  private mutating func tableParts(_ group: Group) -> [Part] {
    var parts: [Part] = []
    guard current.kind != .rightParen else { return parts }
    repeat {
      if !parts.isEmpty, startsDeclaration() {
        let option = declaration()
        parts.append(Part(option: option))
      } else {
        let expression = expression()
        parts.append(Part(expression: expression))
      }
    } while continues(group)
    return parts
  }

  private mutating func missingRowType(_ first: TokenIndex) -> ExpressionID {
    reportExpected("the row type of the table, such as '{name string}'")
    return error(first)
  }

  /// The table, from its row type on.
  private mutating func table(_ parts: [Part], _ first: TokenIndex) -> ExpressionID {
    let row = rowType()
    guard let source = parts.first?.expression else { return missingSource(first) }
    let options = parts.dropFirst().compactMap { option($0) }
    return add(.table(.init(source: source, options: options, row: row)), from: first)
  }

  private mutating func missingSource(_ first: TokenIndex) -> ExpressionID {
    complain(
      "language.syntax", "a table needs a source: a file, a folder, a list of files or a list of structs",
      at: range(of: first))
    return error(first)
  }

  private mutating func option(_ part: Part) -> DeclarationID? {
    if let option = part.option { return option }
    guard let expression = part.expression else { return nil }
    guard case .identifier(let name) = tree[expression].kind else {
      if case .error = tree[expression].kind { return nil }
      complain(
        "language.syntax", "after the source of a table come options, 'name := value'",
        at: range(of: tree[expression].span.first))
      return nil
    }
    let span = tree[expression].span
    let pattern: PatternID = add(.identifier(name), span)
    return add(Declaration(.value(pattern, type: nil, value: expression, form: .shorthand), span))
  }

  /// Whether a row type follows the closing parenthesis; a line break before one that can be nothing else is reported.
  private mutating func findsRowType(hasOptions: Bool) -> Bool {
    if startsRowType(at: 0, hasOptions: hasOptions) { return true }
    guard current.isInserted, startsRowType(at: 1, hasOptions: hasOptions) else { return false }
    // A name on the next line may be the value of a block, or begin a definition.
    if peek().kind == .identifier, !hasOptions || startsDeclaration(at: 1) { return false }
    joinLines("the row type of a table stands on the line of the ')' before it")
    return true
  }

  /// A name; or a brace, names and the beginning of a type.
  ///
  /// A parenthesis or bracket after a single name could also be a call or an index in the branch of an `if`.
  private mutating func startsRowType(at distance: Int, hasOptions: Bool) -> Bool {
    let next = token(at: distance).kind
    if next == .identifier { return true }
    guard next == .leftBrace else { return false }
    var place = distance + 1
    while isColumnName(at: place, isFirst: false), token(at: place + 1).kind == .comma { place += 2 }
    guard isColumnName(at: place, isFirst: place == distance + 1) else { return hasOptions }
    let type = token(at: place + 1).kind
    let isUnclear = type == .leftParen || type == .leftBracket || type == .leftBrace || type == .hash
    return Self.typeStarts.contains(type) && (!isUnclear || hasOptions || place > distance + 1)
  }

  /// A name, or a keyword that is meant as one, which is reported where the name is taken: columns are often called so.
  /// As the first thing in braces it could begin a declaration or a value.
  private mutating func isColumnName(at distance: Int, isFirst: Bool) -> Bool {
    let kind = token(at: distance).kind
    if isFirst { return kind == .identifier || Self.plainKeywords.contains(kind) }
    return kind == .identifier || kind.isKeyword
  }

  private static let plainKeywords: TokenSet = [
    .file, .dir, .int, .floatKeyword, .stringKeyword, .bool, .module, .struct, .case, .param,
  ]

  private mutating func token(at distance: Int) -> Token { distance == 0 ? current : peek(distance) }
}
