import BuildGraph
import Diagnostics
import Engine
import Ports

/// A program that has been evaluated again, laid beside the graph of the last build: a node that says what one said before, of
/// inputs that do, is in the state in which that one was left. See <doc:PartialBuilds>.
final class RenewedGraph: PlannedGraph {
  let old: PersistedGraph
  let header: GraphHeader
  let fresh: [GraphNode]
  let isEvaluated = true
  let growing: Set<SourceID>
  let printed: [String]
  /// What loading and evaluation said.
  let sayings: [Diagnostic]
  /// Entries that are new, or made of something else than before.
  let changedEntries: [OutputEntry]
  /// Entries of the last build that there are no more.
  let removedEntries: [OutputEntry]
  /// Places of files that the program no longer names or consists of.
  let dropped: [SnapshotPlace]
  /// Whether the program consists of other files than before.
  var hasOtherFiles: Bool { header.programFiles != old.header.programFiles }
  /// Whether all entries that came, went or changed are files, so that none can reach into another.
  let isChangeOfFilesOnly: Bool

  private let graph: FlowGraph
  private let recorder: GraphRecorder
  private let frames: [StepFrame]
  private let matches: GraphMatches
  /// By kind and index: whether an output rests on it.
  private let wanted: [[Bool]]

  /// - Parameter seconds: that each step is expected to take.
  /// - Returns: nil where too little is as it was.
  /// - Throws: `damaged`.
  /// - Complexity: O(nodes and edges of both graphs).
  init?(
    _ result: consuming EvaluationInAdvance.Result, of program: LoadedProgram, beside old: PersistedGraph,
    programFiles: [Path], seconds: [Double]?, _ fileSystem: any FileSystem
  ) throws(SystemError) {
    let frames = BuildEngine.frames(of: result.graph, seconds: seconds)
    let matches = try GraphMatches(result.graph, frames, old)
    let steps = result.graph.steps.count
    guard (steps - matches.count(of: .step)) * 2 <= steps else { return nil }
    result.graph.complete()
    let recorder = GraphRecorder(result.graph, outputs: EntryTable(result.entries), needs: result.needs)
    let wanted = Self.wanted(result.graph, result.entries)
    var entries = EntryChanges()
    try entries.compare(recorder.outputs, with: old.entries(), matches)
    isChangeOfFilesOnly = entries.holdFilesOnly
    changedEntries = entries.changed
    removedEntries = entries.removed
    guard let dropped = try matches.droppedPlaces(result.graph, old, programFiles: programFiles, fileSystem) else {
      return nil
    }
    self.dropped = dropped
    var fresh: [GraphNode] = []
    var stale: [StepID] = []
    let oldStale = Set(old.header.staleSteps)
    for kind in GraphNodeKind.allCases {
      for index in wanted[Int(kind.rawValue)].indices {
        let node = GraphNode(kind, UInt32(index))
        let isWanted = wanted[Int(kind.rawValue)][index]
        guard let before = matches.old(node) else {
          if isWanted || kind == .source { fresh.append(node) }
          continue
        }
        guard isWanted, case .step(let id) = node, case .step(let oldID) = before else { continue }
        if oldStale.contains(oldID) { stale.append(id) }
        if try old.state(of: before) == .unwanted { fresh.append(node) }
      }
    }
    self.fresh = fresh
    sayings = program.diagnostics + result.diagnostics
    growing = result.graph.growingSources
    fileSystem.keepBlocks(of: result.graph.paths(of: result.graph.tabledSources(ofStepsFrom: 0)))
    let memory = SnapshotSummary(
      isComplete: true, serial: 0, definition: Digest(high: 0, low: 0),
      steps: wanted[Int(GraphNodeKind.step.rawValue)].count(where: { $0 }),
      growing: result.graph.paths(of: growing), printed: result.printed, diagnostics: sayings)
    header = recorder.header(
      GraphRecorder.Summary(definition: old.header.definition, staleSteps: stale), serial: old.header.serial,
      wantedSteps: memory.steps, programFiles: programFiles, layouts: program.layouts, sayings: memory.encoded)
    printed = result.printed
    self.old = old
    self.frames = frames
    self.matches = matches
    self.recorder = recorder
    self.wanted = wanted
    graph = result.graph
  }

  /// What the outputs rest on, by kind and index.
  private static func wanted(_ graph: FlowGraph, _ entries: [OutputEntry]) -> [[Bool]] {
    var wanted = [
      [Bool](repeating: false, count: graph.sources.count), [Bool](repeating: false, count: graph.literals.count),
      [Bool](repeating: false, count: graph.assemblies.count), [Bool](repeating: false, count: graph.steps.count),
    ]
    var queue = entries.map { GraphNode($0.reference) }
    while let node = queue.popLast() {
      guard !wanted[Int(node.kind.rawValue)][Int(node.index)] else { continue }
      wanted[Int(node.kind.rawValue)][Int(node.index)] = true
      switch node {
      case .source, .literal: continue
      case .assembly(let id): queue += graph.assemblies[Int(id.index)].map { GraphNode($0.reference) }
      case .step(let id): queue += graph.steps[Int(id.index)].inputs.map(GraphNode.init)
      }
    }
    return wanted
  }

