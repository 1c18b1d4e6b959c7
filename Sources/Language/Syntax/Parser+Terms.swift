import BigInt
import BuildGraph
import Diagnostics

extension Parser {
  /// An operand without the operators around it.
  mutating func term() -> ExpressionID {
    let first = here
    switch current.kind {
    case .identifier, .file, .dir:
      advance()
      return add(.identifier(name(at: first)), span(first))
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
    case .reserved, .character:
      reportExpected("an expression")
      advance()
      return add(.error, span(first))
    case .stringKeyword, .bool, .struct, .module, .requires:
      report("language.syntax", "expected an expression, found \(describeCurrent()), which cannot be a name")
      advance()
      return add(.error, span(first))
    case .error:
      quietUntil = index
      advance()
      return add(.error, span(first))
    case .template, .val, .keyspace, .param, .else, .case, .type, .plus, .minus, .star, .slash, .percent, .ampersand,
      .shiftLeft, .shiftRight, .andAnd, .orOr, .not, .equal, .notEqual, .less, .greater, .lessEqual, .greaterEqual,
      .tildeArrow, .fatArrow, .define, .assign, .leftArrow, .colon, .semicolon, .comma, .dot, .ellipsis, .rightParen,
      .rightBracket, .rightBrace, .bar, .at, .underscore, .caret, .end:
      reportExpected("an expression")
      return add(.error, span(first))
    }
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
    guard current.kind != .rightParen else {
      reportExpected("an expression: there is no empty tuple")
      end(group)
      return add(.error, span(first))
    }
    var elements = [expression()]
    while continues(group) { elements.append(expression()) }
    if elements.count == 1, tree.tokens[index - 1].kind == .comma {
      let comma = range(of: here - 1)
      complain(
        "language.trailing-comma", "a tuple has two elements or more", at: comma,
        fixIts: [FixIt("remove the comma", [.init(comma, "")])])
    }
    end(group)
    return add(elements.count == 1 ? .parenthesized(elements[0]) : .tuple(elements), span(first))
  }

  private mutating func functionLiteral() -> ExpressionID {
    let first = here
    advance()
    let parameters = self.parameters()
    let result = startsType ? type() : nil
    if !accept(.fatArrow) {
      if current.kind == .assign || current.kind == .define || current.kind == .leftArrow {
        reportExpected("'=>'", fixIts: [FixIt("write '=>'", [.init(range(of: here), "=>")])])
        advance()
      } else {
        reportExpected("'=>' and the value of the function")
        if !Self.expressionStarts.contains(current.kind) {
          return add(
            .function(.init(parameters: parameters, result: result, body: add(.error, span(here)))), span(first))
        }
      }
    }
    let body = expression()
    return add(.function(.init(parameters: parameters, result: result, body: body)), span(first))
  }

  /// `make("path", name := e, …)`
  private mutating func make() -> ExpressionID {
    let first = here
    advance()
    guard current.kind == .leftParen else {
      reportExpected("'(' after 'make'")
      return add(.error, span(first))
    }
    let group = begin(.rightParen, of: Self.argumentStarts, trailingComma: true)
    var path: ByteString?
    if current.kind == .string {
      let token = current
      path = StringLiteral.value(text[Int(token.lower)..<Int(token.upper)]) { _, _, _ in }
      advance()
    } else {
      reportExpected("the path of the module, a string literal")
      if current.kind == .error { advance() }
      skip(to: [.comma, .rightParen])
    }
    let arguments = continues(group) ? self.arguments(group) : []
    end(group)
    return add(path.map { .make(path: $0, arguments: arguments) } ?? .error, span(first))
  }

  private mutating func variant() -> ExpressionID {
    let first = here
    advance()
    guard let tag = expectName("the tag of a variant") else { return add(.error, span(first)) }
    guard current.kind == .leftParen else { return add(.variant(tag: tag, nil), span(first)) }
    let group = begin(.rightParen, of: Self.expressionStarts, trailingComma: false)
    let element = expression()
    finish(group)
    return add(.variant(tag: tag, element), span(first))
  }

  /// `int(e)` or `float(e)`
  private mutating func conversion() -> ExpressionID {
    let first = here
    let isInteger = current.kind == .int
    advance()
    guard current.kind == .leftParen else {
      reportExpected("'(' after '\(isInteger ? "int" : "float")', which converts a value")
      return add(.error, span(first))
    }
    let group = begin(.rightParen, of: Self.expressionStarts, trailingComma: false)
    let value = expression()
    finish(group)
    return add(isInteger ? .toInteger(value) : .toFloat(value), span(first))
  }
}

// MARK: - Brackets and braces

