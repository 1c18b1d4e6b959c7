import BuildGraph
import Diagnostics
import Tables
import Testing

@testable import Language

/// Answers an evaluation from memory: sources are texts by path, and a step's output is what a closure says.
struct MemoryWorld {
  /// Files by their path in the workspace; or behind the root of a mapping.
  var files: [String: String] = [:]
  /// What an output of a step holds: a file's text, or a folder's files. By default a file with the rendered command in it.
  var output: (Step, Int, MemoryWorld, FlowGraph) -> Content = { step, index, world, graph in
    guard case .exec(let exec) = step.work else { return .file("copy") }
    let text = world.rendered(exec, graph) + (exec.outputs.count > 1 ? "#\(index)" : "")
    return exec.outputs[index].kind == .file ? .file(text) : .folder(["a.txt": text + "a", "b.txt": text + "b"])
  }
  /// Steps that fail, by name.
  var failing: Set<String> = []
  /// URLs by prefix, and the folder in the workspace that stands for them.
  var mappings: [String: String] = [:]

  enum Content {
    case file(String)
    case folder([String: String])
  }

  func resolve(_ name: ByteString) -> Source.Place {
    for (prefix, folder) in mappings.sorted(by: { $0.key < $1.key }) where name.display.hasPrefix(prefix) {
      return .path(Path(ByteString(folder + name.display.dropFirst(prefix.count))))
    }
    return name.bytes.first == UInt8(ascii: "/") ? .path(Path(name)) : .unmapped(url: name)
  }

  func answer(_ need: Need, _ graph: FlowGraph) -> Answer {
    switch need {
    case .presence(let id):
      let source = graph.sources[Int(id.index)]
      guard case .path(let path) = source.place else { return .present }
      return content(of: .source(id), graph) == nil
        ? .failed(message: "open \(path.bytes.display): no such file or directory", isReported: false) : .present
    case .artifact(let reference):
      if let failure = failure(of: reference, graph) { return failure }
      switch content(of: reference, graph) {
      case .file(let text)?:
        return .artifact(Artifact(digest: Digest(hashing: Array(text.utf8)), size: Int64(text.utf8.count)))
      case .folder(let files)?: return .artifact(Self.manifest(files).artifact)
      case nil: return .failed(message: "there is no such file", isReported: false)
      }
    case .listing(let reference):
      if let failure = failure(of: reference, graph) { return failure }
      guard case .folder(let files)? = content(of: reference, graph) else {
        return .failed(message: "there is no such folder", isReported: false)
      }
      return .listing(files.keys.map { ByteString($0) }.sorted())
    case .text(let reference):
      if let failure = failure(of: reference, graph) { return failure }
      if let step = reference.step, case .table(let table) = graph.steps[Int(step.index)].work {
        return tableAnswer(table, graph)
      }
      guard case .file(let text)? = content(of: reference, graph) else {
        return .failed(message: "there is no such file", isReported: false)
      }
      return .text(ByteString(text))
    }
  }

  private func failure(of reference: ArtifactReference, _ graph: FlowGraph) -> Answer? {
    guard let step = reference.step, failing.contains(graph.steps[Int(step.index)].name) else { return nil }
    return .failed(message: "the step failed", isReported: true)
  }

  /// What a table comes to, by an evaluator that knows nothing of differences.
  private func tableAnswer(_ table: TableStep, _ graph: FlowGraph) -> Answer {
    guard let relation = table.plan.content as? Relation else { return .failed(message: "no plan", isReported: false) }
    var naive = NaiveTables { part in
      switch content(of: part.reference, graph) {
      case .file(let text)?: [("", text)]
      case .folder(let files)?: files.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
      case nil: []
      }
    }
    do {
      let rows = try naive.rows(of: relation)
      expect(.success(naive.bytes(rows, relation, .rows)), of: relation, graph)
      return .text(ByteString(bytes: naive.bytes(rows, relation, table.form)))
    } catch {
      expect(.failure(error), of: relation, graph)
      let place = error.location.map { "\($0.line):\($0.column): " } ?? ""
      return .failed(message: place + error.message, isReported: false)
    }
  }

