import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// Every function of the system modules: what it gives, and how it fails.
struct SystemFunctionTests {
  typealias Example = ValueTests.Example

  private static let modules = SystemModule.names.map { "val \($0) = make(\"$/\($0)\")\n" }.joined()

  private let world = MemoryWorld(files: [
    "a.txt": "A\n", "lines": "one\r\ntwo\nthree", "empty": "", "d/a-1.txt": "1", "d/a-2.txt": "2", "d/b-1.csv": "3",
    "d/s/a-1.txt": "4",
  ])

  static let examples: [Example] = [
    .init("test.Assert([true, delay(true)])", "()"), .init("test.Assert([])", "()"),
    .init("test.All([true])", "true"), .init("test.AssertMap([\"a\": true])", "true"),

    .init("strings.Split(\"a,b,,c\", \",\")", "[\"a\", \"b\", \"\", \"c\"]"),
    .init("strings.Split(\"aé\", \"\")", "[\"a\", \"é\"]"), .init("strings.Split(\"\", \",\")", "[\"\"]"),
    .init("strings.Chunk(\"abcdéfg\", 5)", "[\"abcd\", \"éfg\"]"),
    .init("strings.Join([\"a\", \"b\"], \"-\")", "\"a-b\""), .init("strings.Join([], \"-\")", "\"\""),
    .init("strings.HasPrefix(\"abc\", \"ab\")", "true"), .init("strings.HasPrefix(\"a\", \"ab\")", "false"),
    .init("strings.HasSuffix(\"abc\", \"bc\")", "true"), .init("strings.HasSuffix(\"c\", \"bc\")", "false"),
    .init("strings.Sort([\"b\", \"B\", \"a\"])", "[\"B\", \"a\", \"b\"]"),
    .init("strings.FromInt(-5)", "\"-5\""), .init("strings.FromInt(1 << 70)", "\"1180591620717411303424\""),
    .init("strings.FromFloat(1.23456789012345678, 20)", "\"1.23456789012345678\""),
    .init("strings.FromFloat(0.0, 1)", "\"0\""), .init("strings.FromFloat(123456.0, 3)", "\"1.23e+05\""),
    .init("strings.FromBool(true)", "\"true\""), .init("strings.ToInt(\"-12\")", "-12"),
    .init("strings.ToInt(\"1180591620717411303424\")", "1180591620717411303424"),
    .init("strings.ToFloat(\"1e3\")", "1000"), .init("strings.ToFloat(\"-.5\")", "-0.5"),
    .init("strings.ToFloat(\"+1.\")", "1"), .init("strings.Trim(\" \\ta b\\n\")", "\"a b\""),
    .init("strings.Replace(\"aXbX\", \"X\", \"--\")", "\"a--b--\""),
    .init("strings.Fields(\" a  b\\tc \")", "[\"a\", \"b\", \"c\"]"),
    .init("strings.Lines(\"a\\nb\\n\")", "[\"a\", \"b\"]"), .init("strings.Lower(\"AbÉ\")", "\"abé\""),
    .init("strings.Upper(\"abé\")", "\"ABÉ\""), .init("strings.Contains(\"abc\", \"bc\")", "true"),
    .init("strings.Index(\"abcb\", \"b\")", "1"), .init("strings.Index(\"a\", \"b\")", "-1"),
    .init("strings.Slice(\"abcd\", 1, 3)", "\"bc\""), .init("strings.Slice(\"abcd\", 4, 4)", "\"\""),

    .init("regexp.Groups(\"a-b\", \"(.)-(.)(x)?\")", "[\"a\", \"b\", \"\"]"),
    .init("regexp.Groups(\"a\", \"a\")", "[]"),
    .init("regexp.Match(\"abc\", \"b\")", "true"), .init("regexp.Match(\"abc\", \"^b\")", "false"),
    .init("regexp.Replace(\"abcabc\", \"(b)\", \"<$1>\")", "\"a<b>ca<b>c\""),

    .init("path.Base(\"a/b/c.txt\")", "\"c.txt\""), .init("path.Base(\"\")", "\".\""),
    .init("path.Ext(\"x.tar.gz\")", "\".gz\""), .init("path.Ext(\"a.b/c\")", "\"\""),
    .init("path.Dir(\"a/b/c\")", "\"a/b\""), .init("path.Dir(\"/c\")", "\"/\""), .init("path.Dir(\"c\")", "\"\""),
    .init("path.Join([\"a\", \"\", \"b/\", \"/c\"])", "\"a/b///c\""),

    .init("[p | (p, _) <- dirs.Glob(dir(\"d\"), \"a-*.txt\")]", "[\"a-1.txt\", \"a-2.txt\"]"),
    .init("[p | (p, _) <- dirs.Glob(dir(\"d\"), \"**/a-1.txt\")]", "[\"a-1.txt\", \"s/a-1.txt\"]"),
    .init("{ val (f, p) = dirs.Pick(dir(\"d\"), \"*-1.*\"); (p, f == file(\"d/a-1.txt\")) }", "(\"a-1.txt\", true)"),
    .init(
      "[(k, [p | (p, _) <- d]) | (k, d) <- dirs.Groups(dir(\"d\"), \"^([a-z])-\")]",
      "[(\"a\", [\"a-1.txt\", \"a-2.txt\"]), (\"b\", [\"b-1.csv\"])]"),
    .init("len(dirs.Groups(dir(\"d\"), \"(a)-(1)\"))", "0"), .init("len(dirs.Files(dir(\"d\")))", "4"),
    .init("len(dirs.Fileset(filesets.Dir(dir(\"d\"))))", "4"),
    .init("len(files.Fileset(filesets.File(file(\"a.txt\"))))", "2"),
    .init("files.Text(files.Create(\"x\"))", "\"x\""), .init("len(files.Create(\"xyz\"))", "3"),
    .init("files.Lines(file(\"lines\"))", "[\"one\", \"two\", \"three\"]"), .init("files.Lines(file(\"empty\"))", "[]"),
    .init("files.Text(file(\"empty\"))", "\"\""),

    .init("lists.Sort([3, 1, 2])", "[1, 2, 3]"), .init("lists.Sort([\"b\", \"a\"])", "[\"a\", \"b\"]"),
    .init("lists.Sort([(2, \"a\"), (1, \"b\"), (1, \"a\")])", "[(1, \"a\"), (1, \"b\"), (2, \"a\")]"),
    .init("lists.SortBy([\"ccc\", \"a\", \"bb\", \"d\"], func(s string) => len(s))", "[\"a\", \"d\", \"bb\", \"ccc\"]"),
    .init("lists.SortBy([2, 1], func(x int) => delay(x))", "[1, 2]"),
    .init("lists.Contains([1, 2], 2)", "true"), .init("lists.Contains([{a: 1}], {a: 2})", "false"),
    .init("lists.Contains([file(\"a.txt\")], files.Create(\"A\\n\"))", "true"),
    .init("lists.Unique([2, 1, 2, 3, 1])", "[2, 1, 3]"),
    .init("lists.Unique([(1, \"a\"), (1, \"a\"), (2, \"a\")])", "[(1, \"a\"), (2, \"a\")]"),
    .init("lists.Unique([1.5, 1.5])", "[1.5]"), .init("lists.Reverse([1, 2, 3])", "[3, 2, 1]"),
    .init("lists.Enumerate([\"a\", \"b\"])", "[(0, \"a\"), (1, \"b\")]"),
    .init("lists.Sum([1, 2, 1 << 70])", "1180591620717411303427"),
    .init("lists.Sum([1.5, 2.0])", "3.5"), .init("lists.Sum([])", "0"), .init("lists.Min([2, 1, 3])", "1"),
    .init("lists.Max([\"a\", \"c\", \"b\"])", "\"c\""), .init("lists.Take([1, 2, 3], 2)", "[1, 2]"),
    .init("lists.Take([1], 5)", "[1]"), .init("lists.Drop([1, 2, 3], 2)", "[3]"),
    .init("lists.Drop([1], 1 << 70)", "[]"),
  ]

