package import BuildGraph
import Diagnostics
package import Ports

/// What differs from the last build, as far as looking told.
package struct ChangedPaths: Sendable {
  package var sources: [Path]
  package var outputs: [ByteString]

  package init(sources: [Path] = [], outputs: [ByteString] = []) {
    self.sources = sources
    self.outputs = outputs
  }

  package var isEmpty: Bool { sources.isEmpty && outputs.isEmpty }

  package mutating func formUnion(_ other: ChangedPaths) {
    sources += other.sources
    outputs += other.outputs
  }
}

/// Builds one (program, targets, parameters) again and again, and keeps open between builds what that takes: the state, the objects, the
/// graph of the last build. A command that builds once uses it once.
///
/// One thread at a time. The state lock is held only while an update is at work; what another process has built meanwhile is noticed.
package final class ResidentBuild {
  /// What the caller knows of what has changed since the last update.
  package enum Changes {
    /// Anything may have: every path is looked at. These have, though how they look may not tell, where the clock was set back.
    case unknown(ChangedPaths = ChangedPaths())
    /// All that has changed. Paths that the build does not depend on do no harm.
    case paths(ChangedPaths)
  }

  private let options: BuildOptions
  private let doors: QuickDoors
  private let open: WorldOpening
  private let load: () -> ProgramLoading
  private let isWatching: Bool

  private var world: World?
  private var store: (any Store)?
  private var graph: PersistedGraph?
  /// The store's generation that `graph` was read at.
  private var graphGeneration: Int64 = -1
  /// The store's generation at the end of the last update.
  private var leftGeneration: Int64?
  /// Whether it was found damaged, and nobody has made another since.
  private var hasDroppedGraph = false
  /// What the last update left, to which further changes are relative.
  private var basis: SnapshotSummary?
  /// Changes that no update has brought to an end yet.
  private var carried = ChangedPaths()
  /// Whether the last update evaluated the program and went well: then it has looked at everything that it depends on.
  package private(set) var wasWhole = false
  /// Files of which is promised that they only grow; nil while that is not known.
  package var growingFiles: [Path]? { basis?.growing }
  private var unwritten: (patch: SnapshotPatch, summary: [UInt8])?

  /// - Parameters:
  ///   - isWatching: The snapshot is written by ``settle()`` and not in the way of the output.
  ///   - open: Opens the world; called at the first update that has something to do, and again where the state was deleted.
  ///   - load: Reads and checks the program; called where it has to be evaluated.
  package init(
    _ options: BuildOptions, _ doors: QuickDoors, isWatching: Bool, open: @escaping WorldOpening,
    load: @escaping () -> ProgramLoading
  ) {
    self.options = options
    self.doors = doors
    self.isWatching = isWatching
    self.open = open
    self.load = load
  }

  // MARK: Updating

  /// Brings the outputs up to date.
  ///
  /// Ends with `buildFinished`, whatever happens.
  ///
  /// - Complexity: with known changes, that of what rests on them; else one look at each path more.
  package func update(
    _ changes: Changes = .unknown(), interruption: Interruption, feed: ChangeFeed? = nil, sink: any EventSink
  ) -> BuildEvent.Summary {
    let started = doors.clock.monotonic
    wasWhole = false
    func finish(_ summary: BuildEvent.Summary) -> BuildEvent.Summary {
      var summary = summary
      summary.seconds = doors.clock.monotonic - started
      sink.receive(.buildFinished(summary))
      return summary
    }
    sink.receive(.buildStarted(program: options.program))
    do throws(SystemError) {
      return finish(try perform(changes, interruption, feed, sink))
    } catch {
      // Whatever was left open may be what is wrong.
      close()
      sink.receive(.diagnostic(Diagnostic(Diagnostic.ID("system.\(error.code)"), error.message)))
      return finish(BuildEvent.Summary(status: .refused, steps: 0, run: 0, cached: 0, failed: 0, seconds: 0))
    }
  }

  private func perform(
    _ changes: Changes, _ interruption: Interruption, _ feed: ChangeFeed?, _ sink: any EventSink
  ) throws(SystemError) -> BuildEvent.Summary {
    var known: ChangedPaths?
    switch changes {
    case .paths(let paths):
      carried.formUnion(paths)
      known = basis == nil ? look() : carried
    case .unknown(let told):
      carried.formUnion(told)
      known = look()
    }
    if let summary = nothingToDo(known, sink) { return summary }
    let world = try opened()
    var hasWaited = false
    try world.lock.acquire { holder in
      hasWaited = true
      sink.receive(
        .diagnostic(Diagnostic("build.waiting", .note, "another build is at work (\(holder)); waiting for it to end")))
    }
    defer { world.lock.release() }
    if hasWaited {
      // What was waited for may have done it all.
      known = look()
      if let summary = nothingToDo(known, sink) { return summary }
    }
    let store = try openedStore(world)
    if case .paths = changes, let leftGeneration, store.generation != leftGeneration {
      // Another process has committed. What it has seen of files is in the state, where it would pass for what this one has seen,
      // also where nobody has told of it.
      known = look()
    }
    carried = known ?? ChangedPaths()
    defer { leftGeneration = store.generation }
    return try build(known, world, store, interruption, feed, sink)
  }

  /// Looks at every path of the snapshot.
  ///
  /// - Returns: what differs, and what is known to; nil where there is no snapshot to compare with.
  private func look() -> ChangedPaths? {
    settle()
    basis = nil
    if options.evaluatesAlways { return nil }
    let bytes: [UInt8]
    var changes = carried
    switch doors.snapshot.check(key: options.snapshotKey, generation: nil) {
    case .none: return nil
    case .unchanged(let summary): bytes = summary
    case .changed(let entries, let summary):
      bytes = summary
      for entry in entries {
        switch entry.root {
        case .source(let root): changes.sources.append(Path(root: root, entry.path))
        case .output: changes.outputs.append(entry.path)
        }
      }
    }
    basis = SnapshotSummary(encoded: bytes)
    return basis == nil ? nil : changes
  }

  private func nothingToDo(_ changes: ChangedPaths?, _ sink: any EventSink) -> BuildEvent.Summary? {
    guard let changes, changes.isEmpty, let basis, basis.isComplete, !options.evaluatesAlways else { return nil }
    for diagnostic in basis.diagnostics(doors.fileSystem) { sink.receive(.diagnostic(diagnostic)) }
    for line in basis.printed { sink.receive(.printed(line)) }
    return BuildEvent.Summary(
      status: .succeeded, steps: basis.steps, run: 0, cached: basis.steps, failed: 0, seconds: 0)
  }

  private func build(
    _ changes: ChangedPaths?, _ world: World, _ store: any Store, _ interruption: Interruption, _ feed: ChangeFeed?,
    _ sink: any EventSink
  ) throws(SystemError) -> BuildEvent.Summary {
    // What an evaluation was told may turn out to be another thing; each time something is learned, so a few times do.
    let restartLimit = 6
    var mayUsePart = true
    var changes = changes
    var more: Set<GraphNode> = []
    var renewal = Renewal.untried
    var told = BuildRun.Told()
    for attempt in 0...restartLimit {
      let part = mayUsePart ? changes : nil
      guard let run = try begin(part, more, &renewal, world, store, interruption, feed, sink) else {
        return BuildEvent.Summary(status: .invalid, steps: 0, run: 0, cached: 0, failed: 0, seconds: 0)
      }
      if run.plan == nil { mayUsePart = false }
      run.told = told
      defer {
        told.diagnostics.formUnion(run.diagnostics)
        told.printed = run.printed
      }
      do throws(SystemError) {
        let ending = try run.perform(mayRestart: attempt < restartLimit)
        let heard = ChangedPaths(sources: run.heard)
        changes?.formUnion(heard)
        carried.formUnion(heard)
        switch ending {
        case .finished(let summary):
          take(run, store)
          wasWhole = run.plan == nil && summary.status == .succeeded
          return summary
        case .restart(.evaluate): mayUsePart = false
        case .restart(.planAgain(let nodes)):
          // Something that stays as it is would come again and again.
          if more.isSuperset(of: nodes) { mayUsePart = false }
          more.formUnion(nodes)
          // What it says of the whole is as true as it was.
          if let renewed = run.plan?.renewed { renewal = .done(renewed) }
        }
      } catch {
        // An object that is gone or not what its name says has been set aside by now: work brings it back.
        guard error.code == .damaged || error.code == .notFound, attempt < restartLimit else { throw error }
        sink.receive(.diagnostic(Diagnostic("state.damaged", .warning, "\(error.message); making it again")))
        mayUsePart = false
      }
    }
    throw SystemError(.other, "the inputs keep changing while they are read; try again when they rest")
  }

  /// A run over the part that changes concern, or over the whole program. It alone owns what it works on: an evaluation is as large
  /// as all that follows, and goes when it is done.
  ///
  /// - Returns: nil where the program is wrong; that was said.
  private func begin(
    _ changes: ChangedPaths?, _ more: Set<GraphNode>, _ renewal: inout Renewal, _ world: World, _ store: any Store,
    _ interruption: Interruption, _ feed: ChangeFeed?, _ sink: any EventSink
  ) throws(SystemError) -> BuildRun? {
    let startedAt = Int64(world.clock.now * 1e9)
    func run(_ work: consuming BuildRun.Work) throws(SystemError) -> BuildRun {
      let run = BuildRun(
        options, world: world, store: store, work: work, loadedAt: startedAt, interruption: interruption,
        changes: feed, sink: sink)
      run.nextSerial = max(try lastSerial(store), basis?.serial ?? 0) + 1
      run.defersSnapshot = isWatching
      run.basis = basis?.encoded
      return run
    }
    if let changes, let plan = try plan(changes, more, renewal.graph, world, store, now: startedAt, sink) {
      return try run(.part(plan))
    }
    switch load() {
    case .failed(let diagnostics):
      for diagnostic in diagnostics { sink.receive(.diagnostic(diagnostic)) }
      return nil
    case .loaded(var program):
      guard let changes, case .untried = renewal else { return try run(.program(program)) }
      renewal = .given
      if let renewed = try renewed(&program, world, store, sink),
        let plan = try plan(changes, more, renewed, world, store, now: startedAt, sink)
      {
        return try run(.part(plan))
      }
      return try run(.program(program))
    }
  }

  /// The program as it says itself now, laid beside the graph of the last build.
  private enum Renewal {
    case untried
    case done(RenewedGraph)
    /// There is none, or it came to nothing.
    case given

    var graph: RenewedGraph? {
      if case .done(let graph) = self { return graph }
      return nil
    }
  }

  /// Evaluates a program before there is a build of it.
  ///
  /// - Returns: nil where there is no graph to compare it with, where it needs to know what steps make, or where it has little in
  ///   common with what it was. Then `program` goes on from there.
  private func renewed(
    _ program: inout LoadedProgram, _ world: World, _ store: any Store, _ sink: any EventSink
  ) throws(SystemError) -> RenewedGraph? {
    guard let old = try usableGraph(store, sink) else { return nil }
    let evaluation = EvaluationInAdvance(program.evaluation)
    program.evaluation = evaluation
    guard let result = evaluation.finish(world.fileSystem) else { return nil }
    do throws(SystemError) {
      return try RenewedGraph(
        result, of: program, beside: old, programFiles: program.files + options.configurationFiles,
        seconds: expectedSeconds(of: result.graph, store), world.fileSystem)
    } catch {
      guard error.code == .damaged else { throw error }
      try drop(error, store, sink)
      return nil
    }
  }

  /// The seconds that steps are expected to take, by what the state knows of their kinds; nil where it knows nothing.
  private func expectedSeconds(of graph: FlowGraph, _ store: any Store) -> [Double]? {
    let names = graph.steps.names(from: 0)
    let histories = (try? store.histories(of: Set(names).sorted())) ?? [:]
    return histories.isEmpty ? nil : names.map { histories[$0]?.expectedSeconds ?? 1 }
  }

  /// The part that changes concern, of the last build's graph or of the program as it says itself now; nil where the program must be
  /// evaluated, and by a build.
  private func plan(
    _ changes: ChangedPaths, _ more: Set<GraphNode>, _ renewed: RenewedGraph?, _ world: World, _ store: any Store,
    now: Int64, _ sink: any EventSink
  ) throws(SystemError) -> PartialPlan? {
    do throws(SystemError) {
      let graph: any PlannedGraph
      if let renewed {
        graph = renewed
      } else {
        guard let persisted = try usableGraph(store, sink) else { return nil }
        graph = persisted
      }
      var planner = PartialPlanner(graph: graph, store: store, fileSystem: world.fileSystem, now: now)
      return try planner.plan(changes, more: more)
    } catch {
      guard error.code == .damaged else { throw error }
      try drop(error, store, sink)
      return nil
    }
  }

  /// The graph of the last build, if it is that which the snapshot is about: an older snapshot, which a kill may leave, does not look at
  /// what was made since.
  private func usableGraph(_ store: any Store, _ sink: any EventSink) throws(SystemError) -> PersistedGraph? {
    guard let basis, !hasDroppedGraph else { return nil }
    do throws(SystemError) {
      guard let graph = try currentGraph(store), graph.header.definition == basis.definition,
        graph.header.serial == basis.serial
      else { return nil }
      return graph
    } catch {
      guard error.code == .damaged else { throw error }
      try drop(error, store, sink)
      return nil
    }
  }

  /// Drops a damaged graph, and says so.
  private func drop(_ error: SystemError, _ store: any Store, _ sink: any EventSink) throws(SystemError) {
    graph = nil
    hasDroppedGraph = true
    sink.receive(.diagnostic(Diagnostic("state.damaged", .warning, error.message)))
    if !options.isDryRun { try store.commit([.removeGraph(key: options.snapshotKey)]) }
  }

  private func currentGraph(_ store: any Store) throws(SystemError) -> PersistedGraph? {
    if graph == nil || graphGeneration != store.generation {
      graph = try PersistedGraph(in: store, key: options.snapshotKey)
      graphGeneration = store.generation
    }
    return graph
  }

  private func lastSerial(_ store: any Store) throws(SystemError) -> Int64 {
    try currentGraph(store)?.header.serial ?? 0
  }

  /// Takes note of what a run has saved.
  private func take(_ run: BuildRun, _ store: any Store) {
    guard let outcome = run.outcome else { return }
    carried = ChangedPaths()
    hasDroppedGraph = false
    basis = outcome.summary
    if let plan = run.plan {
      if let persisted = plan.whole as? PersistedGraph {
        persisted.note(run.savedPages)
        graph = persisted
        graphGeneration = store.generation
      } else {
        graph = nil
      }
      if let patch = outcome.patch, let summary = outcome.summary, isWatching {
        var all = patch
        if let earlier = unwritten?.patch {
          all = earlier
          all.formUnion(patch)
        }
        unwritten = (all, summary.encoded)
      }
    } else {
      graph = nil
      unwritten = nil
    }
  }

  /// Writes what the updates have left for later: the snapshot, with which the next process knows what has changed. For when there is
  /// time; at the end at the latest.
  package func settle() {
    guard let unwritten else { return }
    self.unwritten = nil
    // It only saves time: without it the next build looks everything up.
    try? doors.snapshot.patch(
      key: options.snapshotKey, generation: store?.generation ?? 0, unwritten.patch, summary: unwritten.summary)
  }

  // MARK: Doors

  private func opened() throws(SystemError) -> World {
    if let store {
      do throws(SystemError) {
        try store.refresh()
      } catch {
        // Deleted under a running watch: begin anew.
        guard error.code == .notFound else { throw error }
        close()
      }
    }
    if let world { return world }
    let opened = try open()
    world = opened
    return opened
  }

  private func openedStore(_ world: World) throws(SystemError) -> any Store {
    if let store {
      let before = store.generation
      try store.refresh()
      // Another process may have pruned.
      if store.generation != before { world.objects.forget() }
      return store
    }
    let opened = try world.openStore()
    store = opened
    return opened
  }

  private func close() {
    graph = nil
    basis = nil
    store = nil
    world = nil
  }
}
