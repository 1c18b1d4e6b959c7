import BuildGraph
import Diagnostics
import Engine
import Ports
import Scheduling
import Watching

/// One build, from a loaded program to a published tree: the loop that owns the engine.
///
/// Everything here runs on the thread that calls ``perform(mayRestart:)``. Workers only ever post messages.
final class BuildRun {
  let options: BuildOptions
  let world: World
  let store: any Store
  /// Nil where a part of the last build's graph takes its place, and once it has been evaluated: what an evaluation holds is as large
  /// as all that follows.
  private(set) var program: LoadedProgram?
  private let loadedFiles: [Path]
  let layouts: [ProgramLayout]
  let plan: PartialPlan?
  /// When the reading of the program was begun, nanoseconds since 1970.
  let loadedAt: Int64
  /// How the files of the program looked when they had just been read: one that is saved after the clock was set back may look as if it
  /// had rested since.
  private(set) var programLooks: [Path: Look] = [:]
  let sink: any EventSink
  let interruption: Interruption
  let changes: ChangeFeed?

  var engine: BuildEngine
  var scheduler: Scheduler
  let pools: [Pool]
  let inbox = Inbox()
  let steps: any WorkPool
  let readers: any WorkPool

  /// Events for the engine that came of performing its effects.
  var pending: [Event] = []
  var answers: [(need: Need, answer: Answer)] = []
  var asked = NeedSet()
  var isEvaluated = false
  var hasUnfitInput = false
  var hasInvalidProgram = false
  /// Whether the evaluation has ended, one way or the other.
  var isEvaluationOver = false
  /// Sources that are still to be looked at, and those that are still to be read: pieces of a list.
  var toLookAt: ArraySlice<SourceID> = []
  var toRead: ArraySlice<SourceID> = []
  /// Pieces that are being read.
  var piecesBeingRead = 0
  var seen = (sources: 0, steps: 0, literals: 0, assemblies: 0)

  var graph = FlowGraph()
  /// The tables of the graph when it had so many steps.
  var tables: (stepCount: Int, byInputs: [Set<Exec.Input>: [TablePlan]]) = (0, [:])
  /// The sources that only grow, in the graph when it had so many steps.
  var growing: (stepCount: Int, promised: Set<SourceID>, sources: Set<SourceID>) = (0, [], [])
  /// Why steps run that wait for their turn, where it is something else than that they were never built.
  var reasons: [StepID: Reason] = [:]
  /// Of steps that have begun, and of those that failed.
  var launches: [StepID: Launch] = [:]
  var runs: [StepID: (run: RunID, startedAt: Double)] = [:]
  var ended: [StepID: (run: RunID, outcome: RunOutcome)] = [:]
  /// When each listing was begun, nanoseconds since 1970.
  var listingTimes: [SourceID: Int64] = [:]
  /// Until the snapshot is written.
  var published: PublishedOutputs?
  private(set) var seenSources = SeenSources()
  /// Sources of which the evaluation was told whether they are there.
  private(set) var looked: Set<SourceID> = []
  var listings: [SourceID: FolderListing] = [:]
  var known: [Path: Observation] = [:]
  /// Sources that changed while they were being read, or before anybody read them.
  var suspects: [SourceID: [PathChange]] = [:]
  /// Changes that were dealt with in the middle of the run: if it comes to nothing, the next one has to deal with them again.
  var heard: [Path] = []
  /// Sources that could not be read.
  var unread: Set<SourceID> = []
  var printed: [String] = []
  var diagnostics: [Diagnostic] = []
  /// What runs of the same build have told before this one began anew.
  var told = Told()
  /// Whether the nothing-changed check can cover all that was published.
  var canSnapshot = true
  /// What the evaluation was told, but for presences.
  var needs: [RecordedNeed] = []
  /// Whether the evaluation was told that something cannot be had: then its graph lacks what rests on that.
  var hasFailedAnswers = false
  /// What the evaluation said, as against what came of running.
  var sayings: [Diagnostic] = []
  var entries = EntryTable()
  /// The path of an intent that stays until the graph says what was published: while there is one, no part is made of a graph.
  var lastIntent: ByteString?
  /// The caller writes the snapshot when there is time.
  var defersSnapshot = false
  /// The summary of the snapshot that a part is relative to.
  var basis: [UInt8]?
  /// Numbers the graph that this run saves.
  var nextSerial: Int64 = 1
  var outcome: SavedOutcome?
  var savedPages: [GraphPage: [UInt8]] = [:]

