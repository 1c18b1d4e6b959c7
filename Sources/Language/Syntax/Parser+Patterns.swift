import Diagnostics

extension Parser {
  static let patternStarts: TokenSet = [
    .identifier, .underscore, .leftParen, .leftBracket, .leftBrace, .hash, .integer, .float, .string, .true, .false,
    .minus,
  ]

  mutating func pattern() -> PatternID {
    let first = here
    guard enter() else { return errorPattern(first) }
    defer { depth -= 1 }
    return switch current.kind {
    case .leftParen: tuplePattern()
    case .leftBracket: listPattern()
    case .leftBrace: structurePattern()
    case .hash: variantPattern()
    case .identifier, .underscore: nameOrWildcard()
    case .integer, .float, .string, .true, .false, .minus: literalPattern()
    case _: wrongPattern()
    }
  }

  private mutating func nameOrWildcard() -> PatternID {
    let first = here
    let kind: Pattern.Kind = current.kind == .underscore ? .wildcard : .identifier(name(at: first))
    advance()
    return add(kind, span(first))
  }

  private mutating func literalPattern() -> PatternID {
    let first = here
    guard accept(.minus) else {
      let literal = term()
      return add(.literal(literal), span(first))
    }
    guard current.kind == .integer || current.kind == .float else { return missingPattern("a number", first) }
    let number = term()
    let negated = add(.unary(.negate, number), from: first)
    return add(.literal(negated), span(first))
  }

  /// What is meant to be a pattern and is none is taken, unless it is where a declaration or a case goes on.
  private mutating func wrongPattern() -> PatternID {
    let first = here
    if current.kind == .reserved || current.kind == .character || current.kind == .error {
      reportExpected("a pattern")
      advance()
    } else if current.kind.isKeyword, current.kind != .case, !startsDeclaration() {
      report("language.syntax", "expected a pattern, found \(describeCurrent()), which cannot be a name")
      advance()
    } else {
      reportExpected("a pattern")
    }
    return errorPattern(first)
  }

  private mutating func tuplePattern() -> PatternID {
    let first = here
    let group = begin(.rightParen, of: Self.patternStarts, trailingComma: false)
    var elements: [PatternID] = []
    repeat {
      let element = pattern()
      elements.append(element)
    } while continues(group)
    end(group)
    return add(.tuple(elements), span(first))
  }

  /// `[]`, `[a, b]`, `[a, ...]` or `[a, ...rest]`
  private mutating func listPattern() -> PatternID {
    let first = here
    let group = begin(.rightBracket, of: Self.patternStarts.union([.ellipsis]), trailingComma: false)
    var elements: [PatternID] = []
    var tail = Pattern.Tail.none
    if current.kind != .rightBracket {
      repeat {
        if current.kind == .ellipsis {
          tail = self.tail(isFirst: elements.isEmpty)
          break
        }
        let element = pattern()
        elements.append(element)
      } while continues(group)
    }
    end(group)
    return add(.list(elements, tail: tail), span(first))
  }

  /// `...` or `...rest`
  private mutating func tail(isFirst: Bool) -> Pattern.Tail {
    if isFirst { report("language.syntax", "'...' needs an element before it") }
    advance()
    let isBare = current.kind == .rightBracket || current.kind == .comma
    let tail = isBare ? Pattern.Tail.anything : .pattern(pattern())
    if current.kind != .rightBracket { skipToLast("']': '...' comes last") }
    return tail
  }

  private mutating func skipToLast(_ what: String) {
    reportExpected(what)
    skip(to: [.rightBracket])
  }

  private mutating func structurePattern() -> PatternID {
    let first = here
    let group = begin(.rightBrace, of: [.identifier], trailingComma: false)
    var fields: [Pattern.FieldPattern] = []
    repeat {
      guard let name = expectName("the name of a field") else {
        skip(to: [.comma, .rightBrace])
        continue
      }
      let pattern = accept(.colon) ? self.pattern() : nil
      fields.append(.init(name: name, pattern: pattern))
    } while continues(group)
    end(group)
    return add(.structure(fields), span(first))
  }

  private mutating func variantPattern() -> PatternID {
    let first = here
    advance()
    guard let tag = expectName("the tag of a variant") else { return errorPattern(first) }
    guard current.kind == .leftParen else { return add(.variant(tag: tag, nil), span(first)) }
    let group = begin(.rightParen, of: Self.patternStarts, trailingComma: false)
    let element = pattern()
    finish(group)
    return add(.variant(tag: tag, element), span(first))
  }
}
