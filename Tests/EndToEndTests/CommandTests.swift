import Foundation
import Testing

/// The commands, their options, what they print where, and their exit statuses.
struct CommandTests {
  // MARK: check, test, eval, doc, version

  @Test func `check is silent about a good program and prints warnings about a careless one`() throws {
    let project = try Workspace([
      "good.rf": "val Main = 1\n", "careless.rf": "val unused = 1\nval Main = 2\n",
    ])
    let good = try project.reflow("check", "good.rf")
    #expect(good.status == 0)
    #expect(good.output == "")
    let careless = try project.reflow("check", "good.rf", "careless.rf")
    #expect(careless.status == 0)
    #expect(careless.errors.contains("careless.rf:1:"))
    #expect(careless.errors.contains("warning"))
    #expect(careless.errors.contains("unused"))
    #expect(try project.reflow("check", "--warnings-as-errors", "careless.rf").status == 2)
    #expect(!project.exists(".reflow"))
  }

  @Test(arguments: ["quickstart", "variants", "cproject", "original"])
  func `the fixtures' programs check without a warning`(fixture: String) throws {
    let project = try Workspace(fixture: fixture)
    let check = try project.reflow("check", "--warnings-as-errors", "main.rf")
    #expect(check.status == 0, "\(check.errors)")
  }

  @Test func `test prints a line for each test and a count`() throws {
    let project = try Workspace([
      "good.rf": "val TestOne = 1 + 1 == 2\nval TestTwo = len([1, 2]) == 2\nval Other = 3\n",
      "bad.rf": "val TestThree = 1 == 2\nval TestFour = true\n",
    ])
    let good = try project.reflow("test", "good.rf")
    #expect(good.status == 0, "\(good.errors)")
    #expect(good.output.contains("TestOne"))
    #expect(good.output.contains("TestTwo"))
    #expect(!good.output.contains("Other"))
    let bad = try project.reflow("test", "good.rf", "bad.rf")
    #expect(bad.status == 1)
    #expect(bad.output.contains("TestThree"))
    #expect(bad.output.contains("3 passed, 1 failed"))
  }

  @Test func `eval prints a value as the language or as JSON`() throws {
    let project = try Workspace([
      "main.rf": "val Main = {a: 1, b: \"x\", c: [1.5, 2.0], d: [\"k\": true], e: (1, \"t\")}\nval Other = 1 + 2\n"
    ])
    let value = try project.reflow("eval", "main.rf")
    #expect(value.status == 0, "\(value.errors)")
    #expect(value.output == "{a: 1, b: \"x\", c: [1.5, 2], d: [\"k\": true], e: (1, \"t\")}\n")
    #expect(value.errors == "")
    #expect(try project.reflow("eval", "main.rf", "Other").output == "3\n")
    let json = try project.reflow("eval", "--json", "main.rf")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(object["a"] as? Int == 1)
    #expect(object["c"] as? [Double] == [1.5, 2])
    #expect((object["d"] as? [String: Bool]) == ["k": true])
    let missing = try project.reflow("eval", "main.rf", "Nothing")
    #expect(missing.status == 2)
    #expect(missing.errors.contains("Nothing"))
  }

