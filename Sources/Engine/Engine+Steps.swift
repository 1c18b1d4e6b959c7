package import BuildGraph

/// A step's way from its key to its result. See <doc:BuildStates>.
extension BuildEngine {
  /// What a step runs: a table as if it were a command with its inputs and outputs.
  func exec(of step: StepID) -> Exec? {
    graph.steps[Int(step.index)].command
  }

  // MARK: Derivations

  /// - Precondition: the step's key is known.
  mutating func lookUpDerivation(of step: StepID) {
    if progress[step].ignoresDerivation { return demandInputs(of: step) }
    transition(step, to: .lookingUpDerivation)
    let node = graph.stepNodes[Int(step.index)]
    wantedDerivations.append(
      DerivationLookup(
        step: step, key: progress[node].key!, identity: graph.identities[Int(step.index)],
        made: progress.settled[step]?.made))
  }

  mutating func found(_ answer: DerivationAnswer) {
    let step = answer.step
    let node = graph.stepNodes[Int(step.index)]
    guard progress[step].state == .lookingUpDerivation, progress[node].key == answer.key else { return }
    if progress.settled[step] != nil { return foundSettled(answer) }
    progress.traces[step] = answer.trace
    progress[step].hasTrace = true
    guard let hit = answer.hit, let exec = exec(of: step), hit.outputs.count == exec.outputs.count,
      hit.inputs.count == exec.inputs.count, hit.isSandboxed || !options.isStrict,
      agrees(hit.inputs, with: exec)
    else {
      progress.former[step] = answer.hit?.outputs ?? answer.former
      return demandInputs(of: step)
    }
    progress[step].contentKey = hit.contentKey
    progress[step].made = MadeArtifacts(hit.outputs)
    progress[step].derivedFrom = hit.inputs
    progress[step].isSandboxed = hit.isSandboxed
    if answer.trace?.contentKey != hit.contentKey { recordTrace(of: step, exec, hit) }
    effects.append(.reused(step, key: hit.contentKey))
    transition(step, to: .done)
  }

  // MARK: Made again

  /// A step has its result. If it had another one by the same key, which only a step that is not deterministic has, it gets another
  /// key, and so does all that rests on it: entries of what it made before are found no more, in this run and for good. The key of a
  /// barrier follows from what it makes in any case.
  ///
  /// - Complexity: O(all that depends on it), where it made something else.
  private mutating func compareWithFormer(_ step: StepID) {
    guard let former = progress.former.removeValue(forKey: step), former != progress[step].made.list, !isBarrier(step),
      let contentKey = progress[step].contentKey, let key = plainKey(of: step)
    else { return }
    let variant = Keys.variant(of: progress[step].made.list)
    guard progress.variants.updateValue(variant, forKey: key) != variant else { return }
    effects.append(.remade(step, key: key, contentKey: contentKey, variant: variant))
    let node = graph.stepNodes[Int(step.index)]
    progress[node].key = varied(key)
    beginAnew(above: node)
  }

  /// A step's key without what it happened to make.
  ///
  /// - Precondition: the keys of what it reads are known.
  mutating func plainKey(of step: StepID) -> Digest? {
    guard let exec = exec(of: step) else { return nil }
    return Keys.derivation(
      command: graph.plan(of: step, exec: exec).command.digest,
      inputs: exec.inputs.map { derivationKey(of: $0.reference) })
  }

  private mutating func foundSettled(_ answer: DerivationAnswer) {
    let step = answer.step
    guard let hit = answer.hit, hit.outputs.count == exec(of: step)?.outputs.count,
      hit.isSandboxed || !options.isStrict
    else { return effects.append(.incomplete(step)) }
    progress[step].contentKey = hit.contentKey
    progress[step].made = MadeArtifacts(hit.outputs)
    progress[step].isSandboxed = hit.isSandboxed
    transition(step, to: .done)
  }

  /// Whether no input that is resolved in this run is another one than the entry was made with.
  private func agrees(_ inputs: [Digest], with exec: Exec) -> Bool {
    for (input, recorded) in zip(exec.inputs, inputs) {
      guard let live = artifact(of: input.reference) else { continue }
      if Keys.derivation(of: live) != recorded { return false }
    }
    return true
  }

