import Foundation
import Glibc
import Testing

/// Sixteen disturbances that build tools are known to get wrong, on a project of two steps, the second of which reads
/// what the first makes.
struct TrustTests {
  @Test(arguments: Mode.allCases) func `01 an input that is touched runs nothing`(mode: Mode) throws {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    try project.shiftModificationTime("in.txt", seconds: 5)
    #expect(try tool.update().started == [:])
    // Also where it is another file with the same content.
    try project.remove("in.txt")
    try project.write("in.txt", "one\ntwo\n")
    #expect(try tool.update().started == [:])
  }

  @Test(arguments: Mode.allCases) func `02 a step that gives an equal output stops there`(mode: Mode) throws {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    try project.write("in.txt", "ONE\ntwo\n")
    let build = try tool.update()
    #expect(build.started == ["First": 1])
    #expect(build.written == [])
  }

  @Test(arguments: Mode.allCases) func `03 an input replaced by an older file is seen`(mode: Mode) throws {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    try project.write("older.txt", "three\n")
    try project.shiftModificationTime("older.txt", seconds: -100_000)
    _ = try project.run("mv", ["older.txt", "in.txt"])
    #expect(try tool.update().started == ["First": 1, "Second": 1])
    #expect(try project.texts() == ["first": "THREE\n", "second": "1\n"])
  }

  @Test(arguments: Mode.allCases) func `04 an edit that restores size and time is seen`(mode: Mode) throws {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    _ = try project.run("cp", ["-p", "in.txt", "stamp"])
    // Closed when it has its time again: a step that had begun in between would rightly begin once more.
    _ = try project.run("sh", ["-c", #"exec 3> in.txt; printf 'six\nten\n' >&3; touch -r stamp in.txt"#])
    #expect(try tool.update().started == ["First": 1, "Second": 1])
    #expect(try project.read("out/first") == "SIX\nTEN\n")
  }

  @Test(arguments: Mode.allCases) func `05 edits of one size right after a build are seen`(mode: Mode) throws {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    for round in 10..<20 {
      try project.write("in.txt", "round \(round)\n")
      #expect(try tool.update().status == 0)
      #expect(try project.read("out/first") == "ROUND \(round)\n")
    }
  }

  @Test(arguments: Mode.allCases) func `06 an input edited while its step runs gives the result of the edited input`(
    mode: Mode
  ) throws {
    let project = try Workspace(["in.txt": "old\n"])
    // The step plays the editor: after it has read its input it changes the original, once.
    try project.write(
      "main.rf",
      Samples.oneStep(
        "cat {{input}} > {{out}}; cd '\(project.folder)'; test -e done || { touch done; echo new > in.txt; }"))
    let tool = try Tool(mode, on: project, "--sandbox=off")
    let build = try tool.again()
    #expect(build.status == 0, "\(build.errors)")
    #expect(try project.read("out/out") == "new\n")
    #expect(try tool.again().started == [:])
  }

  @Test(arguments: Mode.allCases) func `07 a deleted output comes back without a step`(mode: Mode) throws {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    try project.remove("out/first")
    let build = try tool.update()
    #expect(build.status == 0)
    #expect(build.started == [:])
    #expect(build.written == ["first"])
    #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
  }

  @Test(arguments: Mode.allCases) func `08 an edited output is moved aside, reported and restored without a step`(
    mode: Mode
  ) throws {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    // As an editor saves: by a new file. Outputs may be read-only.
    try project.write("note", "my note\n")
    _ = try project.run("mv", ["-f", "note", "out/first"])
    let build = try tool.update()
    #expect(build.status == 0)
    #expect(build.started == [:])
    #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
    #expect(build.displaced == ["first"])
    #expect(build.errors.contains("first was edited"))
    #expect(try project.texts(".reflow/displaced").values.contains("my note\n"))
  }

  @Test(arguments: Mode.allCases) func `09 an edited command runs its step`(mode: Mode) throws {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    try project.edit("main.rf", replacing: "wc -l", with: "wc -c")
    #expect(try tool.update().started == ["Second": 1])
    #expect(try project.read("out/second") == "8\n")
  }

  @Test(arguments: Mode.allCases) func `10 the output of a step that is removed from the program is removed`(mode: Mode)
    throws
  {
    let project = try Samples.twoStepProject()
    let tool = try Tool(mode, on: project)
    try project.edit(
      "main.rf", replacing: "val Main = {first: First, second: Second}", with: "val Main = {first: First}")
    let build = try tool.update()
    #expect(build.status == 0)
    #expect(build.started == [:])
    #expect(build.removed == ["second"])
    #expect(try project.texts() == ["first": "ONE\nTWO\n"])
  }

  @Test(arguments: Mode.allCases)
  func `11 a step that fails after half of its output leaves the old one, and runs again`(mode: Mode) throws {
    let project = try Samples.builtOneStep()
    let tool = try Tool(mode, on: project)
    try project.write("main.rf", Samples.oneStep("echo half > {{out}}; grep -q b {{input}}"))
    let build = try tool.update()
    #expect(build.status == 1)
    #expect(build.failed == ["Only": 1])
    #expect(try project.texts() == ["out": "old\n"])
    let again = try tool.again()
    #expect(again.status == 1)
    #expect(again.started == ["Only": 1])
    try project.write("in.txt", "b\n")
    #expect(try tool.update().status == 0)
    #expect(try project.texts() == ["out": "half\n"])
  }

  /// Processes with this piece in their command lines.
  static func processes(with marker: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.filter { name in
      guard Int(name) != nil, let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
        return false
      }
      return String(decoding: line, as: UTF8.self).contains(marker)
    }
  }

  /// Stops a build in the middle of a step that sleeps, and expects that the next build is right.
  private func interrupt(_ mode: Mode, marker: String, _ stop: (RunningProcess) -> Void) throws -> Execution {
    let project = try Samples.builtOneStep()
    try project.write("main.rf", Samples.oneStep("echo half > {{out}}; sleep $(cat {{input}}); echo whole >> {{out}}"))
    try project.write("in.txt", marker + "\n")
    let events = project.outside("events")
    let process = try project.start(Workspace.binary, [mode.rawValue, "--events", events])
    // The sleep itself, not only the event, so that the step is in its middle.
    process.wait { !Self.processes(with: "sleep\0" + marker).isEmpty }
    stop(process)
    let execution = process.wait()
    var polls = 0
    while !Self.processes(with: "sleep\0" + marker).isEmpty, polls < 30000 {
      usleep(1000)
      polls += 1
    }
    #expect(Self.processes(with: "sleep\0" + marker) == [])
    #expect(try project.texts() == ["out": "old\n"])
    try project.write("in.txt", "0\n")
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.started == ["Only": 1])
    #expect(try project.texts() == ["out": "half\nwhole\n"])
    #expect(try project.build().started == [:])
    return execution
  }

