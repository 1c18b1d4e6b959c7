package import BuildGraph
package import Diagnostics
package import Ports

/// Where an output comes from, as of the last build: read from the persisted graph by a few point queries.
package struct Provenance: Hashable, Sendable {
  /// One thing that a step reads.
  package struct Input: Hashable, Sendable {
    /// What people call it: a source's path, a step's label with what is taken of it.
    package var name: String
    package var isSource: Bool
  }

  /// How the result was made.
  package struct Run: Hashable, Sendable {
    package var number: Int64
    package var build: Int64
    /// Seconds since 1970; nil where the run is no longer on record.
    package var startedAt: Double?
    package var seconds: Double
    package var cpuSeconds: Double
    package var peakMemoryBytes: Int64
    package var isSandboxed: Bool
    package var reason: String
    /// The node of a cluster; nil for this machine.
    package var node: String?
    /// What went through a table's plan.
    package var plan: String?
  }

  package enum Maker: Hashable, Sendable {
    /// The output is a copy of this input.
    case source(String)
    /// The program itself holds the bytes.
    case program
    /// A folder that the program puts together.
    case assembly([Input])
    case step(StepProvenance)
  }

  package struct StepProvenance: Hashable, Sendable {
    package var label: String
    /// 12 digits of the key; nil for a step that had not to be looked at, or that is stale.
    package var key: String?
    package var location: ProgramLocation?
    /// The command as it runs.
    package var command: String
    package var inputs: [Input]
    package var outputs: [ByteString]
    package var isStale: Bool
    package var run: Run?
  }

  /// The path in the output tree, or the step's label.
  package var subject: String
  package var maker: Maker
}

