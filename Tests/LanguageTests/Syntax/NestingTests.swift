import Diagnostics
import Foundation
import Testing

@testable import Language

@Suite struct NestingTests {
  /// Something that nests: what is repeated before, in the middle and after.
  struct Shape: Sendable, CustomTestStringConvertible {
    var name, prefix, middle, suffix, before, after: String
    var testDescription: String { name }

    init(_ name: String, _ prefix: String, _ middle: String, _ suffix: String, in before: String, _ after: String = "")
    {
      (self.name, self.prefix, self.middle, self.suffix) = (name, prefix, middle, suffix)
      (self.before, self.after) = (before, after)
    }

    func program(_ depth: Int) -> String {
      before + String(repeating: prefix, count: depth) + middle + String(repeating: suffix, count: depth) + after + "\n"
    }
  }

  static let shapes = [
    Shape("parentheses", "(", "1", ")", in: "val A = "),
    Shape("lists", "[", "1", "]", in: "val A = "),
    Shape("maps", "[1: ", "1", "]", in: "val A = "),
    Shape("structs", "{a: ", "1", "}", in: "val A = "),
    Shape("blocks", "{ x := 1; ", "x", " }", in: "val A = "),
    Shape("calls", "f(", "1", ")", in: "val A = "),
    Shape("conditions", "if ", "c", " {1} else {2}", in: "val A = "),
    Shape("branches", "if c { ", "1", " } else {2}", in: "val A = "),
    Shape("switches", "switch 1 { case _: ", "1", " }", in: "val A = "),
    Shape("functions", "func(x int) => ", "x", "", in: "val A = "),
    Shape("variants", "#A(", "1", ")", in: "val A = "),
    Shape("conversions", "int(", "1", ")", in: "val A = "),
    Shape("comprehensions", "[x | x <- ", "xs", "]", in: "val A = "),
    Shape("indices", "a[", "1", "]", in: "val A = "),
    Shape("spreads", "[...", "x", "]", in: "val A = "),
    Shape("not", "!", "x", "", in: "val A = "),
    Shape("minus", "-", "x", "", in: "val A = "),
    Shape("parameter defaults", "(", "1", ")", in: "param a = "),
    Shape("templates", "exec() (o file) {\"{{", "x", "}}\"}", in: "val A = "),
    Shape("modules", "make(\"./a.rf\", x := ", "1", ")", in: "val A = "),
    Shape("list types", "[", "int", "]", in: "type T "),
    Shape("struct types", "{a ", "int", "}", in: "type T "),
    Shape("tuple types", "(", "int", ")", in: "type T "),
    Shape("function types", "func(", "int", ") int", in: "type T "),
    Shape("function results", "func(int) ", "int", "", in: "type T "),
    Shape("sums", "#A(", "int", ")", in: "type T "),
    Shape("tuple patterns", "(", "a", ")", in: "val ", " = x"),
    Shape("list patterns", "[", "a", "]", in: "val ", " = x"),
    Shape("tail patterns", "[a, ...", "a", "]", in: "val ", " = x"),
    Shape("struct patterns", "{a: ", "a", "}", in: "val ", " = x"),
    Shape("variant patterns", "#A(", "a", ")", in: "val ", " = x"),
  ]

  @Test("what nests too deeply is reported once, on a small stack", arguments: shapes, [300, 10_000])
  func tooDeep(shape: Shape, depth: Int) {
    let (tree, diagnostics) = parseOnSmallStack(shape.program(depth) + "val B = 1\n")
    #expect(diagnostics.map(\.id) == ["language.nesting-too-deep"])
    #expect(!tree.module.declarations.isEmpty)
  }

  @Test(
    "a million of them are no different",
    arguments: shapes.filter {
      ["parentheses", "lists", "structs", "not", "minus", "templates", "tuple types", "list patterns"].contains($0.name)
    })
  func million(shape: Shape) {
    tooDeep(shape: shape, depth: 1_000_000)
  }

  @Test("openers without closers end in diagnostics", arguments: shapes)
  func unclosed(shape: Shape) {
    let (_, diagnostics) = parseOnSmallStack(shape.before + String(repeating: shape.prefix, count: 100_000))
    #expect(diagnostics.map(\.id) == ["language.nesting-too-deep"])
  }

  /// What other languages have, which is reported and then read as what was meant.
  static let mistakes = [
    Shape("braces of maps", "{\"a\": ", "1", "}", in: "val A = "),
    Shape("fields with =", "{a = ", "1", "}", in: "val A = "),
    Shape("fields without names", "{a.b(", "1", ")}", in: "val A = "),
    Shape("comprehensions with for", "[x for x in ", "xs", "]", in: "val A = "),
    Shape("steps without outputs", "exec() {\"{{", "x", "}}\"}", in: "val A = "),
    Shape("conditions without braces", "if c: ", "1", " else: 2", in: "val A = "),
    Shape("arrows of results", "func(x: int) -> int => ", "x", "", in: "val A = "),
  ]

  @Test("mistakes that nest too deeply are reported, on a small stack", arguments: mistakes, [300, 10_000])
  func tooDeepMistake(shape: Shape, depth: Int) {
    let (tree, diagnostics) = parseOnSmallStack(shape.program(depth) + "val B = 1\n")
    #expect(!diagnostics.isEmpty)
    #expect(!tree.module.declarations.isEmpty)
  }

  @Test("nesting below the limit is read", arguments: shapes)
  func deep(shape: Shape) {
    #expect(parseOnSmallStack(shape.program(Parser.nestingLimit / 2 - 2)).1 == [])
  }

  @Test(
    "chains of operators and suffixes may have any length", arguments: [" + 1", " ~> 1", "(1)", "[1]", "[1:]", ".a"])
  func chains(link: String) {
    let (tree, diagnostics) = parseOnSmallStack("val A = a" + String(repeating: link, count: 20_000) + "\n")
    #expect(diagnostics == [])
    #expect(tree.expressions.count > 20_000)
  }

  @Test("a chain of 'else if' is read in a loop, up to its limit")
  func elseIf() {
    func chain(_ count: Int) -> String {
      "val A = if a { 0 }" + String(repeating: " else if b { 1 }", count: count - 1) + " else { 2 }\nval B = 1\n"
    }
    #expect(parseOnSmallStack(chain(Parser.chainLimit)).1 == [])
    for count in [Parser.chainLimit + 1, 1_000_000] {
      let (tree, diagnostics) = parseOnSmallStack(chain(count))
      #expect(diagnostics.map(\.id) == ["language.nesting-too-deep"])
      #expect(tree.module.declarations.count == 2)
    }
  }
}
