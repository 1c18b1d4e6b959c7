extension Parser {
  /// A left operand and its operator, until the right operand is known.
  struct Waiting {
    var first: TokenIndex
    var left: ExpressionID
    var symbol: BinaryOperator
  }

  static let expressionStarts: TokenSet = [
    .identifier, .integer, .float, .string, .true, .false, .file, .dir, .int, .floatKeyword, .leftParen, .leftBracket,
    .leftBrace, .func, .if, .switch, .exec, .make, .hash, .not, .minus,
  ]

  /// An expression, as far as it goes.
  ///
  /// Operands that wait for an operator that binds less tightly are kept on a stack of our own: a chain of operators
  /// costs no recursion. All operators are left associative.
  mutating func expression() -> ExpressionID {
    var first = here
    guard enter() else { return error(first) }
    let base = waiting.count
    var left = operand()
    while let next = current.kind.binary {
      reduce(&left, &first, to: base, before: next.level)
      waiting.append(Waiting(first: first, left: left, symbol: next))
      advance()
      first = here
      left = operand()
    }
    reduce(&left, &first, to: base, before: -1)
    depth -= 1
    return left
  }

  /// Applies the operators that wait and bind at least as tightly as `level`.
  private mutating func reduce(_ left: inout ExpressionID, _ first: inout TokenIndex, to base: Int, before level: Int) {
    while waiting.count > base, let top = waiting.last, level <= top.symbol.level {
      left = add(.binary(top.symbol, top.left, left), span(top.first))
      first = top.first
      waiting.removeLast()
    }
  }

  /// A term with what stands before and after it.
  private mutating func operand() -> ExpressionID {
    if current.kind == .not || current.kind == .minus { return prefixed() }
    let first = here
    var result = term()
    while current.kind == .dot || current.kind == .leftParen || current.kind == .leftBracket {
      result = suffixed(result, first)
    }
    return result
  }

  private mutating func suffixed(_ base: ExpressionID, _ first: TokenIndex) -> ExpressionID {
    if current.kind == .leftParen { return isTable(base) ? table(base, first) : call(base, first) }
    if current.kind == .leftBracket { return subscripted(base, first) }
    return member(base, first)
  }

  private mutating func member(_ base: ExpressionID, _ first: TokenIndex) -> ExpressionID {
    advance()
    guard let name = expectName("the name of a field") else { return base }
    return add(.member(base, name), span(first))
  }

  private mutating func prefixed() -> ExpressionID {
    let first = here
    var operators: [UnaryOperator] = []
    while current.kind == .not || current.kind == .minus {
      operators.append(current.kind == .not ? .not : .negate)
      advance()
    }
    let outer = depth
    depth += operators.count - 1
    guard enter() else {
      depth = outer
      return error(first)
    }
    let operand = operand()
    depth = outer
    return apply(operators, to: operand, first)
  }

  private mutating func apply(
    _ operators: [UnaryOperator], to operand: ExpressionID, _ first: TokenIndex
  ) -> ExpressionID {
    var result = operand
    for (distance, symbol) in operators.enumerated().reversed() {
      result = add(.unary(symbol, result), span(first + TokenIndex(distance)))
    }
    return result
  }

  private mutating func call(_ function: ExpressionID, _ first: TokenIndex) -> ExpressionID {
    let group = begin(.rightParen, of: Self.expressionStarts, trailingComma: true)
    var arguments: [ExpressionID] = []
    if current.kind != .rightParen {
      repeat {
        let argument = expression()
        arguments.append(argument)
      } while continues(group)
    }
    end(group)
    return add(.call(function, arguments), from: first)
  }

  /// `xs[i]`, `xs[a:b]`, `xs[a:]`, `xs[:b]` or `xs[:]`
  private mutating func subscripted(_ base: ExpressionID, _ first: TokenIndex) -> ExpressionID {
    let group = begin(.rightBracket, of: Self.expressionStarts, trailingComma: false)
    let lower = current.kind == .colon ? nil : expression()
    let isSlice = accept(.colon)
    let upper = isSlice && current.kind != .rightBracket ? expression() : nil
    finish(group)
    return subscripted(base, lower, upper, isSlice: isSlice, first)
  }

  private mutating func subscripted(
    _ base: ExpressionID, _ lower: ExpressionID?, _ upper: ExpressionID?, isSlice: Bool, _ first: TokenIndex
  ) -> ExpressionID {
    guard !isSlice, let lower else { return add(.slice(base, lower: lower, upper: upper), span(first)) }
    return add(.index(base, lower), span(first))
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
