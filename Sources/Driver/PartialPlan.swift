import BuildGraph
import Diagnostics
import Engine
import Ports

/// The part of a persisted graph that a build has to look at again: what rests on what has changed, and what that reads. See
/// <doc:PartialBuilds>.
struct PartialPlan {
  /// The whole that it is a part of.
  var whole: any PlannedGraph
  var graph: FlowGraph
  var frames: [StepFrame]
  var settled: [SettledStep]
  /// The output entries to bring up to date.
  var entries: [OutputEntry]
  /// What nodes of the part are called in the whole, by their index in the part.
  var sourceIDs: [SourceID]
  var stepIDs: [StepID]
  var assemblyIDs: [AssemblyID]
  /// Nodes of the whole whose states may be others afterwards.
  var affected: Set<GraphNode>
  /// By index in the part: what a source held, where all that rests on it is not in the part.
  var expected: [Artifact?]
  /// By index in the part: whether the evaluation was answered from what the source holds.
  var isAnswer: [Bool]
  /// What has been read already, by index in the part.
  var replies: [SourceID: SourceReader.Reply]
  /// Looks and listings of sources of which nobody needs to know the content.
  var looks: [SourceID: Look]
  var listings: [SourceID: FolderListing]
  var listedAt: Int64
  /// Observations of what the part reads, as the state has them.
  var known: [Path: Observation]
  /// Files that were seen to have changed in the folders that hold them, and of which nobody had told. Once the state has the
  /// observations it tells of them no more.
  var unheard: [Path]
  /// The sources whose places differ from the snapshot, or are not in it, by index in the part.
  var changedSources: [SourceID]
  /// The program's files as they are now.
  var programs: [PlacedProgram]
  /// Those of them that were compared.
  var relaid: [Path]
  /// What the snapshot looks at for the last time.
  var dropped: [SnapshotPlace] = []

  /// The program as it was just evaluated; nil where the graph is that of the last build.
  var renewed: RenewedGraph? { whole as? RenewedGraph }
}

/// Finds the part of a graph that a change concerns.
struct PartialPlanner {
  let graph: any PlannedGraph
  let store: any Store
  let fileSystem: any FileSystem
  /// Nanoseconds since 1970, before anything was looked at.
  let now: Int64

  private var definitions: [GraphNode: NodeDefinition] = [:]
  private var known: [Path: Observation] = [:]
  private var replies: [SourceID: SourceReader.Reply] = [:]
  private var looks: [SourceID: Look] = [:]
  private var listings: [SourceID: FolderListing] = [:]
  private var programs: [PlacedProgram]
  private var relaid: [Path] = []
  private var unheard: [Path] = []
  private var dropped: [SnapshotPlace] = []

  init(graph: any PlannedGraph, store: any Store, fileSystem: any FileSystem, now: Int64) {
    self.graph = graph
    self.store = store
    self.fileSystem = fileSystem
    self.now = now
    programs = graph.header.programs
  }

  private mutating func definition(of node: GraphNode) throws(SystemError) -> NodeDefinition {
    if let known = definitions[node] { return known }
    let definition = try graph.definition(of: node)
    definitions[node] = definition
    return definition
  }

