import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// Operators, builtins, patterns and functions, by what they print.
struct ValueTests {
  struct Example: CustomTestStringConvertible, Sendable {
    var program: String
    var value: String
    init(_ program: String, _ value: String) {
      self.program = program
      self.value = value
    }
    var testDescription: String { program }
  }

  static let expressions: [Example] = [
    // Ints.
    .init("9223372036854775807 + 1", "9223372036854775808"),
    .init("-9223372036854775808 - 1", "-9223372036854775809"),
    .init("9223372036854775808 - 1 - 9223372036854775807", "0"),
    .init("3037000500 * 3037000500", "9223372037000250000"),
    .init("(-9223372036854775807 - 1) / -1", "9223372036854775808"),
    .init("-(-9223372036854775807 - 1)", "9223372036854775808"),
    .init("-7 / 2", "-4"), .init("-7 % 2", "1"), .init("7 / -2", "-3"), .init("-7 / -2", "4"), .init("-7 % -2", "1"),
    .init("(1 << 70) % 1000", "424"), .init("-(1 << 70) / 1000", "-1180591620717411304"),
    .init("1 << 62", "4611686018427387904"), .init("1 << 63", "9223372036854775808"), .init("-1 << 63 >> 63", "-1"),
    .init("-1 >> 1000000000000", "-1"), .init("(1 << 100) >> 99", "2"),
    .init("(1 << 70) > 5 && 5 < (1 << 70) && (1 << 70) == (1 << 70)", "true"),
    // Floats.
    .init("1.0 / 0.0", "+Inf"), .init("-1.0 / 0.0", "-Inf"), .init("0.1 + 0.2 == 0.3", "true"),
    .init("float(3) / float(2)", "1.5"), .init("int(-2.9)", "-2"), .init("int(1e30)", "9223372036854775807"),
    .init("float(1 << 70)", "1.180591621e+21"), .init("1.5 < 2.5", "true"), .init("-1.5", "-1.5"),
    // Strings.
    .init("\"a\" + \"b\" < \"ac\"", "true"), .init("len(\"é\")", "2"), .init("\"\\xff\" > \"z\"", "true"),
    // Short circuits.
    .init("false && (panic(\"x\") ~> true)", "false"), .init("true || (panic(\"x\") ~> true)", "true"),
    // Lists.
    .init("[1, 2] + [3]", "[1, 2, 3]"), .init("[0, ...[1] ...[2, 3]]", "[0, 1, 2, 3]"), .init("[1, 2, 3][2]", "3"),
    .init("[1, 2, 3, 4][1:3]", "[2, 3]"), .init("[1, 2, 3][:1]", "[1]"), .init("[1, 2, 3][1:]", "[2, 3]"),
    .init("[1, 2, 3][:]", "[1, 2, 3]"), .init("[1][1:1]", "[]"),
    // Maps.
    .init("[\"b\": 2, \"a\": 1]", "[\"a\": 1, \"b\": 2]"), .init("[\"a\": 1] + [\"a\": 2]", "[\"a\": 2]"),
    .init("[\"a\": 1, ...[\"a\": 2, \"b\": 3] ...[\"b\": 4, \"c\": 5]]", "[\"a\": 1, \"b\": 3, \"c\": 5]"),
    .init("[3: \"c\", 1 << 70: \"x\", -1: \"a\"]", "[-1: \"a\", 3: \"c\", 1180591620717411303424: \"x\"]"),
    .init("[2.5: 1, 1.5: 2]", "[1.5: 2, 2.5: 1]"), .init("[true: 1, false: 2]", "[false: 2, true: 1]"),
    .init("[1: \"a\"][1]", "\"a\""), .init("list([\"b\": 1, \"a\": 2])", "[(\"a\", 2), (\"b\", 1)]"),
    .init("map([(\"a\", 1), (\"b\", 2), (\"a\", 3)])", "[\"a\": 3, \"b\": 2]"), .init("len([:])", "0"),
    // Equality.
    .init("[1, 2] == [1, 2]", "true"), .init("(1, \"a\") != (1, \"b\")", "true"),
    .init("{a: 1, b: [2]} == {b: [2], a: 1}", "true"), .init("[1: 2] == [1: 3]", "false"),
    // Builtins.
    .init("zip([1, 2], [\"a\", \"b\"])", "[(1, \"a\"), (2, \"b\")]"), .init("unzip([(1, \"a\")])", "([1], [\"a\"])"),
    .init("flatten([[1], [], [2, 3]])", "[1, 2, 3]"), .init("range(2, 5)", "[2, 3, 4]"), .init("range(1, 1)", "[]"),
    .init("range(1 << 70, (1 << 70) + 2)", "[1180591620717411303424, 1180591620717411303425]"),
    .init("reduce(func(a, b int) => a - b, [10, 2, 3])", "5"),
    .init("fold(func(a string, x int) => a + \"x\", [1, 2], \"\")", "\"xx\""),
    .init("fold(func(a, x int) => a + x, [], 7)", "7"), .init("len([1, 2])", "2"), .init("len([1: 2])", "1"),
    .init("quote(\"it's\")", "\"'it'\\\\''s'\""), .init("quote(\"plain-1.txt\")", "\"plain-1.txt\""),
    .init("quote(\"\")", "\"''\""), .init("trace(1)", "1"), .init("1 ~> 2", "2"),
    // Comprehensions.
    .init("[x * 2 | x <- [1, 2, 3], if x != 2]", "[2, 6]"),
    .init("[(x, y) | x <- [1, 2], if x > 1, y <- [\"a\", \"b\"], if y == \"b\"]", "[(2, \"b\")]"),
    .init("[k + \"=\" + v | (k, v) <- [\"b\": \"2\", \"a\": \"1\"]]", "[\"a=1\", \"b=2\"]"),
    .init("[f(10) | f <- [func(y int) => x + y | x <- [1, 2]]]", "[11, 12]"),
    .init("[[y | y <- range(0, x)] | x <- [1, 2]]", "[[0], [0, 1]]"),
    // Blocks, structures, functions, variants.
    .init("{ x := 1; x := x + 1; x }", "2"), .init("{a: 1, b: \"x\"}.b", "\"x\""),
    .init("{ f := func(x, y int) => x - y; f(5, 3) }", "2"), .init("#A(1)", "#A(1)"), .init("(1, #B)", "(1, #B)"),
    .init("switch #A(3) { case #A(3): \"three\"; case #A(n): \"other\" }", "\"three\""),
    .init("switch [1, 2, 3] { case [a, ...rest]: (a, rest); case []: (0, [0]) }", "(1, [2, 3])"),
    .init("switch {a: 1, b: 2} { case {a: 1, b}: b; case _: 0 }", "2"),
    .init("switch (1, \"a\") { case (2, _): 1; case (_, \"a\"): 2; case _: 3 }", "2"),
    .init("{ val {a, b: (c, _)} = {a: 1, b: (2, 3), z: 9}; a + c }", "3"),
    .init("if 1 < 2 { \"y\" } else { \"n\" }", "\"y\""), .init("2 * KiB + MiB", "1050624"),
  ]

