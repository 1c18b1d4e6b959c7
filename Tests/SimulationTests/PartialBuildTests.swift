import BuildGraph
import Driver
import Ports
import Simulation
import Testing

/// Builds over a part of the last build's graph: how much they do, and that the outputs are those of a build from nothing.
@Suite struct PartialBuildTests {
  private typealias Spec = SimulatedProgram.StepSpec

  private func world() -> SimulatedWorld {
    let world = SimulatedWorld(seed: 1)
    for (name, text) in [("a", "1"), ("b", "2"), ("c", "3"), ("d/f0", "4"), ("d/f1", "5")] {
      world.files.write(ByteString(name), Array(text.utf8))
    }
    world.pauseAfterSaving = 5_000_000_000
    world.clock.nanoseconds += 5_000_000_000
    return world
  }

  /// `a` → s0 → s1 ← `b`, `c` → s2; s0 tells two contents apart only.
  private func program(failing: Bool = false) -> SimulatedProgram {
    SimulatedProgram(
      steps: [
        Spec(name: "s0", salt: 1, modulus: 1000, failOn: 0, inputs: [.source("a")], outputs: [.file]),
        Spec(
          name: "s1", salt: 2, modulus: 1000, failOn: failing ? 1 : 0,
          inputs: [.output(step: 0, output: 0), .source("b")], outputs: [.file]),
        Spec(name: "s2", salt: 3, modulus: 1000, failOn: 0, inputs: [.source("c")], outputs: [.file]),
      ],
      outputs: (0..<3).map {
        SimulatedProgram.Output(path: ByteString("out\($0)"), input: .output(step: $0, output: 0))
      })
  }

  private func edit(_ world: SimulatedWorld, _ path: ByteString, _ text: String) {
    world.files.write(path, Array(text.utf8))
    world.clock.nanoseconds += 5_000_000_000
  }

  private func expectRight(_ world: SimulatedWorld, _ program: SimulatedProgram) {
    #expect(world.tree.files == ReferenceBuild(program, files: world.files).outputs)
    let again = world.build(program)
    #expect(again.launches == [])
    #expect(again.evaluations == 0)
    world.snapshot.removeAll()
    #expect(world.build(program).launches == [], "a whole evaluation agrees")
  }

  @Test func aChangedLeafRunsWhatRestsOnItAndEvaluatesNothing() {
    let world = world()
    #expect(world.build(program()).evaluations == 1)
    edit(world, "b", "other")
    let (reads, looks) = (world.files.reads, world.files.looks)
    let report = world.build(program())
    #expect(report.evaluations == 0)
    #expect(report.launches == ["s1"])
    #expect(report.reasons["s1"] == "input b changed")
    #expect(report.written == ["out1"])
    #expect(report.summary.status == .succeeded)
    #expect([report.summary.steps, report.summary.run, report.summary.cached] == [3, 1, 2])
    #expect(world.files.reads - reads == 1, "only what has changed is read")
    // The check of the snapshot, the source for the key, and again when the step has ended.
    #expect(world.files.looks - looks <= 7)
    expectRight(world, program())
  }

  @Test func aTouchedSourceEvaluatesNothingAndLoadsNoStep() {
    let world = world()
    _ = world.build(program())
    world.files.touch("a")
    world.clock.nanoseconds += 5_000_000_000
    let report = world.build(program())
    #expect(report.evaluations == 0)
    #expect(report.launches == [])
    #expect(report.written == [])
    expectRight(world, program())
  }

  @Test func aFailedStepIsTriedAgainWithoutAnEvaluationAndOnlyIt() {
    let world = world()
    let broken = program(failing: true)
    #expect(world.build(broken).summary.status == .failed)
    let again = world.build(broken)
    #expect(again.evaluations == 0)
    #expect(again.launches == ["s1"])
    #expect(again.summary.failed == 1)
    #expect(again.summary.steps == 3)
    edit(world, "c", "other")
    let third = world.build(broken)
    #expect(third.evaluations == 0)
    #expect(third.launches.sorted() == ["s1", "s2"])
    #expect(world.build(program()).launches == ["s1"])
    expectRight(world, program())
  }

  @Test func anOutputThatTheSnapshotDoesNotKnowOfIsLookedAtAfterAKillAllTheSame() {
    let world = world()
    var program = program()
    program.steps[1].failOn = 2
    func build(until isWanted: (BuildEvent.BuildStatus) -> Bool) -> Bool {
      (0..<20).contains { number in
        edit(world, "b", "\(number)")
        return isWanted(world.build(program).summary.status)
      }
    }
    world.snapshot.losesWrites = true
    #expect(build { $0 == .failed })
    world.snapshot.losesWrites = false
    // Without out1, which could not be made.
    world.snapshot.removeAll()
    #expect(world.build(program).summary.status == .failed)
    world.snapshot.losesWrites = true
    #expect(build { $0 == .succeeded })
    world.snapshot.losesWrites = false
    #expect(world.build(program).launches == [])
    world.tree.scribble("out1", Array("mine".utf8))
    #expect(world.build(program).written == ["out1"])
    expectRight(world, program)
  }

