import BuildGraph
import Diagnostics
import Glibc
import Ports
import Testing

@testable import LinuxSystem

@Suite struct WhatAStepLeaves {
  @Test(arguments: bothWays) func aMissingOutputIsAFailure(mode: SandboxMode) throws {
    let bench = StepBench()
    let outcome = try bench.run("echo x > out/a", outputs: ["a", "b"], sandbox: mode)
    #expect(outcome.refusal?.contains("did not make its output 'b'") == true)
    #expect(outcome.outputs.isEmpty)
    #expect(bench.leftovers == "")
    let unmentioned = try bench.run("true", outputs: ["a"], sandbox: mode) { $0.outputs[0].isMentioned = false }
    #expect(unmentioned.outputs.map(\.size) == [0])
  }

  @Test(arguments: bothWays) func outputsOfAnotherKindAreRefused(mode: SandboxMode) throws {
    let bench = StepBench()
    for (script, word) in [
      ("mkfifo out/o", "a FIFO"), ("mkdir out/o", "a folder"), ("ln -s /etc/passwd out/o", "a symbolic link"),
    ] {
      #expect(try bench.run(script, outputs: ["o"], sandbox: mode).refusal?.contains("is \(word)") == true)
    }
    #expect(
      try bench.run("rmdir out/o; echo > out/o", folderOutputs: ["o"], sandbox: mode).refusal?.contains("is a file")
        == true)
    #expect(bench.leftovers == "")
  }

  @Test(arguments: bothWays) func undeclaredFilesAreNamedAndDropped(mode: SandboxMode) throws {
    let bench = StepBench()
    let outcome = try bench.run(
      "echo > stray; mkdir -p dir/sub; chmod 000 dir; echo > out/other; echo > out/o; echo 'o: a' > o.d",
      outputs: ["o"], sandbox: mode
    ) { $0.depfile = "o.d" }
    #expect(outcome.ending == .exited(0))
    #expect(outcome.undeclaredOutputs == ["dir", "out/other", "stray"])
    #expect(outcome.depfile == Array("o: a\n".utf8))
    #expect(bench.leftovers == "")
  }

  @Test(arguments: bothWays) func aStepThatWrecksItsFolderDoesNotHarmTheNext(mode: SandboxMode) throws {
    let bench = StepBench()
    _ = try bench.run("chmod 000 out tmp; rm -rf in 2>/dev/null; rmdir out; echo > out; chmod 000 .", sandbox: mode)
    let outcome = try bench.run("ls; echo x > out/o; touch $TMPDIR/x", outputs: ["o"], sandbox: mode)
    #expect(outcome.ending == .exited(0))
    #expect(outcome.logTail == "in\nout\ntmp\n")
    #expect(bench.leftovers == "")
  }

  @Test func aHardLinkToAnInputIsCopiedAndTheInputKeptWritable() throws {
    let bench = StepBench()
    bench.workspace.write("a", "mine")
    let outcome = try bench.run("ln -L in/0/a out/o", inputs: ["a"], outputs: ["o"], sandbox: .off)
    #expect(outcome.ending == .exited(0))
    bench.workspace.shell("printf changed > a")
    #expect(try bench.text(outcome.outputs[0]) == "mine")
  }

  @Test func aChangedInputIsSeenBySecondLook() throws {
    let bench = StepBench()
    bench.workspace.write("a", "before")
    let before = try bench.runner.fileSystem.observe(file: Path("a"))
    let outcome = try bench.run("echo more >> in/0/a", inputs: ["a"], sandbox: .off)
    #expect(outcome.ending == .exited(0))
    #expect(try bench.runner.fileSystem.observe(file: Path("a")).artifact != before.artifact)
  }

  @Test func anInputThatIsGoneIsRefused() throws {
    let bench = StepBench()
    #expect(try bench.run("true", inputs: ["gone"]).refusal?.contains("'gone' does not exist") == true)
  }

  @Test(.enabled(if: getuid() == 0, "a small disk can be mounted by root only"), arguments: bothWays)
  func aFullDiskIsNamed(mode: SandboxMode) throws {
    let bench = StepBench(onDiskOf: "6m")
    let outcome = try bench.run("cat /dev/zero > out/o", outputs: ["o"], sandbox: mode)
    #expect(outcome.refusal?.contains("was full while it ran; free some space") == true)
    let log = try bench.run("head -c 20000000 /dev/zero", sandbox: mode)
    #expect(log.refusal?.contains("was full while it ran") == true)
    bench.workspace.shell("rm .reflow/logs/*")
    #expect(try bench.run("echo x > out/o", outputs: ["o"], sandbox: mode).ending == .exited(0))
    bench.workspace.shell("cat /dev/zero > .reflow/fill 2> /dev/null")
    #expect(throws: SystemError.self) { try bench.run("echo x > out/o", outputs: ["o"], sandbox: mode) }
  }

  @Test func leftoversOfAKilledBuildAreSwept() throws {
    let bench = StepBench()
    bench.workspace.write(".reflow/runs/1/out/old", "x")
    bench.workspace.write(".reflow/runs/77/in/0/old", "x")
    #expect(try bench.run("true").ending == .exited(0))
    #expect(bench.leftovers == "")
    #expect(!bench.workspace.exists(".reflow/runs/77"))
  }
}

@Suite struct ImagesOfSteps {
  @Test func withoutARuntimeAnImageIsRefusedWithARemedy() throws {
    let outcome = try StepBench().run("true") { $0.image = "ubuntu:24.04" }
    #expect(outcome.refusal?.contains("images = \"ignore\"") == true)
    #expect(try StepBench(containers: .ignore).run("true") { $0.image = "ubuntu:24.04" }.ending == .exited(0))
  }

  @Test func aRuntimeGetsTheCommandItsInputsAndItsFolder() throws {
    // Stands in for podman: runs the command in the mounted folder, after linking the inputs in.
    let tools = TemporaryFolder()
    tools.write(
      "podman",
      """
      #!/bin/bash
      echo "$@" > \(tools.path)/arguments
      while [ "$1" != --entrypoint ]; do
        [ "$1" = --volume ] && case $2 in *:ro) s=${2%%:*}; d=${2#*:}; cp "$s" "$work/${d#/reflow/work/}" 2>/dev/null;; *) work=${2%%:*};; esac
        shift
      done
      cd "$work"; program=$2; shift 3; exec "$program" "$@"
      """)
    tools.shell("chmod 755 podman")
    let bench = StepBench(containers: .command(tools.bytes + "/podman", .podman))
    bench.workspace.write("a", "content")
    bench.workspace.shell("chmod 644 a")
    let outcome = try bench.run("cp in/0/a out/o", inputs: ["a"], outputs: ["o"]) { $0.image = "img:1" }
    #expect(outcome.ending == .exited(0))
    #expect(outcome.isSandboxed)
    let arguments = tools.read("arguments") ?? ""
    #expect(arguments.contains("run --rm --init --name reflow-"))
    #expect(arguments.contains("--network none"))
    #expect(arguments.contains(":/reflow/work/in/0/a:ro"))
    #expect(arguments.contains("--entrypoint /bin/bash img:1 -e -o pipefail -c cp in/0/a out/o"))
    #expect(bench.leftovers == "")
  }
}