  /// The room of tables comes to the same as the evaluator that is right by reading it. Of several errors either may be met first.
  private func expect(_ expected: Result<[UInt8], RowError>, of relation: Relation, _ graph: FlowGraph) {
    let evaluation = Evaluation(roundLimit: 250) { (part) throws(TableFailure) in
      switch content(of: part.reference, graph) {
      case .file(let text)?: [InputFile(path: "", bytes: Array(text.utf8))]
      case .folder(let files)?:
        files.sorted { $0.key < $1.key }.map { InputFile(path: ByteString($0.key), bytes: Array($0.value.utf8)) }
      case nil: []
      }
    }
    if case .failure(let error) = expected, error.id == "language.too-large" || error.id == "language.endless-loop" {
      return
    }
    do throws(TableFailure) {
      let output = try evaluation.output(of: relation, .rows)
      guard case .success(let bytes) = expected else {
        Issue.record("\(expected) was expected")
        return
      }
      #expect(output == .file(bytes))
      try keep(of: relation, bytes, graph)
    } catch {
      if case .success = expected { Issue.record("\(error.message)") }
    }
  }

  /// Kept by differences it comes to the same, whatever its files were before.
  private func keep(of relation: Relation, _ bytes: [UInt8], _ graph: FlowGraph) throws(TableFailure) {
    // A sample: each takes a dataflow.
    guard relation.key.low % 4 == 0 else { return }
    var random = SeededGenerator(seed: relation.key.low)
    let tables = ResidentTables(roundLimit: 250)
    for round in 0..<4 {
      let isLast = round == 3
      do throws(TableFailure) {
        let output = try tables.output(of: relation, .rows, while: { true }) { (part) throws(TableFailure) in
          switch content(of: part.reference, graph) {
          case .file(let text)?: [InputFile(path: "", bytes: isLast ? Array(text.utf8) : Self.edited(text, &random))]
          case .folder(let files)?:
            files.sorted { $0.key < $1.key }.filter { _ in isLast || Int.random(in: 0..<4, using: &random) > 0 }
              .map { InputFile(path: ByteString($0), bytes: isLast ? Array($1.utf8) : Self.edited($1, &random)) }
          case nil: []
          }
        }
        if isLast { #expect(output == .file(bytes), "kept by differences") }
      } catch {
        if isLast { throw error }
      }
    }
  }

  /// Some of the lines, the first among them, some twice.
  private static func edited(_ text: String, _ random: inout SeededGenerator) -> [UInt8] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var kept = lines.prefix(1)
    for line in lines.dropFirst() {
      for _ in 0..<[0, 1, 1, 1, 2].randomElement(using: &random)! { kept.append(line) }
    }
    return Array(kept.joined(separator: "\n").utf8)
  }

  static func manifest(_ files: [String: String]) -> FolderManifest {
    FolderManifest(
      entries: files.sorted { $0.key < $1.key }.map { name, text in
        FolderManifest.Entry(
          path: ByteString(name),
          content: .file(Artifact(digest: Digest(hashing: Array(text.utf8)), size: Int64(text.utf8.count))))
      })
  }

  func content(of reference: ArtifactReference, _ graph: FlowGraph) -> Content? {
    switch reference {
    case .source(let id):
      let source = graph.sources[Int(id.index)]
      guard case .path(let path) = source.place else { return nil }
      let name = path.bytes.display
      if source.kind == .file { return files[name].map { .file($0) } }
      let prefix = name.isEmpty ? "" : name + "/"
      let inside = files.filter { $0.key.hasPrefix(prefix) }
      guard !inside.isEmpty else { return nil }
      return .folder(Dictionary(uniqueKeysWithValues: inside.map { (String($0.dropFirst(prefix.count)), $1) }))
    case .output(let step, let index): return output(graph.steps[Int(step.index)], index, self, graph)
    case .member(let step, let index, let path):
      guard case .folder(let files) = output(graph.steps[Int(step.index)], index, self, graph) else { return nil }
      return files[path.display].map { .file($0) }
    case .literal(let id): return .file(String(decoding: graph.literals[Int(id.index)].bytes, as: UTF8.self))
    case .assembly(let id):
      var files: [String: String] = [:]
      for member in graph.assemblies[Int(id.index)] {
        if case .file(let text)? = content(of: member.reference, graph) { files[member.name.display] = text }
      }
      return .folder(files)
    }
  }

