import Testing

/// Programs that cannot be right: each gives a message that says what to do, status 2, and leaves the outputs alone.
struct BadProgramTests {
  /// Builds a program after a good build of another one, and expects that nothing of that is lost.
  private func refuse(_ files: [String: String], _ arguments: String...) throws -> Build {
    let project = try Samples.twoStepProject()
    let before = try project.snapshot()
    for (path, text) in files { try project.write(path, text) }
    let build = try project.build(arguments)
    #expect(build.status == 2, "\(build.errors)")
    #expect(build.started == [:])
    #expect(build.summary.map { $0.run == 0 } ?? true)
    #expect(try project.snapshot() == before)
    try project.write("main.rf", Samples.twoSteps)
    let again = try project.build("main.rf")
    #expect(again.status == 0)
    #expect(again.started == [:])
    return build
  }

  @Test func `ten errors are reported, all ten`() throws {
    let program = (1...10).map { "val V\($0) = unknown\($0)\n" }.joined() + "val Main = 1\n"
    let build = try refuse(["main.rf": program])
    #expect(build.complaints.map(\.line) == Array(1...10))
    for number in 1...10 {
      #expect(build.errors.contains("main.rf:\(number):"))
      #expect(build.errors.contains("unknown\(number)"))
    }
    let project = try Workspace(["main.rf": program])
    let check = try project.reflow("check", "main.rf")
    #expect(check.status == 2)
    #expect(check.errors == build.errors || check.errors.components("error:") == 10)
  }

  @Test func `errors of syntax do not hide each other or errors of type`() throws {
    let project = try Workspace([
      "main.rf": "val A = (1 + \nval B = [1, 2\nval C = 1 + \"x\"\nval D = {x: }\nval Main = 1\n"
    ])
    let check = try project.reflow("check", "main.rf")
    #expect(check.status == 2)
    #expect(check.errors.components("error:") >= 3)
  }

  @Test func `a template that names an unknown variable points at it`() throws {
    let build = try refuse(["main.rf": "val Main = exec() (out file) {\"\n  echo {{nope}} > {{out}}\n\"}\n"])
    #expect(build.errors.contains("main.rf:2:"))
    #expect(build.errors.contains("nope"))
    #expect(build.errors.contains("  echo {{nope}} > {{out}}"))
    #expect(build.errors.contains("^"))
  }

  @Test func `a cycle of modules is named`() throws {
    let build = try refuse([
      "main.rf": "val a = make(\"./a.rf\")\nval Main = a.X\n",
      "a.rf": "val b = make(\"./b.rf\")\nval X = b.X\n",
      "b.rf": "val a = make(\"./a.rf\")\nval X = a.X\n",
    ])
    #expect(build.errors.contains("a.rf"))
    #expect(build.errors.contains("b.rf"))
    #expect(build.errors.contains("cycle"))
  }

  @Test func `a module that is missing is named`() throws {
    let build = try refuse(["main.rf": "val a = make(\"./gone.rf\")\nval Main = a.X\n"])
    #expect(build.errors.contains("gone.rf"))
  }

  private static let makeFiles = "val files = make(\"$/files\")\nval f = files.Create(\"x\")\n"

  @Test(arguments: [
    ("\"x\": f, \"./x\": f", "./x"), ("\"a//b\": f, \"a/b\": f", "a//b"), ("\"x\": f, \"x/y\": f", "x"),
  ])
  func `two outputs with one path are refused`(members: String, path: String) throws {
    let build = try refuse(["main.rf": Self.makeFiles + "val Main = [\(members)]\n"])
    #expect(build.errors.contains(" \(path)"), "\(build.errors)")
  }

  @Test(arguments: ["../x", "/x", "a/../../x", "a\\x00b", "..", ""])
  func `a path that leaves the tree is refused`(path: String) throws {
    let build = try refuse(["main.rf": Self.makeFiles + "val Main = [\"\(path)\": f]\n"])
    #expect(build.errors.contains("main.rf"))
    #expect(build.complaints.count == 1)
  }

  @Test func `a program that is missing or has no Main is said so`() throws {
    let project = try Workspace()
    let missing = try project.build()
    #expect(missing.status == 2)
    #expect(missing.errors.contains("there is no program 'main.rf' here") && missing.errors.contains("reflow init"))
    // A folder with a state would be the root of all below it.
    #expect(try project.run("ls", ["-A"]).output.isEmpty)
    try project.write("pipeline.rf", "val Main = 1\n")
    #expect(try project.build("pipelin.rf").errors.contains("did you mean 'pipeline.rf'?"))
    #expect(try project.build("pipeline").errors.contains("did you mean 'pipeline.rf'?"))
    #expect(try project.build().errors.contains("there is pipeline.rf: name the one that you mean"))
    try project.write("main.rf", "val X = 1\n")
    let empty = try project.build()
    #expect(empty.status == 2)
    #expect(empty.errors.contains("Main"))
  }

  @Test func `values that cannot be evaluated are errors with a place`() throws {
    for (expression, piece) in [
      ("1 / 0", "zero"), ("[1][3]", "3"), ("panic(\"stop\")", "stop"), ("1 << -1", "shift"),
      ("[\"ab\": 1][\"abc\"]", "did you mean \"ab\"?"), ("[\"x\": 1][\"abc\"]", "there is \"x\""),
    ] {
      let build = try refuse(["main.rf": "val X = \(expression)\nval Main = {X}\n"])
      #expect(build.errors.contains("main.rf:1:"))
      #expect(build.errors.contains(piece), "\(build.errors)")
    }
  }

  @Test func `a configuration with an unknown key is refused with its place`() throws {
    let project = try Samples.twoStepProject()
    let outputs = try project.snapshot()
    try project.write("reflow.toml", "imges = \"ignore\"\n")
    let build = try project.build()
    #expect(build.status == 2)
    #expect(try project.snapshot() == outputs)
    #expect(build.errors.contains("reflow.toml:1"))
    #expect(build.errors.contains("images"))
  }

  @Test func `no program, however malformed, makes it crash`() throws {
    let project = try Workspace()
    let programs = [
      "", "\u{0}", "val", "val Main = ", "{\"", "val Main = exec() (a file) {\" {{", "val Main = \"", "`", "/*",
      String(repeating: "(", count: 20000), String(repeating: "[", count: 20000) + "1",
      "val Main = " + String(repeating: "-", count: 20000) + "1", "param x", "@requires(", "val Main = f()",
      String(repeating: "val x = {", count: 3000), "val Main = 1e999999999", "type T T\nval Main = 1",
    ]
    for program in programs {
      try project.write("main.rf", program)
      let check = try project.reflow("check", "main.rf")
      #expect([0, 2].contains(check.status), "\(program.prefix(40)): \(check.status) \(check.errors.prefix(200))")
    }
    try Workspace.writeBytes([0xFF, 0xFE, 0x00, 0x80], to: project.path("main.rf"))
    #expect(try project.reflow("check", "main.rf").status == 2)
  }
}

extension String {
  /// How often a piece occurs.
  func components(_ piece: String) -> Int { split(separator: piece, omittingEmptySubsequences: false).count - 1 }
}