  var learning = Learning()
  /// Where most steps run: one list for all of them.
  lazy var localPools = [options.localPool]
  /// What steps have remarked and people were told.
  var remarked: Set<Diagnostic> = []
  var batch = Batch()
  var uncommitted = Uncommitted()
  var variants: [Digest: Variant] = [:]
  /// Those of the state by content key, where they had to be known.
  var derivationKeys: [Digest: [Digest]]?
  var isSyncing = false
  /// Whether objects were made since the last flush began; a flush costs as much as all that the disk has to write.
  var hasNewObjects = false
  /// Work that has been given to a pool and has not answered.
  var underWay = 0
  var lastPlanned = -1
  var restart: Restart?
  var mustRestart: Bool { restart != nil }
  var wasInterrupted = false
  var buildNumber: Int64 = 0
  /// On the monotonic clock.
  var startedAt = 0.0
  var hasWarnedOfSandbox = false
  /// A step made something else when it was run again.
  var hasNondeterminism = false
  /// Steps that ran twice and made the same.
  var deterministicSteps = 0

  /// How long nothing may happen before whoever shows the time is called.
  private static let tickSeconds = 0.25
  /// So many events are not left to wait for further messages.
  private static let eventsAtOnce = 512

  init(
    _ options: BuildOptions, world: World, store: any Store, work: Work, loadedAt: Int64, interruption: Interruption,
    changes: ChangeFeed? = nil, sink: any EventSink
  ) {
    self.loadedAt = loadedAt
    switch work {
    case .program(let loaded): (program, plan, loadedFiles, layouts) = (loaded, nil, loaded.files, loaded.layouts)
    case .part(let part): (program, plan, loadedFiles, layouts) = (nil, part, [], [])
    }
    self.options = options
    self.world = world
    self.store = store
    self.interruption = interruption
    self.changes = changes
    self.sink = sink
    engine = BuildEngine(
      options: BuildEngine.Options(
        keepsGoing: options.keepsGoing, isStrict: options.sandbox == .strict, isDryRun: options.isDryRun))
    pools = options.pools + world.pools
    scheduler = Scheduler(pools: pools)
    switch world.concurrency {
    case .threads:
      // A step that runs elsewhere has a thread here that waits for it. Beside each that runs there may be one whose outputs are taken in;
      // where that takes longer than the steps do, these wait.
      steps = ThreadPool(limit: min(1024, 2 * max(options.jobs, pools.reduce(0) { $0 + $1.jobs })))
      // One hashes or flushes while another answers; hashing itself uses all cores.
      readers = ThreadPool(limit: 2)
    case .simulated:
      let pool = ChosenOrderPool()
      steps = pool
      readers = pool
    }
    for path in plan?.relaid ?? programFiles { programLooks[path] = world.fileSystem.look(at: path) }
  }

  enum Work {
    case program(LoadedProgram)
    case part(PartialPlan)
  }

  /// Why a run must begin again.
  enum Restart {
    /// By evaluating the program.
    case evaluate
    /// With these nodes of the persisted graph looked at as well.
    case planAgain(Set<GraphNode>)
  }

  enum Ending {
    case finished(BuildEvent.Summary)
    case restart(Restart)
  }

  /// - Throws: what no build can go on after: the state or the disk refused.
  func perform(mayRestart: Bool) throws(SystemError) -> Ending {
    defer {
      steps.shutDown()
      readers.shutDown()
    }
    do throws(SystemError) {
      return try performLoop(mayRestart: mayRestart)
    } catch {
      try? abandonWork()
      // What had finished need not be lost; where the state itself refuses there is nothing more to do.
      try? flush()
      throw error
    }
  }

