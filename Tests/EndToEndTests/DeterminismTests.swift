import Foundation
import Testing

/// `reflow build --check-determinism`.
struct DeterminismTests {
  private static let program = """
    val input = file("in.txt")
    val Good = exec() (good file) {" cat {{input}} > {{good}} "}
    val Bad = exec() (bad file) {" cat {{input}} > {{bad}}; date +%N >> {{bad}} "}
    val Folder = exec() (tree dir) {" cp {{input}} {{tree}}/same; date +%s%N > {{tree}}/time; touch {{tree}}/$RANDOM$RANDOM "}
    val Honest = exec(nondeterministic := true) (honest file) {" cat {{input}}; date +%N > {{honest}} "}
    val Main = {good: Good, bad: Bad, folder: Folder, honest: Honest}

    """

  @Test func `outputs that differ are reported by path and first byte, and the first result is kept`() throws {
    let project = try Workspace(["main.rf": Self.program, "in.txt": "one\n"])
    let build = try project.build("--check-determinism")
    #expect(build.status == 1)
    #expect(build.ran == ["Good": 1, "Bad": 1, "Folder": 1, "Honest": 1])
    #expect(build.events.last?.run == 4)
    let reports = build.events.filter { $0.id == "step.nondeterministic" }.compactMap(\.message).sorted()
    #expect(reports.count == 4, "\(reports)")
    #expect(reports.first?.hasPrefix("Bad is not deterministic: 'out/bad' differs from byte ") == true, "\(reports)")
    #expect(reports.first?.contains(" on (1") == true)
    #expect(reports.filter { $0.contains("Folder is not deterministic: 'out/tree/") }.count == 3)
    #expect(reports.contains { $0.hasSuffix("was made by the first run only") })
    #expect(reports.contains { $0.hasSuffix("was made by the second run only") })
    #expect(!reports.contains { $0.contains("Good") || $0.contains("Honest") || $0.contains("same") })
    // The build is as good as any other.
    #expect(try project.read("out/good") == "one\n")
    let outputs = try project.snapshot()
    let again = try project.build()
    #expect(again.status == 0)
    #expect(again.started == [:])
    #expect(try project.snapshot() == outputs)
  }

  @Test func `steps that make the same are counted once, and nothing stale is said`() throws {
    let project = try Samples.twoStepProject(built: false)
    let build = try project.build("--check-determinism")
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.errors.contains("2 steps, 2 run"))
    #expect(build.errors.contains("2 steps ran twice and made the same bytes"))
    let nothing = try project.build("--check-determinism")
    #expect(nothing.status == 0)
    #expect(nothing.errors.contains("determinism: no step had to run, so none was checked"))
    try project.write("in.txt", "three\n")
    #expect(try project.build("--check-determinism", "-q").errors == "")
    #expect(try project.build("--dry-run", "--check-determinism").status == 2)
  }

  @Test func `a step that fails when it is run again is reported`() throws {
    let project = try Workspace(["in.txt": "a\n"])
    let flag = project.outside("flag")
    try project.write(
      "main.rf", Samples.oneStep("if test -e '\(flag)'; then exit 9; fi; touch '\(flag)'; cat {{input}} > {{out}}"))
    let build = try project.build("--check-determinism", "--sandbox=off")
    #expect(build.status == 1)
    #expect(build.errors.contains("Only is not deterministic: it failed when it was run again: exit status 9"))
    #expect(try project.read("out/out") == "a\n")
    #expect(try project.build("--sandbox=off").started == [:])
  }
}