  @Test func `eval runs the steps that a value needs`() throws {
    let project = try Workspace([
      "main.rf": """
      val files = make("$/files")
      val Lines = files.Lines(exec() (out file) {" printf 'a\\nb\\n' > {{out}} "})
      val Main = len(Lines)

      """
    ])
    #expect(try project.reflow("eval", "main.rf").output == "2\n")
    #expect(
      try project.reflow("eval", "--json", "main.rf", "Lines").output.filter { !$0.isWhitespace } == "[\"a\",\"b\"]")
    #expect(!project.exists("out"))
  }

  @Test func `doc prints parameters, exported values and their comments`() throws {
    let project = try Workspace([
      "main.rf": "param (\n  // How many.\n  count = 3\n)\n\n// Twice that.\nval Main = count * 2\n"
    ])
    let doc = try project.reflow("doc", "main.rf")
    #expect(doc.status == 0, "\(doc.errors)")
    for piece in ["count", "How many.", "Main", "int", "Twice that."] { #expect(doc.output.contains(piece)) }
  }

  @Test func `version prints one line`() throws {
    let project = try Workspace()
    for argument in ["version", "--version"] {
      let version = try project.reflow(argument)
      #expect(version.status == 0)
      #expect(version.output.contains("0.") || version.output.contains("1."))
      #expect(version.output.split(separator: "\n").count == 1)
    }
  }

  @Test func `bad usage is status 2 and says what there is`() throws {
    let project = try Samples.twoStepProject(built: false)
    for arguments in [
      ["nonsense"], ["build", "--nonsense"], ["build", "main.rf", "-nonsense=1"], ["build", "-j", "0"],
      ["build", "--target", "Nothing"],
    ] {
      let execution = try project.run(Workspace.binary, arguments)
      #expect(execution.status == 2, "\(arguments): \(execution.errors)")
      #expect(execution.errors != "")
    }
    for (arguments, hint) in [
      (["build", "--jbos", "3"], "did you mean '--jobs'?"),
      (
        ["build", "--nonsense"],
        "there is no option '--nonsense'; a parameter of the program is written -nonsense=VALUE"
      ),
      (["build", "-nonsense"], "'-nonsense' lacks a value"), (["status", "--jsn"], "did you mean '--json'?"),
      (["build", "main.rf", "Sorted"], "its exported values are chosen by --target NAME"),
      (["build", "--target", "Mian"], "did you mean Main?"),
      (["eval", "main.rf", "sorted"], "begins with an upper-case"),
      (["log", "Secnd"], "did you mean 'Second'?"), (["build", "main.rf", "-text=1"], "it has none"),
    ] {
      if arguments[0] == "log" { #expect(try project.build().status == 0) }
      let execution = try project.run(Workspace.binary, arguments)
      #expect(execution.status == 2 && execution.errors.contains(hint), "\(arguments): \(execution.errors)")
      _ = try project.reflow("clean", "--all")
    }
    #expect(!project.exists("out"))
  }

  // MARK: build

  @Test func `a build says on standard error how much there was to do`() throws {
    let project = try Samples.twoStepProject(built: false)
    let cold = try project.build()
    #expect(cold.output == "")
    #expect(cold.errors.contains("2 steps, 2 run"))
    let warm = try project.build()
    #expect(warm.errors.contains("2 steps, 0 run"))
    #expect(try project.build("-q").errors == "")
  }

  @Test func `events begin with the start and end with the sums`() throws {
    let project = try Samples.twoStepProject(built: false)
    let build = try project.build()
    #expect(build.events.first?.event == "buildStarted")
    let last = try #require(build.events.last)
    #expect(last.event == "buildFinished")
    #expect(last.status == "succeeded")
    #expect([last.steps, last.run, last.cached, last.failed] == [2, 2, 0, 0])
    #expect(build.written == ["first", "second"])
    let finished = build.events.filter { $0.event == "stepFinished" }
    #expect(finished.count == 2)
    for event in finished {
      #expect(event.exitCode == 0)
      #expect(event.maxrssBytes ?? 0 > 0)
      #expect(event.seconds ?? -1 >= 0)
      #expect(build.events.contains { $0.event == "stepStarted" && $0.step == event.step })
    }
    #expect(build.events.map(\.time) == build.events.map(\.time).sorted())
  }

  @Test func `a dry run says what would run and does nothing`() throws {
    let project = try Samples.twoStepProject()
    try project.write("in.txt", "new\n")
    let outputs = try project.snapshot()
    let dry = try project.reflow("build", "--dry-run")
    #expect(dry.status == 0, "\(dry.errors)")
    #expect((dry.output + dry.errors).contains("First"))
    #expect(try project.snapshot() == outputs)
    #expect(try project.build().started == ["First": 1, "Second": 1])
    let nothing = try project.reflow("build", "-n")
    #expect(!(nothing.output + nothing.errors).contains("First"))
  }

  @Test func `explain names what changed`() throws {
    let project = try Samples.twoStepProject()
    try project.write("in.txt", "new\n")
    let build = try project.build("--explain")
    #expect(build.errors.contains("in.txt"))
    #expect(build.reasons["First"]?.contains("in.txt") == true, "\(build.reasons)")
    #expect(build.reasons["Second"]?.contains("First") == true || build.reasons["Second"]?.contains("upper") == true)
    try project.edit("main.rf", replacing: "wc -l", with: "wc -c")
    let command = try project.build("--explain")
    #expect(command.reasons["Second"]?.contains("command") == true, "\(command.reasons)")
  }

  @Test func `only what Main needs is run, and targets go to folders of their own`() throws {
    let project = try Workspace([
      "main.rf": """
      val A = exec() (a file) {" echo a > {{a}} "}
      val B = exec() (b file) {" echo b > {{b}} "}
      val Pair = [A, B]
      val Main = A

      """
    ])
    #expect(try project.build().ran == ["A": 1])
    #expect(try project.texts() == ["Main": "a\n"])
    let other = try project.build("--target", "Pair")
    #expect(other.status == 0, "\(other.errors)")
    #expect(other.ran == ["B": 1])
    #expect(try project.texts() == ["Main": "a\n", "Pair/0": "a\n", "Pair/1": "b\n"])
    // Each keeps what is its own.
    #expect(try project.build().removed == [])
    #expect(try project.texts().count == 3)
  }

  @Test func `members become paths by name, key or position, and other values are printed`() throws {
    let project = try Workspace([
      "main.rf": """
      val files = make("$/files")
      val f = files.Create("f")
      val Main = {a: f, list: [f, f], tuple: (f, f), map: ["k.txt": f, "deep/er": f], folder: dir("data"), n: 42}

      """, "data/x/y.txt": "y",
    ])
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(
      try project.texts() == [
        "a": "f", "list/0": "f", "list/1": "f", "tuple/0": "f", "tuple/1": "f", "map/k.txt": "f", "map/deep/er": "f",
        "folder/x/y.txt": "y",
      ])
    #expect(build.output.contains("42"))
  }

  @Test func `--out puts the tree elsewhere and --root makes paths relative to it`() throws {
    let project = try Workspace(["sub/main.rf": Samples.twoSteps, "sub/in.txt": "x\n"])
    let build = try project.build("--root", "sub", "--out", "sub/results", "sub/main.rf")
    #expect(build.status == 0, "\(build.errors)")
    #expect(try project.texts("sub/results") == ["first": "X\n", "second": "1\n"])
    #expect(project.exists("sub/.reflow"))
    #expect(!project.exists(".reflow"))
  }

  @Test func `what one build has added to a target another build of it removes`() throws {
    let before = "val a = file(\"in.txt\")\nval Main = {a: a}\nval More = {p: a}\n"
    let project = try Workspace(["main.rf": before, "in.txt": "x"])
    #expect(try project.build("--target", "Main", "--target", "More").status == 0)
    try project.write("main.rf", before.replacingOccurrences(of: "{p: a}", with: "{p: a, q: a}"))
    #expect(try project.build("--target", "More").status == 0)
    #expect(project.exists("out/More/q"))
    try project.write("main.rf", before)
    #expect(try project.build("--target", "Main", "--target", "More").status == 0)
    #expect(try project.texts() == ["Main/a": "x", "More/p": "x"])
  }

  @Test func `each tree that a project is built into is kept for itself`() throws {
    let project = try Samples.twoStepProject()
    #expect(try project.build().status == 0)
    try project.write("other/second", "mine\n")
    let refused = try project.build("--out", "other")
    #expect(refused.status == 3 && refused.errors.contains("second"), "\(refused.errors)")
    #expect(try project.read("other/second") == "mine\n")
    try FileManager.default.removeItem(atPath: project.path("other/second"))
    #expect(try project.build("--out", "other").status == 0)
    // What is written into one is no edit of the other, and neither is removed from the other.
    try project.write("in.txt", "x\ny\n")
    #expect(try project.build("--out", "other").status == 0)
    let here = try project.build()
    #expect(here.status == 0 && !here.errors.contains("edited") && here.errors.contains("0 run"), "\(here.errors)")
    #expect(try project.texts("other") == project.texts())
    #expect(try project.reflow("clean", "--out", "other").status == 0)
    #expect(!project.exists("other") && project.exists("out/second"))
    #expect(try project.reflow("prune", "--max-size", "0").status == 0)
    #expect(try project.build().errors.contains("0 run"))
  }

  @Test func `the root is the nearest folder above that has a state`() throws {
    let project = try Samples.twoStepProject()
    try project.write("deep/er/file", "")
    let again = try project.reflow("build", "../../main.rf", in: project.path("deep/er"))
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.errors.contains("0 run"))
    #expect(!project.exists("deep/er/.reflow"))
    #expect(!project.exists("deep/er/out"))
  }

  // MARK: parameters

  private static let parameterised = """
    param (
      // Whom to greet.
      who string
      // How often.
      times = 1
      loud = false
    )
    val files = make("$/files")
    val strings = make("$/strings")
    val Main = files.Create(strings.Join([who + if loud {"!"} else {""} | _ <- range(0, times)], " "))

    """

  @Test func `parameters follow the program in either form`() throws {
    let project = try Workspace(["main.rf": Self.parameterised])
    #expect(try project.build("main.rf", "-who=you", "-times=2").status == 0)
    #expect(try project.read("out/Main") == "you you")
    let spaced = try project.build("main.rf", "--who", "me", "--loud=true")
    #expect(spaced.status == 0, "\(spaced.errors)")
    #expect(try project.read("out/Main") == "me!")
  }

  @Test func `a missing, an unknown and a wrong parameter are errors of usage`() throws {
    let project = try Workspace(["main.rf": Self.parameterised])
    let missing = try project.build()
    #expect(missing.status == 2)
    #expect(missing.errors.contains("who"))
    let unknown = try project.build("main.rf", "-who=a", "-whom=b")
    #expect(unknown.status == 2)
    #expect(unknown.errors.contains("whom"))
    let wrong = try project.build("main.rf", "-who=a", "-times=many")
    #expect(wrong.status == 2)
    #expect(wrong.errors.contains("times"))
    #expect(!project.exists("out"))
  }

  @Test func `-help after the program lists its parameters`() throws {
    let project = try Workspace(["main.rf": Self.parameterised])
    let help = try project.reflow("build", "main.rf", "-help")
    #expect(help.status == 0, "\(help.errors)")
    for piece in ["who", "Whom to greet.", "times", "How often.", "1", "loud"] { #expect(help.output.contains(piece)) }
  }

  // MARK: log, clean

  @Test func `log prints what the last run of a step said`() throws {
    let project = try Workspace([
      "main.rf": Samples.oneStep("echo to output; echo to errors >&2; cp {{input}} {{out}}"), "in.txt": "a\n",
    ])
    #expect(try project.build().status == 0)
    let log = try project.reflow("log", "Only")
    #expect(log.status == 0, "\(log.errors)")
    #expect(log.output.contains("to output\nto errors\n"))
    let unknown = try project.reflow("log", "Nothing")
    #expect(unknown.status == 2)
    #expect(unknown.errors.contains("Nothing"))
  }

  @Test func `clean removes what is ours and unedited, and names the rest`() throws {
    let project = try Samples.twoStepProject()
    try project.write("out/mine.txt", "mine\n")
    try project.write("note", "edited\n")
    _ = try project.run("mv", ["-f", "note", "out/first"])
    let clean = try project.reflow("clean")
    #expect(clean.status == 0, "\(clean.errors)")
    #expect(try project.texts() == ["mine.txt": "mine\n", "first": "edited\n"])
    #expect((clean.errors + clean.output).contains("first"))
    try project.remove("out")
    let again = try project.build()
    #expect(again.started == [:])
    #expect(again.written == ["first", "second"])
  }

  @Test func `clean --all removes the state as well, but for what was moved aside`() throws {
    let project = try Samples.twoStepProject()
    #expect(try project.reflow("clean", "--all").status == 0)
    #expect(!project.exists("out"))
    #expect(!project.exists(".reflow/reflow.db"))
    #expect(!project.exists(".reflow/objects"))
    #expect(try project.build().ran == ["First": 1, "Second": 1])
  }
}

/// What overrides what: the file, the environment, the options.
@Suite struct PrecedenceTests {
  private static let program =
    "val Main = map([(n, exec() (out file) {\" exit 1; echo {{n}} > {{out}} \"}) | n <- [\"a\", \"b\"]])\n"

  /// How many of two failing steps ran: one, or both where the build keeps going.
  private func failures(_ project: Workspace, _ environment: [String: String], _ options: String...) throws -> Int {
    let build = try project.build(options + ["-j", "1"], environment: environment)
    return build.errors.contains("2 failed") ? 2 : 1
  }

  @Test func `the environment overrides the file, and options override both`() throws {
    let project = try Workspace(["main.rf": Self.program, "reflow.toml": "keep-going = true\n"])
    #expect(try failures(project, [:]) == 2)
    #expect(try failures(project, ["REFLOW_KEEP_GOING": "false"]) == 1)
    #expect(try failures(project, ["REFLOW_KEEP_GOING": "false"], "--keep-going") == 2)
    let jobs = try project.reflow("build", environment: ["REFLOW_JOBS": "none"])
    #expect(jobs.status == 2)
    #expect(jobs.errors.contains("REFLOW_JOBS takes a whole number"))
    let misspelt = try project.reflow("build", environment: ["REFLOW_JOB": "3"])
    #expect(misspelt.status == 2)
    #expect(misspelt.errors.contains("did you mean REFLOW_JOBS?"))
  }
}
