import Diagnostics

extension Parser {
  static let patternStarts: TokenSet = [
    .identifier, .underscore, .leftParen, .leftBracket, .leftBrace, .hash, .integer, .float, .string, .true, .false,
    .minus,
  ]

  mutating func pattern() -> PatternID {
    let first = here
    guard depth < Self.nestingLimit else {
      tooDeep(first)
      return add(.error, span(first))
    }
    depth += 1
    defer { depth -= 1 }
    switch current.kind {
    case .identifier:
      advance()
      return add(.identifier(name(at: first)), span(first))
    case .underscore:
      advance()
      return add(.wildcard, span(first))
    case .leftParen: return tuplePattern()
    case .leftBracket: return listPattern()
    case .leftBrace: return structurePattern()
    case .hash: return variantPattern()
    case .integer, .float, .string, .true, .false:
      let literal = term()
      return add(.literal(literal), span(first))
    case .minus:
      advance()
      guard current.kind == .integer || current.kind == .float else {
        reportExpected("a number")
        return add(.error, span(first))
      }
      let number = term()
      let negated = add(.unary(.negate, number), span(first))
      return add(.literal(negated), span(first))
    case .reserved, .character:
      reportExpected("a pattern")
      advance()
      return add(.error, span(first))
    case let kind where kind.isKeyword && !startsDeclaration() && kind != .case:
      report("language.syntax", "expected a pattern, found \(describeCurrent()), which cannot be a name")
      advance()
      return add(.error, span(first))
    case _:
      reportExpected("a pattern")
      if current.kind == .error { advance() }
      return add(.error, span(first))
    }
  }

  private mutating func tuplePattern() -> PatternID {
    let first = here
    let group = begin(.rightParen, of: Self.patternStarts, trailingComma: false)
    var elements: [PatternID] = []
    repeat { elements.append(pattern()) } while continues(group)
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
          if elements.isEmpty { report("language.syntax", "'...' needs an element before it") }
          advance()
          tail = current.kind == .rightBracket || current.kind == .comma ? .anything : .pattern(pattern())
          if current.kind != .rightBracket {
            reportExpected("']': '...' comes last")
            skip(to: [.rightBracket])
          }
          break
        }
        elements.append(pattern())
      } while continues(group)
    }
    end(group)
    return add(.list(elements, tail: tail), span(first))
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
      fields.append(.init(name: name, pattern: accept(.colon) ? pattern() : nil))
    } while continues(group)
    end(group)
    return add(.structure(fields), span(first))
  }

  private mutating func variantPattern() -> PatternID {
    let first = here
    advance()
    guard let tag = expectName("the tag of a variant") else { return add(.error, span(first)) }
    guard current.kind == .leftParen else { return add(.variant(tag: tag, nil), span(first)) }
    let group = begin(.rightParen, of: Self.patternStarts, trailingComma: false)
    let element = pattern()
    if current.kind != .rightParen {
      reportExpected("')'")
      skip(to: [.rightParen])
    }
    end(group)
    return add(.variant(tag: tag, element), span(first))
  }
}
