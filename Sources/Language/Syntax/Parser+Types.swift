import Diagnostics

extension Parser {
  static let typeStarts: TokenSet = [
    .int, .floatKeyword, .stringKeyword, .bool, .file, .dir, .identifier, .leftBracket, .leftBrace, .module, .leftParen,
    .func, .hash,
  ]

  var startsType: Bool { Self.typeStarts.contains(current.kind) }

  mutating func type() -> TypeSyntaxID {
    let first = here
    guard depth < Self.nestingLimit else {
      tooDeep(first)
      return add(.error, span(first))
    }
    depth += 1
    defer { depth -= 1 }
    switch current.kind {
    case .int: return simpleType(.int)
    case .floatKeyword: return simpleType(.float)
    case .stringKeyword: return simpleType(.string)
    case .bool: return simpleType(.bool)
    case .file: return simpleType(.file)
    case .dir: return simpleType(.dir)
    case .identifier: return alias()
    case .leftBracket: return listOrMapType()
    case .leftBrace: return add(.structure(fieldTypes()), span(first))
    case .module:
      advance()
      guard current.kind == .leftBrace else {
        reportExpected("'{' after 'module'")
        return add(.error, span(first))
      }
      return add(.module(fieldTypes()), span(first))
    case .leftParen: return tupleType()
    case .func: return functionType()
    case .hash: return sumType()
    case .struct:
      report("language.syntax", "a struct type is written '{name type, …}', without 'struct'")
      advance()
      return startsType ? type() : add(.error, span(first))
    case .reserved, .character:
      reportExpected("a type")
      advance()
      return add(.error, span(first))
    case _:
      reportExpected("a type")
      if current.kind == .error { advance() }
      return add(.error, span(first))
    }
  }

  private mutating func simpleType(_ kind: TypeSyntax.Kind) -> TypeSyntaxID {
    let first = here
    advance()
    return add(kind, span(first))
  }

  private mutating func alias() -> TypeSyntaxID {
    let first = here
    advance()
    var names = [name(at: first)]
    while accept(.dot) {
      guard let name = expectName("the name of a type") else { break }
      names.append(name)
    }
    return add(.alias(names), span(first))
  }

  /// `[T]` or `[K:V]`
  private mutating func listOrMapType() -> TypeSyntaxID {
    let first = here
    let group = begin(.rightBracket, of: Self.typeStarts, trailingComma: false)
    let key = type()
    if current.kind != .colon, current.kind != .rightBracket {
      reportExpected("':' or ']'")
      skip(to: [.colon, .rightBracket, .assign, .semicolon])
    }
    guard accept(.colon) else {
      end(group)
      return add(.list(key), span(first))
    }
    let value = type()
    if current.kind != .rightBracket {
      reportExpected("']'")
      skip(to: [.rightBracket, .assign, .semicolon])
    }
    end(group)
    return add(.map(key: key, value: value), span(first))
  }

  /// `{a, b int, c string}`
  private mutating func fieldTypes() -> [TypedName] {
    let group = begin(.rightBrace, of: [.identifier], trailingComma: false)
    let fields = typedNames(group, "a field")
    if fields.isEmpty, current.kind == .rightBrace { reportExpected("the name of a field") }
    end(group)
    return fields
  }

  /// `(a, b int, c string)` of a function, perhaps empty.
  mutating func parameters() -> [TypedName] {
    guard current.kind == .leftParen else {
      reportExpected("'(' and the parameters")
      return []
    }
    let group = begin(.rightParen, of: [.identifier], trailingComma: false)
    let parameters = typedNames(group, "a parameter")
    end(group)
    return parameters
  }

  /// Names, each run of them with its type.
  private mutating func typedNames(_ group: Group, _ what: String) -> [TypedName] {
    var result: [TypedName] = []
    var untyped: [Name] = []
    guard current.kind != group.closer else { return [] }
    repeat {
      guard let name = expectName("the name of \(what)") else {
        skip(to: [.comma, group.closer])
        continue
      }
      untyped.append(name)
      // After a comma the next name shares the type that is still to come.
      if current.kind == .comma, peek().kind == .identifier { continue }
      let type: TypeSyntaxID
      if startsType {
        type = self.type()
      } else {
        reportExpected("the type of '\(name.text)'")
        type = add(.error, span(here))
      }
      result += untyped.map { TypedName(name: $0, type: type) }
      untyped = []
    } while continues(group)
    if let last = untyped.last {
      let type: TypeSyntaxID = add(.error, TokenSpan(last.token, last.token))
      result += untyped.map { TypedName(name: $0, type: type) }
    }
    return result
  }

  private mutating func tupleType() -> TypeSyntaxID {
    let first = here
    let group = begin(.rightParen, of: Self.typeStarts, trailingComma: false)
    let elements = typeArguments(group)
    if elements.isEmpty, current.kind == .rightParen { reportExpected("a type: there is no empty tuple") }
    end(group)
    return add(.tuple(elements), span(first))
  }

  private mutating func functionType() -> TypeSyntaxID {
    let first = here
    advance()
    var parameters: [TypedName] = []
    if current.kind == .leftParen {
      let group = begin(.rightParen, of: Self.typeStarts, trailingComma: false)
      parameters = typeArguments(group)
      end(group)
    } else {
      reportExpected("'(' and the types of the parameters")
    }
    let result = type()
    return add(.function(parameters: parameters, result: result), span(first))
  }

  /// All unnamed, `int, string`, or all named, `x, y int, z string`.
  private mutating func typeArguments(_ group: Group) -> [TypedName] {
    var arguments: [(first: TypeSyntaxID, second: TypeSyntaxID?)] = []
    guard current.kind != group.closer else { return [] }
    repeat {
      let first = type()
      arguments.append((first, startsType ? type() : nil))
    } while continues(group)
    guard arguments.contains(where: { $0.second != nil }) else {
      return arguments.map { TypedName(name: nil, type: $0.first) }
    }
    var result: [TypedName] = []
    var type = arguments.last?.second
    for argument in arguments.reversed() {
      if let second = argument.second { type = second }
      if case .alias(let names) = tree[argument.first].kind, names.count == 1, let type {
        result.append(TypedName(name: names[0], type: type))
      } else {
        if !isError(argument.first) {
          complain(
            "language.mixed-names", "cannot mix named and unnamed: this needs a name, or the others none",
            at: range(of: tree[argument.first].span.first))
        }
        result.append(TypedName(name: nil, type: argument.first))
      }
    }
    return result.reversed()
  }

  private func isError(_ type: TypeSyntaxID) -> Bool {
    if case .error = tree[type].kind { true } else { false }
  }

  /// `#A | #B(int)`
  private mutating func sumType() -> TypeSyntaxID {
    let first = here
    var variants: [TypeSyntax.Variant] = []
    repeat {
      guard accept(.hash) else {
        reportExpected("'#' and the tag of a variant")
        break
      }
      guard let tag = expectName("the tag of a variant") else { break }
      var element: TypeSyntaxID?
      if current.kind == .leftParen {
        let group = begin(.rightParen, of: Self.typeStarts, trailingComma: false)
        element = type()
        if current.kind != .rightParen {
          reportExpected("')'")
          skip(to: [.rightParen])
        }
        end(group)
      }
      variants.append(.init(tag: tag, element: element))
    } while accept(.bar)
    return add(variants.isEmpty ? .error : .sum(variants), span(first))
  }
}
