import BuildGraph
import Diagnostics

extension Parser {
  /// The whole file.
  mutating func module() {
    while current.kind != .end {
      if accept(.semicolon) { continue }
      switch current.kind {
      case .keyspace: keyspace()
      case .param: param()
      case _ where startsDeclaration():
        tree.module.declarations.append(declaration())
        endOfDeclaration()
      case _: strayAtTopLevel()
      }
    }
  }

  private mutating func keyspace() {
    let isFirst = tree.module.params.isEmpty && tree.module.declarations.isEmpty && tree.module.keyspace == nil
    if !isFirst {
      report(
        "language.keyspace-order", "a keyspace stands once, before everything else in the module", at: range(of: here))
    }
    advance()
    if !isFirst { quietUntil = index }
    if current.kind == .string {
      let value = term()
      if isFirst { tree.module.keyspace = value }
    } else {
      reportExpected("the keyspace, a string")
    }
    endOfDeclaration()
  }

  private mutating func strayAtTopLevel() {
    if takesHashComment() { return }
    if current.kind == .identifier, peek().kind == .assign {
      reportAssignment("a name is defined with ':=', or with 'val' and '='")
      tree.module.declarations.append(definition(at: here))
      endOfDeclaration()
      return
    }
    if [.dot, .plus, .minus, .star, .slash, .percent, .andAnd, .orOr, .less, .greater, .equal].contains(current.kind),
      index > 0, tree.tokens[index - 1].isInserted
    {
      lineBeginsWithOperator()
    } else if current.kind == .else {
      report("language.missing-else", "expected a declaration, found 'else' without the 'if' it belongs to")
    } else {
      reportExpected("a declaration", notes: beginningHints())
    }
    advance()
    skip(to: [.semicolon])
    skipIndentedLines()
  }

  private mutating func lineBeginsWithOperator() {
    let end = index > 1 ? Int(tree.tokens[index - 2].upper) : 0
    let lower = Int(current.lower)
    let dot = current.kind == .dot
    report(
      "language.line-break", "a line cannot begin with \(describeCurrent()): end the line before it with it",
      fixIts: onlySpace(end, lower)
        ? [FixIt("remove the line break", [.init(range(end, lower), dot ? "" : " ")])] : [])
  }

  /// After a declaration of the module: its semicolon, which a line break inserts.
  mutating func endOfDeclaration() {
    recover()
    if accept(.semicolon) || current.kind == .end || takesHashComment() { return }
    if !isAtBoundary() {
      reportExpected("the end of the declaration")
      skip(to: [.semicolon])
      _ = accept(.semicolon)
    }
  }
}

// MARK: - Parameters

extension Parser {
  private mutating func param() {
    if !tree.module.declarations.isEmpty {
      report("language.param-order", "parameters stand before all other declarations", at: range(of: here))
    }
    let comment = documentation(before: here)
    advance()
    guard current.kind == .leftParen else {
      if current.kind != .semicolon, current.kind != .end { params(documentation: comment) }
      endOfDeclaration()
      return
    }
    let group = begin(.rightParen, of: [.identifier], trailingComma: false)
    while current.kind != .rightParen, current.kind != .end {
      if accept(.semicolon) { continue }
      if current.kind != .identifier {
        if isAtBoundary() { break }
        reportExpected("a parameter or ')'")
        advance()
        skip(to: [.semicolon, .rightParen])
        if open[current.kind] > 0, current.kind == .rightBrace || current.kind == .rightBracket { break }
        continue
      }
      if startsDeclaration(), isAtBoundary() { break }
      params(documentation: documentation(before: here))
      if current.kind != .rightParen, !accept(.semicolon) {
        reportExpected("the end of the parameter")
        skip(to: [.semicolon, .rightParen])
        if current.kind != .semicolon { break }
      }
    }
    end(group)
    endOfDeclaration()
  }

  /// `a, b T`, `a = e` or `a T = e`: a declaration for each name.
  private mutating func params(documentation shared: String?) {
    let first = here
    var names: [(Name, String?)] = []
    repeat {
      guard let name = expectName("the name of a parameter") else { break }
      names.append((name, documentation(before: name.token) ?? shared))
    } while accept(.comma)
    let type = startsType ? self.type() : nil
    var value: ExpressionID?
    if current.kind == .assign {
      if names.count > 1 {
        report("language.param-default", "several parameters cannot share a default value; declare each one on its own")
      }
      advance()
      value = expression()
    } else if type == nil, !names.isEmpty {
      reportExpected("the type of the parameter, or '=' and its default value")
      skip(to: [.semicolon, .rightParen])
    }
    for (name, comment) in names {
      let kind: Declaration.Kind = type == nil && value == nil ? .error : .param(name, type: type, default: value)
      tree.module.params.append(add(Declaration(kind, span(first), documentation: comment)))
    }
  }
}