  @Test(arguments: examples) func `a system function has the value that the reference says`(_ example: Example) {
    let evaluated = evaluate(Self.modules + "val A = \(example.program)\n", "A", in: world)
    #expect(evaluated["A"] == example.value, "\(evaluated.faults)")
  }

  @Test(arguments: examples) func `a system function waits for arguments that are delayed`(_ example: Example) {
    // Arguments that are folders or files are wrapped by their literals, too.
    let program = check(Self.modules + "val A = \(DelayedText.wrapping(example.program))\n")
    guard !program.hasErrors else { return }
    let evaluated = evaluate(program, goals: [.value("A")], in: world)
    #expect(evaluated["A"] == example.value, "\(evaluated.faults)")
  }

  @Test func `every system function has an example or a test of its own`() {
    let elsewhere: Set<SystemFunction> = [
      .testExecRepeatAndCheck, .dirsMake, .dirsFromList, .dirsSum, .dirsCopy, .filesCopy,
    ]
    let text = Self.examples.map(\.program).joined(separator: "\n")
    for function in SystemFunction.allCases where !elsewhere.contains(function) {
      #expect(text.contains(function.rawValue + "("), "\(function.rawValue)")
    }
  }

  @Test(arguments: [
    Example("test.Assert([true, false, delay(false)])", "failed assertion A[1, 2]"),
    Example("test.All([true, false, false])", "failed assertion A[1]"),
    Example("test.AssertMap([\"b\": false, \"c\": true, \"a\": false])", "failed assertion A[a, b]"),
    Example("test.ExecRepeatAndCheck([1], 2)", "precondition was not met: no execs to repeat"),
    Example("strings.Chunk(\"abc\", 3)", "strings.Chunk: maxlen 3 must be >= 4"),
    Example("strings.ToInt(\"x1\")", "strings.ToInt: \"x1\" is not an int"),
    Example("strings.ToInt(\"\")", "strings.ToInt: \"\" is not an int"),
    Example("strings.ToFloat(\"x\")", "strings.ToFloat: number has no digits"),
    Example("strings.ToFloat(\"1-\")", "strings.ToFloat: expected end of string, found '-'"),
    Example("strings.ToFloat(\"1e\")", "strings.ToFloat: exponent has no digits"),
    Example("strings.FromFloat(1.0, -1)", "strings.FromFloat: the precision -1 is not within 0 to 1000"),
    Example("strings.Slice(\"abc\", 2, 1)", "strings.Slice: [2:1] out of bounds for a string of 3 bytes"),
    Example("strings.Slice(\"abc\", 0, 4)", "strings.Slice: [0:4] out of bounds for a string of 3 bytes"),
    Example("regexp.Groups(\"zz\", \"(a)\")", "regexp (a) does not match string zz"),
    Example("dirs.Pick(dir(\"d\"), \"*.bam\")", "dirs.Pick: no files matched *.bam"),
    Example("files.Fileset(filesets.Dir(dir(\"d\")))", "files.Fileset: the fileset is a dir and not a file"),
    Example("dirs.Fileset(filesets.File(file(\"a.txt\")))", "dirs.Fileset: the fileset is a file and not a dir"),
    Example("lists.Min([])", "lists.Min: the list is empty"),
    Example("lists.Max(range(0, 0))", "lists.Max: the list is empty"),
    Example("lists.Take([1], -1)", "lists.Take: the count is negative"),
    Example("lists.Drop([1], -1)", "lists.Drop: the count is negative"),
    Example("files.Copy(file(\"a.txt\"), \"x\")", "files.Copy: scheme not provided in destination url x"),
    Example("dirs.Copy(dir(\"d\"), \"x\")", "dirs.Copy: scheme not provided in destination url x"),
  ]) func `a wrong argument is an error at the call`(_ example: Example) {
    let evaluated = evaluate(Self.modules + "val A =\n  \(example.program)\n", "A", in: world)
    #expect(evaluated.faults == ["\(SystemModule.names.count + 2): \(example.value)"])
  }

