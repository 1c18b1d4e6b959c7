import Diagnostics

/// What people write who come from other languages.
///
/// It is looked for only where the program is wrong already, and said once: where what was meant is plain, the tokens
/// are taken as that, so that nothing else is reported. None of this is in the frames that recursion goes through, and
/// nothing of it is ever inlined into them.
///
/// See <doc:Syntax>, "How the parser recovers".
extension Parser {
  static let conditionHint = "a condition is written if c { a } else { b }, and has both branches"
  static let functionHint = "a function is written func(x int) => x + 1, or declared: func f(x int) int = x + 1"
  static let stepHint =
    "a step is a value, named after what it makes: val x = exec() (x file) {\" sort {{a}} > {{x}} \"}"
  static let moduleHint =
    "another file is used by val m = make(\"./m.rf\"), a module of the system by make(\"$/strings\")"

  /// How what stands at the current token, where something else was expected, is written here.
  @inline(never)
  func hints() -> [Diagnostic.Note] {
    guard !isAbandoned, let hint = hint() else { return [] }
    return [Diagnostic.Note(hint)]
  }

  private func hint() -> String? {
    let previous = index > 0 ? tree.tokens[index - 1] : nil
    let touches = previous?.upper == current.lower
    switch current.kind {
    case .if: return Self.conditionHint
    case .fatArrow: return Self.functionHint
    case .greater where touches && previous?.kind == .minus: return Self.functionHint
    case .star where touches && previous?.kind == .star: return "there is no operator for powers"
    case .greater where touches && previous?.kind == .bar: return "a function is called as f(x)"
    case .hash: return "a comment begins with '//'"
    case .string where touches && previous?.kind == .identifier:
      return "texts and values are joined by '+', as in \"hello \" + name"
    case .plus where touches && previous?.kind == .plus, .minus where touches && previous?.kind == .minus,
      .assign where touches && [.plus, .minus, .star, .slash].contains(previous?.kind):
      return "values never change: a name is defined once"
    case .identifier, .reserved: return Self.hint(forOperator: spelling(current))
    case _: return nil
    }
  }

  /// Words that other languages have between operands or behind them.
  private static func hint(forOperator word: String) -> String? {
    switch word {
    case "and": "it is written '&&'"
    case "or": "it is written '||'"
    case "not": "negation is written '!'"
    case "is", "eq": "equality is written '=='"
    case "then", "elif", "elsif", "unless": conditionHint
    case "when", "where": "a condition in a comprehension begins with 'if', as in [x | x <- xs, if x > 1]"
    case "for": "a comprehension is written [f(x) | x <- xs]"
    case "in": "elements are taken with '<-', as in [f(x) | x <- xs]"
    case "import", "include": moduleHint
    case _: nil
    }
  }

  /// How what other languages begin with this word is begun here.
  private static func hint(forBeginning word: String) -> String? {
    switch word {
    case "let", "var", "const", "set", "export": "a value is declared with 'val': val x = 1"
    case "def", "fn", "fun", "function", "define": "a function is declared with 'func': func f(x int) int = x + 1"
    case "rule", "process", "workflow", "task", "target", "checkpoint", "step", "job", "genrule": stepHint
    case "shell", "input", "output", "script", "command", "run", "sh", "params": stepHint
    case "from", "use", "require", "load", "package", "import", "include": moduleHint
    case "for", "while", "foreach": "a comprehension makes many: val ys = [f(x) | x <- xs]"
    case "class", "struct", "interface", "record", "enum": "a type is declared as type T {a int, b string}"
    case "return": "nothing is returned: the value of a function stands behind its '='"
    case "if", "switch": "a condition is a value, and needs a name: val x = if c { a } else { b }"
    case "print", "println", "echo": "what Main is becomes out/, and trace(x) prints x when it is computed"
    case _: nil
    }
  }

  /// What is said about a word that begins no declaration.
  @inline(never)
  mutating func beginningHints() -> [Diagnostic.Note] {
    let word = spelling(current)
    if let hint = Self.hint(forBeginning: word) { return [Diagnostic.Note(hint)] }
    if current.kind == .identifier, peek().kind == .dot, peek(3).kind == .colon {
      return [Diagnostic.Note(Self.stepHint)]
    }
    if current.kind == .identifier, peek().kind == .colon {
      let type = peek(2).kind
      guard Self.typeStarts.contains(type), type != .identifier || peek(3).kind == .assign else {
        return [Diagnostic.Note(Self.stepHint)]
      }
      return [
        Diagnostic.Note("a value is declared with 'val', and its type stands behind the name: val \(word) int = 3")
      ]
    }
    if [.identifier, .exec, .make, .file, .dir].contains(current.kind), [.leftParen, .dot].contains(peek().kind) {
      return [Diagnostic.Note("a value needs a name, and what is to be built is called Main: val Main = \(word)…")]
    }
    return hints()
  }
}

