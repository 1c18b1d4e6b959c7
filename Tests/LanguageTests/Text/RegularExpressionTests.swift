import BuildGraph
import Testing

@testable import Language

/// The groups of the first match as text, `nil` for a group without part; nil if there is no match.
private func groups(_ pattern: String, _ text: String) throws -> [String?]? {
  let bytes = ByteString(text)
  return try RegularExpression(ByteString(pattern)).firstMatch(in: bytes).map { match in
    match.groups.map { range in range.map { String(decoding: bytes.bytes[$0], as: UTF8.self) } }
  }
}

private func message(_ pattern: ByteString) -> String? {
  do {
    _ = try RegularExpression(pattern)
    return nil
  } catch {
    return error.description
  }
}

@Suite struct RegularExpressionTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let pattern, text: String
    let groups: [String?]?
    init(_ pattern: String, _ text: String, _ groups: [String?]?) {
      (self.pattern, self.text, self.groups) = (pattern, text, groups)
    }
    var testDescription: String { "\(pattern) on \(text)" }
  }

  @Test(
    "the first match is the one that Go finds",
    arguments: [
      Example("", "", [""]),
      Example("b", "abc", ["b"]),
      Example("(.)-(.)", "a-b", ["a-b", "a", "b"]),
      Example("(a)", "zz", nil),
      Example("a|ab", "ab", ["a"]),
      Example("(a|ab)(c|bcd)(d*)", "abcd", ["abcd", "a", "bcd", ""]),
      Example("((a|b|c)*(d))", "abcd", ["abcd", "abcd", "c", "d"]),
      Example("(([^xyz]*)(d))", "abcd", ["abcd", "abcd", "abc", "d"]),
      Example("(a+?)(a*)", "aaa", ["aaa", "a", "aa"]),
      Example("a{2,3}", "aaaa", ["aaa"]),
      Example("a{2,3}?", "aaaa", ["aa"]),
      Example("(a){0}b", "ab", ["b", nil]),
      Example("x{2}y{2,}", "xxxyyy", ["xxyyy"]),
      Example("a{,2}", "a{,2}", ["a{,2}"]),
      Example("a{x", "a{x", ["a{x"]),
      Example("(?U)a+", "aaa", ["a"]),
      Example("(?U)a+?", "aaa", ["aaa"]),
      Example("(?i)straSSe", "STRASSE", ["STRASSE"]),
      Example("(?i)k", "\u{212A}", ["\u{212A}"]),
      Example("(?i)[^a]", "A", nil),
      Example("(?i)[à-ö]+", "ÀÉ", ["ÀÉ"]),
      Example("(?i)σ", "ς", ["ς"]),
      Example("a(?i)b", "aB", ["aB"]),
      Example("a(?i:b)c", "aBC", nil),
      Example("(?i:a(?-i)b)", "AB", nil),
      Example("^b", "a\nb", nil),
      Example("(?m)^b$", "a\nb\nc", ["b"]),
      Example("a$", "a\n", nil),
      Example("a\\z", "ba", ["a"]),
      Example("\\Ab", "ab", nil),
      Example("a.c", "a\nc", nil),
      Example("(?s)a.c", "a\nc", ["a\nc"]),
      Example("\\bfoo\\b", "a foo.", ["foo"]),
      Example("\\Boo", "foo", ["oo"]),
      Example("\\bé", "é", nil),
      Example("[[:alpha:]]+", "12ab3", ["ab"]),
      Example("[[:^digit:]]+", "12ab3", ["ab"]),
      Example("[^[:space:]]+", " ab ", ["ab"]),
      Example("\\d+\\D\\w\\W\\s\\S", "12-a- b", ["12-a- b"]),
      Example("[\\d\\-x]+", "a1-x", ["1-x"]),
      Example("[]a]+", "]a", ["]a"]),
      Example("[^]a]+", "]ab", ["b"]),
      Example("[a-]+", "-a", ["-a"]),
      Example("\\pL+", "12éΩж3", ["éΩж"]),
      Example("\\p{Greek}\\P{Greek}", "aΩb", ["Ωb"]),
      Example("\\p{^Lu}+", "ABcD", ["c"]),
      Example("[\\p{Lu}\\p{Nd}]+", "aB1c", ["B1"]),
      Example("\\p{Han}", "a漢", ["漢"]),
      Example("\\p{Cyrillic}+", "aжук", ["жук"]),
      Example("\\p{Latin}+", "жab", ["ab"]),
      Example("\\x41\\x{42}\\103\\0?", "ABC", ["ABC"]),
      Example("\\Qa.b*\\E+", "a.b**", ["a.b**"]),
      Example("\\Qa.b", "a.b", ["a.b"]),
      Example("\\a\\f\\n\\r\\t\\v\\.\\_", "\u{7}\u{C}\n\r\t\u{B}._", ["\u{7}\u{C}\n\r\t\u{B}._"]),
      Example("(?P<year>\\d{4})-(?<month>\\d\\d)", "in 2024-05", ["2024-05", "2024", "05"]),
      Example("(?:ab)+", "ababa", ["abab"]),
      Example("(a*)+", "b", ["", ""]),
      Example("(|a)*", "aa", ["", ""]),
      Example("(|a)+", "aa", ["", ""]),
      Example("(a|)*b", "aab", ["aab", "a"]),
      Example("()|b", "ab", ["", ""]),
      Example("^*", "", [""]),
      Example("é", "caf\u{E9}", ["é"]),
    ])
  func examples(example: Example) throws {
    #expect(try groups(example.pattern, example.text) == example.groups)
  }

  @Test(
    "a wrong pattern is explained in Go's words",
    arguments: [
      ("(", "missing closing ): `(`"), ("a)", "unexpected ): `a)`"), ("[a", "missing closing ]: `[a`"),
      ("*", "missing argument to repetition operator: `*`"), ("a|*", "missing argument to repetition operator: `*`"),
      ("a**", "invalid nested repetition operator: `**`"), ("a+{2}", "invalid nested repetition operator: `+{2}`"),
      ("a{1001}", "invalid repeat count: `{1001}`"), ("a{2,1}", "invalid repeat count: `{2,1}`"),
      ("((a{100}){100}){100}", "invalid repeat count: `{100}`"), ("[b-a]", "invalid character class range: `b-a`"),
      ("\\8", "invalid escape sequence: `\\8`"), ("\\1", "invalid escape sequence: `\\1`"),
      ("\\", "trailing backslash at end of expression: ``"), ("(?<n", "invalid named capture: `(?<n`"),
      ("(?P<a>x)(?P<a>y)", "duplicate capture group name: `a`"), ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
      ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
      ("\\p{Nope}", "invalid character class range: `\\p{Nope}`"),
      ("\\x{110000}", "invalid escape sequence: `\\x{110000}`"),
    ])
  func errors(pattern: String, expected: String) {
    #expect(message(ByteString(pattern)) == "error parsing regexp: " + expected)
  }

  @Test("a pattern that is not UTF-8, too large or too deep is an error")
  func limits() {
    #expect(message(ByteString(bytes: [0xFF]))?.contains("invalid UTF-8") == true)
    #expect(message(ByteString(String(repeating: "(", count: 100_000)))?.contains("nests too deeply") == true)
    let long = "(?:" + String(repeating: "abcdefghij", count: 200) + "){1000}"
    #expect(message(ByteString(long)) == "error parsing regexp: expression too large")
  }

  @Test("a byte that is not UTF-8 is one character")
  func invalidBytes() throws {
    let text = ByteString(bytes: [0x61, 0xFF, 0xC3, 0x62])
    let match = try RegularExpression("a(..)b").firstMatch(in: text)
    #expect(match?.groups == [0..<4, 1..<3])
  }

  @Test(
    "matches are replaced as Go replaces them",
    arguments: [
      ("(b)", "abc", "<$1>", "a<b>c"), ("b*", "abc", "-", "-a-c-"), ("", "ab", "x", "xaxbx"), ("", "", "x", "x"),
      ("a", "banana", "$0$0", "baanaanaa"), ("(?P<x>a)", "ba", "${x}1$x1", "ba1"), ("a", "a", "$$1", "$1"),
      ("(a)(b)?", "a", "[$2]", "[]"), ("a", "a", "$", "$"), ("a", "a", "${", "${"), ("a", "a", "$!", "$!"),
      ("a", "aé", "x", "xé"), ("", "é", "-", "-é-"), ("(a)", "a", "$01", ""), ("a+", "aabaa", "c", "cbc"),
      ("^", "ab", "x", "xab"), ("$", "ab", "x", "abx"), ("\\b", "a b", "|", "|a| |b|"),
    ])
  func replacement(pattern: String, text: String, template: String, expected: String) throws {
    let result = try RegularExpression(ByteString(pattern)).replacingAll(
      in: ByteString(text), with: ByteString(template))
    #expect(result == ByteString(expected))
  }

  @Test("patterns that make backtracking explode take linear time")
  func linear() throws {
    let text = String(repeating: "a", count: 2_000)
    #expect(try groups("(a*)*b", text) == nil)
    #expect(try groups("(?:a?){30}a{30}", String(text.prefix(30))) == [String(text.prefix(30))])
  }

  @Test("random expressions match as a naive matcher says", arguments: 0..<20)
  func oracle(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<60 {
      let pattern = Self.pattern(depth: 3, &random)
      let expression = try RegularExpression(ByteString(pattern))
      var parser = try RegexParser(ByteString(pattern))
      let root = try parser.parse()
      for _ in 0..<6 {
        let text = (0..<Int.random(in: 0...7, using: &random)).map { _ in random.pick(["a", "b", "c"]) }.joined()
        let naive = NaiveMatcher(parser.nodes, parser.sets, Array(text.utf8), groups: parser.groupNames.count)
        #expect(
          expression.firstMatch(in: ByteString(text))?.groups == naive.firstMatch(root), "\(pattern) on '\(text)'")
      }
    }
  }

  /// A random pattern in which nothing that can be empty is repeated without bound.
  private static func pattern(depth: Int, _ random: inout SeededGenerator) -> String {
    guard depth > 0 else { return random.pick(["a", "b", ".", "[ab]", "[^a]", "c"]) }
    switch Int.random(in: 0..<9, using: &random) {
    case 0: return "(" + pattern(depth: depth - 1, &random) + ")"
    case 1: return "(?:" + pattern(depth: depth - 1, &random) + "|" + pattern(depth: depth - 1, &random) + ")"
    case 2: return random.pick(["a", "[bc]", "(a)", "(?:a|bc)"]) + random.pick(["*", "+", "*?", "+?"])
    case 3: return "(" + pattern(depth: depth - 1, &random) + ")" + random.pick(["?", "??", "{2}", "{1,2}", "{0,2}?"])
    case 4: return random.pick(["^", "$", "\\b", "\\B", "a"])
    default: return pattern(depth: depth - 1, &random) + pattern(depth: depth - 1, &random)
    }
  }
}

