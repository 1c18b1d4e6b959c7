import Diagnostics

/// Comprehensions: over lists, and over tables if that is what the first clause ranges over.
extension Checker {
  mutating func visitComprehension(_ id: ExpressionID, _ head: ExpressionID, _ clauses: [Expression.Clause]) {
    agenda.append(.finish(id))
    agenda.append(.closeScope)
    agenda.append(.visit(head))
    for clause in clauses.reversed() {
      switch clause {
      case .enumeration(let pattern, let source):
        agenda.append(.bindGenerator(pattern, source))
        agenda.append(.visit(source))
      case .filter(let condition):
        agenda.append(.checkFilter(condition))
        agenda.append(.visit(condition))
      }
    }
    scope.open()
    openComprehensions.append(OpenComprehension())
    if case .filter(let condition)? = clauses.first {
      report(
        .comprehensionStart, "the first clause of a comprehension must be an enumeration", at: range(condition),
        notes: [Diagnostic.Note("put a clause such as \"x <- xs\" before it")])
    }
  }

  mutating func bindGenerator(_ pattern: PatternID, _ source: ExpressionID) {
    let element = elementType(of: source, pattern)
    if let problem = bind(pattern, to: element.unlabelled, .immediate, measure(source), warns: true) { report(problem) }
  }

  /// The type of what a generator's pattern is bound to; reports what cannot stand there.
  private mutating func elementType(of source: ExpressionID, _ pattern: PatternID) -> Type {
    let top = openComprehensions.count - 1
    let kind = openComprehensions[top].kind
    func isRefutable(_ element: Type) -> Bool { !MatchPattern(pattern, of: element, in: tree).isAny }
    func generator(_ kind: TableClauses.Generator.Kind, _ element: Type) -> TableClauses.Generator {
      TableClauses.Generator(
        pattern: pattern, source: source, kind: kind, mentions: [], isRefutable: isRefutable(element))
    }
    switch type(source) {
    case .error:
      openComprehensions[top].generators.append(generator(.list, .error))
      return .error
    case .table(let row):
      if kind == .list {
        report(
          .tableGenerator, "a table cannot be enumerated after a list, map or dir", at: range(source),
          notes: [Diagnostic.Note("put the table first, or make a list of it: rows(t)")],
          fixIts: row.isGroupRow ? [] : [wrap(source, in: "rows")])
        return .error
      }
      openComprehensions[top].kind = .table
      openComprehensions[top].generators.append(generator(row.isGroupRow ? .groups : .table, row))
      return row
    case .list(let element):
      if kind == .unknown { openComprehensions[top].kind = .list }
      if kind == .table { checkRowElement(element.unlabelled, source) }
      openComprehensions[top].generators.append(generator(.list, element.unlabelled))
      return element
    case .map(let key, let value):
      if kind == .unknown { openComprehensions[top].kind = .list }
      let pair = Type.pair(key, value)
      if kind == .table {
        checkRowElement(key.unlabelled, source)
        checkRowElement(value.unlabelled, source)
      }
      openComprehensions[top].generators.append(generator(.list, pair))
      return pair
    case .dir:
      if kind == .unknown { openComprehensions[top].kind = .list }
      if kind == .table {
        report(
          .tableGenerator, "a dir cannot be enumerated after a table", at: range(source),
          notes: [Diagnostic.Note("[p | (p, _) <- d] is the list of its paths")])
      }
      return .pair(.string, .file)
    case .int, .float, .string, .bool, .file, .unit, .fileset, .top, .bottom, .tuple, .structure, .module, .function,
      .sum, .scheme:
      report(.notIterable, "expected list, map, or dir, got \(type(source))", at: range(source))
      return .error
    }
  }

  private mutating func checkRowElement(_ element: Type, _ source: ExpressionID) {
    if element.containsError || element.isRowElement { return }
    report(
      .tableGenerator, "a list of \(shortened(element)) cannot be enumerated after a table", at: range(source),
      notes: [Diagnostic.Note("its elements must be scalars, or structs or tuples of scalars")])
  }

  mutating func finishComprehension(_ id: ExpressionID, _ head: ExpressionID, _ clauses: [Expression.Clause]) {
    let open = openComprehensions.removeLast()
    guard open.kind == .table else {
      let sources = clauses.map { clause in
        switch clause {
        case .enumeration(_, let source): source
        case .filter(let condition): condition
        }
      }
      return set(id, .list(type(head)), join(sources), bound: bound([head]))
    }
    let row = type(head)
    guard !row.containsError else { return set(id, .error) }
    guard row.rowFields != nil else {
      reportHead(head, row)
      return set(id, .error)
    }
    analyze(id, head, clauses, open.generators)
    set(id, .table(row), .delayed, bound: bound([head]))
  }

  private mutating func reportHead(_ head: ExpressionID, _ row: Type) {
    let place = range(head)
    let isScalar = row.isRowScalar
    report(
      .tableHead,
      "the head of a comprehension over a table must be a struct of ints, floats, strings or bools, not \(shortened(row))",
      at: place, notes: [Diagnostic.Note("to make a list of anything, take the rows of the table: … <- rows(t)")],
      fixIts: isScalar
        ? [
          FixIt(
            "make it a field",
            [
              .init(SourceRange(tree.source, place.lower, place.lower), "{value: "),
              .init(SourceRange(tree.source, place.upper, place.upper), "}"),
            ])
        ] : [])
  }
}
