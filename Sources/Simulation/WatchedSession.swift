import BuildGraph
import Ports

/// One session under a watch: edits at any moment, before, between and in the middle of rounds; events that come late, twice, merged or
/// not at all; kills, power failures, and builds of others in between. The seed decides all of it.
package final class WatchedSession {
  private let world: SimulatedWorld
  private var generator: SessionGenerator
  private var program: SimulatedProgram
  private var watch: SimulatedWatch?
  private var log: [String] = []
  private var problems: [String] = []
  private var seed: UInt64
  private let rounds: Int
  /// Edits that are left for the middle of rounds.
  private var editsLeft = 0

  /// - Parameter rounds: of edits until all is at rest.
  package init(seed: UInt64, rounds: Int = 3) {
    self.seed = seed
    self.rounds = rounds
    world = SimulatedWorld(seed: seed &* 6271 &+ 3)
    generator = SessionGenerator(seed: seed)
    generator.populate(world.files)
    program = generator.program()
    world.files.grain = generator.random.pick([1, 1_000, 4_000_000])
    world.jobs = 1 + generator.random.below(3)
  }

  /// What went wrong, with the log in front.
  package func run() -> [String] {
    log.append("\(program)")
    world.save(program)
    begin()
    check("the first round")
    for round in 0..<rounds where problems.isEmpty {
      editsLeft = generator.random.chance(40) ? 1 + generator.random.below(2) : 0
      let isCut = generator.random.chance(10)
      if isCut { world.plug.arm(at: 1 + generator.random.below(12)) }
      for _ in 0...generator.random.below(3) {
        edit("edit")
        if generator.random.chance(30) { watch?.advance() }
      }
      if generator.random.chance(10) {
        log.append("another process builds")
        _ = world.build(program)
      }
      if isCut {
        _ = watch?.comeToRest()
        log.append("the power goes, after \(watch?.rounds ?? 0) rounds")
        watch?.kill()
        world.crash()
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
      if generator.random.chance(50) { watch?.settle() }
    }
    watch?.kill()
    return problems.isEmpty ? [] : log + problems
  }

  private func edit(_ name: String) {
    log.append("\(name): \(generator.edit(world, &program, mayPrune: false, maySetClock: false))")
    world.pauseAfterSaving = 0
    world.save(program)
    world.clock.nanoseconds += generator.random.pick([0, 500, 5_000_000, 60_000_000, 3_000_000_000])
  }

  private func begin() {
    seed &+= 1
    let watch = SimulatedWatch(world, seed: seed) { [unowned self] in program }
    self.watch = watch
    world.choose = { [unowned self] count in
      if world.random.chance(15) { watch.hear() }
      return world.random.below(count)
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

  private func check(_ name: String) {
    editsLeft = 0
    guard let watch else { return }
    if !watch.comeToRest() { return complain("\(name) does not end") }
    log.append(
      "\(name): \(watch.summary.map { "\($0.status)" } ?? "nothing"), \(watch.rounds) rounds, said \(watch.messages)")
    for problem in world.runner.violations + world.store.violations { complain(problem) }
    if world.lock.isHeld { complain("the lock is still held") }
    let reference = ReferenceBuild(program, files: world.files)
    let status = watch.summary?.status
    switch reference.verdict {
    case .succeeded:
      if status != .succeeded { complain("\(name) should succeed: \(watch.summary as Any)") }
      let found = world.tree.files
      for path in Set(found.keys).union(reference.outputs.keys).sorted() where found[path] != reference.outputs[path] {
        complain("'\(path.display)' is \(text(found[path])), not \(text(reference.outputs[path]))")
      }
    case .failed:
      if status != .failed { complain("\(name) should fail: \(watch.summary as Any)") }
      for (path, bytes) in reference.outputs.sorted(by: { $0.key < $1.key }) where world.tree.files[path] != bytes {
        complain("'\(path.display)' should be made although other steps fail")
      }
    case .invalid:
      let mayFail = reference.lacksText && status == .failed
      if status != .invalid, !mayFail { complain("\(name) should be invalid: \(watch.summary as Any)") }
    }
    guard problems.isEmpty, status == .succeeded else { return }
    checkNothingToDo(watch)
  }

  private func text(_ bytes: [UInt8]?) -> String { bytes.map { String(decoding: $0, as: UTF8.self) } ?? "nothing" }

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
