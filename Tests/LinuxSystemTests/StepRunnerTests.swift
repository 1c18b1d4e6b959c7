import BuildGraph
import Diagnostics
import Glibc
import Ports
import Testing

@testable import LinuxSystem

let bothWays: [SandboxMode] = [.strict, .off]

@Suite struct WhatAStepSees {
  @Test(arguments: bothWays) func inputsAppearUnderTheirNamesAndOutputsBecomeObjects(mode: SandboxMode) throws {
    let bench = StepBench()
    bench.workspace.write("data/a.txt", "alpha")
    bench.workspace.write("folder/deep/b.txt", "beta")
    let outcome = try bench.run(
      "cat in/0/a.txt in/1/folder/deep/b.txt > out/o; mkdir out/d/sub; echo x > out/d/sub/f",
      inputs: ["data/a.txt", "folder"], outputs: ["o"], folderOutputs: ["d"], sandbox: mode)
    #expect(outcome.ending == .exited(0))
    #expect(outcome.isSandboxed == (mode == .strict))
    #expect(try bench.text(outcome.outputs[0]) == "alphabeta")
    #expect(outcome.outputs[1].kind == .folder)
    #expect(outcome.undeclaredOutputs.isEmpty)
    #expect(bench.leftovers == "")
  }

  @Test(arguments: bothWays) func successIsSaidOnceAndBeforeOutputsAreTakenIn(mode: SandboxMode) throws {
    let bench = StepBench()
    for (script, told) in [("exit 3", []), ("kill -9 $$", []), ("true", []), ("echo x > out/o", [0])] {
      var objectsThen: [Int] = []
      let request = bench.request(.shell(ByteString(script)), outputs: ["o"], sandbox: mode)
      _ = try bench.runner.run(request) {
        let folder = openAt(anywhere, bench.objects.folder, O_RDONLY | O_DIRECTORY)
        defer { close(folder) }
        objectsThen.append(names(inFolder: folder).names.count)
      }
      #expect(objectsThen == told, "\(script)")
    }
  }

