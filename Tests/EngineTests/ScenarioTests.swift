import BuildGraph
import Engine
import Testing

/// Events in, effects out: what is launched, and why. After each scenario the null build.
@Suite struct ScenarioTests {
  /// `a.c` → Object → Program ← `lib.c`.
  private func chain(_ command: String = "cc") -> (Rig, [OutputEntry]) {
    let rig = Rig()
    rig.files = ["a.c": "one", "lib.c": "lib"]
    let outputs = program(rig, command)
    return (rig, outputs)
  }

  private func program(_ rig: Rig, _ command: String) -> [OutputEntry] {
    rig.graph = FlowGraph()
    let object = rig.step("Object", command: command, [rig.source("a.c")])
    let program = rig.step("Program", command: "ld", [.output(object, 0), rig.source("lib.c")])
    return [rig.file("app", program)]
  }

  @Test func theFirstBuildRunsEveryStepAndTheSecondNone() {
    let (rig, outputs) = chain()
    #expect(rig.build(outputs) == ["Object: never built", "Program: never built"])
    #expect(rig.tally == tally(steps: 2, run: 2))
    #expect(rig.build(outputs) == [])
    #expect(rig.tally == tally(steps: 2, run: 0))
    #expect(rig.desired.map(\.path) == ["app"])
  }

  private func tally(steps: Int, run: Int, failed: Int = 0) -> Tally {
    var tally = Tally()
    tally.steps = steps
    tally.run = run
    tally.failed = failed
    return tally
  }

  @Test func aWarmBuildAsksOnlyForTheStepOnTop() {
    let (rig, outputs) = chain()
    rig.build(outputs)
    rig.build(outputs)
    #expect(rig.lookedUp == ["Program"])
  }

  @Test func aChangedInputRunsWhatDependsOnItAndSaysSo() {
    let (rig, outputs) = chain()
    rig.build(outputs)
    rig.files["a.c"] = "two"
    #expect(rig.build(outputs) == ["Object: input a.c changed", "Program: input Object changed"])
    #expect(rig.build(outputs) == [])
    rig.files["lib.c"] = "other"
    #expect(rig.build(outputs) == ["Program: input lib.c changed"])
    #expect(rig.build(outputs) == [])
  }

  @Test func aStepThatMakesTheSameAgainStopsTheBuildThere() {
    let (rig, outputs) = chain()
    rig.makes["Object"] = [Rig.artifact("object")]
    rig.build(outputs)
    rig.files["a.c"] = "two, in a comment"
    #expect(rig.build(outputs) == ["Object: input a.c changed"])
    #expect(rig.build(outputs) == [])
    #expect(rig.lookedUp == ["Program"], "early cutoff back-fills the derivation key")
  }

  @Test func anEditedCommandRunsItsStepAndSaysSo() {
    let (rig, outputs) = chain()
    rig.build(outputs)
    let edited = program(rig, "cc -O2")
    #expect(rig.build(edited) == ["Object: command changed", "Program: input Object changed"])
    #expect(rig.build(edited) == [])
    #expect(rig.build(program(rig, "cc")) == [], "the old command's results are still there")
    _ = outputs
  }

