import BuildGraph
import Engine

/// A tiny state and a tiny world for scenarios: answers what the engine asks for, and runs what it launches.
final class Rig {
  var graph = FlowGraph()
  /// Contents of sources by path.
  var files: [String: String] = [:]
  var folders: [String: [String: String]] = [:]
  var results: [Digest: (outputs: [Artifact], isSandboxed: Bool)] = [:]
  var derivations: [Digest: Record.Derivation] = [:]
  var derivedContent: [Digest: Digest] = [:]
  var variants: [Digest: Digest] = [:]
  var traces: [Digest: StepTrace] = [:]
  var readSets: [Digest: [[ByteString]]] = [:]
  var manifests: [Digest: FolderManifest] = [:]
  /// How a step's run ends, by its name; success with outputs that follow from its key where none is said.
  var endings: [String: [RunReport]] = [:]
  /// What a step makes, by name; else something that follows from its key.
  var makes: [String: [Artifact]] = [:]
  var depfiles: [String: String] = [:]
  var keepsGoing = false
  var isStrict = false
  var isDryRun = false
  var isSandboxed = true
  /// What the state says that a step had made whose objects are gone.
  var knowsFormer: Artifact?

  private(set) var log: [String] = []
  private(set) var answers: [Need: Answer] = [:]
  private(set) var lookedUp: [String] = []
  private(set) var tally = Tally()
  private(set) var desired: [DesiredOutput] = []

  static func artifact(_ text: String) -> Artifact {
    Artifact(digest: Digest(hashing: Array(text.utf8)), size: Int64(text.utf8.count))
  }

  // MARK: Programs

  func source(_ path: String, _ kind: ArtifactKind = .file) -> ArtifactReference {
    .source(graph.addSource(Source(place: .path(Path(ByteString(path))), kind: kind, location: nil)))
  }

  func step(
    _ name: String, command: String = "make", _ inputs: [ArtifactReference], kinds: [ArtifactKind]? = nil,
    outputs: [ArtifactKind] = [.file], _ adjust: (inout Exec) -> Void = { _ in }
  ) -> StepID {
    var template: [Exec.Fragment] = [.text(ByteString(command + " "))]
    for index in inputs.indices { template += [.input(index), .text(" ")] }
    for index in outputs.indices { template += [.output(index)] }
    var exec = Exec(
      template: template,
      inputs: inputs.enumerated().map { Exec.Input(reference: $1, kind: kinds?[$0] ?? .file) },
      outputs: outputs.enumerated().map { Exec.Output(label: "o\($0)", kind: $1, isMentioned: true) })
    adjust(&exec)
    return graph.addStep(Step(work: .exec(exec), name: name, location: nil))
  }

  func file(_ path: String, _ step: StepID, _ output: Int = 0) -> OutputEntry {
    OutputEntry(path: ByteString(path), reference: .output(step, output), kind: .file, location: nil)
  }

  // MARK: Builds

  /// One build of some outputs: what was launched and why, in order, and failures.
  @discardableResult
  func build(_ outputs: [OutputEntry], needs: [Need] = [], events: [Event] = []) -> [String] {
    log = []
    lookedUp = []
    answers = [:]
    var engine = BuildEngine(
      options: BuildEngine.Options(keepsGoing: keepsGoing, isStrict: isStrict, isDryRun: isDryRun))
    var queue: [Event] = [.graphExtended(GraphExtension(graph))]
    if !variants.isEmpty { queue.append(.variantsKnown(variants)) }
    if !needs.isEmpty { queue.append(.needed(needs)) }
    queue.append(.outputsDeclared(EntryTable(outputs)))
    queue += events
    var launched: [Launch] = []
    while !queue.isEmpty || !launched.isEmpty {
      if queue.isEmpty {
        // Everything that could be decided has been: let the first launch run.
        let launch = launched.removeFirst()
        log.append("\(name(launch.step)): \(launch.reason.description)")
        queue.append(.launched(launch.step))
        queue.append(.runEnded(launch.step, end(of: launch)))
      }
      for effect in engine.handle(queue.removeFirst()) {
        switch effect {
        case .launch(let launch): launched.append(launch)
        case .withdraw(let step): launched.removeAll { $0.step == step }
        case .look, .list, .observe, .storeLiterals, .loadManifest, .lookUpDerivations, .loadReadSets, .lookUpResults,
          .cancel, .export, .record, .answer, .answerText, .reused, .succeeded, .discarded, .failed, .wouldRun,
          .sourceFailed, .restart, .incomplete, .remade:
          queue += perform(effect)
        }
      }
    }
    tally = engine.tally
    desired = Array(engine.desiredOutputs)
    return log
  }

  private func name(_ step: StepID) -> String { graph.steps[Int(step.index)].name }

  private func end(of launch: Launch) -> RunReport {
    let name = name(launch.step)
    if var list = endings[name], !list.isEmpty {
      let first = list.removeFirst()
      endings[name] = list
      return first
    }
    return success(launch)
  }

