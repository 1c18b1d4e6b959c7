package import BuildGraph

/// What became of a source that the engine asked for.
package enum SourceObservation: Hashable, Sendable {
  case file(Artifact)
  case folder(Artifact, FolderManifest)
  /// Missing, unreadable or of another kind; the message says which and what to do.
  case failed(message: String)
}

/// What the state knows about a derivation key.
package struct DerivationAnswer: Hashable, Sendable {
  package var step: StepID
  package var key: Digest
  /// Nil where nothing is known or the result's objects are gone.
  package var hit: DerivationHit?
  /// What the step was like when it was last brought up to date.
  package var trace: StepTrace?
  /// Where the key is known and the objects are gone: what they were, as far as that is still known.
  package var former: [Artifact]?

  package init(step: StepID, key: Digest, hit: DerivationHit?, trace: StepTrace?, former: [Artifact]? = nil) {
    self.step = step
    self.key = key
    self.hit = hit
    self.trace = trace
    self.former = former
  }
}

package struct DerivationHit: Hashable, Sendable {
  package var contentKey: Digest
  /// The direct inputs when the result was made, as ``Keys/derivation(of:)`` of their artifacts.
  package var inputs: [Digest]
  package var outputs: [Artifact]
  package var isSandboxed: Bool

  package init(contentKey: Digest, inputs: [Digest], outputs: [Artifact], isSandboxed: Bool) {
    self.contentKey = contentKey
    self.inputs = inputs
    self.outputs = outputs
    self.isSandboxed = isSandboxed
  }
}

/// What the state knows about content keys of one step.
package struct ResultAnswer: Hashable, Sendable {
  package enum Found: Hashable, Sendable {
    case nothing
    /// A row is there, but an object that it names is not.
    case gone(outputs: [Artifact])
    /// - Parameter key: which of the keys asked for it was.
    case result(key: Digest, outputs: [Artifact], isSandboxed: Bool)
  }

  package var step: StepID
  package var keys: [Digest]
  package var found: Found
  /// What the step was like when it was last brought up to date, if the lookup asked for it.
  package var trace: StepTrace?

  package init(step: StepID, keys: [Digest], found: Found, trace: StepTrace? = nil) {
    self.step = step
    self.keys = keys
    self.found = found
    self.trace = trace
  }
}

/// How a run ended, as far as the engine needs to know.
package struct RunReport: Hashable, Sendable {
  package enum Ending: Hashable, Sendable {
    /// With its declared outputs, in order.
    case succeeded([Artifact])
    /// - Parameter isTemporary: it says that another attempt may succeed (exit 75).
    case failed(isTemporary: Bool)
    case cancelled
  }

  package struct Change: Hashable, Sendable {
    package var source: SourceID
    package var observation: SourceObservation

    package init(source: SourceID, observation: SourceObservation) {
      self.source = source
      self.observation = observation
    }
  }

  package var ending: Ending
  package var isSandboxed: Bool
  /// Sources that it could read and that are not what they were when it was launched.
  package var changes: [Change]
  package var depfile: [UInt8]?

  package init(ending: Ending, isSandboxed: Bool, changes: [Change] = [], depfile: [UInt8]? = nil) {
    self.ending = ending
    self.isSandboxed = isSandboxed
    self.changes = changes
    self.depfile = depfile
  }
}

package enum ExportEnding: Hashable, Sendable {
  /// The destination had the content already.
  case unchanged
  case written
  case failed
  /// In a dry run: it would have been written.
  case wouldWrite
}

/// All that a program has said so far; what it said before comes first.
package struct GraphExtension: Sendable {
  package var sources: SourceTable
  package var steps: StepTable
  package var literals: Chunked<ByteString>
  package var assemblies: Chunked<[FlowGraph.Member]>
  /// One for each of the steps, where these are a part of a graph whose whole they were computed from; nil to compute them here.
  package var frames: [StepFrame]?
  /// The seconds that each of the steps that are new is expected to take; nil where nobody knows, and each counts as one.
  package var seconds: [Double]?

  package init(_ graph: FlowGraph, frames: [StepFrame]? = nil, seconds: [Double]? = nil) {
    sources = graph.sources
    steps = graph.steps
    literals = graph.literals
    assemblies = graph.assemblies
    self.frames = frames
    self.seconds = seconds
  }
}