  @Test func aPrunedIntermediateIsNotMissedAndAPrunedResultIsMadeAgain() {
    let (rig, outputs) = chain()
    rig.build(outputs)
    let program = rig.results.filter {
      $0.value.outputs
        == rig.desired.compactMap(\.content.file)
    }
    rig.results = program
    #expect(rig.build(outputs) == [], "the derivation key answers for the whole")
    rig.results = [:]
    #expect(
      rig.build(outputs) == [
        "Object: result is gone from the cache", "Program: result is gone from the cache",
      ])
    #expect(rig.build(outputs) == [])
  }

  @Test func strictReusesOnlyWhatWasMadeInTheSandbox() {
    let (rig, outputs) = chain()
    rig.isSandboxed = false
    rig.build(outputs)
    #expect(rig.build(outputs) == [])
    rig.isStrict = true
    rig.isSandboxed = true
    #expect(rig.build(outputs).first == "Object: cached result was made outside the sandbox")
    #expect(rig.build(outputs) == [])
  }

  @Test func aFailureEndsTheBuildUnlessItKeepsGoing() {
    let rig = Rig()
    rig.files = ["a": "1", "b": "2"]
    let bad = rig.step("Bad", [rig.source("a")])
    let after = rig.step("After", [.output(bad, 0)])
    let good = rig.step("Good", [rig.source("b")])
    let outputs = [rig.file("w", bad), rig.file("x", after), rig.file("y", good)]
    let failure = RunReport(ending: .failed(isTemporary: false), isSandboxed: true)
    rig.endings["Bad"] = [failure]
    #expect(rig.build(outputs) == ["Bad: never built", "Bad failed"])
    #expect(rig.tally.failed == 1)
    rig.keepsGoing = true
    rig.endings["Bad"] = [failure]
    #expect(rig.build(outputs) == ["Bad: never built", "Bad failed", "Good: never built"])
    #expect(rig.desired.map(\.path) == ["y"])
    #expect(rig.build(outputs) == ["Bad: never built", "After: never built"])
    #expect(rig.build(outputs) == [])
  }

  @Test func whatSaysThatItIsTemporaryIsTriedAgain() {
    let rig = Rig()
    rig.files = ["a": "1"]
    let outputs = [rig.file("x", rig.step("Step", [rig.source("a")]))]
    let failure = RunReport(ending: .failed(isTemporary: true), isSandboxed: true)
    rig.endings["Step"] = [failure, failure]
    #expect(rig.build(outputs) == ["Step: never built", "Step: attempt 2 of 4", "Step: attempt 3 of 4"])
    #expect(rig.build(outputs) == [])
  }

  @Test func aProgramMayAskForMoreAttempts() {
    let rig = Rig()
    rig.files = ["a": "1"]
    let outputs = [rig.file("x", rig.step("Step", [rig.source("a")]) { $0.retries = 1 })]
    let failure = RunReport(ending: .failed(isTemporary: false), isSandboxed: true)
    rig.endings["Step"] = [failure, failure]
    #expect(rig.build(outputs) == ["Step: never built", "Step: attempt 2 of 2", "Step failed"])
  }

  @Test func aSourceThatChangesUnderARunThrowsTheResultAway() {
    let (rig, outputs) = chain()
    rig.endings["Object"] = [
      RunReport(
        ending: .succeeded([Rig.artifact("wrong")]), isSandboxed: true,
        changes: [RunReport.Change(source: SourceID(index: 0), observation: .file(Rig.artifact("new")))])
    ]
    #expect(
      rig.build(outputs) == ["Object: never built", "Object: a.c changed while it ran", "Program: never built"])
    rig.files["a.c"] = "new"
    #expect(rig.build(outputs) == [])
  }

  @Test func aSourceThatIsTouchedUnderARunMayHaveHeldAnythingMeanwhile() {
    let (rig, outputs) = chain()
    let touched = RunReport(
      ending: .succeeded([Rig.artifact("wrong")]), isSandboxed: true,
      changes: [RunReport.Change(source: SourceID(index: 0), observation: .file(Rig.artifact(rig.files["a.c"]!)))])
    rig.endings["Object"] = [touched]
    #expect(
      rig.build(outputs) == ["Object: never built", "Object: a.c changed while it ran", "Program: never built"])
    // A step that touches what it reads does so each time.
    rig.files["a.c"] = "2"
    let own = RunReport(
      ending: .succeeded([Rig.artifact("right")]), isSandboxed: true,
      changes: [RunReport.Change(source: SourceID(index: 0), observation: .file(Rig.artifact("2")))])
    rig.endings["Object"] = [own, own]
    #expect(
      rig.build(outputs) == [
        "Object: input a.c changed", "Object: a.c changed while it ran", "Program: input Object changed",
      ])
    #expect(rig.build(outputs) == [])
  }

  @Test func aSourceThatKeepsChangingFailsTheStep() {
    let (rig, outputs) = chain()
    rig.endings["Object"] = (0..<9).map { round in
      RunReport(
        ending: .succeeded([Rig.artifact("wrong")]), isSandboxed: true,
        changes: [RunReport.Change(source: SourceID(index: 0), observation: .file(Rig.artifact("\(round)")))])
    }
    let log = rig.build(outputs)
    #expect(log.count == 5)
    #expect(log.last == "Object: a.c keeps changing")
  }

  @Test func oneBuildUsesOneDigestOfASource() {
    let rig = Rig()
    rig.files = ["a": "1"]
    let first = rig.step("First", [rig.source("a")])
    let second = rig.step("Second", [rig.source("a"), .output(first, 0)])
    // The source changes while Second runs; First has used the old content and must run again.
    rig.endings["Second"] = [
      RunReport(
        ending: .succeeded([Rig.artifact("wrong")]), isSandboxed: true,
        changes: [RunReport.Change(source: SourceID(index: 0), observation: .file(Rig.artifact("2")))])
    ]
    let log = rig.build([rig.file("x", second)])
    #expect(
      log == [
        "First: never built", "Second: never built", "First: input a changed", "Second: a changed while it ran",
      ])
    rig.files["a"] = "2"
    #expect(rig.build([rig.file("x", second)]) == [])
  }

  /// Three steps, each resting on the one before, that have been built; then the result of the first is lost.
  ///
  /// - Returns: what is asked for, and what the first had made.
  private func chainWithLostResult(_ rig: Rig) -> (outputs: [OutputEntry], lost: Artifact) {
    rig.files["a"] = "1"
    let first = rig.step("First", [rig.source("a")])
    let spared = rig.step("Spared", [.output(first, 0)])
    let last = rig.step("Last", [.output(spared, 0)])
    let outputs = [rig.file("first", first), rig.file("last", last)]
    rig.build(outputs)
    #expect(rig.build(outputs) == [])
    let lost = rig.desired[0].artifact
    for (key, result) in rig.results where result.outputs == [lost] { rig.results[key] = nil }
    return (outputs, lost)
  }

  @Test func whatRestsOnAStepThatMakesSomethingElseIsMadeAgainThroughStepsThatWereSpared() {
    let rig = Rig()
    let (outputs, _) = chainWithLostResult(rig)
    // It is not deterministic.
    rig.makes["First"] = [Rig.artifact("other")]
    #expect(
      rig.build(outputs) == [
        "First: result is gone from the cache", "Spared: input First changed", "Last: input Spared changed",
      ])
    #expect(rig.build(outputs) == [])
  }

  @Test func whatIsAskedForOnlyAfterAStepHasMadeSomethingElseIsMadeOfThat() {
    let rig = Rig()
    let (outputs, _) = chainWithLostResult(rig)
    rig.makes["First"] = [Rig.artifact("other")]
    // Nobody knows the keys above it while it runs: they are of another target.
    #expect(rig.build([outputs[0]]) == ["First: result is gone from the cache"])
    #expect(rig.build(outputs) == ["Spared: input First changed", "Last: input Spared changed"])
    #expect(rig.build(outputs) == [])
  }

  @Test func whatRestsOnAStepThatMakesTheSameAgainIsSpared() {
    let rig = Rig()
    let (outputs, lost) = chainWithLostResult(rig)
    rig.knowsFormer = lost
    #expect(rig.build(outputs) == ["First: result is gone from the cache"])
  }

  @Test func aDerivationHoldsOnlyForTheInputsThatItWasMadeWith() {
    let (rig, outputs) = chain()
    rig.build(outputs)
    // Object's result is gone, Program's is not; somebody wants Object itself, and it comes out differently now.
    let object = StepID(index: 0)
    let wanted = rig.desired.compactMap(\.content.file)
    rig.results = rig.results.filter { $0.value.outputs == wanted }
    rig.makes["Object"] = [Rig.artifact("nondeterministic")]
    let both = outputs + [rig.file("object", object)]
    #expect(
      rig.build(both) == ["Object: result is gone from the cache", "Program: input Object changed"])
    #expect(rig.build(both) == [])
  }

  @Test func aDepfileNarrowsAFolderToWhatWasRead() {
    let rig = Rig()
    rig.files = ["a.c": "main"]
    rig.folders = ["inc": ["used.h": "1", "other.h": "1"]]
    let object = rig.step(
      "Object", [rig.source("a.c"), rig.source("inc", .folder)], kinds: [.file, .folder]
    ) { $0.depfile = "x.d" }
    let outputs = [rig.file("o", object)]
    rig.depfiles["Object"] = "out/o0: in/0/a.c \\\n in/1/inc/used.h /usr/include/stdio.h\n"
    #expect(rig.build(outputs) == ["Object: never built"])
    #expect(rig.build(outputs) == [])
    rig.folders["inc"]!["other.h"] = "2"
    #expect(rig.build(outputs) == [], "a header that was not read")
    rig.folders["inc"]!["used.h"] = "2"
    #expect(rig.build(outputs) == ["Object: input inc/used.h changed"])
    rig.folders["inc"]!["new.h"] = "1"
    #expect(
      rig.build(outputs) == ["Object: input the list of files in inc changed"], "a new name may be found first")
    rig.folders["inc"]!["used.h"] = "1"
    rig.folders["inc"]!["new.h"] = nil
    #expect(rig.build(outputs) == [], "the old set of paths still answers")
  }

  @Test func aDepfileThatNamesSomethingUndeclaredFailsTheStep() {
    let rig = Rig()
    rig.files = ["a.c": "main"]
    let object = rig.step("Object", [rig.source("a.c")]) { $0.depfile = "x.d" }
    rig.depfiles["Object"] = "o: in/0/a.c ../secret.h"
    #expect(
      rig.build([rig.file("o", object)]).last
        == "Object refused: the depfile names '../secret.h', which is no input of the step")
  }

  @Test func aDryRunSaysWhatWouldRunAndChangesNothing() {
    let (rig, outputs) = chain()
    rig.isDryRun = true
    let expected = ["Object would run: never built", "Program would run: Object would run"]
    #expect(rig.build(outputs) == expected)
    #expect(rig.build(outputs) == expected)
    #expect(rig.results.isEmpty)
  }

  @Test func anInterruptionStopsWhatWaits() {
    let (rig, outputs) = chain()
    #expect(rig.build(outputs, events: [.interrupted]) == [])
    #expect(rig.build(outputs) == ["Object: never built", "Program: never built"])
  }

  @Test func aMissingSourceIsSaidOnceAndBlocksWhatNeedsIt() {
    let (rig, outputs) = chain()
    rig.files["a.c"] = nil
    #expect(rig.build(outputs) == ["source: no file a.c"])
    #expect(rig.desired.isEmpty)
  }

  @Test func needsAreAnswered() {
    let rig = Rig()
    rig.files = ["a": "1"]
    rig.folders = ["d": ["x": "1", "y/z": "2"]]
    let source = rig.source("a")
    let folder = rig.source("d", .folder)
    let missing = rig.source("missing")
    let step = rig.step("Step", [source])
    guard case .source(let id) = source, case .source(let gone) = missing else { return }
    let needs: [Need] = [
      .presence(id), .presence(gone), .artifact(source), .listing(folder), .text(.output(step, 0)),
    ]
    #expect(rig.build([], needs: needs) == ["Step: never built"])
    #expect(rig.answers[.presence(id)] == .present)
    #expect(rig.answers[.presence(gone)] == .failed(message: "no file missing", isReported: false))
    #expect(rig.answers[.artifact(source)] == .artifact(Rig.artifact("1")))
    #expect(rig.answers[.listing(folder)] == .listing(["x", "y/z"]))
    #expect(rig.answers[.text(.output(step, 0))] == .text("text"))
  }

  @Test func anAnswerThatTurnsOutWrongBeginsTheEvaluationAnew() {
    let rig = Rig()
    rig.files = ["a": "1"]
    let source = rig.source("a")
    let step = rig.step("Step", [source])
    rig.endings["Step"] = [
      RunReport(
        ending: .succeeded([Rig.artifact("wrong")]), isSandboxed: true,
        changes: [RunReport.Change(source: SourceID(index: 0), observation: .file(Rig.artifact("2")))])
    ]
    #expect(rig.build([rig.file("x", step)], needs: [.artifact(source)]).contains("restart"))
  }

  @Test func membersOfMadeFoldersAndFoldersOfFilesAreInputs() {
    let rig = Rig()
    rig.files = ["a": "1"]
    let folder = rig.step("Split", [rig.source("a")], outputs: [.folder])
    let manifest = FolderManifest(
      entries: [FolderManifest.Entry(path: "part", content: .file(Rig.artifact("part")))])
    rig.makes["Split"] = [manifest.artifact]
    rig.manifests[manifest.artifact.digest] = manifest
    let assembly = rig.graph.addAssembly([
      FlowGraph.Member(name: "m", reference: .member(folder, 0, "part")),
      FlowGraph.Member(name: "s", reference: rig.source("a")),
    ])
    let join = rig.step("Join", [.assembly(assembly), .member(folder, 0, "part")], kinds: [.folder, .file])
    let lost = rig.step("Lost", [.member(folder, 0, "nothing")])
    rig.keepsGoing = true
    #expect(
      rig.build([rig.file("x", join), rig.file("y", lost)]) == [
        "Split: never built",
        "Lost refused: the folder 'o0' that Split made holds no file 'nothing'",
        "Join: never built",
      ])
  }

  @Test func aVeryLongChainIsFollowedWithoutRecursion() {
    let rig = Rig()
    rig.files = ["a": "1"]
    var last = rig.step("Step", [rig.source("a")])
    for _ in 0..<20_000 { last = rig.step("Step", [.output(last, 0)]) }
    #expect(rig.build([rig.file("x", last)]).count == 20_001)
    #expect(rig.build([rig.file("x", last)]) == [])
    #expect(rig.lookedUp.count == 1)
  }
}
