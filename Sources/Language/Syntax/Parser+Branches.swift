import Diagnostics

// MARK: - Conditions

extension Parser {
  /// `if c {…} else if … else {…}`, the whole chain in one loop.
  mutating func conditional() -> ExpressionID {
    var arms: [Arm] = []
    var otherwise: ExpressionID?
    repeat {
      let first = here
      if arms.count == Self.chainLimit {
        otherwise = chainTooLong(first)
        break
      }
      advance()
      let condition = expression()
      let then = branch()
      arms.append(Arm(first: first, condition: condition, then: then))
      if !goesOnWithElse() {
        otherwise = missingElse()
      } else if current.kind != .if {
        otherwise = branch()
      }
    } while otherwise == nil
    return fold(arms, otherwise!)
  }

  private struct Arm {
    var first: TokenIndex
    var condition: ExpressionID
    var then: ExpressionID
  }

  private mutating func fold(_ arms: [Arm], _ otherwise: ExpressionID) -> ExpressionID {
    arms.reversed().reduce(otherwise) { rest, arm in
      add(.conditional(condition: arm.condition, then: arm.then, else: rest), span(arm.first))
    }
  }

  private mutating func chainTooLong(_ first: TokenIndex) -> ExpressionID {
    abandon("this chain has more than \(Self.chainLimit) branches; divide it")
    return error(first)
  }

  /// Takes `else`; it and what follows it stand on the line of what is before.
  private mutating func goesOnWithElse() -> Bool {
    if current.isInserted, peek().kind == .else { joinLines("'else' stands on the line of the '}' before it") }
    guard accept(.else) else { return false }
    if current.isInserted, [.if, .leftBrace].contains(peek().kind) {
      joinLines("'\(peek().kind == .if ? "if" : "{")' stands on the line of the 'else' before it")
    }
    return true
  }

  private mutating func missingElse() -> ExpressionID {
    // At the end of the file the original names the line after the last one.
    let isLast = current.isInserted && peek().kind == .end
    let end = min(Int(current.upper) + 1, text.count)
    report(
      "language.missing-else", "expected 'else', found \(describeCurrent()): every 'if' has one",
      at: isLast ? range(end, end) : nil)
    return error(here)
  }

  /// Reports a line break that may not be there, and goes over it.
  mutating func joinLines(_ message: String) {
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
    guard current.kind == .leftBrace else { return missingBranch(first) }
    guard peek(2).kind == .colon, peek().kind == .identifier || peek().kind.isKeyword else { return block() }
    let errors = diagnostics.count
    reportStructAsBranch()
    let value = braced()
    addBraces(errors, first)
    return add(.block(declarations: [], value: value), from: first)
  }

  private mutating func missingBranch(_ first: TokenIndex) -> ExpressionID {
    reportExpected("'{' and a value", notes: [Diagnostic.Note(Self.conditionHint)])
    skip(to: [.else, .semicolon, .comma])
    return error(first)
  }

  private mutating func reportStructAsBranch() {
    report(
      "language.struct-branch",
      "these braces belong to the branch: a struct needs its own, '{{\(spelling(peek())): …}}'",
      at: range(of: here + 1))
  }

  private mutating func addBraces(_ errors: Int, _ first: TokenIndex) {
    guard errors < diagnostics.count, diagnostics[errors].id == "language.struct-branch" else { return }
    let lower = Int(tree.tokens[Int(first)].lower)
    let edits: [FixIt.Edit] = [
      .init(range(lower, lower), "{"), .init(range(previousEnd, previousEnd), "}"),
    ]
    diagnostics[errors].fixIts = [FixIt("add braces", edits)]
  }
}

// MARK: - Blocks and cases

extension Parser {
  /// `{ declarations; value }`
  mutating func block() -> ExpressionID {
    let first = here
    let group = begin(.rightBrace, of: [], trailingComma: false)
    let declarations = self.declarations()
    let value = blockValue()
    endBlock(group)
    return add(.block(declarations: declarations, value: value), from: first)
  }

  private mutating func endBlock(_ group: Group) {
    if current.kind != .rightBrace, current.kind != .end, !isAtBoundary() {
      reportExpected("'}' after the value of the block")
      skip(to: [.rightBrace])
    }
    end(group)
  }

  /// The declarations of a block or a case.
  private mutating func declarations() -> [DeclarationID] {
    var declarations: [DeclarationID] = []
    while startsDeclaration() {
      let declaration = self.declaration()
      declarations.append(declaration)
      if !endsDeclarationInBlock() { break }
    }
    return declarations
  }

  /// After a declaration: its semicolon. Tells whether another declaration may follow.
  private mutating func endsDeclarationInBlock() -> Bool {
    while current.kind == .semicolon, peek().kind == .semicolon { advance() }
    if accept(.semicolon) { return true }
    if current.kind == .rightBrace || current.kind == .case || current.kind == .end { return false }
    let goesOn = startsDeclaration() || Self.expressionStarts.contains(current.kind)
    let insert = FixIt("insert ';'", [.init(range(previousEnd, previousEnd), ";")])
    reportExpected("';' or a line break after the declaration", fixIts: goesOn ? [insert] : [])
    if goesOn { return true }
    skip(to: [.semicolon, .rightBrace, .case])
    return accept(.semicolon)
  }

  /// The value after the declarations of a block or a case.
  private mutating func blockValue() -> ExpressionID {
    if current.kind == .rightBrace || current.kind == .case || current.kind == .end {
      return missing("a value: the last thing in a block is its value", here)
    }
    let value = expression()
    _ = accept(.semicolon)
    return value
  }

  /// `switch e { case p: … }`
  mutating func switchExpression() -> ExpressionID {
    let first = here
    advance()
    let subject = expression()
    var cases: [Expression.Case] = []
    guard current.kind == .leftBrace else {
      reportExpected("'{' and the cases")
      return add(.switch(subject, cases), from: first)
    }
    let known = diagnostics.count
    let group = begin(.rightBrace, of: [], trailingComma: false)
    while findsCase() {
      advance()
      let pattern = casePattern()
      let body = caseBody()
      cases.append(.init(pattern: pattern, body: body))
    }
    end(group)
    if cases.isEmpty, diagnostics.count > known { return error(first) }
    return add(.switch(subject, cases), from: first)
  }

  /// Goes to the next `case`.
  private mutating func findsCase() -> Bool {
    if current.kind == .case { return true }
    if current.kind == .rightBrace || current.kind == .end || isAtBoundary() { return false }
    reportExpected("'case' or '}'", notes: [Diagnostic.Note("a case is written case 1: \"one\"")])
    skip(to: [.case, .rightBrace])
    return current.kind == .case
  }

  private mutating func casePattern() -> PatternID {
    let pattern = self.pattern()
    if accept(.colon) { return pattern }
    if current.kind == .fatArrow || current.kind == .define || current.kind == .assign {
      reportExpected("':'", fixIts: [FixIt("write ':'", [.init(range(of: here), ":")])])
      advance()
    } else {
      reportExpected("':' after the pattern")
      skip(to: [.colon, .case, .rightBrace, .semicolon])
      _ = accept(.colon)
    }
    return pattern
  }

  private mutating func caseBody() -> ExpressionID {
    let first = here
    let declarations = self.declarations()
    let value = blockValue()
    return declarations.isEmpty ? value : add(.block(declarations: declarations, value: value), from: first)
  }
}