/// Asks a persisted graph where things come from.
package struct ProvenanceQuery {
  private let graph: PersistedGraph
  private let store: any Store

  package init(graph: PersistedGraph, store: any Store) {
    self.graph = graph
    self.store = store
  }

  /// What made an output.
  ///
  /// - Returns: nil where the graph has no output at this path.
  /// - Complexity: O(inputs of its step), point queries.
  package func output(at path: ByteString) throws(SystemError) -> Provenance? {
    guard let entry = try graph.entry(holding: path) else { return nil }
    let maker: Provenance.Maker
    switch entry.reference {
    case .source(let id): maker = .source(try name(of: .source(id)))
    case .literal: maker = .program
    case .assembly(let id): maker = .assembly(try inputs(of: graph.definition(of: .assembly(id))))
    case .output(let id, _), .member(let id, _, _): maker = .step(try step(id))
    }
    return Provenance(subject: path.display, maker: maker)
  }

  /// Steps by label, by the name that several labels begin with, or by the first digits of the key; in the order of the program.
  ///
  /// - Complexity: O(bytes of the graph's steps), at the speed of reading them: there is no index of labels.
  package func steps(named name: String) throws(SystemError) -> [StepID] {
    let search = GraphSearch(store: store, graph: graph)
    let labelled = try search.steps(labelled: name)
    return labelled.isEmpty ? try search.steps(keyed: name) : labelled
  }

  /// The labels of all steps, for suggestions.
  package func labels() throws(SystemError) -> [String] { try GraphSearch(store: store, graph: graph).labels() }

  package func label(of step: StepID) throws(SystemError) -> String {
    guard case .step(_, let frame) = try graph.definition(of: .step(step)).content else { return "" }
    return frame.label
  }

  /// What is known of a step.
  package func provenance(of id: StepID) throws(SystemError) -> Provenance {
    let step = try step(id)
    return Provenance(subject: step.label, maker: .step(step))
  }

  private func step(_ id: StepID) throws(SystemError) -> Provenance.StepProvenance {
    let definition = try graph.definition(of: .step(id))
    guard case .step(let step, let frame) = definition.content else {
      throw SystemError(.damaged, "the graph of the last build is damaged: build again")
    }
    var result = Provenance.StepProvenance(
      label: frame.label, location: step.location, command: try command(of: step), inputs: try inputs(of: definition),
      outputs: definition.entries, isStale: false)
    switch try graph.state(of: .step(id)) {
    case .stale: result.isStale = true
    case .made(let made):
      result.key = String(made.contentKey.description.prefix(12))
      result.run = try run(of: made.contentKey, label: frame.label)
      if case .table(let table) = step.work, let plan = result.run?.plan {
        result.command = "table, as \(table.form.label), of these; with the records of its last run\n\(plan)"
      }
    case .unwanted, .known, .keyed: break
    }
    return result
  }

  private func command(of step: Step) throws(SystemError) -> String {
    switch step.work {
    case .copy(_, _, .path(let path)): return "copy to \(path.bytes.display)"
    case .copy(_, _, .unmapped(let url)): return "copy to \(url.display)"
    case .table(let table):
      let outline = table.plan.outline.utf8 ?? ""
      return outline.isEmpty ? "table, as \(table.form.label)" : "table, as \(table.form.label), of\n\(outline)"
    case .exec(let exec):
      var names: [ArtifactReference: ByteString] = [:]
      for input in exec.inputs where names[input.reference] == nil {
        names[input.reference] = try baseName(of: input.reference)
      }
      return Self.text(Staging(exec) { names[$0] ?? "" }.script(of: exec))
    }
  }

  /// A script's lines without their common indentation and without the blank ones around them.
  private static func text(_ script: ByteString) -> String {
    var lines = script.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
    func isBlank(_ line: ArraySlice<UInt8>) -> Bool { line.allSatisfy { $0 == 0x20 || $0 == 0x09 } }
    while let first = lines.first, isBlank(first) { lines.removeFirst() }
    while let last = lines.last, isBlank(last) { lines.removeLast() }
    var indentation = Int.max
    for line in lines where !isBlank(line) { indentation = min(indentation, line.prefix(while: { $0 == 0x20 }).count) }
    return lines.map { ByteString(bytes: Array($0.dropFirst(indentation))).display }.joined(separator: "\n")
  }

  private func baseName(of reference: ArtifactReference) throws(SystemError) -> ByteString {
    let node = GraphNode(reference)
    switch (reference, try graph.definition(of: node).content) {
    case (.output(_, let output), .step(let step, _)): return step.baseName(ofOutput: output)
    case (.member(_, _, let path), _): return Path(path).baseName
    case (_, .source(let source)):
      switch source.place {
      case .path(let path): return path.baseName
      case .unmapped(let url): return Path(url).baseName
      }
    case (.literal, _): return "literal"
    case (.assembly, _), (.output, _), (.source, _): return "folder"
    }
  }

  private func inputs(of definition: NodeDefinition) throws(SystemError) -> [Provenance.Input] {
    var result: [Provenance.Input] = []
    var seen: Set<ArtifactReference> = []
    for reference in definition.inputs where seen.insert(reference).inserted {
      var isSource = false
      if case .source = reference { isSource = true }
      result.append(Provenance.Input(name: try name(of: reference), isSource: isSource))
    }
    return result
  }

  /// What people call a thing that a step reads.
  package func name(of reference: ArtifactReference) throws(SystemError) -> String {
    let node = GraphNode(reference)
    switch (reference, try graph.definition(of: node).content) {
    case (_, .source(let source)): return source.display
    case (.output(_, let output), .step(let step, let frame)):
      guard case .exec(let exec) = step.work, exec.outputs.count > 1 else { return frame.label }
      return "\(frame.label).\(exec.outputs[output].label)"
    case (.member(_, _, let path), .step(_, let frame)): return "\(frame.label)/\(path.display)"
    case (.literal, _): return "a file that the program makes"
    case (_, _): return "a folder that the program makes"
    }
  }

  private func run(of key: Digest, label: String) throws(SystemError) -> Provenance.Run? {
    guard let result = try store.results(for: [key])[key] else { return nil }
    var run = Provenance.Run(
      number: result.run.number, build: 0, startedAt: nil, seconds: result.usage.wallSeconds,
      cpuSeconds: result.usage.cpuSeconds, peakMemoryBytes: result.usage.peakMemoryBytes,
      isSandboxed: result.isSandboxed, reason: "")
    // The run may have had another label, before a namesake came or went.
    if let record = try store.runs(labelled: label, limit: 64).first(where: { $0.run == result.run }) {
      run.build = record.build
      run.startedAt = record.startedAt
      run.reason = record.reason
      run.node = record.node
      run.plan = record.plan
    }
    return run
  }
}

extension Source {
  /// What people call it.
  package var display: String {
    switch place {
    case .path(let path): path.bytes.isEmpty ? "." : path.bytes.display
    case .unmapped(let url): url.display
    }
  }
}

extension Step {
  /// What the n-th output is called where another step finds it.
  package func baseName(ofOutput output: Int) -> ByteString {
    switch work {
    case .exec(let exec): output < exec.outputs.count ? ByteString(exec.outputs[output].label) : ""
    case .copy(_, _, .path(let path)): path.baseName
    case .copy(_, _, .unmapped(let url)): Path(url).baseName
    case .table(let table): ByteString(table.form.label)
    }
  }
}