/// Tries one alternative after another, as the meaning of an expression is defined.
private struct NaiveMatcher {
  let nodes: [RegexNode]
  let sets: [RegexSet]
  let text: [UInt8]
  let groups: Int

  init(_ nodes: [RegexNode], _ sets: [RegexSet], _ text: [UInt8], groups: Int) {
    (self.nodes, self.sets, self.text, self.groups) = (nodes, sets, text, groups)
  }

  typealias Groups = [Range<Int>?]

  func firstMatch(_ root: Int) -> Groups? {
    for start in 0...text.count {
      let none = Groups(repeating: nil, count: groups)
      let found = match(root, start, none) { end, groups in
        var groups = groups
        groups[0] = start..<end
        return groups
      }
      if let found { return found }
    }
    return nil
  }

  private func match(_ node: Int, _ place: Int, _ groups: Groups, _ rest: (Int, Groups) -> Groups?) -> Groups? {
    switch nodes[node] {
    case .empty: return rest(place, groups)
    case .character(let value):
      return place < text.count && UInt32(text[place]) == value ? rest(place + 1, groups) : nil
    case .set(let index):
      return place < text.count && sets[index].contains(UInt32(text[place])) ? rest(place + 1, groups) : nil
    case .assertion(let assertion): return holds(assertion, place) ? rest(place, groups) : nil
    case .group(let index, let inner):
      return match(inner, place, groups) { end, groups in
        var groups = groups
        groups[index] = place..<end
        return rest(end, groups)
      }
    case .sequence(let parts): return sequence(parts[...], place, groups, rest)
    case .alternatives(let parts):
      for part in parts {
        if let found = match(part, place, groups, rest) { return found }
      }
      return nil
    case .repetition(let inner, let minimum, let maximum, let isGreedy):
      return repetition(inner, minimum, maximum, isGreedy, place, groups, rest)
    }
  }

