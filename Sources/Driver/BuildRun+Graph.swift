import BuildGraph
import Diagnostics
import Engine
import Ports

/// A run over a part of the last build's graph, and what every run leaves for the next. See <doc:PartialBuilds>.
extension BuildRun {
  // MARK: A part

  /// Tells the engine of the part, in place of an evaluation.
  func begin(_ plan: PartialPlan) {
    graph = plan.graph
    known = plan.known
    heard = plan.unheard
    for (id, look) in plan.looks { setLook(look, of: id) }
    listings = plan.listings
    for id in listings.keys { listingTimes[id] = plan.listedAt }
    let header = plan.whole.header
    sink.receive(.planned(steps: header.count(of: .step)))
    if let renewed = plan.renewed {
      for diagnostic in renewed.sayings { say(diagnostic) }
      printed = renewed.printed
    } else if let memory = SnapshotSummary(encoded: header.sayings) {
      for diagnostic in memory.diagnostics(world.fileSystem) { say(diagnostic) }
      printed = memory.printed
    }
    tellPrinted()
    for id in plan.replies.keys.sorted() {
      let reply = plan.replies[id]!
      setRecord(reply.record, of: id)
      remember(reply.news)
    }
    isEvaluated = true
    entries = EntryTable(plan.entries)
    pending.append(.graphExtended(GraphExtension(graph, frames: plan.frames)))
    if !plan.settled.isEmpty { pending.append(.settled(plan.settled)) }
    pending.append(.outputsDeclared(entries))
  }

  /// What was read is checked against what the part was made for: a source of which not all dependents are here must be as it was.
  /// So must be the files of a folder that others read as well; those of them that are here are read again.
  func check(_ reply: SourceReader.Reply, _ plan: PartialPlan) throws(SystemError) {
    let index = Int(reply.id.index)
    switch reply.observation {
    case .failed: restart(.evaluate)
    case .file(let artifact), .folder(let artifact, _):
      let old = plan.expected[index]
      if old == artifact { return }
      // If all begins again, with all that this has shown.
      let shown = SourceReader.changes(in: [reply], since: known)
      heard += shown
      if plan.isAnswer[index] { return restart(.evaluate) }
      var wanted: Set<GraphNode> = old == nil ? [] : [.source(plan.sourceIDs[index])]
      var others: Set<SourceID> = []
      for path in shown {
        for id in try plan.whole.sources(holding: path) {
          if let index = plan.sourceIDs.firstIndex(of: id), record(of: SourceID(index: UInt32(index))) != nil {
            others.insert(SourceID(index: UInt32(index)))
          } else {
            wanted.insert(.source(id))
          }
        }
      }
      others.remove(reply.id)
      readAgain(others.sorted())
      if !wanted.isEmpty { restart(.planAgain(wanted)) }
    }
  }

  func remember(_ news: [(path: Path, observation: Observation)]) {
    for (path, observation) in news where known[path] != observation { note(.setSource(path, observation)) }
  }

  // MARK: The graph for the next build

  /// Saves the graph of a whole evaluation.
  ///
  /// - Returns: its header; nil where there is none that would be of use.
  func saveGraph(wantedSteps: Int) throws(SystemError) -> GraphHeader? {
    let sayings = SnapshotSummary(
      isComplete: true, serial: 0, definition: Digest(high: 0, low: 0), steps: wantedSteps,
      growing: graph.paths(of: graph.growingSources), printed: printed, diagnostics: sayings)
    let recorder = GraphRecorder(graph, outputs: entries, needs: needs)
    guard recorder.isWhole(engine) else { return nil }
    var header: GraphHeader?
    try store.saveGraph(key: options.snapshotKey) { write throws(SystemError) in
      let summary = try recorder.record(&engine, write)
      let new = recorder.header(
        summary, serial: nextSerial, wantedSteps: wantedSteps, programFiles: programFiles, layouts: layouts,
        sayings: sayings.encoded)
      try write(.header, new.encoded)
      header = new
    }
    return header
  }

