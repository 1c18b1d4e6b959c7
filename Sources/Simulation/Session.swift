import BuildGraph
import Ports

/// One session: a program, files, and a few rounds of edits and builds. The seed decides all of it.
package final class Session {
  private let world: SimulatedWorld
  private var generator: SessionGenerator
  private var program: SimulatedProgram
  private var log: [String] = []
  private var problems: [String] = []
  private var reasons = Reasons()
  private let rounds: Int

  /// Edits that are not made, by their numbers.
  private let skipped: Set<Int>
  private(set) var editCount = 0

  /// - Parameters:
  ///   - rounds: of edits and builds after the first build.
  ///   - skipped: edits to leave out, by number, from 0.
  package init(seed: UInt64, rounds: Int = 4, skipping skipped: Set<Int> = []) {
    self.rounds = rounds
    self.skipped = skipped
    world = SimulatedWorld(seed: seed &* 7919 &+ 1)
    generator = SessionGenerator(seed: seed)
    program = generator.begin(world)
    // By the seed alone: what older seeds have found they go on to find.
    world.runner.tellsOfSuccess = seed % 7 >= 5
  }

  /// What went wrong, with the log in front.
  package func run() -> [String] {
    log.append("\(program)")
    wait()
    build("first build")
    for round in 0..<rounds where problems.isEmpty {
      for _ in 0...generator.random.below(3) {
        edit("", .prune)
        wait()
      }
      if generator.random.chance(12) {
        // The same program with another parameter: a graph and a snapshot of their own, and the same outputs.
        world.parameter = 1 - world.parameter
        log.append("parameter \(world.parameter)")
      }
      if generator.random.chance(15) {
        world.targets = generator.random.pick([["Main"], ["T0"], ["T1"], ["T0", "T1"]])
        log.append("targets \(world.targets)")
      }
      if generator.random.chance(20) { crash() }
      if generator.random.chance(20) { buildWhileEditing() }
      build("build \(round)")
    }
    return problems.isEmpty ? [] : log + problems
  }

  /// Each edit has random numbers of its own, so that leaving one out changes no other.
  private func edit(_ name: String, _ hazards: SessionGenerator.Hazards) {
    var hand = SessionGenerator(seed: generator.random.next())
    defer { editCount += 1 }
    if skipped.contains(editCount) { return }
    let edit = hand.edit(world, &program, hazards)
    if edit == "prune objects" {
      reasons.loseObjects()
      world.snapshot.removeAll()
    }
    log.append(name + edit)
  }

  /// Sometimes within a clock tick of the last build, sometimes well after.
  private func wait() {
    world.clock.nanoseconds += pause()
    world.pauseAfterSaving = pause()
  }

  private func pause() -> Int64 {
    generator.random.pick([0, 500, 5_000_000, 50_000_000, 3_000_000_000])
  }

  private func complain(_ text: String) { problems.append("- \(text)") }

  private func crash() {
    let isDisk = generator.random.chance(30)
    world.plug.arm(at: 1 + generator.random.below(generator.random.pick([12, 40])), isDisk: isDisk)
    let report = world.build(program)
    log.append("\(isDisk ? "the disk is full" : "crash") (\(told(report)))")
    if isDisk { world.plug.arm(at: nil) } else { world.crash() }
    reasons.loseObjects()
    reasons.add(references(), program)
  }

  private func buildWhileEditing() {
    var left = 1 + generator.random.below(2)
    world.runner.meanwhile = { [unowned self] in
      guard left > 0, generator.random.chance(50) else { return }
      left -= 1
      let saved = program
      edit("meanwhile: ", [])
      // Its text is saved by the next build.
      program = saved
    }
    let report = world.build(program)
    world.runner.meanwhile = {}
    log.append("build while editing (\(told(report)))")
    reasons.loseObjects()
    reasons.forget()
  }

  private func told(_ report: SimulatedWorld.Report) -> String {
    "\(report.summary.status), launched \(report.launches), wrote \(report.written.map(\.display)), said \(report.messages)"
  }

  private func references() -> [ReferenceBuild] {
    ReferenceBuild.all(program, files: world.files, targets: world.targets, runs: world.runner.results)
  }

  private func build(_ name: String) {
    let others = outputs(ofOthers: true)
    let report = world.build(program)
    log.append("\(name): \(report.summary.status), ran \(report.reasons.sorted { $0.key < $1.key })")
    check(report)
    let references = references()
    let matching = references.filter { $0.fits(report.summary.status, outputs(ofOthers: false)) }
    if matching.isEmpty {
      complain(references[0].misfit(report.summary.status, outputs(ofOthers: false)) + " \(report.messages)")
    }
    if outputs(ofOthers: true) != others { complain("the outputs of another target are touched") }
    checkReasons(report, matching)
    guard problems.isEmpty, report.summary.status == .succeeded else { return }
    reasons.findObjects(of: references[0].wanted)
    checkNothingToDo("a second build", wantsSnapshot: false)
    // Coarse times may be those of a file system that counts whole seconds.
    world.clock.nanoseconds += world.files.grain < 1_000_000 ? 60_000_000 : 2_100_000_000
    world.snapshot.removeAll()
    if world.objects.hasLostAgain {
      // Whoever looks finds it gone, and work brings it back.
      world.objects.hasLostAgain = false
      log.append("what was lost again: \(told(world.build(program)))")
      world.snapshot.removeAll()
    }
    checkNothingToDo("a build without the snapshot", wantsSnapshot: false)
    // Files of the future are not trusted before it comes.
    checkNothingToDo("a build with the snapshot", wantsSnapshot: !world.clock.wasWrong)
  }

  private func outputs(ofOthers: Bool) -> [ByteString: [UInt8]] {
    world.tree.files.filter { SimulatedProgram.owns(world.targets, $0.key) != ofOthers }
  }

  private func check(_ report: SimulatedWorld.Report) {
    problems += world.runner.violations + world.store.violations
    if report.mostAtOnce > world.jobs { complain("\(report.mostAtOnce) steps at once, \(world.jobs) allowed") }
    if report.unended > 0 { complain("\(report.unended) steps are not said to have ended") }
    if world.lock.isHeld { complain("the lock is still held") }
    let summary = report.summary
    if summary.steps != summary.run + summary.cached + summary.failed, summary.status == .succeeded {
      complain("the counts do not add up: \(summary)")
    }
  }

  private func checkNothingToDo(_ name: String, wantsSnapshot: Bool) {
    let tree = world.tree.files
    let changes = world.tree.changes
    let objects = world.objects.contents.count
    let hits = world.snapshot.hits
    let report = world.build(program)
    if report.summary.status != .succeeded { complain("\(name) ends with \(report.summary.status)") }
    if !report.launches.isEmpty { complain("\(name) launches \(report.reasons)") }
    if world.tree.files != tree || world.tree.changes != changes { complain("\(name) touches the outputs") }
    if world.objects.contents.count != objects { complain("\(name) makes objects") }
    // The snapshot cannot tell an empty folder of the output tree from another.
    if wantsSnapshot, !world.tree.nodes.values.contains(.emptyFolder), world.snapshot.hits == hits {
      complain("\(name) looks further than the snapshot")
    }
  }

  private func checkReasons(_ report: SimulatedWorld.Report, _ builds: [ReferenceBuild]) {
    let names = Set(program.steps.map(\.name))
    reasons.noteSharedSteps(of: builds)
    for run in report.runs {
      guard let seen = world.runner.seen[run.run], names.contains(run.label) else { continue }
      if !reasons.isTrue(run.reason, of: run.label, seen) {
        complain("\(run.label) was launched because '\(run.reason)', which is not so")
      }
    }
    var touched: Set<String> = []
    for case .stepFinished(let end) in report.events { touched.note(end) }
    reasons.settle(touched.intersection(names), builds, program)
  }
}
