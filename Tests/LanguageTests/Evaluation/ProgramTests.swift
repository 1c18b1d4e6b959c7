import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// Parameters, modules, goals and output trees.
struct ProgramTests {
  private let world = MemoryWorld(files: ["a.txt": "A", "b.txt": "B", "d/x": "X", "d/y": "Y"])

  // MARK: Parameters

  private let parameters = """
    param i int
    param (
      s = "default"
      f float = 1.5
      b bool
      p file
      q dir
    )
    param t = s + "!"
    val Main = (i, s, f, b, len(p), len(q), t)
    """

  @Test func `arguments are read by the type of their parameter`() {
    let given: [String: ByteString] = [
      "i": "-170141183460469231731687303715884105728", "s": "x y", "f": "2e3", "b": "true", "p": "a.txt", "q": "d",
    ]
    let evaluated = evaluate(check(parameters), goals: [.value("Main")], in: world, arguments: given)
    #expect(
      evaluated["Main"] == "(-170141183460469231731687303715884105728, \"x y\", 2000, true, 1, 2, \"x y!\")",
      "\(evaluated.faults)")
    let fewer = evaluate(
      check(parameters), goals: [.value("Main")], in: world, arguments: ["i": "1", "p": "a.txt", "q": "d"])
    #expect(fewer["Main"] == "(1, \"default\", 1.5, false, 1, 2, \"default!\")")
  }

  @Test func `wrong, missing and unknown arguments are all reported`() {
    let evaluated = evaluate(
      check(parameters), goals: [.value("Main")], in: world,
      arguments: ["i": "1x", "f": "nan", "b": "maybe", "p": "", "zz": "1"])
    #expect(
      evaluated.failures?.map(\.message) == [
        "-i must be an int, not '1x'", "-f must be a float, not 'nan'", "-b must be true or false, not 'maybe'",
        "the path is empty", "missing mandatory flag -q", "the program has no parameter zz",
      ])
    let typed = evaluate(
      check("param x [int] = [1]\nval Main = x\n"), goals: [.value("Main")], arguments: ["x": "[1]"])
    #expect(typed.failures?.map(\.id) == [EvaluationMessage.badArgument.id])
  }

  @Test func `a goal that is not there is an error`() {
    let evaluated = evaluate(check("val Main = 1\n"), goals: [.value("Main"), .outputs("Other")])
    #expect(evaluated.failures?.map(\.message) == ["the program has no exported value Other"])
  }

  @Test func `a test passes if it is true`() {
    let program = check("val TestA = 1 == 1\nval TestB = delay(1) == 2\nval TestC = 3\n")
    let evaluated = evaluate(program, goals: [.test("TestA"), .test("TestB")])
    #expect(
      evaluated.results.map { result -> Bool? in
        if case .test(let passed) = result.content { return passed }
        return nil
      } == [true, false])
    let wrong = evaluate(program, goals: [.test("TestC")])
    #expect(wrong.faults == ["3: TestC is a test, so it must be a bool, not int"])
  }

  // MARK: Modules

  @Test func `each make is an instance of its own, with its arguments and its own scope`() {
    let files = [
      (
        "main.rf",
        """
        val one = make("./lib.rf", n := 1)
        val two = make("./lib.rf", n := delay(2), m := 5)
        type M module{X int}
        func get(m M) = m.X
        val Main = (one.X, two.X, get(two), delay(one).Y("a"), [m.X | m <- [one, two]])
        """
      ),
      ("lib.rf", "param n int\nparam m = n * 10\nval X = n + m\nfunc Y(s string) = s + \"y\"\nval hidden = 1\n"),
    ]
    let evaluated = evaluate(check(files: files), goals: [.value("Main")])
    #expect(evaluated["Main"] == "(11, 7, 7, \"ay\", [11, 7])", "\(evaluated.faults)")
  }

  @Test func `an error in a module is where the module has it, once, and does not hide others`() {
    let files = [
      (
        "main.rf",
        "val a = make(\"./lib.rf\")\nval b = make(\"./lib.rf\")\nval c = panic(\"c\")\nval Main = a.X + b.Y\n"
      ), ("lib.rf", "val X = 1 / 0\nval Y = 2\n"),
    ]
    let evaluated = evaluate(check(files: files), goals: [.value("Main")])
    #expect(
      evaluated.failures?.map { "\($0.range?.file.name ?? ""):\($0.range?.start.line ?? 0): \($0.message)" } == [
        "lib.rf:1: division by zero", "main.rf:3: panic: c",
      ])
  }

  // MARK: Output trees

  @Test func `a bare file has the name of its value, and a dir is the tree itself`() {
    let file = outputs("val Main = file(\"a.txt\")\n", in: world)
    #expect(file.entries.map(\.path) == ["Main"])
    #expect(file.entries.map(\.kind) == [.file])
    #expect(file.entries.first?.location?.line == 1)
    let dir = outputs("val Main = dir(\"d\")\n", in: world)
    #expect(dir.entries.map(\.path) == [""])
    #expect(dir.entries.map(\.kind) == [.folder])
    let made = outputs(
      "val dirs = make(\"$/dirs\")\nval Main = dirs.Make([\"p/q\": file(\"a.txt\"), \"r\": file(\"b.txt\")])\n",
      in: world)
    #expect(made.entries.map(\.path) == ["p/q", "r"])
  }

  @Test func `structures, maps, tuples and lists are folders, and scalars are printed`() {
    let evaluated = outputs(
      """
      val a = file("a.txt")
      val e = exec() (x file, y dir) {" {{x}} {{y}} "}
      type T #F(file) | #N
      val f T = #F(a)
      val n T = #N
      val Main = {
        m: ["s/t": a, "u": a], l: [a, a], t: (a, 5), e, n: 3, f: 1.5, s: "text", v: [f, n], k: [7: a],
        g: func(x int) => x, late: delay({p: delay(a)}),
      }
      """, in: world)
    #expect(
      evaluated.entries.map(\.path) == [
        "e/0", "e/1", "k/7", "l/0", "l/1", "late/p", "m/s/t", "m/u", "t/0", "v/0",
      ], "\(evaluated.faults)")
    #expect(evaluated.entries.map(\.kind).filter { $0 == .folder }.count == 1)
    #expect(evaluated.printed == ["t/1: 5", "n: 3", "f: 1.5", "s: text", "v/1: #N"])
  }

  @Test(arguments: ["../x", "/x", "", "a//b", "./a", "a/..", "a\\x00b"]) func `a path that leaves the tree is an error`(
    _ path: String
  ) {
    let evaluated = outputs("val Main = [\"\(path)\": file(\"a.txt\")]\n", in: world)
    #expect(evaluated.failures?.map(\.id) == [EvaluationMessage.badOutput.id])
    #expect(evaluated.faults.first?.hasPrefix("1: in the output tree, ") == true)
  }

  @Test func `a file where a folder is needed, and a folder with a member from elsewhere, are errors with both places`()
  {
    let evaluated = outputs(
      """
      val a = file("a.txt")
      val b = file("b.txt")
      val Main = {m: ["x": a, "x/y": b], n: ["p": dir("d"), "p/q": dir("d/")], o: "fine"}
      """, in: world)
    #expect(
      evaluated.faults == [
        "3: in the output tree, m/x is a file and cannot hold m/x/y (main.rf:1:9 and main.rf:2:9)",
        "3: in the output tree, n/p is a folder of its own and cannot hold n/p/q (main.rf:3:45 and main.rf:3:45)",
      ])
    let twice = outputs("val Main = [\"1\": {a: 1}, \"0\": {a: 2}]\n", in: world)
    #expect(twice.printed == ["0/a: 2", "1/a: 1"])
    let keys = outputs("val Main = [1.5: file(\"a.txt\")]\n", in: world)
    #expect(keys.faults == ["1: only strings, ints and bools can be the keys of a map that becomes a folder"])
  }

  // MARK: Answers

  @Test func `the result does not depend on the order or number of answers`() {
    let program = check(
      """
      val files = make("$/files")
      func one(f file, n int) = exec(cpu := n) (o file) {" {{n}} {{f}} {{o}} "}
      val l = [one(f, len(f)) | (_, f) <- dir("d")]
      val Main = {l, n: [len(x) + len(files.Text(x)) | x <- l], p: [1 / (len(x) - 2) | x <- [file("a.txt")]]}
      """)
    let forwards = evaluate(program, goals: [.outputs("Main")], in: world)
    let backwards = evaluate(program, goals: [.outputs("Main")], in: world, backwards: true)
    #expect(forwards.faults == [])
    #expect(forwards.entries.map(\.path) == ["l/0", "l/1"])
    #expect(forwards.printed == backwards.printed)
    #expect(forwards.entries.map(\.path) == backwards.entries.map(\.path))
    #expect(Set(forwards.dependencies) == Set(backwards.dependencies))
    #expect(forwards.dependencies.count == Set(forwards.dependencies).count)
  }

  @Test func `after an error, steps are asked for only if the build keeps going`() {
    let program = check(
      """
      val e = exec() (o file) {" {{o}} "}
      val Main = {a: 1 / len(e), b: panic("now")}
      """)
    let stops = evaluate(program, goals: [.value("Main")], in: MemoryWorld(output: { _, _, _, _ in .file("") }))
    #expect(stops.faults == ["2: panic: now"])
    #expect(stops.dependencies.isEmpty)
    let late = check(
      """
      val e = exec() (o file) {" {{o}} "}
      val a = 1 / len(e)
      val b = [1][len(file("a.txt"))]
      val Main = {a, b}
      """)
    var world = MemoryWorld(output: { _, _, _, _ in .file("") })
    world.files = ["a.txt": "A"]
    let goesOn = evaluate(late, goals: [.value("Main")], in: world, keepsGoing: true)
    #expect(goesOn.faults == ["2: division by zero", "3: index 1 out of bounds for list of size 1"])
  }
}
