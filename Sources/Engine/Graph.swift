import BuildGraph

/// Index of a node: a source, a step, a literal, an assembly, or the manifest of a folder that a step makes.
struct NodeID: Hashable, Comparable {
  let index: UInt32
  init(_ index: Int) { self.index = UInt32(index) }
  var position: Int { Int(index) }
  static func < (a: Self, b: Self) -> Bool { a.index < b.index }
}

/// What the program says, as the engine needs it: one table of nodes with their edges both ways. Grows, and never changes.
struct Graph {
  enum Kind: Hashable {
    case source(SourceID)
    case step(StepID)
    /// What lies in the n-th output of a step, a folder.
    case manifest(StepID, UInt32)
    case literal(LiteralID)
    case assembly(AssemblyID)
  }

  private struct FolderOutput: Hashable {
    let step: StepID
    let output: Int
  }

  /// What running a step takes beyond its exec; computed when it is first wanted.
  struct Plan {
    var staging: Staging
    var command: CommandKey
  }

  private(set) var kinds: [Kind] = []
  private(set) var edges = EdgeTable()

  private(set) var sources = SourceTable()
  private(set) var steps = StepTable()
  private(set) var literals = Chunked<ByteString>()
  private(set) var assemblies = Chunked<[FlowGraph.Member]>()

  private(set) var sourceNodes: [NodeID] = []
  private(set) var stepNodes: [NodeID] = []
  private(set) var literalNodes: [NodeID] = []
  private(set) var assemblyNodes: [NodeID] = []
  private var manifestNodes: [FolderOutput: NodeID] = [:]

  /// The name that a step keeps while its command and the contents of its inputs change.
  private(set) var identities: [Digest] = []
  private var identityCounts: [Digest: Int] = [:]
  /// Of the steps that somebody is at work on.
  private var plans: [StepID: Plan] = [:]
  private var labels = Labels()
  /// What each step is expected to take.
  private var seconds: [Double] = []
  /// The longest chain of steps from each step to an end of the graph, itself included, in seconds.
  private(set) var ranks: [Double] = []

  var nodeCount: Int { kinds.count }

  private mutating func addNode(_ kind: Kind) -> NodeID {
    let id = NodeID(kinds.count)
    kinds.append(kind)
    edges.addNode()
    return id
  }

  /// - Complexity: O(what is new), but for the ranks, which are O(steps and edges).
  mutating func extend(by more: GraphExtension) {
    let firstStep = steps.count
    let firstAssembly = assemblies.count
    (sources, literals, steps, assemblies) = (more.sources, more.literals, more.steps, more.assemblies)
    let added = sources.count + literals.count + steps.count + assemblies.count - kinds.count
    kinds.makeRoom(forMore: added)
    edges.makeRoom(forMoreNodes: added)
    identities.makeRoom(forMore: steps.count - firstStep)
    seconds.makeRoom(forMore: steps.count - firstStep)
    for index in sourceNodes.count..<sources.count {
      sourceNodes.append(addNode(.source(SourceID(index: UInt32(index)))))
    }
    for index in literalNodes.count..<literals.count {
      literalNodes.append(addNode(.literal(LiteralID(index: UInt32(index)))))
    }
    for index in firstStep..<steps.count {
      stepNodes.append(addNode(.step(StepID(index: UInt32(index)))))
      seconds.append(more.seconds.map { max($0[index - firstStep], 1e-3) } ?? 1)
    }
    if let frames = more.frames {
      labels.extend(by: frames.map(\.label))
      identities += frames.map(\.identity)
      ranks += frames.map(\.rank)
    } else {
      labels.extend(by: steps[firstStep...], sources: sources)
    }
    for index in firstAssembly..<assemblies.count {
      assemblyNodes.append(addNode(.assembly(AssemblyID(index: UInt32(index)))))
    }
    for index in firstAssembly..<assemblies.count {
      connect(assemblyNodes[index], to: assemblies[index].map(\.reference))
    }
    for index in firstStep..<steps.count {
      switch steps[index].work {
      case .exec(let exec):
        // A step with a depfile reads a part of its folders, so it needs to know what lies in them.
        let narrows = exec.depfile != nil
        connect(stepNodes[index], to: exec.inputs.map(\.reference)) { position, _ in
          narrows && exec.inputs[position].kind == .folder
        }
      case .copy(let reference, _, _): connect(stepNodes[index], to: [reference])
      case .table(let table): connect(stepNodes[index], to: table.inputs.map(\.reference))
      }
      if more.frames == nil { identities.append(identity(of: index)) }
    }
    if firstStep < steps.count, more.frames == nil { computeRanks() }
  }

