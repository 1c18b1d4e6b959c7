import BuildGraph
import Diagnostics
import Engine
import Ports
import Scheduling

/// Steps on their way through the scheduler and the workers, and what people are told of them.
extension BuildRun {
  func submit(_ launch: Launch) {
    guard let exec = graph.steps[Int(launch.step.index)].command else { return }
    tellOfRetry(launch)
    let demand = demand(of: launch.step, exec)
    if let refusal = demand.refusal(by: pools) {
      launches[launch.step] = launch
      let outcome = RunOutcome(ending: .refused(message: refusal), usage: .none, isSandboxed: false)
      ended[launch.step] = (RunID(number: 0), outcome)
      pending.append(.launched(launch.step))
      pending.append(.runEnded(launch.step, RunReport(ending: .failed(isTemporary: false), isSandboxed: false)))
      return
    }
    // A launch is large, and most wait for the same reason: what else it says the engine says again when the step begins.
    if launch.reason != .neverBuilt { reasons[launch.step] = launch.reason }
    scheduler.submit(launch.step, demand, rank: launch.rank)
  }

  func startSteps() throws(SystemError) {
    if !learning.unplaceable.isEmpty {
      for (step, message) in learning.unplaceable { pending.append(.unplaceable(step, message: message)) }
      // Those that are not wanted yet may be later.
      if scheduler.hasWaiting || scheduler.runningCount > 0 { learning.unplaceable = [] }
      try drain()
    }
    var hasStarted = false
    while let placement = scheduler.next(now: world.clock.monotonic) {
      let step = placement.step
      learning.placements[step] = placement
      let work = graph.steps[Int(step.index)].work
      guard let launch = engine.launch(of: step, reasons.removeValue(forKey: step) ?? .neverBuilt),
        let exec = graph.steps[Int(step.index)].command, let reads = engine.reads(of: step)
      else { continue }
      launches[step] = launch
      let run = try store.nextRun()
      runs[step] = (run, world.clock.now)
      let label = engine.label(of: step)
      sink.receive(
        .stepStarted(step: Self.name(launch.key), label: label, reason: launch.reason.description))
      if options.explains { explain(step, launch.key, label) }
      var request = RunRequest(
        reads, work, exec: exec, staging: engine.staging(of: step, exec), run: run, options: options)
      if case .table(let table) = work {
        request.companions = companions(of: table)
        for (place, input) in table.inputs.enumerated() { request.inputs[place].grownTo = grownSize(of: input) }
        for id in reads.sources { record(of: id)?.addDigests(to: &request.sourceDigests) }
      }
      place(&request, placement, launch, exec, reads.sources)
      let job = StepJob(
        step: step, request: request,
        checks: reads.sources.compactMap { id in
          record(of: id).map {
            StepJob.Check(id: id, source: graph.sources[Int(id.index)], record: $0, grows: grows(id))
          }
        },
        repetition: try repetition(of: work))
      start(job)
      pending.append(.launched(step))
      hasStarted = true
    }
    if hasStarted { try drain() }
  }

  /// Of an input that only grows: how many bytes of it this build means.
  private func grownSize(of input: Exec.Input) -> Int64? {
    guard case .source(let id) = input.reference, grows(id), case .file(_, let observation)? = record(of: id) else {
      return nil
    }
    return observation.artifact.size
  }

  /// The plans of all tables that are made from the inputs of one.
  ///
  /// - Complexity: O(steps) once, and again when steps have been added.
  private func companions(of table: TableStep) -> [TablePlan] {
    if tables.stepCount != graph.steps.count {
      tables = (graph.steps.count, [:])
      for step in graph.steps {
        if case .table(let other) = step.work { tables.byInputs[Set(other.inputs), default: []].append(other.plan) }
      }
    }
    return tables.byInputs[Set(table.inputs)] ?? []
  }

  func start(_ job: StepJob) {
    underWay += 1
    let (inbox, runner, reader, objects, pool) = (inbox, world.runner, reader, world.objects, steps)
    pool.submit {
      do throws(SystemError) {
        var hasGoneOn = false
        let outcome = try job.run(runner) {
          hasGoneOn = true
          inbox.post(.succeeded(job.step))
        }
        let tell: @Sendable () -> Void = {
          do throws(SystemError) {
            inbox.post(.ran(try job.ended(outcome, runner, reader, objects)))
          } catch {
            inbox.post(.failed(error))
          }
        }
        if hasGoneOn { pool.goOn(tell) } else { tell() }
      } catch {
        inbox.post(.failed(error))
      }
    }
  }

