package import BuildGraph
import Diagnostics
package import Driver

/// A program of the simulated world: a list of steps that a generator makes and edits.
package struct SimulatedProgram: Hashable {
  package indirect enum Input: Hashable {
    case source(ByteString)
    case folder(ByteString)
    case output(step: Int, output: Int)
    case member(step: Int, output: Int, ByteString)
    case literal(ByteString)
    case assembly([ByteString: Input])
  }

  package struct StepSpec: Hashable {
    package var name: String
    package var salt: Int
    package var modulus: Int
    package var failOn: Int
    package var isFlaky = false
    /// Makes something else in each run.
    package var isLoose = false
    /// Takes so long that the world goes on in its middle.
    package var isSlow = false
    package var inputs: [Input]
    package var outputs: [ArtifactKind]
    package var retries = 0
    /// Reads a part of its folder, and says which.
    package var includes = false
    /// A text that becomes part of the command: the evaluation waits for it.
    package var saltFrom: Input?

    package init(
      name: String, salt: Int, modulus: Int, failOn: Int, inputs: [Input], outputs: [ArtifactKind]
    ) {
      self.name = name
      self.salt = salt
      self.modulus = modulus
      self.failOn = failOn
      self.inputs = inputs
      self.outputs = outputs
    }
  }

  package struct Output: Hashable {
    package var path: ByteString
    package var input: Input
    /// Which target asks for it; nil for all.
    package var target: String?

    package init(path: ByteString, input: Input) {
      self.path = path
      self.input = input
    }
  }

  package var steps: [StepSpec]
  package var outputs: [Output]
  /// A folder for each of whose files there is a step, and an output `each/NAME`.
  package var forEach: ByteString?
  package var forEachSalt = 0

  package init(steps: [StepSpec], outputs: [Output], forEach: ByteString? = nil) {
    self.steps = steps
    self.outputs = outputs
    self.forEach = forEach
  }

  package func kind(of input: Input) -> ArtifactKind {
    switch input {
    case .source, .member, .literal: return .file
    case .folder, .assembly: return .folder
    case .output(let step, let output): return steps[step].outputs[output]
    }
  }

  /// What outputs are asked for by: `["Main"]` is all of them, else each target has its own, below its name.
  package static let targets = ["T0", "T1"]

  /// Whose an output of a build of these targets is by its path; nil for those of others.
  package static func owns(_ targets: [String], _ path: ByteString) -> Bool {
    let owner = Self.targets.first {
      path.bytes.starts(with: $0.utf8) && path.bytes.dropFirst($0.utf8.count).first == 0x2F
    }
    return targets.contains(owner ?? "Main")
  }

  /// Where a build of these targets puts an output.
  package func paths(of output: Output, _ targets: [String]) -> [ByteString] {
    if targets == ["Main"] { return [output.path] }
    return targets.filter { output.target == nil || output.target == $0 }.map { ByteString($0 + "/") + output.path }
  }

  /// The words of a step's command before its paths.
  func words(_ spec: StepSpec, salt: Int) -> String {
    "\(spec.includes ? "include" : "mix") salt=\(salt) mod=\(spec.modulus) failon=\(spec.failOn)"
      + (spec.isFlaky ? " flaky" : "") + (spec.isLoose ? " loose" : "") + (spec.isSlow ? " slow" : "")
  }

  /// The command of a step, as text and slots.
  package func exec(_ spec: StepSpec, salt: Int, inputs: [Exec.Input]) -> Exec {
    var template: [Exec.Fragment] = [.text(ByteString(words(spec, salt: salt)))]
    for index in inputs.indices { template += [.text(" "), .input(index)] }
    for index in spec.outputs.indices { template += [.text(" "), .output(index)] }
    return Exec(
      template: template, inputs: inputs,
      outputs: spec.outputs.enumerated().map { index, kind in
        Exec.Output(label: "o\(index)", kind: kind, isMentioned: true)
      },
      retries: spec.retries, depfile: spec.includes ? "deps.d" : nil)
  }
}

/// As short as a person can read it; all that there is to it, since it is the program's text.
extension SimulatedProgram: CustomStringConvertible {
  package var description: String {
    let outputs = outputs.map { "\($0.path.display) = \($0.input)" + ($0.target.map { " of \($0)" } ?? "") }
    let each = forEach.map { ["each file of \($0.display): \(forEachSalt)"] } ?? []
    return (steps.map { "\($0)" } + outputs + each).joined(separator: "\n")
  }
}

extension SimulatedProgram.StepSpec: CustomStringConvertible {
  package var description: String {
    let flags = [("flaky", isFlaky), ("loose", isLoose), ("slow", isSlow), ("includes", includes)].filter(\.1).map(\.0)
    let reads = inputs.map { "\($0)" } + (saltFrom.map { ["the text of \($0)"] } ?? [])
    let figures = "salt \(salt), modulo \(modulus), fails on \(failOn), retries \(retries)"
    return "\(name): \(figures) \(flags) reads \(reads) makes \(outputs)"
  }
}