  private mutating func connect(
    _ node: NodeID, to references: [ArtifactReference],
    needsManifest: (Int, ArtifactReference) -> Bool = { _, _ in false }
  ) {
    var nodes: [NodeID] = []
    var seen: Set<NodeID> = []
    for (position, reference) in references.enumerated() {
      let target = needsManifest(position, reference) ? manifestNode(of: reference) : self.node(of: reference)
      // Sharing is common between two inputs and rare among many, so the set is made only where it pays.
      if references.count <= 8 ? nodes.contains(target) : !seen.insert(target).inserted { continue }
      nodes.append(target)
    }
    edges.connect(node, to: nodes)
  }

  /// The node whose being resolved makes a reference an artifact.
  mutating func node(of reference: ArtifactReference) -> NodeID {
    switch reference {
    case .source(let id): return sourceNodes[Int(id.index)]
    case .output(let step, _): return stepNodes[Int(step.index)]
    case .member(let step, let output, _): return manifestNode(step, output)
    case .literal(let id): return literalNodes[Int(id.index)]
    case .assembly(let id): return assemblyNodes[Int(id.index)]
    }
  }

  /// The node whose being resolved makes the contents of a folder known.
  mutating func manifestNode(of reference: ArtifactReference) -> NodeID {
    guard case .output(let step, let output) = reference else { return node(of: reference) }
    return manifestNode(step, output)
  }

  private mutating func manifestNode(_ step: StepID, _ output: Int) -> NodeID {
    if case .copy(let reference, _, _) = steps[Int(step.index)].work, case .output = reference {
      // What a copy yields is what it copies; but it has to be made first, so the copy is waited for as well.
      let inner = manifestNode(of: reference)
      return manifestNode(step, output, waitingFor: [stepNodes[Int(step.index)], inner])
    }
    return manifestNode(step, output, waitingFor: [stepNodes[Int(step.index)]])
  }

  private mutating func manifestNode(_ step: StepID, _ output: Int, waitingFor nodes: [NodeID]) -> NodeID {
    let key = FolderOutput(step: step, output: output)
    if let node = manifestNodes[key] { return node }
    let node = addNode(.manifest(step, UInt32(output)))
    manifestNodes[key] = node
    edges.connect(node, to: nodes)
    return node
  }

  /// What a file or folder is called where it is staged.
  func baseName(of reference: ArtifactReference) -> ByteString {
    switch reference {
    case .source(let id):
      switch sources[Int(id.index)].place {
      case .path(let path): return path.baseName
      case .unmapped(let url): return Path(url).baseName
      }
    case .output(let step, let output):
      switch steps[Int(step.index)].work {
      case .exec(let exec): return ByteString(exec.outputs[output].label)
      case .table(let table): return ByteString(table.form.label)
      case .copy(_, _, .path(let path)): return path.baseName
      case .copy(_, _, .unmapped(let url)): return Path(url).baseName
      }
    case .member(_, _, let path): return Path(path).baseName
    case .literal: return "literal"
    case .assembly: return "folder"
    }
  }

  mutating func plan(of step: StepID, exec: Exec) -> Plan {
    if let plan = plans[step] { return plan }
    let staging = Staging(exec) { baseName(of: $0) }
    var command = CommandKey(exec, staging: staging)
    if case .table(let table) = steps[Int(step.index)].work { command = CommandKey(table) }
    let plan = Plan(staging: staging, command: command)
    plans[step] = plan
    return plan
  }