  @Test(arguments: expressions) func `an expression has the value that the reference says`(_ example: Example) {
    let evaluated = evaluate("val A = \(example.program)\n")
    #expect(evaluated["A"] == example.value, "\(evaluated.faults)")
  }

  @Test(arguments: expressions) func `an expression has the same value where its operands are delayed`(
    _ example: Example
  ) {
    // Every int and string literal outside of patterns is wrapped; what is then no program any more is passed over.
    let program = check("val A = \(DelayedText.wrapping(example.program))\n")
    guard let entry = program.entry, !program.hasErrors else { return }
    let evaluated = evaluate(program, goals: entry.exports.map { .value($0.name) })
    #expect(evaluated["A"] == example.value, "\(evaluated.faults)")
  }

  @Test(arguments: [
    Example("1 / 0", "division by zero"), Example("1 % 0", "division by zero"),
    Example("1 << -1", "cannot shift by a negative amount"), Example("1 >> -1", "cannot shift by a negative amount"),
    Example("1 << 1000000000000", "the result has more than 1048576 bits"),
    Example("0.0 / 0.0", "the result is not a number"), Example("[1][3]", "index 3 out of bounds for list of size 1"),
    Example("[1][-1]", "index -1 out of bounds for list of size 1"),
    Example("[1][1 << 70]", "index 1180591620717411303424 out of bounds for list of size 1"),
    Example("[\"a\": 1][\"b\"]", "key \"b\" not found"),
    Example("[1, 2][1:3]", "slice [1:3] out of bounds for list of size 2"),
    Example("[1, 2][2:1]", "slice [2:1] out of bounds for list of size 2"),
    Example("zip([1], [1, 2])", "list sizes do not match: 1 vs 2"), Example("range(2, 1)", "invalid range: 2 to 1"),
    Example("range(0, 1 << 70)", "the range has more than 50000000 elements"),
    Example("reduce(func(a, b int) => a, [])", "cannot reduce empty list"), Example("panic(\"no\")", "panic: no"),
    Example("error(3, \"bad\")", "module error code 3: bad"),
    Example("{ val [a, b, c] = [1, 2]; a + b + c }", "cannot match list pattern of size 3 with a list of size 2"),
  ]) func `a mistake of a program is an error at its place`(_ example: Example) {
    let evaluated = evaluate("val A =\n  \(example.program)\n")
    #expect(evaluated.faults == ["2: \(example.value)"])
    let late = evaluate("val A = if delay(true) {\n  { x := \(example.program); x } } else { panic(\"other\") }\n")
    if late.failures?.first?.id.description.hasPrefix("language.") == true, late.faults.first?.hasPrefix("2") == true {
      #expect(late.faults == ["2: \(example.value)"])
    }
  }

