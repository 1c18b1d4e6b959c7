/// A node of a graph that the state keeps: a source, a step, a literal or an assembly, by its index in the graph that the
/// program gave.
package enum GraphNode: Hashable, Comparable, Sendable {
  case source(SourceID)
  case step(StepID)
  case literal(LiteralID)
  case assembly(AssemblyID)

  /// The node whose being known makes a reference known.
  package init(_ reference: ArtifactReference) {
    switch reference {
    case .source(let id): self = .source(id)
    case .output(let id, _), .member(let id, _, _): self = .step(id)
    case .literal(let id): self = .literal(id)
    case .assembly(let id): self = .assembly(id)
    }
  }

  package var kind: GraphNodeKind {
    switch self {
    case .source: .source
    case .step: .step
    case .literal: .literal
    case .assembly: .assembly
    }
  }

  package var index: UInt32 {
    switch self {
    case .source(let id): id.index
    case .step(let id): id.index
    case .literal(let id): id.index
    case .assembly(let id): id.index
    }
  }

  package init(_ kind: GraphNodeKind, _ index: UInt32) {
    switch kind {
    case .source: self = .source(SourceID(index: index))
    case .step: self = .step(StepID(index: index))
    case .literal: self = .literal(LiteralID(index: index))
    case .assembly: self = .assembly(AssemblyID(index: index))
    }
  }

  /// One number for kind and index; the order of nodes is its order.
  package var code: UInt64 { UInt64(kind.rawValue) << 32 | UInt64(index) }

  package static func < (a: Self, b: Self) -> Bool { a.code < b.code }
}

/// The numbers are stored: never reuse one.
package enum GraphNodeKind: UInt8, Hashable, Sendable, CaseIterable { case source, literal, assembly, step }

/// Something that an evaluation asked about a node, and a digest of what it was told. While the answers are the same, the
/// evaluation need not be repeated.
package struct RecordedNeed: Hashable, Sendable {
  package enum Question: UInt8, Hashable, Sendable { case presence, artifact, listing, text }

  package var question: Question
  package var reference: ArtifactReference
  /// See ``answer(_:)``; all zero for a presence.
  package var answer: Digest

  package init(_ question: Question, _ reference: ArtifactReference, answer: Digest) {
    self.question = question
    self.reference = reference
    self.answer = answer
  }

  /// What was asked and answered; nil for an answer that is a failure.
  package init?(_ need: Need, _ answer: Answer) {
    switch (need, answer) {
    case (.presence(let id), .present): self.init(.presence, .source(id), answer: Digest(high: 0, low: 0))
    case (.artifact(let reference), .artifact(let artifact)):
      self.init(.artifact, reference, answer: Self.answer(artifact))
    case (.listing(let reference), .listing(let names)): self.init(.listing, reference, answer: Self.answer(names))
    case (.text(let reference), .text(let text)):
      self.init(.text, reference, answer: Digest(hashing: text.bytes))
    case (.presence, _), (.artifact, _), (.listing, _), (.text, _): return nil
    }
  }

  package static func answer(_ artifact: Artifact) -> Digest { Keys.derivation(of: artifact) }

  package static func answer(_ names: [ByteString]) -> Digest {
    var manifest = DigestManifest()
    for name in names { manifest.write(.name, name) }
    return manifest.finish()
  }

  /// Whether an artifact that the reference has now would be the same answer.
  ///
  /// - Precondition: the question is about the content: ``Question/artifact`` or ``Question/text``.
  package func isAnswered(by artifact: Artifact) -> Bool {
    question == .text ? artifact.digest == answer : Self.answer(artifact) == answer
  }
}