  /// The command with its inputs' contents in angle brackets.
  func rendered(_ exec: Exec, _ graph: FlowGraph) -> String {
    exec.template.map { fragment in
      switch fragment {
      case .text(let text): return text.display
      case .output(let index): return ">" + exec.outputs[index].label
      case .input(let index):
        switch content(of: exec.inputs[index].reference, graph) {
        case .file(let text)?: return "<" + text + ">"
        case .folder(let files)?:
          return "<" + files.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",") + ">"
        case nil: return "<?>"
        }
      }
    }.joined()
  }
}

/// What came of evaluating a program.
struct Evaluated {
  var results: [GoalResult] = []
  var failures: [Diagnostic]?
  var graph = FlowGraph()
  var dependencies: [Need] = []
  var traces: [Diagnostic] = []

  /// A goal's value as text.
  subscript(_ name: String) -> String? {
    guard let result = results.first(where: { $0.name == name }) else { return nil }
    if case .value(let text, json: _) = result.content { return text }
    return nil
  }

  func json(_ name: String) -> String? {
    guard let result = results.first(where: { $0.name == name }) else { return nil }
    if case .value(text: _, let json) = result.content { return json }
    return nil
  }

  var entries: [OutputEntry] {
    if case .outputs(let entries, printed: _)? = results.first?.content { return entries }
    return []
  }

  var printed: [String] {
    if case .outputs(_, let printed)? = results.first?.content { return printed }
    return []
  }

  /// Errors as `line: message`.
  var faults: [String] { (failures ?? []).map { "\($0.range?.start.line ?? 0): \($0.message)" } }
}

/// Evaluates a checked program to its end.
///
/// - Parameter backwards: whether answers are given one at a time, the last first.
func evaluate(
  _ program: CheckedProgram, goals: [EvaluationGoal], in world: MemoryWorld = MemoryWorld(),
  arguments: [String: ByteString] = [:], limits: EvaluationLimits = EvaluationLimits(), keepsGoing: Bool = false,
  backwards: Bool = false
) -> Evaluated {
  guard let entry = program.entry, !program.hasErrors else {
    return Evaluated(failures: program.diagnostics.filter { $0.severity == .error })
  }
  var evaluation = Evaluation(
    module: entry, arguments: arguments, goals: goals, limits: limits, keepsGoing: keepsGoing,
    resolve: { world.resolve($0) })
  var evaluated = Evaluated()
  var open: [Need] = []
  var answers: [(need: Need, answer: Answer)] = []
  loop: while true {
    switch evaluation.resume(answers) {
    case .done(let results):
      evaluated.results = results
      break loop
    case .failed(let failures):
      evaluated.failures = failures
      break loop
    case .needs(let needs):
      open += needs
      precondition(!open.isEmpty, "an evaluation that waits has asked for something")
      let now = backwards ? [open.removeLast()] : open
      if !backwards { open = [] }
      answers = now.map { ($0, world.answer($0, evaluation.graph)) }
    }
  }
  evaluated.graph = evaluation.graph
  evaluated.dependencies = evaluation.dependencies
  evaluated.traces = evaluation.traces
  return evaluated
}

/// Evaluates exported values of a program of one file, all unless some are named.
func evaluate(
  _ text: String, _ names: String..., in world: MemoryWorld = MemoryWorld(), arguments: [String: ByteString] = [:]
) -> Evaluated {
  let program = check(text)
  let names = names.isEmpty ? program.entry?.exports.map(\.name) ?? [] : names
  return evaluate(program, goals: names.map { .value($0) }, in: world, arguments: arguments)
}

/// What `Main` of a program of one file becomes in the output tree.
func outputs(_ text: String, in world: MemoryWorld = MemoryWorld()) -> Evaluated {
  evaluate(check(text), goals: [.outputs("Main")], in: world)
}