/// A step that is as the last build left it, and stands for all that it rests on: its inputs are not in the graph.
package struct SettledStep: Hashable, Sendable {
  package var step: StepID
  /// The derivation key.
  package var key: Digest
  /// What it made; nil where the last build did not have to know.
  package var made: StepMade?

  package init(step: StepID, key: Digest, made: StepMade?) {
    self.step = step
    self.key = key
    self.made = made
  }
}

/// Something that has happened. The engine learns of the world by these alone.
///
/// What is large lies apart: there may be a thousand at once of those that are small.
package enum Event: Sendable {
  indirect case graphExtended(GraphExtension)
  /// Some steps of the last extension are as the last build left them.
  case settled([SettledStep])
  /// What the state knows of steps that make something else in some runs: by derivation key, as ``Keys/variant(of:)``. Comes before
  /// anything is asked for.
  case variantsKnown([Digest: Digest])
  /// The evaluation cannot go on without these.
  case needed([Need])
  /// The evaluation is done: these make the output tree.
  indirect case outputsDeclared(EntryTable)
  case sourceLooked(SourceID, failure: String?)
  case sourceListed(SourceID, paths: [ByteString]?, failure: String)
  case sourceObserved(SourceID, SourceObservation)
  /// A source that was observed is another now.
  case sourceReplaced(SourceID, SourceObservation)
  case literalStored(LiteralID, failure: String?)
  /// - Parameters:
  ///   - of: the folder that was asked for; the step may have made another one since.
  ///   - manifest: nil where the object is damaged or gone.
  case manifestLoaded(StepID, output: Int, of: Artifact, FolderManifest?)
  case derivationsFound([DerivationAnswer])
  case readSetsFound(StepID, key: Digest, sets: [[ByteString]])
  case resultsFound([ResultAnswer])
  /// The scheduler let a launch begin.
  case launched(StepID)
  /// If the step has to run, it cannot: it asks for more than there is. To be said before others are run for it.
  case unplaceable(StepID, message: String)
  case runEnded(StepID, RunReport)
  case exported(StepID, ExportEnding)
  /// Launch nothing more; what runs may end.
  case stopped
  case interrupted
}

/// Where the content of an input lies.
package enum ContentOrigin: Hashable, Sendable {
  case source(Path)
  case object(Artifact)
  /// A folder that the program put together.
  case view([ViewMember])

  package struct ViewMember: Hashable, Sendable {
    package var path: ByteString
    package var origin: ContentOrigin

    package init(path: ByteString, origin: ContentOrigin) {
      self.path = path
      self.origin = origin
    }
  }
}

/// A step that must run. What it reads then is ``BuildEngine/reads(of:)``.
package struct Launch: Hashable, Sendable {
  package struct Input: Hashable, Sendable {
    package var stagedPath: ByteString
    package var kind: ArtifactKind
    package var origin: ContentOrigin

    package init(stagedPath: ByteString, kind: ArtifactKind, origin: ContentOrigin) {
      self.stagedPath = stagedPath
      self.kind = kind
      self.origin = origin
    }
  }

  /// What a step reads; asked for when it begins, since many may wait.
  package struct Reads: Hashable, Sendable {
    package var inputs: [Input]
    /// The sources that it can read, to be looked at again when it has ended.
    package var sources: [SourceID]
  }

  package var step: StepID
  /// Names the step in events and logs.
  package var key: Digest
  package var reason: Reason
  /// Seconds of the longest chain of steps that waits for it, itself included.
  package var rank: Double

  package init(step: StepID, key: Digest, reason: Reason, rank: Double) {
    self.step = step
    self.key = key
    self.reason = reason
    self.rank = rank
  }
}

