import BuildGraph
import Driver
import Ports
import Simulation
import Testing

/// Edits of a program: it is evaluated, and what it says as before is left as it was.
@Suite struct RenewedProgramTests {
  private typealias Spec = SimulatedProgram.StepSpec

  private static let stepCount = 12

  private func world() -> SimulatedWorld {
    let world = SimulatedWorld(seed: 1)
    for index in 0..<Self.stepCount { world.files.write(ByteString("f\(index)"), Array("\(index)".utf8)) }
    for (name, text) in [("d/a", "1"), ("d/b", "2")] { world.files.write(ByteString(name), Array(text.utf8)) }
    world.pauseAfterSaving = 5_000_000_000
    world.clock.nanoseconds += 5_000_000_000
    return world
  }

  /// `f0` → s0 → s1 ← `f1`, and so on in pairs; each makes an output.
  private func program() -> SimulatedProgram {
    SimulatedProgram(
      steps: (0..<Self.stepCount).map { index in
        var inputs: [SimulatedProgram.Input] = [.source(ByteString("f\(index)"))]
        if index % 2 == 1 { inputs.append(.output(step: index - 1, output: 0)) }
        return Spec(name: "s\(index)", salt: index, modulus: 1000, failOn: 0, inputs: inputs, outputs: [.file])
      },
      outputs: (0..<Self.stepCount).map { output($0) })
  }

  private func output(_ step: Int) -> SimulatedProgram.Output {
    .init(path: ByteString("out\(step)"), input: .output(step: step, output: 0))
  }

  /// What the state has of the graph, but for what grows with each build (the header), what steps are expected to take, and how much is
  /// known of a step that is up to date.
  private func graph(_ world: SimulatedWorld) -> [String] {
    var lines: [String] = []
    world.store.damageGraphs { page, bytes in
      guard page != .header, page != .directory, let list = ListPage(bytes) else { return }
      for index in 0..<list.count {
        var line: String?
        switch page.section {
        case .header, .directory: continue
        case .paths: line = list.value(at: index) { IndexedPath(decoding: &$0) }.map { "\($0)" }
        case .entries: line = list.value(at: index) { OutputEntry(decoding: &$0) }.map { "\($0)" }
        case .sourceDefinitions, .literalDefinitions, .assemblyDefinitions, .stepDefinitions:
          var definition = list.value(at: index) { NodeDefinition(decoding: &$0) }
          if case .step(let step, var frame)? = definition?.content {
            frame.rank = 0
            definition?.content = .step(step, frame)
          }
          line = definition.map { "\($0)" }
        case .sourceStates, .literalStates, .assemblyStates, .stepStates:
          switch list.value(at: index, { NodeState(decoding: &$0) }) {
          case .made(let made)?: line = "up to date \(made.key)"
          case .keyed(let key)?: line = "up to date \(key)"
          case .known(let artifact)? where page.section == .sourceStates: line = "\(artifact)"
          // Of what a program makes itself it follows from the definition, whether somebody had to know it or not.
          case .known?, .unwanted?: line = "no matter"
          case let state?: line = "\(state)"
          case nil: break
          }
        }
        lines.append("\(page.section) \(page.number) \(index): \(line ?? "damaged")")
      }
    }
    return lines
  }

  /// - Returns: how many steps people were told of that did not run: a build of a part names none.
  private func cachedEnds(_ report: SimulatedWorld.Report) -> Int {
    report.events.count { event in
      if case .stepFinished(let end) = event { return end.status == .cached }
      return false
    }
  }

  private func expectRight(_ world: SimulatedWorld, _ program: SimulatedProgram) {
    #expect(world.tree.files == ReferenceBuild(program, files: world.files).outputs)
    let again = world.build(program)
    #expect(again.launches == [])
    #expect(again.evaluations == 0)
    let saved = graph(world)
    world.snapshot.removeAll()
    #expect(world.build(program).launches == [], "a whole evaluation agrees")
    let whole = graph(world)
    let others = zip(saved, whole).filter { $0 != $1 }
    #expect(saved.count == whole.count && others.isEmpty, "and says the same to the next build: \(others.prefix(3))")
  }

