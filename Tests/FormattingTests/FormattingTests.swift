import Diagnostics
import Foundation
import Testing

@testable import Formatting
@testable import Language

@Suite struct FormattingTests {
  private static func formatted(_ text: String) throws -> String {
    switch format(SourceFile(name: "a.rf", text: text)) {
    case .formatted(let bytes): return String(decoding: bytes, as: UTF8.self)
    case .unreadable(let diagnostics): throw Unreadable(diagnostics: diagnostics)
    }
  }

  private struct Unreadable: Error { var diagnostics: [Diagnostic] }

  /// The programs of the fixtures that have no error of syntax.
  private static let programs: [String] = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("fixtures").path
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(".rf") }.sorted().compactMap {
      FileManager.default.contents(atPath: root + "/" + $0).map { String(decoding: $0, as: UTF8.self) }
    }.filter { text in !parse(SourceFile(name: "a.rf", text: text)).1.contains { $0.severity == .error } }
  }()

  /// The tokens and comments without the space between them.
  private static func content(_ text: String) -> [String] {
    let (tree, _) = parse(SourceFile(name: "a.rf", text: text))
    let tokens = tree.tokens.map { token in
      "\(token.kind) " + String(decoding: tree.source.text[Int(token.lower)..<Int(token.upper)], as: UTF8.self)
    }
    return tokens + tree.comments.map { "\($0.before) " + String(decoding: commentText(tree, $0), as: UTF8.self) }
  }

  private static func expectKept(_ program: String) throws {
    let tree = parse(SourceFile(name: "a.rf", text: program)).0
    // Not what `format` returns: that would be the input if it were wrong.
    let once = String(decoding: layOut(tree), as: UTF8.self)
    #expect(try formatted(program) == once)
    #expect(content(once) == content(program))
    #expect(
      print(parse(SourceFile(name: "a.rf", text: once)).0) == print(parse(SourceFile(name: "a.rf", text: program)).0))
    #expect(try formatted(once) == once)
  }

  @Test func `programs of the fixtures keep their tokens, comments and tree, and stay as they are the second time`()
    throws
  {
    #expect(Self.programs.count > 20)
    for program in Self.programs { try Self.expectKept(program) }
  }

  @Test(arguments: 1...40) func `so do programs with comments and line breaks at random places`(seed: UInt64) throws {
    var state = seed
    func below(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var kept = 0
    for program in Self.programs {
      let (tree, _) = parse(SourceFile(name: "a.rf", text: program))
      var text: [UInt8] = []
      var end = 0
      for token in tree.tokens where token.kind != .template {
        text += tree.source.text[end..<Int(token.lower)]
        end = Int(token.lower)
        switch below(30) {
        case 0: text += Array(" /* c */ ".utf8)
        case 1: text += Array("// end\n\n\n".utf8)
        case 2: text += Array("\n /* two\n   lines */".utf8)
        case _: break
        }
      }
      text += tree.source.text[end...]
      let changed = String(decoding: text, as: UTF8.self)
      guard !parse(SourceFile(name: "a.rf", text: changed)).1.contains(where: { $0.severity == .error }) else {
        continue
      }
      try Self.expectKept(changed)
      kept += 1
    }
    #expect(kept > 5)
  }

  @Test func `there is one way to space and to indent`() throws {
    let program = """


      // What it is.
      param a,b int
      func f(x,y int)int={z:=x+y;(z)*-2}   // end
      val A=switch f(1,2){
      case 3:{x:1,a}
      // other
      case _:
      z:=1
      {x:z,a:xs[1:2]}
      }



      @requires(cpu:=1)
      val B=exec(image:="u",a)(o file){" cat   {{ a }}
        > {{o}} "}
      type T {m [string:int],n module{X int}}
      val S=switch 1 {case 1:2;case _:{a:3}}
      """
    let expected = """
      // What it is.
      param a, b int
      func f(x, y int) int = { z := x + y; (z) * -2 } // end
      val A = switch f(1, 2) {
        case 3: {x: 1, a}
        // other
        case _:
          z := 1
          {x: z, a: xs[1:2]}
      }

      @requires(cpu := 1)
      val B = exec(image := "u", a) (o file) {" cat   {{ a }}
        > {{o}} "}
      type T {m [string:int], n module{X int}}
      val S = switch 1 { case 1: 2; case _: {a: 3} }

      """
    #expect(try Self.formatted(program) == expected)
  }

  @Test func `a line that is too long is broken, outermost first`() throws {
    let names = (1...30).map { "name\($0)" }.joined(separator: ", ")
    let once = try Self.formatted("val A = [f(\(names)), g(\(names))]\n")
    #expect(once.split(separator: "\n").allSatisfy { $0.count <= Layout.width })
    #expect(once.split(separator: "\n").count > 3)
    #expect(try Self.formatted(once) == once)
  }

  @Test func `a long line in the middle of a template breaks nothing before it`() throws {
    let long = String(repeating: "word ", count: 40)
    let text = "func F(a, b file) = exec() (out file) {\"\n  \(long)\n\"}\n"
    #expect(try Self.formatted(text) == text)
  }

  @Test func `the projects of the fixtures are in the style`() throws {
    let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("fixtures")
    for name in ["quickstart", "variants", "cproject", "tables"] {
      let place = fixtures.appendingPathComponent(name)
      for file in try FileManager.default.contentsOfDirectory(atPath: place.path) where file.hasSuffix(".rf") {
        let text = try String(contentsOf: place.appendingPathComponent(file), encoding: .utf8)
        #expect(try Self.formatted(text) == text, "\(name)/\(file)")
      }
    }
  }

  @Test func `a program with an error of syntax is not formatted`() {
    guard case .unreadable(let diagnostics) = format(SourceFile(name: "a.rf", text: "val x = (1")) else {
      Issue.record("formatted")
      return
    }
    #expect(!diagnostics.isEmpty)
  }

  @Test func `deep nesting and long chains are formatted`() throws {
    let deep = String(repeating: "[", count: 100) + "1" + String(repeating: "]", count: 100)
    let chain = Array(repeating: "1", count: 20_000).joined(separator: "+")
    try Self.expectKept("val A = \(deep)\nval B = \(chain)\n")
  }
}
