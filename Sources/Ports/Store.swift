package import BuildGraph
package import Diagnostics

/// What a step made under a content key: enough to skip it.
package struct StepResult: Hashable, Sendable {
  package var outputs: [Artifact]
  package var isSandboxed: Bool
  package var run: RunID
  package var usage: RunOutcome.Usage

  package init(outputs: [Artifact], isSandboxed: Bool, run: RunID, usage: RunOutcome.Usage) {
    self.outputs = outputs
    self.isSandboxed = isSandboxed
    self.run = run
    self.usage = usage
  }
}

/// The answer of a derivation key: the result, and the artifacts of the step's direct inputs when it was made.
package struct Derivation: Hashable, Sendable {
  package var contentKey: Digest
  package var inputs: [Digest]

  package init(contentKey: Digest, inputs: [Digest]) {
    self.contentKey = contentKey
    self.inputs = inputs
  }
}

/// What a step that makes something else in some runs made last, by a derivation key of it.
package struct Variant: Hashable, Sendable {
  package var contentKey: Digest
  /// As ``Keys/variant(of:)``.
  package var outputs: Digest

  package init(contentKey: Digest, outputs: Digest) {
    self.contentKey = contentKey
    self.outputs = outputs
  }
}

/// What a depfile step read in one of its runs: paths as staged, each with what was found there.
package struct ReadSet: Hashable, Sendable {
  package var paths: [ByteString]

  package init(paths: [ByteString]) { self.paths = paths }
}

/// One run of one step, for `log`, `why`, `report` and the scheduler.
package struct RunRecord: Hashable, Sendable {
  package var run: RunID
  /// The build that it belonged to.
  package var build: Int64
  package var contentKey: Digest
  package var label: String
  package var command: ByteString
  package var reason: String
  package var ending: RunOutcome.Ending
  package var usage: RunOutcome.Usage
  /// Seconds since 1970.
  package var startedAt: Double
  /// As in ``RunOutcome``.
  package var node: String?
  package var plan: String?

  package init(
    run: RunID, build: Int64, contentKey: Digest, label: String, command: ByteString, reason: String,
    ending: RunOutcome.Ending, usage: RunOutcome.Usage, startedAt: Double, node: String? = nil, plan: String? = nil
  ) {
    self.node = node
    self.plan = plan
    self.run = run
    self.build = build
    self.contentKey = contentKey
    self.label = label
    self.command = command
    self.reason = reason
    self.ending = ending
    self.usage = usage
    self.startedAt = startedAt
  }
}

/// One build that was recorded, for `report`. A build in which nothing changed leaves no record.
package struct BuildRecord: Hashable, Sendable {
  package var number: Int64
  package var program: ByteString
  /// Seconds since 1970.
  package var startedAt: Double
  /// Nil where it never came to an end, or was made by a version that kept no counts.
  package var summary: BuildEvent.Summary?

  package init(number: Int64, program: ByteString, startedAt: Double, summary: BuildEvent.Summary?) {
    self.number = number
    self.program = program
    self.startedAt = startedAt
    self.summary = summary
  }
}

extension BuildEvent.Summary {
  /// How a record keeps it: status, steps, run, cached, failed and milliseconds, with blanks between them.
  package var line: String {
    "\(status.rawValue) \(steps) \(run) \(cached) \(failed) \(Int64((max(0, seconds) * 1000).rounded()))"
  }

  /// Nil for what is not such a line.
  package init?(line: String) {
    let words = line.split(separator: " ")
    guard words.count == 6, let status = BuildEvent.BuildStatus(rawValue: String(words[0])) else { return nil }
    let counts = words.dropFirst().compactMap { Int($0) }
    guard counts.count == 5 else { return nil }
    self.init(
      status: status, steps: counts[0], run: counts[1], cached: counts[2], failed: counts[3],
      seconds: Double(counts[4]) / 1000)
  }
}

/// A file that Reflow wrote into the output tree. Owned by (program, target) through path and content.
package struct OwnedOutput: Hashable, Sendable {
  package var path: ByteString
  package var owner: ByteString
  package var artifact: Artifact
  /// As it was when it was written; spares hashing.
  package var hint: FileHint?

  package init(path: ByteString, owner: ByteString, artifact: Artifact, hint: FileHint?) {
    self.path = path
    self.owner = owner
    self.artifact = artifact
    self.hint = hint
  }
}

/// A change to the output tree that has been promised: until it is settled, a file equal to either side is ours.
package struct Intent: Hashable, Sendable {
  package var path: ByteString
  package var owner: ByteString
  package var old: Artifact?
  package var new: Artifact?

  package init(path: ByteString, owner: ByteString, old: Artifact?, new: Artifact?) {
    self.path = path
    self.owner = owner
    self.old = old
    self.new = new
  }
}

