import Diagnostics
import Foundation
import Testing

@testable import Language

/// The colours that the TextMate grammar gives to programs, beside what the lexer says of them.
@Suite struct GrammarColoringTests {
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("fixtures")

  /// As much of a TextMate engine as the grammar uses: rules with `match` or `begin` and `end`, line by line.
  private final class Engine {
    final class Rule {
      var name = ""
      var match: NSRegularExpression?
      var begin: NSRegularExpression?
      var end: NSRegularExpression?
      var patterns: [[String: Any]] = []
    }

    private let repository: [String: Any]
    private let top: [[String: Any]]
    private var rules: [String: [Rule]] = [:]

    init(_ grammar: [String: Any]) {
      repository = grammar["repository"] as? [String: Any] ?? [:]
      top = grammar["patterns"] as? [[String: Any]] ?? []
    }

    private func compile(_ patterns: [[String: Any]]) throws -> [Rule] {
      try patterns.flatMap { pattern -> [Rule] in
        if let name = (pattern["include"] as? String)?.dropFirst() {
          if let known = rules[String(name)] { return known }
          guard let part = repository[String(name)] as? [String: Any] else { return [] }
          // A part that has no expression of its own is a list of rules.
          let isRule = part["match"] != nil || part["begin"] != nil
          let compiled = try compile(isRule ? [part] : part["patterns"] as? [[String: Any]] ?? [])
          rules[String(name)] = compiled
          return compiled
        }
        let rule = Rule()
        rule.name = pattern["name"] as? String ?? ""
        func expression(_ key: String) throws -> NSRegularExpression? {
          try (pattern[key] as? String).map { try NSRegularExpression(pattern: $0) }
        }
        rule.match = try expression("match")
        rule.begin = try expression("begin")
        rule.end = try expression("end")
        rule.patterns = pattern["patterns"] as? [[String: Any]] ?? []
        return [rule]
      }
    }

    /// The innermost scope of each UTF-16 unit.
    func scopes(of text: String) throws -> [String] {
      let whole = text as NSString
      var scopes: [String] = []
      var stack: [Rule] = []
      var inner: [[Rule]] = [try compile(top)]
      var lower = 0
      while lower < whole.length {
        let line = whole.lineRange(for: NSRange(location: lower, length: 0))
        let end = line.location + line.length
        var place = lower
        while place < end {
          let rest = NSRange(location: place, length: end - place)
          func found(_ expression: NSRegularExpression?) -> NSRange? {
            expression?.firstMatch(in: text, options: [.withTransparentBounds], range: rest)?.range
          }
          var best: (range: NSRange, rule: Rule?)?
          if let open = stack.last, let range = found(open.end) { best = (range, nil) }
          for rule in inner[inner.count - 1] {
            if let range = found(rule.match ?? rule.begin), range.location < best?.range.location ?? .max {
              best = (range, rule)
            }
          }
          let current = stack.last?.name ?? ""
          guard let (range, rule) = best else {
            scopes += Array(repeating: current, count: end - place)
            break
          }
          scopes += Array(repeating: current, count: range.location - place)
          scopes += Array(repeating: rule?.name ?? current, count: range.length)
          if let rule {
            if rule.begin != nil {
              stack.append(rule)
              inner.append(try compile(rule.patterns))
            }
          } else {
            stack.removeLast()
            inner.removeLast()
          }
          place = range.location + range.length
        }
        lower = end
      }
      return scopes
    }
  }

  private static func programs() throws -> [(name: String, text: String)] {
    let walk = FileManager.default.enumerator(atPath: fixtures.path)
    let names = (walk?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".rf") && !$0.contains("errors/") }
      .sorted()
    return try names.map { ($0, try String(contentsOf: fixtures.appendingPathComponent($0), encoding: .utf8)) }
  }

  /// What the scope of a token begins with; nil where the grammar may say anything but that it is text.
  private func wanted(_ kind: Token.Kind) -> [String]? {
    switch kind {
    case .string, .template, .character: ["string.", "constant.character"]
    case .integer, .float: ["constant.numeric"]
    case .true, .false: ["constant.language"]
    case _ where kind.isKeyword: ["keyword.", "storage.", "invalid."]
    case _: nil
    }
  }

  @Test func `words, numbers, strings, templates and comments have the colours of their kind`() throws {
    let json = try JSONSerialization.jsonObject(
      with: Data(contentsOf: Self.fixtures.appendingPathComponent("editor/reflow.tmLanguage.json")))
    let engine = Engine(try #require(json as? [String: Any]))
    var tokens = 0
    for (name, text) in try Self.programs() {
      let (tree, diagnostics) = parse(SourceFile(name: name, text: text))
      guard diagnostics.isEmpty else { continue }
      let scopes = try engine.scopes(of: text)
      #expect(scopes.count == text.utf16.count)
      // Offsets of the lexer are of bytes, those of the engine of UTF-16 units.
      let bytes = Array(text.utf8)
      var units = [Int](repeating: 0, count: bytes.count + 1)
      for (offset, byte) in bytes.enumerated() {
        units[offset + 1] = units[offset] + (byte & 0xC0 == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1)
      }
      func check(_ lower: Int32, _ kinds: [String]?, _ what: String) {
        tokens += 1
        let scope = scopes[units[Int(lower)]]
        if let kinds {
          #expect(kinds.contains { scope.hasPrefix($0) }, "\(name):\(lower): \(what) is '\(scope)'")
        } else {
          #expect(
            !scope.hasPrefix("string.") && !scope.hasPrefix("comment."), "\(name):\(lower): \(what) is '\(scope)'")
        }
      }
      for token in tree.tokens where token.upper > token.lower {
        // A piece of a template between two interpolations may have no text, and its `}}` and `{{` are theirs.
        if token.kind == .template {
          let isEmpty = bytes[Int(token.lower) + 2..<Int(token.upper)].starts(with: "{{".utf8)
          if !isEmpty { check(token.lower + 2, wanted(.template), "a template") }
        } else if token.kind == .identifier || wanted(token.kind) != nil {
          check(token.lower, wanted(token.kind), "\(token.kind)")
        }
      }
      for comment in tree.comments { check(comment.lower, ["comment."], "a comment") }
    }
    #expect(tokens > 500)
  }
}
