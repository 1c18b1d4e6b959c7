import Diagnostics
import Language

/// A piece of the text that is never divided: a token, a comment, or a whole template.
struct Atom {
  enum Comment { case line, block }

  /// The token's kind; for a comment that of what follows is of no interest, and it is `.end`.
  var kind: Token.Kind
  var comment: Comment?
  var text: ArraySlice<UInt8>
  /// How many line breaks are before it, 2 for any number above.
  var breaks: Int
  /// Whether a space stands before it if it does not begin a line.
  var hasSpace = false
  /// Whether the line may be broken before it: neither a comment nor a closing bracket, and behind a comma, say.
  var breakRank: BreakRank?
  /// Whether the newline rule ended the declaration behind it.
  var endsStatement = false

  enum BreakRank: Int { case element, operand }
}

/// The atoms of a program with the space between them.
struct Atoms {
  private(set) var atoms: [Atom] = []
  private let tree: SyntaxTree
  private var roles: [UInt8]

  private static let block: UInt8 = 1
  private static let type: UInt8 = 2
  private static let tightColon: UInt8 = 4
  private static let blockEnd: UInt8 = 8

  init(_ tree: SyntaxTree) {
    self.tree = tree
    roles = Array(repeating: 0, count: tree.tokens.count + 1)
    markRoles()
    collect()
    space()
  }

  /// What only the tree knows: which braces are blocks, where types begin, which colons are tight.
  private mutating func markRoles() {
    for expression in tree.expressions {
      switch expression.kind {
      case .block where tree.tokens[Int(expression.span.first)].kind == .leftBrace:
        roles[Int(expression.span.first)] |= Self.block
        roles[Int(expression.span.last)] |= Self.blockEnd
      case .switch(let subject, _):
        var brace = Int(tree[subject].span.last) + 1
        while brace < Int(expression.span.last), tree.tokens[brace].kind != .leftBrace { brace += 1 }
        roles[brace] |= Self.block
        roles[Int(expression.span.last)] |= Self.blockEnd
      case .slice(_, _, let upper?): roles[Int(tree[upper].span.first) - 1] |= Self.tightColon
      case _: break
      }
    }
    for type in tree.types {
      roles[Int(type.span.first)] |= Self.type
      if case .map(_, let value) = type.kind { roles[Int(tree[value].span.first) - 1] |= Self.tightColon }
    }
  }

  private var tokenOf: [Int] = []

  private mutating func collect() {
    var comment = 0
    var end = 0
    var index = 0
    func breaks(_ lower: Int, _ end: Int) -> Int {
      var count = 0
      for byte in tree.source.text[end..<lower] where byte == UInt8(ascii: "\n") { count += 1 }
      return min(count, 2)
    }
    while index < tree.tokens.count {
      let token = tree.tokens[index]
      while comment < tree.comments.count, tree.comments[comment].lower <= token.lower {
        let next = tree.comments[comment]
        comment += 1
        guard Int(next.lower) >= end else { continue }
        let text = commentText(tree, next)
        let kind: Atom.Comment = text.dropFirst().first == UInt8(ascii: "/") ? .line : .block
        atoms.append(Atom(kind: .end, comment: kind, text: text, breaks: breaks(Int(next.lower), end)))
        tokenOf.append(-1)
        end = Int(next.upper)
      }
      if token.isInserted {
        if let last = atoms.lastIndex(where: { $0.comment == nil }) { atoms[last].endsStatement = true }
      } else if token.kind != .end {
        let lower = Int(token.lower)
        let last = token.kind == .template ? templateEnd(index) : index
        let upper = Int(tree.tokens[last].upper)
        atoms.append(
          Atom(kind: token.kind, comment: nil, text: tree.source.text[lower..<upper], breaks: breaks(lower, end)))
        tokenOf.append(index)
        end = upper
        index = last
      }
      index += 1
    }
  }

  /// The index of the last piece of the template that begins at a token.
  private func templateEnd(_ first: Int) -> Int {
    var depth = 0
    for index in first..<tree.tokens.count where tree.tokens[index].kind == .template {
      let text = tree.source.text[Int(tree.tokens[index].lower)..<Int(tree.tokens[index].upper)]
      if text.starts(with: [UInt8(ascii: "{"), UInt8(ascii: "\"")]) { depth += 1 }
      if text.suffix(2).elementsEqual([UInt8(ascii: "\""), UInt8(ascii: "}")]) { depth -= 1 }
      if depth == 0 { return index }
    }
    return first
  }
}

// MARK: - Space

extension Atoms {
  private mutating func space() {
    var isUnary = false
    for place in atoms.indices.dropFirst() {
      if atoms[place].comment != nil || atoms[place - 1].comment != nil {
        atoms[place].hasSpace = true
        isUnary = false
        continue
      }
      let left = atoms[place - 1].kind
      atoms[place].hasSpace = !isUnary && hasSpace(left, place)
      let isOperator = Self.binary.contains(left) && !isUnary
      switch left {
      // The outputs of an exec and the types in parentheses stay beside their parenthesis.
      case .leftParen where roles[tokenOf[place - 1]] & Self.type != 0: break
      case .comma, .leftParen, .leftBracket, .leftBrace, .semicolon:
        atoms[place].breakRank = isCloser(atoms[place].kind) ? nil : .element
      case _: atoms[place].breakRank = isOperator ? .operand : nil
      }
      let beforeIsOperand = Self.operandEnds.contains(left)
      isUnary = atoms[place].kind == .not || (atoms[place].kind == .minus && !beforeIsOperand)
    }
  }

  private static let binary: KindSet = [
    .plus, .minus, .star, .slash, .percent, .ampersand, .shiftLeft, .shiftRight, .andAnd, .orOr, .equal, .notEqual,
    .less, .greater, .lessEqual, .greaterEqual, .tildeArrow, .bar,
  ]
  private static let operandEnds: KindSet = [
    .identifier, .integer, .float, .string, .template, .true, .false, .rightParen, .rightBracket, .rightBrace,
    .file, .dir,
  ]
  /// Words whose parenthesis follows at once.
  private static let callers: KindSet = [
    .identifier, .exec, .func, .make, .requires, .int, .floatKeyword, .stringKeyword, .bool, .file, .dir, .module,
    .struct, .rightParen, .rightBracket, .rightBrace,
  ]

  private func hasSpace(_ left: Token.Kind, _ place: Int) -> Bool {
    let right = atoms[place].kind
    let role = roles[tokenOf[place]]
    let leftRole = roles[tokenOf[place - 1]]
    switch left {
    case .leftParen, .leftBracket, .dot, .ellipsis, .hash, .at: return false
    case .leftBrace: return leftRole & Self.block != 0
    case .colon where leftRole & Self.tightColon != 0: return false
    case _: break
    }
    switch right {
    case .comma, .semicolon, .colon, .rightParen, .rightBracket, .dot: return false
    case .rightBrace: return role & Self.blockEnd != 0
    case .leftParen: return !(Self.callers.contains(left) && (role & Self.type == 0 || left == .func))
    case .leftBracket: return !(Self.operandEnds.contains(left) && role & Self.type == 0)
    case .leftBrace: return left != .module
    case _: return true
    }
  }
}

/// Kinds of tokens, one bit each: looked at several times for every token.
private struct KindSet: ExpressibleByArrayLiteral {
  private var bits: UInt128 = 0

  init(arrayLiteral elements: Token.Kind...) {
    for element in elements { bits |= 1 << UInt128(element.rawValue) }
  }

  func contains(_ kind: Token.Kind) -> Bool { bits >> UInt128(kind.rawValue) & 1 == 1 }
}