  /// Takes back a derivation hit when one of its inputs turns out to be another than it was made with.
  mutating func checkDerivation(of node: NodeID) {
    guard case .step(let step) = graph.kinds[node.position], progress[step].state == .done,
      let inputs = progress[step].derivedFrom, let exec = exec(of: step), !agrees(inputs, with: exec)
    else { return }
    progress[step].ignoresDerivation = true
    progress.former[step] = progress[step].made.list
    invalidate([node])
  }

  // MARK: Results

  mutating func inputsResolved(of step: StepID) {
    if case .copy(let reference, _, let place) = graph.steps[Int(step.index)].work {
      copy(reference, to: place, step: step)
    } else if let exec = exec(of: step) {
      var inputs: [Artifact] = []
      inputs.reserveCapacity(exec.inputs.count)
      for input in exec.inputs {
        guard let artifact = artifact(of: input.reference) else {
          return fail(step, .refused(message: missingMember(input.reference)))
        }
        inputs.append(artifact)
      }
      let command = graph.plan(of: step, exec: exec).command.digest
      defer { graph.forgetPlan(of: step) }
      if exec.depfile != nil {
        let key = Keys.declared(command: command, files: inputs.filter { $0.kind == .file })
        progress.declaredKeys[step] = key
        progress[step].contentKey = key
        transition(step, to: .lookingUpReadSets)
        effects.append(.loadReadSets(step, key: key))
      } else {
        let key = Keys.content(command: command, inputs: inputs)
        progress[step].contentKey = key
        lookUpResult(of: step, keys: [key])
      }
    }
  }

  private mutating func missingMember(_ reference: ArtifactReference) -> String {
    guard case .member(let step, let output, let path) = reference else { return "an input cannot be read" }
    let maker = label(of: step)
    guard let exec = exec(of: step) else { return "\(maker) holds no file '\(path.display)'" }
    return "the folder '\(exec.outputs[output].label)' that \(maker) made holds no file '\(path.display)'"
  }

  private mutating func lookUpResult(of step: StepID, keys: [Digest]) {
    transition(step, to: .lookingUpResult)
    let identity = progress[step].hasTrace ? nil : graph.identities[Int(step.index)]
    wantedResults.append(ResultLookup(step: step, keys: keys, identity: identity))
  }

  mutating func found(_ step: StepID, key: Digest, readSets: [[ByteString]]) {
    guard progress[step].state == .lookingUpReadSets, progress.declaredKeys[step] == key else { return }
    progress.readSets[step] = readSets
    lookUpResult(of: step, keys: readSets.map { narrowedKey(of: step, reads: $0) })
  }

  mutating func found(_ answer: ResultAnswer) {
    let step = answer.step
    guard progress[step].state == .lookingUpResult, let exec = exec(of: step) else { return }
    if exec.depfile == nil, answer.keys.first != progress[step].contentKey { return }
    let readSets = progress.readSets.removeValue(forKey: step)
    if !progress[step].hasTrace {
      progress.traces[step] = answer.trace
      progress[step].hasTrace = true
    }
    if case .result(let key, let outputs, let isSandboxed) = answer.found, outputs.count == exec.outputs.count {
      if isSandboxed || !options.isStrict {
        progress[step].contentKey = key
        progress[step].made = MadeArtifacts(outputs)
        progress[step].isSandboxed = isSandboxed
        compareWithFormer(step)
        let reads = answer.keys.firstIndex(of: key).flatMap { readSets?[$0] }
        record(step, exec, result: nil, isSandboxed: isSandboxed, readSet: nil, reads: reads, contentKey: key)
        effects.append(.reused(step, key: key))
        return transition(step, to: .done)
      }
      return launch(step, .notSandboxed)
    }
    let reason = progress.reasons[step] ?? reason(for: step, exec)
    if case .gone(let outputs) = answer.found {
      progress.former[step] = progress.former[step] ?? outputs
    } else if reason == .resultGone {
      progress.former[step] = progress.former[step] ?? []
    }
    launch(step, reason)
  }

  private mutating func reason(for step: StepID, _ exec: Exec) -> Reason {
    let now = trace(of: step, exec, reads: nil, contentKey: progress[step].contentKey!)
    return now.reason(since: progress.traces[step]) { staged in
      humanName(ofStaged: staged, step: step, exec)
    }
  }

  // MARK: Running

