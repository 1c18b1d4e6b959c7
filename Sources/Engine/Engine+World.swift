package import BuildGraph

/// What was seen of the world, and what an evaluation asks about it.
extension BuildEngine {
  // MARK: Sources

  mutating func observe(_ id: SourceID, _ observation: SourceObservation) {
    let node = graph.sourceNodes[Int(id.index)]
    switch observation {
    case .file(let artifact): present(id, artifact, node)
    case .folder(let artifact, let manifest):
      observed.manifests[artifact.digest] = manifest
      present(id, artifact, node)
    case .failed(let message):
      observed.sources[Int(id.index)] = .failed(message)
      report(id, message)
      failNode(node)
    }
  }

  private mutating func present(_ id: SourceID, _ artifact: Artifact, _ node: NodeID) {
    observed.sources[Int(id.index)] = .present(artifact)
    progress[node].key = Keys.derivation(of: artifact)
    work.append(.keyKnown(node))
    resolve(node)
  }

  private mutating func report(_ id: SourceID, _ message: String) {
    // An evaluation that asked for it says so itself, at the place that asked.
    let node = graph.sourceNodes[Int(id.index)]
    guard progress.needs[node] == nil, progress.reportedSources.insert(id).inserted else { return }
    progress.failedSteps += 1
    effects.append(.sourceFailed(id, message: message))
  }

  /// Another digest for a source in the middle of a run: all that was made of the old one goes.
  mutating func replace(_ id: SourceID, by observation: SourceObservation) {
    invalidate([graph.sourceNodes[Int(id.index)]], replacing: (id, observation))
  }

  mutating func stored(_ id: LiteralID, failure: String?) {
    let node = graph.literalNodes[Int(id.index)]
    if failure == nil { resolve(node) } else { failNode(node) }
  }

  mutating func loaded(_ step: StepID, output: Int, _ folder: Artifact, _ manifest: FolderManifest?) {
    growNodesForManifest(step, output)
    let node = graph.manifestNode(of: .output(step, output))
    growNodes()
    if let manifest { observed.manifests[folder.digest] = manifest }
    // The step was begun anew while its folder was read: what it makes now is asked for when it is there.
    guard artifact(of: .output(step, output)) == folder, progress[node].resolution == .pending else { return }
    if manifest == nil { failNode(node) } else { resolve(node) }
  }

  private mutating func growNodesForManifest(_ step: StepID, _ output: Int) {
    _ = graph.manifestNode(of: .output(step, output))
    growNodes()
  }

  // MARK: Needs

  mutating func take(_ need: Need) {
    switch need {
    case .presence(let id):
      switch observed.sources[Int(id.index)] {
      case .present: effects.append(.answer(need, .present))
      case .failed(let message): effects.append(.answer(need, .failed(message: message, isReported: false)))
      case .unknown, .asked:
        if progress.looks[id, default: []].insert(.presence).inserted { wantedLooks.append(id) }
      }
    case .listing(.source(let id)):
      if progress.looks[id, default: []].insert(.listing).inserted { wantedLists.append(id) }
    case .listing(let reference): wait(for: need, at: graph.manifestNode(of: reference))
    case .artifact(let reference), .text(let reference): wait(for: need, at: graph.node(of: reference))
    }
  }

  private mutating func wait(for need: Need, at node: NodeID) {
    growNodes()
    progress.needs[node, default: []].append(need)
    work.append(.demand(node))
    if progress[node].resolution != .pending { answerNeeds(of: node) }
  }

  mutating func looked(at id: SourceID, failure: String?) {
    guard settle(.presence, at: id) else { return }
    effects.append(.answer(.presence(id), failure.map { .failed(message: $0, isReported: false) } ?? .present))
  }

  mutating func listed(_ id: SourceID, paths: [ByteString]?, failure: String) {
    guard settle(.listing, at: id) else { return }
    let answer = paths.map { Answer.listing($0) } ?? .failed(message: failure, isReported: false)
    effects.append(.answer(.listing(.source(id)), answer))
  }

  /// Whether something was asked; it is no more.
  private mutating func settle(_ question: SourceQuestions, at id: SourceID) -> Bool {
    guard var asked = progress.looks[id], asked.remove(question) != nil else { return false }
    progress.looks[id] = asked.isEmpty ? nil : asked
    return true
  }

  mutating func answerNeeds(of node: NodeID) {
    guard let needs = progress.needs[node] else { return }
    guard progress[node].resolution != .failed else { return refuse(needs, at: node) }
    progress.needs[node] = nil
    progress[node].isAnswered = true
    for need in needs {
      switch need {
      case .presence: continue
      case .artifact(let reference):
        effects.append(.answer(need, artifact(of: reference).map { .artifact($0) } ?? noMember(reference)))
      case .text(let reference):
        if artifact(of: reference) != nil, let origin = origin(of: reference) {
          effects.append(.answerText(need, origin))
        } else {
          effects.append(.answer(need, noMember(reference)))
        }
      case .listing(let reference):
        let manifest = artifact(of: reference).flatMap { observed.manifests[$0.digest] }
        let answer = manifest.map { Answer.listing($0.files) } ?? noMember(reference)
        effects.append(.answer(need, answer))
      }
    }
  }

