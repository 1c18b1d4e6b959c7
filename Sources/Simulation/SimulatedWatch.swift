import BuildGraph
import Diagnostics
import Driver
import Ports
import Watching

extension Set<String> {
  /// Takes down by its label that a step was brought up to date. One that was taken from the state can be begun anew, and fail.
  mutating func note(_ end: BuildEvent.StepEnd) {
    switch end.status {
    case .run, .cached: insert(end.label)
    case .failed: remove(end.label)
    case .cancelled: break
    }
  }
}

/// A watch of the simulated world: the driver's loop, ear, map and resident build, on one thread.
final class SimulatedWatch: WatchHost {
  private static let outputRoot = RootID(index: 1)

  private let world: SimulatedWorld
  private let watcher: SimulatedWatcher
  private let map: WatchMap
  private let ear: WatchEar
  private var loop: WatchLoop?
  private var build: ResidentBuild?
  private let recorder: Recorder
  private let program: () -> SimulatedProgram

  /// What the last round that was not overtaken came to.
  private(set) var summary: BuildEvent.Summary?
  private(set) var rounds = 0
  /// What each round was told, and what it came to.
  private(set) var told: [String] = []
  var launches: [String] { recorder.launches }
  var messages: [String] { recorder.messages }
  /// Steps that have run, or were taken from the state, in the last round.
  var touched: Set<String> { recorder.touched }
  var mostAtOnce: Int { recorder.mostAtOnce }

  private final class Recorder: EventSink {
    var launches: [String] = []
    var messages: [String] = []
    var touched: Set<String> = []
    var running = 0
    var mostAtOnce = 0
    private let runner: SimulatedRunner

    init(_ runner: SimulatedRunner) { self.runner = runner }

    func receive(_ event: BuildEvent) {
      switch event {
      case .stepStarted(_, let label, let reason):
        launches.append("\(label): \(reason)")
        running += 1
        mostAtOnce = max(mostAtOnce, running - runner.takenIn.count)
      case .diagnostic(let diagnostic): messages.append(diagnostic.message)
      case .stepFinished(let end):
        if let message = end.message { messages.append(message) }
        touched.note(end)
        if end.status != .cached, end.usage != nil {
          running -= 1
          runner.noteEnd(end.label)
        }
      case .buildStarted: touched = []
      case .planned, .remaining, .wouldRun, .wouldPublish, .explained, .outputWritten, .outputRemoved,
        .outputDisplaced,
        .printed,
        .changed, .watching, .buildFinished:
        return
      }
    }

    func tick() {}
  }

  /// - Parameter program: as it is saved when it is asked for.
  init(_ world: SimulatedWorld, seed: UInt64, program: @escaping () -> SimulatedProgram) {
    self.world = world
    recorder = Recorder(world.runner)
    self.program = program
    watcher = SimulatedWatcher(files: world.files, tree: world.tree, seed: seed)
    map = WatchMap(watcher: watcher, roots: ["/work", "/work/out", "/"])
    let roots = SimulatedRoots(files: world.files, tree: world.tree)
    ear = WatchEar(watcher: watcher, map: map, fileSystem: roots)
    let files = WatchedFileSystem(world.files, map: map)
    let snapshot = WatchedSnapshot(world.snapshot, map: map)
    let map = map
    build = ResidentBuild(
      world.options, QuickDoors(snapshot: snapshot, fileSystem: files, clock: world.clock), isWatching: true,
      open: { world.doors(files, WatchedOutputTree(world.tree, map: map), snapshot) },
      load: {
        map.beginSurvey()
        map.willRead([SimulatedWorld.programFile])
        return .loaded(
          LoadedProgram(
            evaluation: SimulatedEvaluation(program(), targets: world.targets), files: [SimulatedWorld.programFile]))
      })
    loop = WatchLoop(ear: ear, map: map, fileSystem: roots, clock: world.clock, host: self) {}
  }

  /// Ends as a kill does: what was left for later is lost.
  func kill() {
    watcher.close()
    loop = nil
    build = nil
  }

  /// Hears what there is to hear, as the ear's thread does at any time.
  func hear() { try? ear.hear() }

  /// The first round.
  func begin() { _ = try? loop?.begin() }

  /// Does all that is due.
  func advance() { _ = try? loop?.advance() }

  /// Has it answer a build.
  func ask() {
    ear.post(.request)
    advance()
  }

  /// Lets time go on until there is nothing left to do.
  ///
  /// - Returns: false if that does not happen.
  func comeToRest() -> Bool {
    for _ in 0..<100 {
      advance()
      guard let due = loop?.due else { return true }
      world.clock.nanoseconds += max(0, Int64((due - world.clock.monotonic) * 1e9)) + 1_000
    }
    return false
  }

  // MARK: WatchHost

  func perform(_ round: WatchRound) throws(SystemError) -> WatchRoundEnd {
    rounds += 1
    let sink = RoundSink(recorder, of: round, lastSayings: [])
    var changed = ChangedPaths()
    for path in round.changes.paths {
      if path.root == Self.outputRoot { changed.outputs.append(path.bytes) } else { changed.sources.append(path) }
    }
    guard let build else { return .reconfigured }
    let summary = build.update(
      round.changes.isWhole ? .paths(changed) : .unknown(changed), interruption: Interruption(), feed: round.feed,
      sink: sink)
    map.endSurvey(isWhole: build.wasWhole, growing: build.growingFiles)
    let paths = round.changes.paths.map(\.bytes.display)
    told.append(
      "\(round.changes.isWhole ? "" : "anything, ")\(paths): \(round.feed.hasEndedBuild ? "gives way" : "\(summary.status)")"
    )
    if !round.feed.hasEndedBuild { self.summary = summary }
    return .finished(summary)
  }

  func rest(after summary: BuildEvent.Summary?) {}
  func settle() -> Double? {
    build?.settle()
    return nil
  }
  func gatherRequests() {}
  func dismissRequests() {}
}
