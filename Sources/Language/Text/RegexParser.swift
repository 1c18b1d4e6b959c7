import BuildGraph

/// Reads the syntax of a regular expression. Open groups are on a stack of its own.
struct RegexParser {
  private let pattern: [Unicode.Scalar]
  private var place = 0
  private(set) var nodes: [RegexNode] = []
  private(set) var sets: [RegexSet] = []
  private(set) var groupNames: [String?] = [nil]
  private var flags = Flags()
  private var groups: [Group] = []
  private var level = Group(flags: Flags(), capture: nil)

  private struct Flags {
    var ignoresCase = false
    var isMultiline = false
    var dotMatchesNewline = false
    var isLazy = false
  }

  /// What is being read between a parenthesis and its closing one.
  private struct Group {
    var flags: Flags
    /// The number of a group that is remembered.
    var capture: Int?
    var alternatives: [Int] = []
    var items: [Int] = []
    /// The operator directly before, if the last item is a repetition.
    var repetition: String?
  }

  /// How deep groups may nest; the compiler recurses over them.
  private static let nestingLimit = 200
  private static let repetitionLimit = 1000

  init(_ pattern: ByteString) throws(RegularExpressionError) {
    guard let text = pattern.utf8 else {
      throw RegularExpressionError(message: "invalid UTF-8: `\(pattern.display)`")
    }
    self.pattern = Array(text.unicodeScalars)
  }

  /// The index of the root node.
  mutating func parse() throws(RegularExpressionError) -> Int {
    while let scalar = peek() {
      let start = place
      place += 1
      switch scalar {
      case "(": try openGroup(start)
      case ")": try closeGroup(start)
      case "|": level.alternatives.append(take())
      case "*": try repeatLast(0, nil, start)
      case "+": try repeatLast(1, nil, start)
      case "?": try repeatLast(0, 1, start)
      case "{": try openBrace(start)
      case "[": append(.set(try bracketed(start)))
      case ".": append(.set(add(flags.dotMatchesNewline ? .any : .notNewline)))
      case "^": append(.assertion(flags.isMultiline ? .lineStart : .textStart))
      case "$": append(.assertion(flags.isMultiline ? .lineEnd : .textEnd))
      case "\\": try escape(start)
      default: appendLiteral(scalar.value)
      }
    }
    guard groups.isEmpty else { throw error("missing closing )", text(0..<pattern.count)) }
    return endLevel()
  }

  // MARK: Building

  private func peek(_ distance: Int = 0) -> Unicode.Scalar? {
    place + distance < pattern.count ? pattern[place + distance] : nil
  }

  private mutating func accept(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    place += 1
    return true
  }