  /// What became of the nodes of a part, as the whole calls them.
  private func states(of plan: PartialPlan) -> [GraphNode: NodeState] {
    var states: [GraphNode: NodeState] = [:]
    for (index, id) in plan.sourceIDs.enumerated() {
      if let artifact = engine.artifact(of: .source(SourceID(index: UInt32(index)))) {
        states[.source(id)] = .known(artifact)
      }
    }
    for (index, id) in plan.assemblyIDs.enumerated() where plan.affected.contains(.assembly(id)) {
      states[.assembly(id)] = engine.artifact(of: .assembly(AssemblyID(index: UInt32(index)))).map { .known($0) }
    }
    for (index, id) in plan.stepIDs.enumerated() where plan.affected.contains(.step(id)) {
      let state = engine.state(of: StepID(index: UInt32(index)))
      // All of the part is wanted: what the engine never came to is not up to date.
      states[.step(id)] = state == .unwanted ? .stale : state
    }
    return states
  }

  /// Saves the graph of a program of which a part was built.
  ///
  /// - Returns: its header.
  func save(_ renewed: RenewedGraph, _ plan: PartialPlan) throws(SystemError) -> GraphHeader? {
    let states = states(of: plan)
    var header: GraphHeader?
    try store.saveGraph(key: options.snapshotKey) { write throws(SystemError) in
      header = try renewed.save(states, serial: nextSerial, programs: plan.programs, write)
    }
    return header
  }

  /// Notes the new states of a part.
  ///
  /// - Returns: the graph's header; nil where there is none that would be of use.
  func recordStates(_ plan: PartialPlan) -> GraphHeader? {
    guard let persisted = plan.whole as? PersistedGraph else { return nil }
    let states = states(of: plan)
    var stale = Set(persisted.header.staleSteps)
    for case (.step(let id), let state) in states {
      if state == .stale { stale.insert(id) } else { stale.remove(id) }
    }
    var header = persisted.header
    header.serial = nextSerial
    header.staleSteps = stale.sorted()
    header.programs = plan.programs
    guard var pages = try? persisted.pages(settingStates: states) else { return nil }
    pages[.header] = header.encoded
    note(.updateGraph(key: options.snapshotKey, pages: pages))
    savedPages = pages
    return header
  }

  // MARK: The snapshot

  /// Writes down all that must look the same for the next build to have nothing to do, or to know what has to be looked at again.
  func writeSnapshot(_ header: GraphHeader?, isComplete: Bool, steps: Int) {
    let key = options.snapshotKey
    guard let header else { return }
    let changed = plan.map { Set($0.changedSources) }
    guard canSnapshot, let entries = snapshotEntries(of: { changed?.contains($0) ?? true }) else {
      outcome = SavedOutcome()
      try? world.snapshot.remove(key: key)
      return
    }
    published = nil
    let summary = SnapshotSummary(
      isComplete: isComplete, serial: header.serial, definition: header.definition, steps: steps,
      growing: SnapshotSummary(encoded: header.sayings)?.growing ?? [], printed: printed, diagnostics: diagnostics)
    // It only saves time: without it the next build looks everything up.
    guard let plan else {
      outcome = SavedOutcome(summary: summary)
      try? world.snapshot.write(key: key, generation: store.generation, entries: entries, summary: summary.encoded)
      return
    }
    let patch = patch(plan, entries)
    outcome = SavedOutcome(summary: summary, patch: patch)
    if !defersSnapshot {
      try? world.snapshot.patch(key: key, generation: store.generation, patch, summary: summary.encoded)
    }
  }

  private func patch(_ plan: PartialPlan, _ entries: [SnapshotEntry]) -> SnapshotPatch {
    var patch = SnapshotPatch()
    patch.base = basis
    patch.entries = entries
    patch.kept = programFiles.map { SnapshotPlace(root: .source($0.root), path: $0.bytes) }
    for id in plan.changedSources {
      guard case .path(let path) = graph.sources[Int(id.index)].place else { continue }
      let place = SnapshotPlace(root: .source(path.root), path: path.bytes)
      // What other sources have below a folder stays, where this one is about names only.
      if case .folder? = record(of: id) {
        patch.forgotten.append(place)
      } else if listings[id] != nil {
        patch.forgottenFolders.append(place)
      }
    }
    patch.forgotten += plan.entries.map { SnapshotPlace(root: .output, path: $0.path) }
    if let renewed = plan.renewed {
      patch.forgotten += plan.dropped
      patch.forgotten += renewed.removedEntries.map { SnapshotPlace(root: .output, path: $0.path) }
    }
    return patch
  }
}

/// What a run has saved for the next one.
struct SavedOutcome {
  /// As it is in the snapshot; nil where there is none, since it could not cover all.
  var summary: SnapshotSummary?
  /// Of a part: how the snapshot is to be changed.
  var patch: SnapshotPatch?
}
