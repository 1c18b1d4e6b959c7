import BuildGraph
import Foundation
import Glibc
import Ports
import Scheduling
import Synchronization
import Testing

@testable import Slurm

/// The runner, the agents and the files between them, with commands of Slurm that answer as they are told.
@Suite struct RunnerTests {
  @Test func stepsRunInAFewJobsAndTheirResultsComeBack() throws {
    let bench = try Bench()
    let runner = bench.runner()
    let requests = (1...40).map { RunRequest.test(Int64($0), "step \($0)") }
    let outcomes = try bench.run(requests, on: runner)
    for request in requests {
      #expect(outcomes[request.run.number]?.outputs == [FakeSteps.artifact(request.label)])
      #expect(bench.agents.steps.runs[request.label] == 1)
    }
    let submissions = bench.slurm.read("submissions").split(separator: "\n")
    #expect((1...2).contains(submissions.count))
    #expect(submissions[0].contains("--cpus-per-task=4") && submissions[0].contains("--mem=4096M"))
    #expect(submissions[0].contains("--partition=p") && submissions[0].contains("--no-requeue"))
    bench.end()
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.state + "/jobs").isEmpty)
  }

  @Test func noMoreRunsAtATimeThanAllocationsHold() throws {
    let bench = try Bench()
    let runner = bench.runner()
    for index in 1...30 { bench.agents.steps.hold("step \(index)") }
    let outcomes = try bench.run((1...30).map { RunRequest.test(Int64($0), "step \($0)", cpu: 2) }, on: runner) {
      bench, _ in
      // Two allocations of four cores hold four steps of two.
      #expect(bench.agents.steps.most <= 4)
      if bench.agents.steps.runs.count == 4 { bench.agents.steps.letGo() }
    }
    #expect(outcomes.count == 30)
    bench.end()
  }

  @Test func aJobThatDiesLosesItsStepsAndTheOthersGoElsewhere() throws {
    let bench = try Bench()
    bench.limits.allocations = 1
    let runner = bench.runner()
    bench.agents.steps.hold("doomed")
    var hasKilled = false
    let outcomes = try bench.run([.test(1, "doomed", cpu: 4), .test(2, "other")], on: runner) { bench, _ in
      guard !hasKilled, bench.agents.steps.runs["doomed"] == 1 else { return }
      hasKilled = true
      bench.agents.kill("1")
      try bench.slurm.setState("NODE_FAIL", of: "1")
    }
    guard case .lostWorker(let message)? = outcomes[1]?.setback else {
      Issue.record("\(String(describing: outcomes[1]))")
      return bench.end()
    }
    #expect(message.contains("job 1") && message.contains("NODE_FAIL"))
    #expect(outcomes[2]?.ending == .exited(0))
    #expect(bench.agents.steps.runs["other"] == 1)
    bench.end()
  }

  @Test func anAllocationKilledForMemoryIsAWantOfMemory() throws {
    let bench = try Bench()
    let runner = bench.runner()
    bench.agents.steps.hold("large")
    var hasKilled = false
    let outcomes = try bench.run([.test(1, "large")], on: runner) { bench, _ in
      guard !hasKilled, bench.agents.steps.runs["large"] == 1 else { return }
      hasKilled = true
      bench.agents.kill("1")
      try bench.slurm.setState("OUT_OF_MEMORY", of: "1")
    }
    #expect(outcomes[1]?.setback == .outOfMemory)
    bench.end()
  }

  @Test(arguments: ["PartitionConfig", "BadConstraints", "QOSMaxCpuPerJobLimit"])
  func whatSlurmWillNeverRunIsRefusedWithItsReason(reason: String) throws {
    let bench = try Bench()
    try bench.slurm.set("begin", "PENDING")
    try bench.slurm.set("reason", reason)
    let outcomes = try bench.run([.test(1, "a"), .test(2, "b")], on: bench.runner())
    for run in [Int64(1), 2] {
      guard case .refused(let message)? = outcomes[run]?.ending else {
        Issue.record("\(String(describing: outcomes[run]))")
        continue
      }
      #expect(message.contains(reason))
    }
    bench.end()
    #expect(bench.slurm.read("cancelled").contains("1"))
  }

  @Test func whatSlurmRefusesToTakeIsRefusedWithItsWords() throws {
    let bench = try Bench()
    try bench.slurm.set("refuse", "sbatch: error: invalid account or account/partition combination specified")
    let outcomes = try bench.run([.test(1, "a")], on: bench.runner())
    guard case .refused(let message)? = outcomes[1]?.ending else { return bench.end() }
    #expect(message.contains("invalid account"))
    bench.end()
  }

  @Test func aFullPartitionIsWaitedFor() throws {
    let bench = try Bench()
    try bench.slurm.set("begin", "PENDING")
    try bench.slurm.set("reason", "Resources")
    var polls = 0
    let outcomes = try bench.run([.test(1, "a")], on: bench.runner()) { bench, outcomes in
      #expect(outcomes.isEmpty || polls < 0)
      polls = bench.slurm.read("polls").split(separator: "\n").count
      if polls >= 5 {
        try bench.slurm.setState("RUNNING", of: "1")
        polls = -1_000_000
      }
    }
    #expect(outcomes[1]?.ending == .exited(0))
    bench.end()
  }

  @Test func aControllerThatIsAwayChangesNothingForWhatRuns() throws {
    let bench = try Bench()
    let runner = bench.runner()
    bench.agents.steps.hold("long")
    var stage = 0
    var polls = 0
    let outcomes = try bench.run([.test(1, "long")], on: runner) { bench, _ in
      switch stage {
      case 0 where bench.agents.steps.runs["long"] == 1:
        try bench.slurm.set("away", "")
        polls = bench.slurm.read("polls").count
        stage = 1
      case 1 where bench.slurm.read("polls").count > polls + 25:
        bench.agents.steps.letGo()
        stage = 2
      case _: break
      }
    }
    #expect(outcomes[1]?.ending == .exited(0))
    #expect(bench.agents.steps.runs["long"] == 1)
    #expect(bench.said.count(of: "slurm.controller-away") == 1)
    bench.slurm.unset("away")
    bench.end()
  }

  @Test func aCancelledStepEndsWhereverItIs() throws {
    let bench = try Bench()
    bench.limits.allocations = 1
    let runner = bench.runner()
    bench.agents.steps.hold("running")
    let outcomes = try bench.run(
      [.test(1, "running", cpu: 4), .test(2, "queued", cpu: 4), .test(3, "queued too", cpu: 4)], on: runner
    ) { bench, _ in
      if bench.agents.steps.runs["running"] == 1 || bench.agents.steps.runs["queued"] == 1 {
        for run in 1...3 { runner.cancel(RunID(number: Int64(run))) }
      }
    }
    #expect(outcomes.values.contains { $0.ending == .cancelled })
    #expect(bench.agents.steps.runs["queued too"] == nil || bench.agents.steps.runs["running"] == nil)
    bench.end()
  }

  @Test func aResultWhoseFilesAreSeenLateIsWaitedForAndLostWithoutThem() throws {
    let bench = try Bench()
    let runner = bench.runner()
    let artifact = FakeSteps.artifact("late")
    bench.agents.objects.missing.withLock { $0 = [artifact, FakeSteps.artifact("never")] }
    let outcomes = try bench.run([.test(1, "late"), .test(2, "never")], on: runner) { bench, _ in
      if bench.agents.steps.runs["late"] == 1 { bench.agents.objects.missing.withLock { _ = $0.remove(artifact) } }
    }
    #expect(outcomes[2]?.setback != nil)
    #expect(outcomes[1]?.ending == .exited(0) || outcomes[1]?.setback != nil)
    bench.end()
  }

  @Test func whatAnEarlierProcessLeftIsFoundAndNotRunAgain() throws {
    let bench = try Bench()
    // As a process that was killed leaves it: a result that nobody has committed, and a step on its way in a job that runs.
    let folder = JobFolder(path: ByteString(bench.state + "/jobs/1-1"))
    try folder.make()
    try folder.write(JobDescription(id: "1", cpu: 4, memory: 4 << 30).text, to: JobFolder.job)
    try bench.slurm.set("jobs/1", "JobId=1 JobName=reflow-1-1 JobState=RUNNING Reason=None BatchHost=n1\n")
    try bench.slurm.set("next", "1")
    func kept(_ run: Int64, _ label: String, _ key: String) throws {
      let outcome = RunOutcome(
        ending: .exited(0), usage: .init(wallSeconds: 1, cpuSeconds: 1, peakMemoryBytes: 1, memoryMeasure: .sampled),
        outputs: [FakeSteps.artifact(label)], isSandboxed: true)
      let message = ResultMessage(key: Digest(hashing: Array(key.utf8)), requestedAt: 100, outcome: outcome)
      try folder.write(message.encoded, to: JobFolder.kept + "/" + JobFolder.fileName(of: run))
    }
    try kept(1, "quick", "q")
    try kept(2, "edited", "e")
    try kept(3, "pruned", "p")
    bench.agents.objects.missing.withLock { $0 = [FakeSteps.artifact("pruned")] }
    bench.agents.steps.hold("slow")
    try folder.write(
      StepMessage(request: .test(4, "slow", key: "s")).encoded, to: JobFolder.todo + "/" + JobFolder.fileName(of: 4))
    while bench.agents.steps.runs["slow"] != 1 {
      bench.agents.attend()
      usleep(5_000)
    }
    var requests = [RunRequest.test(11, "quick", key: "q"), .test(12, "slow", key: "s"), .test(13, "new", key: "n")]
    requests.append(.test(14, "edited", key: "e"))
    requests.append(.test(15, "pruned", key: "p"))
    // An input that changed since the request was written, though it may say the same again.
    requests[3].inputsChangedAt = 101
    let outcomes = try bench.run(requests, on: bench.runner()) { bench, outcomes in
      bench.agents.objects.missing.withLock { $0 = [] }
      if outcomes[11] != nil, outcomes[13] != nil { bench.agents.steps.letGo() }
    }
    for run in 11...15 { #expect(outcomes[Int64(run)]?.ending == .exited(0)) }
    #expect(bench.agents.steps.runs["quick"] == nil)
    #expect(bench.agents.steps.runs["slow"] == 1)
    #expect(bench.agents.steps.runs["new"] == 1)
    #expect(bench.agents.steps.runs["edited"] == 1)
    bench.end()
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.state + "/jobs").isEmpty)
  }

  @Test func agentsThatNeverStartEndTheAttempts() throws {
    let bench = try Bench()
    try bench.slurm.set("begin", "FAILED")
    let outcomes = try bench.run([.test(1, "a")], on: bench.runner())
    guard case .refused(let message)? = outcomes[1]?.ending else {
      Issue.record("\(String(describing: outcomes[1]))")
      return bench.end()
    }
    #expect(message.contains("does not start in its jobs"))
    #expect(bench.slurm.read("submissions").split(separator: "\n").count <= 4)
    bench.end()
  }
}

