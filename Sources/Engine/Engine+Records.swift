package import BuildGraph

/// What is remembered of a step, and what it is called.
extension BuildEngine {
  /// - Parameters:
  ///   - readSet: what a run with a depfile read.
  ///   - reads: what a former run read whose result was found.
  mutating func record(
    _ step: StepID, _ exec: Exec, result: [Artifact]?, isSandboxed: Bool, readSet: Record.ReadSet?,
    reads: [ByteString]? = nil, contentKey: Digest
  ) {
    let node = graph.stepNodes[Int(step.index)]
    let inputs = exec.inputs.compactMap { artifact(of: $0.reference) }.map(Keys.derivation(of:))
    var derivation: Record.Derivation?
    if let key = progress[node].key, inputs.count == exec.inputs.count, exec.depfile == nil {
      derivation = Record.Derivation(key: key, inputs: inputs)
    }
    let reads = readSet?.paths ?? reads
    let now = trace(of: step, exec, reads: reads, contentKey: contentKey)
    let isNew = progress.traces[step]?.contentKey != contentKey
    let trace = isNew && (exec.depfile == nil || reads != nil) ? now : nil
    if let trace { progress.traces[step] = trace }
    guard result != nil || derivation != nil || trace != nil || readSet != nil else { return }
    effects.append(
      .record(
        Record(
          step: step, contentKey: contentKey, result: result, isSandboxed: isSandboxed, derivation: derivation,
          readSet: readSet, trace: trace, identity: graph.identities[Int(step.index)])))
  }

  /// Remembers what a step is like whose derivation was known: its inputs are those that the entry was made with.
  ///
  /// Without it a later reason would be told against a state that is no longer the last.
  mutating func recordTrace(of step: StepID, _ exec: Exec, _ hit: DerivationHit) {
    let trace = trace(of: step, exec, derivedFrom: hit.inputs, contentKey: hit.contentKey)
    effects.append(
      .record(
        Record(
          step: step, contentKey: hit.contentKey, result: nil, isSandboxed: hit.isSandboxed, derivation: nil,
          readSet: nil, trace: trace, identity: graph.identities[Int(step.index)])))
  }

  private mutating func trace(
    of step: StepID, _ exec: Exec, derivedFrom digests: [Digest], contentKey: Digest
  ) -> StepTrace {
    let plan = graph.plan(of: step, exec: exec)
    let inputs = exec.inputs.indices.filter { plan.staging.slots[$0] == $0 }.map {
      StepTrace.Input(path: plan.staging.inputs[$0], digest: digests[$0])
    }
    return StepTrace(contentKey: contentKey, command: plan.command, inputs: inputs)
  }

  /// What the only step of its name is remembered by besides its identity; nil where several have its name.
  package func nameIdentity(of step: StepID) -> Digest? { graph.nameIdentity(of: step) }

  /// Why a step must run that was not built with these inputs before, given what the only step of its name was like.
  ///
  /// - Precondition: the step's content key is known.
  /// - Complexity: O(inputs).
  package mutating func reason(for step: StepID, sinceNamesake old: StepTrace) -> Reason {
    guard let exec = exec(of: step), let key = progress[step].contentKey else { return .neverBuilt }
    return trace(of: step, exec, reads: nil, contentKey: key).reason(sinceNamesake: old) { staged in
      humanName(ofStaged: staged, step: step, exec)
    }
  }

  /// Forgets what a step that is done was like: all of that can be told again from what it read.
  mutating func forgetTrace(of step: StepID) {
    if exec(of: step)?.depfile == nil { progress.traces[step] = nil }
  }

  /// Before a step that is done is begun anew: what it was like, so that its reason can be told.
  mutating func recallTrace(of step: StepID) {
    guard progress[step].state == .done, progress[step].hasTrace, progress.traces[step] == nil,
      let exec = exec(of: step), exec.depfile == nil, let key = progress[step].contentKey
    else { return }
    if let digests = progress[step].derivedFrom {
      progress.traces[step] = trace(of: step, exec, derivedFrom: digests, contentKey: key)
    } else {
      progress.traces[step] = trace(of: step, exec, reads: nil, contentKey: key)
    }
    graph.forgetPlan(of: step)
  }

