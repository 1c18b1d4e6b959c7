import BuildGraph
import Foundation
import Glibc
import Ports
import Scheduling
import Synchronization
import Testing

@testable import Slurm

/// A state folder, a fake Slurm, agents, and what was said.
final class Bench {
  let slurm: FakeSlurm
  let agents: Agents
  let said = Sayings()
  private var runners: [SlurmRunner] = []
  var limits = Fleet.Limits(
    allocations: 2, shape: .init(cpu: 4, memory: 4 << 30), idleSeconds: 600, secondsBetweenSubmissions: 0)

  init() throws {
    slurm = try FakeSlurm()
    agents = Agents(slurm, state: slurm.folder + "/state")
  }

  var state: String { slurm.folder + "/state" }

  func runner(silence: Double = 600, late: Double = 0.3, clock: TestClock = TestClock()) -> SlurmRunner {
    let runner = SlurmRunner(
      configuration: .init(
        stateFolder: ByteString(state), root: ByteString(slurm.folder), limits: limits, lateSeconds: late,
        silenceSeconds: silence, pollSeconds: 0.05
      ) { name, _, _ in "agent \(name)" }, cluster: slurm.cluster, objects: agents.objects, clock: clock
    ) { [said] id, message in said.note("\(id): \(message)") }
    runners.append(runner)
    return runner
  }

  /// Runs requests at the same time, looking after the agents until all have ended or the time is over.
  func run(
    _ requests: [RunRequest], on runner: SlurmRunner,
    while body: (Bench, [Int64: RunOutcome]) throws -> Void = { _, _ in }
  ) throws -> [Int64: RunOutcome] {
    let outcomes = Outcomes()
    let threads = requests.compactMap { request in
      Worker {
        if let outcome = try? runner.run(request) { outcomes.set(request.run.number, outcome) }
      }
    }
    let deadline = Date().addingTimeInterval(120)
    while outcomes.all.count < requests.count {
      guard Date() < deadline else {
        Issue.record("steps do not end: \(outcomes.all.count) of \(requests.count)")
        runner.cancelAll()
        break
      }
      agents.attend()
      try body(self, outcomes.all)
      usleep(5_000)
    }
    for thread in threads { thread.join() }
    return outcomes.all
  }

  func end() {
    agents.end()
    for runner in runners { runner.close() }
  }
}

final class Sayings: Sendable {
  private let texts = Mutex<[String]>([])
  func note(_ text: String) { texts.withLock { $0.append(text) } }
  func count(of prefix: String) -> Int { texts.withLock { $0.count { $0.hasPrefix(prefix) } } }
}

final class Outcomes: Sendable {
  private let outcomes = Mutex<[Int64: RunOutcome]>([:])
  var all: [Int64: RunOutcome] { outcomes.withLock { $0 } }
  func set(_ run: Int64, _ outcome: RunOutcome) { outcomes.withLock { $0[run] = outcome } }
}