  @Test func `all independent errors are found, each once, in the order of the text`() {
    let evaluated = evaluate(
      """
      val a = [1][1]
      val b = a + 1
      func f(x int) = 1 / x
      val c = [f(0) | _ <- range(0, 3)]
      val d = panic("d")
      val Main = {a, b, c, d}
      """)
    #expect(
      evaluated.faults == [
        "1: index 1 out of bounds for list of size 1", "3: division by zero", "5: panic: d",
      ])
  }

  @Test func `an error in a function says who called it`() {
    let evaluated = evaluate("func f(x int) = 1 / x\nfunc g(x int) = f(x) + 1\nval A = g(0)\n")
    let notes = evaluated.failures?.first?.notes.map { "\($0.range?.start.line ?? 0) \($0.message)" }
    #expect(notes == ["2 in a call of f", "3 in a call of g"])
  }

  @Test func `an unused mistake fails the program and an unused delayed one does not`() {
    #expect(evaluate("val a = panic(\"no\")\nval Main = 1\n", "Main").faults == ["1: panic: no"])
    #expect(evaluate("val a = delay(1) / 0\nval Main = 1\n", "Main")["Main"] == "1")
  }

  @Test func `an ascribed type hides fields from equality and printing`() {
    let evaluated = evaluate(
      """
      val A {a int} = {a: 1, b: 2}
      val b {a int} = {a: 1, b: 3}
      val C = A == b
      val D = [A, b]
      """)
    #expect(evaluated["A"] == "{a: 1}")
    #expect(evaluated["C"] == "true")
    #expect(evaluated["D"] == "[{a: 1}, {a: 1}]")
  }

  @Test func `recursion, closures and shadowing see what was in scope`() {
    let evaluated = evaluate(
      """
      func fact(n int) int = if n < 2 { 1 } else { n * fact(n - 1) }
      func add(n int) = func(x int) => x + n
      func add2(x int) = add(2)(x)
      func f(x int) = x
      func f(x, y int) = f(x) + y
      x := 1
      func g(y int) = x + y
      x := 100
      val A = fact(30)
      val B = add2(40)
      val C = f(1, 2)
      val D = g(1) + x
      """)
    #expect(evaluated["A"] == "265252859812191058636308480000000")
    #expect(evaluated["B"] == "42")
    #expect(evaluated["C"] == "3")
    #expect(evaluated["D"] == "102")
  }

  @Test func `trace prints the value with its name, once`() {
    let evaluated = evaluate("val A = trace({a: delay(1), b: \"x\"})\nval B = A.a + 1\n")
    #expect(evaluated.traces.map(\.message) == ["(A) {a: 1, b: \"x\"}"])
    #expect(evaluated.traces.first?.range?.start.line == 1)
  }

  @Test func `JSON has ints exact, text escaped, and objects for structures, maps and dirs`() {
    let world = MemoryWorld(files: ["d/a": "1", "f": "x"])
    let evaluated = evaluate(
      #"""
      val A = {i: 1 << 70, f: 1.5, s: "a\"\n\x01", t: (1, true), m: ["k": [1]], n: [1: "x"], v: #A, w: #B(2)}
      val B = dir("d")
      val C = file("f")
      """#, in: world)
    #expect(
      evaluated.json("A")
        == #"{"i":1180591620717411303424,"f":1.5,"s":"a\"\n\u0001","t":[1,true],"m":{"k":[1]},"n":[[1,"x"]],"v":"A","w":{"B":2}}"#
    )
    let digest = Digest(hashing: Array("1".utf8))
    #expect(evaluated.json("B") == "{\"a\":{\"digest\":\"\(digest)\",\"size\":1}}")
    #expect(evaluated["B"] == "dir(\"a\": \("\(digest)".prefix(8)))")
    #expect(evaluated["C"] == String("\(Digest(hashing: Array("x".utf8)))".prefix(8)))
  }
}

/// Puts `delay(…)` around the literals of a program's text.
enum DelayedText {
  static func wrapping(_ text: String) -> String {
    var result = ""
    var rest = Substring(text)
    while let character = rest.first {
      if character == "\"" {
        var literal = String(rest.removeFirst())
        while let next = rest.first {
          literal.append(rest.removeFirst())
          if next == "\\", let escaped = rest.first {
            literal.append(escaped)
            rest.removeFirst()
          } else if next == "\"" {
            break
          }
        }
        result += "delay(\(literal))"
      } else if character.isNumber {
        let literal = rest.prefix { $0.isNumber || $0 == "." || $0 == "e" }
        rest = rest.dropFirst(literal.count)
        result += "delay(\(literal))"
      } else if character.isLetter {
        let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        rest = rest.dropFirst(word.count)
        result += word
      } else {
        result.append(character)
        rest.removeFirst()
      }
    }
    return result
  }
}
