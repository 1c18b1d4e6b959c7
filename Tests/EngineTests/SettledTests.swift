import BuildGraph
import Testing

@testable import Engine

/// Steps that stand for all that they rest on.
@Suite struct SettledTests {
  private let made = StepMade(
    key: Digest(high: 7, low: 7), contentKey: Digest(high: 8, low: 8), outputs: [Rig.artifact("old")],
    isSandboxed: true)

  /// A settled step that another, live one reads.
  private func part() -> GraphExtension {
    let settled = Exec(template: [], inputs: [], outputs: [Exec.Output(label: "o", kind: .file, isMentioned: true)])
    let live = Exec(
      template: [.text("use "), .input(0), .output(0)],
      inputs: [Exec.Input(reference: .output(StepID(index: 0), 0), kind: .file)],
      outputs: [Exec.Output(label: "o", kind: .file, isMentioned: true)])
    return GraphExtension(
      FlowGraph(
        sources: [],
        steps: [
          Step(work: .exec(settled), name: "s", location: nil), Step(work: .exec(live), name: "l", location: nil),
        ], literals: [], assemblies: []),
      frames: [
        StepFrame(label: "settled[x]", rank: 2, identity: Digest(high: 1, low: 1)),
        StepFrame(label: "live[x]", rank: 5, identity: Digest(high: 2, low: 2)),
      ])
  }

  private func started(_ engine: inout BuildEngine) -> [DerivationLookup] {
    _ = engine.handle(.graphExtended(part()))
    _ = engine.handle(.settled([SettledStep(step: StepID(index: 0), key: made.key, made: made)]))
    let output = OutputEntry(path: "x", reference: .output(StepID(index: 1), 0), kind: .file, location: nil)
    let outputs = Event.outputsDeclared(EntryTable([output]))
    var lookups: [DerivationLookup] = []
    for case .lookUpDerivations(let wanted) in engine.handle(outputs) { lookups += wanted }
    return lookups
  }

  private func miss(_ lookup: DerivationLookup) -> DerivationAnswer {
    DerivationAnswer(step: lookup.step, key: lookup.key, hit: nil, trace: nil)
  }

  @Test func aSettledStepIsAskedForOnlyWhereALiveOneNeedsItsArtifact() {
    var engine = BuildEngine()
    let lookups = started(&engine)
    #expect(lookups.map(\.step) == [StepID(index: 1)], "its key is enough for the key of the other")
    let next = engine.handle(.derivationsFound(lookups.map(miss)))
    guard case .lookUpDerivations(let wanted)? = next.first else {
      Issue.record("\(next)")
      return
    }
    #expect(
      wanted == [
        DerivationLookup(
          step: StepID(index: 0), key: made.key, identity: Digest(high: 1, low: 1), made: made)
      ])
    let hit = DerivationHit(
      contentKey: made.contentKey, inputs: [], outputs: made.outputs, isSandboxed: made.isSandboxed)
    let found = engine.handle(
      .derivationsFound([DerivationAnswer(step: StepID(index: 0), key: made.key, hit: hit, trace: nil)]))
    guard case .lookUpResults(let results)? = found.first, found.count == 1 else {
      Issue.record("\(found)")
      return
    }
    let launched = engine.handle(
      .resultsFound(results.map { ResultAnswer(step: $0.step, keys: $0.keys, found: .nothing) }))
    guard case .launch(let launch)? = launched.first else {
      Issue.record("\(launched)")
      return
    }
    #expect(engine.reads(of: launch.step)?.inputs.map(\.origin) == [.object(Rig.artifact("old"))])
    #expect(launch.rank == 5, "as in the whole graph")
    #expect(engine.label(of: launch.step) == "live[x]")
    #expect(engine.state(of: StepID(index: 0)) == .made(made))
  }

  @Test func aSettledStepWhoseResultIsGoneMakesThePartIncomplete() {
    var engine = BuildEngine()
    _ = engine.handle(.derivationsFound(started(&engine).map(miss)))
    let effects = engine.handle(
      .derivationsFound([DerivationAnswer(step: StepID(index: 0), key: made.key, hit: nil, trace: nil)]))
    #expect(effects == [.incomplete(StepID(index: 0))])
  }

  @Test func aResultFromOutsideTheSandboxIsNoneWhereOnlySuchCount() {
    var engine = BuildEngine(options: BuildEngine.Options(isStrict: true))
    _ = engine.handle(.derivationsFound(started(&engine).map(miss)))
    let hit = DerivationHit(contentKey: made.contentKey, inputs: [], outputs: made.outputs, isSandboxed: false)
    let effects = engine.handle(
      .derivationsFound([DerivationAnswer(step: StepID(index: 0), key: made.key, hit: hit, trace: nil)]))
    #expect(effects == [.incomplete(StepID(index: 0))])
  }
}
