import BuildGraph
import Ports

/// One session: a program, files, and a few rounds of edits and builds. The seed decides all of it.
package final class Session {
  private let world: SimulatedWorld
  private var generator: SessionGenerator
  private var program: SimulatedProgram
  private var log: [String] = []
  private var problems: [String] = []
  /// What each step could last have been brought up to date with, by label.
  private var history: [String: [SimulatedRunner.Seen]] = [:]
  private var hasLostObjects = false
  private var hasSharedSteps = false
  private let rounds: Int

  /// - Parameter rounds: of edits and builds after the first build.
  package init(seed: UInt64, rounds: Int = 4) {
    self.rounds = rounds
    world = SimulatedWorld(seed: seed &* 7919 &+ 1)
    generator = SessionGenerator(seed: seed)
    generator.populate(world.files)
    program = generator.program()
    world.files.grain = generator.random.pick([1, 1_000, 4_000_000])
    world.jobs = 1 + generator.random.below(3)
  }

  /// What went wrong, with the log in front.
  package func run() -> [String] {
    log.append("\(program)")
    wait()
    build("first build")
    for round in 0..<rounds where problems.isEmpty {
      for _ in 0...generator.random.below(3) {
        let edit = generator.edit(world, &program)
        if edit == "prune objects" {
          hasLostObjects = true
          world.snapshot.removeAll()
        }
        log.append(edit)
        wait()
      }
      if generator.random.chance(12) {
        // The same program with another parameter: a graph and a snapshot of their own, and the same outputs.
        world.parameter = 1 - world.parameter
        log.append("parameter \(world.parameter)")
      }
      if generator.random.chance(20) { crash() }
      if generator.random.chance(20) { buildWhileEditing() }
      build("build \(round)")
    }
    return problems.isEmpty ? [] : log + problems
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
    world.plug.arm(at: 1 + generator.random.below(12))
    let report = world.build(program)
    log.append("crash (\(told(report)))")
    world.crash()
    hasLostObjects = true
    for path in history.keys {
      history[path]?.append(contentsOf: reference().commandsByName(program)[path].map { [$0] } ?? [])
    }
  }

  private func buildWhileEditing() {
    var left = 1
    world.runner.meanwhile = { [unowned self] in
      guard left > 0, generator.random.chance(50) else { return }
      left -= 1
      var program = program
      log.append("meanwhile: \(generator.edit(world, &program, mayPrune: false))")
    }
    let report = world.build(program)
    world.runner.meanwhile = {}
    log.append("build while editing (\(told(report)))")
    hasLostObjects = true
    history = [:]
  }

  private func told(_ report: SimulatedWorld.Report) -> String {
    "\(report.summary.status), launched \(report.launches), wrote \(report.written.map(\.display)), said \(report.messages)"
  }

  private func reference() -> ReferenceBuild { ReferenceBuild(program, files: world.files) }

  private func build(_ name: String) {
    let report = world.build(program)
    log.append("\(name): \(report.summary.status), ran \(report.reasons.sorted { $0.key < $1.key })")
    check(report)
    checkOutputs(report)
    checkReasons(report)
    guard problems.isEmpty, report.summary.status == .succeeded else { return }
    hasLostObjects = false
    checkNothingToDo("a second build", wantsSnapshot: false)
    world.clock.nanoseconds += 60_000_000
    world.snapshot.removeAll()
    checkNothingToDo("a build without the snapshot", wantsSnapshot: false)
    // Files of the future are not trusted before it comes.
    checkNothingToDo("a build with the snapshot", wantsSnapshot: !world.clock.wasSetBack)
  }

  private func check(_ report: SimulatedWorld.Report) {
    problems += world.runner.violations + world.store.violations
    if report.mostAtOnce > world.jobs { complain("\(report.mostAtOnce) steps at once, \(world.jobs) allowed") }
    if world.lock.isHeld { complain("the lock is still held") }
    let summary = report.summary
    if summary.steps != summary.run + summary.cached + summary.failed, summary.status == .succeeded {
      complain("the counts do not add up: \(summary)")
    }
  }

  private func checkOutputs(_ report: SimulatedWorld.Report) {
    let reference = reference()
    switch reference.verdict {
    case .succeeded:
      if report.summary.status != .succeeded {
        complain(
          "should succeed: \(report.summary) \(report.messages)")
      } else if world.tree.files != reference.outputs {
        complain("outputs differ: \(difference(world.tree.files, reference.outputs))")
      }
    case .failed:
      if report.summary.status != .failed { complain("should fail: \(report.summary) \(report.messages)") }
      for (path, bytes) in reference.outputs where world.tree.files[path] != bytes {
        complain("'\(path.display)' should be made although other steps fail: \(report.messages)")
      }
    case .invalid:
      // Whether it is the missing source or the failed step that the evaluation meets first is its own affair.
      let mayFail = reference.lacksText && report.summary.status == .failed
      if report.summary.status != .invalid, !mayFail {
        complain("should be invalid: \(report.summary) \(report.messages)")
      }
    }
  }

  private func difference(_ found: [ByteString: [UInt8]], _ wanted: [ByteString: [UInt8]]) -> [String] {
    Set(found.keys).union(wanted.keys).sorted().filter { found[$0] != wanted[$0] }.map { path in
      func text(_ bytes: [UInt8]?) -> String { bytes.map { String(decoding: $0, as: UTF8.self) } ?? "nothing" }
      return "\(path.display) is \(text(found[path])), not \(text(wanted[path]))"
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

  /// Every reason must be true with respect to some state that the step can last have been in.
  private func checkReasons(_ report: SimulatedWorld.Report) {
    let reference = reference()
    hasSharedSteps = hasSharedSteps || reference.hasSharedSteps
    let commands = reference.commandsByName(program)
    for run in report.runs {
      guard let seen = world.runner.seen[run.run], program.steps.contains(where: { $0.name == run.label }) else {
        continue
      }
      let before = history[run.label] ?? []
      if !isTrue(run.reason, seen, before) {
        complain("\(run.label) was launched because '\(run.reason)', which is not so")
      }
    }
    let touched = Set(
      report.events.compactMap { event -> String? in
        if case .stepFinished(let end) = event, end.status == .run || end.status == .cached { return end.label }
        return nil
      })
    for (label, seen) in commands {
      if touched.contains(label) {
        history[label] = [seen]
      } else if history[label] != nil {
        history[label]!.append(seen)
      }
    }
  }

  private func isTrue(_ reason: String, _ now: SimulatedRunner.Seen, _ before: [SimulatedRunner.Seen]) -> Bool {
    // After a crash or an edit during a build nobody knows what was recorded.
    if before.isEmpty { return true }
    if reason.hasPrefix("attempt") || reason.contains("while it ran") { return true }
    // What reads of a step that has been merged with another reads of one with another name.
    if reason == "never built" { return before.isEmpty || hasSharedSteps }
    if reason.hasPrefix("command changed") { return before.contains { $0.script != now.script } }
    if reason.hasPrefix("result is gone") { return hasLostObjects || before.contains { $0.inputs == now.inputs } }
    if reason.hasPrefix("input ") {
      return hasLostObjects
        || before.contains { $0.inputs != now.inputs || $0.executables != now.executables || $0.folders != now.folders }
    }
    return false
  }
}

extension ReferenceBuild {
  /// By the names of the steps, which the generator keeps apart.
  func commandsByName(_ program: SimulatedProgram) -> [String: SimulatedRunner.Seen] {
    var result: [String: SimulatedRunner.Seen] = [:]
    for (index, seen) in commands { result[program.steps[index].name] = seen }
    return result
  }
}