extension SimulatedProgram.Input: CustomStringConvertible {
  package var description: String {
    switch self {
    case .source(let path): return path.display
    case .folder(let path): return path.display + "/"
    case .output(let step, let output): return "s\(step).\(output)"
    case .member(let step, let output, let path): return "s\(step).\(output)/\(path.display)"
    case .literal(let text): return "'\(text.display)'"
    case .assembly(let members):
      return "{" + members.sorted { $0.key < $1.key }.map { "\($0.key.display): \($0.value)" }.joined(separator: ", ")
        + "}"
    }
  }
}

/// A simulated program being evaluated: starts over with each answer, and says the same as before and more.
package final class SimulatedEvaluation: ProgramEvaluation {
  private let program: SimulatedProgram
  private let targets: [String]
  package private(set) var graph = FlowGraph()
  private var answers: [Need: Answer] = [:]
  private var wanted: [Need] = []
  private var failures: [Diagnostic] = []
  private var hasFailed = false
  private var steps: [StepID?] = []

  package init(_ program: SimulatedProgram, targets: [String] = ["Main"]) {
    self.program = program
    self.targets = targets
  }

  package func resume(_ more: [(need: Need, answer: Answer)]) -> EvaluationProgress {
    for (need, answer) in more { answers[need] = answer }
    wanted = []
    failures = []
    hasFailed = false
    steps = []
    for spec in program.steps { steps.append(add(spec)) }
    var outputs: [OutputEntry] = []
    for output in program.outputs {
      guard let reference = reference(to: output.input) else { continue }
      for path in program.paths(of: output, targets) {
        outputs.append(
          OutputEntry(path: path, reference: reference, kind: program.kind(of: output.input), location: nil))
      }
    }
    outputs += each()
    if hasFailed { return .failed(failures) }
    if !wanted.isEmpty { return .needs(wanted) }
    return .done(outputs: outputs.sorted { $0.path < $1.path }, printed: [], diagnostics: [])
  }

  private func ask(_ need: Need) -> Answer? {
    guard let answer = answers[need] else {
      wanted.append(need)
      return nil
    }
    if case .failed(let message, let isReported) = answer {
      hasFailed = true
      if !isReported { failures.append(Diagnostic("simulated.failed", message)) }
      return nil
    }
    return answer
  }

  private func source(_ path: ByteString, _ kind: ArtifactKind) -> ArtifactReference {
    let id = graph.addSource(Source(place: .path(Path(path)), kind: kind, location: nil))
    _ = ask(.presence(id))
    return .source(id)
  }

  private func reference(to input: SimulatedProgram.Input) -> ArtifactReference? {
    switch input {
    case .source(let path): return source(path, .file)
    case .folder(let path): return source(path, .folder)
    case .output(let step, let output): return steps[step].map { .output($0, output) }
    case .member(let step, let output, let path): return steps[step].map { .member($0, output, path) }
    case .literal(let bytes): return .literal(graph.addLiteral(bytes))
    case .assembly(let members):
      var list: [FlowGraph.Member] = []
      for (name, input) in members.sorted(by: { $0.key < $1.key }) {
        guard let reference = reference(to: input) else { return nil }
        list.append(FlowGraph.Member(name: name, reference: reference))
      }
      return .assembly(graph.addAssembly(list))
    }
  }

  private func add(_ spec: SimulatedProgram.StepSpec) -> StepID? {
    var inputs: [Exec.Input] = []
    for input in spec.inputs {
      guard let reference = reference(to: input) else { return nil }
      inputs.append(Exec.Input(reference: reference, kind: program.kind(of: input)))
    }
    var salt = spec.salt
    if let from = spec.saltFrom {
      guard let reference = reference(to: from), case .text(let text)? = ask(.text(reference)) else { return nil }
      salt += Int(SimulatedContent.mix(text.bytes, 1) % 5)
    }
    return graph.addStep(
      Step(work: .exec(program.exec(spec, salt: salt, inputs: inputs)), name: spec.name, location: nil))
  }

  private func each() -> [OutputEntry] {
    guard let folder = program.forEach, case .listing(let names)? = ask(.listing(source(folder, .folder))) else {
      return []
    }
    return names.flatMap { name -> [OutputEntry] in
      let spec = SimulatedProgram.StepSpec(
        name: "each", salt: program.forEachSalt, modulus: 50, failOn: 0, inputs: [.source(folder + "/" + name)],
        outputs: [.file])
      guard let step = add(spec) else { return [] }
      let output = SimulatedProgram.Output(path: "each/" + name, input: .source(""))
      return program.paths(of: output, targets).map {
        OutputEntry(path: $0, reference: .output(step, 0), kind: .file, location: nil)
      }
    }
  }
}
