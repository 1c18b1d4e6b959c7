import BuildGraph
import Diagnostics
import Foundation
import Testing

@testable import Language

struct CheckerTests {
  static func resolutions(_ program: String) -> [String] {
    guard let module = check(program).entry else { return [] }
    return module.tree.expressions.indices.compactMap { index in
      let id = ExpressionID(index: Int32(index))
      guard let resolution = module.resolutions[id] else { return nil }
      let span = module.tree[id].span
      let lower = Int(module.tree.tokens[Int(span.first)].lower)
      let upper = Int(module.tree.tokens[Int(span.last)].upper)
      let text = String(decoding: module.tree.source.text[lower..<upper], as: UTF8.self)
      return switch resolution {
      case .variable: "\(text): variable"
      case .prelude(let name): "\(text): prelude \(name)"
      case .builtin(let builtin): "\(text): builtin \(builtin)"
      case .output(let number): "\(text): output \(number)"
      case .recursive: "\(text): recursive"
      case .system(let function): "\(text): system \(function.rawValue)"
      }
    }
  }

  @Test func `the evaluator is told what each name means`() {
    #expect(Self.resolutions("val a = KiB\nval B = a") == ["KiB: prelude KiB", "a: variable"])
    #expect(Self.resolutions("val A = len(\"x\")") == ["len: builtin len"])
    #expect(Self.resolutions("val len = func(s string) => 1\nval A = len(\"x\")") == ["len: variable"])
    #expect(Self.resolutions("val A = file(\"x\")") == ["file: prelude file"])
    #expect(Self.resolutions("func F(n int) int = F(n)") == ["F: recursive", "n: variable"])
    #expect(Self.resolutions("func F(F int) int = F") == ["F: variable"])
    #expect(
      Self.resolutions("func quote(s string) string = quote(s)\nval A = quote(\"x\")").contains("quote: recursive"))
    #expect(Self.resolutions("func len(s string) int = len(s)\nval A = len(\"x\")").contains("len: builtin len"))
    #expect(
      Self.resolutions("val out = 1\nval A = exec() (a, out file) {\" {{out}} {{(out)}} {{a}} \"}")
        == ["out: output 1", "out: variable", "a: output 0"])
    #expect(
      Self.resolutions("val s = make(\"$/strings\")\nval A = s.Split(\"a\", s.FromInt(1))").filter { $0.contains(".") }
        == ["s.Split: system strings.Split", "s.FromInt: system strings.FromInt"])
    #expect(
      Self.resolutions("val A = make(\"$/lists\").Sort([1])") == ["make(\"$/lists\").Sort: system lists.Sort"])
    #expect(
      Self.resolutions("func F(m module{Split func(string, string) [string]}) = m.Split(\"a\", \"b\")") == [
        "m: variable"
      ])
  }

  @Test func `the type of a generic callee is that of this call`() throws {
    let module = try #require(check("val A = make(\"$/lists\").Sort([1])").entry)
    let index = try #require(
      module.tree.expressions.firstIndex { if case .member = $0.kind { true } else { false } })
    #expect("\(module.types[index])" == "func(list [int]) [int]")
  }

  @Test func `params are told in order, with types, defaults and documentation`() throws {
    let module = try #require(
      check("param (\n  // The first.\n  a int\n  b = \"x\"\n  c, d [file]\n)\nval A = a").entry)
    #expect(
      module.params.map { "\($0.name) \($0.type) \($0.hasDefault)" } == [
        "a int false", "b string true", "c [file] false", "d [file] false",
      ])
    #expect(module.params[0].documentation == "The first.\n")
  }

  @Test func `exports are told once each, by their last declaration, with their types`() throws {
    let module = try #require(
      check("type T int\ntype u int\nval A = 1\nval (B, c) = (2, 3)\nval A = \"x\"\nfunc F(x int) = x + c\nval D u = B")
        .entry)
    #expect(module.exports.map { "\($0.name) \($0.type)" } == ["B int", "A string", "F func(x int) int", "D int"])
    #expect(module.aliases.map { "\($0.name) \($0.type)" } == ["T int"])
  }

  @Test func `every expression of a program without errors has a type`() throws {
    for program in Conformance.cases where program.errors.isEmpty {
      let module = try #require(check(program.program).entry)
      for (index, type) in module.types.enumerated() where type.containsError {
        let id = ExpressionID(index: Int32(index))
        // The name of a builtin that is called has no type, and the keyspace is ignored.
        if case .builtin? = module.resolutions[id] { continue }
        if id == module.tree.module.keyspace { continue }
        Issue.record("\(program.name): \(module.tree.expressions[index].kind)")
      }
    }
  }

  @Test(arguments: [
    "val A = exec(image := delay(\"u\")) (o file) {\" {{o}} \"}",
    "val im = \"u\" + delay(\"v\")\nval A = exec(image := im) (o file) {\" {{o}} \"}",
    "val {im} = {im: delay(\"u\")}\nval A = exec(image := im) (o file) {\" {{o}} \"}",
    "val (_, im) = (1, delay(\"u\"))\nval A = exec(image := im) (o file) {\" {{o}} \"}",
    "val f = make(\"$/files\")\nval A = exec(image := f.Text(file(\"x\"))) (o file) {\" {{o}} \"}",
    "val s = make(\"$/strings\")\nval A = exec(image := s.FromInt(len(file(\"x\")))) (o file) {\" {{o}} \"}",
    "func g() = delay(\"u\")\nval A = exec(image := g()) (o file) {\" {{o}} \"}",
    "val A = exec(depfile := delay(\"u\")) (o file) {\" {{o}} \"}",
    "@requires(mem := delay(1))\nval A = 1",
    "val A = exec(image := [x | x <- delay([\"u\"])][0]) (o file) {\" {{o}} \"}",
  ]) func `what must be known at once may not wait for a step`(_ program: String) {
    #expect(check(program).diagnostics.map(\.id.description) == ["language.not-immediate"])
  }

  @Test(arguments: [
    "val A = exec(cpu := len(file(\"x\")), mem := delay(1), env := [\"A\": delay(\"x\")]) (o file) {\" {{o}} \"}",
    "val {im} = {im: \"u\", other: delay(1)}\nval A = exec(image := im) (o file) {\" {{o}} \"}",
    "func f(im string) = exec(image := im) (o file) {\" {{o}} \"}\nval A = f(\"u\")",
    "val s = make(\"$/strings\")\nval A = exec(image := s.FromInt(1)) (o file) {\" {{o}} \"}",
    "val A = exec(image := if true { \"u\" } else { \"v\" }) (o file) {\" {{o}} \"}",
  ]) func `what is known at once is not taken for delayed`(_ program: String) {
    #expect(check(program).diagnostics == [])
  }

  @Test func `warnings come as scopes end, and within one by position`() {
    let program = """
      val z = 1
      val A = {
        val b = {
          inner := 1
          2
        }
        3
      }
      val x = [y | (y, k) <- [(1, 2)]]
      """
    #expect(
      check(program).diagnostics.map { "\($0.range!.start.line) \($0.message)" } == [
        "4 inner declared and not used", "3 b declared and not used", "9 k declared and not used",
        "1 z declared and not used", "9 x declared and not used",
      ])
  }

  @Test func `a program with ten mistakes gets ten errors, whatever else depends on them`() {
    let program = """
      val A = one
      val B = A + two
      val C int = "three"
      val D = C + 1 + "four"
      val E = if 5 { A } else { B }
      func f(x six) = x
      val G = f(A) + 7.0 * 7
      val H = { x := eight; y := x + A; [x, y] }
      val I = {a: 1}.nine + H[0]
      val J = switch I { case (ten, eleven): ten + eleven + true }
      val K = len(10) + A + J
      val Main = [A, B, C, D, E, G, H, I, J, K]
      """
    let lines = check(program).diagnostics.map { $0.range!.start.line }
    #expect(lines == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11])
  }

  @Test func `the same program gets the same diagnostics in the same order every time`() {
    let program =
      (0..<60).map { "val a\($0) = a\($0 + 1) + unknown\($0 % 7)\n" }.joined() + "val alpha = 1\nval Alpha1 = alpah"
    let first = check(program).diagnostics.map(Rendering.full)
    for _ in 0..<3 { #expect(check(program).diagnostics.map(Rendering.full) == first) }
  }

  @Test(arguments: ["quickstart", "variants", "cproject", "original"])
  func `the fixture projects check without complaint`(_ name: String) throws {
    let folder = Conformance.fixtures.appending(path: name).path
    let program = ProgramLoader { path in
      FileManager.default.contents(atPath: folder + "/" + path.display).map { .success([UInt8]($0)) }
        ?? .failure(UnreadableModule("open \(path.display): no such file or directory"))
    }.load("main.rf")
    #expect(program.diagnostics.map(Rendering.full) == [])
  }
}
