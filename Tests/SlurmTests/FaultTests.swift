import BuildGraph
import Foundation
import Glibc
import Ports
import Scheduling
import Testing

@testable import Slurm

/// What a real cluster does at times and no test can make it do: files that are seen late, clocks that differ, nodes that fall silent.
@Suite struct FaultTests {
  @Test func aResultThatIsSeenLongAfterItsJobHasEndedIsTakenAndNotMadeAgain() throws {
    let bench = try Bench()
    bench.agents.areResultsLate = true
    var stage = 0
    var polls = 0
    let outcomes = try bench.run([.test(1, "a"), .test(2, "b")], on: bench.runner(late: 600)) { bench, outcomes in
      switch stage {
      case 0 where bench.agents.keptBack == 2:
        try bench.slurm.setState("COMPLETED", of: "1")
        polls = bench.slurm.polls
        stage = 1
      // By then it is known that the job is over.
      case 1 where bench.slurm.polls > polls + 3:
        #expect(outcomes.isEmpty)
        bench.agents.deliver()
        stage = 2
      case _: break
      }
    }
    for run in [Int64(1), 2] { #expect(outcomes[run]?.ending == .exited(0)) }
    #expect(bench.agents.steps.runs == ["a": 1, "b": 1])
    #expect(bench.slurm.read("submissions").split(separator: "\n").count == 1)
    bench.end()
  }

  @Test func aResultThatNobodyEverSeesIsLost() throws {
    let bench = try Bench()
    bench.agents.areResultsLate = true
    var hasEnded = false
    let outcomes = try bench.run([.test(1, "a")], on: bench.runner()) { bench, _ in
      guard !hasEnded, bench.agents.keptBack == 1 else { return }
      hasEnded = true
      try bench.slurm.setState("COMPLETED", of: "1")
    }
    guard case .lostWorker? = outcomes[1]?.setback else {
      Issue.record("\(String(describing: outcomes[1]))")
      return bench.end()
    }
    bench.end()
  }

  @Test(arguments: [-1e7, -3600, 3600, 1e7]) func clocksThatDifferChangeNothing(offset: Double) throws {
    let bench = try Bench()
    bench.agents.clock.offset = offset
    // An earlier build, by another clock again, has left a result and nothing else.
    let folder = JobFolder(path: ByteString(bench.state + "/jobs/1-1"))
    try folder.make()
    let outcome = RunOutcome(
      ending: .exited(0), usage: .init(wallSeconds: 1, cpuSeconds: 1, peakMemoryBytes: 1, memoryMeasure: .sampled),
      outputs: [FakeSteps.artifact("known")], isSandboxed: true)
    let message = ResultMessage(key: Digest(hashing: [7]), requestedAt: 100, outcome: outcome)
    try folder.write(message.encoded, to: JobFolder.kept + "/" + JobFolder.fileName(of: 1))
    var requests = (10...20).map { RunRequest.test(Int64($0), "step \($0)", key: "k\($0)") }
    requests.append(.test(21, "known"))
    requests[11].key = Digest(hashing: [7])
    let outcomes = try bench.run(requests, on: bench.runner(clock: TestClock(offset: -offset / 2)))
    for request in requests { #expect(outcomes[request.run.number]?.ending == .exited(0)) }
    #expect(bench.agents.steps.runs["known"] == nil)
    #expect(bench.agents.steps.runs.values.allSatisfy { $0 == 1 })
    bench.end()
  }

  @Test func anAgentThatFallsSilentInAJobThatRunsIsGivenUp() throws {
    let bench = try Bench()
    bench.limits.allocations = 1
    bench.agents.steps.hold("doomed")
    var hasKilled = false
    let runner = bench.runner(silence: 2)
    let outcomes = try bench.run([.test(1, "doomed")], on: runner) { bench, _ in
      // The controller has said where it is.
      guard bench.slurm.polls > 2 else { return }
      guard !hasKilled, bench.agents.steps.runs["doomed"] == 1 else { return }
      hasKilled = true
      bench.agents.kill("1")
    }
    guard case .lostWorker(let message)? = outcomes[1]?.setback else {
      Issue.record("\(String(describing: outcomes[1]))")
      return bench.end()
    }
    #expect(message.contains("says nothing any more"))
    // It has one node only: others are asked for, and when that is refused, any.
    try bench.slurm.set("refuse-shunning", "sbatch: error: Requested node configuration is not available")
    let again = try bench.run([.test(2, "next")], on: runner)
    #expect(again[2]?.ending == .exited(0))
    bench.end()
    #expect(bench.slurm.read("cancelled").contains("1"))
    let submissions = bench.slurm.read("submissions").split(separator: "\n").map { $0.contains("--exclude=n1") }
    #expect(submissions.first == false && submissions.contains(true) && submissions.last == false)
  }

  @Test func jobsThatRunAndNeverSpeakEndTheAttempts() throws {
    let bench = try Bench()
    bench.agents.areAbsent = true
    let outcomes = try bench.run([.test(1, "a")], on: bench.runner(silence: 0.2))
    guard case .refused(let message)? = outcomes[1]?.ending else {
      Issue.record("\(String(describing: outcomes[1]))")
      return bench.end()
    }
    #expect(message.contains("does not start in its jobs"))
    bench.end()
  }
}