/// One change of the state. A transaction is a list of them; it happens whole or not at all.
package enum StoreChange: Sendable {
  case setSource(Path, Observation)
  case removeSource(Path)
  case setResult(contentKey: Digest, StepResult)
  case removeResult(contentKey: Digest)
  case setDerivation(key: Digest, Derivation)
  case setVariant(key: Digest, Variant)
  case addReadSet(declaredKey: Digest, ReadSet)
  /// Which declared key a result of a step with a depfile belongs to.
  case setDeclaredKey(Digest, contentKey: Digest)
  /// What a step was like when it was last brought up to date, under the identity that it keeps while its command and the
  /// contents of its inputs change; opaque to the store. Lets the next build say what has changed.
  case setTrace(identity: Digest, bytes: [UInt8])
  case addRun(RunRecord)
  /// What steps of a kind took; takes the place of what was known.
  case setHistory(kind: String, StepHistory)
  case setOutput(OwnedOutput)
  case removeOutput(path: ByteString)
  case setIntents([Intent])
  case removeIntents([ByteString])
  /// A build began; its number is that of `nextBuild`.
  case beginBuild(number: Int64, program: ByteString, startedAt: Double)
  case endBuild(number: Int64, BuildEvent.Summary)
  /// All pages of the graph of (program, targets, parameters, configuration), opaque to the store. Pages that are as they were are
  /// not written, those that are not named go, and so do the least recently saved graphs beyond a limit.
  case setGraph(key: Digest, pages: [GraphPage: [UInt8]])
  /// Some pages of a graph that is there.
  case updateGraph(key: Digest, pages: [GraphPage: [UInt8]])
  case removeGraph(key: Digest)
}

/// Takes one page of a graph.
package typealias GraphPageWriter = (GraphPage, [UInt8]) throws(SystemError) -> Void

/// The state in `.reflow/reflow.db`. Only the coordinator has one; calls come from one thread.
package protocol Store: AnyObject {
  /// Grows with each committed transaction that changes anything.
  var generation: Int64 { get }

  func sources() throws(SystemError) -> [Path: Observation]
  /// What is known of these paths, and of all that lies below those of `folders`.
  func sources(at paths: [Path], below folders: [Path]) throws(SystemError) -> [Path: Observation]
  func results(for contentKeys: [Digest]) throws(SystemError) -> [Digest: StepResult]
  func derivations(for keys: [Digest]) throws(SystemError) -> [Digest: Derivation]
  /// All there are: few, since most steps make the same each time.
  func variants() throws(SystemError) -> [Digest: Variant]
  /// The derivation keys that lead to each content key.
  ///
  /// - Complexity: O(derivations).
  func derivationKeys() throws(SystemError) -> [Digest: [Digest]]
  /// The newest first.
  func readSets(for declaredKey: Digest) throws(SystemError) -> [ReadSet]
  func traces(for identities: [Digest]) throws(SystemError) -> [Digest: [UInt8]]
  func outputs() throws(SystemError) -> [OwnedOutput]
  /// Those at these paths and all below them, each once.
  func outputs(atOrBelow paths: [ByteString]) throws(SystemError) -> [OwnedOutput]
  func intents() throws(SystemError) -> [Intent]
  /// What is known of kinds of steps; those that never ran are left out.
  func histories(of kinds: [String]) throws(SystemError) -> [String: StepHistory]
  /// All that is known, ascending by kind.
  func histories() throws(SystemError) -> [(kind: String, history: StepHistory)]
  func runs(labelled label: String?, limit: Int) throws(SystemError) -> [RunRecord]
  /// The newest first.
  func builds(limit: Int) throws(SystemError) -> [BuildRecord]
  /// Those of the pages that are there. Read them by ``PersistedGraph``.
  func graphPages(of key: Digest, _ pages: [GraphPage]) throws(SystemError) -> [GraphPage: [UInt8]]
  /// Replaces a graph in a transaction of its own, as ``StoreChange/setGraph(key:pages:)`` does, without holding all of it.
  ///
  /// - Parameter body: writes each page once; may be called again, where the state had to be begun anew.
  func saveGraph(
    key: Digest, _ body: (GraphPageWriter) throws(SystemError) -> Void
  ) throws(SystemError)
  /// The keys of the graphs that are kept, the most recently saved first.
  func graphKeys() throws(SystemError) -> [Digest]

  /// A number that was never given out before, also not before a crash.
  func nextRun() throws(SystemError) -> RunID
  func nextBuild() throws(SystemError) -> Int64

  func commit(_ changes: [StoreChange]) throws(SystemError)

  /// Takes notice of what other processes have committed since; to be called when the lock has been taken again.
  ///
  /// - Throws: `notFound` where the state was deleted or replaced meanwhile: it must be opened anew.
  func refresh() throws(SystemError)
}

extension Store {
  package func refresh() throws(SystemError) {}
}

extension Store {
  package func saveGraph(
    key: Digest, _ body: (GraphPageWriter) throws(SystemError) -> Void
  ) throws(SystemError) {
    var pages: [GraphPage: [UInt8]] = [:]
    try body { page, bytes throws(SystemError) in pages[page] = bytes }
    try commit([.setGraph(key: key, pages: pages)])
  }
}