extension Parser {
  /// A list, a map or a comprehension.
  private mutating func bracketed() -> ExpressionID {
    let first = here
    let group = begin(
      .rightBracket, of: Self.expressionStarts.union([.ellipsis]), trailingComma: true)
    if accept(.colon) {
      finish(group)
      return add(.map([], spreads: []), span(first))
    }
    var elements: [ExpressionID] = []
    var pairs: [Expression.Pair] = []
    var isMap = false
    if current.kind != .ellipsis, current.kind != .rightBracket {
      let head = expression()
      if current.kind == .bar { return comprehension(head, group) }
      isMap = current.kind == .colon
      if isMap {
        pairs.append(pair(head))
      } else {
        elements.append(head)
      }
      while current.kind != .ellipsis, continues(group, or: "']'"), current.kind != .ellipsis {
        let next = expression()
        if isMap {
          pairs.append(pair(next))
        } else {
          elements.append(next)
          if current.kind == .colon {
            reportExpected("',' or ']': the elements before have no keys")
            advance()
            _ = expression()
          }
        }
      }
    }
    let spreads = self.spreads(group)
    end(group)
    return add(isMap ? .map(pairs, spreads: spreads) : .list(elements, spreads: spreads), span(first))
  }

  private mutating func pair(_ key: ExpressionID) -> Expression.Pair {
    if !accept(.colon) {
      reportExpected("':' and the value of the key")
      return .init(key: key, value: add(.error, span(here)))
    }
    return .init(key: key, value: expression())
  }

  /// `...x ...y`, each perhaps on a line of its own.
  private mutating func spreads(_ group: Group) -> [ExpressionID] {
    var spreads: [ExpressionID] = []
    while accept(.ellipsis) {
      spreads.append(expression())
      if current.kind == .semicolon { advance() }
      if current.kind == .comma {
        let comma = range(of: here)
        advance()
        if current.kind == .ellipsis {
          complain(
            "language.syntax", "no comma stands between spreads", at: comma,
            fixIts: [FixIt("remove the comma", [.init(comma, "")])])
        }
      }
    }
    if !spreads.isEmpty, current.kind != .rightBracket, current.kind != .end, !isAtBoundary() {
      reportExpected("'...' or ']': spreads come last")
      skip(to: [.rightBracket])
    }
    return spreads
  }

  private mutating func comprehension(_ head: ExpressionID, _ group: Group) -> ExpressionID {
    advance()
    var clauses: [Expression.Clause] = []
    let elements = Self.patternStarts.union([.if])
    let clauseGroup = Group(
      opener: group.opener, closer: group.closer, elements: elements, allowsTrailingComma: false)
    repeat {
      if accept(.if) {
        clauses.append(.filter(expression()))
        continue
      }
      let pattern = self.pattern()
      if accept(.leftArrow) {
        clauses.append(.enumeration(pattern, expression()))
      } else {
        reportExpected("'<-' and what is enumerated")
        skip(to: [.leftArrow, .comma, .rightBracket])
        let source = accept(.leftArrow) ? expression() : add(.error, span(here))
        clauses.append(.enumeration(pattern, source))
      }
    } while continues(clauseGroup)
    end(group)
    return add(.comprehension(head, clauses), span(group.opener))
  }

  /// A block, if a declaration follows the brace; else a struct.
  mutating func braced() -> ExpressionID {
    if startsDeclaration(at: 1) { return block() }
    let first = here
    let next = peek().kind
    let after = peek(2)
    let isField = next == .identifier || next.isKeyword
    guard isField, [.colon, .comma, .rightBrace].contains(after.kind) || after.isInserted else {
      return looseBlock()
    }
    let group = begin(.rightBrace, of: [.identifier], trailingComma: true)
    var fields: [Expression.Field] = []
    repeat {
      guard let name = expectName("the name of a field") else {
        skip(to: [.comma, .rightBrace])
        continue
      }
      fields.append(.init(name: name, value: accept(.colon) ? expression() : nil))
    } while continues(group)
    end(group)
    return add(.structure(fields), span(first))
  }

  /// Braces that hold neither a field nor a declaration.
  private mutating func looseBlock() -> ExpressionID {
    let first = here
    let group = begin(.rightBrace, of: [], trailingComma: false)
    reportExpected("a field or a declaration: braces hold a struct, or a block with at least one declaration")
    var value: ExpressionID?
    if Self.expressionStarts.contains(current.kind) {
      value = expression()
      _ = accept(.semicolon)
    }
    if current.kind != .rightBrace { skip(to: [.rightBrace]) }
    end(group)
    guard let value else { return add(.error, span(first)) }
    return add(.block(declarations: [], value: value), span(first))
  }
}
