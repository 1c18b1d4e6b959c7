import Diagnostics
import Testing

@testable import Language

/// The tokens of a text as the lexer alone sees them, inserted semicolons as `¶`.
private func tokens(_ text: String) -> [String] {
  let source = SourceFile(name: "a.rf", text: text)
  return source.text.withUnsafeBufferPointer { bytes in
    var lexer = Lexer(source: source, text: bytes)
    var result: [String] = []
    while true {
      let token = lexer.next(TokenIndex(result.count))
      if token.kind == .end { return result }
      let spelling = String(decoding: bytes[Int(token.lower)..<Int(token.upper)], as: UTF8.self)
      result.append(token.isInserted ? "¶" : "\(token.kind) \(spelling)")
    }
  }
}

@Suite struct LexerTests {
  @Test("every keyword and operator is a token of its own")
  func fixedTokens() {
    for (spelling, kind) in Token.Kind.keywords {
      #expect(tokens(spelling) == ["\(kind) \(spelling)", "¶"])
      #expect(tokens(spelling + "1") == ["identifier \(spelling)1", "¶"])
    }
    for kind in Token.Kind.allCases {
      guard let spelling = kind.punctuation else { continue }
      #expect(tokens(spelling + " ").first == "\(kind) \(spelling)")
    }
  }

  @Test(
    "lexemes are as long as they can be",
    arguments: [
      ("a<-b<=c<<d", "identifier a,leftArrow <-,identifier b,lessEqual <=,identifier c,shiftLeft <<,identifier d,¶"),
      ("a:=b=>c~>d", "identifier a,define :=,identifier b,fatArrow =>,identifier c,tildeArrow ~>,identifier d,¶"),
      ("1 12. .5 1e3 1.5E-8", "integer 1,float 12.,float .5,float 1e3,float 1.5E-8,¶"),
      ("010", "integer 010,¶"), ("1...x", "integer 1,ellipsis ...,identifier x,¶"), ("x.1", "identifier x,float .1,¶"),
      ("[1:2]", "leftBracket [,integer 1,colon :,integer 2,rightBracket ],¶"),
      ("_x", "underscore _,identifier x,¶"), ("x_1é名", "identifier x_1é名,¶"), ("é٣", "identifier é٣,¶"),
      ("\"a\\\"b\" `c\"`", "string \"a\\\"b\",string `c\"`,¶"), ("'c'", "character 'c',¶"),
      ("\u{FEFF}a", "identifier a,¶"), ("", ""), ("...", "ellipsis ..."), ("..", "dot .,dot ."),
      ("valid", "identifier valid,¶"), ("keyspaces", "identifier keyspaces,¶"), ("a//b", "identifier a,¶"),
      ("a/*b*/c", "identifier a,identifier c,¶"), ("a/*/b*/c", "identifier a,identifier c,¶"),
    ])
  func longest(text: String, expected: String) {
    #expect(tokens(text).joined(separator: ",") == expected)
  }

  @Test(
    "a line break ends a declaration behind a name, literal, keyword or closer, comments or not",
    arguments: [
      ("a\nb", "a¶b¶"), ("a // c\nb", "a¶b¶"), ("a /* c\n */ b", "ab¶"), ("a /* c */\nb", "a¶b¶"), ("1\n\n\n2", "1¶2¶"),
      ("f(\n1,\n2)\n", "f(1,2)¶"), ("[\n]\n{\n}\n", "[]¶{}¶"), ("a +\nb", "a+b¶"), ("a\n+ b", "a¶+b¶"), ("_\nb", "_b¶"),
      ("else\nif", "else¶if¶"), ("a;\nb", "a;b¶"), ("\"s\"\n`r\n`\nx", "\"s\"¶`r\n`¶x¶"),
      ("true\n...\nx", "true¶...x¶"),
    ])
  func semicolons(text: String, expected: String) {
    let spelled = tokens(text).map { $0.split(separator: " ", maxSplits: 1).last.map(String.init) ?? "" }
    #expect(spelled.joined() == expected)
  }

  @Test("tokens and comments of a template lie in the order of the text")
  func template() {
    let text = "val A = exec() (o file) {\" a {{ f(\"}}\") /* c */ }} b {{x // d }} \"}\n"
    let (tree, diagnostics) = parse(SourceFile(name: "a.rf", text: text))
    #expect(diagnostics == [])
    let spelled = tree.tokens.map { token in
      String(decoding: Array(text.utf8)[Int(token.lower)..<Int(token.upper)], as: UTF8.self)
    }
    #expect(
      spelled == [
        "val", "A", "=", "exec", "(", ")", "(", "o", "file", ")", "{\" a {{", "f", "(", "\"}}\"", ")", "}} b {{", "x",
        "}} \"}", "", "",
      ])
    #expect(tree.comments.map { Int($0.before) } == [15, 17])
    #expect(zip(tree.tokens, tree.tokens.dropFirst()).allSatisfy { $0.upper <= $1.lower })
  }

  @Test("a long number is read in no time, and exactly")
  func longNumber() {
    let digits = String(repeating: "1234567890", count: 2_000)
    #expect(structure(expression: digits) == digits)
  }
}
