/// The sources of a graph, by number, with some 25 bytes for each beside its path: a ``Source`` is made when it is asked for.
package struct SourceTable: RandomAccessCollection, Sendable {
  private struct Row: Sendable {
    var root: RootID
    var isMapped: Bool
    var kind: ArtifactKind
    /// Its number among the places of the program.
    var location: UInt32
  }

  private var rows = Chunked<Row>()
  /// The path below the root, or the URL.
  private var names = PackedStrings()
  private var locations = DistinctValues<ProgramLocation?>()
  private var index = IndexTable()

  package init() {}

  package init(_ sources: some Sequence<Source>) {
    for source in sources { append(source) }
    complete()
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { rows.count }

  /// - Complexity: O(bytes of the path).
  package subscript(position: Int) -> Source {
    let row = rows[position]
    let name = names[position]
    return Source(
      place: row.isMapped ? .path(Path(root: row.root, name)) : .unmapped(url: name), kind: row.kind,
      location: locations[row.location])
  }

  /// The sources that have a place, ascending by path.
  ///
  /// - Complexity: O(n log n).
  package var positionsByPath: [UInt32] {
    var positions: [UInt32] = []
    for index in rows.indices where rows[index].isMapped { positions.append(UInt32(index)) }
    positions.sort { a, b in
      let roots = (rows[Int(a)].root, rows[Int(b)].root)
      if roots.0 != roots.1 { return roots.0 < roots.1 }
      if names.precedes(Int(a), Int(b)) { return true }
      return !names.precedes(Int(b), Int(a)) && a < b
    }
    return positions
  }

  mutating func append(_ source: Source) {
    let (name, root) = Self.name(of: source.place)
    names.append(name)
    rows.append(
      Row(
        root: root ?? .workspace, isMapped: root != nil, kind: source.kind,
        location: locations.number(of: source.location)))
  }

  /// The source of a place, among those that were added with ``add(_:)``.
  func index(of place: Source.Place, _ kind: ArtifactKind) -> Int? {
    let (name, root) = Self.name(of: place)
    return find(name, root, kind, Self.hash(name, root, kind))
  }

  /// Adds a source unless there is one of its place and kind.
  ///
  /// - Returns: its position.
  mutating func add(_ source: Source) -> Int {
    let (name, root) = Self.name(of: source.place)
    let hash = Self.hash(name, root, source.kind)
    if let found = find(name, root, source.kind, hash) { return found }
    append(source)
    let (rows, names) = (rows, names)
    index.add(rows.count - 1, hash) { position in
      let row = rows[position]
      return Self.hash(names[position], row.isMapped ? row.root : nil, row.kind)
    }
    return rows.count - 1
  }

  /// Forgets what adding takes.
  package mutating func complete() {
    index = IndexTable()
    locations.complete()
  }

  private func find(_ name: ByteString, _ root: RootID?, _ kind: ArtifactKind, _ hash: UInt64) -> Int? {
    index.find(hash) { position in
      let row = rows[position]
      return row.kind == kind && (row.isMapped ? row.root : nil) == root && names.equals(name, at: position)
    }
  }

  private static func name(of place: Source.Place) -> (ByteString, RootID?) {
    switch place {
    case .path(let path): (path.bytes, path.root)
    case .unmapped(let url): (url, nil)
    }
  }

  private static func hash(_ name: ByteString, _ root: RootID?, _ kind: ArtifactKind) -> UInt64 {
    Digest(hashing: name.bytes).low &+ UInt64(kind.rawValue) &+ UInt64(root.map { $0.index &+ 1 } ?? 0) << 1
  }
}

/// The steps of a graph, by number. Steps that a program makes at one place differ in their inputs only: what else they say is kept once,
/// and a ``Step`` is made when it is asked for.
package struct StepTable: RandomAccessCollection, Sendable {
  private struct Row: Sendable {
    /// The number of a step that says the same, without its inputs unless it has more than ``inputsApart``.
    var pattern: UInt32
    var firstInput: UInt32
    var inputCount: UInt32
  }

  /// With more inputs a step has a list of its own: to ask for a step must not cost what it reads.
  private static let inputsApart = 8

  private var rows = Chunked<Row>()
  private var patterns = DistinctValues<Step>()
  private var inputs = Chunked<Exec.Input>()

  package init() {}

  package init(_ steps: some Sequence<Step>) {
    for step in steps { append(step) }
    complete()
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { rows.count }

  package subscript(position: Int) -> Step {
    let row = rows[position]
    var step = patterns[row.pattern]
    guard row.inputCount > 0, case .exec(var exec) = step.work else { return step }
    let first = Int(row.firstInput)
    exec.inputs = Array(inputs[first..<first + Int(row.inputCount)])
    step.work = .exec(exec)
    return step
  }

  /// The name of a step, without making the step.
  package func name(at position: Int) -> String { patterns[rows[position].pattern].name }

  /// The names of the steps from one on, without making the steps.
  package func names(from first: Int) -> some Collection<String> { (first..<endIndex).lazy.map { name(at: $0) } }

  /// Whether the key of a step follows from what it makes or reads: it copies, or has a depfile. Without making the step.
  package func isResolvedFirst(at position: Int) -> Bool {
    switch patterns[rows[position].pattern].work {
    case .exec(let exec): exec.depfile != nil
    case .copy: true
    case .table: false
    }
  }

  mutating func append(_ step: Step) {
    guard case .exec(var exec) = step.work, exec.inputs.count <= Self.inputsApart else {
      return rows.append(Row(pattern: patterns.append(step), firstInput: 0, inputCount: 0))
    }
    let first = inputs.count
    for input in exec.inputs { inputs.append(input) }
    exec.inputs = []
    var pattern = step
    pattern.work = .exec(exec)
    rows.append(
      Row(pattern: patterns.number(of: pattern), firstInput: UInt32(first), inputCount: UInt32(inputs.count - first)))
  }

  mutating func setResources(_ resources: Resources, ofExecAt position: Int) {
    var pattern = patterns[rows[position].pattern]
    guard case .exec(var exec) = pattern.work else { return }
    exec.resources = resources
    pattern.work = .exec(exec)
    // Nobody else has a list of inputs of its own.
    rows[position].pattern = exec.inputs.isEmpty ? patterns.number(of: pattern) : patterns.append(pattern)
  }

  /// Forgets what adding takes.
  package mutating func complete() { patterns.complete() }
}

/// The entries of an output tree, by number, with some 30 bytes for each beside its path: an ``OutputEntry`` is made when it is asked for.
package struct EntryTable: RandomAccessCollection, Sendable {
  private struct Row: Sendable {
    var reference: ArtifactReference
    var kind: ArtifactKind
    /// Its number among the places of the program.
    var location: UInt32
  }

  private var rows = Chunked<Row>()
  private var paths = PackedStrings()
  private var locations = DistinctValues<ProgramLocation?>()

  package init() {}

  package init(_ entries: some Sequence<OutputEntry>) {
    for entry in entries {
      paths.append(entry.path)
      rows.append(
        Row(reference: entry.reference, kind: entry.kind, location: locations.number(of: entry.location)))
    }
    locations.complete()
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { rows.count }

  /// - Complexity: O(bytes of the path).
  package subscript(position: Int) -> OutputEntry {
    let row = rows[position]
    return OutputEntry(
      path: paths[position], reference: row.reference, kind: row.kind, location: locations[row.location])
  }
}