/// Something that the state must remember, once the objects that it names are durable.
package struct Record: Hashable, Sendable {
  package struct Derivation: Hashable, Sendable {
    package var key: Digest
    package var inputs: [Digest]

    package init(key: Digest, inputs: [Digest]) {
      self.key = key
      self.inputs = inputs
    }
  }

  package struct ReadSet: Hashable, Sendable {
    package var declaredKey: Digest
    package var paths: [ByteString]

    package init(declaredKey: Digest, paths: [ByteString]) {
      self.declaredKey = declaredKey
      self.paths = paths
    }
  }

  package var step: StepID
  package var contentKey: Digest
  /// Nil where the state has the result already.
  package var result: [Artifact]?
  package var isSandboxed: Bool
  package var derivation: Derivation?
  package var readSet: ReadSet?
  /// Nil where it is as the state has it.
  package var trace: StepTrace?
  package var identity: Digest

  package init(
    step: StepID, contentKey: Digest, result: [Artifact]?, isSandboxed: Bool, derivation: Derivation?,
    readSet: ReadSet?, trace: StepTrace?, identity: Digest
  ) {
    self.step = step
    self.contentKey = contentKey
    self.result = result
    self.isSandboxed = isSandboxed
    self.derivation = derivation
    self.readSet = readSet
    self.trace = trace
    self.identity = identity
  }
}

/// Why a step did not get to run.
package enum StepFailure: Hashable, Sendable {
  case ran
  /// It could not be tried, for this reason.
  case refused(message: String)
  case inputKeepsChanging(name: String)
}

/// Something that the driver has to do. It decides nothing.
package enum Effect: Hashable, Sendable {
  /// Look whether each source is there; answers `sourceLooked`.
  case look([SourceID])
  /// List source folders; answers `sourceListed`.
  case list([SourceID])
  /// Learn the contents of sources; answers `sourceObserved`.
  case observe([SourceID])
  case storeLiterals([LiteralID])
  case loadManifest(StepID, output: Int, Artifact)
  case lookUpDerivations([DerivationLookup])
  case loadReadSets(StepID, key: Digest)
  case lookUpResults([ResultLookup])
  /// Run it when there is room for it; answers `launched`, then `runEnded`.
  case launch(Launch)
  /// A launch that has not begun is no longer wanted.
  case withdraw(StepID)
  /// End a run; `runEnded` follows all the same.
  case cancel(StepID)
  /// Bring an artifact to a mapped place unless it is there; answers `exported`.
  case export(StepID, Artifact, ContentOrigin, to: Path)
  case record(Record)
  case answer(Need, Answer)
  /// Answer with the bytes of a file.
  case answerText(Need, ContentOrigin)
  /// The step's result was there.
  case reused(StepID, key: Digest)
  /// A run was a success.
  case succeeded(StepID)
  /// What a run made is thrown away, or it was cancelled; it may begin again.
  case discarded(StepID)
  case failed(StepID, StepFailure)
  /// A dry run found that it would run.
  case wouldRun(StepID, key: Digest, Reason)
  /// A source cannot be used, and a step or an output needs it.
  case sourceFailed(SourceID, message: String)
  /// The evaluation was answered from something that turned out to be another: begin again.
  case restart
  /// What a settled step made is gone, so that its inputs are needed: begin again with more of the graph.
  case incomplete(StepID)
  /// A step made something else than it had made by the same content key: from now on its derivation key, and every other that leads to
  /// this content key, is that of the variant. To be remembered in the transaction of the result.
  ///
  /// - Parameter key: the derivation key without a variant.
  case remade(StepID, key: Digest, contentKey: Digest, variant: Digest)
}

package struct DerivationLookup: Hashable, Sendable {
  package var step: StepID
  package var key: Digest
  package var identity: Digest
  /// What a settled step made: only whether it is still there has to be found out.
  package var made: StepMade?

  package init(step: StepID, key: Digest, identity: Digest, made: StepMade? = nil) {
    self.step = step
    self.key = key
    self.identity = identity
    self.made = made
  }
}

package struct ResultLookup: Hashable, Sendable {
  package var step: StepID
  /// In order of preference.
  package var keys: [Digest]
  /// Set where the step's trace was not asked for before.
  package var identity: Digest?

  package init(step: StepID, keys: [Digest], identity: Digest? = nil) {
    self.step = step
    self.keys = keys
    self.identity = identity
  }
}
