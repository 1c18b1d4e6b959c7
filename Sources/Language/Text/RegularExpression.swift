package import BuildGraph

/// A regular expression in the syntax of Go and RE2, over bytes that are read as UTF-8.
///
/// Of the matches at the leftmost place it finds the one that a backtracking engine would find first. It runs all
/// alternatives side by side: time grows with text times pattern, whatever the pattern is. A byte that is not UTF-8
/// counts as one character, U+FFFD.
package struct RegularExpression: Sendable {
  let program: [RegexInstruction]
  let sets: [RegexSet]
  /// For each group, 0 being the whole match; nil where it has no name.
  package let groupNames: [String?]
  private let firstBytes: [Bool]?
  private let isAnchored: Bool

  /// - Throws: Where the pattern is malformed or uses what the syntax does not have.
  /// - Complexity: O(pattern), bounded repetitions written out.
  package init(_ pattern: ByteString) throws(RegularExpressionError) {
    var parser = try RegexParser(pattern)
    let root = try parser.parse()
    var compiler = RegexCompiler(nodes: parser.nodes)
    try compiler.compile(root)
    program = compiler.program
    sets = parser.sets
    groupNames = parser.groupNames
    firstBytes = Self.firstBytes(program, sets)
    if program.count > 1, case .assertion(.textStart) = program[1] { isAnchored = true } else { isAnchored = false }
  }

  /// Where a match and its groups lie: byte ranges, nil for a group that took no part.
  package struct Match: Hashable, Sendable {
    package let groups: [Range<Int>?]
    package var range: Range<Int> { groups[0]! }
  }

  /// The leftmost match.
  ///
  /// - Complexity: O(text × program).
  package func firstMatch(in text: ByteString) -> Match? {
    var machine = RegexMachine(self)
    return text.bytes.withUnsafeBufferPointer { match(in: $0, from: 0, &machine) }
  }

  /// The text with each match replaced by `template`, in which `$1`, `${1}`, `$name` and `${name}` stand for groups and
  /// `$$` for a dollar sign.
  package func replacingAll(in text: ByteString, with template: ByteString) -> ByteString {
    let template = ReplacementTemplate(template)
    var machine = RegexMachine(self)
    var result: [UInt8] = []
    text.bytes.withUnsafeBufferPointer { text in
      var place = 0
      var copied = 0
      while place <= text.count, let match = match(in: text, from: place, &machine) {
        let range = match.range
        result += text[copied..<range.lowerBound]
        // An empty match directly behind another match is none.
        if range.upperBound > copied || range.lowerBound == 0 {
          template.expand(match, names: groupNames, text: text, into: &result)
        }
        copied = range.upperBound
        let next = place + RegexMachine.scalar(in: text, at: place).width
        place = next > range.upperBound ? next : place + 1 > range.upperBound ? place + 1 : range.upperBound
      }
      result += text[copied...]
    }
    return ByteString(bytes: result)
  }

  private func match(
    in text: UnsafeBufferPointer<UInt8>, from start: Int, _ machine: inout RegexMachine
  ) -> Match? {
    guard let slots = machine.run(self, text, from: start, firstBytes: firstBytes, isAnchored: isAnchored) else {
      return nil
    }
    return Match(
      groups: groupNames.indices.map { slots[2 * $0] < 0 ? nil : slots[2 * $0]..<slots[2 * $0 + 1] })
  }

  /// The bytes that a match can begin with; nil if it can be empty.
  private static func firstBytes(_ program: [RegexInstruction], _ sets: [RegexSet]) -> [Bool]? {
    var result = [Bool](repeating: false, count: 256)
    var seen = [Bool](repeating: false, count: program.count)
    var places = [0]
    while let place = places.popLast() {
      guard !seen[place] else { continue }
      seen[place] = true
      switch program[place] {
      case .match: return nil
      case .jump(let target): places.append(target)
      case .split(let first, let second): places += [first, second]
      case .save, .assertion: places.append(place + 1)
      case .character(let value) where value < 0x80: result[Int(value)] = true
      case .set(let index):
        for byte in 0..<0x80 where sets[index].contains(UInt32(byte)) { result[byte] = true }
        for byte in 0x80..<0x100 { result[byte] = true }
      case .character: for byte in 0x80..<0x100 { result[byte] = true }
      }
    }
    return result
  }
}

/// Why a pattern is not a regular expression, in Go's words.
package struct RegularExpressionError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  package var description: String { "error parsing regexp: " + message }
}

/// A step of a matching program.
enum RegexInstruction: Hashable, Sendable {
  case character(UInt32)
  case set(Int)
  case assertion(RegexAssertion)
  /// Remembers the place in a slot.
  case save(Int)
  case jump(Int)
  /// Goes on at both, rather at the first.
  case split(Int, Int)
  case match
}

enum RegexAssertion: Hashable, Sendable {
  case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
}

/// The second argument of `regexp.Replace`, read once.
private struct ReplacementTemplate {
  private enum Part {
    case text(ArraySlice<UInt8>)
    case number(Int)
    case name(String)
  }

  private var parts: [Part] = []

  init(_ template: ByteString) {
    var rest = template.bytes[...]
    while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
      if dollar > rest.startIndex { parts.append(.text(rest[..<dollar])) }
      rest = rest[(dollar + 1)...]
      if rest.first == UInt8(ascii: "$") {
        parts.append(.text(rest.prefix(1)))
        rest = rest.dropFirst()
      } else if let (part, after) = Self.reference(rest) {
        parts.append(part)
        rest = after
      } else {
        parts.append(.text([UInt8(ascii: "$")]))
      }
    }
    if !rest.isEmpty { parts.append(.text(rest)) }
  }

  /// What follows a dollar sign, and the rest behind it.
  private static func reference(_ text: ArraySlice<UInt8>) -> (Part, ArraySlice<UInt8>)? {
    let isBraced = text.first == UInt8(ascii: "{")
    let start = isBraced ? text.dropFirst() : text
    var name = ""
    var rest = start
    while !rest.isEmpty {
      let (value, width) = rest.withUnsafeBufferPointer { RegexMachine.scalar(in: $0, at: 0) }
      guard let scalar = Unicode.Scalar(value), value == 0x5F || scalar.properties.generalCategory.isLetterOrDigit
      else {
        break
      }
      name.unicodeScalars.append(scalar)
      rest = rest.dropFirst(width)
    }
    guard !name.isEmpty else { return nil }
    if isBraced {
      guard rest.first == UInt8(ascii: "}") else { return nil }
      rest = rest.dropFirst()
    }
    let isNumber = name.utf8.allSatisfy(isDigit) && (name == "0" || !name.hasPrefix("0")) && name.utf8.count <= 8
    return (isNumber ? .number(Int(name)!) : .name(name), rest)
  }

  func expand(
    _ match: RegularExpression.Match, names: [String?], text: UnsafeBufferPointer<UInt8>, into result: inout [UInt8]
  ) {
    for part in parts {
      switch part {
      case .text(let bytes): result += bytes
      case .number(let index):
        if index < match.groups.count, let range = match.groups[index] { result += text[range] }
      case .name(let name):
        let index = names.indices.first { names[$0] == name && match.groups[$0] != nil }
        if let index, let range = match.groups[index] { result += text[range] }
      }
    }
  }
}
