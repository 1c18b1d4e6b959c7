import BuildGraph
import Engine
import Testing

/// Answers that come when the question is no longer the same.
@Suite struct RaceTests {
  private let source = SourceID(index: 0)

  /// Two steps that read `a`: Tree makes a folder, which is published; Other makes a file.
  private func graph() -> (FlowGraph, tree: StepID, other: StepID) {
    var graph = FlowGraph()
    let a = ArtifactReference.source(graph.addSource(Source(place: .path(Path("a")), kind: .file, location: nil)))
    func step(_ name: String, _ kind: ArtifactKind) -> StepID {
      graph.addStep(
        Step(
          work: .exec(
            Exec(
              template: [.text(ByteString(name + " ")), .input(0), .text(" "), .output(0)],
              inputs: [Exec.Input(reference: a, kind: .file)],
              outputs: [Exec.Output(label: "o", kind: kind, isMentioned: true)])),
          name: name, location: nil))
    }
    let (tree, other) = (step("Tree", .folder), step("Other", .file))
    return (graph, tree, other)
  }

  private func folder(_ text: String) -> FolderManifest {
    FolderManifest(entries: [.init(path: "f", content: .file(Rig.artifact(text)))])
  }

  /// Lets the engine go on with a state that knows nothing, until it waits for runs and folders.
  private func settle(_ engine: inout BuildEngine, _ event: Event, content: String) -> [Effect] {
    var waiting: [Effect] = []
    var queue = [event]
    while !queue.isEmpty {
      for effect in engine.handle(queue.removeFirst()) {
        switch effect {
        case .observe(let ids): queue += ids.map { .sourceObserved($0, .file(Rig.artifact(content))) }
        case .lookUpDerivations(let lookups):
          queue.append(
            .derivationsFound(lookups.map { DerivationAnswer(step: $0.step, key: $0.key, hit: nil, trace: nil) }))
        case .lookUpResults(let lookups):
          queue.append(.resultsFound(lookups.map { ResultAnswer(step: $0.step, keys: $0.keys, found: .nothing) }))
        case .launch(let launch):
          queue.append(.launched(launch.step))
        case .loadManifest: waiting.append(effect)
        case .look, .list, .storeLiterals, .loadReadSets, .withdraw, .cancel, .export, .record, .answer, .answerText,
          .reused, .succeeded, .discarded, .failed, .wouldRun, .sourceFailed, .restart, .incomplete, .remade:
          continue
        }
      }
    }
    return waiting
  }

  @Test(arguments: [ExportEnding.written, .unchanged, .failed])
  func aCopyOfWhatHasChangedEndsBeforeTheNewOneBegins(first: ExportEnding) {
    var graph = FlowGraph()
    let a = ArtifactReference.source(graph.addSource(Source(place: .path(Path("a")), kind: .file, location: nil)))
    let copy = graph.addStep(Step(work: .copy(a, kind: .file, to: .path(Path("b"))), name: "Copy", location: nil))
    var engine = BuildEngine()
    func exports(_ effects: [Effect]) -> [Artifact] {
      effects.compactMap { effect in
        if case .export(_, let artifact, _, _) = effect { return artifact }
        return nil
      }
    }
    _ = engine.handle(.graphExtended(GraphExtension(graph)))
    let outputs = [OutputEntry(path: "c", reference: .output(copy, 0), kind: .file, location: nil)]
    _ = engine.handle(.outputsDeclared(EntryTable(outputs)))
    let begun = exports(engine.handle(.sourceObserved(source, .file(Rig.artifact("1")))))
    #expect(begun == [Rig.artifact("1")])
    // Two at once would end in any order, and the older could be the last to write.
    let changed = exports(engine.handle(.sourceReplaced(source, .file(Rig.artifact("2")))))
    #expect(changed == [])
    let early = engine.desiredOutputs
    #expect(early.isEmpty)
    let again = exports(engine.handle(.exported(copy, first)))
    #expect(again == [Rig.artifact("2")])
    _ = engine.handle(.exported(copy, .written))
    let (made, hasFailures) = (engine.desiredOutputs.map(\.artifact), engine.hasFailures)
    #expect(made == [Rig.artifact("2")])
    #expect(!hasFailures)
  }

  @Test(arguments: [false, true])
  func aFolderThatWasReadBeforeItsStepBeganAnewIsNotTakenForTheNewOne(arrivesLate: Bool) {
    let (graph, tree, other) = graph()
    var engine = BuildEngine()
    _ = settle(&engine, .graphExtended(GraphExtension(graph)), content: "1")
    let outputs = [
      OutputEntry(path: "tree", reference: .output(tree, 0), kind: .folder, location: nil),
      OutputEntry(path: "other", reference: .output(other, 0), kind: .file, location: nil),
    ]
    _ = settle(&engine, .outputsDeclared(EntryTable(outputs)), content: "1")
    let (old, new) = (folder("old"), folder("new"))
    func run(_ step: StepID, _ output: Artifact, _ changes: [RunReport.Change] = []) -> [Effect] {
      settle(
        &engine, .runEnded(step, RunReport(ending: .succeeded([output]), isSandboxed: true, changes: changes)),
        content: "2")
    }
    #expect(run(tree, old.artifact) == [.loadManifest(tree, output: 0, old.artifact)])
    // The other step saw that `a` has changed, so both begin anew, while the folder is still being read.
    _ = run(other, Rig.artifact("x"), [.init(source: source, observation: .file(Rig.artifact("2")))])
    let late = Event.manifestLoaded(tree, output: 0, of: old.artifact, old)
    if !arrivesLate { _ = settle(&engine, late, content: "2") }
    #expect(run(tree, new.artifact) == [.loadManifest(tree, output: 0, new.artifact)])
    if arrivesLate { _ = settle(&engine, late, content: "2") }
    _ = settle(&engine, .manifestLoaded(tree, output: 0, of: new.artifact, new), content: "2")
    _ = run(other, Rig.artifact("y"))
    let (made, hasFailures) = (engine.desiredOutputs.map(\.artifact), engine.hasFailures)
    #expect(made == [Rig.artifact("y"), Rig.artifact("new")], "what the last runs made, by path")
    #expect(!hasFailures)
  }
}
