import BuildGraph
import Diagnostics
import Engine
import Ports

/// Lays out the graph of a whole evaluation for the state, page by page. See <doc:PersistedGraph>.
struct GraphRecorder {
  /// What the header says of the pages.
  struct Summary {
    var definition: Digest
    var staleSteps: [StepID]
  }

  private let graph: FlowGraph
  /// Ascending by path.
  let outputs: EntryTable
  /// By position of the node, ascending.
  private let entriesOf: PathTable
  private let needsOf: [Int: [RecordedNeed]]
  private let edges: Edges
  /// Where the nodes of each kind begin among all nodes, by number of the kind.
  private let bases: [Int]

  /// - Complexity: O(nodes and edges).
  init(_ graph: FlowGraph, outputs: EntryTable, needs: [RecordedNeed]) {
    self.graph = graph
    // As they mostly are; a second copy is as large as the first.
    let isSorted = zip(outputs, outputs.dropFirst()).allSatisfy { $0.path <= $1.path }
    self.outputs = isSorted ? outputs : EntryTable(outputs.sorted { $0.path < $1.path })
    var bases: [Int] = []
    var count = 0
    for kind in GraphNodeKind.allCases {
      bases.append(count)
      count += Self.count(of: kind, in: graph)
    }
    self.bases = bases
    func position(_ node: GraphNode) -> Int { bases[Int(node.kind.rawValue)] + Int(node.index) }
    var needsOf: [Int: [RecordedNeed]] = [:]
    for need in needs { needsOf[position(GraphNode(need.reference)), default: []].append(need) }
    self.needsOf = needsOf
    entriesOf = PathTable(self.outputs, nodeCount: count) { position(GraphNode($0.reference)) }
    edges = Edges(graph, nodeCount: count, position: position)
  }

  private static func count(of kind: GraphNodeKind, in graph: FlowGraph) -> Int {
    switch kind {
    case .source: graph.sources.count
    case .literal: graph.literals.count
    case .assembly: graph.assemblies.count
    case .step: graph.steps.count
    }
  }

  private func position(_ node: GraphNode) -> Int { bases[Int(node.kind.rawValue)] + Int(node.index) }

  /// Whether the graph is of use for the next build: not where a step that is wanted reads a source that was never read.
  func isWhole(_ engine: borrowing BuildEngine) -> Bool {
    for index in 0..<UInt32(graph.sources.count) {
      let id = SourceID(index: index)
      if engine.artifact(of: .source(id)) != nil { continue }
      for case .step(let step) in edges.dependents(of: position(.source(id))) where engine.state(of: step) != .unwanted
      {
        return false
      }
    }
    return true
  }

  /// Writes all pages but the header, with what the engine knows of each node.
  ///
  /// - Complexity: O(nodes and edges); one page is in memory at a time.
  func record(_ engine: inout BuildEngine, _ write: GraphPageWriter) throws(SystemError) -> Summary {
    let definition = try recordDefinitions({ engine.frame(of: $0) }, write)
    let staleSteps = try recordStates({ node throws(SystemError) in state(of: node, engine) }, write)
    return Summary(definition: definition, staleSteps: staleSteps)
  }

  /// - Returns: the digest of all definitions.
  func recordDefinitions(
    _ frame: (StepID) -> StepFrame, _ write: GraphPageWriter
  ) throws(SystemError) -> Digest {
    var digest = DigestManifest()
    func writeDefinition(_ page: GraphPage, _ bytes: [UInt8]) throws(SystemError) {
      digest.write(.ordinal, Int(page.section.rawValue))
      digest.write(.identity, Digest(hashing: bytes))
      try write(page, bytes)
    }
    try addIndexes(writeDefinition)
    try each { first, count throws(SystemError) in
      var contents: [NodeDefinition.Content] = []
      for offset in 0..<count { contents.append(content(first.advanced(by: offset), frame)) }
      let start = position(first)
      let bytes = ListPage.encode(count: count) { offset, writer in
        let position = start + offset
        NodeDefinition(
          content: contents[offset], dependents: edges.dependents(of: position), entries: entriesOf.paths(of: position),
          needs: needsOf[position] ?? []
        ).encode(into: &writer)
      }
      try writeDefinition(.definition(of: first), bytes)
    }
    return digest.finish()
  }

