package import BuildGraph
import Driver
import Ports

/// A build from nothing, as simply as it can be said: the oracle.
///
/// Where steps make something else in each run it can be any of several builds: for each such step one of the results that it has had with
/// these very inputs, and all that rests on it made of that one. ``all(_:files:targets:runs:)`` gives them all.
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
  private let targets: [String]
  private let runs: [UInt64: [[SimulatedContent]]]
  /// Which of its results each step has that makes others in each run, in order; the first where there is none.
  private let choices: [Int]
  /// How many results there were to choose from; none where a step has never run with what it has to read.
  private var options: [Int] = []
  package private(set) var outputs: [ByteString: [UInt8]] = [:]
  package private(set) var verdict = Verdict.succeeded
  /// Steps whose inputs can all be made, by position: what the command says and sees.
  package private(set) var commands: [Int: SimulatedRunner.Seen] = [:]
  /// The names of the steps that the outputs rest on.
  var wanted: Set<String> {
    var found: Set<Int> = []
    func visit(_ input: SimulatedProgram.Input) {
      switch input {
      case .source, .folder, .literal: return
      case .output(let step, _), .member(let step, _, _):
        guard found.insert(first[step]).inserted else { return }
        for input in program.steps[first[step]].inputs { visit(input) }
      case .assembly(let members): for input in members.values { visit(input) }
      }
    }
    for output in program.outputs where !program.paths(of: output, targets).isEmpty { visit(output.input) }
    for step in program.steps { if let from = step.saltFrom { visit(from) } }
    return Set(found.map { program.steps[$0].name })
  }
  private var made: [[SimulatedContent]?] = []
  /// Whether some steps say the same; they are one step, which has the name of the first.
  var hasSharedSteps: Bool { first.indices.contains { first[$0] != $0 } }
  /// Steps that say the same are one step, the first of them.
  private var firsts: [SimulatedProgram.StepSpec: Int] = [:]
  private var first: [Int] = []
  /// Whether an evaluation that waited for a text got none.
  private(set) var lacksText = false

  package init(_ program: SimulatedProgram, files: SimulatedFiles, targets: [String] = ["Main"]) {
    self.init(program, files, targets, [:], [])
  }

  /// All builds that there can be, at most so many.
  package static func all(
    _ program: SimulatedProgram, files: SimulatedFiles, targets: [String], runs: [UInt64: [[SimulatedContent]]],
    limit: Int = 4096
  ) -> [ReferenceBuild] {
    var builds: [ReferenceBuild] = []
    var choices: [Int] = []
    for _ in 0..<limit {
      let build = ReferenceBuild(program, files, targets, runs, choices)
      builds.append(build)
      // The next in order: the last choice that can go on does, and those behind it begin anew.
      choices = build.options.indices.map { $0 < choices.count ? choices[$0] : 0 }
      while let last = choices.last, last + 1 >= build.options[choices.count - 1] { choices.removeLast() }
      guard let last = choices.last else { break }
      choices[choices.count - 1] = last + 1
    }
    return builds
  }

  private init(
    _ program: SimulatedProgram, _ files: SimulatedFiles, _ targets: [String], _ runs: [UInt64: [[SimulatedContent]]],
    _ choices: [Int]
  ) {
    self.program = program
    self.files = files
    self.targets = targets
    self.runs = runs
    self.choices = choices
    for index in program.steps.indices { made.append(run(index)) }
    for output in program.outputs {
      let paths = program.paths(of: output, targets)
      if paths.isEmpty { continue }
      guard let content = content(of: output.input) else {
        verdict = .failed
        continue
      }
      for path in paths { add(content, at: path) }
    }
    if let folder = program.forEach { runEach(folder) }
    let isMissing = !findMissingSources().isEmpty
    if isMissing || lacksText {
      verdict = isMissing ? .invalid : .failed
      outputs = [:]
    }
  }

  private mutating func add(_ content: SimulatedContent, at path: ByteString) {
    switch content {
    case .file(let bytes): outputs[path] = bytes
    case .folder(let members): for (name, bytes) in members { outputs[path + "/" + name] = bytes }
    }
  }

  /// Whether there are folders that lie there and cannot be read: only a step that wants them minds.
  private var hasUnfitFolders = false

  private mutating func findMissingSources() -> [ByteString] {
    var missing: [ByteString] = []
    var isUnfit = false
    func visit(_ input: SimulatedProgram.Input) {
      switch input {
      case .source(let path): if files.file(at: path) == nil { missing.append(path) }
      case .folder(let path):
        if case .folder = files.look(at: Path(path)) {
          isUnfit = isUnfit || !canList(path)
        } else {
          missing.append(path)
        }
      case .assembly(let members): for input in members.values { visit(input) }
      case .output, .member, .literal: return
      }
    }
    for step in program.steps { for input in step.inputs + [step.saltFrom].compactMap({ $0 }) { visit(input) } }
    for output in program.outputs { visit(output.input) }
    if let folder = program.forEach, !canList(folder) { missing.append(folder) }
    hasUnfitFolders = isUnfit
    return missing
  }

  private func canList(_ folder: ByteString) -> Bool {
    guard let listing = try? files.list(folder: Path(folder)) else { return false }
    return listing.entries.allSatisfy { entry in
      if case .refused = entry.look { false } else { true }
    }
  }

  /// What lies now where steps read the files of the user, by the names that reasons give it.
  var sourceContents: [String: [SimulatedContent?]] {
    var contents: [String: [SimulatedContent?]] = [:]
    for input in program.steps.flatMap(\.inputs) {
      switch input {
      case .source(let path), .folder(let path): contents[path.display] = [content(of: input)]
      case .assembly: contents["a folder that the program makes", default: []].append(content(of: input))
      case .output, .member, .literal: continue
      }
    }
    return contents
  }

  private func content(of input: SimulatedProgram.Input) -> SimulatedContent? {
    switch input {
    case .source(let path): return files.file(at: path).map { .file($0.bytes) }
    case .folder(let path):
      guard canList(path), let listing = try? files.list(folder: Path(path)) else { return nil }
      var members: [ByteString: [UInt8]] = [:]
      for entry in listing.entries { members[entry.path] = files.file(at: path + "/" + entry.path)?.bytes }
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
    let outputs = spec.outputs.indices.map { ByteString("out/o\($0)") }
    var script = ByteString(program.words(spec, salt: salt))
    for path in paths + outputs { script += ByteString(" ") + path }
    let seen = SimulatedRunner.Seen(
      script: script, inputs: Dictionary(inputs.map { ($0.path, $0.content) }, uniquingKeysWith: { a, _ in a }),
      shape: files.shape)
    commands[index] = seen
    let outcome = SimulatedCommand(script: script).run(
      inputs: inputs, outputs: zip(outputs, spec.outputs).map { ($0, $1) })
    guard outcome.exitCode == 0 else { return nil }
    return spec.isLoose ? choose(index, seen) : outcome.outputs
  }

  /// One of the results that the step has had; steps that say the same have the same.
  private mutating func choose(_ index: Int, _ seen: SimulatedRunner.Seen) -> [SimulatedContent]? {
    if first[index] != index { return made[first[index]] }
    let results = runs[seen.fingerprint] ?? []
    let choice = options.count < choices.count ? choices[options.count] : 0
    options.append(results.count)
    return choice < results.count ? results[choice] : nil
  }

  private mutating func runEach(_ folder: ByteString) {
    guard let listing = try? files.list(folder: Path(folder)) else { return }
    for entry in listing.entries {
      guard let file = files.file(at: folder + "/" + entry.path) else { continue }
      let path = ByteString("in/0/") + Path(entry.path).baseName
      let script = ByteString("mix salt=\(program.forEachSalt) mod=50 failon=0 ") + path + " out/o0"
      let outcome = SimulatedCommand(script: script).run(
        inputs: [(path, .file(file.bytes))], outputs: [("out/o0", .file)])
      guard case .file(let bytes)? = outcome.outputs.first else { continue }
      let output = SimulatedProgram.Output(path: ByteString("each/") + entry.path, input: .source(""))
      for path in program.paths(of: output, targets) { outputs[path] = bytes }
    }
  }
}