  private func isWanted(_ node: GraphNode) -> Bool { wanted[Int(node.kind.rawValue)][Int(node.index)] }

  // MARK: Nodes

  func prefetch(_ nodes: [GraphNode], states: Bool) throws(SystemError) {
    if states { try old.prefetch(nodes.compactMap(matches.old), states: true) }
  }

  func definition(of node: GraphNode) -> NodeDefinition {
    recorder.definition(of: node) { frames[Int($0.index)] }
  }

  /// - Returns: of a node that the last build did not know, `stale`.
  func state(of node: GraphNode) throws(SystemError) -> NodeState {
    guard isWanted(node) else { return .unwanted }
    guard let before = matches.old(node) else { return .stale }
    return try old.state(of: before)
  }

  func closure(over roots: [GraphNode]) -> [GraphNode] {
    var seen = Set(roots)
    var queue = roots
    while let node = queue.popLast() {
      for dependent in recorder.dependents(of: node) {
        if case .step = dependent, !isWanted(dependent) { continue }
        if seen.insert(dependent).inserted { queue.append(dependent) }
      }
    }
    return seen.sorted()
  }

  func sources(holding path: Path) throws(SystemError) -> [SourceID] {
    // By the last build's index: what is new has been looked at just now.
    try old.sources(holding: path).compactMap { matches.new(.source($0)) }.map { SourceID(index: $0.index) }
  }

  // MARK: Entries

  private func firstEntry(notBelow path: ByteString) -> Int {
    var low = 0
    var high = recorder.outputs.count
    while low < high {
      let middle = (low + high) / 2
      if recorder.outputs[middle].path < path { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func entry(at path: ByteString) -> OutputEntry? {
    let index = firstEntry(notBelow: path)
    guard index < recorder.outputs.count, recorder.outputs[index].path == path else { return nil }
    return recorder.outputs[index]
  }

  func entry(holding path: ByteString) -> OutputEntry? {
    if let entry = entry(at: path) { return entry }
    var rest = path.bytes[...]
    while !rest.isEmpty {
      rest = rest[..<(rest.lastIndex(of: UInt8(ascii: "/")) ?? rest.startIndex)]
      if let entry = entry(at: ByteString(bytes: Array(rest))), entry.kind == .folder { return entry }
    }
    return nil
  }

  func hasEntry(below path: ByteString) -> Bool {
    let prefix = path.isEmpty ? [] : path.bytes + [UInt8(ascii: "/")]
    var index = firstEntry(notBelow: ByteString(bytes: prefix))
    if index < recorder.outputs.count, recorder.outputs[index].path == path { index += 1 }
    return index < recorder.outputs.count && recorder.outputs[index].path.bytes.starts(with: prefix)
  }

  /// Whether a path belonged to an entry of the last build that there is no more.
  func hadEntry(holding path: ByteString) throws(SystemError) -> Bool {
    guard let entry = try old.entry(holding: path) else { return false }
    return removedEntries.contains { $0.path == entry.path }
  }

  // MARK: For the next build

  /// Writes the whole graph.
  ///
  /// - Parameter states: what the build came to of the nodes that it looked at.
  /// - Returns: its header.
  func save(
    _ states: [GraphNode: NodeState], serial: Int64, programs: [PlacedProgram], _ write: GraphPageWriter
  ) throws(SystemError) -> GraphHeader {
    let definition = try recorder.recordDefinitions({ frames[Int($0.index)] }, write)
    let stale = try recorder.recordStates(
      { node throws(SystemError) in
        if let known = states[node] { return known }
        let before = try state(of: node)
        if case .step = node { return before }
        // What a new literal holds is in its definition, and nobody asks for more.
        return before == .stale ? .unwanted : before
      }, write)
    var new = recorder.header(
      GraphRecorder.Summary(definition: definition, staleSteps: stale), serial: serial, wantedSteps: header.wantedSteps,
      programFiles: header.programFiles, layouts: [], sayings: header.sayings)
    new.programs = programs
    try write(.header, new.encoded)
    return new
  }
}

/// How the entries of two graphs differ.
private struct EntryChanges {
  var changed: [OutputEntry] = []
  var removed: [OutputEntry] = []
  var holdFilesOnly = true

  /// - Parameters: both ascending by path.
  mutating func compare(_ new: EntryTable, with old: [OutputEntry], _ matches: GraphMatches) {
    func change(_ entry: OutputEntry, _ list: WritableKeyPath<Self, [OutputEntry]>) {
      self[keyPath: list].append(entry)
      if entry.kind == .folder { holdFilesOnly = false }
    }
    var next = 0
    for entry in new {
      while next < old.count, old[next].path < entry.path {
        change(old[next], \.removed)
        next += 1
      }
      guard next < old.count, old[next].path == entry.path else {
        change(entry, \.changed)
        continue
      }
      let before = old[next]
      next += 1
      if before.kind != entry.kind || matches.renamed(before.reference) != entry.reference {
        change(entry, \.changed)
        if before.kind == .folder { holdFilesOnly = false }
      }
    }
    for entry in old[next...] { change(entry, \.removed) }
  }
}