  @Test func anEditOfOneStepRunsItAndWhatRestsOnItAndLooksAtNoOther() {
    let world = world()
    var program = program()
    _ = world.build(program)
    program.steps[4].salt = 100
    let (reads, looks) = (world.files.reads, world.files.looks)
    let report = world.build(program)
    #expect(report.evaluations == 1)
    #expect(report.launches == ["s4", "s5"])
    #expect(report.reasons["s4"]?.contains("command") == true)
    #expect(report.written == ["out4", "out5"])
    #expect(cachedEnds(report) == 0)
    #expect([report.summary.steps, report.summary.run, report.summary.cached] == [12, 2, 10])
    #expect(world.files.reads == reads, "no source has changed")
    // The snapshot's look and the evaluation's at each source, and a few at those of the two steps.
    #expect(world.files.looks - looks <= 2 * Self.stepCount + 12)
    expectRight(world, program)
  }

  @Test func anEditThatSaysTheSameRunsNothing() {
    let world = world()
    var program = program()
    _ = world.build(program)
    program.outputs.reverse()
    let report = world.build(program)
    #expect(report.evaluations == 1)
    #expect(report.launches == [])
    #expect(report.written == [])
    #expect(cachedEnds(report) == 0)
    expectRight(world, program)
  }

  @Test func stepsThatComeAndGoLeaveTheOthersAsTheyAre() {
    let world = world()
    let program = program()
    _ = world.build(program)
    var fewer = program
    fewer.steps = program.steps.enumerated().filter { $0.offset != 11 }.map(\.element)
    fewer.outputs.removeLast()
    let less = world.build(fewer)
    #expect(less.launches == [])
    #expect(cachedEnds(less) == 0)
    #expect(world.tree.files["out11"] == nil)
    expectRight(world, fewer)
    // In front of all others, so that every number is another.
    var more = fewer
    more.steps = [Spec(name: "new", salt: 7, modulus: 1000, failOn: 0, inputs: [.source("d/a")], outputs: [.file])]
    for var spec in fewer.steps {
      spec.inputs = spec.inputs.map { input in
        if case .output(let step, let output) = input { return .output(step: step + 1, output: output) }
        return input
      }
      more.steps.append(spec)
    }
    more.outputs = fewer.outputs.map { output in
      guard case .output(let step, let number) = output.input else { return output }
      return .init(path: output.path, input: .output(step: step + 1, output: number))
    }
    more.outputs.append(.init(path: "new", input: .output(step: 0, output: 0)))
    let added = world.build(more)
    #expect(added.launches == ["new"])
    #expect(added.written == ["new"])
    #expect(cachedEnds(added) == 0)
    expectRight(world, more)
  }

  @Test func outputsThatChangePlacesAreWrittenAndNoStepRuns() {
    let world = world()
    var program = program()
    _ = world.build(program)
    program.outputs[2].path = "moved/out"
    program.outputs[6].input = .output(step: 8, output: 0)
    let report = world.build(program)
    #expect(report.launches == [])
    #expect(report.written.sorted() == ["moved/out", "out6"])
    #expect(cachedEnds(report) == 0)
    #expect(world.tree.files["out2"] == nil)
    expectRight(world, program)
  }

  @Test func aNewNameInAListedFolderIsNewsAndAnOldOneIsNot() {
    let world = world()
    var program = program()
    program.forEach = "d"
    _ = world.build(program)
    world.files.write("d/c", Array("3".utf8))
    world.clock.nanoseconds += 5_000_000_000
    let report = world.build(program)
    #expect(report.evaluations == 1)
    #expect(report.launches == ["each[c]"])
    #expect(cachedEnds(report) == 0)
    expectRight(world, program)
    world.files.remove("d/a")
    world.clock.nanoseconds += 5_000_000_000
    let less = world.build(program)
    #expect(less.launches == [])
    #expect(cachedEnds(less) == 0)
    expectRight(world, program)
  }

  @Test func aProgramThatAsksWhatAStepMadeIsEvaluatedByItsBuild() {
    let world = world()
    var program = program()
    program.steps[3].saltFrom = .output(step: 0, output: 0)
    _ = world.build(program)
    program.steps[8].salt = 100
    let report = world.build(program)
    #expect(report.evaluations == 1, "what was evaluated in advance goes on")
    #expect(report.launches == ["s8", "s9"])
    expectRight(world, program)
  }

  @Test func aSourceAndAProgramMayChangeAtOnce() {
    let world = world()
    var program = program()
    _ = world.build(program)
    world.files.write("f2", Array("other".utf8))
    world.files.write("f7", Array("other".utf8))
    program.steps[4].salt = 100
    program.steps[7].inputs = [.source("f8")]
    let report = world.build(program)
    #expect(report.launches.sorted() == ["s2", "s3", "s4", "s5", "s7"])
    #expect(cachedEnds(report) == 0)
    expectRight(world, program)
  }