  /// What the step is like now: of a step with a depfile by what it read, if that is known, else by what it read last time.
  mutating func trace(of step: StepID, _ exec: Exec, reads: [ByteString]?, contentKey: Digest) -> StepTrace {
    let plan = graph.plan(of: step, exec: exec)
    var inputs: [StepTrace.Input] = []
    for (index, input) in exec.inputs.enumerated() where plan.staging.slots[index] == index {
      guard let artifact = artifact(of: input.reference) else { continue }
      let isNarrowed = exec.depfile != nil && input.kind == .folder
      let digest = isNarrowed ? namesDigest(of: artifact) : Keys.derivation(of: artifact)
      inputs.append(StepTrace.Input(path: plan.staging.inputs[index], digest: digest))
    }
    if exec.depfile != nil {
      let known = Set(inputs.map(\.path))
      let paths = reads ?? progress.traces[step]?.inputs.map(\.path).filter { !known.contains($0) } ?? []
      for path in paths where !known.contains(path) {
        let digest = staged(path, of: step, exec).map(Keys.derivation(of:)) ?? Digest(high: 0, low: 0)
        inputs.append(StepTrace.Input(path: path, digest: digest))
      }
    }
    return StepTrace(contentKey: contentKey, command: plan.command, inputs: inputs)
  }

  func namesDigest(of folder: Artifact) -> Digest {
    observed.manifests[folder.digest].map(Keys.names(of:)) ?? folder.digest
  }

  // MARK: Depfiles

  struct Undeclared: Error { let message: String }

  /// The staged paths that a run read, of those that a folder input narrows; checked to be declared.
  mutating func reads(in depfile: [UInt8]?, of step: StepID, _ exec: Exec) -> Result<[ByteString], Undeclared> {
    guard let depfile else {
      return .failure(Undeclared(message: "the command did not write its depfile '\(exec.depfile!.display)'"))
    }
    let staging = graph.plan(of: step, exec: exec).staging
    var paths: [ByteString] = []
    for path in Depfile.prerequisites(in: depfile) {
      // What the system provides is not declared, and not followed.
      if path.bytes.first == UInt8(ascii: "/") { continue }
      if staging.inputs.contains(path) { continue }
      if staging.outputs.contains(where: { path == $0 || path.bytes.starts(with: $0.bytes + [UInt8(ascii: "/")]) }) {
        continue
      }
      guard staged(path, of: step, exec) != nil else {
        return .failure(Undeclared(message: "the depfile names '\(path.display)', which is no input of the step"))
      }
      paths.append(path)
    }
    return .success(paths.sorted())
  }

  /// What lies at a staged path inside a folder input.
  mutating func staged(_ path: ByteString, of step: StepID, _ exec: Exec) -> Artifact? {
    let staging = graph.plan(of: step, exec: exec).staging
    for (index, input) in exec.inputs.enumerated() where staging.slots[index] == index && input.kind == .folder {
      let prefix = staging.inputs[index].bytes + [UInt8(ascii: "/")]
      guard path.bytes.starts(with: prefix), let folder = artifact(of: input.reference),
        let manifest = observed.manifests[folder.digest],
        case .file(let artifact)? = manifest.content(at: ByteString(bytes: Array(path.bytes[prefix.count...])))
      else { continue }
      return artifact
    }
    return nil
  }

  /// K2 with the folders as they are now.
  mutating func narrowedKey(of step: StepID, reads: [ByteString]) -> Digest {
    guard let exec = exec(of: step), let declared = progress.declaredKeys[step] else {
      return Digest(high: 0, low: 0)
    }
    let names = exec.inputs.filter { $0.kind == .folder }.compactMap { artifact(of: $0.reference) }
      .map { namesDigest(of: $0) }
    let found = reads.map { (path: $0, artifact: staged($0, of: step, exec)) }
    return Keys.narrowed(declared: declared, names: names, reads: found)
  }

  /// What the key of a step with resolved inputs was made of, line by line as it was hashed.
  package mutating func explanation(of step: StepID) -> [String] {
    guard let exec = exec(of: step) else { return [] }
    let plan = graph.plan(of: step, exec: exec)
    var manifest = TextManifest()
    for part in CommandKey.Part.allCases { Keys.write(part, of: exec, staging: plan.staging, to: &manifest) }
    let inputs = exec.inputs.compactMap { artifact(of: $0.reference) }
    Keys.writeContent(command: plan.command.digest, inputs: inputs, to: &manifest)
    return manifest.lines
  }

  /// Where an exec finds its inputs and makes its outputs.
  package mutating func staging(of step: StepID, _ exec: Exec) -> Staging { graph.plan(of: step, exec: exec).staging }

  // MARK: For the next build

