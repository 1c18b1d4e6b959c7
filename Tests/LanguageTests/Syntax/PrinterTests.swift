import Diagnostics
import Foundation
import Testing

@testable import Language

@Suite struct PrinterTests {
  /// Every program among the fixtures that has no syntax error.
  static let fixtures: [String] = {
    let root = Conformance.fixtures.path
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    let files = names.filter { $0.hasSuffix(".rf") }.sorted().compactMap {
      FileManager.default.contents(atPath: root + "/" + $0).map { String(decoding: $0, as: UTF8.self) }
    }
    return (files + Conformance.cases.map(\.program)).filter { parse(SourceFile(name: "a.rf", text: $0)).1.isEmpty }
  }()

  @Test("printing and reading a program of the fixtures gives the same tree")
  func fixturePrograms() {
    #expect(Self.fixtures.count > 100)
    for program in Self.fixtures {
      let (tree, _) = parse(SourceFile(name: "a.rf", text: program))
      let printed = print(tree)
      let (again, diagnostics) = parse(SourceFile(name: "b.rf", text: printed))
      #expect(diagnostics == [], "\(printed)")
      #expect(Structure.of(tree) == Structure.of(again), "\(printed)")
      #expect(print(again) == printed)
    }
  }

  @Test("printing and reading a random tree gives the same tree", arguments: 0..<200)
  func randomTrees(seed: UInt64) {
    let tree = SyntaxGenerator.module(seed: seed, size: 4)
    let printed = print(tree)
    let (again, diagnostics) = parse(SourceFile(name: "b.rf", text: printed))
    #expect(diagnostics == [], "\(printed)")
    #expect(Structure.of(tree) == Structure.of(again), "\(printed)")
    #expect(print(again) == printed)
  }

  @Test("the printed form is the canonical one")
  func canonical() {
    let program = """
      param(a,b int
      c="x")
      func f(x,y int)int={z:=x+y;(z)*2}
      val A=switch f(1,2){case 3:{x:1,a}
      case _:z:=1;{x:z,a:2}}
      @requires(cpu:=1)
      val B=exec(image:="u",a)(o file){"echo {{if a==1{1}else{ b:=2;b}}} {{ {x:1}.x }} > {{o}}"}
      """
    let expected = """
      param a int
      param b int
      param c = "x"
      func f(x, y int) int = {
        z := x + y
        (z) * 2
      }
      val A = switch f(1, 2) {
        case 3: {x: 1, a}
        case _: {
          z := 1
          {x: z, a: 2}
        }
      }
      @requires(cpu := 1)
      val B = exec(image := "u", a) (o file) {"echo {{if a == 1 { 1 } else { b := 2; b } }} {{ {x: 1}.x}} > {{o}}"}

      """
    #expect(print(parse(SourceFile(name: "a.rf", text: program)).0) == expected)
  }

  @Test("a long chain is printed without recursion")
  func chain() {
    let text = "val A = a" + String(repeating: " + f(1).b", count: 20_000) + "\n"
    let printed = onSmallStack { print(parse(SourceFile(name: "a.rf", text: text)).0) }
    #expect(printed == text)
  }
}