  /// - Parameter more: Nodes that must be looked at although nothing they read has changed: what they made is gone.
  /// - Returns: nil where the program has to be evaluated: a file of it has changed, or something that the evaluation was told.
  /// - Throws: `damaged`.
  mutating func plan(_ changes: ChangedPaths, more: Set<GraphNode>) throws(SystemError) -> PartialPlan? {
    // What a crash has left is finished by looking at everything.
    guard try store.intents().isEmpty else { return nil }
    let programFiles = Set(graph.header.programFiles)
    var changed: Set<SourceID> = []
    for path in changes.sources {
      let isProgram = programFiles.contains(path)
      if isProgram, !graph.isEvaluated, !saysTheSame(path) { return nil }
      let sources = try graph.sources(holding: path)
      if sources.isEmpty, !isProgram {
        guard graph.isEvaluated else { return nil }
        dropped.append(SnapshotPlace(root: .source(path.root), path: path.bytes))
      }
      changed.formUnion(sources)
    }
    for case .source(let id) in graph.fresh { changed.insert(id) }
    // Whoever has evaluated the program knows of what is behind tables whether it only grows, and reads less of it.
    if !graph.isEvaluated, try restsATable(on: changed) { return nil }
    var different: [SourceID] = []
    var heard = Set(changes.sources)
    var rest = changed
    while !rest.isEmpty {
      guard let others = try observe(rest.sorted()) else { return nil }
      different += others
      // A folder may show of a file in it what nobody has heard, and other sources may hold that file.
      let shown = SourceReader.changes(in: rest.sorted().compactMap { replies[$0] }, since: known)
        .filter { heard.insert($0).inserted }
      unheard += shown
      rest = []
      for path in shown { rest.formUnion(try graph.sources(holding: path)) }
      rest.subtract(changed)
      changed.formUnion(rest)
    }
    let roots =
      different.map(GraphNode.source) + graph.header.staleSteps.map(GraphNode.step) + more.sorted() + graph.fresh
    let closure = try graph.closure(over: roots)
    try graph.prefetch(closure, states: false)
    var entries: [ByteString: OutputEntry] = [:]
    for node in closure {
      let definition = try definition(of: node)
      switch node {
      case .source: break
      case .step, .assembly, .literal: guard definition.needs.isEmpty else { return nil }
      }
      // The state has a table's key and not its expression.
      if !graph.isEvaluated, case .step(let step, _) = definition.content, case .table = step.work { return nil }
      for path in definition.entries { entries[path] = try graph.entry(at: path) }
    }
    for path in changes.outputs {
      guard let entry = try graph.entry(holding: path) else {
        // Of an entry that the program no longer has, the publisher removes what is left.
        guard let renewed = graph as? RenewedGraph, try renewed.hadEntry(holding: path) else { return nil }
        continue
      }
      entries[entry.path] = entry
    }
    if let renewed = graph as? RenewedGraph {
      guard renewed.isChangeOfFilesOnly else { return nil }
      for entry in renewed.changedEntries { entries[entry.path] = entry }
      dropped += renewed.dropped
    }
    for entry in entries.values where entry.kind == .folder {
      // What it will hold may lie where another entry lies: only all of them together can tell.
      if try graph.hasEntry(below: entry.path) { return nil }
      if try !isTopmost(entry.path) { return nil }
    }
    return try part(
      affected: Set(closure), entries: entries.keys.sorted().compactMap { entries[$0] },
      expectingOthersThan: Set(different), changed: changed.sorted())
  }

  private mutating func restsATable(on sources: Set<SourceID>) throws(SystemError) -> Bool {
    guard !sources.isEmpty else { return false }
    let steps = try graph.closure(over: sources.sorted().map(GraphNode.source)).filter { node in
      if case .step = node { true } else { false }
    }
    try graph.prefetch(steps, states: false)
    for node in steps {
      if case .step(let step, _) = try definition(of: node).content, case .table = step.work { return true }
    }
    return false
  }

  /// Whether a file of the program differs in comments and empty lines only.
  ///
  /// - Complexity: O(bytes of the file).
  private mutating func saysTheSame(_ path: Path) -> Bool {
    guard let index = programs.firstIndex(where: { $0.path == path }),
      let bytes = try? fileSystem.read(file: path, limitBytes: 256 << 20)
    else { return false }
    // What the evaluation said may be about a place that has moved.
    guard let sayings = SnapshotSummary(encoded: graph.header.sayings)?.sayings, sayings.isEmpty else { return false }
    guard let layout = ProgramLayout(of: bytes, file: programs[index].evaluated.file),
      programs[index].move(to: layout)
    else { return false }
    relaid.append(path)
    return true
  }

  private func isTopmost(_ path: ByteString) throws(SystemError) -> Bool {
    for folder in Publication.ancestors(of: path) {
      if try graph.entry(at: folder) != nil { return false }
    }
    if path.isEmpty { return true }
    return try graph.entry(at: "") == nil
  }

  // MARK: Sources

  /// Looks at sources again.
  ///
  /// - Returns: those that hold something else than in the last build; nil where the evaluation was told what is no longer so.
  private mutating func observe(_ ids: [SourceID]) throws(SystemError) -> [SourceID]? {
    let nodes = ids.map(GraphNode.source)
    try graph.prefetch(nodes, states: false)
    try graph.prefetch(nodes, states: true)
    var wanted: [(request: SourceID, source: Source, old: Artifact?, needs: [RecordedNeed])] = []
    var paths: (files: [Path], folders: [Path]) = ([], [])
    for id in ids {
      let definition = try definition(of: .source(id))
      guard case .source(let source) = definition.content, case .path(let path) = source.place else { return nil }
      var known: Artifact?
      switch try graph.state(of: .source(id)) {
      case .known(let old): known = old
      case .unwanted:
        guard isStillThere(id, source, path, definition.needs) else { return nil }
        continue
      case .stale: guard graph.isEvaluated else { return nil }
      case .keyed, .made: return nil
      }
      wanted.append((id, source, known, definition.needs))
      if source.kind == .file { paths.files.append(path) } else { paths.folders.append(path) }
    }
    known.merge(try store.sources(at: paths.files, below: paths.folders)) { old, _ in old }
    let reader = SourceReader(fileSystem: fileSystem, now: now)
    let growing = graph.growing
    let found = reader.read(
      wanted.map {
        SourceReader.Request(id: $0.request, source: $0.source, known: known, grows: growing.contains($0.request))
      })
    var different: [SourceID] = []
    for (reply, wanted) in zip(found, wanted) {
      replies[reply.id] = reply
      let artifact: Artifact
      switch reply.observation {
      case .file(let found), .folder(let found, _): artifact = found
      case .failed: return nil
      }
      if artifact == wanted.old { continue }
      different.append(reply.id)
      for need in wanted.needs where !isAnswered(need, reply, artifact) { return nil }
    }
    return different
  }

