import BigInt
import BuildGraph
import Diagnostics

extension Parser {
  /// An operand without the operators around it.
  mutating func term() -> ExpressionID {
    switch current.kind {
    case .identifier, .file, .dir: return identifier()
    case .integer, .float, .string, .true, .false: return literal()
    case .leftParen: return parenthesized()
    case .leftBracket: return bracketed()
    case .leftBrace: return braced()
    case .if: return conditional()
    case .switch: return switchExpression()
    case .func: return functionLiteral()
    case .exec: return exec()
    case .make: return make()
    case .hash: return variant()
    case .int, .floatKeyword: return conversion()
    case .reserved, .character, .stringKeyword, .bool, .struct, .module, .requires, .error: return wrongTerm()
    case .template, .val, .keyspace, .param, .else, .case, .type, .plus, .minus, .star, .slash, .percent, .ampersand,
      .shiftLeft, .shiftRight, .andAnd, .orOr, .not, .equal, .notEqual, .less, .greater, .lessEqual, .greaterEqual,
      .tildeArrow, .fatArrow, .define, .assign, .leftArrow, .colon, .semicolon, .comma, .dot, .ellipsis, .rightParen,
      .rightBracket, .rightBrace, .bar, .at, .underscore, .caret, .end:
      return missing("an expression", here)
    }
  }

  private mutating func identifier() -> ExpressionID {
    let place = here
    advance()
    return add(.identifier(name(at: place)), span(place))
  }

  /// What was meant to be a term, but can be none; it is taken, since what follows goes on as after a term.
  private mutating func wrongTerm() -> ExpressionID {
    let first = here
    if current.kind == .reserved || current.kind == .character {
      reportExpected("an expression")
    } else {
      report("language.syntax", "expected an expression, found \(describeCurrent()), which cannot be a name")
    }
    advance()
    return error(first)
  }

  private mutating func literal() -> ExpressionID {
    let first = here
    let token = current
    advance()
    let lexeme = text[Int(token.lower)..<Int(token.upper)]
    let kind: Expression.Kind
    if token.kind == .integer {
      kind = .integer(decimal(lexeme))
    } else if token.kind == .float {
      kind = .float(String(decoding: lexeme, as: UTF8.self))
    } else if token.kind == .string {
      kind = .string(StringLiteral.value(lexeme) { _, _, _ in })
    } else {
      kind = .bool(token.kind == .true)
    }
    return add(kind, span(first))
  }

  /// The value of digits. Long ones are halved, because reading them from left to right takes quadratic time.
  private func decimal(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> BigInt {
    if digits.count <= 18 { return BigInt(digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }) }
    let low = digits.count / 2
    return decimal(digits.dropLast(low)) * BigInt(10).power(low) + decimal(digits.suffix(low))
  }

  private mutating func parenthesized() -> ExpressionID {
    let first = here
    let group = begin(.rightParen, of: Self.expressionStarts, trailingComma: true)
    guard current.kind != .rightParen else { return emptyTuple(group) }
    let head = expression()
    var elements = [head]
    while continues(group) {
      let element = expression()
      elements.append(element)
    }
    endTuple(group, elements)
    return add(elements.count == 1 ? .parenthesized(elements[0]) : .tuple(elements), from: first)
  }

  private mutating func emptyTuple(_ group: Group) -> ExpressionID {
    reportExpected("an expression: there is no empty tuple")
    end(group)
    return error(group.opener)
  }

  private mutating func endTuple(_ group: Group, _ elements: [ExpressionID]) {
    if elements.count == 1, tree.tokens[index - 1].kind == .comma {
      let comma = range(of: here - 1)
      complain(
        "language.trailing-comma", "a tuple has two elements or more", at: comma,
        fixIts: [FixIt("remove the comma", [.init(comma, "")])])
    }
    end(group)
  }