  private func success(_ launch: Launch) -> RunReport {
    let name = name(launch.step)
    guard case .exec(let exec) = graph.steps[Int(launch.step.index)].work else {
      return RunReport(ending: .failed(isTemporary: false), isSandboxed: true)
    }
    let outputs = makes[name] ?? exec.outputs.indices.map { Self.artifact("\(launch.key) \($0)") }
    return RunReport(
      ending: .succeeded(outputs), isSandboxed: isSandboxed, depfile: depfiles[name].map { Array($0.utf8) })
  }

  func observation(of id: SourceID) -> SourceObservation {
    guard case .path(let path) = graph.sources[Int(id.index)].place else { return .failed(message: "not mapped") }
    let name = path.bytes.display
    switch graph.sources[Int(id.index)].kind {
    case .file: return files[name].map { .file(Self.artifact($0)) } ?? .failed(message: "no file \(name)")
    case .folder:
      guard let members = folders[name] else { return .failed(message: "no folder \(name)") }
      let manifest = FolderManifest(
        entries: members.sorted { ByteString($0.key) < ByteString($1.key) }.map {
          FolderManifest.Entry(path: ByteString($0.key), content: .file(Self.artifact($0.value)))
        })
      return .folder(manifest.artifact, manifest)
    }
  }

  private func perform(_ effect: Effect) -> [Event] {
    switch effect {
    case .look(let ids):
      return ids.map { id in
        if case .failed(let message) = observation(of: id) { return .sourceLooked(id, failure: message) }
        return .sourceLooked(id, failure: nil)
      }
    case .list(let ids):
      return ids.map { id in
        if case .folder(_, let manifest) = observation(of: id) {
          return .sourceListed(id, paths: manifest.files, failure: "")
        }
        return .sourceListed(id, paths: nil, failure: "no folder")
      }
    case .observe(let ids): return ids.map { .sourceObserved($0, observation(of: $0)) }
    case .storeLiterals(let ids): return ids.map { .literalStored($0, failure: nil) }
    case .loadManifest(let step, let output, let artifact):
      return [.manifestLoaded(step, output: output, of: artifact, manifests[artifact.digest])]
    case .lookUpDerivations(let lookups):
      return [
        .derivationsFound(
          lookups.map { lookup in
            lookedUp.append(name(lookup.step))
            var hit: DerivationHit?
            if let derivation = derivations[lookup.key], let content = derivedContent[lookup.key],
              let result = results[content]
            {
              hit = DerivationHit(
                contentKey: content, inputs: derivation.inputs, outputs: result.outputs,
                isSandboxed: result.isSandboxed)
            }
            return DerivationAnswer(
              step: lookup.step, key: lookup.key, hit: hit, trace: traces[lookup.identity],
              former: hit == nil && derivations[lookup.key] != nil ? knowsFormer.map { [$0] } : nil)
          })
      ]
    case .loadReadSets(let step, let key): return [.readSetsFound(step, key: key, sets: readSets[key] ?? [])]
    case .lookUpResults(let lookups):
      return [
        .resultsFound(
          lookups.map { lookup in
            let hit = lookup.keys.first { results[$0] != nil }
            let found =
              hit.map {
                ResultAnswer.Found.result(
                  key: $0, outputs: results[$0]!.outputs, isSandboxed: results[$0]!.isSandboxed)
              } ?? .nothing
            return ResultAnswer(
              step: lookup.step, keys: lookup.keys, found: found, trace: lookup.identity.flatMap { traces[$0] })
          })
      ]
    case .record(let record):
      if let outputs = record.result { results[record.contentKey] = (outputs, record.isSandboxed) }
      if let derivation = record.derivation {
        derivations[derivation.key] = derivation
        derivedContent[derivation.key] = record.contentKey
      }
      if let set = record.readSet { readSets[set.declaredKey, default: []].insert(set.paths, at: 0) }
      if let trace = record.trace {
        traces[record.identity] = StepTrace(encoded: trace.encoded)
      }
      return []
    case .answer(let need, let answer): answers[need] = answer
    case .answerText(let need, _): answers[need] = .text("text")
    case .failed(let step, .ran): log.append("\(name(step)) failed")
    case .failed(let step, .refused(let message)): log.append("\(name(step)) refused: \(message)")
    case .failed(let step, .inputKeepsChanging(let source)): log.append("\(name(step)): \(source) keeps changing")
    case .wouldRun(let step, _, let reason): log.append("\(name(step)) would run: \(reason.description)")
    case .sourceFailed(_, let message): log.append("source: \(message)")
    case .restart: log.append("restart")
    case .incomplete(let step): log.append("incomplete: \(name(step))")
    case .remade(_, let key, _, let variant): variants[key] = variant
    case .cancel(let step): log.append("cancel \(name(step))")
    case .launch, .withdraw, .export, .reused, .succeeded, .discarded: return []
    }
    return []
  }
}