  /// - Returns: the steps that are stale, ascending.
  func recordStates(
    _ state: (GraphNode) throws(SystemError) -> NodeState, _ write: GraphPageWriter
  ) throws(SystemError) -> [StepID] {
    var staleSteps: [StepID] = []
    try each { first, count throws(SystemError) in
      var states: [NodeState] = []
      for offset in 0..<count {
        let node = first.advanced(by: offset)
        let state = try state(node)
        if case .step(let id) = node, state == .stale { staleSteps.append(id) }
        states.append(state)
      }
      try write(.state(of: first), ListPage.encode(count: count) { states[$0].encode(into: &$1) })
    }
    return staleSteps
  }

  /// - Complexity: O(log entries and edges of the node).
  func definition(of node: GraphNode, _ frame: (StepID) -> StepFrame) -> NodeDefinition {
    let position = position(node)
    return NodeDefinition(
      content: content(node, frame), dependents: edges.dependents(of: position),
      entries: entriesOf.paths(of: position), needs: needsOf[position] ?? [])
  }

  /// The steps and assemblies that have a node among their inputs, ascending.
  func dependents(of node: GraphNode) -> [GraphNode] { edges.dependents(of: position(node)) }

  /// Visits the first node of each page, and how many there are on it.
  private func each(_ body: (GraphNode, Int) throws(SystemError) -> Void) throws(SystemError) {
    for kind in GraphNodeKind.allCases {
      let count = Self.count(of: kind, in: graph)
      for start in stride(from: 0, to: count, by: Int(GraphPage.nodesPerPage)) {
        try body(GraphNode(kind, UInt32(start)), min(count - start, Int(GraphPage.nodesPerPage)))
      }
    }
  }

  private func content(_ node: GraphNode, _ frame: (StepID) -> StepFrame) -> NodeDefinition.Content {
    switch node {
    case .source(let id): .source(graph.sources[Int(id.index)])
    case .literal(let id): .literal(graph.literals[Int(id.index)])
    case .assembly(let id): .assembly(graph.assemblies[Int(id.index)])
    case .step(let id): .step(graph.steps[Int(id.index)], frame(id))
    }
  }

  private func state(of node: GraphNode, _ engine: borrowing BuildEngine) -> NodeState {
    switch node {
    case .literal(let id): engine.artifact(of: .literal(id)).map { .known($0) } ?? .unwanted
    case .assembly(let id): engine.artifact(of: .assembly(id)).map { .known($0) } ?? .unwanted
    case .source(let id): engine.artifact(of: .source(id)).map { .known($0) } ?? .unwanted
    case .step(let id): engine.state(of: id)
    }
  }

  private func addIndexes(_ write: GraphPageWriter) throws(SystemError) {
    var directory = GraphDirectory()
    let sources = graph.sources.positionsByPath
    for (number, start) in stride(from: 0, to: sources.count, by: GraphPage.pathsPerPage).enumerated() {
      let part = sources[start..<min(sources.count, start + GraphPage.pathsPerPage)].compactMap { index in
        if case .path(let path) = graph.sources[Int(index)].place {
          IndexedPath(path: path, source: SourceID(index: index))
        } else {
          nil
        }
      }
      directory.paths.append(part[0].path)
      let bytes = ListPage.encode(count: part.count) { part[$0].encode(into: &$1) }
      try write(GraphPage(.paths, UInt32(number)), bytes)
    }
    for (number, start) in stride(from: 0, to: outputs.count, by: GraphPage.pathsPerPage).enumerated() {
      let part = outputs[start..<min(outputs.count, start + GraphPage.pathsPerPage)]
      directory.entries.append(part.first!.path)
      let bytes = ListPage.encode(count: part.count) { part[start + $0].encode(into: &$1) }
      try write(GraphPage(.entries, UInt32(number)), bytes)
    }
    try write(.directory, directory.encoded)
  }

