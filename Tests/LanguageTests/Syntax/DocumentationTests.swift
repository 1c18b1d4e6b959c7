import Diagnostics
import Testing

@testable import Language

/// The comments of all declarations of a module, in order.
private func comments(_ program: String) -> [String?] {
  let (tree, diagnostics) = parse(SourceFile(name: "a.rf", text: program))
  #expect(diagnostics == [])
  return (tree.module.params + tree.module.declarations).map { tree[$0].documentation }
}

@Suite struct DocumentationTests {
  @Test("a declaration has the comments directly above it")
  func above() {
    #expect(comments("// a\n// b\nval X = 1\n") == ["a\nb\n"])
    #expect(comments("// a\n\n// b\nval X = 1\n") == ["b\n"])
    #expect(comments("// a\n\nval X = 1\n") == [nil])
    #expect(comments("/* a */\nval X = 1\n") == ["a"])
    #expect(comments("//a\n//  b\nfunc f() = 1\n") == ["a\n b\n"])
    #expect(comments("// a\r\ntype T int\r\n") == ["a\n"])
  }

  @Test("a comment behind something belongs to that")
  func behind() {
    #expect(comments("val X = 1 // x\nval Y = 2\n") == [nil, nil])
    #expect(comments("val X = 1 // x\n// y\nval Y = 2\n") == [nil, "y\n"])
    #expect(comments("param ( // all\n  // x\n  x = 1 // trailing\n  y = 2\n)\n") == ["x\n", nil])
  }

  @Test("the comment above '@requires' is that of the declaration")
  func requires() {
    #expect(comments("// a\n@requires(cpu := 1)\n@requires(mem := 1)\nval X = 1\n") == ["a\n"])
  }

  @Test("a parameter's comment is that of all its names, unless one has its own")
  func params() {
    #expect(comments("// a\nparam x, y int\n") == ["a\n", "a\n"])
    #expect(comments("// a\nparam /* override */ d, e int\n") == ["override", "a\n"])
    #expect(comments("// a\nparam d, /* own */ e int\n") == ["a\n", "own"])
    #expect(comments("param (\n  // a\n  x, y int\n)\n") == ["a\n", "a\n"])
  }

  @Test("declarations of blocks have comments, too")
  func blocks() {
    let text = "val A = {\n  // why\n  x := 1\n  x\n}\n"
    let (tree, _) = parse(SourceFile(name: "a.rf", text: text))
    #expect(tree.declarations.map(\.documentation) == ["why\n", nil])
  }
}