  mutating func launch(_ step: StepID, _ reason: Reason) {
    progress.reasons[step] = nil
    let key = progress[step].contentKey!
    if options.isDryRun {
      effects.append(.wouldRun(step, key: key, reason))
      progress[step].hasRun = true
      return transition(step, to: .wouldRun)
    }
    if progress.hasStopped { return transition(step, to: .cancelled) }
    guard let exec = exec(of: step) else { return }
    for input in exec.inputs where origin(of: input.reference) == nil {
      return fail(step, .refused(message: missingMember(input.reference)))
    }
    progress[step].attempts += 1
    transition(step, to: .queued)
    // It may wait long for its turn, with many others.
    graph.forgetPlan(of: step)
    if let launch = launch(of: step, reason) { effects.append(.launch(launch)) }
  }

  /// The launch of a step that waits for its turn; nil of any other.
  package func launch(of step: StepID, _ reason: Reason) -> Launch? {
    guard progress[step].state == .queued, let key = progress[step].contentKey else { return nil }
    return Launch(step: step, key: key, reason: reason, rank: graph.ranks[Int(step.index)])
  }

  /// What a launched step reads; nil where it runs nothing.
  ///
  /// - Complexity: O(inputs).
  package mutating func reads(of step: StepID) -> Launch.Reads? {
    guard let exec = exec(of: step) else { return nil }
    let staging = graph.plan(of: step, exec: exec).staging
    var inputs: [Launch.Input] = []
    var sources: Set<SourceID> = []
    for (index, input) in exec.inputs.enumerated() where staging.slots[index] == index {
      guard let origin = origin(of: input.reference) else { return nil }
      collectSources(of: input.reference, into: &sources)
      inputs.append(Launch.Input(stagedPath: staging.inputs[index], kind: input.kind, origin: origin))
    }
    return Launch.Reads(inputs: inputs, sources: sources.sorted())
  }

  /// Fails a step whose result nobody has, though its inputs are not made yet.
  mutating func refuseIfNeeded(_ step: StepID, _ message: String) {
    switch progress[step].state {
    case .awaitingInputs, .lookingUpReadSets, .lookingUpResult:
      if !options.isDryRun { fail(step, .refused(message: message)) }
    // Nobody asks for it yet; or it has its result; or whoever starts it refuses it.
    case .idle, .lookingUpDerivation, .queued, .running, .runningStale, .exporting, .exportingStale, .done, .failed,
      .blocked,
      .cancelled, .wouldRun:
      return
    }
  }

  mutating func ended(_ step: StepID, _ report: RunReport) {
    let state = progress[step].state
    guard state == .running || state == .runningStale, let exec = exec(of: step) else {
      // While its run was cancelled for a change, something behind it failed.
      return effects.append(.discarded(step))
    }
    let changed = report.changes.filter { isNews($0) }
    if progress.isInterrupted, report.ending == .cancelled {
      effects.append(.discarded(step))
      return transition(step, to: .cancelled)
    }
    // Of what was written and written back a run may have seen either. Once: a step may itself touch what it reads.
    let isOnlyTouched = state == .running && changed.isEmpty && !report.changes.isEmpty
    let wasTouched = progress[step].wasTouched
    if isOnlyTouched { progress[step].wasTouched = true }
    if state == .runningStale || !changed.isEmpty || (isOnlyTouched && !wasTouched) {
      let name = report.changes.first.map { display($0.source) } ?? "an input"
      return discard(step, name: name, changed, isCancelled: report.ending == .cancelled)
    }
    switch report.ending {
    case .cancelled:
      effects.append(.discarded(step))
      transition(step, to: .cancelled)
    case .failed(let isTemporary):
      // The original's three attempts for what says that it is temporary; beyond that the program's word.
      let attempts = 1 + max(exec.retries, isTemporary ? 3 : 0)
      if Int(progress[step].attempts) < attempts, !progress.hasStopped {
        effects.append(.discarded(step))
        launch(step, .retry(attempt: Int(progress[step].attempts) + 1, of: attempts))
      } else {
        fail(step, .ran)
      }
    case .succeeded(let outputs):
      progress[step].hasRun = true
      progress[step].made = MadeArtifacts(outputs)
      progress[step].isSandboxed = report.isSandboxed
      finish(step, exec, report)
    }
  }

