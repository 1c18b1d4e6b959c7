import Foundation
import Glibc
import Testing

/// `.reflow/` in a state that cannot be used as it is, and `out/` with files that are not ours.
struct BadStateTests {
  @Test func `a read-only state is refused with status 3`() throws {
    let project = try Samples.twoStepProject()
    try project.write("in.txt", "three\n")
    if !Sandbox.unprivileged.isEmpty {
      _ = try project.run("chown", ["-R", "65534:65534", project.outside("logs")])
    }
    _ = try project.run("chmod", ["-R", "a-w", ".reflow"])
    let before = try project.texts()
    let build = try project.build([], prefix: Sandbox.unprivileged)
    #expect(build.status == 3, "\(build.errors)")
    #expect(build.errors.contains(".reflow"))
    #expect(try project.texts() == before)
    _ = try project.run("chmod", ["-R", "u+w", ".reflow"])
    #expect(try project.build().status == 0)
    #expect(try project.texts() == ["first": "THREE\n", "second": "1\n"])
  }

  @Test func `a state of a newer version is refused and left alone`() throws {
    let project = try Samples.twoStepProject()
    let edit = try project.run(
      "python3",
      [
        "-c",
        "import sqlite3; c = sqlite3.connect('.reflow/reflow.db'); c.execute('pragma user_version = 999'); c.close()",
      ])
    try #require(edit.status == 0, "\(edit.errors)")
    let outputs = try project.texts()
    try project.write("in.txt", "three\n")
    let build = try project.build()
    #expect(build.status == 3, "\(build.errors)")
    #expect(build.errors.contains("newer"))
    #expect(try project.texts() == outputs)
    #expect(project.exists(".reflow/reflow.db"))
  }

  @Test(arguments: ["garbage", "cut", "empty"])
  func `a damaged database is set aside, said, and made good by work`(damage: String) throws {
    let project = try Samples.twoStepProject()
    let database = project.path(".reflow/reflow.db")
    for suffix in ["-wal", "-shm"] { unlink(database + suffix) }
    switch damage {
    case "garbage": try project.write(".reflow/reflow.db", String(repeating: "no database ", count: 5000))
    case "cut": truncate(database, 5000)
    default: truncate(database, 0)
    }
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
    #expect(try project.build().started == [:])
    // Files in out/ that equal what would be written are adopted and not displaced.
    #expect(build.displaced == [])
  }

  @Test func `a damaged or missing object is made again`() throws {
    for command in [
      "find .reflow/objects -type f -exec rm -f {} +",
      "find .reflow/objects -type f -exec sh -c 'chmod u+w \"$1\"; echo damaged >> \"$1\"' sh {} \\;",
    ] {
      let project = try Samples.twoStepProject()
      _ = try project.run("sh", ["-c", command])
      _ = try project.run("rm", ["-rf", "out"])
      let build = try project.build()
      #expect(build.status == 0, "\(build.errors)")
      #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
      #expect(try project.build().started == [:])
    }
  }

  @Test func `without any state the outputs are adopted and nothing is lost`() throws {
    let project = try Samples.twoStepProject()
    try project.remove(".reflow")
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ran == ["First": 1, "Second": 1])
    #expect(build.displaced == [])
    #expect(try project.build().started == [:])
  }

  @Test func `a foreign file in the way is refused, and moved aside with --force`() throws {
    let project = try Workspace([
      "main.rf": Samples.twoSteps, "in.txt": "x\n", "out/first": "mine\n", "out/other": "too\n",
    ])
    let build = try project.build()
    #expect(build.status == 3, "\(build.errors)")
    #expect(build.errors.contains("first"))
    #expect(build.errors.contains("--force"))
    #expect(try project.read("out/first") == "mine\n")
    let forced = try project.build("--force")
    #expect(forced.status == 0, "\(forced.errors)")
    #expect(try project.texts() == ["first": "X\n", "second": "1\n", "other": "too\n"])
    #expect(try project.texts(".reflow/displaced").values.contains("mine\n"))
  }

  @Test func `two programs cannot own one output`() throws {
    let project = try Samples.twoStepProject()
    try project.write("other.rf", "val files = make(\"$/files\")\nval Main = {first: files.Create(\"other\")}\n")
    let build = try project.build("other.rf")
    #expect(build.status == 3 || build.status == 2, "\(build.errors)")
    #expect(build.errors.contains("first"))
    #expect(try project.read("out/first") == "ONE\nTWO\n")
  }

  @Test func `a second build waits for the first and says for whom`() throws {
    let project = try Workspace(["main.rf": Samples.oneStep("cat {{input}} > {{out}}"), "in.txt": "pipe\n"])
    let gate = project.outside("gate")
    try project.write(
      "main.rf", Samples.oneStep("while ! test -e '\(gate)'; do sleep 0.01; done; cat {{input}} > {{out}}"))
    let events = project.outside("events")
    let first = try project.start(Workspace.binary, ["build", "--sandbox=off", "--events", events])
    first.wait { ((try? String(contentsOfFile: events, encoding: .utf8)) ?? "").contains("stepStarted") }
    let second = try project.start(Workspace.binary, ["build", "--sandbox=off"])
    second.wait { !second.errorsSoFar.isEmpty }
    #expect(second.errorsSoFar.contains("\(first.id)"), "\(second.errorsSoFar)")
    try Workspace.writeBytes([], to: gate)
    #expect(first.wait().status == 0)
    let waited = second.wait()
    #expect(waited.status == 0)
    #expect(waited.errors.contains("1 steps, 0 run") || waited.errors.contains("1 step, 0 run"), "\(waited.errors)")
    #expect(try project.texts() == ["out": "pipe\n"])
  }
}