  private mutating func refuse(_ needs: [Need], at node: NodeID) {
    progress.needs[node] = nil
    var message = "a step that it depends on failed"
    var isReported = true
    if case .source(let id) = graph.kinds[node.position], case .failed(let why) = observed.sources[Int(id.index)] {
      message = why
      isReported = progress.reportedSources.contains(id)
    }
    for need in needs { effects.append(.answer(need, .failed(message: message, isReported: isReported))) }
  }

  private func noMember(_ reference: ArtifactReference) -> Answer {
    guard case .member(_, _, let path) = reference else {
      return .failed(message: "it cannot be read", isReported: false)
    }
    return .failed(message: "the folder holds no file '\(path.display)'", isReported: false)
  }

  mutating func declare(_ entries: EntryTable) {
    // An evaluation that declares its outputs is done.
    graph.complete()
    progress.outputs = entries
    for entry in entries {
      let node = entry.kind == .folder ? graph.manifestNode(of: entry.reference) : graph.node(of: entry.reference)
      growNodes()
      work.append(.demand(node))
    }
  }

  // MARK: Second thoughts

  /// Forgets what was concluded from some nodes, and concludes it again.
  ///
  /// - Complexity: O(all that depends on them). Rare: a source changed in the middle of a run.
  mutating func invalidate(_ roots: [NodeID], replacing: (SourceID, SourceObservation)? = nil) {
    // The root of a void derivation keeps its key; its entry is what was wrong.
    beginAnew(roots + nodes(above: roots), keepingKeysOf: replacing == nil ? roots : [])
    if let (id, observation) = replacing {
      // Nothing has to be asked for: it is known what lies there now.
      observed.sources[Int(id.index)] = .asked
      observe(id, observation)
    }
  }

  /// The same of all that rests on a node, and not of the node: its key is another now.
  mutating func beginAnew(above node: NodeID) { beginAnew(nodes(above: [node]), keepingKeysOf: []) }

  private func nodes(above roots: [NodeID]) -> [NodeID] {
    var found: [NodeID] = []
    var seen = Set(roots)
    var queue = roots
    while let node = queue.popLast() {
      for dependent in graph.edges.dependents(of: node) where seen.insert(dependent).inserted {
        found.append(dependent)
        queue.append(dependent)
      }
    }
    return found
  }

  private mutating func beginAnew(_ nodes: [NodeID], keepingKeysOf roots: [NodeID]) {
    let affected = nodes.sorted()
    for node in affected { if case .step(let step) = graph.kinds[node.position] { recallTrace(of: step) } }
    var demanded: [NodeID] = []
    var keyDemanded: [NodeID] = []
    for node in affected {
      if progress[node].isAnswered { effects.append(.restart) }
      if progress[node].isDemanded {
        demanded.append(node)
      } else if progress[node].isKeyDemanded {
        keyDemanded.append(node)
      }
      reset(node, keepsKey: roots.contains(node))
    }
    // What the old counts still had to follow up is void: the counts begin anew.
    let seen = Set(affected)
    work.removeAll { item in
      switch item {
      case .keyKnown(let node), .resolved(let node): return seen.contains(node)
      case .demandKey, .demand, .failed: return false
      }
    }
    for node in keyDemanded { work.append(.demandKey(node)) }
    for node in demanded { work.append(.demand(node)) }
  }

  private mutating func reset(_ node: NodeID, keepsKey: Bool) {
    let old = progress[node]
    var new = NodeProgress()
    if keepsKey {
      new.key = old.key
      new.isKeyDemanded = old.isKeyDemanded
      new.isKeySpread = old.isKeySpread
    }
    progress[node] = new
    switch graph.kinds[node.position] {
    case .source, .literal, .manifest: return
    case .assembly(let id): observed.assemblies[Int(id.index)] = nil
    case .step(let step): reset(step, node)
    }
  }

  private mutating func reset(_ step: StepID, _ node: NodeID) {
    switch progress[step].state {
    case .running:
      effects.append(.cancel(step))
      progress[step].state = .runningStale
      return
    case .exporting:
      progress[step].state = .exportingStale
      return
    case .runningStale, .exportingStale: return
    case .queued:
      effects.append(.withdraw(step))
      progress[step].attempts -= 1
    case .failed: progress.failedSteps -= 1
    case .idle, .lookingUpDerivation, .awaitingInputs, .lookingUpReadSets, .lookingUpResult, .done,
      .blocked, .cancelled, .wouldRun:
      break
    }
    progress[step].state = .idle
    progress[step].contentKey = nil
    progress[step].made = MadeArtifacts()
    progress[step].derivedFrom = nil
  }

  /// Begins a step anew whose run was cancelled because of an input that has been replaced meanwhile.
  mutating func restartDemand(of step: StepID) {
    let node = graph.stepNodes[Int(step.index)]
    progress[step].contentKey = nil
    progress[step].made = MadeArtifacts()
    progress[step].derivedFrom = nil
    progress[node].isDemanded = false
    work.append(.demand(node))
  }
}

extension FolderManifest {
  /// The paths of the files, ascending.
  package var files: [ByteString] {
    entries.compactMap { entry in
      if case .emptyFolder = entry.content { return nil }
      return entry.path
    }
  }
}
