import BuildGraph
import Engine
import Ports

/// Lays out the graph of a whole evaluation for the state. See <doc:PersistedGraph>.
struct GraphRecorder: ~Copyable {
  private let graph: FlowGraph
  private let outputs: [OutputEntry]
  /// Where the nodes of each kind begin among all nodes, by number of the kind.
  private let bases: [Int]
  private let nodeCount: Int
  private(set) var pages: [GraphPage: [UInt8]] = [:]
  private(set) var staleSteps: [StepID] = []

  init(_ graph: FlowGraph, outputs: [OutputEntry]) {
    self.graph = graph
    self.outputs = outputs.sorted { $0.path < $1.path }
    var bases: [Int] = []
    var count = 0
    for kind in GraphNodeKind.allCases {
      bases.append(count)
      count += Self.count(of: kind, in: graph)
    }
    self.bases = bases
    nodeCount = count
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

  /// - Returns: false where the graph is of no use for the next build: not all that was wanted is known.
  /// - Complexity: O(nodes and edges).
  mutating func record(_ engine: inout BuildEngine, needs: [RecordedNeed]) -> Bool {
    var needsOf: [Int: [RecordedNeed]] = [:]
    for need in needs { needsOf[position(GraphNode(need.reference)), default: []].append(need) }
    var entriesOf = [[ByteString]](repeating: [], count: nodeCount)
    for entry in outputs { entriesOf[position(GraphNode(entry.reference))].append(entry.path) }
    let edges = Edges(graph, nodeCount: nodeCount) { position($0) }

    for kind in GraphNodeKind.allCases {
      let count = Self.count(of: kind, in: graph)
      for start in stride(from: 0, to: count, by: Int(GraphPage.nodesPerPage)) {
        let end = min(count, start + Int(GraphPage.nodesPerPage))
        let first = GraphNode(kind, UInt32(start))
        var states: [NodeState] = []
        for index in start..<end {
          guard let state = state(of: GraphNode(kind, UInt32(index)), &engine, edges) else { return false }
          states.append(state)
        }
        pages[.state(of: first)] = ListPage.encode(count: end - start) { states[$0].encode(into: &$1) }
        var contents: [NodeDefinition.Content] = []
        for index in start..<end { contents.append(content(GraphNode(kind, UInt32(index)), &engine)) }
        let base = bases[Int(kind.rawValue)]
        pages[.definition(of: first)] = ListPage.encode(count: end - start) { offset, writer in
          let position = base + start + offset
          NodeDefinition(
            content: contents[offset], dependents: edges.dependents(of: position), entries: entriesOf[position],
            needs: needsOf[position] ?? []
          ).encode(into: &writer)
        }
      }
    }
    addIndexes()
    return true
  }

  private func content(_ node: GraphNode, _ engine: inout BuildEngine) -> NodeDefinition.Content {
    switch node {
    case .source(let id): .source(graph.sources[Int(id.index)])
    case .literal(let id): .literal(graph.literals[Int(id.index)])
    case .assembly(let id): .assembly(graph.assemblies[Int(id.index)])
    case .step(let id): .step(graph.steps[Int(id.index)], engine.frame(of: id))
    }
  }

  /// Nil where a step that is wanted reads a source that was never read.
  private mutating func state(of node: GraphNode, _ engine: inout BuildEngine, _ edges: borrowing Edges) -> NodeState? {
    switch node {
    case .literal(let id): return engine.artifact(of: .literal(id)).map { .known($0) } ?? .unwanted
    case .assembly(let id): return engine.artifact(of: .assembly(id)).map { .known($0) } ?? .unwanted
    case .source(let id):
      if let artifact = engine.artifact(of: .source(id)) { return .known(artifact) }
      for case .step(let step) in edges.dependents(of: position(node)) where engine.state(of: step) != .unwanted {
        return nil
      }
      return .unwanted
    case .step(let id):
      let state = engine.state(of: id)
      if state == .stale { staleSteps.append(id) }
      return state
    }
  }

  private mutating func addIndexes() {
    var directory = GraphDirectory()
    var paths: [IndexedPath] = []
    for (index, source) in graph.sources.enumerated() {
      guard case .path(let path) = source.place else { continue }
      paths.append(IndexedPath(path: path, source: SourceID(index: UInt32(index))))
    }
    paths.sort()
    for (number, start) in stride(from: 0, to: paths.count, by: GraphPage.pathsPerPage).enumerated() {
      let part = paths[start..<min(paths.count, start + GraphPage.pathsPerPage)]
      directory.paths.append(part.first!.path)
      pages[GraphPage(.paths, UInt32(number))] = ListPage.encode(count: part.count) {
        part[start + $0].encode(into: &$1)
      }
    }
    for (number, start) in stride(from: 0, to: outputs.count, by: GraphPage.pathsPerPage).enumerated() {
      let part = outputs[start..<min(outputs.count, start + GraphPage.pathsPerPage)]
      directory.entries.append(part.first!.path)
      pages[GraphPage(.entries, UInt32(number))] = ListPage.encode(count: part.count) {
        part[start + $0].encode(into: &$1)
      }
    }
    pages[.directory] = directory.encoded
  }

  /// A digest of all that the program says, and nothing that was observed.
  private var definition: Digest {
    var manifest = DigestManifest()
    for page in pages.keys.sorted() {
      switch page.section {
      case .header, .sourceStates, .literalStates, .assemblyStates, .stepStates: continue
      case .directory, .paths, .entries, .sourceDefinitions, .literalDefinitions, .assemblyDefinitions,
        .stepDefinitions:
        manifest.write(.ordinal, Int(page.section.rawValue))
        manifest.write(.identity, Digest(hashing: pages[page]!))
      }
    }
    return manifest.finish()
  }

  /// Completes the pages by a header.
  mutating func addHeader(
    serial: Int64, wantedSteps: Int, programFiles: [Path], layouts: [ProgramLayout], sayings: [UInt8]
  ) -> GraphHeader {
    var definition = DigestManifest()
    definition.write(.identity, self.definition)
    for path in programFiles { definition.write(.path, path.bytes) }
    let header = GraphHeader(
      serial: serial, definition: definition.finish(),
      counts: GraphNodeKind.allCases.map { UInt32(Self.count(of: $0, in: graph)) }, wantedSteps: wantedSteps,
      programFiles: programFiles, programs: layouts.map(PlacedProgram.init), staleSteps: staleSteps, sayings: sayings)
    pages[.header] = header.encoded
    return header
  }
}

/// Who depends on each node, in one table.
private struct Edges: ~Copyable {
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