// MARK: - Declarations

extension Parser {
  /// A declaration of a module, a block or a case, without its semicolon.
  mutating func declaration() -> DeclarationID {
    let first = here
    guard enter() else { return errorDeclaration(first) }
    defer { depth -= 1 }
    var requires: [[DeclarationID]] = []
    while current.kind == .at {
      let arguments = requirement()
      requires.append(arguments)
    }
    let id: DeclarationID
    if current.kind == .val {
      id = valueDeclaration(first)
    } else if current.kind == .type {
      if !requires.isEmpty {
        report("language.syntax", "'@requires' stands before a value, not before a type", at: range(of: here))
      }
      id = typeDeclaration(first)
    } else if !startsDeclaration() {
      reportExpected("the declaration that '@requires' is about")
      id = errorDeclaration(first)
    } else {
      id = current.kind == .func ? functionDeclaration(first) : definition(at: first)
    }
    describe(id, requires: requires, documentation: documentation(before: first))
    return id
  }

  private mutating func describe(_ id: DeclarationID, requires: [[DeclarationID]], documentation: String?) {
    tree.declarations[Int(id.index)].requires = requires
    tree.declarations[Int(id.index)].documentation = documentation
  }

  private mutating func errorDeclaration(_ first: TokenIndex) -> DeclarationID {
    add(Declaration(.error, span(first)))
  }

  private mutating func add(_ kind: Declaration.Kind, from first: TokenIndex) -> DeclarationID {
    add(Declaration(kind, span(first)))
  }

  /// `@requires(…)` and the line break after it.
  private mutating func requirement() -> [DeclarationID] {
    advance()
    var arguments: [DeclarationID] = []
    if !accept(.requires) {
      reportExpected("'requires' after '@'")
      if peek().kind == .leftParen { advance() }
      skip(to: [.semicolon, .val, .func, .type, .at])
      _ = accept(.semicolon)
      return []
    }
    if current.kind == .leftParen {
      let group = begin(.rightParen, of: Self.argumentStarts, trailingComma: false)
      arguments = self.arguments(group)
      end(group)
    } else {
      reportExpected("'(' after '@requires'")
    }
    _ = accept(.semicolon)
    return arguments
  }

  static let argumentStarts: TokenSet = [.identifier, .val, .func, .at]

  /// `name := e`, or `name` for `name := name`, separated by commas.
  mutating func arguments(_ group: Group) -> [DeclarationID] {
    var result: [DeclarationID] = []
    guard current.kind != group.closer else { return [] }
    repeat {
      let argument: DeclarationID?
      if startsDeclaration() {
        argument = declaration()
      } else if current.kind == .identifier, peek().kind == .assign {
        reportAssignment("an argument is given with ':='")
        argument = definition(at: here)
      } else {
        argument = shorthand(group)
      }
      if let argument { result.append(argument) }
    } while continues(group)
    return result
  }

  /// `name`, for `name := name`.
  private mutating func shorthand(_ group: Group) -> DeclarationID? {
    guard current.kind == .identifier else {
      reportExpected("an argument, 'name := value'")
      skip(to: [.comma, group.closer])
      return nil
    }
    let place = here
    advance()
    let pattern: PatternID = add(.identifier(name(at: place)), span(place))
    let value: ExpressionID = add(.identifier(name(at: place)), span(place))
    return add(.value(pattern, type: nil, value: value, form: .shorthand), from: place)
  }

  /// Reports a `=` after the current name that should be `:=`.
  private mutating func reportAssignment(_ message: String) {
    let place = range(of: here + 1)
    report("language.syntax", message, at: place, fixIts: [FixIt("write ':='", [.init(place, ":=")])])
  }