  func header(
    _ summary: Summary, serial: Int64, wantedSteps: Int, programFiles: [Path], layouts: [ProgramLayout],
    sayings: [UInt8]
  ) -> GraphHeader {
    var definition = DigestManifest()
    definition.write(.identity, summary.definition)
    for path in programFiles { definition.write(.path, path.bytes) }
    return GraphHeader(
      serial: serial, definition: definition.finish(),
      counts: GraphNodeKind.allCases.map { UInt32(Self.count(of: $0, in: graph)) }, wantedSteps: wantedSteps,
      programFiles: programFiles, programs: layouts.map(PlacedProgram.init), staleSteps: summary.staleSteps,
      sayings: sayings)
  }
}

extension GraphNode {
  /// A node of the same kind, so many further on.
  fileprivate func advanced(by count: Int) -> GraphNode { GraphNode(kind, index + UInt32(count)) }
}

/// Which output entries are made of each node, in one table.
private struct PathTable {
  private var order: [(position: UInt32, entry: UInt32)]
  private let entries: EntryTable

  /// - Parameter entries: ascending by path.
  init(_ entries: EntryTable, nodeCount: Int, position: (OutputEntry) -> Int) {
    self.entries = entries
    order = entries.indices.map { (UInt32(position(entries[$0])), UInt32($0)) }
    order.sort { $0 < $1 }
  }

  /// - Complexity: O(log entries).
  func paths(of position: Int) -> [ByteString] {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if Int(order[middle].position) < position { low = middle + 1 } else { high = middle }
    }
    var paths: [ByteString] = []
    while low < order.count, Int(order[low].position) == position {
      paths.append(entries[Int(order[low].entry)].path)
      low += 1
    }
    return paths
  }
}

/// Who depends on each node, in one table.
private struct Edges {
  private var starts: [UInt32]
  private var targets: [GraphNode]

  init(_ graph: FlowGraph, nodeCount: Int, position: (GraphNode) -> Int) {
    starts = [UInt32](repeating: 0, count: nodeCount + 1)
    var inputs: [Int] = []
    func distinct(_ references: some Sequence<ArtifactReference>) {
      inputs.removeAll(keepingCapacity: true)
      for reference in references { inputs.append(position(GraphNode(reference))) }
      if inputs.count > 1 {
        inputs.sort()
        var kept = 1
        for index in 1..<inputs.count where inputs[index] != inputs[kept - 1] {
          inputs[kept] = inputs[index]
          kept += 1
        }
        inputs.removeLast(inputs.count - kept)
      }
    }
    func visit(_ body: (GraphNode) -> Void) {
      for (index, members) in graph.assemblies.enumerated() {
        distinct(members.lazy.map(\.reference))
        body(.assembly(AssemblyID(index: UInt32(index))))
      }
      for (index, step) in graph.steps.enumerated() {
        distinct(step.inputs)
        body(.step(StepID(index: UInt32(index))))
      }
    }
    var counts = [UInt32](repeating: 0, count: nodeCount + 1)
    visit { _ in for input in inputs { counts[input + 1] += 1 } }
    for index in 0..<nodeCount { counts[index + 1] += counts[index] }
    starts = counts
    targets = [GraphNode](repeating: .source(SourceID(index: 0)), count: Int(counts[nodeCount]))
    var next = counts
    // Assemblies before steps, each ascending: so are the dependents of every node.
    var filled = targets
    visit { node in
      for input in inputs {
        filled[Int(next[input])] = node
        next[input] += 1
      }
    }
    targets = filled
  }

  func dependents(of position: Int) -> [GraphNode] {
    Array(targets[Int(starts[position])..<Int(starts[position + 1])])
  }
}