  @Test func aRenamedStepKeepsItsResultAndItsReasonsStayTrue() {
    let world = world()
    var program = program()
    _ = world.build(program)
    program.steps[4].name = "renamed"
    #expect(world.build(program).launches == [])
    expectRight(world, program)
    world.files.write("f4", Array("other".utf8))
    let report = world.build(program)
    #expect(report.reasons["renamed"] == "input f4 changed")
    expectRight(world, program)
  }

  @Test func aStepThatWasNotWantedAndNowIsRuns() {
    let world = world()
    var program = program()
    program.outputs.removeAll { $0.path == "out8" || $0.path == "out9" }
    let first = world.build(program)
    #expect(first.launches.count == Self.stepCount - 2)
    program.outputs.append(output(9))
    let report = world.build(program)
    #expect(report.launches == ["s8", "s9"])
    #expect(cachedEnds(report) == 0)
    expectRight(world, program)
    program.outputs.removeAll { $0.path == "out9" }
    #expect(world.build(program).launches == [])
    expectRight(world, program)
  }

  @Test func aCrashAtAnyWriteIsMendedByTheNextBuild() {
    var write = 1
    while true {
      let world = world()
      var program = program()
      _ = world.build(program)
      program.steps[4].salt = 100
      program.outputs[2].path = "moved"
      program.outputs.removeLast()
      world.plug.arm(at: write)
      let report = world.build(program)
      let wasUntouched = !world.plug.isPulled
      #expect(wasUntouched == (report.summary.status == .succeeded), "write \(write)")
      world.crash()
      let mended = world.build(program)
      #expect(mended.summary.status == .succeeded, "write \(write): \(mended.messages)")
      #expect(world.tree.displaced.isEmpty, "write \(write)")
      expectRight(world, program)
      if wasUntouched { break }
      write += 1
    }
    #expect(write > 4)
  }

  @Test func aDryRunSaysWhatWouldRunAndLeavesNoTrace() {
    let world = world()
    var program = program()
    _ = world.build(program)
    program.steps[4].salt = 100
    let (tree, commits) = (world.tree.files, world.store.commits)
    let report = world.build(program) { $0.isDryRun = true }
    #expect(report.foreseen == ["s4", "s5"])
    #expect(world.tree.files == tree)
    #expect(world.store.commits == commits)
    #expect(world.build(program).launches == ["s4", "s5"])
    expectRight(world, program)
  }

  /// Any program after any other: outputs are those of a build from nothing, whatever is left as it was.
  @Test(arguments: 0..<40) func anyEditIsRight(_ seed: UInt64) {
    let world = world()
    var random = SplitMix(seed: seed)
    var program = program()
    _ = world.build(program)
    for _ in 0..<12 {
      edit(&program, world, &random)
      let report = world.build(program)
      #expect(report.summary.status == .succeeded, "\(report.messages)")
      #expect(world.tree.files == ReferenceBuild(program, files: world.files).outputs)
      if random.below(3) == 0 { expectRight(world, program) }
    }
  }

  private func edit(_ program: inout SimulatedProgram, _ world: SimulatedWorld, _ random: inout SplitMix) {
    for _ in 0...random.below(3) {
      let step = random.below(program.steps.count)
      switch random.below(9) {
      case 0: program.steps[step].salt += 100
      case 1: program.steps[step].name += "x"
      case 2:
        world.files.write(ByteString("f\(random.below(Self.stepCount))"), Array("\(random.next())".utf8))
        world.clock.nanoseconds += 5_000_000_000
      case 3: if program.outputs.count > 3 { program.outputs.removeAll { $0.input == .output(step: step, output: 0) } }
      case 4:
        if !program.outputs.contains(where: { $0.path == output(step).path }) { program.outputs.append(output(step)) }
      case 5:
        let inputs: [SimulatedProgram.Input] = [
          .source(ByteString("f\(random.below(Self.stepCount))")), .literal(ByteString("\(random.below(3))")),
          .assembly(["a": .source("d/a"), "b": .source(ByteString("f\(random.below(3))"))]), .folder("d"),
        ]
        program.steps[step].inputs.append(random.pick(inputs))
      case 6: if program.steps[step].inputs.count > 1 { program.steps[step].inputs.removeLast() }
      case 7: program.forEach = program.forEach == nil ? "d" : nil
      case _:
        world.files.write(ByteString("d/\(random.below(4))"), Array("\(random.below(5))".utf8))
        world.clock.nanoseconds += 5_000_000_000
      }
    }
  }
}
