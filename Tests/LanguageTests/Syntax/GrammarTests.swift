import Diagnostics
import Testing

@testable import Language

/// The structure of a program, or its first diagnostic.
func structure(_ program: String) -> String {
  let (tree, diagnostics) = parse(SourceFile(name: "main.rf", text: program))
  return diagnostics.first.map { "\($0.id): \($0.message)" } ?? Structure.of(tree)
}

/// The structure of an expression, or its first diagnostic.
func structure(expression: String) -> String {
  let (tree, id, diagnostics) = parseExpression(SourceFile(name: "main.rf", text: expression))
  return diagnostics.first.map { "\($0.id): \($0.message)" } ?? Structure(tree: tree).expression(id)
}

@Suite struct GrammarTests {
  @Test(
    "operators bind as the language says",
    arguments: [
      ("1 + 2 * 3", "(+ 1 (* 2 3))"),
      ("1 - 2 - 3", "(- (- 1 2) 3)"),
      ("a ~> b || c && d == e + f << g", "(~> a (|| b (&& c (== d (+ e (<< f g))))))"),
      ("1 < 2 == true", "(== (< 1 2) true)"),
      ("-x.a[1]", "(- (index (. x a) 1))"),
      ("!f(x) && -1 - -2", "(&& (! (call f x)) (- (- 1) (- 2)))"),
      ("if c {1} else {2} + 3", "(+ (if c (block 1) (block 2)) 3)"),
      ("1 + func(x int) => x + 2", "(+ 1 (func ((x int)) - (+ x 2)))"),
      ("a & b % c", "(% (& a b) c)"),
    ])
  func operators(program: String, expected: String) {
    #expect(structure(expression: program) == expected)
  }
}
