import BuildGraph
import Diagnostics
import Engine
import Ports
import Scheduling

/// What is known of the kinds of steps, and what this build has learned of some steps.
struct Learning {
  /// Nil for a kind that the state knows nothing of.
  var histories: [String: StepHistory?] = [:]
  /// Kinds whose history is not written yet.
  var unwritten: Set<String> = []
  /// For steps that ran out of memory: what the next attempt gets, in bytes.
  var memoryAtLeast: [StepID: Int64] = [:]
  /// Steps that ask for more than there is, and why, until the engine has been told.
  var unplaceable: [(step: StepID, message: String)] = []
  /// How the last attempt of a step failed, and the id under which it is said if there is another.
  var failures: [StepID: (id: String, words: String)] = [:]
  var placements: [StepID: Scheduler.Placement] = [:]
  var lastEstimate = -Double.infinity
}

/// What steps take, before they run and when they have ended.
extension BuildRun {
  // MARK: Before

  /// What the state knows of the kinds of some steps; advice, without which a build goes on as well.
  private func learn(kinds: Set<String>) {
    let new = kinds.filter { learning.histories[$0] == nil }.sorted()
    guard !new.isEmpty else { return }
    let found = (try? store.histories(of: new)) ?? [:]
    for kind in new { learning.histories.updateValue(found[kind], forKey: kind) }
  }

  private func history(of step: StepID) -> StepHistory? {
    let kind = graph.steps[Int(step.index)].name
    learn(kinds: [kind])
    return learning.histories[kind] ?? nil
  }

  /// The seconds that new steps are expected to take; nil where nothing is known of any.
  func expectedSeconds(ofStepsFrom first: Int) -> [Double]? {
    let names = graph.steps.names(from: first)
    learn(kinds: Set(names))
    guard learning.histories.values.contains(where: { $0 != nil }) else { return nil }
    return names.map { (learning.histories[$0] ?? nil)?.expectedSeconds ?? 1 }
  }

  /// Finds the steps among new ones that no pool could run.
  func lookForUnplaceable(from first: Int) {
    guard !options.isDryRun else { return }
    for index in first..<graph.steps.count {
      let step = StepID(index: UInt32(index))
      guard case .exec(let exec) = graph.steps[index].work, exec.resources != Resources() else { continue }
      if let message = demand(of: step, exec).refusal(by: pools) {
        learning.unplaceable.append((step, message))
      }
    }
  }

  /// The pools that may run a step, the preferred first; empty where any may.
  private func executors(of step: StepID, _ history: StepHistory?) -> [String] {
    let named = graph.steps[Int(step.index)]
    if case .table = named.work { return localPools }
    if let own = options.executors[named.name] { return [own] }
    guard options.executor != options.localPool else { return localPools }
    // What is over at once need not travel.
    if let seconds = history?.quantile(0.9, of: \.wallSeconds), seconds < options.smallStepSeconds {
      return [options.localPool, options.executor]
    }
    return [options.executor]
  }

  func demand(of step: StepID, _ exec: Exec) -> Demand {
    let history = history(of: step)
    var demand = Prediction(lowersDeclared: options.predicts, pools: pools).demand(
      of: exec.resources, history: history, memoryAtLeast: learning.memoryAtLeast[step],
      pools: executors(of: step, history))
    if demand.memory == 0, case .table = graph.steps[Int(step.index)].work {
      let most = pools.first { $0.name == options.localPool }?.largestMemory ?? 0
      demand.memory = min(most, Self.tableGrowth * inputBytes(of: step))
    }
    return demand
  }

  /// What rows and strings take in memory beside the files that they come from, until a kind of table has been made once: words of eight bytes
  /// where a file has a few digits.
  private static let tableGrowth: Int64 = 3

  /// Of all that a step reads and that is there.
  private func inputBytes(of step: StepID) -> Int64 {
    guard let reads = engine.reads(of: step) else { return 0 }
    func made(_ origin: ContentOrigin) -> Int64 {
      switch origin {
      case .source: 0
      case .object(let artifact): artifact.size
      case .view(let members): members.reduce(0) { $0 + made($1.origin) }
      }
    }
    let sources = reads.sources.reduce(Int64(0)) { $0 + (record(of: $1)?.size ?? 0) }
    return reads.inputs.reduce(sources) { $0 + made($1.origin) }
  }

  /// Fills in what a pool has to know.
  ///
  /// - Parameter sources: what the step can read.
  func place(
    _ request: inout RunRequest, _ placement: Scheduler.Placement, _ launch: Launch, _ exec: Exec, _ sources: [SourceID]
  ) {
    request.pool = pools[placement.pool].name
    request.resources.cpu = placement.demand.cpu
    request.resources.memory = placement.demand.memory
    request.memoryLimit = learning.memoryAtLeast[launch.step] ?? exec.resources.memory
    request.expectedSeconds = history(of: launch.step)?.expectedSeconds
    request.rank = launch.rank
    request.label = engine.label(of: launch.step)
    // A narrowed key says less than all that it reads, and a copy of a run must be a run.
    if exec.depfile == nil, exec.repetition == 0, !exec.nondeterministic { request.key = launch.key }
    for id in sources {
      guard let changed = record(of: id)?.changedNanoseconds else { continue }
      request.inputsChangedAt = max(request.inputsChangedAt, changed)
    }
  }

