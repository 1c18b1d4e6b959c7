package import BuildGraph
package import Diagnostics
package import Ports

/// Runs simulated commands over the simulated files and objects.
package final class SimulatedRunner: StepRunner, @unchecked Sendable {
  package struct Seen {
    package var script: ByteString
    /// Staged path to what was there.
    package var inputs: [ByteString: SimulatedContent]
    /// Which of the user's files are executable, and which folders are empty, is part of what a step sees.
    package var shape: SimulatedFiles.Shape

    /// Names the command with what it read.
    var fingerprint: UInt64 {
      var result = SimulatedContent.mix(script.bytes, 3)
      for (path, content) in inputs.sorted(by: { $0.key < $1.key }) {
        result = SimulatedContent.mix(path.bytes, result) &* 31 &+ content.fingerprint
      }
      return result
    }
  }

  private let files: SimulatedFiles
  private let objects: SimulatedObjects
  private let clock: SimulatedClock
  private let plug: Plug
  package private(set) var violations: [String] = []
  package private(set) var seen: [RunID: Seen] = [:]
  /// Does something to the world while a step runs.
  package var meanwhile: () -> Void = {}
  /// The n-th attempt at a command with its inputs, for those that fail at first.
  private var attempts: [UInt64: Int] = [:]
  /// What commands that make something else in each run have made, by what they said and saw; each once.
  package private(set) var results: [UInt64: [[SimulatedContent]]] = [:]
  private var random: SplitMix
  private var cancelled: Set<RunID> = []
  package var isSandboxed = true
  /// Says that a step has succeeded before its outputs are taken in.
  package var tellsOfSuccess = false
  /// The labels of the steps that have succeeded, and of which no end has been told.
  private(set) var takenIn: Set<String> = []

  package init(files: SimulatedFiles, objects: SimulatedObjects, clock: SimulatedClock, plug: Plug, seed: UInt64 = 0) {
    random = SplitMix(seed: seed)
    self.files = files
    self.objects = objects
    self.clock = clock
    self.plug = plug
  }

  /// People were told of the end of a step.
  func noteEnd(_ label: String) { takenIn.remove(label) }

  package func forget() {
    takenIn = []
    seen = [:]
    cancelled = []
  }

  package func cancel(_ run: RunID) { cancelled.insert(run) }
  package func cancelAll() {}

  private func content(_ origin: RunRequest.Origin, _ kind: ArtifactKind) -> SimulatedContent? {
    switch origin {
    case .source(let path):
      if kind == .file { return files.file(at: path.bytes).map { .file($0.bytes) } }
      guard let listing = try? files.list(folder: path) else { return nil }
      var members: [ByteString: [UInt8]] = [:]
      for entry in listing.entries { members[entry.path] = files.file(at: path.appending(entry.path).bytes)?.bytes }
      return .folder(members)
    case .object(let artifact):
      if artifact.kind != kind { violations.append("an input is of another kind than its artifact") }
      return objects.content(artifact)
    case .view(let members):
      var result: [ByteString: [UInt8]] = [:]
      for member in members {
        guard case .file(let bytes)? = content(member.origin, .file) else { return nil }
        result[member.path] = bytes
      }
      return .folder(result)
    }
  }

  package func run(_ request: RunRequest, succeeded: () -> Void) throws(SystemError) -> RunOutcome {
    let outcome = try run(command: request)
    if tellsOfSuccess, outcome.ending == .exited(0) {
      takenIn.insert(request.label)
      succeeded()
    }
    return outcome
  }

  private func run(command request: RunRequest) throws(SystemError) -> RunOutcome {
    try plug.write()
    clock.nanoseconds += 3_000_000
    let usage = RunOutcome.Usage(
      wallSeconds: 0.003, cpuSeconds: 0.003, peakMemoryBytes: 1 << 20, memoryMeasure: .processMaximum)
    if cancelled.contains(request.run) {
      return RunOutcome(ending: .cancelled, usage: usage, isSandboxed: isSandboxed)
    }
    let script: ByteString =
      switch request.command {
      case .direct(let command): command.script
      case .shell(let script): script
      case .table(let table): ByteString("table \(table.command)")
      }
    var inputs: [(path: ByteString, content: SimulatedContent)] = []
    for input in request.inputs {
      guard let content = content(input.origin, input.kind) else {
        if case .object = input.origin { violations.append("a step began before its input was there") }
        return RunOutcome(ending: .refused(message: "an input is gone"), usage: usage, isSandboxed: isSandboxed)
      }
      inputs.append((input.stagedPath, content))
    }
    let seen = Seen(
      script: script, inputs: Dictionary(inputs.map { ($0.path, $0.content) }, uniquingKeysWith: { a, _ in a }),
      shape: files.shape)
    self.seen[request.run] = seen
    let command = SimulatedCommand(script: script)
    for _ in 0..<(command.isSlow ? 3 : 1) {
      meanwhile()
      if command.isSlow { clock.nanoseconds += 400_000_000 }
    }
    let outputs = request.outputs.map { ($0.stagedPath, $0.kind) }
    var outcome = command.run(inputs: inputs, outputs: outputs, luck: random.below(3))
    if command.isLoose, outcome.exitCode == 0, results[seen.fingerprint]?.contains(outcome.outputs) != true {
      results[seen.fingerprint, default: []].append(outcome.outputs)
    }
    if command.isFlaky {
      attempts[seen.fingerprint, default: 0] += 1
      if attempts[seen.fingerprint]! % 2 == 1 { outcome.exitCode = 75 }
    }
    guard outcome.exitCode == 0 else {
      return RunOutcome(ending: .exited(outcome.exitCode), usage: usage, isSandboxed: isSandboxed, logTail: "failed")
    }
    let depfile = request.depfile.map { _ in
      Array("out: ".utf8) + outcome.reads.flatMap { $0.bytes + Array(" \\\n ".utf8) }
    }
    return RunOutcome(
      ending: .exited(0), usage: usage, outputs: outcome.outputs.map(objects.add), isSandboxed: isSandboxed,
      depfile: depfile)
  }
}