  /// `val p T = e`
  private mutating func valueDeclaration(_ first: TokenIndex) -> DeclarationID {
    advance()
    let errors = diagnostics.count
    let pattern = self.pattern()
    checkBound(pattern)
    if diagnostics.count > errors, current.kind != .assign, !startsType { skip(to: [.assign, .semicolon]) }
    takeTypeMark("the type stands right behind the name, as in 'val x int = 3'")
    let type = startsType ? self.type() : nil
    let value = initializer()
    return add(.value(pattern, type: type, value: value, form: .val), from: first)
  }

  /// As a whole pattern of `val` a literal binds nothing; the original has no literal patterns and rejects it too.
  private mutating func checkBound(_ pattern: PatternID) {
    guard case .literal = tree[pattern].kind else { return }
    complain(
      "language.syntax", "expected a name or a pattern after 'val': a literal cannot be bound",
      at: range(of: tree[pattern].span.first))
  }

  /// `= e`, and what is often written for it.
  private mutating func initializer() -> ExpressionID {
    accept(.assign) || findsInitializer() ? expression() : error(here)
  }

  private mutating func findsInitializer() -> Bool {
    if [.define, .fatArrow, .equal, .colon].contains(current.kind) {
      reportExpected("'='", fixIts: [FixIt("write '='", [.init(range(of: here), "=")])])
      advance()
      return true
    }
    reportExpected(
      "'=' and a value",
      notes: current.kind == .leftBrace ? [Diagnostic.Note("a value stands behind '=': func f(x int) int = x + 1")] : []
    )
    skip(to: [.assign, .semicolon])
    return accept(.assign)
  }

  /// `x := e`, from its name on; also with `=` in the place of `:=`, which has been reported.
  private mutating func definition(at first: TokenIndex) -> DeclarationID {
    let pattern = definedName()
    advance()
    let value = expression()
    return add(.value(pattern, type: nil, value: value, form: .define), from: first)
  }

  private mutating func definedName() -> PatternID {
    let place = here
    let isName = current.kind == .identifier
    if !isName { report("language.syntax", "'_' cannot be defined with ':='; write 'val _ = …'") }
    advance()
    let kind: Pattern.Kind = isName ? .identifier(name(at: place)) : .wildcard
    return add(kind, span(place))
  }

  /// `func f(…) T = e`
  private mutating func functionDeclaration(_ first: TokenIndex) -> DeclarationID {
    advance()
    let name = name(at: here)
    advance()
    let parameters = self.parameters()
    takeTypeMark("the type of the result stands right behind the ')', as in 'func f(x int) int = x + 1'")
    let result = startsType ? type() : nil
    let body = initializer()
    let function = Expression.Function(parameters: parameters, result: result, body: body)
    return add(.function(name, function), from: first)
  }

  /// `type T …`
  private mutating func typeDeclaration(_ first: TokenIndex) -> DeclarationID {
    advance()
    guard let name = expectName("the name of the type") else {
      skip(to: [.semicolon])
      return errorDeclaration(first)
    }
    if current.kind == .assign { reportTypeAssignment() }
    let type = self.type()
    return add(.type(name, type), from: first)
  }

  private mutating func reportTypeAssignment() {
    let extent = range(previousEnd, Int(current.upper))
    report("language.syntax", "a type is declared without '='", fixIts: [FixIt("remove '='", [.init(extent, "")])])
    advance()
  }

  /// A name, or a diagnostic that says why what stands here is none.
  mutating func expectName(_ what: String) -> Name? {
    let place = here
    switch current.kind {
    case .identifier:
      advance()
      return name(at: place)
    case .underscore where peek().kind == .identifier && isFollowedImmediately:
      report("language.syntax", "a name cannot begin with '_'")
      advance()
      advance()
      return name(at: place + 1)
    case let kind where kind.isKeyword && kind != .reserved && !startsDeclaration():
      reportKeyword(asNameFor: what)
      advance()
      return name(at: place)
    case .reserved:
      reportExpected(what)
      advance()
      return name(at: place)
    case _:
      reportExpected(what)
      return nil
    }
  }

  private mutating func reportKeyword(asNameFor what: String) {
    let word = spelling(current)
    let note = "in a table an option gives such a column another name: columns := [\"\(word)_\": \"\(word)\"]"
    report(
      "language.syntax", "expected \(what), found \(describeCurrent()), which cannot be a name",
      notes: what == "the name of a field" ? [Diagnostic.Note(note)] : [])
  }

  private var isFollowedImmediately: Bool {
    let place = Int(current.upper)
    return place < text.count && (isLetter(text[place]) || text[place] >= 0x80)
  }
}
