import Diagnostics

/// What in a comprehension over tables depends on rows, and what in it cannot.
extension Checker {
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

  func mentions(_ root: ExpressionID, _ generators: [TableClauses.Generator]) -> [Int] {
    let walk = walk(root)
    let spans = generators.map { tree[$0.pattern].span }
    var found: Set<Int> = []
    for token in tokens(in: walk, from: 0, to: walk.nodes.count) {
      for (index, span) in spans.enumerated() where span.first <= token && token <= span.last { found.insert(index) }
    }
    return found.sorted()
  }

  /// Finds out what depends on which generator, and complains of what may not.
  mutating func analyze(
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
}
