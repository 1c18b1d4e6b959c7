import BuildGraph
import Ports
import Testing

@testable import Slurm

@Suite struct MessageTests {
  private static var request: RunRequest {
    let object = Artifact(kind: .folder, digest: Digest(hashing: [1, 2]), size: 7)
    var request = RunRequest(
      run: RunID(number: 42), command: .shell("cat a | sort > b"),
      inputs: [
        .init(stagedPath: "in/0/a", kind: .file, origin: .source(Path(root: RootID(index: 3), "data/a"))),
        .init(
          stagedPath: "in/1/v", kind: .folder,
          origin: .view([.init(path: "x", origin: .object(object)), .init(path: "y/z", origin: .view([]))])),
      ], outputs: [.init(stagedPath: "out/o", kind: .folder, isMentioned: false)], image: "debian",
      environment: [.init(name: "A", value: "b=c")], network: true, timeoutSeconds: 1.5, depfile: "tmp/d",
      resources: Resources(cpu: 2, memory: 5, disk: nil), sandbox: .strict, logLimitBytes: 9)
    request.key = Digest(hashing: [9])
    request.memoryLimit = 11
    request.label = "Aligned[s1]"
    request.inputsChangedAt = 77
    return request
  }

  private static var outcome: RunOutcome {
    var outcome = RunOutcome(
      ending: .signaled(9), usage: .init(wallSeconds: 1, cpuSeconds: 2, peakMemoryBytes: 3, memoryMeasure: .sampled),
      outputs: [Artifact(digest: Digest(hashing: [4]), size: 8)], isSandboxed: true, undeclaredOutputs: ["x"],
      depfile: [1, 2, 3], logTail: "end")
    outcome.setback = .lostWorker(message: "n1 is gone")
    return outcome
  }

  @Test func aRequestComesBackFromItsBytes() {
    #expect(StepMessage(encoded: StepMessage(request: Self.request).encoded)?.request == Self.request)
  }

  @Test func anOutcomeComesBackFromItsBytes() {
    #expect(ResultMessage(encoded: ResultMessage(outcome: Self.outcome).encoded)?.outcome == Self.outcome)
  }

  @Test func aMessageThatIsCutIsNoMessage() {
    let request = StepMessage(request: Self.request).encoded
    for count in request.indices { #expect(StepMessage(encoded: Array(request[..<count])) == nil) }
    let outcome = ResultMessage(outcome: Self.outcome).encoded
    for count in outcome.indices { #expect(ResultMessage(encoded: Array(outcome[..<count])) == nil) }
  }
}
