import Foundation
import Testing

/// What steps ask for, and what they get.
struct ResourceTests {
  private static func chain(_ options: String) -> String {
    """
    val In = file("in.txt")
    val First = exec() (a file) {" cp {{In}} {{a}} "}
    val Second = exec(\(options)) (b file) {" cp {{First}} {{b}} "}
    val Main = Second
    """
  }

  @Test(arguments: ["cpu := 100000", "mem := 1024 * 1024 * 1024 * 1024 * 1024", "cpufeatures := [\"no-such\"]"])
  func `a step larger than the machine is an error before others run for it`(options: String) throws {
    let project = try Workspace(["main.rf": Self.chain(options), "in.txt": "a\n"])
    let build = try project.build()
    #expect(build.status == 1, "\(build.errors)")
    #expect(build.failed == ["Second": 1])
    #expect(build.ran.isEmpty)
    #expect(build.errors.contains("it asks for"), "\(build.errors)")
  }

  @Test func `a step larger than the machine whose result is there is no error`() throws {
    let project = try Workspace(["main.rf": Self.chain(""), "in.txt": "a\n"])
    #expect(try project.build().status == 0)
    try project.write("main.rf", Self.chain("cpu := 100000"))
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ran.isEmpty)
  }

  @Test func `a step that runs out of memory is tried again with more, and says so`() throws {
    let project = try Workspace([
      "main.rf": """
      val Main = exec(mem := 64 * 1024 * 1024) (o file) {" head -c 200M /dev/zero | tail -c 200M | wc -c > {{o}} "}
      """
    ])
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.errors.contains("ran out of 64 MiB of memory; its next attempt gets"), "\(build.errors)")
    #expect(try project.texts().values.first == "209715200\n")
  }

  @Test func `a step that never has enough memory fails after its attempts`() throws {
    let project = try Workspace([
      "main.rf":
        "val Main = exec(mem := 1024 * 1024) (o file) {\" head -c 3G /dev/zero | tail -c 3G | wc -c > {{o}} \"}\n"
    ])
    let build = try project.build()
    #expect(build.status == 1, "\(build.errors)")
    #expect(build.errors.contains("ran out of memory"), "\(build.errors)")
    #expect(build.started.values.reduce(0, +) == 4)
  }

  @Test func `what a kind of step took is learned, and harms no build`() throws {
    let project = try Workspace(["main.rf": Self.chain("cpu := 1, mem := 100 * 1024 * 1024"), "in.txt": "0\n"])
    for round in 1...7 {
      try project.write("in.txt", "\(round)\n")
      let build = try project.build("--predict")
      #expect(build.status == 0, "\(build.errors)")
      #expect(build.ran == ["First": 1, "Second": 1])
    }
    let kinds = try project.run("sqlite3", [".reflow/reflow.db", "SELECT kind FROM history ORDER BY kind"])
    if kinds.status == 0 { #expect(kinds.output == "First\nSecond\n") }
  }

  @Test(arguments: [20_000, 200_000]) func `a table counts with the memory of its file, its strings and its rows`(
    rows: Int
  ) throws {
    let text = "word,n\n" + (1...rows).map { "word\($0),\($0)\n" }.joined()
    let program = """
      val Words = table(file("words.csv")) {word string, n int}
      val Main = {all: Words}

      """
    let project = try Workspace(["main.rf": program, "words.csv": text])
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    let end = try #require(build.events.first { $0.event == "stepFinished" })
    // Each row has two words of eight bytes, and a string of its own.
    #expect(try #require(end.maxrssBytes) >= text.utf8.count + rows * 16)
    let line = try project.reflow("report", "--resources").output.split(separator: "\n").first {
      $0.hasPrefix("Words ")
    }
    #expect(try #require(line).contains("iB"))
  }
}
