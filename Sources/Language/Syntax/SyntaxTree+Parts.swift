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