// MARK: - Comments

extension Parser {
  /// Takes a comment that begins with `#`, to the end of its line, and tells whether there was one.
  @inline(never)
  mutating func takesHashComment() -> Bool {
    guard current.kind == .hash else { return false }
    let lower = Int(current.lower)
    let place = range(lower, lower + 1)
    report(
      "language.syntax", "a comment begins with '//', not with '#'", at: place,
      fixIts: [FixIt("write '//'", [.init(place, "//")])])
    let upper = text[lower...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
    lexer.rewind(to: upper, index: here)
    replaceTokens(from: index, with: Token(kind: .error, lower: Int32(lower), upper: Int32(upper)))
    advance()
    return true
  }

  /// Skips what is indented below a line that is no declaration, since it belongs to that line.
  @inline(never)
  mutating func skipIndentedLines() {
    let known = lexer.diagnostics.count
    while current.isInserted, peek().kind != .end, !startsDeclaration(at: 1), !beginsLine(peek()) {
      advance()
      skip(to: [.semicolon])
    }
    if lexer.diagnostics.count > known { lexer.forgetDiagnostics(after: known) }
  }

  private func beginsLine(_ token: Token) -> Bool {
    token.lower == 0 || text[Int(token.lower) - 1] == UInt8(ascii: "\n")
  }
}

// MARK: - Types

extension Parser {
  /// Takes a `:` or `->` before a type, where none belongs.
  @inline(never)
  mutating func takeTypeMark(_ message: String) {
    let isArrow = current.kind == .minus && peek().kind == .greater && peek().lower == current.upper
    let next = peek(isArrow ? 2 : 1)
    guard isArrow || current.kind == .colon, Self.typeStarts.contains(next.kind) else { return }
    let lower = onlySpace(previousEnd, Int(current.lower)) ? previousEnd : Int(current.lower)
    let place = range(Int(current.lower), isArrow ? Int(current.upper) + 1 : Int(current.upper))
    report(
      "language.syntax", message, at: place,
      fixIts: [FixIt("leave it out", [.init(range(lower, Int(next.lower)), " ")])])
    advance()
    if isArrow { advance() }
  }

  /// Tells that a step makes nothing, if its template begins where its outputs should be.
  @inline(never)
  mutating func lacksOutputs() -> Bool {
    guard current.kind == .leftBrace, isFollowed(by: UInt8(ascii: "\"")) else { return false }
    report(
      "language.syntax", "expected the outputs of the step, as in (out file), before its template",
      notes: [Diagnostic.Note("a step makes files, which its command names: exec() (out file) {\" date > {{out}} \"}")])
    return true
  }

  /// What is said where a template should begin.
  @inline(never)
  func templateHints() -> [Diagnostic.Note] {
    if current.kind == .file || current.kind == .dir {
      return [Diagnostic.Note("outputs stand in parentheses, as in (out \(spelling(current)))")]
    }
    return []
  }
}

// MARK: - Braces and brackets

extension Parser {
  /// Takes `{a = 1}` as `{a: 1}`, and tells whether the current brace is that of `{"a": 1}`, which is taken as `["a": 1]`.
  @inline(never)
  mutating func takesBracesOfMap() -> Bool {
    guard hasRoom else { return false }
    switch peek(2).kind {
    case .assign where peek().kind == .identifier:
      takeAssignments()
      return false
    case .colon where peek().kind == .string: return takesBrackets()
    case _: return false
    }
  }

  /// To look ahead takes more stack than to read on: deep inside, where little is left, it is not done.
  private var hasRoom: Bool { depth < Self.nestingLimit / 2 }

  /// A map in braces counts as two levels: it has the frames of two.
  @inline(never)
  mutating func mapInBraces() -> ExpressionID {
    guard enter() else { return error(here) }
    let map = bracketed()
    depth -= 1
    return map
  }

  private mutating func takesBrackets() -> Bool {
    guard let closer = group(from: 1).closer else { return false }
    let edits: [FixIt.Edit] = [.init(range(of: here), "["), .init(range(of: closer), "]")]
    report(
      "language.syntax", "a map is written in brackets, as in [\"a\": 1]; braces hold a struct, as in {a: 1}",
      at: range(of: here), fixIts: [FixIt("write brackets", edits)])
    tree.tokens[index].kind = .leftBracket
    tree.tokens[Int(closer)].kind = .rightBracket
    current = tree.tokens[index]
    return true
  }

