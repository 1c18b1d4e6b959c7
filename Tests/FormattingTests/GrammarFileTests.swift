import Foundation
import Testing

@testable import Language

/// The grammar for editors, fixtures/editor/reflow.tmLanguage.json.
@Suite struct GrammarFileTests {
  private static let grammar = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("fixtures/editor/reflow.tmLanguage.json")

  /// All regular expressions of a part of the grammar.
  private static func expressions(_ part: Any) -> [String] {
    if let list = part as? [Any] { return list.flatMap(expressions) }
    guard let table = part as? [String: Any] else { return [] }
    let own = ["match", "begin", "end"].compactMap { table[$0] as? String }
    return own + table.values.flatMap(expressions)
  }

  @Test func `the grammar is valid JSON whose expressions compile`() throws {
    let part = try JSONSerialization.jsonObject(with: Data(contentsOf: Self.grammar))
    let expressions = Self.expressions(part)
    #expect(expressions.count > 10)
    for expression in expressions { _ = try NSRegularExpression(pattern: expression) }
  }

  @Test(arguments: Token.Kind.keywords.map(\.spelling))
  func `every keyword of the lexer is one of the grammar`(_ keyword: String) throws {
    let part = try JSONSerialization.jsonObject(with: Data(contentsOf: Self.grammar))
    let words = Self.expressions(part).filter { $0.hasPrefix("\\b(") }
      .flatMap { $0.dropFirst(3).prefix { $0 != ")" }.split(separator: "|") }
    #expect(words.contains(Substring(keyword)))
  }
}