  private func isAnswered(_ need: RecordedNeed, _ reply: SourceReader.Reply, _ artifact: Artifact) -> Bool {
    switch need.question {
    case .presence: return true
    case .artifact, .text: return need.isAnswered(by: artifact)
    case .listing:
      guard case .folder(_, let record)? = reply.record else { return false }
      return need.answer == RecordedNeed.answer(record.listing.files)
    }
  }

  /// Whether a source whose content nobody needs to know is there, of its kind, and lists the same names.
  private mutating func isStillThere(_ id: SourceID, _ source: Source, _ path: Path, _ needs: [RecordedNeed]) -> Bool {
    let look = fileSystem.look(at: path)
    switch (look, source.kind) {
    case (.file, .file), (.folder, .folder): looks[id] = look
    case (.missing, _), (.file, _), (.folder, _), (.special, _), (.refused, _): return false
    }
    for need in needs {
      guard need.question == .listing, let listing = try? fileSystem.list(folder: path),
        listing.holdsFilesAndFoldersOnly, need.answer == RecordedNeed.answer(listing.files)
      else { return false }
      listings[id] = listing
    }
    return true
  }

  // MARK: The part

  private mutating func part(
    affected: Set<GraphNode>, entries: [OutputEntry], expectingOthersThan different: Set<SourceID>, changed: [SourceID]
  ) throws(SystemError) -> PartialPlan? {
    var included = affected.union(changed.map(GraphNode.source))
    var live = affected
    var queue: [ArtifactReference] = entries.map(\.reference)
    for node in affected.sorted() { queue += try definition(of: node).inputs }
    while let reference = queue.popLast() {
      let node = GraphNode(reference)
      guard included.insert(node).inserted else { continue }
      let definition = try definition(of: node)
      switch definition.content {
      case .source, .literal: continue
      case .assembly: queue += definition.inputs
      case .step(let step, _):
        // A copy is what it copies, and is cheap to do again.
        if case .copy = step.work {
          live.insert(node)
          queue += definition.inputs
        }
      }
    }
    let nodes = included.sorted()
    try graph.prefetch(nodes, states: true)
    var parts = GraphParts(nodes)
    var settled: [SettledStep] = []
    for node in nodes {
      var isSettled = false
      if case .step(let id) = node, !live.contains(node) {
        isSettled = true
        let new = parts.steps[id]!
        switch try graph.state(of: node) {
        case .made(let made): settled.append(SettledStep(step: new, key: made.key, made: made))
        case .keyed(let key): settled.append(SettledStep(step: new, key: key, made: nil))
        case .unwanted, .stale, .known: return nil
        }
      }
      parts.add(try definition(of: node).content, isSettled: isSettled)
    }
    return try plan(
      parts, nodes, settled: settled, entries: entries, affected: live, different: different, changed: changed)
  }