extension ReferenceBuild {
  /// Whether a build can have ended so with these outputs.
  func fits(_ status: BuildEvent.BuildStatus?, _ found: [ByteString: [UInt8]]) -> Bool {
    switch verdict {
    case .succeeded: return status == .succeeded && found == outputs
    case .failed:
      return (status == .failed || hasUnfitFolders && status == .invalid)
        && outputs.allSatisfy { found[$0.key] == $0.value }
    // Whether it is the missing source or the failed step that the evaluation meets first is its own affair.
    case .invalid: return status == .invalid || lacksText && status == .failed
    }
  }

  /// What does not fit.
  func misfit(_ status: BuildEvent.BuildStatus?, _ found: [ByteString: [UInt8]]) -> String {
    func text(_ bytes: [UInt8]?) -> String { bytes.map { String(decoding: $0, as: UTF8.self) } ?? "nothing" }
    let paths = verdict == .succeeded ? Set(found.keys).union(outputs.keys) : Set(outputs.keys)
    let differences = paths.sorted().filter { found[$0] != outputs[$0] }.map {
      "\($0.display) is \(text(found[$0])), not \(text(outputs[$0]))"
    }
    return "ends with \(status.map { "\($0)" } ?? "nothing"), should be \(verdict): \(differences)"
  }
}