  @Test(arguments: bothWays) func aDirectCommandRunsWithoutAShell(mode: SandboxMode) throws {
    let bench = StepBench()
    bench.workspace.write("a b", "x")
    var request = try bench.request(
      .direct(#require(DirectCommand("cp in/0/a_b 'out/$HOME'"))), outputs: ["$HOME"], sandbox: mode)
    request.inputs = [.init(stagedPath: "in/0/a_b", kind: .file, origin: .source(Path("a b")))]
    let outcome = try bench.runner.run(request)
    #expect(outcome.ending == .exited(0))
    #expect(try bench.text(outcome.outputs[0]) == "x")
  }

  @Test(arguments: bothWays) func theEnvironmentIsSmallAndFixed(mode: SandboxMode) throws {
    setenv("REFLOW_TEST_LEAK", "1", 1)
    let bench = StepBench()
    let outcome = try bench.run("env | grep -vE '^(_|PWD|SHLVL|OLDPWD)=' | sort | cut -d= -f1", sandbox: mode) {
      $0.environment = [.init(name: "MINE", value: "yes")]
    }
    #expect(outcome.logTail.display == "HOME\\x0aLANG\\x0aLC_ALL\\x0aMINE\\x0aPATH\\x0aTMPDIR\\x0aTZ\\x0a")
  }

  @Test(arguments: bothWays) func standardInputIsEmptyAndTemporaryFilesVanish(mode: SandboxMode) throws {
    let bench = StepBench()
    let outcome = try bench.run("cat; echo x > $(mktemp); echo y > $HOME/.cache; ls in out", sandbox: mode)
    #expect(outcome.ending == .exited(0))
    #expect(outcome.undeclaredOutputs.isEmpty)
    #expect(bench.leftovers == "")
  }

  @Test(arguments: bothWays) func objectsAndViewsAreInputs(mode: SandboxMode) throws {
    let bench = StepBench()
    bench.workspace.write("source", "s")
    let object = try bench.objects.store(Array("o".utf8))
    let outcome = try bench.run(
      "find in/0/v -type f -o -type l | sort; cat in/0/v/x/object in/0/v/source", sandbox: mode
    ) {
      $0.inputs = [
        .init(
          stagedPath: "in/0/v", kind: .folder,
          origin: .view([
            .init(path: "source", origin: .source(Path("source"))), .init(path: "x/object", origin: .object(object)),
          ]))
      ]
    }
    #expect(outcome.logTail == "in/0/v/source\nin/0/v/x/object\nos")
    #expect(bench.leftovers == "")
  }

  @Test(arguments: bothWays) func threeHundredInputsAndALongCommandWork(mode: SandboxMode) throws {
    let bench = StepBench()
    for index in 0..<300 { bench.workspace.write("i/f\(index)", "\(index)\n") }
    let padding = String(repeating: "# \(String(repeating: "x", count: 98))\n", count: 1500)
    let outcome = try bench.run(
      padding + "cat in/*/* | wc -l", inputs: (0..<300).map { "i/f\($0)" }, sandbox: mode)
    #expect(outcome.logTail == "300\n")
    #expect(bench.leftovers == "")
  }

  @Test(arguments: bothWays) func linksThatLeadOutOfAFolderInputAreFollowed(mode: SandboxMode) throws {
    let bench = StepBench()
    bench.workspace.write("folder/plain", "plain ")
    bench.workspace.write("folder/sub/inner", "inner ")
    bench.workspace.write("elsewhere/deep/file", "outside ")
    bench.workspace.link("folder/sub/out", to: "../../elsewhere")
    bench.workspace.link("folder/absolute", to: bench.workspace.path + "/folder/plain")
    bench.workspace.link("folder/relative", to: "sub/inner")
    let outcome = try bench.run(
      "cd in/0/folder; cat plain sub/inner sub/out/deep/file absolute relative", inputs: ["folder"], sandbox: mode)
    #expect(outcome.logTail == "plain inner outside plain inner ")
    #expect(bench.leftovers == "")
  }

  @Test func namesThatAreNotTextReachAStep() throws {
    let bench = StepBench()
    bench.workspace.shell("bash -c \"printf raw > $'n\\xff'\"")
    let outcome = try bench.run("cat in/0/n_") {
      $0.inputs = [.init(stagedPath: "in/0/n_", kind: .file, origin: .source(Path(ByteString(bytes: [0x6E, 0xFF]))))]
    }
    #expect(outcome.logTail == "raw")
  }
}

@Suite struct TheSandbox {
  @Test func whatIsNotDeclaredIsNotThere() throws {
    let bench = StepBench()
    bench.workspace.write("declared", "d")
    bench.workspace.write("secret", "s")
    let outcome = try bench.run(
      "cat in/0/declared; ! test -e \(bench.workspace.path); cat \(bench.workspace.path)/secret", inputs: ["declared"])
    #expect(outcome.ending == .exited(1))
    #expect(outcome.logTail.display.contains("No such file or directory"))
    #expect(try bench.run("cat \(bench.workspace.path)/secret", sandbox: .off).logTail == "s")
  }

  @Test func aProjectBelowAFolderOfTheSystemIsHiddenToo() throws {
    let bench = StepBench(readable: ["/tmp"])
    bench.workspace.write("secret", "s")
    #expect(try bench.run("ls -A \(bench.workspace.path)").logTail == "")
  }

  @Test func inputsAreReadOnlyAndTheFolderIsFixed() throws {
    let bench = StepBench()
    bench.workspace.write("a", "kept")
    bench.workspace.shell("chmod 666 a")
    let outcome = try bench.run(
      """
      set +e
      pwd; echo $TMPDIR; echo $$
      echo broken > in/0/a; rm -f in/0/a; echo x > in/0/b; chmod 777 in/0/a; mkdir /made; echo x > /etc/made
      cat in/0/a
      """, inputs: ["a"])
    #expect(outcome.logTail.display.hasPrefix("/reflow/work\\x0a/reflow/work/tmp\\x0a2\\x0a"))
    #expect(outcome.logTail.display.hasSuffix("kept"))
    #expect(bench.workspace.read("a") == "kept")
    #expect(bench.leftovers == "")
  }

  @Test func itHasTheUserNoCapabilitiesAndNoNetwork() throws {
    let bench = StepBench()
    let script = "id -u; grep -c 'CapEff.*0000000000000000' /proc/self/status; grep -c : /proc/net/dev; echo $$"
    #expect(try bench.run(script).logTail == ByteString("\(getuid())\n1\n1\n2\n"))
    let open = try bench.run("grep -c : /proc/net/dev") { $0.network = true }
    bench.workspace.shell("grep -c : /proc/net/dev > count")
    #expect(open.logTail == ByteString(bench.workspace.read("count") ?? ""))
    #expect(open.isSandboxed)
  }

  @Test func aHiddenCommandIsNamedWithItsFolder() throws {
    let tools = TemporaryFolder()
    tools.write("tools/bin/frobnicate", "#!/bin/sh\necho found\n")
    tools.shell("chmod 755 tools tools/bin tools/bin/frobnicate")
    let path = String(cString: getenv("PATH"))
    #expect(path.isEmpty == false)
    let bench = StepBench()
    let command = try #require(DirectCommand("frobnicate"))
    let none = try bench.runner.run(bench.request(.direct(command)))
    #expect(none.refusal?.contains("there is no command 'frobnicate'") == true)
    #expect(try bench.run("frobnicate").ending == .exited(127))
    let open = StepBench(readable: [tools.bytes + "/tools"])
    #expect(try open.run("frobnicate").logTail == "found\n")
    #expect(try open.runner.run(open.request(.direct(command))).logTail == "found\n")
  }
}

@Suite struct HowAStepEnds {
  @Test(arguments: bothWays) func exitStatusAndSignalAreTold(mode: SandboxMode) throws {
    let bench = StepBench()
    #expect(try bench.run("echo out; echo err >&2; exit 3", sandbox: mode).ending == .exited(3))
    #expect(try bench.run("kill -SEGV $$", sandbox: mode).ending == .signaled(SIGSEGV))
    #expect(try bench.run("false | true", sandbox: mode).ending == .exited(1))
    #expect(try bench.run("echo out; echo err >&2", sandbox: mode).logTail == "out\nerr\n")
    #expect(bench.workspace.read(".reflow/logs/4.log") == "out\nerr\n")
    #expect(!bench.workspace.exists(".reflow/logs/2.log"))
  }

  @Test(arguments: bothWays) func timeAndMemoryAreTheStepsOwn(mode: SandboxMode) throws {
    let bench = StepBench()
    let usage = try bench.run("head -c 50000000 /dev/zero | tail -c 40000000 > /dev/null", sandbox: mode).usage
    #expect(usage.cpuSeconds > 0)
    #expect(usage.wallSeconds > 0)
    #expect(usage.peakMemoryBytes > 38_000_000)
  }

  @Test(arguments: bothWays) func aTimeoutEndsEveryProcess(mode: SandboxMode) throws {
    let bench = StepBench()
    let outcome = try bench.run("trap '' TERM; setsid sleep 300 & sleep 300 & wait", sandbox: mode) {
      $0.timeoutSeconds = 0.2
    }
    #expect(outcome.ending == .timedOut)
    #expect(bench.leftovers == "")
  }

  @Test(arguments: bothWays) func cancellingEndsItAndTheNextStepIsUntouched(mode: SandboxMode) throws {
    let bench = StepBench()
    let request = bench.request(.shell("sleep 300"), sandbox: mode)
    let runner = bench.runner
    let waiter = Waiter { (try? runner.run(request).ending) == .cancelled }
    bench.workspace.shell("while ! ls .reflow/runs/1/in > /dev/null 2>&1; do sleep 0.01; done")
    runner.cancel(request.run)
    runner.cancel(request.run)
    #expect(waiter.wait())
    #expect(try bench.run("echo on", sandbox: mode).logTail == "on\n")
    runner.cancelAll()
    #expect(try bench.run("echo on", sandbox: mode).logTail == "on\n")
  }

  @Test(arguments: bothWays) func aChildLeftRunningIsEndedAndNamed(mode: SandboxMode) throws {
    let bench = StepBench()
    let mark = "298.\(getpid())\(mode == .strict ? 1 : 2)"
    let outcome = try bench.run(
      "setsid sleep \(mark) > /dev/null 2>&1 & echo x > out/o", outputs: ["o"], sandbox: mode)
    #expect(outcome.refusal?.contains("left a process running (sleep)") == true)
    #expect(outcome.outputs.isEmpty)
    #expect(bench.workspace.shell("! pgrep -f '^sleep \(mark)$' > /dev/null") == 0)
    // One that ends by itself just after is waited for.
    let late = try bench.run("(sleep 0.05; echo late > out/o) & exit 0", outputs: ["o"], sandbox: mode)
    #expect(late.ending == .exited(0))
    #expect(try bench.text(late.outputs[0]) == "late\n")
  }

  @Test(arguments: bothWays) func aLongLogKeepsItsHeadAndItsTail(mode: SandboxMode) throws {
    let bench = StepBench()
    let outcome = try bench.run("echo first; head -c 200000000 /dev/zero | tr '\\0' y; echo; echo last", sandbox: mode)
    {
      $0.logLimitBytes = 1 << 20
    }
    #expect(outcome.ending == .exited(0))
    #expect(outcome.logTail.display.hasSuffix("last\\x0a"))
    bench.workspace.shell("wc -c < .reflow/logs/1.log | tr -d ' \\n' > size; head -1 .reflow/logs/1.log > head")
    #expect(try #require(bench.workspace.read("size").flatMap { Int($0) }) < 1_100_000)
    #expect(bench.workspace.read("head") == "first\n")
    #expect(
      bench.workspace.shell("grep -q 'bytes dropped' .reflow/logs/1.log && tail -1 .reflow/logs/1.log | grep -q last")
        == 0)
  }
}