  private mutating func functionLiteral() -> ExpressionID {
    let first = here
    advance()
    let parameters = self.parameters()
    takeTypeMark("the type of the result stands right behind the ')', as in 'func(x int) int => x + 1'")
    let result = startsType ? type() : nil
    let body = findsBody() ? expression() : error(here)
    return add(.function(.init(parameters: parameters, result: result, body: body)), from: first)
  }

  /// Takes the arrow of a function literal, or what stands for it, and tells whether a body follows.
  private mutating func findsBody() -> Bool {
    if accept(.fatArrow) { return true }
    if current.kind == .assign || current.kind == .define || current.kind == .leftArrow {
      reportExpected("'=>'", fixIts: [FixIt("write '=>'", [.init(range(of: here), "=>")])])
      advance()
      return true
    }
    reportExpected("'=>' and the value of the function")
    return Self.expressionStarts.contains(current.kind)
  }

  /// `make("path", name := e, …)`
  private mutating func make() -> ExpressionID {
    let first = here
    advance()
    guard current.kind == .leftParen else { return missing("'(' after 'make'", first) }
    let group = begin(.rightParen, of: Self.argumentStarts, trailingComma: true)
    let path = modulePath()
    let arguments = continues(group) ? self.arguments(group) : []
    end(group)
    guard let path else { return error(first) }
    return add(.make(path: path, arguments: arguments), from: first)
  }

  private mutating func modulePath() -> ByteString? {
    guard current.kind == .string else {
      reportExpected("the path of the module, a string literal")
      if current.kind == .error { advance() }
      skip(to: [.comma, .rightParen])
      return nil
    }
    let token = current
    advance()
    return StringLiteral.value(text[Int(token.lower)..<Int(token.upper)]) { _, _, _ in }
  }

  private mutating func variant() -> ExpressionID {
    let first = here
    advance()
    guard let tag = expectName("the tag of a variant") else { return error(first) }
    guard current.kind == .leftParen else { return add(.variant(tag: tag, nil), from: first) }
    let group = begin(.rightParen, of: Self.expressionStarts, trailingComma: false)
    let element = expression()
    finish(group)
    return add(.variant(tag: tag, element), from: first)
  }

  /// `int(e)` or `float(e)`
  private mutating func conversion() -> ExpressionID {
    let first = here
    let isInteger = current.kind == .int
    advance()
    guard current.kind == .leftParen else { return missing("'(' and the number to convert", first) }
    let group = begin(.rightParen, of: Self.expressionStarts, trailingComma: false)
    let value = expression()
    finish(group)
    return add(isInteger ? .toInteger(value) : .toFloat(value), from: first)
  }
}

// MARK: - Brackets and braces

extension Parser {
  /// A list, a map or a comprehension.
  mutating func bracketed() -> ExpressionID {
    let first = here
    let group = begin(
      .rightBracket, of: Self.expressionStarts.union([.ellipsis]), trailingComma: true)
    if accept(.colon) {
      finish(group)
      return add(.map([], spreads: []), from: first)
    }
    var elements: [ExpressionID] = []
    if current.kind != .ellipsis, current.kind != .rightBracket {
      let head = expression()
      takeForeignComprehension()
      if current.kind == .bar { return comprehension(head, group) }
      if current.kind == .colon { return map(head, group) }
      elements.append(head)
      while goesOn(group) {
        let next = expression()
        elements.append(next)
        if current.kind == .colon {
          reportExpected("',' or ']': the elements before have no keys")
          advance()
          _ = expression()
        }
      }
    }
    let spreads = self.spreads(group)
    end(group)
    return add(.list(elements, spreads: spreads), from: first)
  }

  /// After an element of a list or map: whether another one follows, and not a spread.
  private mutating func goesOn(_ group: Group) -> Bool {
    current.kind != .ellipsis && continues(group) && current.kind != .ellipsis
  }

  /// A map, from the colon after its first key on.
  private mutating func map(_ head: ExpressionID, _ group: Group) -> ExpressionID {
    var key = head
    var pairs: [Expression.Pair] = []
    while true {
      let value = accept(.colon) ? expression() : missing("':' and the value of the key", here)
      pairs.append(.init(key: key, value: value))
      guard goesOn(group) else { break }
      key = expression()
    }
    let spreads = self.spreads(group)
    end(group)
    return add(.map(pairs, spreads: spreads), from: group.opener)
  }