  func performLoop(mayRestart: Bool) throws(SystemError) -> Ending {
    if let program {
      for diagnostic in program.diagnostics { say(diagnostic) }
      known = try store.sources()
    }
    try tellVariants()
    let inbox = inbox
    interruption.onInterrupt { inbox.post(.interrupted) }
    listenForChanges()
    defer { changes?.onPost(nil) }
    if !options.isDryRun {
      buildNumber = try store.nextBuild()
      startedAt = world.clock.monotonic
      let program = ByteString(options.program)
      note(.beginBuild(number: buildNumber, program: program, startedAt: world.clock.now))
    }
    if let plan { begin(plan) } else { advanceEvaluation() }
    while true {
      try drain()
      if mustRestart { break }
      try startSteps()
      estimateIfDue()
      flushIfDue()
      if isFinished { break }
      let due = isSyncing ? nil : batch.due(now: world.clock.monotonic).map { $0 - world.clock.monotonic }
      // So that the time that is left is said also while nothing ends.
      let tick = scheduler.runningCount > 0 ? Self.tickSeconds : nil
      let messages = wait(seconds: [due, tick].compactMap { $0 }.min())
      sink.tick()
      try each(consume messages) { message throws(SystemError) in
        try take(message)
        // What many sources lead to is dealt with before more are taken: for all at once it is as large as all else that is known of them.
        guard pending.count >= Self.eventsAtOnce else { return }
        try drain()
        try commitIfMany()
      }
    }
    return try finish(mayRestart: mayRestart)
  }

  // MARK: The loop

  /// Handles messages in order. Where one ends the build, the work that those behind it tell of has ended all the same: nobody
  /// must wait for it.
  private func each(
    _ messages: consuming [Inbox.Message], _ body: (Inbox.Message) throws(SystemError) -> Void
  ) throws(SystemError) {
    var messages = messages
    var next = 0
    do throws(SystemError) {
      while next < messages.count {
        let message = messages[next]
        // A message that is dealt with needs no room.
        messages[next] = .changed
        next += 1
        try body(message)
      }
    } catch {
      for message in messages[next...] where message.endsWork { underWay -= 1 }
      throw error
    }
  }

  /// Whether all is done that outputs wait for; a flush is not among it.
  var isFinished: Bool {
    underWay == (isSyncing ? 1 : 0) && pending.isEmpty && !scheduler.hasWaiting
  }

  func wait(seconds: Double?) -> [Inbox.Message] {
    switch world.concurrency {
    case .threads: return inbox.take(atMostSeconds: seconds)
    case .simulated(let choose):
      guard let pool = steps as? ChosenOrderPool else { return [] }
      let ready = inbox.take(atMostSeconds: 0)
      if !ready.isEmpty { return ready }
      _ = pool.step(choose)
      return inbox.take(atMostSeconds: 0)
    }
  }

  /// Lets the engine and the evaluation go on until both wait for the world.
  func drain() throws(SystemError) {
    while true {
      var next = 0
      while next < pending.count {
        let event = pending[next]
        next += 1
        for effect in engine.handle(event) { try perform(effect) }
        // All at once they are as large as what the evaluation makes of them.
        if answers.count >= Self.eventsAtOnce, canEvaluationAdvance { advanceEvaluation() }
      }
      // Once there are as many events as sources; their room is better used otherwise.
      pending.removeAll(keepingCapacity: pending.count < 1_000)
      if !toLookAt.isEmpty {
        lookAtMore()
        continue
      }
      guard !answers.isEmpty, canEvaluationAdvance else { return }
      advanceEvaluation()
    }
  }

  private var canEvaluationAdvance: Bool { !mustRestart && !isEvaluated && !isEvaluationOver }

  func advanceEvaluation() {
    guard let program else { return }
    let given = answers
    answers = []
    for (need, answer) in given {
      if case .presence = need, case .present = answer { continue }
      if let recorded = RecordedNeed(need, answer) { needs.append(recorded) } else { hasFailedAnswers = true }
    }
    // A second owner would make the evaluation copy its graph before it can go on.
    graph = FlowGraph()
    let progress = program.evaluation.resume(given)
    takeGraph(of: program)
    switch progress {
    case .needs(let needs):
      let new = needs.filter { asked.insert($0) }
      if !new.isEmpty { pending.append(.needed(new)) }
    case .done(let outputs, let lines, let diagnostics):
      isEvaluated = true
      self.program = nil
      asked = NeedSet()
      graph.complete()
      printed = lines
      entries = EntryTable(outputs)
      for diagnostic in diagnostics { say(diagnostic) }
      tellPrinted()
      giveBackMemory()
      pending.append(.outputsDeclared(entries))
    case .failed(let diagnostics):
      isEvaluationOver = true
      // Where all that went wrong are steps, the program is not to blame.
      hasInvalidProgram = diagnostics.contains { $0.severity == .error }
      for diagnostic in diagnostics { report(diagnostic) }
      // What runs may end; nothing more begins.
      pending.append(.stopped)
    }
  }

