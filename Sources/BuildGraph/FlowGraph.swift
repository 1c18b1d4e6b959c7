/// Where in the program something was written; for labels and messages, never part of a key.
///
/// Small, since every node has one: lines and columns beyond four billion are told as that.
package struct ProgramLocation: Hashable, Sendable {
  package var file: String
  private var shortLine: UInt32
  private var shortColumn: UInt32

  package var line: Int {
    get { Int(shortLine) }
    set { shortLine = UInt32(clamping: newValue) }
  }
  package var column: Int {
    get { Int(shortColumn) }
    set { shortColumn = UInt32(clamping: newValue) }
  }

  package init(file: String, line: Int, column: Int) {
    self.file = file
    shortLine = UInt32(clamping: line)
    shortColumn = UInt32(clamping: column)
  }
}

/// Index of a source in ``FlowGraph/sources``.
package struct SourceID: Hashable, Comparable, Sendable {
  package let index: UInt32
  package init(index: UInt32) { self.index = index }
  package static func < (a: Self, b: Self) -> Bool { a.index < b.index }
}

/// Index of a step in ``FlowGraph/steps``. A step's inputs have lower ids than the step.
package struct StepID: Hashable, Comparable, Sendable {
  package let index: UInt32
  package init(index: UInt32) { self.index = index }
  package static func < (a: Self, b: Self) -> Bool { a.index < b.index }
}

/// Index in ``FlowGraph/literals``: bytes that the program itself made (`files.Create`).
package struct LiteralID: Hashable, Comparable, Sendable {
  package let index: UInt32
  package init(index: UInt32) { self.index = index }
  package static func < (a: Self, b: Self) -> Bool { a.index < b.index }
}

/// Index in ``FlowGraph/assemblies``: a folder that the program put together from files.
package struct AssemblyID: Hashable, Comparable, Sendable {
  package let index: UInt32
  package init(index: UInt32) { self.index = index }
  package static func < (a: Self, b: Self) -> Bool { a.index < b.index }
}

/// A file or a folder that may not exist yet: what a `file` or `dir` value of the language is.
package enum ArtifactReference: Hashable, Sendable {
  case source(SourceID)
  /// The n-th declared output of a step.
  case output(StepID, Int)
  /// A file inside a folder that a step makes, by its path there. Apart, so that the others are small.
  indirect case member(StepID, Int, ByteString)
  case literal(LiteralID)
  case assembly(AssemblyID)
}

/// An input file or folder, named in the program.
package struct Source: Hashable, Sendable {
  package enum Place: Hashable, Sendable {
    case path(Path)
    /// A URL for which the configuration has no mapping. An error as soon as it is demanded.
    case unmapped(url: ByteString)
  }

  package var place: Place
  package var kind: ArtifactKind
  /// Of the first expression that named it.
  package var location: ProgramLocation?

  package init(place: Place, kind: ArtifactKind, location: ProgramLocation?) {
    self.place = place
    self.kind = kind
    self.location = location
  }
}

/// What a step needs of a machine. Not part of any key.
package struct Resources: Hashable, Sendable {
  /// Cores; nil where the program does not say.
  package var cpu: Double?
  /// Bytes.
  package var memory: Int64?
  /// Bytes.
  package var disk: Int64?
  package var cpuFeatures: [String]

  package init(cpu: Double? = nil, memory: Int64? = nil, disk: Int64? = nil, cpuFeatures: [String] = []) {
    self.cpu = cpu
    self.memory = memory
    self.disk = disk
    self.cpuFeatures = cpuFeatures
  }

  /// Asks for whatever is asked for by either, the larger of each.
  package mutating func formMaximum(_ other: Resources) {
    cpu = [cpu, other.cpu].compactMap { $0 }.max()
    memory = [memory, other.memory].compactMap { $0 }.max()
    disk = [disk, other.disk].compactMap { $0 }.max()
    for feature in other.cpuFeatures where !cpuFeatures.contains(feature) { cpuFeatures.append(feature) }
  }
}

