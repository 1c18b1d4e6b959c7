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
      at: place, notes: [Diagnostic.Note("a comprehension over rows(t) makes a list of anything")],
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

  // MARK: What depends on rows

  /// The parts of an expression in pre-order, each with where its own parts end.
  private struct Walk {
    var nodes: [ExpressionID] = []
    var ends: [Int] = []
  }

  private func walk(_ root: ExpressionID) -> Walk {
    var walk = Walk()
    var pending: [(ExpressionID, isEnd: Int?)] = [(root, nil)]
    while let (id, opened) = pending.popLast() {
      if let opened {
        walk.ends[opened] = walk.nodes.count
        continue
      }
      pending.append((id, walk.nodes.count))
      walk.nodes.append(id)
      walk.ends.append(0)
      for part in tree.parts(of: id).reversed() { pending.append((part, nil)) }
    }
    return walk
  }

  /// Where the names in an expression are declared.
  private func tokens(in walk: Walk, from lower: Int, to upper: Int) -> [TokenIndex] {
    var tokens: [TokenIndex] = []
    for place in lower..<upper {
      let id = walk.nodes[place]
      if bindingTokens[Int(id.index)] >= 0 { tokens.append(bindingTokens[Int(id.index)]) }
      if let own = shorthandTokens[id] { tokens += own }
    }
    return tokens
  }

  private func mentions(_ root: ExpressionID, _ generators: [TableClauses.Generator]) -> [Int] {
    let walk = walk(root)
    let spans = generators.map { tree[$0.pattern].span }
    var found: Set<Int> = []
    for token in tokens(in: walk, from: 0, to: walk.nodes.count) {
      for (index, span) in spans.enumerated() where span.first <= token && token <= span.last { found.insert(index) }
    }
    return found.sorted()
  }

  /// Finds out what depends on which generator, and complains of what may not.
  private mutating func analyze(
    _ id: ExpressionID, _ head: ExpressionID, _ clauses: [Expression.Clause], _ known: [TableClauses.Generator]
  ) {
    var result = TableClauses(generators: known)
    var next = 0
    for clause in clauses {
      switch clause {
      case .enumeration(_, let source):
        guard next < known.count else { return }
        let earlier = Array(known[..<next])
        let found = mentions(source, earlier)
        if known[next].kind == .list {
          result.generators[next].mentions = found
          examine(source, within: id, &result)
        } else if !found.isEmpty {
          reportDependentTable(source, isSource: true)
        }
        next += 1
      case .filter(let condition):
        for part in conjuncts(condition) {
          result.conditions.append(self.condition(part, after: next, known))
          examine(part, within: id, &result)
        }
      }
    }
    result.headMentions = mentions(head, known)
    examine(head, within: id, &result)
    tableClauses[id] = result
  }

  /// The operands of `&&` at the top of a condition.
  private func conjuncts(_ condition: ExpressionID) -> [ExpressionID] {
    var result: [ExpressionID] = []
    var pending = [condition]
    while let id = pending.popLast() {
      if case .parenthesized(let inner) = tree[id].kind {
        pending.append(inner)
      } else if case .binary(.and, let left, let right) = tree[id].kind {
        pending += [right, left]
      } else {
        result.append(id)
      }
    }
    return result
  }

  private func condition(
    _ id: ExpressionID, after count: Int, _ generators: [TableClauses.Generator]
  ) -> TableClauses.Condition {
    var condition = TableClauses.Condition(expression: id, after: count, mentions: mentions(id, generators))
    guard case .binary(let sign, let left, let right) = tree[id].kind else { return condition }
    let sides = TableClauses.Sides(
      left: left, right: right, leftMentions: mentions(left, generators), rightMentions: mentions(right, generators))
    let isDisjoint = Set(sides.leftMentions).isDisjoint(with: sides.rightMentions)
    guard isDisjoint, !sides.leftMentions.isEmpty, !sides.rightMentions.isEmpty else { return condition }
    switch sign {
    case .equal: condition.sides = sides
    case .less, .lessEqual, .greater, .greaterEqual: condition.comparison = sides
    case .sequence, .or, .and, .notEqual, .add, .subtract, .multiply, .divide, .remainder, .bitAnd, .shiftLeft,
      .shiftRight:
      break
    }
    return condition
  }

  /// Looks through a row expression for what cannot be computed row by row.
  ///
  /// - Complexity: O(size), and for each such part O(its size) more.
  private mutating func examine(_ root: ExpressionID, within id: ExpressionID, _ result: inout TableClauses) {
    let walk = walk(root)
    let outer = tree[id].span
    var place = 0
    // Whether there is something in it that needs more than the row.
    var needsMore = [Bool](repeating: false, count: walk.nodes.count)
    for index in walk.nodes.indices.reversed() where isBeyondRows(walk.nodes[index]) { needsMore[index] = true }
    var counts = [0]
    for flag in needsMore { counts.append(counts[counts.count - 1] + (flag ? 1 : 0)) }
    while place < walk.nodes.count {
      let node = walk.nodes[place]
      let end = walk.ends[place]
      if let aggregate = aggregate(node, result.generators) {
        result.aggregates.append(aggregate)
        for inner in [aggregate.value].compactMap({ $0 }) + aggregate.conditions { examine(inner, within: id, &result) }
        place = end
        continue
      }
      let isMemberChain = isMemberOfName(node)
      guard counts[end] > counts[place] || isMemberChain else {
        place += 1
        continue
      }
      let own = tree[node].span
      let depends = tokens(in: walk, from: place, to: end).contains { token in
        outer.first <= token && token <= outer.last && !(own.first <= token && token <= own.last)
      }
      if !depends, !isFunction(node) {
        result.captured.append(node)
        place = end
        continue
      }
      if needsMore[place], depends {
        // Of a count of such a table the table is what is wrong.
        if (place + 1..<end).contains(where: { needsMore[$0] && type(walk.nodes[$0]).isTable }) {
          place += 1
          continue
        }
        if case .table = type(node) {
          reportDependentTable(node, isSource: false)
        } else {
          report(
            .stepOfRow, "a row expression cannot make or wait for a step that depends on the row", at: range(node),
            notes: [Diagnostic.Note("a list of the rows can: [... | r <- rows(t)]")])
        }
        place = end
        continue
      }
      place += 1
    }
    for node in walk.nodes where isTrace(node) && warnedTraces.insert(node).inserted {
      warnings.append(
        Diagnostic(
          CheckerMessage.traceOfRow.id, .warning, "trace prints nothing in a row expression", at: range(node)))
    }
  }

  private func isTrace(_ id: ExpressionID) -> Bool {
    guard case .call(let callee, _) = tree[id].kind else { return false }
    return resolutions[callee] == .builtin(.trace)
  }

  /// A function literal is not evaluated where it stands.
  private func isFunction(_ id: ExpressionID) -> Bool {
    if case .function = tree[id].kind { true } else { false }
  }

  /// `a.b.c`, whose value is a part of a variable's: only that part is captured.
  private func isMemberOfName(_ id: ExpressionID) -> Bool {
    var inner = id
    var isMember = false
    while case .member(let base, _) = tree[inner].kind {
      isMember = true
      inner = base
    }
    guard isMember, case .identifier = tree[inner].kind else { return false }
    if case .system? = resolutions[id] { return false }
    return true
  }

  /// Whether an expression itself makes or asks for something that only the evaluation as a whole can.
  private func isBeyondRows(_ id: ExpressionID) -> Bool {
    switch tree[id].kind {
    case .exec, .make, .table: return true
    case .comprehension(_, let clauses):
      if case .table = type(id) { return true }
      return clauses.contains { clause in
        if case .enumeration(_, let source) = clause, case .dir = type(source) { true } else { false }
      }
    case .call(let callee, let arguments):
      let first = arguments.first.map { type($0) } ?? .unit
      let isOfFiles = first == .dir || first == .file
      switch resolutions[callee] {
      case .builtin(let builtin):
        if case .table = first { return true }
        return builtin.isOfTables || (isOfFiles && [.len, .map, .list].contains(builtin))
      case .prelude: return true
      case .system(let function): return function.isDelayed
      case .variable, .output, .recursive, nil: return false
      }
    case .binary(let sign, let left, _):
      let operand = type(left)
      if case .table = operand { return true }
      return (sign == .equal || sign == .notEqual || sign == .add) && (operand == .file || operand == .dir)
    case .conditional, .switch:
      if case .table = type(id) { return true }
      return false
    case .error, .integer, .float, .string, .bool, .identifier, .unary, .index, .slice, .member, .tuple, .parenthesized,
      .function, .block, .structure, .list, .map, .variant, .toInteger, .toFloat:
      return false
    }
  }

  private mutating func reportDependentTable(_ id: ExpressionID, isSource: Bool) {
    report(
      .tableOfRow,
      isSource
        ? "the table of a generator cannot depend on the rows of generators before it"
        : "a table cannot depend on a row of another table", at: range(id),
      notes: [
        Diagnostic.Note(
          "join the tables with a condition such as \"if a.key == b.key\", or group one of them and join the groups")
      ])
  }

  // MARK: Aggregates

  /// The group generator whose rows an expression is.
  private func groupRows(_ id: ExpressionID, _ generators: [TableClauses.Generator]) -> Int? {
    var inner = id
    while case .parenthesized(let next) = tree[inner].kind { inner = next }
    if case .member(let base, let name) = tree[inner].kind, name.text == "rows" {
      return generators.firstIndex { generator in
        guard generator.kind == .groups, case .identifier(let own) = tree[generator.pattern].kind else { return false }
        return bindingTokens[Int(base.index)] == own.token
      }
    }
    guard case .identifier = tree[inner].kind else { return nil }
    return generators.firstIndex { generator in
      guard generator.kind == .groups, case .structure(let fields) = tree[generator.pattern].kind else { return false }
      return fields.contains { field in
        guard field.name.text == "rows" else { return false }
        guard let pattern = field.pattern else { return bindingTokens[Int(inner.index)] == field.name.token }
        guard case .identifier(let own) = tree[pattern].kind else { return false }
        return bindingTokens[Int(inner.index)] == own.token
      }
    }
  }

  private func hasCertainValue(_ id: ExpressionID) -> Bool {
    switch tree[id].kind {
    case .identifier, .integer, .float, .string, .bool: true
    case .member(let base, _), .parenthesized(let base): hasCertainValue(base)
    case .structure(let fields): fields.allSatisfy { $0.value.map { hasCertainValue($0) } ?? true }
    case .tuple(let elements): elements.allSatisfy { hasCertainValue($0) }
    case .error, .unary, .binary, .conditional, .switch, .index, .slice, .call, .function, .exec, .make, .block, .list,
      .map, .comprehension, .table, .variant, .toInteger, .toFloat:
      false
    }
  }

  /// Whether a pattern matches every row.
  private func isSimple(_ pattern: PatternID) -> Bool {
    switch tree[pattern].kind {
    case .identifier, .wildcard: true
    case .structure(let fields):
      fields.allSatisfy { field in
        guard let inner = field.pattern else { return true }
        switch tree[inner].kind {
        case .identifier, .wildcard: return true
        case .error, .tuple, .list, .structure, .variant, .literal: return false
        }
      }
    case .error, .tuple, .list, .variant, .literal: false
    }
  }

  /// What an expression aggregates, if it is of a form that is kept row by row.
  private func aggregate(_ id: ExpressionID, _ generators: [TableClauses.Generator]) -> TableClauses.Aggregate? {
    guard case .call(let callee, let arguments) = tree[id].kind, let first = arguments.first else { return nil }
    func make(_ generator: Int, _ kind: TableClauses.Aggregate.Kind) -> TableClauses.Aggregate {
      TableClauses.Aggregate(expression: id, generator: generator, kind: kind, conditions: [])
    }
    switch resolutions[callee] {
    case .builtin(let builtin):
      let kind: TableClauses.Aggregate.Kind
      switch builtin {
      case .len: kind = .count
      case .sum: kind = .sum
      case .avg: kind = .average
      case .min: kind = .minimum
      case .max: kind = .maximum
      case .delay, .error, .fold, .flatten, .list, .map, .panic, .range, .reduce, .trace, .unzip, .zip, .quote,
        .distinct, .group, .semijoin, .antijoin, .fixpoint, .rows, .csv, .tsv, .jsonl, .parts:
        return nil
      }
      if let generator = groupRows(first, generators) { return builtin == .len ? make(generator, kind) : nil }
      guard case .comprehension(let value, let clauses) = tree[first].kind,
        case .enumeration(let pattern, let source)? = clauses.first, let generator = groupRows(source, generators),
        isSimple(pattern)
      else { return nil }
      var aggregate = make(generator, kind)
      aggregate.value = value
      aggregate.pattern = pattern
      for clause in clauses.dropFirst() {
        guard case .filter(let condition) = clause else { return nil }
        aggregate.conditions.append(condition)
      }
      // A count does not compute what it counts, which must therefore have a value.
      if builtin == .len, !hasCertainValue(value) { return nil }
      for part in [value] + aggregate.conditions where !mentions(part, generators).isEmpty { return nil }
      return aggregate
    case .system(.listsTake):
      guard arguments.count == 2, case .call(let inner, let operands) = tree[first].kind,
        case .system(.listsSortBy)? = resolutions[inner], operands.count == 2,
        let generator = groupRows(operands[0], generators), mentions(operands[1], generators).isEmpty,
        mentions(arguments[1], generators).isEmpty
      else { return nil }
      return make(generator, .top(operands[1], arguments[1]))
    case .system, .variable, .prelude, .output, .recursive, nil: return nil
    }
  }
}

