import BuildGraph
import Driver
import Ports
import Simulation
import Testing

/// Whole builds in the simulated world, one promise each.
@Suite struct BuildTests {
  private func world() -> SimulatedWorld {
    let world = SimulatedWorld(seed: 1)
    world.files.write("a", Array("1".utf8))
    world.files.write("b", Array("2".utf8))
    world.clock.nanoseconds += 5_000_000_000
    return world
  }

  private typealias Spec = SimulatedProgram.StepSpec

  /// `a` → s0 → s1 ← `b`; s1 is `out`, s0 is `dir/mid`.
  private func program(failing: Bool = false) -> SimulatedProgram {
    SimulatedProgram(
      steps: [
        Spec(name: "s0", salt: 1, modulus: 1000, failOn: 0, inputs: [.source("a")], outputs: [.file]),
        Spec(
          name: "s1", salt: 2, modulus: 1000, failOn: failing ? 1 : 0,
          inputs: [.output(step: 0, output: 0), .source("b")], outputs: [.file]),
      ],
      outputs: [
        SimulatedProgram.Output(path: "dir/mid", input: .output(step: 0, output: 0)),
        SimulatedProgram.Output(path: "out", input: .output(step: 1, output: 0)),
      ])
  }

  private func expectNothingToDo(_ world: SimulatedWorld, _ program: SimulatedProgram) {
    #expect(world.build(program).launches == [])
    world.snapshot.removeAll()
    let report = world.build(program)
    #expect(report.launches == [])
    #expect(report.written == [])
    #expect(report.summary.status == .succeeded)
  }

