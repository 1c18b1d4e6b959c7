import Foundation
import Glibc
import Testing

/// Steps that misbehave: they fail, say why, and leave the last good output and everything else as it was.
struct BadStepTests {
  private func fail(_ command: String, options: String = "", _ arguments: String...) throws -> (Workspace, Build) {
    let project = try Samples.builtOneStep()
    try project.write("main.rf", Samples.oneStep(command, options: options))
    let build = try project.build(arguments)
    #expect(build.status == 1, "\(build.errors)")
    #expect(build.failed == ["Only": 1])
    #expect(try project.texts() == ["out": "old\n"])
    #expect(try project.read("in.txt") == "a\n")
    return (project, build)
  }

  @Test func `a failing step shows its log and its status`() throws {
    let (project, build) = try fail("echo looking for trouble; ls -d /nowhere/$(cat {{input}}); exit 7 # {{out}}")
    #expect(build.errors.contains("looking for trouble"))
    let failure = build.events.last { $0.event == "stepFinished" }
    #expect([2, 7].contains(failure?.exitCode))
    #expect(try project.reflow("log", "Only").output.contains("looking for trouble"))
  }

  @Test func `a step killed by a signal says so`() throws {
    let (_, build) = try fail("cat {{input}} > {{out}}; kill -SEGV $$")
    #expect(build.errors.contains("signal") || build.errors.contains("SIGSEGV"), "\(build.errors)")
  }

  @Test func `a command that does not exist is named`() throws {
    let (_, build) = try fail("no-such-command {{input}} {{out}}")
    #expect(build.errors.contains("no-such-command"))
  }

