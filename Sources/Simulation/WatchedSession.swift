import BuildGraph
import Ports

/// One session under a watch: edits at any moment, before, between and in the middle of rounds; events that come late, twice, merged or
/// not at all; kills, power failures, and builds of others in between. The seed decides all of it.
package final class WatchedSession {
  private let world: SimulatedWorld
  private var generator: SessionGenerator
  private var program: SimulatedProgram
  private var watch: SimulatedWatch?
  /// What steps read of the user's files, after the last edit.
  private var contents: [String: [SimulatedContent?]] = [:]
  private var log: [String] = []
  private var problems: [String] = []
  private var seed: UInt64
  private let rounds: Int
  private let targets: [String]
  /// Edits that are left for the middle of rounds.
  private var editsLeft = 0
  private let skipped: Set<Int>
  private(set) var editCount = 0
  private var reasons = Reasons()
  /// The last run whose reason has been looked at.
  private var lastRun: Int64 = 0
  /// Something was written of which no watch could hear.
  private var isDeaf = false
  /// How much of what the watch did is in the log.
  private var (launchesTold, roundsTold) = (0, 0)

  /// - Parameters:
  ///   - rounds: of edits until all is at rest.
  ///   - skipped: edits to leave out, by number, from 0.
  package init(seed: UInt64, rounds: Int = 3, skipping skipped: Set<Int> = []) {
    self.seed = seed
    self.rounds = rounds
    self.skipped = skipped
    world = SimulatedWorld(seed: seed &* 6271 &+ 3)
    generator = SessionGenerator(seed: seed)
    program = generator.begin(world)
    // By the seed alone: what older seeds have found they go on to find.
    world.runner.tellsOfSuccess = seed % 7 >= 5
    targets = generator.random.pick([["Main"], ["Main"], ["T0"], ["T0", "T1"]])
    world.targets = targets
  }

  /// What went wrong, with the log in front.
  package func run() -> [String] {
    log.append("\(program), targets \(targets)")
    contents = ReferenceBuild(program, files: world.files).sourceContents
    world.save(program)
    begin()
    check("the first round")
    for round in 0..<rounds where problems.isEmpty {
      editsLeft = generator.random.chance(40) ? 1 + generator.random.below(2) : 0
      let isCut = generator.random.chance(10)
      let isDisk = isCut && generator.random.chance(40)
      if isCut { world.plug.arm(at: 1 + generator.random.below(generator.random.pick([12, 40])), isDisk: isDisk) }
      for _ in 0...generator.random.below(3) {
        edit("edit")
        if generator.random.chance(30) { watch?.advance() }
      }
      if generator.random.chance(10) { buildElsewhere() }
      if isDisk {
        _ = watch?.comeToRest()
        log.append(
          "the disk was full, after \(watch?.rounds ?? 0) rounds; there is room again, and a build is asked for")
        world.plug.arm(at: nil)
        reasons.forget()
        reasons.loseObjects()
        watch?.ask()
      } else if isCut {
        _ = watch?.comeToRest()
        log.append("the power goes, after \(watch?.rounds ?? 0) rounds")
        watch?.kill()
        world.crash()
        reasons.forget()
        begin()
      } else if generator.random.chance(10) {
        log.append("the watch is killed")
        watch?.kill()
        begin()
      }
      if generator.random.chance(20) {
        log.append("a build is asked for")
        watch?.ask()
      }
      check("round \(round)")
      if generator.random.chance(50) { _ = watch?.settle() }
    }
    watch?.kill()
    // They hold the watch, and the watch holds the world.
    world.choose = nil
    world.runner.meanwhile = {}
    return problems.isEmpty ? [] : log + problems
  }

  /// Another process builds the same, or another target.
  private func buildElsewhere() {
    world.targets = generator.random.pick([targets, targets, ["Main"], ["T1"]])
    log.append("another process builds \(world.targets)")
    _ = world.build(program)
    world.targets = targets
  }

  /// Each edit has random numbers of its own, so that leaving one out changes no other.
  private func edit(_ name: String) {
    var hand = SessionGenerator(seed: generator.random.next())
    let pause: Int64 = generator.random.pick([0, 500, 5_000_000, 60_000_000, 3_000_000_000])
    defer {
      editCount += 1
      world.clock.nanoseconds += pause
    }
    if skipped.contains(editCount) { return }
    let edit = hand.edit(world, &program, .silence)
    let (before, after) = (contents, ReferenceBuild(program, files: world.files).sourceContents)
    contents = after
    reasons.noteEdits(of: Set(before.keys).union(after.keys).filter { before[$0] != after[$0] })
    if edit.hasPrefix(SessionGenerator.silently) { isDeaf = true }
    log.append("\(name): \(edit)")
    world.pauseAfterSaving = 0
    world.save(program)
  }

  private func begin() {
    seed &+= 1
    isDeaf = false
    (launchesTold, roundsTold) = (0, 0)
    reasons.loseObjects()
    let watch = SimulatedWatch(world, seed: seed) { [unowned self] in program }
    self.watch = watch
    world.choose = { [unowned self] count in
      if world.random.chance(15) { watch.hear() }
      return world.next(of: count)
    }
    world.runner.meanwhile = { [unowned self] in
      if editsLeft > 0, generator.random.chance(30) {
        editsLeft -= 1
        edit("meanwhile")
      }
      if world.random.chance(50) { watch.hear() }
    }
    watch.begin()
  }

  private func complain(_ text: String) { problems.append("- \(text)") }

  private func references() -> [ReferenceBuild] {
    ReferenceBuild.all(program, files: world.files, targets: targets, runs: world.runner.results)
  }

  private var outputs: [ByteString: [UInt8]] {
    world.tree.files.filter { SimulatedProgram.owns(targets, $0.key) }
  }

  private func check(_ name: String) {
    editsLeft = 0
    if watch?.comeToRest() != true { return complain("\(name) does not end") }
    if isDeaf { findWhatWasNotHeard(name) }
    guard let watch, problems.isEmpty else { return }
    log.append("rounds \(watch.told.dropFirst(roundsTold)), launched \(watch.launches.dropFirst(launchesTold))")
    (launchesTold, roundsTold) = (watch.launches.count, watch.told.count)
    log.append(
      "\(name): \(watch.summary.map { "\($0.status)" } ?? "nothing"), \(watch.rounds) rounds, said \(watch.messages)")
    for problem in world.runner.violations + world.store.violations { complain(problem) }
    if watch.mostAtOnce > world.jobs { complain("\(watch.mostAtOnce) steps at once, \(world.jobs) allowed") }
    if world.lock.isHeld { complain("the lock is still held") }
    let references = references()
    let matching = references.filter { $0.fits(watch.summary?.status, outputs) }
    if matching.isEmpty { complain("\(name) " + references[0].misfit(watch.summary?.status, outputs)) }
    checkReasons(matching)
    guard problems.isEmpty, watch.summary?.status == .succeeded else { return }
    // Those that something above them spared are as they were recorded.
    reasons.settle(watch.touched.intersection(references[0].wanted), matching, program)
    reasons.findObjects(of: references[0].wanted)
    checkNothingToDo(watch)
  }

  /// The next full look does: that of a build of another process, which the watch must not undo, and that of a watch that begins.
  private func findWhatWasNotHeard(_ name: String) {
    log.append("\(name): another process looks")
    let report = world.build(program)
    if !references().contains(where: { $0.fits(report.summary.status, outputs) }) {
      complain("a full look: " + references()[0].misfit(report.summary.status, outputs))
    }
    if watch?.comeToRest() != true { return complain("\(name) does not end") }
    if report.summary.status == .succeeded, !references().contains(where: { $0.fits(.succeeded, outputs) }) {
      complain("after a full look of another process: " + references()[0].misfit(.succeeded, outputs))
    }
    watch?.kill()
    begin()
    if watch?.comeToRest() != true { complain("\(name) does not end") }
  }

  private func checkReasons(_ builds: [ReferenceBuild]) {
    let names = Set(program.steps.map(\.name))
    reasons.noteSharedSteps(of: builds)
    let runs = ((try? world.store.runs(labelled: nil, limit: .max)) ?? []).filter { $0.run.number > lastRun }
      .sorted { $0.run < $1.run }
    for run in runs {
      lastRun = max(lastRun, run.run.number)
      guard names.contains(run.label) else { continue }
      guard let seen = world.runner.seen[run.run] else {
        // It was forgotten when another process began.
        reasons.forget(run.label)
        continue
      }
      if !reasons.isTrue(run.reason, of: run.label, seen) {
        complain("\(run.label) was launched because '\(run.reason)', which is not so")
      }
      // Several rounds may have gone by: each of them is a state that it can have been in.
      reasons.add(seen, of: run.label)
    }
    reasons.add(builds, program)
    reasons.forgetEdits()
  }

  private func checkNothingToDo(_ watch: SimulatedWatch) {
    let (launches, changes) = (watch.launches.count, world.tree.changes)
    watch.ask()
    if watch.summary?.status != .succeeded { complain("a build that is asked for ends with \(watch.summary as Any)") }
    if watch.launches.count != launches {
      complain("a build that is asked for launches \(watch.launches[launches...])")
    }
    let report = world.build(program)
    if report.summary.status != .succeeded { complain("a build of another process ends with \(report.summary)") }
    if !report.launches.isEmpty { complain("a build of another process launches \(report.reasons)") }
    if world.tree.changes != changes { complain("where there is nothing to do, outputs are touched") }
  }
}