  private mutating func finish(_ step: StepID, _ exec: Exec, _ report: RunReport) {
    var readSet: Record.ReadSet?
    var key = progress[step].contentKey!
    if exec.depfile != nil, let declared = progress.declaredKeys[step] {
      switch reads(in: report.depfile, of: step, exec) {
      case .success(let paths):
        readSet = Record.ReadSet(declaredKey: declared, paths: paths)
        key = narrowedKey(of: step, reads: paths)
        progress[step].contentKey = key
      case .failure(let undeclared):
        return fail(step, .refused(message: undeclared.message))
      }
    }
    compareWithFormer(step)
    record(
      step, exec, result: progress[step].made.list, isSandboxed: report.isSandboxed, readSet: readSet, contentKey: key)
    effects.append(.succeeded(step))
    transition(step, to: .done)
  }

  /// Throws away what a run made, since a source changed under it, and begins it again.
  private mutating func discard(
    _ step: StepID, name: String, _ changes: [RunReport.Change], isCancelled: Bool
  ) {
    // A run that was cancelled for a change, and has ended so, is no sign of an input that keeps changing.
    if !isCancelled { progress[step].reruns += 1 }
    guard Int(progress[step].reruns) <= options.rerunLimit else {
      return fail(step, .inputKeepsChanging(name: name))
    }
    effects.append(.discarded(step))
    progress[step].attempts = 0
    progress.reasons[step] = .inputChangedWhileRunning(name: name)
    transition(step, to: .idle)
    for change in changes { replace(change.source, by: change.observation) }
    if changes.isEmpty { restartDemand(of: step) }
  }

  private func isNews(_ change: RunReport.Change) -> Bool {
    switch (observed.sources[Int(change.source.index)], change.observation) {
    case (.present(let old), .file(let new)), (.present(let old), .folder(let new, _)): return old != new
    case (.failed, .failed): return false
    case (.unknown, _), (.asked, _), (.present, .failed), (.failed, _): return true
    }
  }

  mutating func fail(_ step: StepID, _ failure: StepFailure) {
    effects.append(.failed(step, failure))
    transition(step, to: .failed)
  }

  /// In a dry run: a step behind one that would run would probably run as well; nobody can know before.
  mutating func foresee(_ step: StepID, after cause: NodeID) {
    guard progress[step].state != .wouldRun else { return }
    var maker = cause
    while case .assembly = graph.kinds[maker.position],
      let next = graph.edges.dependencies(of: maker).first(where: { progress[$0].isForeseen })
    {
      maker = next
    }
    var name = "an input"
    switch graph.kinds[maker.position] {
    case .step(let step), .manifest(let step, _): name = label(of: step)
    case .source, .literal, .assembly: break
    }
    progress[step].hasRun = true
    effects.append(.wouldRun(step, key: graph.identities[Int(step.index)], .inputWouldRun(name: name)))
    transition(step, to: .wouldRun)
  }

  // MARK: Copies

  private mutating func copy(_ reference: ArtifactReference, to place: Source.Place, step: StepID) {
    guard let artifact = artifact(of: reference), let origin = origin(of: reference) else {
      return fail(step, .refused(message: missingMember(reference)))
    }
    switch place {
    case .unmapped(let url):
      fail(
        step,
        .refused(message: "no folder is configured for '\(url.display)': map it to one under [mappings] in reflow.toml")
      )
    case .path(let path):
      if progress.hasStopped { return transition(step, to: .cancelled) }
      progress[step].made = MadeArtifacts([artifact])
      transition(step, to: .exporting)
      effects.append(.export(step, artifact, origin, to: path))
    }
  }

  mutating func exported(_ step: StepID, _ ending: ExportEnding) {
    if progress[step].state == .exportingStale {
      transition(step, to: .idle)
      return restartDemand(of: step)
    }
    guard progress[step].state == .exporting else { return }
    switch ending {
    case .unchanged: transition(step, to: .done)
    case .written:
      progress[step].hasRun = true
      transition(step, to: .done)
    case .failed: transition(step, to: .failed)
    case .wouldWrite:
      progress[step].hasRun = true
      effects.append(.wouldRun(step, key: graph.identities[Int(step.index)], .destinationDiffers))
      transition(step, to: .wouldRun)
    }
  }
}
