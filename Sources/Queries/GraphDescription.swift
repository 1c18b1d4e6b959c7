package import BuildGraph
package import Diagnostics
package import Pictures
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
    /// How it went in the last build.
    package var outcome = Picture.State.plain
    /// What its last run took; nil as for `reason`.
    package var seconds: Double?
    /// `exit status 1`, of a step whose last run failed.
    package var failure: String?
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
    var runs: [Digest: RunRecord] = [:]
    var failures: [String: RunRecord] = [:]
    let last = try store.builds(limit: 1).first?.number
    for run in try store.runs(labelled: nil, limit: .max) {
      if run.ending == .exited(0) {
        if runs[run.contentKey] == nil { runs[run.contentKey] = run }
      } else if run.build == last, failures[run.label] == nil {
        failures[run.label] = run
      }
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
        drawn.outcome = Self.outcome(of: drawn)
        if case .made(let made) = state, let run = runs[made.contentKey] {
          drawn.reason = run.reason
          drawn.seconds = run.usage.wallSeconds
          if run.build == last { drawn.outcome = .run }
        } else if drawn.state == .stale, let run = failures[drawn.label] {
          drawn.outcome = .failed
          drawn.reason = run.reason
          drawn.seconds = run.usage.wallSeconds
          drawn.failure = run.ending.description
        }
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
      var output = Node(kind: "output", label: path, state: nodes[from].state, location: entry.location)
      // What a failed step would have made is old, not failed.
      output.outcome = nodes[from].outcome == .failed ? .stale : nodes[from].outcome
      if output.outcome == .plain { output.outcome = .cached }
      nodes.append(output)
    }
  }

  private static func outcome(of node: Node) -> Picture.State {
    guard node.kind == "step" else { return .plain }
    switch node.state {
    case .upToDate: return .cached
    case .stale: return .stale
    case .unwanted: return .plain
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

  /// One object: `nodes` with `id`, `kind`, `label`, `state`, and where they have one `key`, `reason`,
  /// `outcome`, `seconds`, `file`, `line`; `edges` with `from`, `to`.
  package var json: String {
    var json = JSONText()
    json.beginObject()
    json.key("nodes")
    json.beginArray()
    for (index, node) in nodes.enumerated() {
      json.beginObject()
      json.field("id", index)
      json.field("kind", node.kind)
      json.field("label", node.label)
      json.field("state", node.state.rawValue)
      if let key = node.key {
        json.field("key", key)
      }
      if let reason = node.reason {
        json.field("reason", reason)
      }
      if node.kind == "step" || node.kind == "output" {
        json.field("outcome", node.outcome.rawValue)
      }
      if let seconds = node.seconds {
        json.field("seconds", seconds: seconds)
      }
      if let location = node.location {
        json.field("file", location.file)
        json.field("line", location.line)
      }
      json.endObject()
    }
    json.endArray()
    json.key("edges")
    json.beginArray()
    for edge in edges {
      json.beginObject()
      json.field("from", edge.from)
      json.field("to", edge.to)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.text + "\n"
  }
}

extension GraphDescription {
  /// As it is drawn.
  ///
  /// - Complexity: O(nodes and edges).
  package func picture(title: String) -> Picture {
    Picture(
      title: title,
      nodes: nodes.map { node in
        let kind = Picture.Kind(rawValue: node.kind) ?? .literal
        let group: String
        switch kind {
        case .step: group = Picture.Node.group(ofStep: node.label)
        case .source, .output: group = Picture.Node.group(ofFile: node.label)
        case .literal, .folder: group = ""
        }
        return Picture.Node(
          kind: kind, label: node.label, state: node.outcome, details: Self.details(node, kind), group: group)
      }, edges: edges.map { Picture.Edge(from: $0.from, to: $0.to) })
  }

  private static func details(_ node: Node, _ kind: Picture.Kind) -> [String] {
    var lines: [String] = []
    switch (kind, node.outcome) {
    case (.step, .run): lines.append("ran in the last build")
    case (.step, .cached): lines.append("unchanged in the last build")
    case (.step, .stale): lines.append("stale: it could not run in the last build")
    case (.step, .failed): lines.append("failed in the last build: \(node.failure ?? "")")
    case (.output, .stale): lines.append("stale: of an earlier build")
    case (.step, .plain), (.output, _), (.source, _), (.literal, _), (.folder, _): break
    }
    if let reason = node.reason { lines.append("because: \(reason)") }
    if let seconds = node.seconds { lines.append("took \(Measure.seconds(seconds))") }
    if let key = node.key { lines.append("key \(key)") }
    if let place = node.location { lines.append("\(place.file):\(place.line):\(place.column)") }
    return lines
  }
}

extension RunOutcome.Ending {
  /// How a run ended, in a few words.
  package var description: String {
    switch self {
    case .exited(let code): "exit status \(code)"
    case .signaled(let signal): "signal \(signal)"
    case .timedOut: "timed out"
    case .cancelled: "cancelled"
    case .refused(let message): message
    }
  }
}