  /// What the steps of a whole graph have from their places in it.
  ///
  /// - Parameter seconds: that each is expected to take; nil where nobody knows, and each counts as one.
  /// - Complexity: O(nodes and edges).
  package static func frames(of graph: FlowGraph, seconds: [Double]?) -> [StepFrame] {
    var engine = BuildEngine()
    engine.graph.extend(by: GraphExtension(graph, seconds: seconds))
    engine.graph.complete()
    var frames: [StepFrame] = []
    frames.reserveCapacity(graph.steps.count)
    for index in graph.steps.indices { frames.append(engine.frame(of: StepID(index: UInt32(index)))) }
    return frames
  }

  /// What a step has from its place in the whole graph.
  package mutating func frame(of step: StepID) -> StepFrame {
    StepFrame(
      label: graph.label(of: step), rank: graph.ranks[Int(step.index)], identity: graph.identities[Int(step.index)])
  }

  /// What the next build may take a step for.
  package func state(of step: StepID) -> NodeState {
    let node = graph.stepNodes[Int(step.index)]
    guard progress[node].isKeyDemanded else { return .unwanted }
    switch progress[step].state {
    case .done:
      guard let key = progress[node].key else { return .stale }
      return .made(
        StepMade(
          key: key, contentKey: progress[step].contentKey ?? key, outputs: progress[step].made.list,
          isSandboxed: progress[step].isSandboxed))
    case .idle:
      guard !progress[node].isDemanded, progress[node].resolution == .pending, let key = progress[node].key else {
        return .stale
      }
      return .keyed(key)
    case .lookingUpDerivation, .awaitingInputs, .lookingUpReadSets, .lookingUpResult, .queued, .running, .runningStale,
      .exporting, .exportingStale, .failed, .blocked, .cancelled, .wouldRun:
      return .stale
    }
  }

  // MARK: Names

  /// What people call a step: its name in the program, and where there are several of it what tells it from the others.
  package mutating func label(of step: StepID) -> String { graph.label(of: step) }

  func display(_ source: SourceID) -> String {
    switch graph.sources[Int(source.index)].place {
    case .path(let path): return path.bytes.isEmpty ? "." : path.bytes.display
    case .unmapped(let url): return url.display
    }
  }

  /// What people call the thing that a step finds at a staged path.
  mutating func humanName(ofStaged path: ByteString, step: StepID, _ exec: Exec) -> String {
    let staging = graph.plan(of: step, exec: exec).staging
    for (index, input) in exec.inputs.enumerated() where staging.slots[index] == index {
      let staged = staging.inputs[index]
      if path == staged {
        let name = display(input.reference)
        return exec.depfile != nil && input.kind == .folder ? "the list of files in \(name)" : name
      }
      if path.bytes.starts(with: staged.bytes + [UInt8(ascii: "/")]) {
        return display(input.reference) + ByteString(bytes: Array(path.bytes[staged.count...])).display
      }
    }
    return path.display
  }

  private mutating func display(_ reference: ArtifactReference) -> String {
    switch reference {
    case .source(let id): return display(id)
    case .output(let step, let output):
      guard let exec = exec(of: step), exec.outputs.count > 1 else { return label(of: step) }
      return "\(label(of: step)).\(exec.outputs[output].label)"
    case .member(let step, _, let path): return "\(label(of: step))/\(path.display)"
    case .literal: return "a file that the program makes"
    case .assembly: return "a folder that the program makes"
    }
  }

  // MARK: Origins

  /// Where a step finds the content of a resolved reference.
  func origin(of reference: ArtifactReference) -> ContentOrigin? {
    switch reference {
    case .source(let id):
      guard case .path(let path) = graph.sources[Int(id.index)].place else { return nil }
      return .source(path)
    case .output(let step, _):
      if case .copy(let inner, _, _) = graph.steps[Int(step.index)].work { return origin(of: inner) }
      return artifact(of: reference).map { .object($0) }
    case .member, .literal: return artifact(of: reference).map { .object($0) }
    case .assembly(let id):
      var members: [ContentOrigin.ViewMember] = []
      for member in graph.assemblies[Int(id.index)] {
        guard let origin = origin(of: member.reference) else { return nil }
        members.append(ContentOrigin.ViewMember(path: member.name, origin: origin))
      }
      return .view(members)
    }
  }

  func collectSources(of reference: ArtifactReference, into sources: inout Set<SourceID>) {
    switch reference {
    case .source(let id): sources.insert(id)
    case .assembly(let id):
      for member in graph.assemblies[Int(id.index)] { collectSources(of: member.reference, into: &sources) }
    case .output(let step, _):
      if case .copy(let inner, _, _) = graph.steps[Int(step.index)].work { collectSources(of: inner, into: &sources) }
    case .member, .literal: return
    }
  }
}
