import BuildGraph

/// Decides what is stale and what to do next. Events in, effects out; nothing else.
///
/// What the program says (``Graph``), what was seen of the world (``Observed``) and how far this run has come
/// (``Progress``) are three values. See <doc:Engine> for the way of a step through its states.
package struct BuildEngine: ~Copyable {
  package struct Options: Hashable, Sendable {
    package var keepsGoing: Bool
    /// Only results made in the sandbox count.
    package var isStrict: Bool
    package var isDryRun: Bool
    /// How often a step is run again because a source changed while it ran.
    package var rerunLimit: Int

    package init(
      keepsGoing: Bool = false, isStrict: Bool = false, isDryRun: Bool = false, rerunLimit: Int = 3
    ) {
      self.keepsGoing = keepsGoing
      self.isStrict = isStrict
      self.isDryRun = isDryRun
      self.rerunLimit = rerunLimit
    }
  }

  /// What remains to be followed up inside one `handle`: a queue and not a recursion, since graphs are deep.
  enum Work {
    case demandKey(NodeID)
    case demand(NodeID)
    case keyKnown(NodeID)
    case resolved(NodeID)
    case failed(NodeID)
  }

  let options: Options
  var graph = Graph()
  var observed = Observed()
  var progress = Progress()

  var work: [Work] = []
  var effects: [Effect] = []
  var wantedLooks: [SourceID] = []
  var wantedLists: [SourceID] = []
  var wantedObservations: [SourceID] = []
  var wantedLiterals: [LiteralID] = []
  var wantedDerivations: [DerivationLookup] = []
  var wantedResults: [ResultLookup] = []

  /// Queues that were once longer give their room back.
  private static let keptCapacity = 1_000

  package init(options: Options = Options()) { self.options = options }

  /// Takes note of what happened and says what to do about it.
  ///
  /// - Complexity: amortised O(nodes and edges) over a run, however many events it takes.
  package mutating func handle(_ event: consuming Event) -> [Effect] {
    take(event)
    followUp()
    return flush()
  }

  private mutating func take(_ event: consuming Event) {
    switch event {
    case .graphExtended(let more): extend(by: more)
    case .settled(let steps): for step in steps { progress.settled[step.step] = step }
    case .variantsKnown(let variants): progress.variants.merge(variants) { _, new in new }
    case .needed(let needs): for need in needs { take(need) }
    case .outputsDeclared(let entries): declare(entries)
    case .sourceLooked(let id, let failure): looked(at: id, failure: failure)
    case .sourceListed(let id, let paths, let failure): listed(id, paths: paths, failure: failure)
    case .sourceObserved(let id, let observation): observe(id, observation)
    case .sourceReplaced(let id, let observation): replace(id, by: observation)
    case .literalStored(let id, let failure): stored(id, failure: failure)
    case .manifestLoaded(let step, let output, let folder, let manifest): loaded(step, output: output, folder, manifest)
    case .derivationsFound(let answers): for answer in answers { found(answer) }
    case .readSetsFound(let step, let key, let sets): found(step, key: key, readSets: sets)
    case .resultsFound(let answers): for answer in answers { found(answer) }
    case .launched(let step): if progress[step].state == .queued { transition(step, to: .running) }
    case .unplaceable(let step, let message): refuseIfNeeded(step, message)
    case .runEnded(let step, let report): ended(step, report)
    case .exported(let step, let ending): exported(step, ending)
    case .stopped: stop()
    case .interrupted: interrupt()
    }
  }

  private mutating func extend(by more: GraphExtension) {
    graph.extend(by: more)
    observed.sources += repeatElement(.unknown, count: graph.sources.count - observed.sources.count)
    for literal in graph.literals[observed.literals.count...] {
      observed.literals.append(Artifact(digest: Digest(hashing: literal.bytes), size: Int64(literal.count)))
    }
    observed.assemblies += repeatElement(nil, count: graph.assemblies.count - observed.assemblies.count)
    progress.steps += repeatElement(StepProgress(), count: graph.steps.count - progress.steps.count)
    growNodes()
  }

  /// Gives progress to nodes that the graph made since.
  mutating func growNodes() {
    if progress.nodes.count < graph.nodeCount {
      progress.nodes += repeatElement(NodeProgress(), count: graph.nodeCount - progress.nodes.count)
    }
  }

  private mutating func followUp() {
    var next = 0
    while next < work.count {
      let item = work[next]
      next += 1
      switch item {
      case .demandKey(let node): demandKey(node)
      case .demand(let node): demand(node)
      case .keyKnown(let node): spreadKey(of: node)
      case .resolved(let node): spreadResolution(of: node)
      case .failed(let node): spreadFailure(of: node)
      }
    }
    work.removeAll(keepingCapacity: work.count < Self.keptCapacity)
  }

  private mutating func flush() -> [Effect] {
    func taken<Element>(_ list: inout [Element]) -> [Element] {
      defer { list = [] }
      return list
    }
    if !wantedLooks.isEmpty { effects.append(.look(taken(&wantedLooks))) }
    if !wantedLists.isEmpty { effects.append(.list(taken(&wantedLists))) }
    if !wantedObservations.isEmpty { effects.append(.observe(taken(&wantedObservations))) }
    if !wantedLiterals.isEmpty { effects.append(.storeLiterals(taken(&wantedLiterals))) }
    if !wantedDerivations.isEmpty { effects.append(.lookUpDerivations(taken(&wantedDerivations))) }
    if !wantedResults.isEmpty { effects.append(.lookUpResults(taken(&wantedResults))) }
    return taken(&effects)
  }

  /// Changes what a step is doing, and all that follows from it.
  mutating func transition(_ step: StepID, to state: StepState) {
    let node = graph.stepNodes[Int(step.index)]
    progress[step].state = state
    progress[node].isWaiting = state == .awaitingInputs
    switch state {
    case .done:
      graph.forgetPlan(of: step)
      forgetTrace(of: step)
      progress[node].resolution = .resolved
      work.append(.resolved(node))
    case .failed:
      progress.failedSteps += 1
      progress[node].resolution = .failed
      work.append(.failed(node))
      if !options.keepsGoing { stop() }
    case .blocked, .cancelled, .wouldRun:
      progress[node].resolution = .failed
      progress[node].isForeseen = state == .wouldRun
      work.append(.failed(node))
    case .idle, .lookingUpDerivation, .awaitingInputs, .lookingUpReadSets, .lookingUpResult, .queued, .running,
      .runningStale, .exporting, .exportingStale:
      progress[node].resolution = .pending
    }
  }

  /// Launches nothing more; what runs goes on.
  private mutating func stop() {
    guard !progress.hasStopped else { return }
    progress.hasStopped = true
    for index in progress.steps.indices where progress.steps[index].state == .queued {
      let step = StepID(index: UInt32(index))
      effects.append(.withdraw(step))
      transition(step, to: .cancelled)
    }
  }

  private mutating func interrupt() {
    progress.isInterrupted = true
    stop()
    for index in progress.steps.indices {
      switch progress.steps[index].state {
      case .running, .runningStale: effects.append(.cancel(StepID(index: UInt32(index))))
      case .idle, .lookingUpDerivation, .awaitingInputs, .lookingUpReadSets, .lookingUpResult, .queued, .exporting,
        .exportingStale,
        .done, .failed, .blocked, .cancelled, .wouldRun:
        continue
      }
    }
  }
}

extension Progress {
  subscript(_ step: StepID) -> StepProgress {
    get { steps[Int(step.index)] }
    _modify { yield &steps[Int(step.index)] }
  }

  subscript(_ node: NodeID) -> NodeProgress {
    get { nodes[node.position] }
    _modify { yield &nodes[node.position] }
  }
}