@Suite struct ClusterTests {
  @Test func linesOfTheControllerAreRead() {
    let text = """
      JobId=7 JobName=reflow-1-2 UserId=u(1) JobState=PENDING Reason=PartitionConfig Dependency=(null) NodeList=(null)
      JobId=8 JobName=a JobState=RUNNING Reason=None BatchHost=n3 Command=/a b=c JobState=X
      JobId=9 JobName=b JobState=OUT_OF_MEMORY Reason=OutOfMemory ExitCode=0:125 NodeList=n1
      nonsense
      """
    let jobs = JobState.parse(text)
    #expect(jobs.map(\.id) == ["7", "8", "9"])
    #expect(jobs[0].phase == .pending(reason: "PartitionConfig"))
    #expect(jobs[1] == JobState(id: "8", name: "a", phase: .running, node: "n3"))
    #expect(jobs[2].phase == .over(state: "OUT_OF_MEMORY"))
  }

  @Test func theLargestNodeCounts() throws {
    let slurm = try FakeSlurm()
    #expect(try slurm.cluster.size() == Cluster.Size(cpu: 8, memory: 4000 << 20, nodes: 2))
    var nowhere = slurm.cluster
    nowhere.folder = slurm.folder + "/nowhere"
    #expect(throws: (any Error).self) { try nowhere.size() }
  }

  @Test func aCommandThatHangsIsEnded() throws {
    let slurm = try FakeSlurm()
    var cluster = slurm.cluster
    cluster.folder = nil
    cluster.commandSeconds = 0.5
    let result = cluster.run(["sleep", "1000"])
    #expect(result.hasTimedOut && result.status != 0)
  }

  @Test func whatIsTemporaryIsToldFromWhatIsNot() {
    #expect(Cluster.isTemporary("sbatch: error: Unable to contact slurm controller (connect failure)"))
    #expect(Cluster.isTemporary("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"))
    #expect(
      !Cluster.isTemporary("sbatch: error: Batch job submission failed: Requested node configuration is not available"))
  }
}
