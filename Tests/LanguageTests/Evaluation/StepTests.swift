import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// Sources, folders, execs: what a program turns into, and what it must know for that.
struct StepTests {
  private let world = MemoryWorld(files: [
    "a.txt": "A", "b.txt": "B", "data/x.txt": "X", "data/y.csv": "Y", "data/sub/z.txt": "Z", "same.txt": "A",
  ])

  // MARK: Sources

  @Test func `each named source is looked for, used or not, once`() {
    let evaluated = evaluate(
      """
      val a = file("a.txt")
      val again = file("./a.txt")
      val d = dir("data/")
      val Main = 1
      """, "Main", in: world)
    #expect(evaluated["Main"] == "1")
    #expect(evaluated.dependencies == [.presence(SourceID(index: 0)), .presence(SourceID(index: 1))])
    #expect(evaluated.graph.sources.map(\.place) == [.path(Path("a.txt")), .path(Path("data"))])
  }

  @Test func `every missing source is an error where it is named`() {
    let evaluated = evaluate("val a = file(\"no\")\nval b = dir(\"none\")\nval Main = 1\n", "Main", in: world)
    #expect(
      evaluated.faults == [
        "1: open no: no such file or directory", "2: open none: no such file or directory",
      ])
  }

  @Test func `a path that is empty or holds NUL is an error`() {
    let evaluated = evaluate("val a = file(\"\")\nval b = dir(\"x\\x00y\")\nval Main = 1\n", "Main", in: world)
    #expect(evaluated.faults == ["1: the path is empty", "2: the path holds a NUL byte"])
  }

  @Test func `URLs go through the mapping, and one without is a source of its own`() {
    var world = world
    world.mappings = ["s3://bucket/": "data/"]
    let evaluated = evaluate(
      "val A = file(\"s3://bucket/x.txt\") == file(\"data/x.txt\")\nval b = file(\"gs://q/x\")\n", "A", in: world)
    #expect(evaluated["A"] == "true")
    #expect(evaluated.graph.sources.last?.place == .unmapped(url: "gs://q/x"))
  }

  @Test func `files are equal by content, and one file is itself without a look`() {
    let evaluated = evaluate(
      """
      val a = file("a.txt")
      val A = a == file("same.txt")
      val B = a == file("b.txt")
      val C = a == a
      """, in: world)
    #expect(evaluated["A"] == "true")
    #expect(evaluated["B"] == "false")
    #expect(evaluated["C"] == "true")
    let itself = evaluate("val a = file(\"a.txt\")\nval C = a == a\n", in: world)
    #expect(itself.dependencies == [.presence(SourceID(index: 0))])
  }

  @Test func `the size of a file, its text and its lines are known when it is read`() {
    var world = world
    world.files["lines"] = "one\ntwo\n"
    let evaluated = evaluate(
      """
      val files = make("$/files")
      val A = len(file("lines"))
      val B = files.Text(file("lines"))
      val C = files.Lines(file("lines"))
      val D = files.Text(files.Create("hello")) + "!"
      """, in: world)
    #expect(evaluated["A"] == "8")
    #expect(evaluated["B"] == "\"one\\ntwo\\n\"")
    #expect(evaluated["C"] == "[\"one\", \"two\"]")
    #expect(evaluated["D"] == "\"hello!\"")
  }

  // MARK: Folders

  @Test func `a folder is enumerated by path, and its files are sources of their own`() {
    let evaluated = evaluate(
      """
      val d = dir("data")
      val A = [p | (p, _) <- d]
      val B = len(d)
      val C = map(d)["x.txt"] == file("data/x.txt")
      val D = exec() (out file) {" cat {{map(d)["sub/z.txt"]}} > {{out}} "}
      """, in: world)
    #expect(evaluated["A"] == "[\"sub/z.txt\", \"x.txt\", \"y.csv\"]")
    #expect(evaluated["B"] == "3")
    #expect(evaluated["C"] == "true")
    guard case .exec(let exec)? = evaluated.graph.steps.first?.work,
      case .source(let id)? = exec.inputs.first?.reference
    else {
      Issue.record("the exec reads a source")
      return
    }
    #expect(evaluated.graph.sources[Int(id.index)].place == .path(Path("data/sub/z.txt")))
    #expect(evaluated.graph.sources[Int(id.index)].kind == .file)
  }

  @Test func `a file of a folder that a step makes is a member of it`() {
    let evaluated = evaluate(
      """
      val d = exec() (out dir) {" split {{out}} "}
      val A = [p | (p, _) <- d]
      val Main = [exec() (out file) {" cat {{f}} > {{out}} "} | (_, f) <- d]
      """, in: world)
    #expect(evaluated["A"] == "[\"a.txt\", \"b.txt\"]")
    let inputs = evaluated.graph.steps.compactMap { step -> ArtifactReference? in
      guard case .exec(let exec) = step.work else { return nil }
      return exec.inputs.first?.reference
    }
    #expect(
      inputs == [
        .member(StepID(index: 0), 0, "a.txt"), .member(StepID(index: 0), 0, "b.txt"),
      ])
  }

  @Test func `dirs are merged, the right one wins, and compared by path and content`() {
    let evaluated = evaluate(
      """
      val dirs = make("$/dirs")
      val a = file("a.txt")
      val b = file("b.txt")
      val m = dirs.Make(["p": a, "q": a]) + dirs.FromList([("q", b), ("r", a), ("r", b)])
      val A = [(p, f == a) | (p, f) <- m]
      val B = dirs.Sum([dir("data"), m])
      val C = len(B)
      val D = dirs.Make(["p": a]) == dirs.Make(["p": file("same.txt")])
      val E = dirs.Make(["p": a]) == dirs.Make(["p": b])
      val F = dirs.Files(m)[0] == a
      val G = dir("data") == dirs.Sum([dir("data")])
      val H = dirs.Sum([]) == dirs.FromList([])
      """, "A", "C", "D", "E", "F", "G", "H", in: world)
    #expect(evaluated["A"] == "[(\"p\", true), (\"q\", false), (\"r\", false)]")
    #expect(evaluated["C"] == "6")
    #expect(evaluated["D"] == "true")
    #expect(evaluated["E"] == "false")
    #expect(evaluated["F"] == "true")
    #expect(evaluated["G"] == "true")
    #expect(evaluated["H"] == "true")
  }

  @Test func `names that are not UTF-8 cannot become strings`() {
    let program = check("val A = len(dir(\"data\"))\n")
    var evaluation = Evaluation(module: program.entry!, goals: [.value("A")]) { .unmapped(url: $0) }
    guard case .needs(let needs) = evaluation.resume([]) else {
      Issue.record("it asks for the folder")
      return
    }
    let outcome = evaluation.resume(
      needs.map { need in
        if case .listing = need { return (need, .listing([ByteString(bytes: [0x61, 0xFF])])) }
        return (need, .present)
      })
    guard case .failed(let failures) = outcome else {
      Issue.record("it fails")
      return
    }
    #expect(failures.map(\.id) == [EvaluationMessage.nameNotUtf8.id])
    #expect(failures.first?.message.contains("a\\xff") == true)
  }

  // MARK: Execs

  @Test func `the whole static graph is known before anything is answered`() {
    let program = check(
      """
      func copy(f file) = exec(cpu := 1) (out file) {" cp {{f}} {{out}} "}
      val Main = fold(func(f file, i int) => copy(f), range(0, 5), file("a.txt"))
      """)
    var evaluation = Evaluation(module: program.entry!, goals: [.outputs("Main")]) { .unmapped(url: $0) }
    _ = evaluation.resume([])
    #expect(evaluation.graph.steps.count == 5)
    #expect(Set(evaluation.graph.steps.map(\.name)) == ["copy"])
  }

  @Test func `a template's texts are merged, inputs have slots of their own, and outputs share theirs`() throws {
    let evaluated = outputs(
      #"""
      val a = file("a.txt")
      val s = "mid"
      val Main = exec(image := "u", cpu := 1.5, mem := 2*GiB, disk := 10, nondeterministic := true, timeout := 3,
        retries := 2, env := ["B": "2", "A": "1"], network := true, depfile := "deps.d") (x file, y dir, z file) {"run {{s}}{{1}}-{{2.5}} {{a}} {{[a, a]}} {{x}} {{x}} {{y}} "}
      """#, in: world)
    #expect(evaluated.faults == [])
    guard case .exec(let exec)? = evaluated.graph.steps.first?.work else { return }
    #expect(
      exec.template == [
        .text("run mid1-2.5 "), .input(0), .text(" "), .input(1), .text(" "), .input(2), .text(" "), .output(0),
        .text(" "), .output(0), .text(" "), .output(1), .text(" "),
      ])
    #expect(exec.inputs.count == 3)
    #expect(exec.outputs.map(\.isMentioned) == [true, true, false])
    #expect(exec.outputs.map(\.kind) == [.file, .folder, .file])
    #expect(exec.outputs.map(\.label) == ["x", "y", "z"])
    #expect(exec.image == "u")
    #expect(exec.resources == Resources(cpu: 1.5, memory: 2 << 30, disk: 10))
    #expect(exec.nondeterministic && exec.network)
    #expect(exec.timeoutSeconds == 3)
    #expect(exec.retries == 2)
    #expect(exec.depfile == "deps.d")
    #expect(exec.environment == [.init(name: "A", value: "1"), .init(name: "B", value: "2")])
    #expect(evaluated.graph.steps.first?.name == "Main")
    #expect(evaluated.graph.steps.first?.location?.line == 3)
  }

  @Test func `a string that must be computed is in the template when it is known`() {
    let evaluated = outputs(
      """
      val n = len(file("a.txt"))
      val Main = exec() (out file) {" head -c {{n}} {{"q" + delay("r")}} > {{out}} "}
      """, in: world)
    guard case .exec(let exec)? = evaluated.graph.steps.first?.work else {
      Issue.record("there is a step")
      return
    }
    #expect(exec.template.first == .text(" head -c 1 qr > "))
  }

  @Test func `a folder that the program put together becomes an assembly`() {
    let evaluated = outputs(
      """
      val dirs = make("$/dirs")
      val Main = exec() (out file) {" ls {{dirs.Make(["b/c": file("b.txt"), "a": file("a.txt")])}} > {{out}} "}
      """, in: world)
    #expect(evaluated.graph.assemblies.map { $0.map(\.name) } == [["a", "b/c"]])
    let bad = outputs(
      """
      val dirs = make("$/dirs")
      val Main = exec() (out file) {" ls {{dirs.Make(["b/c": file("b.txt"), "b": file("a.txt")])}} > {{out}} "}
      val other = exec() (out file) {" ls {{dirs.Make(["../c": file("b.txt")])}} > {{out}} "}
      """, in: world)
    #expect(
      bad.faults == [
        "2: the folder has both a file b and a file b/c in it", "3: the path ../c leaves the folder by '..'",
      ])
  }

  @Test func `unused execs are in the graph and nobody asks for them`() {
    let evaluated = evaluate("val u = exec() (out file) {\" x {{out}} \"}\nval Main = len([u])\n", "Main")
    #expect(evaluated["Main"] == "1")
    #expect(evaluated.dependencies == [])
  }

  @Test func `equal execs are one step, and @requires raises what is asked for`() {
    let evaluated = outputs(
      """
      func one(i int) = exec(cpu := 1, mem := 5) (out file) {" one {{i}} > {{out}} "}
      val a = one(1)
      @requires(cpu := 4, mem := 2, disk := 7)
      val b = {x: one(1), y: [delay(one(2))]}
      @requires(mem := 9) @requires(cpu := 2)
      val c = a
      val Main = {a, b, c, d: one(3)}
      """)
    #expect(evaluated.faults == [])
    let resources = evaluated.graph.steps.map { step -> Resources? in
      if case .exec(let exec) = step.work { return exec.resources }
      return nil
    }
    #expect(
      resources == [
        Resources(cpu: 4, memory: 9, disk: 7), Resources(cpu: 4, memory: 5, disk: 7), Resources(cpu: 1, memory: 5),
      ])
  }

  @Test func `steps are named after what they are bound to, with their module`() {
    let files = [
      (
        "main.rf",
        """
        lib := make("./lib.rf", n := 1)
        func align(i int) = { sorted := exec() (out file) {" s {{i}} {{out}} "}; exec() (out file) {" a {{sorted}} {{out}} "} }
        val All = [align(i) | i <- [1]]
        val (Left, Right) = exec() (a file, b file) {" both {{a}} {{b}} "}
        val Main = {l: lib.Sorted, a: All, Left, Right, d: exec() (o file) {" direct {{o}} "}}
        """
      ), ("lib.rf", "param n int\nval Sorted = exec() (out file) {\" sort {{n}} {{out}} \"}\n"),
    ]
    let evaluated = evaluate(check(files: files), goals: [.outputs("Main")])
    #expect(evaluated.faults == [])
    #expect(evaluated.graph.steps.map(\.name) == ["lib.Sorted", "sorted", "align", "Left", "Main"])
  }

  @Test func `a step that failed fails who needs it, without a second message`() {
    var world = world
    world.failing = ["bad"]
    let evaluated = evaluate(
      "val bad = exec() (out file) {\" x {{out}} \"}\nval Main = len(bad)\nval Other = 1\n", "Main", "Other", in: world)
    #expect(evaluated.failures == [])
  }

  // MARK: Sequencing

  @Test func `a sequence waits for the files of its left side`() {
    let program = check(
      """
      val a = exec() (out file) {" first {{out}} "}
      val Main = {x: [a]} ~> exec() (out file) {" second {{out}} "}
      """)
    var evaluation = Evaluation(module: program.entry!, goals: [.outputs("Main")]) { .unmapped(url: $0) }
    guard case .needs(let needs) = evaluation.resume([]) else {
      Issue.record("it waits for the first step")
      return
    }
    #expect(needs == [.artifact(.output(StepID(index: 0), 0))])
    #expect(evaluation.graph.steps.count == 1)
    guard case .done = evaluation.resume(needs.map { ($0, MemoryWorld().answer($0, evaluation.graph)) }) else {
      Issue.record("it is done")
      return
    }
    #expect(evaluation.graph.steps.count == 2)
  }

  // MARK: Copies and repetition

  @Test func `a copy is a step to a mapped place, run when its unit is demanded`() {
    var world = world
    world.mappings = ["s3://out/": "mirror/"]
    let program = """
      val files = make("$/files")
      val dirs = make("$/dirs")
      val A = files.Copy(file("a.txt"), "s3://out/a")
      val b = dirs.Copy(dir("data"), "s3://out/d")
      """
    let evaluated = evaluate(program, "A", in: world)
    #expect(evaluated["A"] == "()")
    #expect(evaluated.graph.steps.map(\.work).count == 2)
    #expect(
      evaluated.graph.steps.first?.work
        == .copy(.source(SourceID(index: 0)), kind: .file, to: .path(Path("mirror/a"))))
    #expect(evaluated.dependencies.contains(.artifact(.output(StepID(index: 0), 0))))
    #expect(!evaluated.dependencies.contains(.artifact(.output(StepID(index: 1), 0))))
    let bad = evaluate(
      "val files = make(\"$/files\")\nval A = files.Copy(file(\"a.txt\"), \"out/a\")\nval B = files.Copy(file(\"a.txt\"), \"gs://x\")\n",
      in: world)
    #expect(
      bad.faults == [
        "2: files.Copy: scheme not provided in destination url out/a",
        "3: files.Copy: nothing says which folder gs://x stands for; add a mapping for it",
      ])
  }

  @Test func `repeating an exec makes copies that no cache answers, and compares them`() {
    var world = world
    let program = """
      val test = make("$/test")
      val a = exec() (out file) {" a {{out}} "}
      val b = exec(nondeterministic := true) (out file) {" date {{a}} {{out}} "}
      val c = exec() (out file) {" c {{b}} {{out}} "}
      val Same = test.ExecRepeatAndCheck(c, 3)
      val Once = test.ExecRepeatAndCheck(c, 1)
      val Skipped = test.ExecRepeatAndCheck(exec(nondeterministic := true) (o file) {" n {{o}} "}, 2)
      """
    let evaluated = evaluate(program, "Same", "Once", "Skipped", in: world)
    #expect(evaluated["Same"] == "true")
    #expect(evaluated["Once"] == "true")
    #expect(evaluated["Skipped"] == "true")
    let repetitions = evaluated.graph.steps.compactMap { step -> Int? in
      if case .exec(let exec) = step.work, exec.repetition > 0 { return exec.repetition }
      return nil
    }
    #expect(repetitions == [1, 2, 3, 1, 2, 3])
    world.output = { step, _, _, _ in
      if case .exec(let exec) = step.work { return .file("\(exec.repetition)") }
      return .file("")
    }
    #expect(evaluate(program, "Same", in: world)["Same"] == "false")
    let nothing = evaluate("val test = make(\"$/test\")\nval A = test.ExecRepeatAndCheck(1, 2)\n")
    #expect(nothing.faults == ["2: precondition was not met: no execs to repeat"])
  }

  // MARK: The law

  @Test func `which variable of a pattern is used is not forgotten where the condition is delayed`() {
    let evaluated = evaluate(
      """
      func f(c bool, t [(int, int)]) = (if c { val (a, b) = t[0]; a } else { 0 }, if c { val (a, b) = t[0]; b } else { 0 })
      val A = f(delay(true), [(1, 2)])
      val B = f(true, [delay((1, 2))])
      val C = [switch x { case (a, 1): a; case (_, b): b } | x <- [delay((1, 1)), (5, delay(2))]]
      """)
    #expect(evaluated["A"] == "(1, 2)")
    #expect(evaluated["B"] == "(1, 2)")
    #expect(evaluated["C"] == "[1, 2]")
  }

  @Test func `a filter, a source of a clause, and a whole comprehension may be delayed`() {
    let evaluated = evaluate(
      """
      val A = [(x, y) | x <- [1, 2, 3], if delay(x) != 2, y <- delay(["a", "b"]), if y == delay("b") || x == 3]
      val B = [x | x <- delay([1, delay(2)])]
      val C = len([x | x <- range(0, 10), if delay(x) > 4])
      val D = [z | x <- [1], z <- [x, x + 1], if delay(true)] + [7]
      """)
    #expect(evaluated["A"] == "[(1, \"b\"), (3, \"a\"), (3, \"b\")]")
    #expect(evaluated["B"] == "[1, 2]")
    #expect(evaluated["C"] == "5")
    #expect(evaluated["D"] == "[1, 2, 7]")
  }
}
