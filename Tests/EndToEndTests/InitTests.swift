import Foundation
import Testing

/// `reflow init`: each template builds at once, and nothing is overwritten.
@Suite struct InitTests {
  private static let templates: [(name: String, outputs: [String: String], tools: [String])] = [
    ("text", [:], ["sh"]),
    ("bio", ["report/report.tsv": "sample\treads\tbases\tgc\nleaf\t2\t40\t0.475\nroot\t2\t40\t0.450\n"], ["awk"]),
    ("c", ["tests/evening.in": "Good evening\n", "tests/morning.in": "Good morning\n"], ["cc"]),
    (
      "tables",
      [
        "bills.csv": "guest,nights,total\nada,2,160\nbela,2,215\ncarl,1,80\n",
        "reachable.csv": "place\nHarbour\nHill\nMarket\nMill\n",
        "seaside.csv": "guest,night\nbela,1\nbela,2\n",
      ], []
    ),
  ]

  @Test(arguments: templates.map(\.name))
  func `a template builds at once, checks without a warning, is in the style, and a second build does nothing`(
    _ name: String
  ) throws {
    let template = try #require(Self.templates.first { $0.name == name })
    for tool in template.tools where !Workspace.has(tool) { return }
    let project = try Workspace()
    let made = try project.reflow("init", "first", "--template", name)
    #expect(made.status == 0, "\(made.errors)")
    #expect(made.output.contains("cd first; reflow build"))
    let place = project.path("first")
    let check = try project.reflow("check", "--warnings-as-errors", "main.rf", in: place)
    #expect(check.status == 0, "\(check.errors)")
    #expect(try project.reflow("fmt", "--check", "main.rf", in: place).output == "")
    let test = try project.reflow("test", "main.rf", in: place)
    #expect(test.status == 0, "\(test.errors)")
    let build = try project.reflow("build", in: place)
    #expect(build.status == 0, "\(build.errors)")
    for (path, text) in template.outputs {
      #expect(try project.read("first/out/" + path) == text)
    }
    let again = try project.reflow("build", in: place)
    #expect(again.errors.contains(" 0 run,"), "\(again.errors)")
    #expect(try project.read("first/.gitignore") == "/.reflow/\n/out/\n")
  }

  @Test func `the words of the first project are counted`() throws {
    let project = try Workspace()
    #expect(try project.reflow("init").status == 0)
    #expect(try project.reflow("build", "-top=2").status == 0)
    #expect(try project.texts()["poems/fly.counts"]?.hasPrefix("      1 away\n") == true)
    #expect(try project.read("out/common").split(separator: "\n") == ["5 the", "3 in"])
  }

  @Test func `nothing that is there is overwritten, and nothing else is written then`() throws {
    let project = try Workspace(["poems/fly.txt": "mine\n"])
    let refused = try project.reflow("init")
    #expect(refused.status == 2)
    #expect(refused.errors.contains("poems/fly.txt"))
    #expect(try project.read("poems/fly.txt") == "mine\n")
    #expect(!project.exists("main.rf"))
    try project.remove("poems")
    try project.write(".gitignore", "mine\n")
    #expect(try project.reflow("init").status == 0)
    #expect(try project.read(".gitignore") == "mine\n")
    #expect(try project.reflow("init").status == 2)
  }

  @Test func `version control leaves the state alone, also of a project that was not made by init`() throws {
    let project = try Workspace(["main.rf": "val Main = exec() (o file) {\" echo > {{o}} \"}\n"])
    #expect(try project.build().status == 0)
    #expect(try project.read(".reflow/.gitignore").hasSuffix("\n*\n"))
    try project.write(".reflow/.gitignore", "mine\n")
    #expect(try project.build("--force").status == 0)
    #expect(try project.read(".reflow/.gitignore") == "mine\n", "it is written with the folder, and then left alone")
    #expect(try project.reflow("clean", "--all").status == 0)
    #expect(!project.exists(".reflow"))
  }

  @Test func `a folder that cannot be made is told`() throws {
    let project = try Workspace(["file": ""])
    let refused = try project.reflow("init", "file/below")
    #expect(refused.status == 2)
    #expect(refused.errors.contains("file"))
    let unknown = try project.reflow("init", "--template", "cobol")
    #expect(unknown.status == 2)
    #expect(unknown.errors.contains("tables"))
  }
}