  @Test func `a malformed regular expression or glob is an error at the call`() {
    for call in ["regexp.Match(\"a\", \"(\")", "len(dirs.Glob(dir(\"d\"), \"[\"))"] {
      let evaluated = evaluate(Self.modules + "val A = \(call)\n", "A", in: world)
      #expect(evaluated.failures?.map(\.id) == [EvaluationMessage.badPattern.id], "\(call)")
    }
  }

  @Test func `a created file has a limit`() {
    let program = check(Self.modules + "val A = files.Create(\"12345\")\n")
    let evaluated = evaluate(program, goals: [.value("A")], limits: EvaluationLimits(createdBytes: 4))
    #expect(evaluated.failures?.map(\.id) == [EvaluationMessage.tooLarge.id])
  }

  @Test func `system functions are values`() {
    let evaluated = evaluate(
      """
      val strings = make("$/strings")
      val f = strings.FromInt
      val m = {s: strings}
      func twice(g func(string, string) bool, s string) = g(s, "a")
      val A = [f(x) | x <- [1, 2]]
      val B = m.s.Join(["x"], delay(","))
      val C = twice(strings.HasPrefix, "ab")
      val D = delay(strings).HasSuffix("b", "b")
      """)
    #expect(evaluated["A"] == "[\"1\", \"2\"]")
    #expect(evaluated["B"] == "\"x\"")
    #expect(evaluated["C"] == "true")
    #expect(evaluated["D"] == "true")
  }
}
