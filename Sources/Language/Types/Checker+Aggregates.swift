/// Expressions over the rows of a group that can be kept up to date row by row.
extension Checker {
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
  func aggregate(_ id: ExpressionID, _ generators: [TableClauses.Generator]) -> TableClauses.Aggregate? {
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
