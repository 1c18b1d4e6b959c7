package import BuildGraph
import Ports

/// A build from nothing, as simply as it can be said: the oracle.
package struct ReferenceBuild {
  package enum Verdict: Hashable {
    case succeeded
    /// Some steps fail; `outputs` is what can be made all the same.
    case failed
    /// The program cannot be evaluated: nothing is made.
    case invalid
  }

  private let program: SimulatedProgram
  private let files: SimulatedFiles
  package private(set) var outputs: [ByteString: [UInt8]] = [:]
  package private(set) var verdict = Verdict.succeeded
  /// Steps whose inputs can all be made, by position: what the command says and sees.
  package private(set) var commands: [Int: SimulatedRunner.Seen] = [:]
  private var made: [[SimulatedContent]?] = []
  /// Whether some steps say the same; they are one step, which has the name of the first.
  var hasSharedSteps: Bool { first.indices.contains { first[$0] != $0 } }
  /// Steps that say the same are one step, the first of them.
  private var firsts: [SimulatedProgram.StepSpec: Int] = [:]
  private var first: [Int] = []
  /// Whether an evaluation that waited for a text got none.
  private(set) var lacksText = false

  package init(_ program: SimulatedProgram, files: SimulatedFiles) {
    self.program = program
    self.files = files
    for index in program.steps.indices { made.append(run(index)) }
    for output in program.outputs {
      guard let content = content(of: output.input) else {
        verdict = .failed
        continue
      }
      add(content, at: output.path)
    }
    if let folder = program.forEach { runEach(folder) }
    if !missingSources.isEmpty || lacksText {
      verdict = missingSources.isEmpty ? .failed : .invalid
      outputs = [:]
    }
  }

  private mutating func add(_ content: SimulatedContent, at path: ByteString) {
    switch content {
    case .file(let bytes): outputs[path] = bytes
    case .folder(let members): for (name, bytes) in members { outputs[path + "/" + name] = bytes }
    }
  }

  private var missingSources: [ByteString] {
    var missing: [ByteString] = []
    func visit(_ input: SimulatedProgram.Input) {
      switch input {
      case .source(let path): if files.files[path] == nil { missing.append(path) }
      case .folder(let path): if (try? files.list(folder: Path(path))) == nil { missing.append(path) }
      case .assembly(let members): for input in members.values { visit(input) }
      case .output, .member, .literal: return
      }
    }
    for step in program.steps { for input in step.inputs + [step.saltFrom].compactMap({ $0 }) { visit(input) } }
    for output in program.outputs { visit(output.input) }
    if let folder = program.forEach { visit(.folder(folder)) }
    return missing
  }

  private func content(of input: SimulatedProgram.Input) -> SimulatedContent? {
    switch input {
    case .source(let path): return files.files[path].map { .file($0.bytes) }
    case .folder(let path):
      guard let listing = try? files.list(folder: Path(path)) else { return nil }
      var members: [ByteString: [UInt8]] = [:]
      for entry in listing.entries { members[entry.path] = files.files[path + "/" + entry.path]?.bytes }
      return .folder(members)
    case .output(let step, let output): return made[step]?[output]
    case .member(let step, let output, let path):
      guard case .folder(let members)? = made[step]?[output] else { return nil }
      return members[path].map { .file($0) }
    case .literal(let bytes): return .file(bytes.bytes)
    case .assembly(let members):
      var result: [ByteString: [UInt8]] = [:]
      for (name, input) in members {
        switch content(of: input) {
        case .file(let bytes): result[name] = bytes
        case .folder(let inner): for (path, bytes) in inner { result[name + "/" + path] = bytes }
        case nil: return nil
        }
      }
      return .folder(result)
    }
  }

  private func baseName(_ input: SimulatedProgram.Input) -> ByteString {
    switch input {
    case .source(let path), .folder(let path): return Path(path).baseName
    case .output(_, let output): return ByteString("o\(output)")
    case .member(_, _, let path): return Path(path).baseName
    case .literal: return "literal"
    case .assembly: return "folder"
    }
  }

  /// An input by the steps that are meant.
  private func shared(_ input: SimulatedProgram.Input) -> SimulatedProgram.Input {
    switch input {
    case .source, .folder, .literal: return input
    case .output(let step, let output): return .output(step: first[step], output: output)
    case .member(let step, let output, let path): return .member(step: first[step], output: output, path)
    case .assembly(let members): return .assembly(members.mapValues(shared))
    }
  }

  private mutating func run(_ index: Int) -> [SimulatedContent]? {
    var spec = program.steps[index]
    spec.inputs = spec.inputs.map(shared)
    first.append(index)
    var salt = spec.salt
    if let from = spec.saltFrom {
      guard case .file(let text)? = content(of: from) else {
        lacksText = true
        return nil
      }
      salt += Int(SimulatedContent.mix(text, 1) % 5)
    }
    var meaning = spec
    meaning.name = ""
    meaning.salt = salt
    meaning.saltFrom = nil
    first[index] = firsts[meaning] ?? index
    firsts[meaning] = first[index]
    var inputs: [(path: ByteString, content: SimulatedContent)] = []
    var paths: [ByteString] = []
    for (slot, input) in spec.inputs.enumerated() {
      guard let content = content(of: input) else { return nil }
      if let earlier = spec.inputs[..<slot].firstIndex(of: input) {
        paths.append(paths[earlier])
        continue
      }
      paths.append(ByteString("in/\(slot)/") + baseName(input))
      inputs.append((paths[slot], content))
    }
    let words =
      "\(spec.includes ? "include" : "mix") salt=\(salt) mod=\(spec.modulus) failon=\(spec.failOn)"
      + (spec.isFlaky ? " flaky" : "")
    let outputs = spec.outputs.indices.map { ByteString("out/o\($0)") }
    var script = ByteString(words)
    for path in paths + outputs { script += ByteString(" ") + path }
    commands[index] = SimulatedRunner.Seen(
      script: script, inputs: Dictionary(inputs.map { ($0.path, $0.content) }, uniquingKeysWith: { a, _ in a }),
      executables: files.executables, folders: files.folderPaths)
    let outcome = SimulatedCommand(script: script).run(
      inputs: inputs, outputs: zip(outputs, spec.outputs).map { ($0, $1) })
    return outcome.exitCode == 0 ? outcome.outputs : nil
  }

  private mutating func runEach(_ folder: ByteString) {
    guard let listing = try? files.list(folder: Path(folder)) else { return }
    for entry in listing.entries {
      guard let file = files.files[folder + "/" + entry.path] else { continue }
      let path = ByteString("in/0/") + Path(entry.path).baseName
      let script = ByteString("mix salt=\(program.forEachSalt) mod=50 failon=0 ") + path + " out/o0"
      let outcome = SimulatedCommand(script: script).run(
        inputs: [(path, .file(file.bytes))], outputs: [("out/o0", .file)])
      if case .file(let bytes)? = outcome.outputs.first { outputs[ByteString("each/") + entry.path] = bytes }
    }
  }
}
