package import BuildGraph
package import Diagnostics
package import Ports

/// A whole graph for people and machines to look at.
package struct GraphDescription: Hashable, Sendable {
  package enum State: String, Hashable, Sendable { case upToDate, stale, unwanted }

  package struct Node: Hashable, Sendable {
    /// `source`, `literal`, `folder`, `step` or `output`.
    package var kind: String
    package var label: String
    package var state: State
    /// 12 digits; nil for what is no step, or has not to be looked at.
    package var key: String?
    /// Why it ran last; nil for what does not run, or where no record is left.
    package var reason: String?
    package var location: ProgramLocation?
  }

  package struct Edge: Hashable, Sendable {
    package var from: Int
    package var to: Int
  }

  /// Sources, literals, folders, steps and outputs, each in the order of the program.
  package private(set) var nodes: [Node] = []
  /// From what is read to what reads it.
  package private(set) var edges: [Edge] = []

  /// Steps and sources that no output rests on are left out.
  ///
  /// - Complexity: O(nodes and edges), and one row for each run on record.
  package init(_ graph: PersistedGraph, store: any Store) throws(SystemError) {
    try graph.loadAll()
    var reasons: [Digest: String] = [:]
    for run in try store.runs(labelled: nil, limit: .max) where reasons[run.contentKey] == nil {
      reasons[run.contentKey] = run.reason
    }
    var numbers: [GraphNode: Int] = [:]
    var definitions: [(node: GraphNode, definition: NodeDefinition)] = []
    for kind in GraphNodeKind.allCases {
      for node in graph.nodes(of: kind) {
        let state = try graph.state(of: node)
        if state == .unwanted, kind == .step || kind == .source { continue }
        let definition = try graph.definition(of: node)
        numbers[node] = nodes.count
        var drawn = Self.node(definition, state)
        if case .made(let made) = state { drawn.reason = reasons[made.contentKey] }
        nodes.append(drawn)
        definitions.append((node, definition))
      }
    }
    for (node, definition) in definitions {
      var seen: Set<Int> = []
      for reference in definition.inputs {
        guard let from = numbers[GraphNode(reference)], let to = numbers[node], seen.insert(from).inserted else {
          continue
        }
        edges.append(Edge(from: from, to: to))
      }
    }
    for entry in try graph.entries() {
      guard let from = numbers[GraphNode(entry.reference)] else { continue }
      edges.append(Edge(from: from, to: nodes.count))
      let path = entry.path.isEmpty ? "." : entry.path.display
      nodes.append(Node(kind: "output", label: path, state: nodes[from].state, location: entry.location))
    }
  }

  private static func node(_ definition: NodeDefinition, _ state: NodeState) -> Node {
    let key: String?
    let status: State
    switch state {
    case .unwanted: (key, status) = (nil, .unwanted)
    case .stale: (key, status) = (nil, .stale)
    case .known, .keyed: (key, status) = (nil, .upToDate)
    case .made(let made): (key, status) = (String(made.contentKey.description.prefix(12)), .upToDate)
    }
    switch definition.content {
    case .source(let source):
      return Node(kind: "source", label: source.display, state: status, location: source.location)
    case .literal(let bytes): return Node(kind: "literal", label: "\(bytes.count) bytes", state: .upToDate)
    case .assembly: return Node(kind: "folder", label: "folder", state: .upToDate)
    case .step(let step, let frame):
      return Node(kind: "step", label: frame.label, state: status, key: key, location: step.location)
    }
  }

  // MARK: Forms

  /// For Graphviz: sources as notes, steps as boxes (dashed and red where stale), outputs as folders' tabs.
  package var dot: String {
    var text = "digraph reflow {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=10];\n"
    for (index, node) in nodes.enumerated() {
      let shape =
        switch node.kind {
        case "step": "box, style=rounded"
        case "output": "tab"
        case _: "note"
        }
      let colour = node.state == .stale ? ", color=red, style=dashed" : ""
      text += "  n\(index) [label=\(Self.quoted(node.label)), shape=\(shape)\(colour)];\n"
    }
    for edge in edges { text += "  n\(edge.from) -> n\(edge.to);\n" }
    return text + "}\n"
  }

  /// A string of the dot language.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for character in text.unicodeScalars {
      if character == "\"" || character == "\\" { result += "\\" }
      result.unicodeScalars.append(character)
    }
    return result + "\""
  }

  /// One object: `nodes` with `id`, `kind`, `label`, `state`, and where they have one `key`, `reason`, `file`, `line`; `edges` with `from`, `to`.
  package var json: String {
    var json = JSONText()
    json.beginObject()
    json.key("nodes")
    json.beginArray()
    for (index, node) in nodes.enumerated() {
      json.beginObject()
      json.key("id")
      json.integer(index)
      json.key("kind")
      json.string(node.kind)
      json.key("label")
      json.string(node.label)
      json.key("state")
      json.string(node.state.rawValue)
      if let key = node.key {
        json.key("key")
        json.string(key)
      }
      if let reason = node.reason {
        json.key("reason")
        json.string(reason)
      }
      if let location = node.location {
        json.key("file")
        json.string(location.file)
        json.key("line")
        json.integer(location.line)
      }
      json.endObject()
    }
    json.endArray()
    json.key("edges")
    json.beginArray()
    for edge in edges {
      json.beginObject()
      json.key("from")
      json.integer(edge.from)
      json.key("to")
      json.integer(edge.to)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.text + "\n"
  }
}
