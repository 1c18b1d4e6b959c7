import Language

/// Puts atoms on lines.
///
/// The author's line breaks stay, because they end declarations; a line above the width is broken further, behind commas,
/// opening brackets and operators, where a line break never ends anything.
struct Layout {
  static let width = 100
  private static let step = 2

  private struct Bracket {
    /// The indentation of the line on which it was opened.
    var outer: Int
    var hasCase = false
  }

  private let atoms: [Atom]
  private var open: [Bracket] = []
  private var output: [UInt8] = []
  /// The last token that is on a line, comments apart.
  private var previous: Int?

  /// How many brackets are open before each atom.
  private let depths: [Int]

  init(_ atoms: [Atom]) {
    self.atoms = atoms
    var depth = 0
    depths = atoms.map { atom in
      defer { depth += isOpener(atom.kind) ? 1 : isCloser(atom.kind) ? -1 : 0 }
      return depth
    }
  }

  mutating func text() -> [UInt8] {
    output.reserveCapacity(atoms.reduce(0) { $0 + $1.text.count + 2 })
    var lower = 0
    while lower < atoms.count {
      var upper = lower + 1
      while upper < atoms.count, atoms[upper].breaks == 0 { upper += 1 }
      if atoms[lower].breaks > 1, lower > 0, mayFollowBlankLine(lower) { output.append(UInt8(ascii: "\n")) }
      line(lower, upper)
      lower = upper
    }
    return output
  }

  /// Blank lines behind an opening bracket and before a closing one go.
  private func mayFollowBlankLine(_ place: Int) -> Bool {
    if isCloser(atoms[place].kind) { return false }
    return atoms[place - 1].comment != nil || !isOpener(atoms[place - 1].kind)
  }

  // MARK: Lines

  /// Writes atoms that stand on one line, or on several if they are too long for one.
  private mutating func line(_ lower: Int, _ upper: Int) {
    guard !fits(lower, upper), let rank = lowestRank(lower, upper) else { return emit(lower, upper) }
    var start = lower
    var end = piece(lower, upper, rank)
    while end < upper {
      let next = piece(end, upper, rank)
      if !fits(start, next) {
        line(start, end)
        start = end
      }
      end = next
    }
    line(start, end)
  }

  /// The end of the piece that begins at an atom: the next place where a line of the rank may be broken.
  private func piece(_ start: Int, _ upper: Int, _ rank: Int) -> Int {
    var place = start + 1
    while place < upper, self.rank(place) != rank { place += 1 }
    return place
  }

  /// The outermost places come first, and at one depth elements before operands.
  private func rank(_ place: Int) -> Int? { atoms[place].breakRank.map { 2 * depths[place] + $0.rawValue } }

  private func lowestRank(_ lower: Int, _ upper: Int) -> Int? { (lower + 1..<upper).lazy.compactMap(rank).min() }

  // MARK: Width

  private func fits(_ lower: Int, _ upper: Int) -> Bool {
    var column = indentation(lower)
    for place in lower..<upper {
      let atom = atoms[place]
      // What a comment at the end of the line says never breaks the code before it.
      if atom.comment != nil, place == upper - 1, place > lower { return true }
      if place > lower, atom.hasSpace { column += 1 }
      // Of a template or a raw string of several lines the first line counts, and the last with what follows: those between are
      // as long as they are, wherever they begin.
      var isFirstLine = true
      for byte in atom.text {
        if byte == UInt8(ascii: "\n") {
          if isFirstLine, column > Self.width { return false }
          isFirstLine = false
          column = 0
        } else if byte & 0xC0 != 0x80 {
          column += 1
        }
      }
      if column > Self.width { return false }
    }
    return true
  }

  // MARK: Output

  /// The indentation of a line that begins with an atom, where the brackets before it are open.
  private func indentation(_ place: Int) -> Int {
    guard let bracket = open.last else { return isContinuation(place) ? Self.step : 0 }
    let atom = atoms[place]
    if isCloser(atom.kind) { return bracket.outer }
    let inner = bracket.outer + Self.step
    guard bracket.hasCase else { return inner + (isContinuation(place) ? Self.step : 0) }
    if atom.kind == .case || (atom.comment != nil && followingToken(place) == .case) { return inner }
    return inner + Self.step + (isContinuation(place) ? Self.step : 0)
  }

  /// The token behind the comments that begin at an atom.
  private func followingToken(_ place: Int) -> Token.Kind {
    var place = place
    while place < atoms.count, atoms[place].comment != nil { place += 1 }
    return place < atoms.count ? atoms[place].kind : .end
  }

  /// Whether a line goes on with what the line before it began.
  private func isContinuation(_ place: Int) -> Bool {
    guard let previous, !atoms[previous].endsStatement else { return false }
    let kind = atoms[previous].kind
    if isOpener(kind) || kind == .semicolon { return false }
    if kind == .comma || kind == .bar { return open.isEmpty }
    return !(kind == .colon && open.last?.hasCase == true)
  }

  private mutating func emit(_ lower: Int, _ upper: Int) {
    let indentation = self.indentation(lower)
    output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indentation))
    for place in lower..<upper {
      let atom = atoms[place]
      if place > lower, atom.hasSpace { output.append(UInt8(ascii: " ")) }
      output.append(contentsOf: atom.text)
      guard atom.comment == nil else { continue }
      previous = place
      if isOpener(atom.kind) {
        open.append(Bracket(outer: indentation))
      } else if isCloser(atom.kind) {
        _ = open.popLast()
      } else if atom.kind == .case, !open.isEmpty {
        open[open.count - 1].hasCase = true
      }
    }
    output.append(UInt8(ascii: "\n"))
  }
}

func isOpener(_ kind: Token.Kind) -> Bool { kind == .leftParen || kind == .leftBracket || kind == .leftBrace }

func isCloser(_ kind: Token.Kind) -> Bool { kind == .rightParen || kind == .rightBracket || kind == .rightBrace }