/// A command: what it says, what it sees, and what it makes.
package struct Exec: Hashable, Sendable {
  package enum Fragment: Hashable, Sendable {
    case text(ByteString)
    /// The path at which the command finds the n-th element of ``Exec/inputs``.
    case input(Int)
    /// The path at which it must make the n-th element of ``Exec/outputs``.
    case output(Int)
  }

  package struct Input: Hashable, Sendable {
    package var reference: ArtifactReference
    package var kind: ArtifactKind

    package init(reference: ArtifactReference, kind: ArtifactKind) {
      self.reference = reference
      self.kind = kind
    }
  }

  package struct Output: Hashable, Sendable {
    package var label: String
    package var kind: ArtifactKind
    /// Whether the template mentions it; one that it never mentions is empty and not missing.
    package var isMentioned: Bool

    package init(label: String, kind: ArtifactKind, isMentioned: Bool) {
      self.label = label
      self.kind = kind
      self.isMentioned = isMentioned
    }
  }

  /// The template with interpolated values inlined. Adjacent texts are merged.
  package var template: [Fragment]
  /// One for each occurrence of a file or folder in the template.
  package var inputs: [Input]
  package var outputs: [Output]
  /// What most commands do not have, in a place of its own: there is one exec for each step.
  private var extras: ExecExtras?

  package var image: ByteString? {
    get { extras?.values.image }
    set { change { $0.image = newValue } }
  }
  /// Variables beyond the fixed ones, ascending by name.
  package var environment: [Variable] {
    get { extras?.values.environment ?? [] }
    set { change { $0.environment = newValue } }
  }
  package var network: Bool {
    get { extras?.values.network ?? false }
    set { change { $0.network = newValue } }
  }
  package var timeoutSeconds: Double? {
    get { extras?.values.timeoutSeconds }
    set { change { $0.timeoutSeconds = newValue } }
  }
  package var retries: Int {
    get { extras?.values.retries ?? 0 }
    set { change { $0.retries = newValue } }
  }
  /// Path, relative to the working directory, of a Makefile-style list of what the command read.
  package var depfile: ByteString? {
    get { extras?.values.depfile }
    set { change { $0.depfile = newValue } }
  }
  package var nondeterministic: Bool {
    get { extras?.values.nondeterministic ?? false }
    set { change { $0.nondeterministic = newValue } }
  }
  /// 0 but for the copies that `ExecRepeatAndCheck` makes, which must not be answered from the cache.
  package var repetition: Int {
    get { extras?.values.repetition ?? 0 }
    set { change { $0.repetition = newValue } }
  }
  package var resources: Resources {
    get { extras?.values.resources ?? Resources() }
    set { change { $0.resources = newValue } }
  }

  private mutating func change(_ body: (inout ExecExtras.Values) -> Void) {
    var values = extras?.values ?? ExecExtras.Values()
    body(&values)
    // Equal execs must be equal whichever way they were made.
    extras = values == ExecExtras.Values() ? nil : ExecExtras(values)
  }

  package struct Variable: Hashable, Sendable {
    package var name: ByteString
    package var value: ByteString

    package init(name: ByteString, value: ByteString) {
      self.name = name
      self.value = value
    }
  }

  package init(
    template: [Fragment], inputs: [Input], outputs: [Output], image: ByteString? = nil, environment: [Variable] = [],
    network: Bool = false, timeoutSeconds: Double? = nil, retries: Int = 0, depfile: ByteString? = nil,
    nondeterministic: Bool = false, repetition: Int = 0, resources: Resources = Resources()
  ) {
    self.template = template
    self.inputs = inputs
    self.outputs = outputs
    let values = ExecExtras.Values(
      image: image, environment: environment, network: network, timeoutSeconds: timeoutSeconds, retries: retries,
      depfile: depfile, nondeterministic: nondeterministic, repetition: repetition, resources: resources)
    extras = values == ExecExtras.Values() ? nil : ExecExtras(values)
  }
}

/// A node of the graph that costs something.
package struct Step: Hashable, Sendable {
  /// Almost all are execs: what the others say is kept apart, so that it takes no room in these.
  package enum Work: Hashable, Sendable {
    case exec(Exec)
    /// `files.Copy` and `dirs.Copy`: brings an artifact to a mapped place outside the output tree. What is copied counts
    /// as its output 0, so that an evaluation that must know that it is done asks for that artifact.
    indirect case copy(ArtifactReference, kind: ArtifactKind, to: Source.Place)
    /// A table as a file or folder, its output 0.
    indirect case table(TableStep)
  }

  package var work: Work
  /// The identifier in the program that the step was bound to, with its module, such as `Aligned`; for people.
  package var name: String
  package var location: ProgramLocation?

  package init(work: Work, name: String, location: ProgramLocation?) {
    self.work = work
    self.name = name
    self.location = location
  }
}

