import Diagnostics

/// What is wrong, and where.
extension Machine {
  /// The place of the goal that is being printed, or of the current instruction.
  var range: SourceRange? { goalRange ?? current.code.range(at: current.position - 1) }

  /// What is being declared around the current instruction; the goal while one is looked at, when the last instruction means nothing.
  var identifier: String {
    goalName ?? current.frame.modulePrefix + current.code.declaredName(at: current.position - 1)
  }

  mutating func fail(_ kind: EvaluationMessage, _ message: String, notes: [Diagnostic.Note] = []) -> Failure {
    fail(Diagnostic(kind.id, message, at: range, notes: notes + callTrace()))
  }

  mutating func fail(_ diagnostic: Diagnostic) -> Failure {
    if knownFailures.insert(diagnostic).inserted { failures.append(diagnostic) }
    let index = failures.firstIndex(of: diagnostic) ?? 0
    return .diagnostic(index)
  }

  /// The innermost calls around the current instruction.
  private func callTrace() -> [Diagnostic.Note] {
    var notes: [Diagnostic.Note] = []
    var callee = current.code
    for activation in activations.reversed() {
      if notes.count == 8 {
        notes.append(Diagnostic.Note("and \(activations.count - 8) calls more"))
        break
      }
      if callee.isFunction {
        let name = callee.name.isEmpty ? "a function" : callee.name
        notes.append(Diagnostic.Note("in a call of \(name)", at: activation.code.range(at: activation.position - 1)))
      }
      callee = activation.code
    }
    return notes
  }
}