/// What the program says about one node, and who needs it.
package struct NodeDefinition: Hashable, Sendable {
  package enum Content: Hashable, Sendable {
    case source(Source)
    case step(Step, StepFrame)
    case literal(ByteString)
    case assembly([FlowGraph.Member])
  }

  package var content: Content
  /// The steps and assemblies that have it among their inputs, ascending, each once.
  package var dependents: [GraphNode]
  /// The output entries that are made of it, by path, ascending.
  package var entries: [ByteString]
  package var needs: [RecordedNeed]

  package init(
    content: Content, dependents: [GraphNode] = [], entries: [ByteString] = [], needs: [RecordedNeed] = []
  ) {
    self.content = content
    self.dependents = dependents
    self.entries = entries
    self.needs = needs
  }

  /// What it is made of: the references of a step's inputs or an assembly's members, in order, with repetitions.
  package var inputs: [ArtifactReference] {
    switch content {
    case .source, .literal: []
    case .step(let step, _): step.inputs
    case .assembly(let members): members.map(\.reference)
    }
  }
}

extension Step {
  /// What it reads, in order, with repetitions.
  package var inputs: [ArtifactReference] {
    switch work {
    case .exec(let exec): exec.inputs.map(\.reference)
    case .copy(let reference, _, _): [reference]
    case .table(let table): table.inputs.map(\.reference)
    }
  }
}

/// What a step has from its place in the whole graph, so that a part of the graph can do without the rest.
package struct StepFrame: Hashable, Sendable {
  /// What people call it.
  package var label: String
  /// Length of the longest chain of steps that waits for it, itself included.
  package var rank: Double
  /// The name under which the state keeps its trace.
  package var identity: Digest

  package init(label: String, rank: Double, identity: Digest) {
    self.label = label
    self.rank = rank
    self.identity = identity
  }
}

/// What a node was when the graph was last brought up to date.
package enum NodeState: Hashable, Sendable {
  /// Nothing that was wanted rests on it; of a source, that nobody needed to know its content.
  case unwanted
  /// A step that is not up to date: it failed, or never came to run.
  case stale
  /// A source, an assembly: what it holds.
  case known(Artifact)
  /// A step that had not to be looked at, since what rests on it was answered from its derivation key.
  case keyed(Digest)
  case made(StepMade)
}

/// A step that is up to date.
package struct StepMade: Hashable, Sendable {
  /// The derivation key.
  package var key: Digest
  package var contentKey: Digest
  package var outputs: [Artifact]
  package var isSandboxed: Bool

  package init(key: Digest, contentKey: Digest, outputs: [Artifact], isSandboxed: Bool) {
    self.key = key
    self.contentKey = contentKey
    self.outputs = outputs
    self.isSandboxed = isSandboxed
  }
}

/// What is known of a persisted graph as a whole.
package struct GraphHeader: Hashable, Sendable {
  /// Grows with each save; a snapshot of a later one means that the state has lost its last commits.
  package var serial: Int64
  /// Of all definitions: graphs with the same one differ in their states only.
  package var definition: Digest
  /// Nodes of each kind, by its number.
  package var counts: [UInt32]
  /// Steps that the outputs rest on.
  package var wantedSteps: Int
  /// The files that the program was read from and that shape it: where one of them changes, the program is evaluated again.
  package var programFiles: [Path]
  /// Those of them whose words are known: a change of their comments alone makes no evaluation necessary.
  package var programs: [PlacedProgram]
  /// The steps whose state is ``NodeState/stale``, ascending.
  package var staleSteps: [StepID]
  /// What the evaluation said, opaque to the graph.
  package var sayings: [UInt8]

  package init(
    serial: Int64, definition: Digest, counts: [UInt32], wantedSteps: Int, programFiles: [Path],
    programs: [PlacedProgram] = [], staleSteps: [StepID], sayings: [UInt8]
  ) {
    self.serial = serial
    self.definition = definition
    self.counts = counts
    self.wantedSteps = wantedSteps
    self.programFiles = programFiles
    self.programs = programs
    self.staleSteps = staleSteps
    self.sayings = sayings
  }

  package func count(of kind: GraphNodeKind) -> Int { Int(counts[Int(kind.rawValue)]) }

  /// Where something that the evaluation found at a place of the program is now.
  package func current(_ location: ProgramLocation?) -> ProgramLocation? {
    guard var location, let program = programs.first(where: { $0.evaluated.file == location.file }), program.hasMoved,
      let line = program.line(of: location.line)
    else { return location }
    location.line = line
    return location
  }
}
