package import BuildGraph
import Diagnostics
package import Driver
package import Ports
import Scheduling

/// Everything that a build can touch, in memory.
package final class SimulatedWorld {
  package let clock = SimulatedClock()
  package let files: SimulatedFiles
  package let plug = Plug()
  package let objects: SimulatedObjects
  package private(set) var store: SimulatedStore
  package let tree: SimulatedTree
  package let runner: SimulatedRunner
  package let snapshot: SimulatedSnapshot
  package let lock = SimulatedLock()
  package var random: SplitMix
  /// Whether steps that do not need what failed still run.
  package var keepsGoing = true
  package var jobs = 2
  /// Which of so many pieces of work is done next; at random where none is said.
  package var choose: ((Int) -> Int)?
  /// Of pieces of work the last that came is mostly done first, so that some steps begin and end long after others.
  package var favoursTheLast = false
  /// What is asked for; decides the outputs.
  package var targets = ["Main"]
  /// What the program is called with; names the graph and the snapshot, and decides nothing.
  package var parameter: UInt64 = 0
  static let programFile = Path("main.rf")
  private var saved: SimulatedProgram?
  /// Nanoseconds from an edit of the program to the build after it.
  package var pauseAfterSaving: Int64 = 5_000_000_000

  /// What one build did.
  package struct Report {
    package var summary: BuildEvent.Summary
    package var events: [BuildEvent]
    package var runs: [RunRecord]
    package var mostAtOnce: Int
    /// Steps that are said to have begun, and not to have ended.
    package var unended: Int
    /// How often the program was evaluated from its beginning.
    package var evaluations: Int

    package var launches: [String] {
      events.compactMap { event in
        if case .stepStarted(_, let label, _) = event { return label }
        return nil
      }
    }

    package var reasons: [String: String] {
      var result: [String: String] = [:]
      for case .stepStarted(_, let label, let reason) in events { result[label] = reason }
      return result
    }

    package var messages: [String] {
      events.compactMap { event in
        switch event {
        case .diagnostic(let diagnostic): return diagnostic.message
        case .stepFinished(let end): return end.message
        case .buildStarted, .planned, .remaining, .stepStarted, .wouldRun, .wouldPublish, .explained, .outputWritten,
          .outputRemoved,
          .outputDisplaced, .printed, .changed, .watching, .buildFinished:
          return nil
        }
      }
    }

    package var written: [ByteString] {
      events.compactMap { event in
        if case .outputWritten(let path) = event { return path }
        return nil
      }
    }

    package var foreseen: [String] {
      events.compactMap { event in
        if case .wouldRun(_, let label, _) = event { return label }
        return nil
      }
    }
  }

  private final class Recorder: EventSink {
    var events: [BuildEvent] = []
    var running = 0
    var mostAtOnce = 0
    private let runner: SimulatedRunner

    init(_ runner: SimulatedRunner) { self.runner = runner }

    func receive(_ event: BuildEvent) {
      events.append(event)
      switch event {
      case .stepStarted:
        running += 1
        mostAtOnce = max(mostAtOnce, running - runner.takenIn.count)
      case .stepFinished(let end) where end.status != .cached && end.usage != nil:
        running -= 1
        runner.noteEnd(end.label)
      case .stepFinished, .buildStarted, .planned, .remaining, .wouldRun, .wouldPublish, .explained, .outputWritten,
        .outputRemoved,
        .outputDisplaced, .diagnostic, .printed, .changed, .watching, .buildFinished:
        return
      }
    }

    func tick() {}
  }

  package init(seed: UInt64) {
    random = SplitMix(seed: seed)
    files = SimulatedFiles(clock: clock)
    objects = SimulatedObjects(files: files, plug: plug)
    store = SimulatedStore(plug: plug, objects: objects, clock: clock)
    tree = SimulatedTree(objects: objects, clock: clock, plug: plug)
    runner = SimulatedRunner(files: files, objects: objects, clock: clock, plug: plug, seed: seed)
    snapshot = SimulatedSnapshot(files: files, tree: tree)
  }

  /// The whole of `.reflow/` is deleted.
  package func deleteState() {
    objects.removeAll()
    store = SimulatedStore(plug: plug, objects: objects, clock: clock)
    snapshot.removeAll()
  }

  /// What a crash leaves: objects that were not flushed may be gone.
  package func crash() {
    objects.crash { _ in random.chance(50) }
    plug.arm(at: nil)
  }

  package func build(
    _ program: SimulatedProgram, interruption: Interruption = Interruption(),
    _ adjust: (inout BuildOptions) -> Void = { _ in }
  ) -> Report {
    save(program)
    return build(
      files: [Self.programFile], interruption: interruption, adjust,
      // As it is by then: somebody may have saved another.
      evaluation: { [targets] in SimulatedEvaluation(saved ?? program, targets: targets) })
  }

  package func build(_ evaluation: any ProgramEvaluation) -> Report {
    build(files: [], interruption: Interruption(), { _ in }, evaluation: { evaluation })
  }

  /// The program's text, as an editor saves it.
  func save(_ program: SimulatedProgram) {
    guard program != saved else { return }
    saved = program
    files.write(Self.programFile.bytes, Array("\(program)".utf8))
    clock.nanoseconds += pauseAfterSaving
  }

  var options: BuildOptions {
    var options = BuildOptions(
      program: "main.rf", targets: targets, jobs: jobs,
      pools: [Pool(name: "local", jobs: jobs, cpu: 8, memory: 1 << 30)],
      keepsGoing: keepsGoing)
    options.configuration = Digest(high: 0, low: parameter)
    return options
  }

  /// The doors of a build, some of them as a watch has them.
  func doors(_ fileSystem: any FileSystem, _ outputs: any OutputTree, _ snapshot: any Snapshot) -> World {
    let store = store
    return World(
      fileSystem: fileSystem, objects: objects, outputs: outputs, runner: runner,
      exporter: SimulatedExporter(files: files, objects: objects), snapshot: snapshot, lock: lock, clock: clock,
      openStore: { () throws(SystemError) -> any Store in
        store.open()
        return store
      },
      concurrency: .simulated { [unowned self] count in choose?(count) ?? next(of: count) })
  }

  /// Which of so many pieces of work is done next.
  func next(of count: Int) -> Int {
    favoursTheLast && random.chance(80) ? count - 1 : random.below(count)
  }

  private func build(
    files programFiles: [Path], interruption: Interruption, _ adjust: (inout BuildOptions) -> Void,
    evaluation: () -> any ProgramEvaluation
  ) -> Report {
    var options = options
    adjust(&options)
    let world = doors(files, tree, snapshot)
    let recorder = Recorder(runner)
    runner.forget()
    let before = store.buildNumber
    var evaluations = 0
    let summary = Driver.build(options, world: world, interruption: interruption, sink: recorder) {
      evaluations += 1
      return .loaded(LoadedProgram(evaluation: evaluation(), files: programFiles))
    }
    let runs = store.buildNumber > before ? store.runs(ofBuild: store.buildNumber) : []
    return Report(
      summary: summary, events: recorder.events, runs: runs, mostAtOnce: recorder.mostAtOnce,
      unended: recorder.running, evaluations: evaluations)
  }
}