  private func text(_ range: Range<Int>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: pattern[range])
    return text
  }

  private func error(_ what: String, _ part: String) -> RegularExpressionError {
    RegularExpressionError(message: "\(what): `\(part)`")
  }

  private mutating func add(_ node: RegexNode) -> Int {
    nodes.append(node)
    return nodes.count - 1
  }

  private mutating func add(_ set: RegexSet) -> Int {
    sets.append(set)
    return sets.count - 1
  }

  private mutating func append(_ node: RegexNode) {
    level.items.append(add(node))
    level.repetition = nil
  }

  private mutating func appendLiteral(_ value: UInt32) {
    guard flags.ignoresCase, CaseFolding.variants(of: value).contains(where: { $0 != value }) else {
      return append(.character(value))
    }
    var set = RegexSet()
    set.insert(value...value)
    set.complete(isNegated: false, ignoresCase: true)
    append(.set(add(set)))
  }

  /// The items since the last `|` or parenthesis, as one node.
  private mutating func take() -> Int {
    let items = level.items
    level.items = []
    level.repetition = nil
    return items.count == 1 ? items[0] : add(items.isEmpty ? .empty : .sequence(items))
  }

  private mutating func endLevel() -> Int {
    let last = take()
    return level.alternatives.isEmpty ? last : add(.alternatives(level.alternatives + [last]))
  }

  // MARK: Groups

  private mutating func openGroup(_ start: Int) throws(RegularExpressionError) {
    guard peek() == "?" else { return try push(capture: nil, isCapture: true) }
    place += 1
    if peek() == "<" || (peek() == "P" && peek(1) == "<") {
      place += peek() == "P" ? 2 : 1
      let nameStart = place
      while let scalar = peek(), scalar != ">" { place += 1 }
      let name = text(nameStart..<place)
      guard accept(">") else { throw error("invalid named capture", text(start..<pattern.count)) }
      let isName = !name.isEmpty && name.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
      guard isName else { throw error("invalid named capture", text(start..<place)) }
      guard !groupNames.contains(name) else { throw error("duplicate capture group name", name) }
      return try push(capture: name, isCapture: true)
    }
    try changeFlags(start)
  }

  /// `(?i)`, `(?i-s:…)`, `(?:…)`
  private mutating func changeFlags(_ start: Int) throws(RegularExpressionError) {
    var new = flags
    var value = true
    var hasFlag = false
    while let scalar = peek() {
      place += 1
      switch scalar {
      case "i": new.ignoresCase = value
      case "m": new.isMultiline = value
      case "s": new.dotMatchesNewline = value
      case "U": new.isLazy = value
      case "-" where value:
        value = false
        hasFlag = false
        continue
      case ":" where value || hasFlag:
        try push(capture: nil, isCapture: false)
        flags = new
        return
      case ")" where value || hasFlag:
        flags = new
        return
      default: throw error("invalid or unsupported Perl syntax", text(start..<place))
      }
      hasFlag = true
    }
    throw error("missing closing )", text(0..<pattern.count))
  }

  private mutating func push(capture name: String?, isCapture: Bool) throws(RegularExpressionError) {
    guard groups.count < Self.nestingLimit else {
      throw error("expression nests too deeply", text(0..<pattern.count))
    }
    groups.append(level)
    level = Group(flags: flags, capture: isCapture ? groupNames.count : nil)
    if isCapture { groupNames.append(name) }
  }

  private mutating func closeGroup(_ start: Int) throws(RegularExpressionError) {
    guard let outer = groups.popLast() else { throw error("unexpected )", text(0..<pattern.count)) }
    let inner = endLevel()
    let capture = level.capture
    flags = level.flags
    level = outer
    let node = capture.map { add(.group($0, inner)) } ?? inner
    level.items.append(node)
    level.repetition = nil
  }

  // MARK: Repetition

  private mutating func repeatLast(_ minimum: Int, _ maximum: Int?, _ start: Int) throws(RegularExpressionError) {
    let isLazy = accept("?") != flags.isLazy
    let symbol = text(start..<place)
    guard let last = level.items.popLast() else { throw error("missing argument to repetition operator", symbol) }
    if let before = level.repetition { throw error("invalid nested repetition operator", before + symbol) }
    let node = add(.repetition(last, minimum: minimum, maximum: maximum, isGreedy: !isLazy))
    guard isRepeatable(node, Self.repetitionLimit) else { throw error("invalid repeat count", symbol) }
    level.items.append(node)
    level.repetition = symbol
  }

  /// `{n}`, `{n,}` or `{n,m}`; anything else is meant literally.
  private mutating func openBrace(_ start: Int) throws(RegularExpressionError) {
    let minimum = repeatCount()
    var maximum = minimum
    if minimum != nil, accept(",") { maximum = repeatCount() }
    let isOpen = pattern[place - 1] == ","
    guard let minimum, maximum != nil || isOpen, accept("}") else {
      place = start + 1
      return appendLiteral(0x7B)
    }
    let largest = max(minimum, maximum ?? 0)
    guard largest <= Self.repetitionLimit, minimum <= maximum ?? minimum else {
      throw error("invalid repeat count", text(start..<place))
    }
    try repeatLast(minimum, isOpen ? nil : maximum, start)
  }

  /// Digits without a leading zero; numbers beyond the limit come out just above it.
  private mutating func repeatCount() -> Int? {
    let start = place
    var value = 0
    while let digit = peek(), ("0"..."9").contains(digit) {
      value = min(value * 10 + Int(digit.value - 0x30), Self.repetitionLimit + 1)
      place += 1
    }
    let isNumber = place > start && (place == start + 1 || pattern[start] != "0")
    return isNumber ? value : nil
  }

  /// Whether the counts of repetitions inside one another multiply to `limit` at most.
  private func isRepeatable(_ node: Int, _ limit: Int) -> Bool {
    switch nodes[node] {
    case .empty, .character, .set, .assertion: return true
    case .group(_, let inner): return isRepeatable(inner, limit)
    case .sequence(let parts), .alternatives(let parts): return parts.allSatisfy { isRepeatable($0, limit) }
    case .repetition(let inner, let minimum, let maximum, _):
      let count = maximum ?? minimum
      // `?`, `*` and `+` write their operand once.
      if count <= 1 { return count == 0 && maximum != nil || isRepeatable(inner, limit) }
      return count <= limit && isRepeatable(inner, limit / count)
    }
  }

  // MARK: Escapes and sets

  private mutating func escape(_ start: Int) throws(RegularExpressionError) {
    switch peek() {
    case "A": append(.assertion(.textStart))
    case "z": append(.assertion(.textEnd))
    case "b": append(.assertion(.wordBoundary))
    case "B": append(.assertion(.noWordBoundary))
    case "Q":
      place += 1
      while let scalar = peek() {
        if scalar == "\\", peek(1) == "E" {
          place += 2
          return
        }
        place += 1
        appendLiteral(scalar.value)
      }
      return
    default:
      var set = RegexSet()
      if try insertClass(into: &set, start) {
        set.complete(isNegated: false, ignoresCase: flags.ignoresCase)
        append(.set(add(set)))
      } else {
        appendLiteral(try escapedCharacter(start))
      }
      return
    }
    place += 1
  }

  /// `\d`, `\pL`, `\P{Greek}` and the like.
  private mutating func insertClass(into set: inout RegexSet, _ start: Int) throws(RegularExpressionError) -> Bool {
    guard let letter = peek() else { return false }
    let isNegated = letter.properties.isUppercase
    switch letter {
    case "d", "D", "s", "S", "w", "W":
      place += 1
      insert(Self.perl[letter.properties.lowercaseMapping]!, isNegated, into: &set)
      return true
    case "p", "P":
      place += 1
      var name = ""
      if accept("{") {
        let nameStart = place
        while let scalar = peek(), scalar != "}" { place += 1 }
        name = text(nameStart..<place)
        guard accept("}") else { throw error("invalid character class range", text(start..<pattern.count)) }
      } else if let scalar = peek() {
        place += 1
        name = String(Character(scalar))
      }
      let isInverse = name.hasPrefix("^")
      if isInverse { name.removeFirst() }
      guard UnicodeClass.exists(name) else { throw error("invalid character class range", text(start..<place)) }
      set.insert(RegexSet.Class(name: name, isNegated: isNegated != isInverse))
      return true
    default: return false
    }
  }

  private func insert(_ ranges: [ClosedRange<UInt32>], _ isNegated: Bool, into set: inout RegexSet) {
    if isNegated { set.insert(outside: ranges) } else { for range in ranges { set.insert(range) } }
  }

  private mutating func escapedCharacter(_ start: Int) throws(RegularExpressionError) -> UInt32 {
    guard let letter = peek() else { throw error("trailing backslash at end of expression", "") }
    place += 1
    switch letter {
    case "a": return 7
    case "f": return 12
    case "n": return 10
    case "r": return 13
    case "t": return 9
    case "v": return 11
    case "x":
      let isBraced = accept("{")
      let digits = takeDigits(16, isBraced ? .max : 2)
      guard isBraced ? accept("}") && !digits.isEmpty : digits.count == 2, let value = UInt32(digits, radix: 16),
        value <= 0x10FFFF
      else { break }
      return value
    case "0":
      return UInt32("0" + takeDigits(8, 2), radix: 8)!
    case "1"..."7":
      // One digit alone would be a reference to a group.
      guard let next = peek(), ("0"..."7").contains(next) else { break }
      return UInt32(String(Character(letter)) + takeDigits(8, 2), radix: 8)!
    default:
      guard letter.isASCII, !isLetter(UInt8(letter.value)), !isDigit(UInt8(letter.value)) else { break }
      return letter.value
    }
    throw error("invalid escape sequence", text(start..<place))
  }

  private mutating func takeDigits(_ radix: Int, _ limit: Int) -> String {
    var digits = ""
    while digits.utf8.count < limit, let scalar = peek(), let value = Character(scalar).hexDigitValue, value < radix,
      scalar.isASCII
    {
      digits.unicodeScalars.append(scalar)
      place += 1
    }
    return digits
  }

  /// `[…]`
  private mutating func bracketed(_ start: Int) throws(RegularExpressionError) -> Int {
    var set = RegexSet()
    let isNegated = accept("^")
    var isFirst = true
    while isFirst || peek() != "]" {
      isFirst = false
      guard let scalar = peek() else { throw error("missing closing ]", text(start..<pattern.count)) }
      let itemStart = place
      if scalar == "[", peek(1) == ":", try insertNamedClass(into: &set) { continue }
      if scalar == "\\" {
        place += 1
        if try insertClass(into: &set, itemStart) { continue }
        place = itemStart
      }
      let lower = try setCharacter(start)
      var upper = lower
      if peek() == "-", let next = peek(1), next != "]" {
        place += 1
        upper = try setCharacter(start)
        guard lower <= upper else { throw error("invalid character class range", text(itemStart..<place)) }
      }
      set.insert(lower...upper)
    }
    place += 1
    set.complete(isNegated: isNegated, ignoresCase: flags.ignoresCase)
    return add(set)
  }

  private mutating func setCharacter(_ start: Int) throws(RegularExpressionError) -> UInt32 {
    guard let scalar = peek() else { throw error("missing closing ]", text(start..<pattern.count)) }
    place += 1
    return scalar == "\\" ? try escapedCharacter(place - 1) : scalar.value
  }

  /// `[:alpha:]` or `[:^alpha:]`
  private mutating func insertNamedClass(into set: inout RegexSet) throws(RegularExpressionError) -> Bool {
    let start = place
    var end = place + 2
    while end + 1 < pattern.count, !(pattern[end] == ":" && pattern[end + 1] == "]") { end += 1 }
    guard end + 1 < pattern.count else { return false }
    var name = text((start + 2)..<end)
    let isNegated = name.hasPrefix("^")
    if isNegated { name.removeFirst() }
    guard let ranges = Self.named[name] else {
      throw error("invalid character class range", text(start..<(end + 2)))
    }
    place = end + 2
    insert(ranges, isNegated, into: &set)
    return true
  }

  private static let perl: [String: [ClosedRange<UInt32>]] = [
    "d": [0x30...0x39], "s": [9...10, 12...13, 0x20...0x20], "w": [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A],
  ]

  private static let named: [String: [ClosedRange<UInt32>]] = [
    "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A], "ascii": [0...0x7F],
    "blank": [9...9, 0x20...0x20], "cntrl": [0...0x1F, 0x7F...0x7F], "digit": [0x30...0x39], "graph": [0x21...0x7E],
    "lower": [0x61...0x7A], "print": [0x20...0x7E],
    "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E], "space": [9...13, 0x20...0x20],
    "upper": [0x41...0x5A], "word": [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A],
    "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
  ]
}