  @Test func aBuildThatChangesNothingLooksOnceAtEachPathAndOpensNothing() {
    let world = world()
    _ = world.build(program())
    let (looks, reads, commits) = (world.files.looks, world.files.reads, world.store.commits)
    let report = world.build(program())
    #expect(
      report.summary == BuildEvent.Summary(status: .succeeded, steps: 2, run: 0, cached: 2, failed: 0, seconds: 0))
    // Two sources and the program.
    #expect(world.files.looks - looks == 3)
    #expect(world.files.reads == reads)
    #expect(world.store.commits == commits)
  }

  /// Two steps that read nothing of each other.
  ///
  /// - Parameter failOn: 0 for steps that succeed, 1 for steps that fail.
  private func twoSteps(failOn: Int) -> SimulatedProgram {
    SimulatedProgram(
      steps: ["a", "b"].map { name in
        Spec(name: name, salt: 1, modulus: 1000, failOn: failOn, inputs: [.source(ByteString(name))], outputs: [.file])
      },
      outputs: (0..<2).map {
        SimulatedProgram.Output(path: ByteString("out\($0)"), input: .output(step: $0, output: 0))
      })
  }

  @Test(arguments: [true, false]) func aStepBeginsAsSoonAsTheProcessOfTheOneBeforeHasEnded(isTold: Bool) {
    let world = world()
    world.jobs = 1
    world.runner.tellsOfSuccess = isTold
    // What came last is done first, so that nothing is taken in while a step could begin.
    world.choose = { $0 - 1 }
    let program = twoSteps(failOn: 0)
    let report = world.build(program)
    #expect(report.summary.status == .succeeded)
    #expect(report.mostAtOnce == 1)
    let happened = report.events.compactMap { event -> String? in
      switch event {
      case .stepStarted: "began"
      case .stepFinished: "ended"
      case .buildStarted, .planned, .remaining, .wouldRun, .wouldPublish, .explained, .outputWritten, .outputRemoved,
        .outputDisplaced, .diagnostic, .printed, .changed, .watching, .buildFinished:
        nil
      }
    }
    #expect(
      happened == (isTold ? ["began", "began", "ended", "ended"] : ["began", "ended", "began", "ended"]))
    expectNothingToDo(world, program)
  }

  @Test(arguments: [true, false]) func afterAFailureNoStepBegins(isTold: Bool) {
    let world = world()
    (world.jobs, world.keepsGoing) = (1, false)
    world.runner.tellsOfSuccess = isTold
    world.choose = { $0 - 1 }
    let program = twoSteps(failOn: 1)
    let report = world.build(program)
    #expect(report.summary.failed == 1)
    #expect(report.launches.count == 1)
  }

  @Test func aTouchedSourceIsReadOnceAndNothingRuns() {
    let world = world()
    _ = world.build(program())
    world.files.touch("a")
    world.clock.nanoseconds += 5_000_000_000
    let reads = world.files.reads
    #expect(world.build(program()).launches == [])
    #expect(world.files.reads - reads == 1)
    #expect(world.build(program()).launches == [])
    #expect(world.files.reads - reads == 1)
  }

  @Test func aCrashAtAnyWriteIsMendedByTheNextBuild() {
    var write = 1
    while true {
      let world = world()
      _ = world.build(program())
      world.files.write("a", Array("changed".utf8))
      world.clock.nanoseconds += 5_000_000_000
      world.plug.arm(at: write)
      let report = world.build(program())
      let wasUntouched = !world.plug.isPulled
      #expect(wasUntouched == (report.summary.status == .succeeded), "write \(write)")
      world.crash()
      let mended = world.build(program())
      #expect(mended.summary.status == .succeeded, "write \(write): \(mended.messages)")
      #expect(world.tree.files == ReferenceBuild(program(), files: world.files).outputs, "write \(write)")
      #expect(world.tree.displaced.isEmpty, "write \(write): what we wrote is ours, whatever happened")
      expectNothingToDo(world, program())
      world.files.write("a", Array("changed again".utf8))
      world.clock.nanoseconds += 5_000_000_000
      #expect(world.build(program()).summary.status == .succeeded)
      #expect(world.tree.displaced.isEmpty, "write \(write): and stays ours")
      if wasUntouched { break }
      write += 1
    }
    #expect(write > 5)
  }

  @Test func whatACrashLeftOfAnOutputThatCannotBeMadeStaysOurs() {
    let world = world()
    world.files.write("d/f0", Array("1".utf8))
    world.clock.nanoseconds += 5_000_000_000
    var listed = program()
    listed.forEach = "d"
    _ = world.build(listed)
    let before = world.tree.files
    // The power goes when the new output has been written, and before that is noted.
    var write = 1
    repeat {
      world.files.write("d/f1", Array("2".utf8))
      world.clock.nanoseconds += 5_000_000_000
      world.plug.arm(at: write)
      _ = world.build(listed)
      world.crash()
      write += 1
    } while world.tree.files["each/f1"] == nil
    // The file goes while the next build runs, so that this one cannot make its output.
    world.runner.meanwhile = { world.files.remove("d/f1") }
    world.objects.contents = [:]
    _ = world.build(listed)
    world.runner.meanwhile = {}
    #expect(world.build(listed).summary.status == .succeeded)
    #expect(world.tree.files == before, "nothing is left behind")
    expectNothingToDo(world, listed)
  }

  @Test func aFullDiskAtAnyWriteLosesNothing() {
    var write = 1
    while true {
      let world = world()
      _ = world.build(program())
      let before = world.tree.files
      world.files.write("a", Array("changed".utf8))
      world.clock.nanoseconds += 5_000_000_000
      let after = ReferenceBuild(program(), files: world.files).outputs
      world.plug.arm(at: write, isDisk: true)
      let report = world.build(program())
      let wasFull = world.plug.isPulled
      #expect(wasFull == (report.summary.status != .succeeded), "write \(write)")
      if wasFull { #expect(report.messages.contains { $0.contains("full") }, "write \(write): \(report.messages)") }
      for (path, bytes) in world.tree.files {
        #expect(bytes == before[path] || bytes == after[path], "write \(write): old or new, never mixed")
      }
      world.plug.arm(at: nil)
      let mended = world.build(program())
      #expect(mended.summary.status == .succeeded, "write \(write): \(mended.messages)")
      #expect(world.tree.files == after, "write \(write)")
      #expect(world.tree.displaced.isEmpty, "write \(write): what we wrote is ours")
      expectNothingToDo(world, program())
      if !wasFull { break }
      write += 1
    }
    #expect(write > 5)
  }

  @Test func aFailingStepKeepsTheLastGoodOutputAndSaysSo() {
    let world = world()
    _ = world.build(program())
    let before = world.tree.files
    let report = world.build(program(failing: true))
    #expect(report.summary.status == .failed)
    #expect(world.tree.files == before)
    #expect(report.messages.contains("output 'out' is of an earlier build: what makes it failed"))
    #expect(world.build(program(failing: true)).launches == ["s1"], "a failure is tried again")
    expectNothingToDo(world, program())
  }

  @Test func anOutputThatIsNoLongerMadeIsRemoved() {
    let world = world()
    _ = world.build(program())
    var smaller = program()
    smaller.outputs.removeFirst()
    #expect(world.build(smaller).launches == [])
    #expect(Array(world.tree.files.keys) == ["out"])
    expectNothingToDo(world, smaller)
  }

  @Test func aDeletedOutputIsRestoredWithoutRunningAnything() {
    let world = world()
    _ = world.build(program())
    world.tree.erase("out")
    let report = world.build(program())
    #expect(report.launches == [])
    #expect(report.written == ["out"])
    expectNothingToDo(world, program())
  }

  @Test func anEditedOutputIsKeptAsideAndRestored() {
    let world = world()
    _ = world.build(program())
    let right = world.tree.files["out"]
    world.tree.scribble("out", Array("mine".utf8))
    #expect(world.build(program()).launches == [])
    #expect(world.tree.files["out"] == right)
    #expect(world.tree.displaced.map(\.path) == ["out"])
    expectNothingToDo(world, program())
  }

  @Test func aForeignFileIsRefusedAndNothingIsPublished() {
    let world = world()
    world.tree.scribble("dir", Array("mine".utf8))
    let report = world.build(program())
    #expect(report.summary.status == .refused)
    #expect(world.tree.files == ["dir": Array("mine".utf8)])
    let forced = world.build(program()) { $0.isForced = true }
    #expect(forced.summary.status == .succeeded)
    #expect(forced.launches == [])
    #expect(world.tree.displaced.map(\.path) == ["dir"])
    expectNothingToDo(world, program())
  }

  @Test func outputsThatAreThereAlreadyAreAdopted() {
    let world = world()
    _ = world.build(program())
    world.deleteState()
    let report = world.build(program())
    #expect(report.launches == ["s0", "s1"])
    #expect(report.written == [])
    #expect(report.summary.status == .succeeded)
    expectNothingToDo(world, program())
  }

  @Test func aDryRunLeavesNoTrace() {
    let world = world()
    _ = world.build(program())
    world.files.write("a", Array("changed".utf8))
    let (tree, commits, objects) = (world.tree.files, world.store.commits, world.objects.contents.count)
    let report = world.build(program()) { $0.isDryRun = true }
    #expect(report.foreseen == ["s0", "s1"])
    #expect(report.launches == [])
    #expect(world.tree.files == tree)
    #expect(world.store.commits == commits)
    #expect(world.objects.contents.count == objects)
    #expect(world.build(program()).launches == ["s0", "s1"])
  }

  @Test func anInterruptedBuildKeepsWhatHadFinishedAndPublishesNothing() {
    let world = world()
    world.jobs = 1
    let interruption = Interruption()
    var runs = 0
    world.runner.meanwhile = {
      runs += 1
      if runs == 1 { interruption.interrupt() }
    }
    let report = world.build(program(), interruption: interruption)
    world.runner.meanwhile = {}
    #expect(report.summary.status == .interrupted)
    #expect(report.launches == ["s0"])
    #expect(world.tree.files.isEmpty)
    #expect(world.build(program()).launches == ["s1"])
    expectNothingToDo(world, program())
  }

  @Test func anObjectThatVanishesDuringTheBuildIsMadeAgain() {
    let world = world()
    world.jobs = 1
    var runs = 0
    world.runner.meanwhile = {
      runs += 1
      // While s1 runs, what s0 made is lost; it has been read, but not published.
      if runs == 2 { world.objects.removeAll() }
    }
    let report = world.build(program())
    world.runner.meanwhile = {}
    #expect(report.summary.status == .succeeded)
    #expect(world.tree.files == ReferenceBuild(program(), files: world.files).outputs)
    expectNothingToDo(world, program())
  }

  @Test func aTextThatChangesBeforeItIsReadBeginsTheEvaluationAnew() {
    let world = world()
    var program = program()
    program.steps[1].saltFrom = .source("b")
    var reads = 0
    world.files.beforeRead = {
      reads += 1
      if reads == 1 { world.files.write("b", Array("other".utf8)) }
    }
    let report = world.build(program)
    #expect(report.summary.status == .succeeded)
    #expect(reads == 2)
    #expect(world.tree.files == ReferenceBuild(program, files: world.files).outputs)
    world.files.beforeRead = {}
    expectNothingToDo(world, program)
  }

  @Test func aCopyIsMadeWhereItsPlaceDiffersAndOnlyThere() {
    let world = world()
    var graph = FlowGraph()
    let source = graph.addSource(Source(place: .path(Path("a")), kind: .file, location: nil))
    let copy = graph.addStep(
      Step(work: .copy(.source(source), kind: .file, to: .path(Path("far/copy"))), name: "Copied", location: nil))
    let outputs = [OutputEntry(path: "x", reference: .output(copy, 0), kind: .file, location: nil)]
    let program = FixedProgram(graph: graph, outputs: outputs)
    #expect(world.build(program).launches == ["Copied"])
    #expect(world.files.files["far/copy"]?.bytes == Array("1".utf8))
    #expect(world.tree.files["x"] == Array("1".utf8))
    world.snapshot.removeAll()
    #expect(world.build(program).summary.run == 0)
    world.files.write("far/copy", Array("else".utf8))
    world.snapshot.removeAll()
    #expect(world.build(program).summary.run == 1)
    #expect(world.files.files["far/copy"]?.bytes == Array("1".utf8))
  }

  @Test func aStepThatSaysAndReadsTheSameAsOneThatHasJustRunIsReused() {
    // Each makes the same of whatever it reads: from the third on they are equal, long before the state is written.
    let world = world()
    let steps = (0..<8).map { index in
      Spec(
        name: "s\(index)", salt: 3, modulus: 1, failOn: 0,
        inputs: [index == 0 ? .source("a") : .output(step: index - 1, output: 0)], outputs: [.file])
    }
    let program = SimulatedProgram(
      steps: steps, outputs: [SimulatedProgram.Output(path: "out", input: .output(step: 7, output: 0))])
    #expect(world.build(program).launches == ["s0", "s1"])
    expectNothingToDo(world, program)
  }

  @Test func noFlushIsOnTheWayToAnOutput() {
    let world = world()
    // The flush is what is done last, if it can be: it is given out behind a step, and from then on steps come behind it.
    var isBehind = true
    world.choose = { count in
      guard count > 1 else { return 0 }
      defer { isBehind = false }
      return isBehind ? 0 : count - 1
    }
    let steps = (0..<60).map { index in
      Spec(
        name: "s\(index)", salt: index, modulus: 1000, failOn: 0,
        inputs: [index == 0 ? .source("a") : .output(step: index - 1, output: 0)], outputs: [.file])
    }
    let program = SimulatedProgram(
      steps: steps, outputs: [SimulatedProgram.Output(path: "out", input: .output(step: 59, output: 0))])
    #expect(world.build(program).summary.run == 60)
    #expect(world.objects.flushes == 2, "one that was due while steps ran, and one at the end")
    #expect(world.tree.flushesBeforeFirstWrite == 0)
    #expect(world.store.violations == [])
  }

  /// What is on its way must not be as large as all that there is.
  @Test func manyFilesAreReadAndPublishedPieceByPieceAndACrashBetweenThePiecesIsMended() {
    let world = world()
    let names = (0..<5_000).map { ByteString("f\($0)") }
    for name in names { world.files.write(name, name.bytes) }
    world.clock.nanoseconds += 5_000_000_000
    let program = SimulatedProgram(
      steps: [], outputs: names.map { SimulatedProgram.Output(path: $0, input: .source($0)) })
    // An object and a place in the tree for each: the last piece is at work.
    world.plug.arm(at: 9_500)
    #expect(world.build(program).summary.status == .refused)
    world.crash()
    let half = world.tree.files.count
    #expect(half > 4_096 && half < 5_000, "\(half)")
    let report = world.build(program)
    #expect(report.summary.status == .succeeded)
    #expect(report.written.count == 5_000 - half)
    #expect(world.tree.files.count == 5_000)
    #expect(world.store.mostIntents <= 4_096)
    #expect(world.files.mostAtOnce <= 2_048)
    #expect(world.store.violations == [])
    expectNothingToDo(world, program)
  }

  @Test func twoProgramsShareResultsAndNotOutputs() {
    let world = world()
    _ = world.build(program())
    let other = world.build(program()) { $0.program = "other.rf" }
    #expect(other.launches == [])
    #expect(other.summary.status == .refused, "both want the same paths")
  }

  @Test func theSameSeedGivesTheSameSession() {
    func session() -> [String] {
      var generator = SessionGenerator(seed: 77)
      let world = SimulatedWorld(seed: 5)
      generator.populate(world.files)
      let program = generator.program()
      return world.build(program).events.map { "\($0)" }
    }
    #expect(session() == session())
  }
}

/// A program that says all at once.
final class FixedProgram: ProgramEvaluation {
  let graph: FlowGraph
  private let outputs: [OutputEntry]

  init(graph: FlowGraph, outputs: [OutputEntry]) {
    self.graph = graph
    self.outputs = outputs
  }

  func resume(_ answers: [(need: Need, answer: Answer)]) -> EvaluationProgress {
    .done(outputs: outputs, printed: [], diagnostics: [])
  }
}