/// What a program has said so far: sources, steps, literals and assemblies, each once.
///
/// Append-only: an evaluation that goes on adds to it, and ids stay valid. Equal things get equal ids, so two places of a
/// program that say the same share one step.
package struct FlowGraph: Sendable {
  package private(set) var sources = SourceTable()
  package private(set) var steps = StepTable()
  package private(set) var literals = Chunked<ByteString>()
  /// Each ascending by name, names distinct.
  package private(set) var assemblies = Chunked<[Member]>()

  package struct Member: Hashable, Sendable {
    package var name: ByteString
    package var reference: ArtifactReference

    package init(name: ByteString, reference: ArtifactReference) {
      self.name = name
      self.reference = reference
    }
  }

  /// By a digest of all that a step says but its resources: a step is large, and a table of steps would be a second graph.
  private var stepIDs: [Digest: StepID] = [:]
  private var literalIDs: [ByteString: LiteralID] = [:]
  private var assemblyIDs: [[Member]: AssemblyID] = [:]

  package init() {}

  /// A part of a graph that was complete: nothing is added to it, so that equal things need not be found.
  package init(sources: [Source], steps: [Step], literals: [ByteString], assemblies: [[Member]]) {
    self.sources = SourceTable(sources)
    self.steps = StepTable(steps)
    self.literals = Chunked(literals)
    self.assemblies = Chunked(assemblies)
  }

  /// To be called where nothing more will be added: forgets what that takes.
  package mutating func complete() {
    sources.complete()
    steps.complete()
    stepIDs = [:]
    literalIDs = [:]
    assemblyIDs = [:]
  }

  package mutating func addSource(_ source: Source) -> SourceID { SourceID(index: UInt32(sources.add(source))) }

  /// Steps that differ in their resources only are one step, which gets the larger of each.
  package mutating func addStep(_ step: Step) -> StepID {
    let key = Self.name(of: step.work)
    if let id = stepIDs[key] {
      if case .exec(let exec) = step.work { raise(exec.resources, of: id) }
      return id
    }
    let id = StepID(index: UInt32(steps.count))
    steps.append(step)
    stepIDs[key] = id
    return id
  }

  private static func name(of work: Step.Work) -> Digest {
    var work = work
    if case .exec(var exec) = work {
      exec.resources = Resources()
      work = .exec(exec)
    }
    var writer = BinaryWriter(reserving: 256)
    writer.write(Step(work: work, name: "", location: nil))
    return Digest(hashing: writer.bytes)
  }

  // MARK: Finding
  //
  // What was added, until the graph is complete.

  package func source(at place: Source.Place, kind: ArtifactKind) -> SourceID? {
    sources.index(of: place, kind).map { SourceID(index: UInt32($0)) }
  }

  /// The step that does something, however its resources differ.
  package func step(doing work: Step.Work) -> StepID? { stepIDs[Self.name(of: work)] }

  package func literal(of bytes: ByteString) -> LiteralID? { literalIDs[bytes] }

  package func assembly(of members: [Member]) -> AssemblyID? { assemblyIDs[members] }

  /// Lets an exec ask for no less than these resources.
  package mutating func raise(_ resources: Resources, of step: StepID) {
    guard case .exec(let exec) = steps[Int(step.index)].work else { return }
    var raised = exec.resources
    raised.formMaximum(resources)
    if raised != exec.resources { steps.setResources(raised, ofExecAt: Int(step.index)) }
  }

  package mutating func addLiteral(_ bytes: ByteString) -> LiteralID {
    if let id = literalIDs[bytes] { return id }
    let id = LiteralID(index: UInt32(literals.count))
    literals.append(bytes)
    literalIDs[bytes] = id
    return id
  }

  /// - Precondition: `members` ascend by name and no name occurs twice.
  package mutating func addAssembly(_ members: [Member]) -> AssemblyID {
    if let id = assemblyIDs[members] { return id }
    let id = AssemblyID(index: UInt32(assemblies.count))
    assemblies.append(members)
    assemblyIDs[members] = id
    return id
  }
}

/// One file or folder of the output tree, by its path there.
package struct OutputEntry: Hashable, Sendable {
  package var path: ByteString
  package var reference: ArtifactReference
  package var kind: ArtifactKind
  package var location: ProgramLocation?

  package init(path: ByteString, reference: ArtifactReference, kind: ArtifactKind, location: ProgramLocation?) {
    self.path = path
    self.reference = reference
    self.kind = kind
    self.location = location
  }
}
