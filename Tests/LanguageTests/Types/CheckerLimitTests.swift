import Diagnostics
import Testing

@testable import Language

/// Programs that are long, deep or wide get an answer on a small stack.
struct CheckerLimitTests {
  static func errors(_ program: String) -> [String] {
    onSmallStack { check(program).diagnostics.filter { $0.severity == .error }.map(\.id.description) }
  }

  @Test func `a sum of twenty thousand terms is checked`() {
    #expect(Self.errors("val A = 1" + String(repeating: " + 1", count: 20_000)) == [])
    #expect(Self.errors("val A = [1]" + String(repeating: " + [1]", count: 20_000)) == [])
  }

  @Test func `long chains of calls, indexes and members are checked`() {
    let calls = String(repeating: "(1)", count: 5_000)
    #expect(Self.errors("val A = panic(\"x\")\nval B = 1\(calls)") == ["language.not-a-function"])
    #expect(Self.errors("val A = [1]" + String(repeating: "[0:1]", count: 20_000)) == [])
    #expect(Self.errors("val A = {a: 1}" + String(repeating: ".a", count: 20_000)) == ["language.no-fields"])
    let branches = String(repeating: " else if false { 2 }", count: 4_000)
    #expect(Self.errors("val A = if true { 1 }\(branches) else { 3 }") == [])
  }

  @Test func `everything that nests, nested as deep as the parser allows, is checked`() {
    let forms = [
      ("(", "1", ")"), ("-", "1", ""), ("{ x := ", "1", "; x }"), ("if true {", "1", "} else {2}"),
      ("switch 1 { case _: ", "1", "}"), ("delay(", "1", ")"), ("[0][", "0", "]"), ("{a: ", "1", "}.a"),
      ("[x | x <- ", "[1]", "]"), ("(func(x int) => ", "1", ")(1)"), ("(1 ~> ", "1", ")"),
    ]
    for (open, middle, close) in forms {
      for count in [60, 90, 120, 250] {
        let text = String(repeating: open, count: count) + middle + String(repeating: close, count: count)
        let found = Set(Self.errors("val A = \(text)"))
        let allowed: Set = ["language.nesting-too-deep", "language.type-too-large"]
        #expect(found.isSubset(of: count <= 60 ? [] : allowed), "\(open) \(count): \(found)")
      }
    }
  }

  @Test func `types that nest deep are checked or refused`() {
    let forms = [
      ("[", "1", "]"), ("(1, ", "1", ")"), ("{a: ", "1", "}"), ("#A(", "1", ")"), ("[\"a\": ", "1", "]"),
      ("func(x int) => ", "1", ""),
    ]
    for (open, middle, close) in forms {
      for count in [20, 60, 100, 118, 250] {
        let text = String(repeating: open, count: count) + middle + String(repeating: close, count: count)
        let program = "val a = \(text)\nval B = [a, a]\nval C = if true { a } else { \(text) }\nfunc f(x int) = a"
        let found = Set(Self.errors(program))
        #expect(
          found.isSubset(of: ["language.nesting-too-deep", "language.type-too-large"]), "\(open) \(count): \(found)")
      }
    }
    for (open, close) in [
      ("[", "]"), ("(int, ", ")"), ("{a ", "}"), ("#A(", ")"), ("func(int) ", ""), ("[string:", "]"),
    ] {
      for count in [60, 118, 250] {
        let type = String(repeating: open, count: count) + "int" + String(repeating: close, count: count)
        let found = Set(Self.errors("type T \(type)\nfunc F(x, y T, z \(type)) = [x, y, z]"))
        #expect(
          found.isSubset(of: ["language.nesting-too-deep", "language.type-too-large"]), "\(open) \(count): \(found)")
      }
    }
  }

  @Test func `a type that grows with every declaration is refused once`() {
    var deep = "val a0 = 1\n"
    var wide = "val a0 = (1, 2)\n"
    for step in 1...2_000 {
      deep += "val a\(step) = [a\(step - 1)]\n"
      wide += "val a\(step) = (a\(step - 1), a\(step - 1))\n"
    }
    #expect(Self.errors(deep + "val A = a2000") == ["language.type-too-large"])
    #expect(Self.errors(wide + "val A = a2000") == ["language.type-too-large"])
    var zipped = "val a0 = [1]\n"
    for step in 1...100 { zipped += "val a\(step) = zip(a\(step - 1), a\(step - 1))\n" }
    #expect(Self.errors(zipped + "val A = a100") == ["language.type-too-large"])
    var nested = "a0"
    for _ in 0..<80 { nested = "zip(\(nested), \(nested.count < 4000 ? nested : "a0"))" }
    #expect(Set(Self.errors("val a0 = [1]\nval A = \(nested)")).isSubset(of: ["language.type-too-large"]))
  }

  @Test func `patterns that nest as deep as the parser allows are checked`() {
    for (open, close) in [("(_, ", ")"), ("[", "]"), ("[_, ...", "]"), ("{a: ", "}"), ("#A(", ")")] {
      for count in [60, 110] {
        let pattern = String(repeating: open, count: count) + "x" + String(repeating: close, count: count)
        let found = Set(
          Self.errors("val A = switch panic(\"x\") { case \(pattern): 1 case _: 2 }\nval \(pattern) = panic(\"y\")"))
        #expect(found.isSubset(of: ["language.nesting-too-deep", "language.unreachable-case"]), "\(open): \(found)")
      }
    }
    let list = (0..<1_000).map { "x\($0)" }.joined(separator: ", ")
    let numbers = (0..<1_000).map { "\($0)" }.joined(separator: ", ")
    #expect(Self.errors("val A = switch [1] { case [\(list)]: 1 case _: 2 }") == [])
    #expect(
      Set(Self.errors("val A = switch [1] { case [\(numbers)]: 1 case [\(numbers), ...]: 3 case _: 2 }"))
        .isSubset(of: ["language.switch-too-complex"]))
  }

  @Test func `thousands of errors are all reported, in time that grows with their number`() {
    let program = (0..<5_000).map { "val A\($0) = unknown\($0)\n" }.joined()
    #expect(Self.errors(program).count == 5_000)
  }

  @Test func `a module of thousands of exports is one type`() {
    let library = (0..<5_000).map { "func F\($0)(x, y int) = {x, y}\n" }.joined()
    let uses = (0..<2_000).map { "val A\($0) = lib.F\($0)(1, 2).x\n" }.joined()
    let program = check(files: [("main.rf", "val lib = make(\"./lib.rf\")\n" + uses), ("lib.rf", library)])
    #expect(program.diagnostics == [])
  }
}
