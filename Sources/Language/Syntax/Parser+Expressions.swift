import Diagnostics

extension Parser {
  static let expressionStarts: TokenSet = [
    .identifier, .integer, .float, .string, .true, .false, .file, .dir, .int, .floatKeyword, .leftParen, .leftBracket,
    .leftBrace, .func, .if, .switch, .exec, .make, .hash, .not, .minus,
  ]

  /// An expression, as far as it goes.
  ///
  /// Operands that wait for an operator that binds less tightly are kept on a stack of our own: a chain of operators
  /// costs no recursion. All operators are left associative.
  mutating func expression() -> ExpressionID {
    guard depth < Self.nestingLimit else {
      let first = here
      tooDeep(first)
      return add(.error, span(first))
    }
    depth += 1
    defer { depth -= 1 }
    var first = here
    var left = operand()
    guard current.kind.binary != nil else { return left }
    var waiting: [(first: TokenIndex, left: ExpressionID, operator: BinaryOperator)] = []
    while true {
      let next = current.kind.binary
      while let top = waiting.last, next.map({ $0.level <= top.operator.level }) ?? true {
        left = add(.binary(top.operator, top.left, left), span(top.first))
        first = top.first
        waiting.removeLast()
      }
      guard let next else { return left }
      waiting.append((first, left, next))
      advance()
      first = here
      left = operand()
    }
  }

  func tooDeepMessage(_ what: String, _ limit: Int) -> String {
    "\(what) here are more than \(limit) deep; give inner parts names of their own"
  }

  mutating func tooDeep(_ first: TokenIndex) {
    report("language.nesting-too-deep", tooDeepMessage("the nested parts", Self.nestingLimit))
    skip(to: [.comma, .semicolon, .colon, .assign, .else, .case])
  }

  /// A term with what stands before and after it.
  private mutating func operand() -> ExpressionID {
    if current.kind == .not || current.kind == .minus { return prefixed() }
    let first = here
    var result = term()
    while true {
      if current.kind == .dot {
        advance()
        guard let name = expectName("the name of a field") else { return result }
        result = add(.member(result, name), span(first))
      } else if current.kind == .leftParen {
        result = call(result, first)
      } else if current.kind == .leftBracket {
        result = subscripted(result, first)
      } else {
        return result
      }
    }
  }

  private mutating func prefixed() -> ExpressionID {
    var operators: [(UnaryOperator, TokenIndex)] = []
    while current.kind == .not || current.kind == .minus {
      guard operators.count < Self.nestingLimit - depth else {
        let first = here
        tooDeep(first)
        return add(.error, span(first))
      }
      operators.append((current.kind == .not ? .not : .negate, here))
      advance()
    }
    var result = operand()
    for (symbol, first) in operators.reversed() { result = add(.unary(symbol, result), span(first)) }
    return result
  }

  private mutating func call(_ function: ExpressionID, _ first: TokenIndex) -> ExpressionID {
    let group = begin(.rightParen, of: Self.expressionStarts, trailingComma: true)
    var arguments: [ExpressionID] = []
    if current.kind != .rightParen {
      repeat { arguments.append(expression()) } while continues(group)
    }
    end(group)
    return add(.call(function, arguments), span(first))
  }

  /// `xs[i]`, `xs[a:b]`, `xs[a:]`, `xs[:b]` or `xs[:]`
  private mutating func subscripted(_ base: ExpressionID, _ first: TokenIndex) -> ExpressionID {
    let group = begin(.rightBracket, of: Self.expressionStarts, trailingComma: false)
    let lower = current.kind == .colon ? nil : expression()
    let isSlice = accept(.colon)
    let upper = isSlice && current.kind != .rightBracket ? expression() : nil
    finish(group)
    let kind: Expression.Kind = isSlice ? .slice(base, lower: lower, upper: upper) : .index(base, lower!)
    return add(kind, span(first))
  }

  /// Closes a group that has a fixed number of elements, all of them read.
  mutating func finish(_ group: Group) {
    let isLast = !continues(Group(opener: group.opener, closer: group.closer, elements: [], allowsTrailingComma: false))
    if !isLast {
      reportExpected("'\(group.closer.punctuation!)'")
      skip(to: [group.closer])
    }
    end(group)
  }
}

// MARK: - Branches