extension SyntaxTree {
  /// The expressions that an expression is made of, in the order in which they are written.
  package func parts(of id: ExpressionID) -> [ExpressionID] {
    switch self[id].kind {
    case .error, .integer, .float, .string, .bool, .identifier: []
    case .unary(_, let inner), .member(let inner, _), .parenthesized(let inner), .toInteger(let inner),
      .toFloat(let inner):
      [inner]
    case .binary(_, let left, let right), .index(let left, let right): [left, right]
    case .conditional(let condition, let then, let otherwise): [condition, then, otherwise]
    case .switch(let scrutinee, let cases): [scrutinee] + cases.map(\.body)
    case .slice(let base, let lower, let upper): [base, lower, upper].compactMap { $0 }
    case .call(let callee, let arguments): [callee] + arguments
    case .tuple(let elements): elements
    case .function(let function): [function.body]
    case .exec(let exec):
      values(of: exec.arguments)
        + exec.template.compactMap { part in if case .interpolation(let value) = part { value } else { nil } }
    case .make(path: _, let arguments): values(of: arguments)
    case .block(let declarations, let value): values(of: declarations) + [value]
    case .structure(let fields): fields.compactMap(\.value)
    case .list(let elements, let spreads): elements + spreads
    case .map(let pairs, let spreads): pairs.flatMap { [$0.key, $0.value] } + spreads
    case .comprehension(let head, let clauses):
      [head]
        + clauses.map { clause in
          switch clause {
          case .enumeration(_, let source): source
          case .filter(let condition): condition
          }
        }
    case .table(let table): [table.source] + values(of: table.options)
    case .variant(_, let element): element.map { [$0] } ?? []
    }
  }

  private func values(of declarations: [DeclarationID]) -> [ExpressionID] {
    declarations.flatMap { id -> [ExpressionID] in
      let own: [ExpressionID] =
        switch self[id].kind {
        case .error, .type: []
        case .value(_, type: _, let value, form: _): [value]
        case .function(_, let function): [function.body]
        case .param(_, type: _, let value): value.map { [$0] } ?? []
        }
      return self[id].requires.flatMap { values(of: $0) } + own
    }
  }
}