  private func sequence(
    _ parts: ArraySlice<Int>, _ place: Int, _ groups: Groups, _ rest: (Int, Groups) -> Groups?
  ) -> Groups? {
    guard let first = parts.first else { return rest(place, groups) }
    return match(first, place, groups) { sequence(parts.dropFirst(), $0, $1, rest) }
  }

  private func repetition(
    _ inner: Int, _ minimum: Int, _ maximum: Int?, _ isGreedy: Bool, _ place: Int, _ groups: Groups,
    _ rest: (Int, Groups) -> Groups?
  ) -> Groups? {
    func again() -> Groups? {
      maximum == 0
        ? nil
        : match(inner, place, groups) {
          repetition(inner, max(0, minimum - 1), maximum.map { $0 - 1 }, isGreedy, $0, $1, rest)
        }
    }
    if minimum > 0 { return again() }
    return isGreedy ? again() ?? rest(place, groups) : rest(place, groups) ?? again()
  }

  private func holds(_ assertion: RegexAssertion, _ place: Int) -> Bool {
    switch assertion {
    case .textStart, .lineStart: place == 0
    case .textEnd, .lineEnd: place == text.count
    // The texts consist of letters, so words end where the text does.
    case .wordBoundary: (place == 0) != (place == text.count)
    case .noWordBoundary: (place == 0) == (place == text.count)
    }
  }
}