  private mutating func takeAssignments() {
    let places = group(from: 1).places
    let signs = places.indices.filter { position in
      guard tree.tokens[places[position]].kind == .assign, position > 0 else { return false }
      guard tree.tokens[places[position - 1]].kind == .identifier else { return false }
      return position == 1 || tree.tokens[places[position - 2]].kind == .comma
    }
    let edits = signs.map { FixIt.Edit(range(of: TokenIndex(places[$0])), ":") }
    report(
      "language.syntax", "a field is given with ':', as in {a: 1}", at: range(of: here + 2),
      fixIts: [FixIt("write ':'", edits)])
    for sign in signs { tree.tokens[places[sign]].kind = .colon }
  }

  /// The tokens of a group from a distance on, without those of groups within it, and the token that closes it, if it
  /// is near and no template comes before it, which the lexer could not read ahead.
  private mutating func group(from start: Int) -> (places: [Int], closer: TokenIndex?) {
    var places: [Int] = []
    var depth = 0
    for distance in start..<start + 512 {
      let token = peek(distance)
      switch token.kind {
      case .leftParen, .leftBracket, .leftBrace: depth += 1
      case .rightParen, .rightBracket, .rightBrace:
        if depth == 0 { return (places, here + TokenIndex(distance)) }
        depth -= 1
      case .exec, .template, .end, .error: return (places, nil)
      case _: if depth == 0 { places.append(index + distance) }
      }
    }
    return (places, nil)
  }

  /// Takes `[f(x) for x in xs]` as `[f(x) | x <- xs]`, from the `for` on.
  @inline(never)
  mutating func takeForeignComprehension() {
    guard isWord("for", index), hasRoom else { return }
    let places = [index] + group(from: 1).places
    var edits: [FixIt.Edit] = []
    var changes: [(place: Int, kind: Token.Kind)] = []
    // Python takes pairs apart without parentheses.
    var hasPairs = false
    for place in places {
      let isFor = isWord("for", place)
      if changes.count % 2 == 1, tree.tokens[place].kind == .comma { hasPairs = true }
      guard isFor || (isWord("in", place) && changes.count % 2 == 1) else { continue }
      let kind: Token.Kind = isFor ? (changes.isEmpty ? .bar : .comma) : .leftArrow
      changes.append((place, kind))
      edits.append(.init(range(of: TokenIndex(place)), kind.punctuation ?? ""))
    }
    let isPlain = changes.count % 2 == 0 && !hasPairs
    let form = hasPairs ? "[f(k, v) | (k, v) <- m]" : "[f(x) | x <- xs, if x > 1]"
    report(
      "language.syntax", "a comprehension is written \(form)", at: range(of: here),
      fixIts: isPlain ? [FixIt("write '|' and '<-'", edits)] : [])
    guard isPlain else { return skip(to: [.rightBracket]) }
    for change in changes { tree.tokens[change.place].kind = change.kind }
    current = tree.tokens[index]
  }

  private func isWord(_ word: String, _ place: Int) -> Bool {
    let token = tree.tokens[place]
    return token.kind == .identifier && Int(token.upper - token.lower) == word.utf8.count
      && text[Int(token.lower)..<Int(token.upper)].elementsEqual(word.utf8)
  }

  /// Takes what stands where a generator needs `<-`, and tells whether it was meant as one.
  @inline(never)
  mutating func takesForeignArrow() -> Bool {
    let isArrow = isWord("in", index) || [.assign, .define, .colon].contains(current.kind)
    let isCondition = current.kind.binary != nil || [.leftParen, .leftBracket, .dot].contains(current.kind)
    reportExpected(
      "'<-' and what is enumerated",
      notes: isCondition
        ? [Diagnostic.Note("a condition begins with 'if', as in [x | x <- xs, if x > 1]")] : [],
      fixIts: isArrow ? [FixIt("write '<-'", [.init(range(of: here), "<-")])] : [])
    if isArrow { advance() }
    return isArrow
  }

  /// A field `s.id`, of which the first name has been read: it lacks a name of its own.
  @inline(never)
  mutating func namelessField() -> Expression.Field {
    goBack(to: index - 1)
    let first = here
    let known = diagnostics.count
    guard enter() else { return .init(name: name(at: first), value: error(first)) }
    let value = expression()
    depth -= 1
    return named(value, first, isClean: diagnostics.count == known)
  }

  private mutating func named(_ value: ExpressionID, _ first: TokenIndex, isClean: Bool) -> Expression.Field {
    var name = name(at: first)
    if case .member(_, let last) = tree[value].kind { name = last }
    if isClean {
      let place = range(Int(tree.tokens[Int(first)].lower), previousEnd)
      let start = range(place.lower, place.lower)
      complain(
        "language.syntax", "a field of a struct needs a name, as in {\(name.text): …}", at: place,
        fixIts: [FixIt("write '\(name.text): '", [.init(start, "\(name.text): ")])])
    }
    return .init(name: name, value: value)
  }
}
