import BuildGraph
import Glibc
import Ports
import Testing

@testable import LinuxSystem

@Suite struct MemoryOfSteps {
  /// `tail` keeps all of its input in memory until there is no more of it.
  private static let large = "head -c 600M /dev/zero | tail -c 600M | wc -c > out/o"

  @Test(arguments: bothWays, [true, false])
  func aStepBeyondItsLimitIsEndedAndTheWantIsTold(mode: SandboxMode, withGroup: Bool) throws {
    let bench = StepBench(usesControlGroups: withGroup)
    let outcome = try bench.run(Self.large, outputs: ["o"], sandbox: mode) { $0.memoryLimit = 64 << 20 }
    #expect(outcome.setback == .outOfMemory, "\(outcome)")
    #expect(outcome.outputs.isEmpty)
    // The next one is not harmed, and has no limit of the last.
    let next = try bench.run(
      "head -c 200M /dev/zero | tail -c 200M | wc -c > out/o", outputs: ["o"], sandbox: mode)
    #expect(next.ending == .exited(0), "\(next)")
    #expect(next.setback == nil)
    #expect(bench.leftovers == "")
  }

  @Test(arguments: bothWays) func aStepWithinItsLimitIsLeftAlone(mode: SandboxMode) throws {
    let bench = StepBench()
    let outcome = try bench.run("sleep 0.3; echo > out/o", outputs: ["o"], sandbox: mode) { $0.memoryLimit = 1 << 30 }
    #expect(outcome.ending == .exited(0))
  }

  @Test(arguments: bothWays) func aProcessThatIsKilledHasNotRunOutOfMemory(mode: SandboxMode) throws {
    let bench = StepBench()
    let outcome = try bench.run("kill -9 $$", sandbox: mode) { $0.memoryLimit = 1 << 30 }
    #expect(outcome.ending == .signaled(9))
    // Without a group all that can be told is whether the kernel killed anything anywhere, which other tests make it do.
    if ControlGroup.canBeMade { #expect(outcome.setback == nil) }
  }

  /// Joining one takes many times what a small step takes.
  @Test(arguments: bothWays) func onlyAStepWithALimitJoinsAGroup(mode: SandboxMode) throws {
    let bench = StepBench()
    func groups(limit: Int64?) throws -> String {
      let outcome = try bench.run("cat /proc/self/cgroup > out/o", outputs: ["o"], sandbox: mode) {
        $0.memoryLimit = limit
      }
      #expect(outcome.ending == .exited(0), "\(outcome)")
      return outcome.outputs.isEmpty ? "" : try bench.text(outcome.outputs[0])
    }
    let own = "/reflow-\(getpid())-"
    #expect(try !groups(limit: nil).contains(own))
    #expect(try groups(limit: 1 << 30).contains(own) == ControlGroup.canBeMade)
    // Whoever ran the one before: the group is there, and the step is not in it.
    #expect(try !groups(limit: nil).contains(own))
  }

  @Test(arguments: bothWays) func theMemoryOfSeveralProcessesIsAdded(mode: SandboxMode) throws {
    let bench = StepBench()
    // Both hold what they have until they are let go; the opening of a pipe waits until its reader has got that far.
    func half(_ pipe: String) -> String {
      "mkfifo tmp/\(pipe); (head -c 120M /dev/zero; cat tmp/\(pipe)) | tail -c 120M > /dev/null &"
    }
    let outcome = try bench.run(
      "\(half("a")) \(half("b")) exec 3> tmp/a 4> tmp/b; sleep 4; exec 3>&- 4>&-; wait; rm tmp/a tmp/b; echo > out/o",
      outputs: ["o"], sandbox: mode)
    #expect(outcome.ending == .exited(0))
    #expect(outcome.usage.memoryMeasure == .sampled)
    #expect(outcome.usage.peakMemoryBytes > 200 << 20)
  }
}
