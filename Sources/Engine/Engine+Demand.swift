package import BuildGraph

/// Demand goes down, keys and artifacts come up. See <doc:Engine>, "Two demands".
extension BuildEngine {
  // MARK: Down

  mutating func demandKey(_ node: NodeID) {
    guard !progress[node].isKeyDemanded else { return }
    progress[node].isKeyDemanded = true
    switch graph.kinds[node.position] {
    case .source(let id): demandSource(id)
    case .literal(let id):
      setKey(Keys.derivation(of: observed.literals[Int(id.index)]), of: node)
    case .step(let step):
      if let settled = progress.settled[step] { return setKey(settled.key, of: node) }
      demandDependencyKeys(of: node)
      // Its key follows from what it makes or reads, so there is no way around resolving it.
      if isBarrier(step) { work.append(.demand(node)) }
    case .manifest, .assembly: demandDependencyKeys(of: node)
    }
  }

  private mutating func demandDependencyKeys(of node: NodeID) {
    var missing: Int32 = 0
    var failure: NodeID?
    for dependency in graph.edges.dependencies(of: node) {
      if !progress[dependency].isKeySpread {
        missing += 1
        if progress[dependency].resolution == .failed { failure = failure ?? dependency }
      }
      work.append(.demandKey(dependency))
    }
    progress[node].missingKeys = missing
    if let failure { return block(node, by: failure) }
    if missing == 0 { computeKey(of: node) }
  }

  mutating func demand(_ node: NodeID) {
    guard !progress[node].isDemanded else { return }
    progress[node].isDemanded = true
    demandKey(node)
    guard progress[node].resolution == .pending else { return }
    switch graph.kinds[node.position] {
    case .source(let id): demandSource(id)
    case .literal(let id): wantedLiterals.append(id)
    case .step(let step):
      guard progress[step].state == .idle else { return }
      if isBarrier(step) {
        demandInputs(of: step)
      } else if progress[node].key != nil {
        lookUpDerivation(of: step)
      }
    case .manifest, .assembly: demandDependencies(of: node)
    }
  }

  private mutating func demandSource(_ id: SourceID) {
    switch observed.sources[Int(id.index)] {
    case .unknown:
      observed.sources[Int(id.index)] = .asked
      wantedObservations.append(id)
    case .asked, .present, .failed: return
    }
  }

  /// A step that resolves before its key is known: one that reads by a depfile, and one that copies.
  func isBarrier(_ step: StepID) -> Bool {
    if progress.settled[step] != nil { return false }
    return graph.steps.isResolvedFirst(at: Int(step.index))
  }

  /// Demands the artifacts of a step's inputs, and goes on when all are there.
  mutating func demandInputs(of step: StepID) {
    transition(step, to: .awaitingInputs)
    demandDependencies(of: graph.stepNodes[Int(step.index)])
  }

  private mutating func demandDependencies(of node: NodeID) {
    var missing: Int32 = 0
    var failure: NodeID?
    for dependency in graph.edges.dependencies(of: node) {
      switch progress[dependency].resolution {
      case .resolved: missing += progress[dependency].isResolutionSpread ? 0 : 1
      case .failed: failure = failure ?? dependency
      case .pending:
        missing += 1
        work.append(.demand(dependency))
      }
    }
    progress[node].isWaiting = true
    progress[node].missing = missing
    if let failure { return block(node, by: failure) }
    if missing == 0 { dependenciesResolved(of: node) }
  }

  // MARK: Up: keys

  private mutating func setKey(_ key: Digest, of node: NodeID) {
    progress[node].key = key
    work.append(.keyKnown(node))
  }

  mutating func spreadKey(of node: NodeID) {
    guard progress[node].key != nil, !progress[node].isKeySpread else { return }
    progress[node].isKeySpread = true
    // Demanded before its key was known: now it can be looked up.
    if case .step(let step) = graph.kinds[node.position], progress[node].isDemanded, !isBarrier(step),
      progress[step].state == .idle
    {
      lookUpDerivation(of: step)
    }
    for dependent in graph.edges.dependents(of: node)
    where progress[dependent].isKeyDemanded && progress[dependent].key == nil && progress[dependent].missingKeys > 0 {
      progress[dependent].missingKeys -= 1
      if progress[dependent].missingKeys == 0 { computeKey(of: dependent) }
    }
  }

  private mutating func computeKey(of node: NodeID) {
    switch graph.kinds[node.position] {
    case .source, .literal: return
    case .step(let step):
      guard !isBarrier(step), let key = plainKey(of: step) else { return }
      // Many keys are computed before the first step is launched.
      graph.forgetPlan(of: step)
      setKey(varied(key), of: node)
    case .manifest(let step, let output):
      setKey(derivationKey(of: .output(step, Int(output))), of: node)
    case .assembly(let id):
      let members = graph.assemblies[Int(id.index)].map { (name: $0.name, key: derivationKey(of: $0.reference)) }
      setKey(Keys.derivation(assembly: members), of: node)
    }
  }

  /// A step's key as those above it see it: another one for each thing that the step was found to make.
  func varied(_ key: Digest) -> Digest {
    progress.variants.isEmpty ? key : progress.variants[key].map { Keys.derivation(variant: $0, of: key) } ?? key
  }

