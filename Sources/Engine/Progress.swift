import BuildGraph

/// How far a node has come in this run. See <doc:BuildStates>.
enum Resolution: Hashable {
  case pending
  /// Its artifacts are known and can be had.
  case resolved
  /// They cannot be had in this run; said already.
  case failed
}

/// What is known of a node. Ordered by size: there is one for each.
struct NodeProgress {
  var key: Digest?
  /// Whether its derivation key is wanted: it lies below something demanded.
  var isKeyDemanded = false
  /// Whether its artifacts are wanted.
  var isDemanded = false
  var isWaiting = false
  /// Whether the dependents have been told of the key; until then it counts as missing for them.
  var isKeySpread = false
  var resolution: Resolution = .pending
  /// Whether the dependents have been told that it is resolved.
  var isResolutionSpread = false
  private var marks: UInt8 = 0
  /// In a dry run: failed only in that something before it would run.
  var isForeseen: Bool {
    get { marks & 1 != 0 }
    set { marks = newValue ? marks | 1 : marks & ~1 }
  }
  /// Whether an evaluation has been told what it is.
  var isAnswered: Bool {
    get { marks & 2 != 0 }
    set { marks = newValue ? marks | 2 : marks & ~2 }
  }
  /// Dependencies without a derivation key.
  var missingKeys: Int32 = 0
  /// Dependencies that are not resolved; counted from the moment that they are demanded for this node.
  var missing: Int32 = 0
}

/// What a step is doing. One function, `transition`, changes it.
enum StepState: Hashable {
  /// Not wanted, or wanted and waiting for its derivation key.
  case idle
  case lookingUpDerivation
  /// Its inputs are demanded and not all resolved.
  case awaitingInputs
  case lookingUpReadSets
  case lookingUpResult
  /// Launched, and not begun.
  case queued
  case running
  /// Running, but an input has changed meanwhile: what it makes is thrown away.
  case runningStale
  /// A copy at work.
  case exporting
  /// A copy at work, and what it copies is another now: it is made again when it has ended, so that the last one is the newest.
  case exportingStale
  case done
  case failed
  /// An input cannot be had.
  case blocked
  case cancelled
  /// In a dry run: it would run.
  case wouldRun
}

/// What a step made, in order of its outputs. Most make one thing, which lies here without a list of its own.
struct MadeArtifacts: Hashable {
  private enum Content: Hashable {
    case none
    case one(Artifact)
    case several([Artifact])
  }

  private var content: Content

  init(_ artifacts: [Artifact] = []) {
    switch artifacts.count {
    case 0: content = .none
    case 1: content = .one(artifacts[0])
    default: content = .several(artifacts)
    }
  }

  var list: [Artifact] {
    switch content {
    case .none: []
    case .one(let artifact): [artifact]
    case .several(let artifacts): artifacts
    }
  }

  /// - Precondition: it made so many.
  subscript(output: Int) -> Artifact {
    if case .one(let artifact) = content, output == 0 { return artifact }
    return list[output]
  }
}

/// Ordered so that what is small fills what the large leaves: there is one for each step, of 64 bytes.
struct StepProgress {
  var made = MadeArtifacts()
  var state: StepState = .idle
  var isSandboxed = false
  /// Set when a derivation entry turned out to hold for other inputs.
  var ignoresDerivation = false
  /// Whether its trace was asked for.
  var hasTrace = false
  /// Whether it was begun again since a source that it read was touched meanwhile, and held what it had held.
  var wasTouched = false
  /// The inputs that the derivation entry was made with, where that is how the step was resolved.
  var derivedFrom: [Digest]?
  var contentKey: Digest?
  /// Whether it has run, or in a dry run would; also where it had to be begun anew since.
  var hasRun = false
  var reruns: Int16 = 0
  var attempts: Int32 = 0
}

/// What an evaluation asks of a source, beside its content.
struct SourceQuestions: OptionSet {
  let rawValue: UInt8
  static let presence = SourceQuestions(rawValue: 1)
  static let listing = SourceQuestions(rawValue: 2)
}

/// What has been learned of the world in this run.
struct Observed {
  enum SourceState: Hashable {
    case unknown
    case asked
    case present(Artifact)
    case failed(String)
  }

  var sources: [SourceState] = []
  var literals: [Artifact] = []
  /// What folders hold, by digest: source folders, assemblies, and outputs whose manifest was loaded.
  var manifests: [Digest: FolderManifest] = [:]
  var assemblies: [Artifact?] = []
}

/// This run's progress, apart from the graph and the world.
struct Progress {
  var nodes: [NodeProgress] = []
  var steps: [StepProgress] = []
  /// Needs by the node that answers them.
  var needs: [NodeID: [Need]] = [:]
  /// What was asked of sources that is told without reading them, until it comes.
  var looks: [SourceID: SourceQuestions] = [:]
  var outputs = EntryTable()
  /// Steps that stand for all that they rest on.
  var settled: [StepID: SettledStep] = [:]
  /// Why some steps will be launched, where that is known before they are looked up.
  var reasons: [StepID: Reason] = [:]
  /// What steps were like when they were last brought up to date, until they are so again; of those with a depfile also then.
  var traces: [StepID: StepTrace] = [:]
  /// What steps had made by their keys before they had to be made again; empty where that is not known.
  var former: [StepID: [Artifact]] = [:]
  /// By derivation key: what steps made last that have made something else by it; as ``Keys/variant(of:)``.
  var variants: [Digest: Digest] = [:]
  /// What former runs of a step with a depfile read, while it is looked up whether one of their results holds; in order of its keys.
  var readSets: [StepID: [[ByteString]]] = [:]
  /// K1 of steps with a depfile.
  var declaredKeys: [StepID: Digest] = [:]
  var reportedSources: Set<SourceID> = []
  var failedSteps = 0
  var hasStopped = false
  var isInterrupted = false
}