  func export(_ step: StepID, _ artifact: Artifact, _ origin: ContentOrigin, _ path: Path) {
    let job = ExportJob(
      step: step, artifact: artifact, origin: origin, destination: path, isDryRun: options.isDryRun, reader: reader,
      objects: world.objects, exporter: world.exporter)
    if !options.isDryRun {
      let label = engine.label(of: step)
      sink.receive(
        .stepStarted(
          step: Self.name(artifact.digest), label: label, reason: Reason.destinationDiffers.description))
    }
    inBackground { job.perform() }
  }

  func exported(_ step: StepID, _ ending: ExportEnding, _ message: String?) {
    let label = engine.label(of: step)
    let status: BuildEvent.StepStatus? =
      switch ending {
      case .unchanged: .cached
      case .written: .run
      case .failed: .failed
      case .wouldWrite: nil
      }
    if let status {
      sink.receive(
        .stepFinished(BuildEvent.StepEnd(step: label, label: label, status: status, message: message)))
    }
    pending.append(.exported(step, ending))
  }

  // MARK: Telling

  /// Names a step in events and logs: the first digits of its key.
  static func name(_ key: Digest) -> String { String(key.description.prefix(12)) }

  func tell(_ step: StepID, _ key: Digest, _ status: BuildEvent.StepStatus) {
    let label = engine.label(of: step)
    sink.receive(.stepFinished(BuildEvent.StepEnd(step: Self.name(key), label: label, status: status)))
  }

  func tellEnd(of step: StepID, _ status: BuildEvent.StepStatus) {
    guard let outcome = ended.removeValue(forKey: step)?.outcome, let launch = launches[step] else { return }
    for remark in outcome.remarks where remarked.insert(remark).inserted { sink.receive(.diagnostic(remark)) }
    var message: String?
    if status == .run, !outcome.undeclaredOutputs.isEmpty {
      message =
        "made files that it does not declare, and they were dropped: "
        + outcome.undeclaredOutputs.map(\.display).joined(separator: ", ")
    }
    tell(launch, outcome, status, message)
    if status == .run { launches[step] = nil }
  }

  /// A run whose end is of no use any more, since the build begins again or cannot go on.
  func tellAbandoned(_ end: StepJob.Ended) {
    guard let launch = launches[end.step], let (run, startedAt) = runs.removeValue(forKey: end.step) else { return }
    note(.addRun(record(of: launch, run, startedAt, end.outcome)))
    tell(launch, end.outcome, .cancelled, nil)
  }

  /// All else that was said to have begun, and of which no end has been told.
  func tellAbandoned() {
    for step in ended.keys.sorted() { tellEnd(of: step, .cancelled) }
    for step in runs.keys.sorted() {
      guard let launch = launches[step] else { continue }
      tell(launch, RunOutcome(ending: .cancelled, usage: .none, isSandboxed: false), .cancelled, nil)
    }
  }

  func tell(_ step: StepID, _ failure: StepFailure) {
    let outcome = ended.removeValue(forKey: step)?.outcome
    let message =
      switch failure {
      case .ran: (outcome?.message ?? "failed") + attempts(of: step)
      case .refused(let message): message
      case .inputKeepsChanging(let name): "the input '\(name)' keeps changing while the step runs"
      }
    if let launch = launches[step], let outcome {
      tell(launch, outcome, .failed, message)
    } else {
      let label = engine.label(of: step)
      sink.receive(.stepFinished(BuildEvent.StepEnd(step: label, label: label, status: .failed, message: message)))
    }
  }

  /// Of a step that failed more than once.
  private func attempts(of step: StepID) -> String {
    if case .retry(let attempt, _)? = launches[step]?.reason { ", in \(attempt) attempts" } else { "" }
  }

  func tell(
    _ launch: Launch, _ outcome: RunOutcome, _ status: BuildEvent.StepStatus, _ message: String?
  ) {
    var exitCode: Int32?
    if case .exited(let code) = outcome.ending { exitCode = code }
    sink.receive(
      .stepFinished(
        BuildEvent.StepEnd(
          step: Self.name(launch.key), label: engine.label(of: launch.step), status: status,
          usage: outcome.usage, exitCode: exitCode, message: message,
          logTail: status == .failed ? outcome.logTail : "")))
  }

  func tell(_ source: SourceID, _ message: String) {
    hasUnfitInput = true
    // The evaluation may have missed it, too, and has said so with the line that names it.
    guard !diagnostics.contains(where: { $0.id == "language.missing-source" && $0.message == message }) else { return }
    let location = graph.sources[Int(source.index)].location
    report(Diagnostic("build.input", "\(location.map { "\($0.file):\($0.line):\($0.column): " } ?? "")\(message)"))
  }

  func explain(_ step: StepID, _ key: Digest, _ label: String) {
    sink.receive(.explained(step: Self.name(key), label: label, lines: engine.explanation(of: step)))
  }
}