  /// - Precondition: the keys of the nodes behind it are known.
  func derivationKey(of reference: ArtifactReference) -> Digest {
    func key(_ node: NodeID) -> Digest { progress[node].key! }
    switch reference {
    case .source(let id): return key(graph.sourceNodes[Int(id.index)])
    case .output(let step, let output):
      return Keys.derivation(output: output, of: key(graph.stepNodes[Int(step.index)]))
    case .member(let step, let output, let path):
      let folder = Keys.derivation(output: output, of: key(graph.stepNodes[Int(step.index)]))
      return Keys.derivation(member: path, of: folder)
    case .literal(let id): return key(graph.literalNodes[Int(id.index)])
    case .assembly(let id): return key(graph.assemblyNodes[Int(id.index)])
    }
  }

  // MARK: Up: artifacts

  mutating func resolve(_ node: NodeID) {
    progress[node].resolution = .resolved
    progress[node].isWaiting = false
    work.append(.resolved(node))
  }

  mutating func spreadResolution(of node: NodeID) {
    guard progress[node].resolution == .resolved, !progress[node].isResolutionSpread else { return }
    progress[node].isResolutionSpread = true
    if progress[node].key == nil, case .step(let step) = graph.kinds[node.position], isBarrier(step) {
      setKey(Keys.variant(of: progress[step].made.list), of: node)
    }
    answerNeeds(of: node)
    for dependent in graph.edges.dependents(of: node) {
      if progress[dependent].isWaiting, progress[dependent].missing > 0 {
        progress[dependent].missing -= 1
        if progress[dependent].missing == 0 { dependenciesResolved(of: dependent) }
      } else {
        checkDerivation(of: dependent)
      }
    }
  }

  private mutating func dependenciesResolved(of node: NodeID) {
    switch graph.kinds[node.position] {
    case .source, .literal: return
    case .step(let step): inputsResolved(of: step)
    case .manifest(let step, let output):
      guard let artifact = artifact(of: .output(step, Int(output))) else { return failNode(node) }
      if observed.manifests[artifact.digest] != nil { return resolve(node) }
      effects.append(.loadManifest(step, output: Int(output), artifact))
    case .assembly(let id): assemble(id)
    }
  }

  private mutating func assemble(_ id: AssemblyID) {
    let node = graph.assemblyNodes[Int(id.index)]
    var entries: [FolderManifest.Entry] = []
    for member in graph.assemblies[Int(id.index)] {
      guard let artifact = artifact(of: member.reference) else { return failNode(node) }
      switch artifact.kind {
      case .file: entries.append(FolderManifest.Entry(path: member.name, content: .file(artifact)))
      case .folder:
        guard let manifest = observed.manifests[artifact.digest] else { return failNode(node) }
        if manifest.entries.isEmpty { entries.append(FolderManifest.Entry(path: member.name, content: .emptyFolder)) }
        for entry in manifest.entries {
          entries.append(FolderManifest.Entry(path: member.name + "/" + entry.path, content: entry.content))
        }
      }
    }
    let manifest = FolderManifest(entries: entries.sorted { $0.path < $1.path })
    let artifact = manifest.artifact
    observed.manifests[artifact.digest] = manifest
    observed.assemblies[Int(id.index)] = artifact
    resolve(node)
  }

  // MARK: Up: failure

  mutating func failNode(_ node: NodeID) {
    guard progress[node].resolution != .failed else { return }
    progress[node].resolution = .failed
    progress[node].isWaiting = false
    work.append(.failed(node))
  }

  /// A dependency cannot be had, or in a dry run not be known.
  private mutating func block(_ node: NodeID, by cause: NodeID) {
    guard progress[node].resolution != .failed else { return }
    progress[node].isForeseen = progress[cause].isForeseen
    guard case .step(let step) = graph.kinds[node.position] else { return failNode(node) }
    if progress[cause].isForeseen {
      foresee(step, after: cause)
    } else {
      transition(step, to: .blocked)
    }
  }

  mutating func spreadFailure(of node: NodeID) {
    answerNeeds(of: node)
    for dependent in graph.edges.dependents(of: node) where progress[dependent].resolution == .pending {
      let lacksKey = progress[dependent].isKeyDemanded && progress[dependent].key == nil && progress[node].key == nil
      if progress[dependent].isWaiting || lacksKey { block(dependent, by: node) }
    }
  }

  // MARK: Queries

  /// What a reference is, once its node is resolved; nil where a folder does not hold the member.
  ///
  /// - Complexity: O(log entries) for members.
  package func artifact(of reference: ArtifactReference) -> Artifact? {
    switch reference {
    case .source(let id):
      guard case .present(let artifact) = observed.sources[Int(id.index)] else { return nil }
      return artifact
    case .output(let step, let output):
      guard progress[step].state == .done else { return nil }
      return progress[step].made[output]
    case .member(let step, let output, let path):
      guard let folder = artifact(of: .output(step, output)), let manifest = observed.manifests[folder.digest],
        let content = manifest.content(at: path), case .file(let artifact) = content
      else { return nil }
      return artifact
    case .literal(let id):
      guard progress[graph.literalNodes[Int(id.index)]].resolution == .resolved else { return nil }
      return observed.literals[Int(id.index)]
    case .assembly(let id): return observed.assemblies[Int(id.index)]
    }
  }

  /// What a folder holds, once its manifest node is resolved.
  package func manifest(of folder: Artifact) -> FolderManifest? { observed.manifests[folder.digest] }
}

extension FolderManifest {
  /// What lies at a path.
  ///
  /// - Complexity: O(log entries).
  package func content(at path: ByteString) -> Content? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].path < path { low = middle + 1 } else { high = middle }
    }
    guard low < entries.count, entries[low].path == path else { return nil }
    return entries[low].content
  }
}