  @Test(arguments: Mode.allCases)
  func `12 after a kill in the middle of a step no process is left and the next build is right`(mode: Mode) throws {
    _ = try interrupt(mode, marker: markedSeconds(mode == .build ? 3011 : 3012)) { $0.signal(SIGKILL) }
  }

  @Test(arguments: Mode.allCases) func `13 Ctrl-C in the middle of a step ends it, and the next build is right`(
    mode: Mode
  ) throws {
    let execution = try interrupt(mode, marker: markedSeconds(mode == .build ? 3013 : 3014)) { $0.signalGroup(SIGINT) }
    #expect(execution.status == 130)
  }

  @Test(.enabled(if: Sandbox.isAvailable, "wants user namespaces"), arguments: Mode.allCases)
  func `14 a file that was not declared cannot be read`(mode: Mode) throws {
    let project = try Workspace(["in.txt": "a\n", "secret.txt": "s\n"])
    try project.write("main.rf", Samples.oneStep("cat {{input}} '\(project.folder)/secret.txt' > {{out}}"))
    let tool = try Tool(mode, on: project)
    let build = try tool.again()
    #expect(build.status == 1)
    #expect(build.failed == ["Only": 1])
    #expect(build.errors.contains("secret.txt"))
    #expect(!project.exists("out/out"))
  }

  @Test(arguments: Mode.allCases) func `15 a step that exits with 0 and without its output has failed`(mode: Mode)
    throws
  {
    let project = try Samples.builtOneStep()
    let tool = try Tool(mode, on: project)
    try project.write("main.rf", Samples.oneStep("test -e {{out}} || true # {{input}}"))
    let build = try tool.update()
    #expect(build.status == 1)
    #expect(build.failed == ["Only": 1])
    #expect(build.errors.contains("'out'"))
    #expect(try project.texts() == ["out": "old\n"])
  }

  @Test(arguments: Mode.allCases) func `16 a file that was not declared as output is dropped and mentioned`(mode: Mode)
    throws
  {
    let project = try Workspace(["in.txt": "a\n"])
    try project.write("main.rf", Samples.oneStep("cp {{input}} {{out}}; echo stray > stray.txt"))
    let tool = try Tool(mode, on: project)
    let build = try tool.again()
    #expect(build.status == 0)
    // A watch said it when it ran the step, and not again.
    let said = tool.watch.map { $0.process.errorsSoFar } ?? build.errors
    #expect(said.contains("stray.txt"))
    #expect(try project.texts() == ["out": "a\n"])
    #expect(!project.exists("stray.txt"))
  }
}