  /// `...x ...y`, each perhaps on a line of its own.
  private mutating func spreads(_ group: Group) -> [ExpressionID] {
    var spreads: [ExpressionID] = []
    while accept(.ellipsis) {
      let spread = expression()
      spreads.append(spread)
      endSpread()
    }
    if !spreads.isEmpty { endSpreads() }
    return spreads
  }

  private mutating func endSpread() {
    if current.kind == .semicolon { advance() }
    guard current.kind == .comma else { return }
    let comma = range(of: here)
    advance()
    guard current.kind == .ellipsis else { return }
    complain(
      "language.syntax", "no comma stands between spreads", at: comma,
      fixIts: [FixIt("remove the comma", [.init(comma, "")])])
  }

  private mutating func endSpreads() {
    if current.kind != .rightBracket, current.kind != .end, !isAtBoundary() {
      reportExpected("'...' or ']': spreads come last")
      skip(to: [.rightBracket])
    }
  }

  private mutating func comprehension(_ head: ExpressionID, _ group: Group) -> ExpressionID {
    advance()
    var clauses: [Expression.Clause] = []
    let elements = Self.patternStarts.union([.if])
    let clauseGroup = Group(
      opener: group.opener, closer: group.closer, elements: elements, allowsTrailingComma: true)
    repeat {
      let isFilter = accept(.if)
      let pattern = isFilter ? nil : self.pattern()
      let source = isFilter || findsSource() ? expression() : error(here)
      clauses.append(pattern.map { .enumeration($0, source) } ?? .filter(source))
    } while continues(clauseGroup)
    end(group)
    return add(.comprehension(head, clauses), from: group.opener)
  }

  private mutating func findsSource() -> Bool {
    if accept(.leftArrow) || takesForeignArrow() { return true }
    skip(to: [.leftArrow, .comma, .rightBracket])
    return accept(.leftArrow)
  }

  /// A block, if a declaration follows the brace; else a struct.
  mutating func braced() -> ExpressionID {
    if startsDeclaration(at: 1) { return block() }
    if takesBracesOfMap() { return mapInBraces() }
    let first = here
    let next = peek().kind
    let after = peek(2)
    let isField = next == .identifier || next.isKeyword
    guard isField, [.colon, .comma, .rightBrace, .dot].contains(after.kind) || after.isInserted else {
      return looseBlock()
    }
    let group = begin(.rightBrace, of: [.identifier], trailingComma: true)
    var fields: [Expression.Field] = []
    repeat {
      guard let name = expectName("the name of a field") else {
        skip(to: [.comma, .rightBrace])
        continue
      }
      if current.kind == .dot {
        fields.append(namelessField())
        continue
      }
      let value = accept(.colon) ? expression() : nil
      fields.append(.init(name: name, value: value))
    } while continues(group)
    end(group)
    return add(.structure(fields), from: first)
  }

  /// Braces that hold neither a field nor a declaration.
  private mutating func looseBlock() -> ExpressionID {
    let first = here
    let isInterpolation = lexer.interpolations > 0 && isFollowed(by: UInt8(ascii: "{"))
    if isInterpolation { report("language.unterminated-interpolation", "expected '}}' before the next '{{'") }
    let group = begin(.rightBrace, of: [], trailingComma: false)
    if isInterpolation { quietUntil = index }
    reportExpected("a field or a declaration: braces hold a struct, or a block with at least one declaration")
    var value: ExpressionID?
    if Self.expressionStarts.contains(current.kind) {
      value = expression()
      _ = accept(.semicolon)
    }
    if current.kind != .rightBrace { skip(to: [.rightBrace]) }
    end(group)
    guard let value else { return error(first) }
    return add(.block(declarations: [], value: value), from: first)
  }
}
