import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// Whatever is done to a program, reading it ends, in a tree that is well formed.
@Suite struct SyntaxMutationTests {
  @Test("programs with random damage are read to their end", arguments: 0..<40)
  func damage(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let programs = PrinterTests.fixtures
    for _ in 0..<60 {
      var text = Array(random.pick(programs).utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) { Self.damage(&text, &random) }
      Self.expectWellFormed(text)
    }
  }

  @Test("random tokens are read to their end", arguments: 0..<40)
  func tokens(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let words =
      Token.Kind.allCases.compactMap(\.punctuation) + Token.Kind.keywords.map(\.spelling) + [
        "\n", "\n", "\n", "x", "Y", "1", "2.", "\"s\"", "{\"", "\"}", "{{", "}}", "exec(a) (o file) {\"", "\nval A = ",
        "\n@requires(", "`", "'", "//", "/*", "\\", "\u{E9}",
      ]
    for _ in 0..<60 {
      let count = Int.random(in: 1...60, using: &random)
      let text = (0..<count).map { _ in random.pick(words) + (random.oneIn(3) ? "" : " ") }.joined()
      Self.expectWellFormed(Array(text.utf8))
    }
  }

  @Test("any bytes are read to their end", arguments: 0..<10)
  func bytes(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<50 {
      let count = Int.random(in: 0...80, using: &random)
      Self.expectWellFormed((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
  }

  /// Deletes, doubles, exchanges or inserts some bytes, or a bracket.
  private static func damage(_ text: inout [UInt8], _ random: inout SeededGenerator) {
    guard text.count > 2 else { return }
    let place = Int.random(in: 0..<text.count, using: &random)
    let length = min(text.count - place, Int.random(in: 1...12, using: &random))
    switch Int.random(in: 0..<5, using: &random) {
    case 0: text.removeSubrange(place..<(place + length))
    case 1: text.insert(contentsOf: text[place..<(place + length)], at: place)
    case 2: text.swapAt(place, Int.random(in: 0..<text.count, using: &random))
    case 3: text[place] = random.pick(Array("(){}[]\"`'/*;,.:=|#@\n\\_<>!0a\u{E9}".utf8))
    default:
      text.insert(
        contentsOf: Array(random.pick(["(", "{", "[", "{{", "}}", "{\"", "\"}", "\n", "if "]).utf8), at: place)
    }
  }

  private static func expectWellFormed(_ text: [UInt8]) {
    let source = SourceFile(name: "a.rf", text: text)
    let (tree, diagnostics) = parse(source)
    let shown: Testing.Comment = "\(ByteString(bytes: text).display)"
    #expect(tree.tokens.last?.kind == .end || tree.tokens.isEmpty, shown)
    #expect(
      zip(tree.tokens, tree.tokens.dropFirst()).allSatisfy { $0.upper <= $1.lower && $0.lower <= $0.upper }, shown)
    #expect(tree.comments.allSatisfy { Int($0.before) < tree.tokens.count }, shown)
    let spans =
      tree.expressions.map(\.span) + tree.patterns.map(\.span) + tree.types.map(\.span) + tree.declarations.map(\.span)
    #expect(spans.allSatisfy { $0.first >= 0 && $0.first <= $0.last && Int($0.last) < tree.tokens.count }, shown)
    #expect(diagnostics.allSatisfy { ($0.range?.upper ?? 0) <= text.count }, shown)
    let lowers = diagnostics.map { $0.range?.lower ?? 0 }
    #expect(lowers == lowers.sorted(), shown)
    for (place, node) in tree.expressions.enumerated() {
      #expect(node.leftOperand.map { Int($0.index) < place } ?? true, shown)
    }
    // Walks everything: each index leads somewhere.
    let structure = Structure.of(tree)
    // What is said to be wrong has left a mark, and nothing else has.
    if diagnostics.isEmpty {
      let (again, errors) = parse(SourceFile(name: "b.rf", text: print(tree)))
      #expect(errors == [], shown)
      #expect(Structure.of(again) == structure, shown)
    }
  }
}
