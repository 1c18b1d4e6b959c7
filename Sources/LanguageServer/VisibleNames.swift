import Language

extension ModuleIndex {
  /// The tokens at which the names that may be used at a token are bound, innermost and latest first, each name once.
  ///
  /// Scopes are strictly sequential: a declaration sees those before it and what its blocks, functions, cases and clauses bind.
  /// - Complexity: O(nodes of the module).
  func visibleBindings(at place: TokenIndex) -> [TokenIndex] {
    // By the length of what binds them: the shorter, the further inside.
    var found: [(scope: TokenIndex, token: TokenIndex)] = []
    func within(_ span: TokenSpan) -> Bool { span.first <= place && place <= span.last }
    func length(_ span: TokenSpan) -> TokenIndex { span.last - span.first }
    for (position, expression) in tree.expressions.enumerated() where within(expression.span) {
      let scope = length(expression.span)
      func add(_ tokens: [TokenIndex]) { found += tokens.map { (scope, $0) } }
      switch expression.kind {
      case .function(let function): add(parameters(function, at: place))
      case .block(let declarations, value: _):
        for id in declarations where tree[id].span.last < place { add(names(of: id)) }
      case .switch(_, let cases):
        for part in cases where within(tree[part.body].span) { add(tree.bindingTokens(in: part.pattern)) }
      case .comprehension(let head, let clauses):
        for clause in clauses {
          guard case .enumeration(let pattern, let source) = clause else { continue }
          if within(tree[head].span) || tree[source].span.last < place { add(tree.bindingTokens(in: pattern)) }
        }
      case .exec(let exec):
        guard place > exec.templateToken, case .tuple(let outputs) = tree[exec.outputs].kind,
          position < module.types.count
        else { break }
        add(outputs.compactMap { $0.name?.token })
      case .error, .integer, .float, .string, .bool, .identifier, .unary, .binary, .conditional, .index, .slice, .call,
        .member, .tuple, .parenthesized, .make, .structure, .list, .map, .table, .variant, .toInteger, .toFloat:
        break
      }
    }
    for declaration in tree.declarations where within(declaration.span) {
      guard case .function(let name, let function) = declaration.kind else { continue }
      let scope = length(declaration.span)
      found += parameters(function, at: place).map { (scope, $0) }
      if function.result != nil, within(tree[function.body].span) { found.append((scope + 1, name.token)) }
    }
    for id in tree.module.params + tree.module.declarations where tree[id].span.last < place {
      found += names(of: id).map { (.max, $0) }
    }
    found.sort { ($0.scope, -$0.token) < ($1.scope, -$1.token) }
    var seen: Set<String> = []
    return found.map(\.token).filter { self[$0] == .binding && seen.insert(tree.text($0)).inserted }
  }

  private func parameters(_ function: Expression.Function, at place: TokenIndex) -> [TokenIndex] {
    let body = tree[function.body].span
    guard body.first <= place, place <= body.last else { return [] }
    return function.parameters.compactMap { $0.name?.token }
  }

  private func names(of id: DeclarationID) -> [TokenIndex] {
    switch tree[id].kind {
    case .value(let pattern, type: _, value: _, form: _): tree.bindingTokens(in: pattern)
    case .function(let name, _), .param(let name, type: _, default: _): [name.token]
    case .error, .type: []
    }
  }

  /// The tokens at which the types are declared that may be used at a token, the last of each name.
  func visibleTypes(at place: TokenIndex) -> [TokenIndex] {
    var seen: Set<String> = []
    return tree.declarations.reversed().compactMap { declaration in
      guard case .type(let name, _) = declaration.kind, declaration.span.last < place,
        self[name.token] == .binding, seen.insert(name.text).inserted
      else { return nil }
      return name.token
    }
  }
}
