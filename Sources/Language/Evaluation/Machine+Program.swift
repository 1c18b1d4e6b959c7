import BigInt
import BuildGraph
import Diagnostics

/// The program as a whole: its parameters, its instantiation, its errors.
extension Machine {
  /// Gives the entry module's parameters the values that the user wrote.
  ///
  /// - Returns: what is wrong with them.
  mutating func setParameters(_ module: CheckedModule, _ arguments: [String: ByteString]) -> [Diagnostic] {
    var problems: [Diagnostic] = []
    for (slot, param) in module.params.enumerated() {
      if let text = arguments[param.name] {
        if let value = parameter(text, param, &problems) { current.frame.slots[slot] = value }
      } else if !param.hasDefault {
        if case .bool = param.type {
          current.frame.slots[slot] = .bool(false)
        } else {
          problems.append(
            Diagnostic(
              EvaluationMessage.missingArgument.id, "missing mandatory flag -\(param.name)",
              at: module.range(of: param.declaration),
              notes: [Diagnostic.Note("give it behind the program: -\(param.name)=VALUE")]))
        }
      }
    }
    let known = Set(module.params.map(\.name))
    for name in arguments.keys.sorted() where !known.contains(name) {
      let names = module.params.map { "-" + $0.name }.joined(separator: ", ")
      let meant = Suggestion.nearest(to: name, among: known).map { "did you mean -\($0)? " } ?? ""
      problems.append(
        Diagnostic(
          EvaluationMessage.unknownArgument.id, "the program has no parameter \(name)",
          notes: [Diagnostic.Note(names.isEmpty ? "it has none" : "\(meant)it has \(names)")]))
    }
    return problems
  }

  private mutating func parameter(
    _ text: ByteString, _ param: CheckedModule.Param, _ problems: inout [Diagnostic]
  ) -> Value? {
    func refuse(_ wanted: String) -> Value? {
      problems.append(
        Diagnostic(EvaluationMessage.badArgument.id, "-\(param.name) must be \(wanted), not '\(text.display)'"))
      return nil
    }
    switch param.type.unlabelled {
    case .string: return .string(text)
    case .int:
      let digits = text.display
      let isNumber = digits.utf8.enumerated().allSatisfy { $1.isDigit || $0 == 0 && $1 == UInt8(ascii: "-") }
      guard isNumber, let value = BigInt(digits) else { return refuse("an int") }
      return Value(value)
    case .float:
      guard let value = Extended(text.display), value.isFinite else { return refuse("a float") }
      return Value(Floating(value, .extended))
    case .bool:
      switch text.display {
      case "true", "1", "": return .bool(true)
      case "false", "0": return .bool(false)
      case _: return refuse("true or false")
      }
    case .file, .dir:
      do {
        return try source(text, param.type.unlabelled == .file ? .file : .folder)
      } catch {
        problems += failures
        failures = []
        return nil
      }
    case .unit, .fileset, .top, .bottom, .error, .list, .map, .tuple, .structure, .module, .function, .sum, .table,
      .scheme:
      problems.append(
        Diagnostic(
          EvaluationMessage.badArgument.id,
          "-\(param.name) has the type \(param.type), which cannot be given on the command line; a make can give it"))
      return nil
    }
  }

  /// Evaluates the entry module.
  ///
  /// - Returns: its instance; nil if it failed as a whole.
  mutating func instantiate() -> Value? { try? run() }

  func isAsked(_ node: NodeID) -> Bool {
    if case .asked = nodes[Int(node.index)].state { return true }
    return false
  }

  /// The errors in the order of the text; those without a place first.
  func sortedFailures() -> [Diagnostic] {
    failures.enumerated().sorted { a, b in
      let (p, q) = (a.element.range, b.element.range)
      let x = (p?.file.name ?? "", p?.lower ?? -1, a.element.message)
      let y = (q?.file.name ?? "", q?.lower ?? -1, b.element.message)
      return x != y ? x < y : a.offset < b.offset
    }.map(\.element)
  }
}

extension CheckedModule {
  fileprivate func range(of declaration: DeclarationID) -> SourceRange? {
    let span = tree[declaration].span
    guard tree.tokens.indices.contains(Int(span.first)), tree.tokens.indices.contains(Int(span.last)) else {
      return nil
    }
    return SourceRange(
      tree.source, Int(tree.tokens[Int(span.first)].lower), Int(tree.tokens[Int(span.last)].upper))
  }
}
