package import BuildGraph
package import Diagnostics

/// What an evaluation is to find out about an exported value.
package enum EvaluationGoal: Hashable, Sendable {
  /// What it becomes in the output tree. Steps that make its files need not have run.
  case outputs(String)
  /// How it is printed. Asks for the digests of all files in it.
  case value(String)
  /// Whether it is the bool `true`.
  case test(String)

  package var name: String {
    switch self {
    case .outputs(let name), .value(let name), .test(let name): name
    }
  }
}

/// What came of a goal.
package struct GoalResult {
  package enum Content {
    /// Ascending by path; and the scalars as `path: text`, or `text` alone.
    case outputs([OutputEntry], printed: [String])
    case value(text: String, json: String)
    case test(passed: Bool)
    /// It could not be evaluated; the diagnostics say why.
    case failed
  }

  package var name: String
  package var type: Type
  package var content: Content
}

/// The evaluation of a program as a coroutine: it is told what it asked for and goes on.
///
/// Usage: call ``resume(_:)`` with no answers, then with answers as they come in, in any number and order, until it says `done` or
/// `failed`. It does nothing by itself: it reads no file, runs no step and has no clock.
///
/// What it comes to depends on the program, the arguments and the answers, never on when or in which order they come.
package struct Evaluation {
  package enum Outcome {
    /// It waits for answers; these are the needs that it has not asked for before. Empty: it waits for what it has asked for.
    case needs([Need])
    case done([GoalResult])
    /// Errors in the order of the program's text. Empty if all that went wrong are steps about which the user knows.
    case failed([Diagnostic])
  }

  private struct Pursuit {
    var goal: EvaluationGoal
    var type: Type
    /// The value, forced down to its last element.
    var node: NodeID
    var content: GoalResult.Content?
  }

  private(set) var machine: Machine
  private let module: CheckedModule
  private let goals: [EvaluationGoal]
  private let keepsGoing: Bool
  private var pursuits: [Pursuit]?
  private var argumentProblems: [Diagnostic] = []

  /// - Parameters:
  ///   - module: the entry of a program without errors.
  ///   - arguments: parameters of the program as text; of type string, int, float, bool, file or dir.
  ///   - keepsGoing: whether, after an error, what else is needed of steps is asked for, to find further errors.
  ///   - resolve: the place that an absolute path or a URL stands for.
  package init(
    module: CheckedModule, arguments: [String: ByteString] = [:], goals: [EvaluationGoal] = [.outputs("Main")],
    limits: EvaluationLimits = EvaluationLimits(), keepsGoing: Bool = false,
    resolve: @escaping (ByteString) -> Source.Place
  ) {
    self.module = module
    self.goals = goals
    self.keepsGoing = keepsGoing
    machine = Machine(limits: limits, resolve: resolve, root: module)
    argumentProblems = machine.setParameters(module, arguments)
  }

  /// All that the program has said so far; ids stay valid while it grows.
  package var graph: FlowGraph { machine.graph }

  /// Every need that has arisen, in order: what the result depends on besides the program and its arguments.
  package var dependencies: [Need] { machine.dependencies }

  /// What `trace` has printed so far, as notes.
  package var traces: [Diagnostic] { machine.traces }

  /// Goes on with what has been learned.
  ///
  /// - Complexity: what the program costs.
  package mutating func resume(_ answers: [(need: Need, answer: Answer)]) -> Outcome {
    guard argumentProblems.isEmpty else { return .failed(argumentProblems) }
    if pursuits == nil { begin() }
    for (need, answer) in answers { machine.accept(need, answer) }
    var isChanging = true
    while isChanging {
      machine.settleAll()
      isChanging = advanceGoals()
    }
    return outcome()
  }

  /// What there is in the place of a value that there is not.
  private func hint(for name: String) -> String {
    let names = module.exports.map(\.name)
    if let meant = Suggestion.nearest(to: name, among: names) { return "did you mean \(meant)?" }
    let small = name.prefix(1).lowercased() + name.dropFirst()
    if small != name, declares(small) {
      return "it declares \(small), but only names that begin with an upper-case letter are exported"
    }
    if let first = name.unicodeScalars.first, !first.properties.isUppercase {
      return "a value is exported if its name begins with an upper-case letter"
    }
    if names.isEmpty { return "it exports nothing: declare one, as in val \(name) = …" }
    let shown = names.prefix(8).joined(separator: ", ")
    return "it exports \(shown)\(names.count > 8 ? " and \(names.count - 8) more" : "")"
  }

  /// Whether the top of the program declares a value of this name.
  private func declares(_ name: String) -> Bool {
    let tree = module.tree
    return tree.module.declarations.contains { id in
      switch tree[id].kind {
      case .value(let pattern, type: _, value: _, form: _): tree.names(in: pattern).contains { $0.text == name }
      case .function(let declared, _): declared.text == name
      case .error, .param, .type: false
      }
    }
  }

  /// Evaluates the module, and wants its goals.
  private mutating func begin() {
    var pursuits: [Pursuit] = []
    if case .record(let record)? = machine.instantiate() {
      for goal in goals {
        guard let symbol = machine.symbols.known(goal.name), let value = record[symbol],
          let field = module.exports.last(where: { $0.name == goal.name })
        else {
          argumentProblems.append(
            Diagnostic(
              EvaluationMessage.noSuchValue.id, "the program has no exported value \(goal.name)",
              notes: [Diagnostic.Note(hint(for: goal.name))]))
          continue
        }
        let node = machine.add(Node(state: .idle(.force(value))))
        machine.demand(node)
        pursuits.append(Pursuit(goal: goal, type: field.type, node: node))
      }
    }
    machine.failures += argumentProblems
    argumentProblems = []
    self.pursuits = pursuits
  }

  /// Finishes the goals whose values are there.
  ///
  /// - Returns: whether one of them has asked for more.
  private mutating func advanceGoals() -> Bool {
    guard var pursuits else { return false }
    var isChanging = false
    for index in pursuits.indices where pursuits[index].content == nil {
      switch machine.nodes[Int(pursuits[index].node.index)].state {
      case .failed: pursuits[index].content = .failed
      case .done(let value):
        var pending: [NodeID] = []
        if let content = content(of: pursuits[index], value, or: &pending) {
          pursuits[index].content = content
        } else {
          for node in pending where !machine.isAsked(node) {
            machine.demand(node)
            isChanging = true
          }
        }
      case .idle, .waiting, .asked: continue
      }
    }
    self.pursuits = pursuits
    return isChanging
  }

  private mutating func content(
    of pursuit: Pursuit, _ value: Value, or pending: inout [NodeID]
  ) -> GoalResult.Content? {
    let value = machine.deeplyResolved(value)
    let name = pursuit.goal.name
    let place = module.range(ofExported: name)
    machine.goalRange = place
    machine.goalName = name
    defer { (machine.goalRange, machine.goalName) = (nil, nil) }
    switch pursuit.goal {
    case .outputs:
      let location = place.map {
        ProgramLocation(file: $0.file.name, line: $0.start.line, column: $0.start.column)
      }
      let exported: Value
      do {
        exported = try machine.exported(value, pursuit.type)
      } catch {
        return .failed
      }
      let tree = OutputTree(of: exported, pursuit.type, named: name, in: machine.graph, machine.symbols, at: location)
      for problem in tree.problems { _ = machine.fail(Diagnostic(EvaluationMessage.badOutput.id, problem, at: place)) }
      guard tree.problems.isEmpty else { return .failed }
      return .outputs(
        tree.entries, printed: tree.scalars.map { $0.path.isEmpty ? $0.text : "\($0.path): \($0.text)" })
    case .value:
      do {
        let text = try machine.printed(value, pursuit.type, or: &pending)
        let json = try machine.json(value, pursuit.type, or: &pending)
        return pending.isEmpty ? .value(text: text, json: json) : nil
      } catch {
        if case .reported = error { machine.hasReportedFailure = true }
        return .failed
      }
    case .test:
      guard case .bool(let passed) = value else {
        _ = machine.fail(
          Diagnostic(
            EvaluationMessage.badTest.id, "\(name) is a test, so it must be a bool, not \(pursuit.type)", at: place))
        return .failed
      }
      return .test(passed: passed)
    }
  }

  private mutating func outcome() -> Outcome {
    let hasFailed = !machine.failures.isEmpty || machine.hasReportedFailure
    var asked = machine.unasked
    if hasFailed, !keepsGoing {
      // Sources are quick to look at and may show further mistakes; steps are not begun for a program that is wrong.
      asked = asked.filter { $0.isOfSource }
      guard !asked.isEmpty || machine.outstandingSources > 0 else { return .failed(machine.sortedFailures()) }
    }
    machine.unasked = []
    if !asked.isEmpty || machine.outstanding > 0 { return .needs(asked) }
    if hasFailed { return .failed(machine.sortedFailures()) }
    let results = (pursuits ?? []).map { pursuit in
      GoalResult(name: pursuit.goal.name, type: pursuit.type, content: pursuit.content ?? .failed)
    }
    return .done(results)
  }
}

extension Need {
  /// What it asks about; nil for a presence.
  var reference: ArtifactReference? {
    switch self {
    case .presence: nil
    case .artifact(let reference), .listing(let reference), .text(let reference): reference
    }
  }

  /// Whether it can be answered without running a step.
  var isOfSource: Bool {
    switch self {
    case .presence: true
    case .artifact(.source), .listing(.source), .text(.source): true
    case .artifact, .listing, .text: false
    }
  }
}

extension CheckedModule {
  /// Where an exported name is declared last.
  func range(ofExported name: String) -> SourceRange? {
    for id in tree.module.declarations.reversed() {
      let declaration = tree[id]
      var token: TokenIndex?
      switch declaration.kind {
      case .function(let own, _): if own.text == name { token = own.token }
      case .value(let pattern, type: _, value: _, form: _):
        if case .identifier(let own) = tree[pattern].kind, own.text == name { token = own.token }
      case .error, .type, .param: continue
      }
      guard let token, tree.tokens.indices.contains(Int(token)) else { continue }
      return SourceRange(tree.source, Int(tree.tokens[Int(token)].lower), Int(tree.tokens[Int(token)].upper))
    }
    return nil
  }
}
