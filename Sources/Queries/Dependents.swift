package import BuildGraph
package import Diagnostics
package import Ports

/// What rests on an input, as of the last build.
package struct Dependents: Hashable, Sendable {
  package var input: String
  /// The folder inputs that hold it, where it is none itself.
  package var through: [String]
  /// The steps that read it, and those that read what they make; in the order of the program.
  package var steps: [String]
  /// How many of them read it directly.
  package var direct: Int
  /// Paths in the output tree, ascending.
  package var outputs: [ByteString]
  /// Whether the evaluation of the program itself depends on it: its contents, or the names in its folder.
  package var shapesProgram: Bool

  /// - Returns: nil where the graph has no such input.
  /// - Complexity: O(what rests on it).
  package init?(of path: Path, in graph: PersistedGraph) throws(SystemError) {
    let sources = try graph.sources(holding: path)
    guard !sources.isEmpty else { return nil }
    input = path.bytes.display
    through = []
    shapesProgram = false
    var direct: Set<GraphNode> = []
    for id in sources {
      let definition = try graph.definition(of: .source(id))
      guard case .source(let source) = definition.content else { continue }
      if source.place != .path(path) { through.append(source.display) }
      if definition.needs.contains(where: { $0.question != .presence }) { shapesProgram = true }
      for node in definition.dependents { if case .step = node { direct.insert(node) } }
    }
    self.direct = direct.count
    steps = []
    outputs = []
    for node in try graph.closure(over: sources.map { .source($0) }) {
      let definition = try graph.definition(of: node)
      outputs += definition.entries
      if case .step(_, let frame) = definition.content { steps.append(frame.label) }
    }
    outputs.sort()
  }
}