  private mutating func plan(
    _ parts: GraphParts, _ nodes: [GraphNode], settled: [SettledStep], entries: [OutputEntry],
    affected: Set<GraphNode>, different: Set<SourceID>, changed: [SourceID]
  ) throws(SystemError) -> PartialPlan? {
    var read = Set(changed)
    var expected: [Artifact?] = []
    var isAnswer: [Bool] = []
    var unread: (files: [Path], folders: [Path]) = ([], [])
    var sourceIDs: [SourceID] = []
    for case .source(let id) in nodes {
      sourceIDs.append(id)
      var old: Artifact?
      if case .known(let artifact) = try graph.state(of: .source(id)) {
        old = artifact
      } else {
        // Read for the first time, by a step that nobody has wanted before: the snapshot does not look into it.
        read.insert(id)
      }
      expected.append(different.contains(id) ? nil : old)
      let definition = try definition(of: .source(id))
      isAnswer.append(!definition.needs.isEmpty)
      if replies[id] == nil, case .source(let source) = definition.content, case .path(let path) = source.place {
        if source.kind == .file { unread.files.append(path) } else { unread.folders.append(path) }
      }
    }
    known.merge(try store.sources(at: unread.files, below: unread.folders)) { old, _ in old }
    func renamed<Value>(_ values: [SourceID: Value]) -> [SourceID: Value] {
      Dictionary(values.map { (parts.sources[$0.key]!, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
    for id in replies.keys { replies[id]!.id = parts.sources[id]! }
    return PartialPlan(
      whole: graph, graph: parts.graph, frames: parts.frames, settled: settled,
      entries: entries.map { entry in
        var entry = entry
        entry.reference = parts.renamed(entry.reference)
        return entry
      }, sourceIDs: sourceIDs, stepIDs: nodes.compactMap { if case .step(let id) = $0 { id } else { nil } },
      assemblyIDs: nodes.compactMap { if case .assembly(let id) = $0 { id } else { nil } }, affected: affected,
      expected: expected, isAnswer: isAnswer, replies: renamed(replies), looks: renamed(looks),
      listings: renamed(listings), listedAt: now, known: known, unheard: unheard,
      changedSources: read.sorted().map { parts.sources[$0]! },
      programs: programs, relaid: graph.isEvaluated ? graph.header.programFiles : relaid, dropped: dropped)
  }
}

/// Numbers the nodes of a part anew, in the order that they have in the whole.
private struct GraphParts {
  private(set) var sources: [SourceID: SourceID] = [:]
  private(set) var steps: [StepID: StepID] = [:]
  private var literals: [LiteralID: LiteralID] = [:]
  private var assemblies: [AssemblyID: AssemblyID] = [:]
  private(set) var frames: [StepFrame] = []
  private var newSources: [Source] = []
  private var newSteps: [Step] = []
  private var newLiterals: [ByteString] = []
  private var newAssemblies: [[FlowGraph.Member]] = []

  init(_ nodes: [GraphNode]) {
    for node in nodes {
      switch node {
      case .source(let id): sources[id] = SourceID(index: UInt32(sources.count))
      case .step(let id): steps[id] = StepID(index: UInt32(steps.count))
      case .literal(let id): literals[id] = LiteralID(index: UInt32(literals.count))
      case .assembly(let id): assemblies[id] = AssemblyID(index: UInt32(assemblies.count))
      }
    }
  }

  var graph: FlowGraph {
    FlowGraph(sources: newSources, steps: newSteps, literals: newLiterals, assemblies: newAssemblies)
  }

  /// - Precondition: nodes of each kind come in the order of `init`.
  mutating func add(_ content: NodeDefinition.Content, isSettled: Bool) {
    switch content {
    case .source(let source): newSources.append(source)
    case .literal(let bytes): newLiterals.append(bytes)
    case .assembly(let members):
      newAssemblies.append(members.map { FlowGraph.Member(name: $0.name, reference: renamed($0.reference)) })
    case .step(var step, let frame):
      switch step.work {
      case .exec(var exec):
        if isSettled {
          exec = Exec(template: [], inputs: [], outputs: exec.outputs)
        } else {
          for index in exec.inputs.indices { exec.inputs[index].reference = renamed(exec.inputs[index].reference) }
        }
        step.work = .exec(exec)
      case .table(var table):
        table.inputs =
          isSettled
          ? []
          : table.inputs.map { input in
            Exec.Input(reference: renamed(input.reference), kind: input.kind)
          }
        step.work = .table(table)
      case .copy(let reference, let kind, let place): step.work = .copy(renamed(reference), kind: kind, to: place)
      }
      newSteps.append(step)
      frames.append(frame)
    }
  }

  /// - Precondition: what it refers to is in the part.
  func renamed(_ reference: ArtifactReference) -> ArtifactReference {
    switch reference {
    case .source(let id): .source(sources[id]!)
    case .output(let step, let output): .output(steps[step]!, output)
    case .member(let step, let output, let path): .member(steps[step]!, output, path)
    case .literal(let id): .literal(literals[id]!)
    case .assembly(let id): .assembly(assemblies[id]!)
    }
  }
}

extension FolderListing {
  /// The paths of the files, ascending.
  var files: [ByteString] {
    entries.compactMap { entry in
      if case .file = entry.look { return entry.path }
      return nil
    }
  }

  var holdsFilesAndFoldersOnly: Bool {
    entries.allSatisfy { entry in
      switch entry.look {
      case .file, .folder: true
      case .missing, .special, .refused: false
      }
    }
  }
}