  /// Makes room: a plan is large, and computed again where it is wanted again.
  mutating func forgetPlan(of step: StepID) { plans[step] = nil }

  /// Forgets what adding to the graph takes.
  mutating func complete() {
    sources.complete()
    steps.complete()
    identityCounts = [:]
    labels.complete()
  }

  /// What people call a step.
  mutating func label(of step: StepID) -> String { labels.label(of: step, named: steps[Int(step.index)].name, sources) }

  /// What the only step of its name is known again by when it reads others than it did; nil where several have its name.
  func nameIdentity(of step: StepID) -> Digest? {
    let found = steps[Int(step.index)]
    guard labels.isAlone(step, named: found.name) else { return nil }
    var manifest = DigestManifest()
    manifest.write(.name, found.name)
    switch found.work {
    case .exec(let exec): for output in exec.outputs { manifest.write(.label, output.label) }
    case .table(let table): manifest.write(.label, table.form.label)
    // It has a place that tells it from others.
    case .copy: return nil
    }
    // No output is called so.
    manifest.write(.label, "the only one")
    return manifest.finish()
  }

  private mutating func identity(of index: Int) -> Digest {
    let step = steps[index]
    var manifest = DigestManifest()
    manifest.write(.name, step.name)
    switch step.work {
    case .exec(let exec):
      for output in exec.outputs { manifest.write(.label, output.label) }
      for input in exec.inputs { write(input.reference, to: &manifest) }
    case .table(let table):
      manifest.write(.label, table.form.label)
      for input in table.inputs { write(input.reference, to: &manifest) }
    case .copy(let reference, _, let place):
      write(reference, to: &manifest)
      write(place, to: &manifest)
    }
    let bare = manifest.finish()
    let count = identityCounts[bare, default: 0]
    identityCounts[bare] = count + 1
    guard count > 0 else { return bare }
    manifest.write(.identity, bare)
    manifest.write(.ordinal, count)
    return manifest.finish()
  }

  private func write(_ reference: ArtifactReference, to manifest: inout DigestManifest) {
    switch reference {
    case .source(let id): write(sources[Int(id.index)].place, to: &manifest)
    case .output(let step, let output):
      manifest.write(.identity, identities[Int(step.index)])
      manifest.write(.output, output)
    case .member(let step, let output, let path):
      manifest.write(.identity, identities[Int(step.index)])
      manifest.write(.output, output)
      manifest.write(.member, path)
    case .literal: manifest.write(.literal, 0)
    case .assembly(let id):
      // Names are enough to tell folders apart; a clash only costs a less exact reason.
      for member in assemblies[Int(id.index)] { manifest.write(.assembly, member.name) }
    }
  }

  private func write(_ place: Source.Place, to manifest: inout DigestManifest) {
    switch place {
    case .path(let path):
      manifest.write(.source, Int(path.root.index))
      manifest.write(.path, path.bytes)
    case .unmapped(let url): manifest.write(.source, url)
    }
  }

  private mutating func computeRanks() {
    var chains = [Double](repeating: 0, count: kinds.count)
    ranks = [Double](repeating: 0, count: steps.count)
    // Nodes are not in topological order across kinds (a manifest may follow the step that reads it), steps are: go down
    // by steps, and pass what lies between them by following edges through it.
    for index in steps.indices.reversed() {
      let node = stepNodes[index]
      chains[node.position] += seconds[index]
      ranks[index] = chains[node.position]
      var reached = Array(edges.dependencies(of: node))
      while let next = reached.popLast() {
        guard chains[next.position] < ranks[index] else { continue }
        chains[next.position] = ranks[index]
        switch kinds[next.position] {
        case .step, .source, .literal: continue
        case .manifest, .assembly: reached += edges.dependencies(of: next)
        }
      }
    }
  }
}
