import BuildGraph
import Diagnostics
import Ports
import Watching

/// Which nodes of the last build's graph a new one has as well: those that say the same of inputs that it has as well.
struct GraphMatches {
  /// By kind and index in the last build's graph, what they are called in the new one; and the other way round.
  private var toNew: [[UInt32?]]
  private var toOld: [[UInt32?]]

  /// - Parameter graph: not complete yet.
  /// - Throws: `damaged`.
  /// - Complexity: O(nodes and edges); reads every definition of the last build's graph.
  init(_ graph: FlowGraph, _ frames: [StepFrame], _ old: PersistedGraph) throws(SystemError) {
    toNew = GraphNodeKind.allCases.map { [UInt32?](repeating: nil, count: old.header.count(of: $0)) }
    let counts = [graph.sources.count, graph.literals.count, graph.assemblies.count, graph.steps.count]
    toOld = counts.map { [UInt32?](repeating: nil, count: $0) }
    try old.loadAll()
    for node in old.nodes(of: .source) {
      guard case .source(let source) = try old.definition(of: node).content else { continue }
      if let id = graph.source(at: source.place, kind: source.kind) { match(node, .source(id)) }
    }
    for node in old.nodes(of: .literal) {
      guard case .literal(let bytes) = try old.definition(of: node).content else { continue }
      if let id = graph.literal(of: bytes) { match(node, .literal(id)) }
    }
    // Steps read assemblies and assemblies hold what steps make: whichever comes next in the order of what it rests on.
    var nextAssembly: UInt32 = 0
    for node in old.nodes(of: .step) {
      let definition = try old.definition(of: node)
      for case .assembly(let id) in definition.inputs {
        while nextAssembly <= id.index {
          try matchAssembly(nextAssembly, graph, old)
          nextAssembly += 1
        }
      }
      guard case .step(let step, let frame) = definition.content, let work = renamed(step.work),
        let id = graph.step(doing: work), frames[Int(id.index)].identity == frame.identity
      else { continue }
      match(node, .step(id))
    }
    while nextAssembly < UInt32(toNew[Int(GraphNodeKind.assembly.rawValue)].count) {
      try matchAssembly(nextAssembly, graph, old)
      nextAssembly += 1
    }
  }

  private mutating func matchAssembly(
    _ index: UInt32, _ graph: FlowGraph, _ old: PersistedGraph
  ) throws(SystemError) {
    let node = GraphNode(.assembly, index)
    guard case .assembly(let members) = try old.definition(of: node).content else { return }
    var renamed: [FlowGraph.Member] = []
    for member in members {
      guard let reference = self.renamed(member.reference) else { return }
      renamed.append(FlowGraph.Member(name: member.name, reference: reference))
    }
    if let id = graph.assembly(of: renamed) { match(node, .assembly(id)) }
  }

  private mutating func match(_ old: GraphNode, _ new: GraphNode) {
    toNew[Int(old.kind.rawValue)][Int(old.index)] = new.index
    toOld[Int(new.kind.rawValue)][Int(new.index)] = old.index
  }

  // MARK: Names

  /// What a node of the new graph was called in the last build; nil where it is new.
  func old(_ node: GraphNode) -> GraphNode? {
    toOld[Int(node.kind.rawValue)][Int(node.index)].map { GraphNode(node.kind, $0) }
  }

  /// What a node of the last build is called now; nil where there is none any more.
  func new(_ node: GraphNode) -> GraphNode? {
    toNew[Int(node.kind.rawValue)][Int(node.index)].map { GraphNode(node.kind, $0) }
  }

  func count(of kind: GraphNodeKind) -> Int { toOld[Int(kind.rawValue)].count(where: { $0 != nil }) }

  /// A reference of the last build's graph as one of the new.
  func renamed(_ reference: ArtifactReference) -> ArtifactReference? {
    guard let index = new(GraphNode(reference))?.index else { return nil }
    switch reference {
    case .source: return .source(SourceID(index: index))
    case .output(_, let output): return .output(StepID(index: index), output)
    case .member(_, let output, let path): return .member(StepID(index: index), output, path)
    case .literal: return .literal(LiteralID(index: index))
    case .assembly: return .assembly(AssemblyID(index: index))
    }
  }

  private func renamed(_ inputs: [Exec.Input]) -> [Exec.Input]? {
    var result = inputs
    for index in inputs.indices {
      guard let reference = renamed(inputs[index].reference) else { return nil }
      result[index].reference = reference
    }
    return result
  }

  private func renamed(_ work: Step.Work) -> Step.Work? {
    switch work {
    case .exec(var exec):
      guard let inputs = renamed(exec.inputs) else { return nil }
      exec.inputs = inputs
      return .exec(exec)
    case .copy(let reference, let kind, let place): return renamed(reference).map { .copy($0, kind: kind, to: place) }
    case .table(var table):
      guard let inputs = renamed(table.inputs) else { return nil }
      table.inputs = inputs
      return .table(table)
    }
  }

  // MARK: Places

  /// The places that the snapshot has to forget: of sources that are no longer named, and of files that the program no longer
  /// consists of.
  ///
  /// - Returns: nil where one of them is there and lies in a folder that is still a source, or is such a folder: only all sources
  ///   together tell what is looked at there.
  func droppedPlaces(
    _ graph: FlowGraph, _ old: PersistedGraph, programFiles: [Path], _ fileSystem: any FileSystem
  ) throws(SystemError) -> [SnapshotPlace]? {
    var dropped = old.header.programFiles.filter { !programFiles.contains($0) }
    let ofProgram = dropped.count
    for node in old.nodes(of: .source) where new(node) == nil {
      guard case .source(let source) = try old.definition(of: node).content, case .path(let path) = source.place
      else { return nil }
      // A folder stands for all that lies in it.
      if source.kind == .folder { return nil }
      dropped.append(path)
    }
    if dropped.isEmpty { return [] }
    var folders: [Path] = []
    var files = Set(programFiles)
    for source in graph.sources {
      guard case .path(let path) = source.place else { continue }
      if source.kind == .folder { folders.append(path) } else { files.insert(path) }
    }
    for (index, path) in dropped.enumerated() {
      if folders.contains(where: { path.isAt(orBelow: $0) }), fileSystem.look(at: path) != .missing { return nil }
      // A file of the program may have been an input as well, and the other way round.
      if files.contains(path) { return nil }
      if index < ofProgram, try !old.sources(at: path).isEmpty { return nil }
    }
    return dropped.map { SnapshotPlace(root: .source($0.root), path: $0.bytes) }
  }
}
