import BuildGraph
import Diagnostics

extension Checker {
  /// A part of a pattern that no value of the type can have, and why.
  struct PatternProblem {
    var pattern: PatternID
    var type: Type
    var notes: [Diagnostic.Note] = []
    var fixIts: [FixIt] = []
  }

  /// Binds the names of a pattern to the parts of a type.
  ///
  /// All names are bound whatever is wrong, those in a wrong part to ``Type/error``. Nesting of patterns is bounded by the
  /// parser, and the walk keeps its own stack anyway.
  /// - Returns: the first thing that is wrong, from left to right.
  mutating func bind(
    _ pattern: PatternID, to type: Type, _ flow: Flow, _ measure: TypeMeasure, warns: Bool,
    exported: Bool = false
  ) -> PatternProblem? {
    var problem: PatternProblem?
    var pending: [(PatternID, Type, Flow)] = [(pattern, type, flow)]
    while let (id, whole, flow) = pending.popLast() {
      // A label of the whole stays with a name for all of it; what is inside is looked at without.
      let type = whole.unlabelled
      var parts: [(PatternID, Type, Flow)] = []
      func fail(_ notes: [Diagnostic.Note] = [], _ fixIts: [FixIt] = []) {
        guard problem == nil else { return }
        problem = PatternProblem(pattern: id, type: type, notes: notes, fixIts: fixIts)
      }
      switch tree[id].kind {
      case .error, .wildcard: break
      case .identifier(let name): bind(name, to: whole, flow, measure, warns: warns, exported: exported)
      case .tuple(let elements):
        if case .tuple(let found) = type, found.count == elements.count {
          for (index, element) in elements.enumerated() {
            parts.append((element, found[index].type, flow.element(index)))
          }
        } else {
          if !type.fitsAnyPattern { fail() }
          parts = elements.map { ($0, type.fitsAnyPattern ? type : .error, .immediate) }
        }
      case .list(let elements, let tail):
        var element = Type.error
        if case .list(let found) = type {
          element = found
        } else if type.fitsAnyPattern {
          element = type
        } else {
          fail()
        }
        parts = elements.map { ($0, element, flow.computed) }
        if case .pattern(let rest) = tail {
          if case .list = type {
            parts.append((rest, type, flow.computed))
          } else {
            parts.append((rest, .error, .immediate))
          }
        }
      case .structure(let fields):
        for field in fields {
          var found = Type.error
          if case .structure(let known) = type {
            if let match = type.field(field.name.text) {
              found = match
            } else {
              let suggestion = suggestion(
                for: field.name.text, among: known.map(\.name), at: range(field.name.token))
              fail(
                [Diagnostic.Note("there is no field \"\(field.name.text)\"", at: range(field.name.token))]
                  + suggestion.notes, suggestion.fixIts)
            }
          } else if type.fitsAnyPattern {
            found = type
          } else {
            fail()
          }
          if let inner = field.pattern {
            parts.append((inner, found, flow.field(field.name.text)))
          } else {
            bind(
              field.name, to: found, flow.field(field.name.text), measure, warns: warns, exported: exported)
          }
        }
      case .variant(let tag, let element):
        checkTag(tag)
        var found = Type.error
        if case .sum(let variants) = type {
          if let variant = variants.first(where: { $0.tag == tag.text }) {
            switch (variant.element, element) {
            case (nil, nil): break
            case (let known?, _?): found = known
            case (_?, nil):
              fail([Diagnostic.Note("#\(tag.text) has an element: write #\(tag.text)(_)", at: range(id))])
            case (nil, _?): fail([Diagnostic.Note("#\(tag.text) has no element", at: range(id))])
            }
          } else if tag.text.isExported {
            let suggestion = suggestion(for: tag.text, among: variants.map(\.tag), at: range(tag.token))
            fail(
              [Diagnostic.Note("there is no tag #\(tag.text)", at: range(tag.token))] + suggestion.notes,
              suggestion.fixIts)
          }
        } else if type.fitsAnyPattern {
          found = type
        } else {
          fail()
        }
        if let element { parts.append((element, found, flow.computed)) }
      case .literal(let literal):
        let literalType = typeOfLiteral(literal)
        if !type.fitsAnyPattern, !literalType.isEqual(to: type) { fail() }
      }
      pending += parts.reversed()
    }
    return problem
  }

  private mutating func typeOfLiteral(_ id: ExpressionID) -> Type {
    var inner = id
    while case .unary(.negate, let operand) = tree[inner].kind { inner = operand }
    let kind = tree[inner].kind
    var type = Type.error
    if case .integer = kind { type = .int }
    if case .float = kind { type = .float }
    if case .string = kind { type = .string }
    if case .bool = kind { type = .bool }
    types[Int(inner.index)] = type
    types[Int(id.index)] = type
    return type
  }

  mutating func bind(
    _ name: Name, to type: Type, _ flow: Flow, _ measure: TypeMeasure, warns: Bool, exported: Bool = false
  ) {
    let isExport = exported && name.text.isExported
    // What a module exports has its users elsewhere; what is wrong has been reported.
    let isWrong = if case .error = type { true } else { false }
    names?.note(binding: name.token, type)
    scope.bind(
      Scope.Binding(
        name: name.text, type: type, measure: type.isScalar && measure != .refused ? .scalar : measure, flow: flow,
        token: name.token,
        meaning: .variable, warns: warns && !isExport && !isWrong))
    if isExport { export(name.text, type, flow) }
  }

  mutating func report(_ problem: PatternProblem) {
    report(
      .incompatiblePattern, "pattern \(text(range(problem.pattern))) is incompatible with type \(problem.type)",
      at: range(problem.pattern), notes: problem.notes, fixIts: problem.fixIts)
  }