  // MARK: After

  /// Takes note of what a step took.
  func learn(from end: StepJob.Ended) {
    let step = graph.steps[Int(end.step.index)]
    guard let exec = step.command, end.outcome.ending == .exited(0) || end.outcome.setback == .outOfMemory else {
      return
    }
    learn(kinds: [step.name])
    var history = (learning.histories[step.name] ?? nil) ?? StepHistory()
    if end.outcome.setback == .outOfMemory {
      history.noteMemoryDeath()
    } else {
      let usage = end.outcome.usage
      history.note(
        StepHistory.Sample(
          wallSeconds: usage.wallSeconds, cpuSeconds: usage.cpuSeconds, peakMemoryBytes: usage.peakMemoryBytes,
          outputBytes: end.outputBytes, askedCPU: exec.resources.cpu, askedMemory: exec.resources.memory))
    }
    learning.histories.updateValue(history, forKey: step.name)
    learning.unwritten.insert(step.name)
  }

  /// One row a kind, however many of its steps have ended since the last time.
  func noteHistories() {
    for kind in learning.unwritten.sorted() {
      if let history = learning.histories[kind] ?? nil { note(.setHistory(kind: kind, history)) }
    }
    learning.unwritten = []
  }

  /// What the engine is told of the end of an attempt.
  func ending(of end: StepJob.Ended) -> RunReport.Ending {
    switch end.outcome.setback {
    case .outOfMemory:
      let placed = learning.placements[end.step]
      let had = max(placed?.demand.memory ?? 0, end.request.memoryLimit ?? 0)
      let more = Prediction(pools: pools).memoryAfterDeath(
        had: had, peak: end.outcome.usage.peakMemoryBytes, pools: placed?.demand.pools ?? [])
      guard let more else { return .failed(isTemporary: false) }
      learning.memoryAtLeast[end.step] = more
      let what = had > 0 ? "ran out of \(had >> 20) MiB of memory" : "was ended for want of memory"
      learning.failures[end.step] = ("build.out-of-memory", "\(what); its next attempt gets \(more >> 20) MiB")
      return .failed(isTemporary: true)
    case .lostWorker(let message):
      learning.failures[end.step] = ("build.lost-step", "was lost: \(message); it is tried again")
      return .failed(isTemporary: true)
    case nil:
      if end.outcome.ending != .exited(0) {
        learning.failures[end.step] = ("build.retry", "failed: \(end.outcome.message); it is tried again")
      }
      return end.outcome.report
    }
  }

  /// Says why there is another attempt; nothing for a first one.
  func tellOfRetry(_ launch: Launch) {
    guard case .retry(let attempt, let count) = launch.reason, let failure = learning.failures[launch.step] else {
      return
    }
    say(failure.id, "\(engine.label(of: launch.step)) \(failure.words) (attempt \(attempt) of \(count))")
  }

  private func say(_ id: String, _ message: String) {
    sink.receive(.diagnostic(Diagnostic(Diagnostic.ID(id), .note, message)))
  }

  // MARK: The time that is left

  /// Says now and then how long it will go on.
  func estimateIfDue() {
    let now = world.clock.monotonic
    guard scheduler.runningCount > 0, now - learning.lastEstimate >= 1 else { return }
    let isFirst = learning.lastEstimate == -Double.infinity
    learning.lastEstimate = now
    // Of what has just begun nothing is known, and a build that is soon over needs no estimate.
    if isFirst { return }
    let ahead = engine.stepsAhead
    let known = ahead.map { history(of: $0)?.expectedSeconds }
    let figures = known.compactMap { $0 }
    guard figures.count * 2 > ahead.count else { return }
    let usual = figures.reduce(0, +) / Double(figures.count)
    var rest = RemainingTime()
    for (step, seconds) in zip(ahead, known) {
      let expected = seconds ?? usual
      let elapsed = runs[step].map { world.clock.now - $0.startedAt } ?? 0
      let cpu = learning.placements[step]?.demand.cpu ?? graph.steps[Int(step.index)].command?.resources.cpu ?? 1
      rest.add(seconds: expected - elapsed, cpu: cpu)
      rest.longestChain = max(rest.longestChain, engine.rank(of: step) - min(elapsed, expected))
    }
    sink.receive(
      .remaining(seconds: rest.seconds(cpu: pools.reduce(0) { $0 + $1.cores }), steps: ahead.count))
  }
}

extension SourceRecord {
  /// In bytes; of a folder, of all that is in it.
  fileprivate var size: Int64 {
    switch self {
    case .file(_, let observation): observation.artifact.size
    case .folder(_, let folder): folder.artifact.size
    }
  }

  /// The latest change of anything that it is about, on the clock of its file system.
  var changedNanoseconds: Int64 {
    switch self {
    case .file(_, let observation): observation.hint.changedNanoseconds
    case .folder(_, let folder):
      folder.files.reduce(0) { max($0, $1?.hint.changedNanoseconds ?? 0) }
    }
  }
}