  /// What an evaluation leaves of its memory is in pieces; where it was large, these are worth the time that it takes to find them.
  func giveBackMemory() {
    if graph.steps.count >= Self.stepsWorthGivingBack { world.giveBackMemory() }
  }

  private static let stepsWorthGivingBack = 4_096

  /// Says what the evaluation says; a build that does without it says it again.
  func say(_ diagnostic: Diagnostic) {
    sayings.append(diagnostic)
    report(diagnostic)
  }

  /// Says something that the next build has to say again, if it finds that nothing changed.
  func report(_ diagnostic: Diagnostic) {
    diagnostics.append(diagnostic)
    if !told.diagnostics.contains(diagnostic) { sink.receive(.diagnostic(diagnostic)) }
  }

  func tellPrinted() {
    if printed != told.printed { for line in printed { sink.receive(.printed(line)) } }
  }

  struct Told {
    var diagnostics: Set<Diagnostic> = []
    var printed: [String] = []
  }

  func takeGraph(of program: LoadedProgram) {
    graph = program.evaluation.graph
    let now = (
      sources: graph.sources.count, steps: graph.steps.count, literals: graph.literals.count,
      assemblies: graph.assemblies.count
    )
    guard now != seen else { return }
    pending.append(
      .graphExtended(GraphExtension(graph, seconds: expectedSeconds(ofStepsFrom: seen.steps))))
    lookForUnplaceable(from: seen.steps)
    seen = now
    if now.steps != lastPlanned {
      lastPlanned = now.steps
      sink.receive(.planned(steps: now.steps))
    }
  }

  /// The files whose change makes an evaluation necessary.
  var programFiles: [Path] { plan?.whole.header.programFiles ?? loadedFiles + options.configurationFiles }

  // MARK: Messages

  func take(_ message: Inbox.Message) throws(SystemError) {
    if message.endsWork { underWay -= 1 }
    switch message {
    case .interrupted:
      wasInterrupted = true
      pending.append(.interrupted)
    case .succeeded(let step): scheduler.finished(step)
    case .ran(let end): try take(end)
    case .events(let events): pending += events
    case .read(let replies):
      piecesBeingRead -= 1
      readMore()
      for reply in replies { try take(reply, isFirst: true) }
    case .text(let need, let answer): answers.append((need, answer))
    case .synced(let changes): try commit(changes)
    case .exported(let step, let ending, let message): exported(step, ending, message)
    case .changed: takeChanges()
    case .readAgain(let replies): try takeAgain(replies)
    case .overtaken: restart(.evaluate)
    case .failed(let error): throw error
    }
  }

  func take(_ reply: SourceReader.Reply, isFirst: Bool) throws(SystemError) {
    setRecord(reply.record, of: reply.id)
    if reply.record == nil { unread.insert(reply.id) }
    remember(reply.news)
    if let plan { try check(reply, plan) }
    guard isFirst else { return }
    pending.append(.sourceObserved(reply.id, reply.observation))
    checkSuspect(reply.id)
  }

  /// What was read of a source; nil where it was not read or could not be.
  func record(of id: SourceID) -> SourceRecord? {
    seenSources.record(of: id) {
      guard case .path(let path) = graph.sources[Int(id.index)].place else { return nil }
      return path
    }
  }

  func setRecord(_ record: SourceRecord?, of id: SourceID) {
    seenSources.set(record, of: id, grows: grows(id), outOf: graph.sources.count)
  }

  func setLook(_ look: Look, of id: SourceID) {
    seenSources.set(look, of: id, outOf: graph.sources.count)
    looked.insert(id)
  }