extension Parser {
  /// `if c {…} else if … else {…}`, the whole chain in one loop.
  mutating func conditional() -> ExpressionID {
    var arms: [(first: TokenIndex, condition: ExpressionID, then: ExpressionID)] = []
    var otherwise: ExpressionID?
    while otherwise == nil {
      let first = here
      guard arms.count < Self.chainLimit else {
        report("language.nesting-too-deep", tooDeepMessage("the 'else if' branches", Self.chainLimit))
        skip(to: [.comma, .semicolon])
        otherwise = add(.error, span(first))
        break
      }
      advance()
      let condition = expression()
      arms.append((first, condition, branch()))
      if current.isInserted, peek().kind == .else { joinLines("'else' stands on the line of the '}' before it") }
      let place = here
      if accept(.else) {
        if current.isInserted, [.if, .leftBrace].contains(peek().kind) {
          joinLines("'\(peek().kind == .if ? "if" : "{")' stands on the line of the 'else' before it")
        }
        if current.kind != .if { otherwise = branch() }
      } else {
        reportExpected("'else': every 'if' has one", id: "language.missing-else")
        otherwise = add(.error, span(place))
      }
    }
    var result = otherwise!
    for arm in arms.reversed() {
      result = add(.conditional(condition: arm.condition, then: arm.then, else: result), span(arm.first))
    }
    return result
  }

  /// Reports a line break that may not be there, and goes over it.
  private mutating func joinLines(_ message: String) {
    let next = Int(peek().lower)
    report(
      "language.line-break", message,
      fixIts: onlySpace(previousEnd, next)
        ? [FixIt("remove the line break", [.init(range(previousEnd, next), " ")])] : [])
    advance()
  }

  /// `{…}` after a condition or `else`: a block, in which the declarations may be missing.
  private mutating func branch() -> ExpressionID {
    let first = here
    guard current.kind == .leftBrace else {
      reportExpected("'{' and a value")
      skip(to: [.else, .semicolon, .comma])
      return add(.error, span(first))
    }
    if peek(2).kind == .colon, peek().kind == .identifier || peek().kind.isKeyword {
      let errors = diagnostics.count
      report(
        "language.syntax", "these braces belong to the branch: a struct needs its own, '{{\(spelling(peek())): …}}'",
        at: range(of: here + 1))
      let value = braced()
      if errors < diagnostics.count {
        let place = range(of: first)
        diagnostics[errors].fixIts = [
          FixIt(
            "add braces", [.init(range(place.lower, place.lower), "{"), .init(range(previousEnd, previousEnd), "}")])
        ]
      }
      return add(.block(declarations: [], value: value), span(first))
    }
    return block()
  }

  /// `{ declarations; value }`
  mutating func block() -> ExpressionID {
    let first = here
    let group = begin(.rightBrace, of: [], trailingComma: false)
    let (declarations, value) = statements()
    if current.kind != .rightBrace, current.kind != .end, !isAtBoundary() {
      reportExpected("'}' after the value of the block")
      skip(to: [.rightBrace])
    }
    end(group)
    return add(.block(declarations: declarations, value: value), span(first))
  }

  /// Declarations and the value after them, of a block or a case.
  private mutating func statements() -> ([DeclarationID], ExpressionID) {
    var declarations: [DeclarationID] = []
    while startsDeclaration() {
      declarations.append(declaration())
      while current.kind == .semicolon, peek().kind == .semicolon { advance() }
      if accept(.semicolon) { continue }
      if current.kind == .rightBrace || current.kind == .case || current.kind == .end { break }
      let insert = FixIt("insert ';'", [.init(range(previousEnd, previousEnd), ";")])
      let goesOn = startsDeclaration() || Self.expressionStarts.contains(current.kind)
      reportExpected("';' or a line break after the declaration", fixIts: goesOn ? [insert] : [])
      if goesOn { continue }
      skip(to: [.semicolon, .rightBrace, .case])
      if !accept(.semicolon) { break }
    }
    let first = here
    if current.kind == .rightBrace || current.kind == .case || current.kind == .end {
      reportExpected("a value: the last thing in a block is its value")
      return (declarations, add(.error, span(first)))
    }
    let value = expression()
    _ = accept(.semicolon)
    return (declarations, value)
  }

  /// `switch e { case p: … }`
  mutating func switchExpression() -> ExpressionID {
    let first = here
    advance()
    let subject = expression()
    var cases: [Expression.Case] = []
    guard current.kind == .leftBrace else {
      reportExpected("'{' and the cases")
      return add(.switch(subject, cases), span(first))
    }
    let group = begin(.rightBrace, of: [], trailingComma: false)
    while current.kind != .rightBrace, current.kind != .end {
      guard accept(.case) else {
        if isAtBoundary() { break }
        reportExpected("'case' or '}'")
        skip(to: [.case, .rightBrace])
        guard current.kind == .case else { break }
        continue
      }
      cases.append(caseAfterKeyword())
    }
    end(group)
    return add(.switch(subject, cases), span(first))
  }

  private mutating func caseAfterKeyword() -> Expression.Case {
    let pattern = self.pattern()
    if !accept(.colon) {
      if current.kind == .fatArrow || current.kind == .define || current.kind == .assign {
        reportExpected("':'", fixIts: [FixIt("write ':'", [.init(range(of: here), ":")])])
        advance()
      } else {
        reportExpected("':' after the pattern")
        skip(to: [.colon, .case, .rightBrace, .semicolon])
        _ = accept(.colon)
      }
    }
    let first = here
    let (declarations, value) = statements()
    guard !declarations.isEmpty else { return .init(pattern: pattern, body: value) }
    return .init(pattern: pattern, body: add(.block(declarations: declarations, value: value), span(first)))
  }
}

extension Token.Kind {
  /// The operator that the token is between two operands.
  var binary: BinaryOperator? {
    rawValue >= Self.plus.rawValue && rawValue <= Self.tildeArrow.rawValue ? Self.binaries[Int(rawValue)] : nil
  }

  private static let binaries: [BinaryOperator?] = allCases.map { kind in
    kind.punctuation.flatMap { BinaryOperator(rawValue: $0) }
  }
}

extension BinaryOperator {
  /// How tightly it binds.
  var level: Int {
    switch self {
    case .sequence: 0
    case .or: 1
    case .and: 2
    case .less, .greater, .lessEqual, .greaterEqual, .notEqual, .equal: 3
    case .add, .subtract: 4
    case .multiply, .divide, .remainder, .bitAnd, .shiftLeft, .shiftRight: 5
    }
  }
}
