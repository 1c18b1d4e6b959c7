package import BuildGraph
package import Diagnostics

/// Names an object: what an artifact is, without its size.
package struct ObjectID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var kind: ArtifactKind
  package var digest: Digest
  package var isExecutable: Bool

  package init(kind: ArtifactKind, digest: Digest, isExecutable: Bool) {
    self.kind = kind
    self.digest = digest
    self.isExecutable = isExecutable
  }

  package init(_ artifact: Artifact) {
    self.init(kind: artifact.kind, digest: artifact.digest, isExecutable: artifact.isExecutable)
  }

  package static func < (a: Self, b: Self) -> Bool {
    if a.digest != b.digest { return a.digest < b.digest }
    return (a.kind.rawValue, a.isExecutable ? 1 : 0) < (b.kind.rawValue, b.isExecutable ? 1 : 0)
  }

  /// The 32 digits of its digest.
  package var description: String { digest.description }
}

/// An object as it lies in the store.
package struct StoredObject: Hashable, Sendable {
  package var id: ObjectID
  /// Of the file; of a folder, of its manifest.
  package var bytes: Int64

  package init(id: ObjectID, bytes: Int64) {
    self.id = id
    self.bytes = bytes
  }
}

/// What reading an object again showed.
package enum ObjectHealth: Hashable, Sendable {
  case sound
  case missing
  /// In words, such as `its content is another`.
  case damaged(String)
}

/// Files of the state that are neither rows nor objects.
package struct StateLeftover: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// The log of a run.
    case log(RunID)
    /// A folder as a read-only tree of links to its objects.
    case tree(ObjectID)
    /// Of the nothing-changed path of a graph.
    case snapshot(Digest)
    /// What a relation keeps for the next build, by its key. It only saves time.
    case tables(Digest)
    /// Something that was damaged and set aside, or that a killed process left.
    case remains
  }

  package var kind: Kind
  /// Relative to the state folder.
  package var path: ByteString
  /// What removing it frees.
  package var bytes: Int64

  package init(kind: Kind, path: ByteString, bytes: Int64) {
    self.kind = kind
    self.path = path
    self.bytes = bytes
  }
}

/// The objects and other files of the state, for those who shrink it or look it through. The caller holds the state lock.
package protocol ObjectUpkeep: Sendable {
  /// All objects, ascending.
  ///
  /// - Complexity: one look at each.
  func storedObjects() throws(SystemError) -> [StoredObject]
  /// What lies among the objects and is none, relative to the state folder; ascending.
  func strangers() throws(SystemError) -> [ByteString]
  /// Logs, trees, snapshots, what tables keep, and remains, ascending by path.
  func leftovers() throws(SystemError) -> [StateLeftover]
  /// A folder's manifest, or nil where it is missing or damaged; nothing is changed.
  func members(of folder: ObjectID) -> FolderManifest?
  /// Reads objects again, on all cores; nothing is changed.
  func examine(_ objects: [StoredObject]) -> [ObjectHealth]
  /// Moves a damaged object away from the others.
  ///
  /// - Returns: where it is now, relative to the state folder.
  func setAside(_ object: ObjectID) throws(SystemError) -> ByteString
  /// Removes objects; those that are gone already are fine.
  func remove(_ objects: [ObjectID]) throws(SystemError)
  func remove(_ leftovers: [StateLeftover]) throws(SystemError)
}

/// What is known of a run without reading all of it.
package struct RunStub: Hashable, Sendable {
  package var run: RunID
  package var build: Int64
  package var contentKey: Digest
  /// Seconds since 1970.
  package var startedAt: Double

  package init(run: RunID, build: Int64, contentKey: Digest, startedAt: Double) {
    self.run = run
    self.build = build
    self.contentKey = contentKey
    self.startedAt = startedAt
  }
}

/// A build that was begun.
package struct BuildStub: Hashable, Sendable {
  package var number: Int64
  package var program: ByteString
  /// Seconds since 1970.
  package var startedAt: Double
  /// Nil where it did not come to its end.
  package var succeeded: Bool?

  package init(number: Int64, program: ByteString, startedAt: Double, succeeded: Bool?) {
    self.number = number
    self.program = program
    self.startedAt = startedAt
    self.succeeded = succeeded
  }
}

/// A row that is not what was written, or does not fit the others.
package struct RowDamage: Hashable, Sendable {
  package enum Row: Hashable, Sendable {
    case source(Path)
    case result(Digest)
    case derivation(Digest)
    case variant(Digest)
    case trace(Digest)
    case readSet(Digest)
    case run(RunID)
    /// By the key of the row, which tells the tree as well.
    case output(ByteString)
    /// By the key of the row, which tells the tree as well.
    case intent(ByteString)
    case graph(Digest)
    /// The file as a whole.
    case database
  }

  package var row: Row
  /// What is wrong with it, in words.
  package var message: String

  package init(_ row: Row, _ message: String) {
    self.row = row
    self.message = message
  }
}

/// Rows to forget, all of them in one transaction.
package struct StateRemoval: Hashable, Sendable {
  package var results: [Digest] = []
  package var derivations: [Digest] = []
  /// By derivation key.
  package var variants: [Digest] = []
  package var traces: [Digest] = []
  /// By declared key.
  package var readSets: [Digest] = []
  package var runs: [RunID] = []
  package var builds: [Int64] = []
  package var graphs: [Digest] = []
  /// By the keys that damage was found under.
  package var outputs: [ByteString] = []
  /// By the keys that damage was found under.
  package var intents: [ByteString] = []

  package init() {}

  package var isEmpty: Bool {
    results.isEmpty && derivations.isEmpty && variants.isEmpty && traces.isEmpty && readSets.isEmpty && runs.isEmpty
      && builds.isEmpty && graphs.isEmpty && outputs.isEmpty && intents.isEmpty
  }
}

/// All rows of the state, for those who shrink it or look it through.
package protocol StateUpkeep: Store {
  func allResults() throws(SystemError) -> [(key: Digest, result: StepResult)]
  /// Each derivation key with the content key that it leads to.
  func allDerivations() throws(SystemError) -> [(key: Digest, contentKey: Digest)]
  /// Each identity with its trace.
  func allTraces() throws(SystemError) -> [(identity: Digest, bytes: [UInt8])]
  /// The declared keys that have read sets.
  func readSetKeys() throws(SystemError) -> [Digest]
  /// The declared keys that results with a depfile were made under, by content key.
  func declaredKeys() throws(SystemError) -> [Digest: Digest]
  /// Ascending.
  func allRuns() throws(SystemError) -> [RunStub]
  /// Ascending.
  func allBuilds() throws(SystemError) -> [BuildStub]
  /// Content and derivation keys that were once in a graph and have left it, with the last build that may have needed them.
  func lastUses() throws(SystemError) -> [Digest: Int64]
  /// What the outputs of all trees hold, and what intents name.
  func heldArtifacts() throws(SystemError) -> [Artifact]
  /// The build that saved each graph last; the most recently saved first.
  func graphBuilds() throws(SystemError) -> [(key: Digest, build: Int64)]

  /// Forgets rows and counts as a change in any case, so that who has read the state reads it again.
  func remove(_ removal: StateRemoval) throws(SystemError)
  /// Gives what removed rows took back to the disk, if that is worth it.
  func shrink() throws(SystemError)
  /// Everything that is wrong with the rows; nothing is changed.
  func damage() throws(SystemError) -> [RowDamage]
  /// Forgets damaged rows, and what rests on them.
  func repair(_ damage: [RowDamage]) throws(SystemError)
}