  mutating func checkTag(_ tag: Name) {
    guard !tag.text.isExported else { return }
    let capitalized = tag.text.prefix(1).uppercased() + tag.text.dropFirst()
    report(
      .lowercaseTag, "tag \"\(tag.text)\" does not begin with uppercase", at: range(tag.token),
      fixIts: capitalized.isExported
        ? [FixIt("write #\(capitalized)", [FixIt.Edit(range(tag.token), capitalized)])] : [])
  }

  // MARK: switch

  mutating func visitSwitch(_ id: ExpressionID, _ scrutinee: ExpressionID, _ cases: [Expression.Case]) {
    openSwitches.append(OpenSwitch(caseWarnings: [warnings.count]))
    agenda.append(.finish(id))
    for part in cases.reversed() {
      agenda.append(.closeCase)
      agenda.append(.visit(part.body))
      agenda.append(.openCase(part.pattern, switch: id))
    }
    agenda.append(.visit(scrutinee))
  }

  mutating func openCase(_ pattern: PatternID, of id: ExpressionID) {
    guard case .switch(let scrutinee, _) = tree[id].kind else { return }
    let top = openSwitches.count - 1
    if openSwitches[top].caseWarnings.count == 1 { openSwitches[top].caseWarnings[0] = warnings.count }
    scope.open()
    guard let problem = bind(pattern, to: type(scrutinee), flow(scrutinee), measure(scrutinee), warns: true) else {
      return
    }
    openSwitches[top].hasBadPattern = true
    let notes =
      problem.notes.isEmpty
      ? [Diagnostic.Note("this pattern cannot match a value of type \(problem.type)", at: range(problem.pattern))]
      : problem.notes
    report(
      .incompatiblePattern, "pattern \(text(range(pattern))) is incompatible with type \(type(scrutinee))",
      at: head(of: id), notes: notes, fixIts: problem.fixIts)
  }

  /// `switch` and what it looks at, without the cases.
  private func head(of id: ExpressionID) -> SourceRange {
    guard case .switch(let scrutinee, _) = tree[id].kind else { return range(id) }
    return range(TokenSpan(tree[id].span.first, tree[scrutinee].span.last))
  }

  mutating func finishSwitch(_ id: ExpressionID, _ scrutinee: ExpressionID, _ cases: [Expression.Case]) {
    guard let state = openSwitches.popLast() else { return }
    // The last case's warnings come first: so the original reports them.
    let marks = state.caseWarnings
    if marks.count > 2, marks[0] < warnings.count {
      let blocks = zip(marks, marks.dropFirst()).map { warnings[$0..<$1] }
      warnings.replaceSubrange(marks[0]..., with: blocks.reversed().joined())
    }
    var result = Type.bottom
    for part in cases {
      result = unify(result, type(part.body), at: head(of: id), places: [cases[0].body, part.body])
      if case .error = result { break }
    }
    set(
      id, result, join([scrutinee] + cases.map(\.body)),
      bound: bound(cases.map(\.body)))
    guard !state.hasBadPattern else { return }
    if type(scrutinee).containsError { return }
    checkCoverage(id, type(scrutinee), cases)
  }

  private mutating func checkCoverage(_ id: ExpressionID, _ type: Type, _ cases: [Expression.Case]) {
    // What could not be parsed could be anything.
    if cases.contains(where: { tree.hasError(in: $0.pattern) }) { return }
    var coverage = Coverage(of: type)
    for part in cases {
      switch coverage.add(MatchPattern(part.pattern, of: type, in: tree)) {
      case .reachable: continue
      case .unreachable:
        report(
          .unreachableCase, "case is unreachable: \(text(range(part.pattern)))", at: range(part.pattern),
          notes: [Diagnostic.Note("the cases before it match everything that it could match")])
      case .tooComplex: return reportTooComplex(id)
      }
    }
    switch coverage.unhandled() {
    case .exhaustive: break
    case .unhandled(let witness):
      report(
        .notExhaustive, "case patterns are not exhaustive", at: head(of: id),
        notes: [Diagnostic.Note("no case matches \(witness)")])
    case .tooComplex: reportTooComplex(id)
    }
  }

  private mutating func reportTooComplex(_ id: ExpressionID) {
    report(
      .switchTooComplex, "the cases of this switch are too many and too entangled to check", at: head(of: id),
      notes: [Diagnostic.Note("split it into several, one inside the other")])
  }
}

extension Type {
  /// Whether a pattern of any form may stand for a value of this type: there is none, or it is wrong already.
  fileprivate var fitsAnyPattern: Bool {
    switch self {
    case .error, .bottom: true
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .list, .map, .tuple, .structure, .module,
      .function, .sum, .table, .scheme:
      false
    }
  }
}

extension String {
  /// Whether a declaration of this name is visible outside its module.
  var isExported: Bool {
    guard let first = unicodeScalars.first else { return false }
    if first.isASCII { return ("A"..."Z").contains(first) }
    return first.properties.generalCategory == .uppercaseLetter
  }
}

extension SyntaxTree {
  func hasError(in pattern: PatternID) -> Bool {
    var pending = [pattern]
    while let id = pending.popLast() {
      switch self[id].kind {
      case .error: return true
      case .identifier, .wildcard, .literal: break
      case .tuple(let elements): pending += elements
      case .list(let elements, let tail):
        pending += elements
        if case .pattern(let rest) = tail { pending.append(rest) }
      case .structure(let fields): pending += fields.compactMap(\.pattern)
      case .variant(_, let element): if let element { pending.append(element) }
      }
    }
    return false
  }
}
