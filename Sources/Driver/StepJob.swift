import BuildGraph
import Diagnostics
import Engine
import Ports

/// One run of one step, as a worker thread does it: run, then look again at every source that the step could read.
struct StepJob: Sendable {
  struct Check: Sendable {
    var id: SourceID
    var source: Source
    var record: SourceRecord
    /// Whether it is promised that it only grows.
    var grows: Bool
  }

  struct Ended: Sendable {
    var step: StepID
    var outcome: RunOutcome
    var changes: [SourceReader.Reply]
    /// What a second run made otherwise, in words; nil where there was none.
    var differences: [String]?
    /// Of all files that it made.
    var outputBytes: Int64 = 0
    var request: RunRequest
  }

  var step: StepID
  var request: RunRequest
  var checks: [Check]
  /// A second run of the same, to be compared with the first.
  var repetition: DeterminismCheck?

  /// - Parameter succeeded: Called once no process of the step is left and it has not failed, where that is known before all is taken in.
  func run(_ runner: any StepRunner, succeeded: () -> Void) throws(SystemError) -> RunOutcome {
    // Where it is run again, its room is needed to the end.
    try runner.run(request, succeeded: repetition == nil ? succeeded : {})
  }

  /// What follows the run.
  func ended(
    _ outcome: RunOutcome, _ runner: any StepRunner, _ reader: SourceReader, _ objects: any ObjectStore
  ) throws(SystemError) -> Ended {
    var changes: [SourceReader.Reply] = []
    if outcome.ending != .cancelled {
      changes = checks.compactMap { reader.change(of: $0.id, $0.source, since: $0.record, grows: $0.grows) }
    }
    var differences: [String]?
    if let repetition, outcome.ending == .exited(0), changes.isEmpty {
      differences = try repetition.differences(from: outcome, of: request, runner)
    }
    return Ended(
      step: step, outcome: outcome, changes: changes, differences: differences,
      outputBytes: Self.size(of: outcome.outputs, objects), request: request)
  }
}

extension StepJob {
  private static func size(of outputs: [Artifact], _ objects: any ObjectStore) -> Int64 {
    outputs.reduce(0) { sum, output in
      guard output.kind == .folder, let manifest = try? objects.manifest(of: output) else { return sum + output.size }
      return manifest.entries.reduce(sum) { sum, entry in
        switch entry.content {
        case .file(let file): sum + file.size
        case .link, .emptyFolder: sum
        }
      }
    }
  }
}

extension RunRequest {
  /// - Parameter exec: The step's command, staged as `reads` says.
  init(_ reads: Launch.Reads, _ work: Step.Work, exec: Exec, staging: Staging, run: RunID, options: BuildOptions) {
    let script = staging.script(of: exec)
    // An image may hold another shell and other commands: what runs there is the runtime's business.
    let direct = exec.image == nil ? DirectCommand(script, environment: exec.environment) : nil
    var command = direct.map { Command.direct($0) } ?? .shell(script)
    if case .table(let table) = work { command = .table(table) }
    self.init(
      run: run, command: command,
      inputs: reads.inputs.map {
        Input(stagedPath: $0.stagedPath, kind: $0.kind, origin: Origin($0.origin))
      },
      outputs: zip(exec.outputs, staging.outputs).map {
        Output(stagedPath: $1, kind: $0.kind, isMentioned: $0.isMentioned)
      },
      image: exec.image, environment: exec.environment, network: exec.network, timeoutSeconds: exec.timeoutSeconds,
      depfile: exec.depfile, resources: exec.resources, sandbox: options.sandbox,
      logLimitBytes: options.logLimitBytes)
  }
}

extension RunRequest.Origin {
  init(_ origin: ContentOrigin) {
    switch origin {
    case .source(let path): self = .source(path)
    case .object(let artifact): self = .object(artifact)
    case .view(let members):
      self = .view(members.map { RunRequest.ViewMember(path: $0.path, origin: RunRequest.Origin($0.origin)) })
    }
  }
}

extension RunOutcome {
  /// What to tell people about a run that did not succeed.
  var message: String {
    switch setback {
    case .outOfMemory: return "ran out of memory"
    case .lostWorker(let message): return "lost: \(message)"
    case nil: break
    }
    switch ending {
    case .exited(let code): return "exit status \(code)"
    case .signaled(let signal): return "killed by signal \(signal)"
    case .timedOut: return "took longer than its timeout"
    case .cancelled: return "cancelled"
    case .refused(let message): return message
    }
  }

  var report: RunReport.Ending {
    switch ending {
    case .exited(0): return .succeeded(outputs)
    // EX_TEMPFAIL: try again.
    case .exited(75): return .failed(isTemporary: true)
    case .exited, .signaled, .timedOut, .refused: return .failed(isTemporary: false)
    case .cancelled: return .cancelled
    }
  }
}
