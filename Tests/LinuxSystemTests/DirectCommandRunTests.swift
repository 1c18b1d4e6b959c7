import BuildGraph
import Glibc
import Ports
import Testing

@testable import LinuxSystem

/// A command that is started without a shell must not be told from one that bash started.
@Suite struct DirectCommandRunTests {
  private struct Seen: Equatable {
    var ending: RunOutcome.Ending
    var log: String
    var outputs: [String]
    var undeclared: [ByteString]
  }

  private func seen(_ outcome: RunOutcome, _ bench: StepBench) throws -> Seen {
    Seen(
      ending: outcome.ending, log: outcome.logTail.display, outputs: try outcome.outputs.map(bench.text),
      undeclared: outcome.undeclaredOutputs)
  }

  private func bench() -> StepBench {
    let bench = StepBench()
    bench.workspace.write("a", "b\na\n")
    bench.workspace.write("tools/array", "words=(x y)\necho ${words[1]} \"$@\"\n")
    bench.workspace.write("tools/lost", "#!/no/such/interpreter\n")
    bench.workspace.write("tools/data", "echo never\n")
    bench.workspace.write("tools/speaks", "#!/bin/sh\necho said; echo complained >&2; exit 3\n")
    bench.workspace.write("tools/temporary", "#!/bin/sh\nexit 75\n")
    bench.workspace.shell("chmod 755 tools/array tools/lost tools/speaks tools/temporary; chmod 644 tools/data")
    return bench
  }

  private static let scripts = [
    // What succeeds.
    "cp in/0/a out/o", "cat in/0/a in/0/a > out/o", "sort < in/0/a > out/o", "> out/o sort -r < in/0/a",
    "wc -c < in/0/a > out/o",
    "cat > out/o", "cat in/0/a", "tee out/o < in/0/a", "in/1/tools/array p 'q r' > out/o", "cat < /dev/null > out/o",
    "cp in/0/a out/o > /dev/null", "stat -c %a,%s out > out/o",
    // In the order in which bash would do it.
    "sort -o out/o < in/0/a > out/o", "cat > out/o < in/0/a",
    // What it leaves behind.
    "cp in/0/a other", "cat in/0/a > other", "cat in/0/a > tmp/other",
    // What fails.
    "cat no/such", "cat no/such > out/o", "in/1/tools/speaks > out/o", "in/1/tools/speaks",
    "in/1/tools/temporary > out/o",
    "cat < no/such > out/o", "cat > out/o < no/such", "cat in/0/a > no/such/o", "cat in/0/a > out", "cat < in",
    "in/1/tools/lost > out/o", "in/1/tools/lost", "in/1/tools/data > out/o", "in/1/tools > out/o",
    "in/1/tools/missing > out/o",
    "cat in/0/a > in/0/a", "sort < in/0/a > in/0/b",
  ]

  @Test(arguments: bothWays) func nobodyCanTellItFromOneThatBashStarted(mode: SandboxMode) throws {
    let (plain, shelled) = (bench(), bench())
    for script in Self.scripts {
      // Without a sandbox an input is a link to the user's file.
      if mode == .off, script.contains("> in/0/a") { continue }
      let command = try #require(DirectCommand(ByteString(script)), "\(script)")
      let outputs = script.contains("out/o") ? ["o"] : []
      let direct = plain.request(.direct(command), inputs: ["a", "tools"], outputs: outputs, sandbox: mode)
      let shell = shelled.request(.shell(command.script), inputs: ["a", "tools"], outputs: outputs, sandbox: mode)
      let (one, other) = (try seen(plain.runner.run(direct), plain), try seen(shelled.runner.run(shell), shelled))
      #expect(one == other, "\(script)")
    }
    #expect(plain.leftovers == "")
  }

  /// But for their order, which in bash follows a hash.
  @Test(arguments: bothWays, ["env", "env > out/o", "env < in/0/a", "/usr/bin/env", "/usr/bin/env > out/o"])
  func itHasTheVariablesThatBashGives(mode: SandboxMode, script: String) throws {
    let bench = bench()
    let command = try #require(DirectCommand(ByteString(script)))
    func variables(_ command: RunRequest.Command) throws -> [Substring] {
      var request = bench.request(
        command, inputs: ["a"], outputs: script.contains("out/o") ? ["o"] : [], sandbox: mode)
      request.environment = [.init(name: "MINE", value: "a b")]
      let outcome = try bench.runner.run(request)
      let text = try outcome.outputs.first.map(bench.text) ?? String(decoding: outcome.logTail.bytes, as: UTF8.self)
      return text.split(separator: "\n").sorted()
    }
    let direct = try variables(.direct(command))
    #expect(direct == (try variables(.shell(command.script))))
    #expect(direct.contains("MINE=a b") && direct.contains("_=/usr/bin/env"))
  }

  @Test func noShellStandsBetweenTheWorkerAndTheCommand() throws {
    let bench = bench()
    let command = try #require(DirectCommand("cut -d ' ' -f 4 /proc/self/stat > out/o"))
    let outcome = try bench.runner.run(bench.request(.direct(command), outputs: ["o"]))
    // The worker is process 1 of the box.
    #expect(try bench.text(outcome.outputs[0]) == "1\n")
  }

  @Test(arguments: bothWays) func aCommandThatIsNotThereIsNamedAndTheLogIsBashs(mode: SandboxMode) throws {
    let bench = bench()
    for script in ["frobnicate in/0/a", "frobnicate in/0/a > out/o"] {
      let command = try #require(DirectCommand(ByteString(script)))
      let outcome = try bench.runner.run(bench.request(.direct(command), inputs: ["a"], sandbox: mode))
      #expect(outcome.refusal?.contains("there is no command 'frobnicate'") == true)
      #expect(outcome.logTail == "/bin/bash: line 1: frobnicate: command not found\n")
    }
  }

  /// The one difference: bash says 128 + N of what it started for a redirection, as long as it is there.
  @Test(arguments: bothWays) func theSignalThatEndedItIsTold(mode: SandboxMode) throws {
    let bench = bench()
    for script in ["sh -c 'kill -SEGV $$'", "sh -c 'kill -SEGV $$' > out/o"] {
      let command = try #require(DirectCommand(ByteString(script)))
      #expect(try bench.runner.run(bench.request(.direct(command), sandbox: mode)).ending == .signaled(SIGSEGV))
    }
  }

  /// To open one would wait for its other end, and the worker with it.
  @Test func aPipeWithANameIsLeftToBash() throws {
    let bench = bench()
    bench.workspace.shell("mkfifo pipe")
    for script in ["cat < ../../../pipe", "cat > ../../../pipe"] {
      let command = try #require(DirectCommand(ByteString(script)))
      var request = bench.request(.direct(command), sandbox: .off)
      request.timeoutSeconds = 0.2
      #expect(try bench.runner.run(request).ending == .timedOut)
    }
  }
}