  func take(_ end: StepJob.Ended) throws(SystemError) {
    scheduler.finished(end.step)
    learn(from: end)
    if case .exited(0) = end.outcome.ending { hasNewObjects = true }
    var changes: [RunReport.Change] = []
    for reply in end.changes {
      try take(reply, isFirst: false)
      changes.append(RunReport.Change(source: reply.id, observation: reply.observation))
    }
    if let launch = launches[end.step], let (run, startedAt) = runs.removeValue(forKey: end.step) {
      ended[end.step] = (run, end.outcome)
      note(.addRun(record(of: launch, run, startedAt, end.outcome)))
    }
    if let differences = end.differences { take(differences, of: end.step) }
    warnOfSandbox(end.outcome)
    pending.append(
      .runEnded(
        end.step,
        RunReport(
          ending: ending(of: end),
          isSandboxed: end.outcome.isSandboxed, changes: changes,
          depfile: end.outcome.depfile)))
    learning.placements[end.step] = nil
  }

  func record(of launch: Launch, _ run: RunID, _ startedAt: Double, _ outcome: RunOutcome) -> RunRecord {
    var command = ByteString()
    if case .exec(let exec) = graph.steps[Int(launch.step.index)].work {
      command = engine.staging(of: launch.step, exec).script(of: exec)
    }
    // What was handed to a cluster began when it came to a node, and not when it was handed over.
    let begun = outcome.node == nil ? startedAt : max(startedAt, world.clock.now - outcome.usage.wallSeconds)
    return RunRecord(
      run: run, build: buildNumber, contentKey: launch.key, label: engine.label(of: launch.step),
      command: command, reason: launch.reason.description, ending: outcome.ending, usage: outcome.usage,
      startedAt: begun, node: outcome.node, plan: outcome.plan)
  }

  func warnOfSandbox(_ outcome: RunOutcome) {
    guard options.sandbox == .auto, !outcome.isSandboxed, !hasWarnedOfSandbox else { return }
    guard case .exited = outcome.ending else { return }
    hasWarnedOfSandbox = true
    sink.receive(
      .diagnostic(
        Diagnostic(
          "system.no-sandbox", .warning,
          "this system allows no sandbox: steps can read what they do not declare; silence this with --sandbox=off")))
  }

  // MARK: State

  func note(_ change: StoreChange) {
    // A dry run leaves no trace.
    if options.isDryRun { return }
    batch.append(change, now: world.clock.monotonic)
    uncommitted.note(change)
  }

  func flushIfDue() {
    let now = world.clock.monotonic
    guard !isSyncing, let due = batch.due(now: now), due <= now else { return }
    noteHistories()
    let (changes, namesObjects) = batch.take()
    isSyncing = true
    let needsFlush = namesObjects && hasNewObjects
    if needsFlush { hasNewObjects = false }
    let objects = world.objects
    inBackground {
      do throws(SystemError) {
        if needsFlush { try objects.sync() }
        return .synced(changes)
      } catch {
        return .failed(error)
      }
    }
  }

  /// Writes changes that need no flush, where they have become many: they are not to wait for what does.
  private func commitIfMany() throws(SystemError) {
    guard !isSyncing, batch.changes.count >= Batch.changesToWait, !(batch.namesObjects && hasNewObjects) else { return }
    noteHistories()
    let (changes, _) = batch.take()
    try commit(changes)
  }

  /// Takes what a flush was for into the state.
  func commit(_ changes: [StoreChange]) throws(SystemError) {
    isSyncing = false
    try store.commit(changes)
    uncommitted.forget(changes)
  }

  /// Waits for the flush that is under way.
  ///
  /// - Precondition: no other work is.
  private func awaitFlush() throws(SystemError) {
    while isSyncing {
      try each(wait(seconds: nil)) { message throws(SystemError) in
        if message.endsWork { underWay -= 1 }
        if case .synced(let changes) = message { try commit(changes) }
        if case .failed(let error) = message {
          isSyncing = false
          throw error
        }
      }
    }
  }

  /// Writes what is left, here and now.
  func flush() throws(SystemError) {
    try awaitFlush()
    noteHistories()
    let (changes, namesObjects) = batch.take()
    guard !changes.isEmpty else { return }
    if namesObjects, hasNewObjects {
      hasNewObjects = false
      try world.objects.sync()
    }
    try store.commit(changes)
    uncommitted.forget(changes)
  }
}
