import Foundation
import Testing

/// fixtures/cproject: a calculator in C, compiled file by file with the compiler's own lists of what it read.
@Suite(.enabled(if: Workspace.has("gcc"), "wants gcc"))
struct CProjectTests {
  /// The source files that include a header, directly or not, by the compiler's word.
  private func users(of header: String, in project: Workspace) throws -> Int {
    let list = try project.run(
      "sh", ["-c", "for f in src/*.c; do gcc -MM -I include $f | grep -q '/\(header)' && echo $f; done"])
    return list.output.split(separator: "\n").count
  }

  private func built() throws -> Workspace {
    let project = try Workspace(fixture: "cproject")
    let build = try project.build()
    try #require(build.status == 0, "\(build.errors)")
    #expect(build.ran == ["Compile": 19, "Link": 1, "Check": 3])
    return project
  }

  @Test func `a cold build gives a program that works, and a second one runs nothing`() throws {
    let project = try built()
    #expect(
      try project.snapshot().keys.sorted() == [
        "answers/arithmetic.txt", "answers/lists.txt", "answers/statistics.txt", "bin/calc",
      ])
    #expect(try project.snapshot()["bin/calc"]?.isExecutable == true)
    let answer = try project.run("sh", ["-c", "echo 'sum([1, 2, 3]) ^ 2' | out/bin/calc"])
    #expect(answer.output == "36\n")
    let outputs = try project.snapshot()
    let objects = try project.snapshot(".reflow/objects")
    let again = try project.build()
    #expect(again.status == 0)
    #expect(again.started == [:])
    #expect(try project.snapshot() == outputs)
    #expect(try project.snapshot(".reflow/objects") == objects)
  }

  @Test func `an edited header compiles only the files that include it`() throws {
    let project = try built()
    #expect(try users(of: "error.h", in: project) == 6)
    try project.edit("include/error.h", replacing: "message[160]", with: "message[200]")
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(
      build.ranLabels == [
        "Check[arithmetic.in]", "Check[lists.in]", "Check[statistics.in]", "Compile[error.c]", "Compile[eval.c]",
        "Compile[lexer.c]", "Compile[parser.c]", "Compile[print.c]", "Compile[session.c]", "Link",
      ])
    #expect(build.reasons["Compile"]?.contains("error.h") == true)
    #expect(try project.build().started == [:])
  }

  @Test func `a comment in a header compiles its users and stops there`() throws {
    let project = try built()
    let outputs = try project.snapshot()
    #expect(try users(of: "stats.h", in: project) == 2)
    try project.append("/* Nothing new. */\n", to: "include/stats.h")
    let build = try project.build()
    #expect(build.status == 0)
    #expect(build.ranLabels == ["Compile[builtins_list.c]", "Compile[stats.c]"])
    #expect(try project.snapshot() == outputs)
    #expect(try project.build().started == [:])
  }

  @Test func `a file begins to depend on a header when it includes it`() throws {
    let project = try built()
    try project.edit("src/text.c", replacing: "#include <string.h>", with: "#include <string.h>\n#include \"stats.h\"")
    #expect(try project.build().ranLabels == ["Compile[text.c]"])
    try project.append("/* More. */\n", to: "include/stats.h")
    #expect(try project.build().ranLabels == ["Compile[builtins_list.c]", "Compile[stats.c]", "Compile[text.c]"])
  }

  @Test func `an edited source compiles, links and checks`() throws {
    let project = try built()
    try project.edit("src/stats.c", replacing: "if (count < 2) return NAN;", with: "if (count < 2) return 0;")
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ran == ["Compile": 1, "Link": 1, "Check": 3])
  }

  @Test func `an edited test runs that test`() throws {
    let project = try built()
    try project.append("1 / 4\n", to: "tests/arithmetic.in")
    try project.append("0.25\n", to: "tests/arithmetic.expected")
    let build = try project.build()
    #expect(build.ranLabels == ["Check[arithmetic.in]"])
    #expect(build.written == ["answers/arithmetic.txt"])
  }

  @Test func `a deleted program comes back without a step, also in a copy with new times`() throws {
    let project = try built()
    let before = try project.texts()
    try project.remove("out/bin/calc")
    let restored = try project.build()
    #expect(restored.started == [:])
    #expect(restored.written == ["bin/calc"])
    #expect(try project.texts() == before)
    #expect(try project.snapshot()["bin/calc"]?.isExecutable == true)
    let copy = try Workspace(copyOf: project)
    let build = try copy.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.started == [:])
    #expect(try copy.texts() == before)
  }

  @Test func `with -k an error of the compiler leaves the other files compiled and the last program in place`() throws {
    let project = try built()
    let outputs = try project.snapshot()
    try project.edit("src/stats.c", replacing: "double stats_sum(", with: "double double stats_sum(")
    try project.edit("src/text.c", replacing: "c == '_'", with: "c == '$' || c == '_'")
    let build = try project.build("-k")
    #expect(build.status == 1)
    #expect(build.ran == ["Compile": 1])
    #expect(build.failed == ["Compile": 1])
    // What the compiler said is shown.
    #expect(build.errors.contains("stats.c"))
    #expect(try project.snapshot() == outputs)
    try project.edit("src/stats.c", replacing: "double double stats_sum(", with: "double stats_sum(")
    let repaired = try project.build()
    #expect(repaired.status == 0)
    #expect(repaired.ran == ["Link": 1, "Check": 3])
  }
}