  @Test func `a gigabyte of log is cut, and the step goes on`() throws {
    let project = try Workspace([
      "main.rf": Samples.oneStep("head -c 1G /dev/zero | tr '\\0' 'x'; cp {{input}} {{out}}"), "in.txt": "a\n",
      "reflow.toml": "[log]\nlimit = 100000\n",
    ])
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors.prefix(500))")
    #expect(try project.texts() == ["out": "a\n"])
    #expect(try project.reflow("log", "Only").output.utf8.count < 200_000)
    let sizes = try project.run("du", ["-sm", ".reflow"])
    #expect(Int(sizes.output.prefix { $0.isNumber }) ?? 1000 < 10)
    #expect(build.errors.utf8.count < 100_000)
  }

  @Test func `a child that a step leaves running is ended, and the step has failed`() throws {
    let marker = markedSeconds(3027)
    let (_, build) = try fail("sleep \(marker) & cp {{input}} {{out}}")
    #expect(build.errors.contains("left a process running"))
    #expect(build.errors.contains("wait"))
    #expect(TrustTests.processes(with: "sleep\0" + marker) == [])
  }

  @Test func `a FIFO as output is refused`() throws {
    let (_, build) = try fail("mkfifo {{out}} # {{input}}")
    #expect(build.errors.contains("'out'"), "\(build.errors)")
  }

  @Test func `a FIFO in a folder output is refused`() throws {
    let project = try Workspace([
      "main.rf": "val Only = exec() (all dir) {\" mkfifo {{all}}/pipe; : \"}\nval Main = Only\n"
    ])
    let build = try project.build()
    #expect(build.status == 1)
    #expect(build.errors.contains("pipe"))
    #expect(!project.exists("out/pipe"))
  }

  @Test func `a device as output is refused`() throws {
    // Making a device takes rights that a step never has; a link to one does not.
    let (_, build) = try fail("mknod {{out}} c 1 3 || ln -s /dev/null {{out}} # {{input}}")
    #expect(build.errors.contains("out"))
  }

  @Test func `a folder where a file is declared, and a file where a folder is, are refused`() throws {
    let (_, build) = try fail("mkdir {{out}} # {{input}}")
    #expect(build.errors.contains("'out'"))
    let project = try Workspace([
      "main.rf": "val Only = exec() (all dir) {\" rmdir {{all}}; echo > {{all}} \"}\nval Main = Only\n"
    ])
    let other = try project.build()
    #expect(other.status == 1)
    #expect(other.errors.contains("'all'"))
  }

  @Test func `an absolute link in an output is refused`() throws {
    let (_, build) = try fail("ln -s /etc/hostname {{out}} # {{input}}")
    #expect(build.errors.contains("link"))
  }

  @Test(.enabled(if: Sandbox.isAvailable, "wants user namespaces"))
  func `a step cannot change its input in the sandbox`() throws {
    let (_, build) = try fail("cp {{input}} {{out}}; echo changed > {{input}}")
    #expect(build.errors.contains("Read-only") || build.errors.contains("Permission"), "\(build.errors)")
  }

  @Test func `a step that changes its input without a sandbox fails each time`() throws {
    let project = try Samples.builtOneStep()
    try project.write("main.rf", Samples.oneStep("cp {{input}} {{out}}; echo more >> '\(project.folder)/in.txt'"))
    let build = try project.build("--sandbox=off")
    #expect(build.status == 1, "\(build.errors)")
    #expect(build.errors.contains("in.txt"))
    #expect(try project.texts() == ["out": "old\n"])
  }

  @Test(.enabled(if: Sandbox.isAvailable, "wants user namespaces"))
  func `a step that fills the disk fails, and after that all is as it was`() throws {
    let project = try Workspace([
      "main.rf": Samples.oneStep("cp {{input}} {{out}}"), "in.txt": "a\n",
      "full.rf": Samples.oneStep("head -c 64M /dev/zero > {{out}} # {{input}}"),
    ])
    // The whole project on a file system of 16 MiB.
    let script = """
      set -u
      mkdir disk && mount -t tmpfs -o size=16m tmpfs disk && cp in.txt main.rf full.rf disk && cd disk || exit 99
      "$1" build main.rf || exit 98
      "$1" build full.rf; echo "full: $?"
      cmp in.txt out/out && echo kept
      "$1" build main.rf --events again; echo "again: $?"
      grep -c stepStarted again
      """
    let execution = try project.run("unshare", ["-Urm", "sh", "-c", script, "sh", Workspace.binary])
    let lines = execution.output.split(separator: "\n").map(String.init)
    #expect(lines.first == "full: 1" || lines.first == "full: 3", "\(execution.output)\(execution.errors)")
    #expect(lines.suffix(3) == ["kept", "again: 0", "0"], "\(execution.output)\(execution.errors)")
    #expect(execution.errors.contains("space"))
  }

  @Test func `a step that takes longer than its timeout is ended`() throws {
    let (_, build) = try fail("sleep 3021; cp {{input}} {{out}}", options: "timeout := 1")
    #expect(build.errors.contains("1 s") || build.errors.contains("timeout"), "\(build.errors)")
  }

  @Test func `a step is tried again as often as it asks`() throws {
    let project = try Workspace(["in.txt": "a\n"])
    let command =
      "echo x >> '\(project.folder)/tries'; test $(wc -l < '\(project.folder)/tries') -ge 3; cp {{input}} {{out}}"
    try project.write("main.rf", Samples.oneStep(command, options: "retries := 2"))
    let build = try project.build("--sandbox=off")
    #expect(build.status == 0, "\(build.errors)")
    #expect(try project.read("tries") == "x\nx\nx\n")
  }

  @Test func `without -k the first failure ends the build, with -k what does not depend on it goes on`() throws {
    let program = """
      val A = exec() (a file) {" false # {{a}} "}
      val B = exec() (b file) {" cat {{A}} > {{b}} "}
      func later(name string, seed file) = exec() (c file) {" echo {{name}} > {{c}}; : {{seed}} "}
      val C = exec() (c file) {" echo c > {{c}} "}
      val D = later("d", later("e", later("f", C)))
      val Main = {B, D}

      """
    let project = try Workspace(["main.rf": program])
    let stopped = try project.build("-j", "1")
    #expect(stopped.status == 1)
    #expect(stopped.failed == ["A": 1])
    let finished = try project.build("-j", "1", "-k")
    #expect(finished.status == 1)
    #expect(finished.failed == ["A": 1])
    #expect(finished.started["B"] == nil)
    #expect(try project.build("-k").ran == [:])
    try project.edit("main.rf", replacing: "false #", with: "echo a > {{a}} #")
    let repaired = try project.build()
    #expect(repaired.ran == ["A": 1, "B": 1])
    #expect(try project.texts() == ["B": "a\n", "D": "d\n"])
  }
}