  @Test func aStepThatRanInABuildThatBeginsAgainIsSaidToHaveEnded() {
    let world = world()
    var program = program()
    program.steps.append(
      Spec(name: "s3", salt: 4, modulus: 1000, failOn: 0, inputs: [.folder("d")], outputs: [.file]))
    _ = world.build(program)
    edit(world, "b", "other")
    // Nobody has looked into the folder yet, and one of its files cannot be had.
    world.files.link("d/away", to: "nowhere", isAtOnce: true)
    program.outputs.append(SimulatedProgram.Output(path: "out3", input: .output(step: 3, output: 0)))
    // It is read before the step ends.
    world.choose = { _ in 0 }
    let report = world.build(program)
    #expect(report.summary.status == .invalid)
    #expect(report.launches == ["s1", "s1"], "it begins again")
    #expect(report.unended == 0)
    #expect(report.mostAtOnce == 1)
  }

  @Test func anOutputThatSomebodyRemovedOrEditedIsRestoredWithoutAnEvaluation() {
    let world = world()
    _ = world.build(program())
    world.tree.erase("out0")
    world.tree.scribble("out2", Array("mine".utf8))
    let report = world.build(program())
    #expect(report.evaluations == 0)
    #expect(report.launches == [])
    #expect(report.written == ["out0", "out2"])
    #expect(world.tree.displaced.map(\.path) == ["out2"])
    expectRight(world, program())
  }

  @Test func aStepWhoseResultIsGoneIsMadeAgainWhereAChangeNeedsIt() {
    let world = world()
    _ = world.build(program())
    world.objects.removeAll()
    edit(world, "b", "other")
    let report = world.build(program())
    #expect(report.evaluations == 0)
    #expect(report.launches == ["s0", "s1"])
    #expect(report.reasons["s0"] == "result is gone from the cache")
    #expect(world.tree.files == ReferenceBuild(program(), files: world.files).outputs)
  }

  @Test func aNewFileInAListedFolderIsEvaluatedAndRunsItsOwnStepsOnly() {
    let world = world()
    var program = program()
    program.forEach = "d"
    _ = world.build(program)
    edit(world, "d/f0", "other")
    let changed = world.build(program)
    #expect(changed.evaluations == 0, "the names are as they were")
    #expect(changed.launches.count == 1)
    edit(world, "d/f2", "new")
    let added = world.build(program)
    #expect(added.evaluations == 1)
    #expect(added.launches == ["each[f2]"])
    expectRight(world, program)
  }

  @Test func aTextThatTheProgramReadIsEvaluatedAndAnotherIsNot() {
    let world = world()
    var program = program()
    program.steps[1].saltFrom = .source("c")
    _ = world.build(program)
    edit(world, "b", "other")
    #expect(world.build(program).evaluations == 0)
    edit(world, "c", "other")
    #expect(world.build(program).evaluations == 1)
    var second = self.program()
    second.steps[1].saltFrom = .output(step: 0, output: 0)
    _ = world.build(second)
    edit(world, "a", "again")
    #expect(world.build(second).evaluations == 1, "what a step made has become a value")
    expectRight(world, second)
  }

  @Test func aGraphThatIsDamagedAnywhereIsDroppedAndMadeAnew() {
    var pages: [GraphPage] = []
    let probe = world()
    _ = probe.build(program())
    probe.store.damageGraphs { page, _ in pages.append(page) }
    #expect(pages.count > 6)
    for damaged in pages {
      let world = world()
      _ = world.build(program())
      world.store.damageGraphs { page, bytes in if page == damaged { bytes = [] } }
      edit(world, "b", "other")
      let report = world.build(program())
      #expect(report.launches == ["s1"], "\(damaged)")
      #expect(report.summary.status == .succeeded, "\(damaged)")
      expectRight(world, program())
      edit(world, "b", "third")
      #expect(world.build(program()).evaluations == 0, "\(damaged): the next build has a graph again")
    }
  }

  @Test func aCrashAtAnyWriteOfAPartialBuildIsMendedByTheNext() {
    var write = 1
    while true {
      let world = world()
      _ = world.build(program())
      edit(world, "a", "other")
      world.plug.arm(at: write)
      let report = world.build(program())
      let wasUntouched = !world.plug.isPulled
      #expect(wasUntouched == (report.summary.status == .succeeded), "write \(write)")
      world.crash()
      let mended = world.build(program())
      #expect(mended.summary.status == .succeeded, "write \(write): \(mended.messages)")
      #expect(world.tree.displaced.isEmpty, "write \(write)")
      expectRight(world, program())
      if wasUntouched { break }
      write += 1
    }
    #expect(write > 4)
  }

  @Test func aDryRunOverAPartSaysWhatWouldRunAndLeavesNoTrace() {
    let world = world()
    _ = world.build(program())
    edit(world, "a", "other")
    let (tree, commits) = (world.tree.files, world.store.commits)
    let report = world.build(program()) { $0.isDryRun = true }
    #expect(report.evaluations == 0)
    #expect(report.foreseen == ["s0", "s1"])
    #expect(world.tree.files == tree)
    #expect(world.store.commits == commits)
    #expect(world.build(program()).launches == ["s0", "s1"])
    expectRight(world, program())
  }
}
