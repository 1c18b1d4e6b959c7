import Diagnostics

extension Parser {
  static let typeStarts: TokenSet = [
    .int, .floatKeyword, .stringKeyword, .bool, .file, .dir, .identifier, .leftBracket, .leftBrace, .module, .leftParen,
    .func, .hash,
    // Not one, but meant as one.
    .struct,
  ]

  var startsType: Bool { Self.typeStarts.contains(current.kind) }

  mutating func type() -> TypeSyntaxID {
    let first = here
    guard enter() else { return errorType(first) }
    defer { depth -= 1 }
    return switch current.kind {
    case .leftBracket: listOrMapType()
    case .leftBrace: structureType()
    case .module: moduleType()
    case .leftParen: tupleType()
    case .func: functionType()
    case .hash: sumType()
    case .identifier where startsTableType(): tableType()
    case .identifier: alias()
    case .int, .floatKeyword, .stringKeyword, .bool, .file, .dir: simpleType()
    case .struct: typeAfterStruct()
    case _: wrongType()
    }
  }

  private mutating func simpleType() -> TypeSyntaxID {
    let first = here
    let kinds: [Token.Kind: TypeSyntax.Kind] = [
      .int: .int, .floatKeyword: .float, .stringKeyword: .string, .bool: .bool, .file: .file, .dir: .dir,
    ]
    let kind = kinds[current.kind]!
    advance()
    return add(kind, span(first))
  }

  private mutating func typeAfterStruct() -> TypeSyntaxID {
    let first = here
    report("language.syntax", "a struct type is written '{name type, …}', without 'struct'")
    advance()
    return startsType ? type() : errorType(first)
  }

  private mutating func wrongType() -> TypeSyntaxID {
    let first = here
    reportExpected("a type")
    if current.kind == .reserved || current.kind == .character || current.kind == .error { advance() }
    return errorType(first)
  }

  private mutating func structureType() -> TypeSyntaxID {
    let first = here
    let fields = fieldTypes(trailingComma: true)
    return add(.structure(fields), span(first))
  }

  private mutating func moduleType() -> TypeSyntaxID {
    let first = here
    advance()
    guard current.kind == .leftBrace else { return missingType("'{' after 'module'", first) }
    let fields = fieldTypes(trailingComma: false)
    return add(.module(fields), span(first))
  }

  /// Whether the current name is `table` and a row type follows it.
  mutating func startsTableType() -> Bool {
    guard isTableWord else { return false }
    let next = peek().kind
    return next == .leftBrace || next == .identifier
  }

  private mutating func tableType() -> TypeSyntaxID {
    let first = here
    advance()
    let row = rowType()
    return add(.table(row), span(first))
  }

  /// A struct type or the alias of one, at whose beginning the parser is.
  mutating func rowType() -> TypeSyntaxID { current.kind == .leftBrace ? structureType() : alias() }

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
    skipAfterType(group, or: .colon)
    let value = accept(.colon) ? type() : nil
    skipAfterType(group, or: .rightBracket)
    end(group)
    return add(value.map { .map(key: key, value: $0) } ?? .list(key), span(first))
  }

  private mutating func skipAfterType(_ group: Group, or other: Token.Kind) {
    guard current.kind != other, current.kind != group.closer else { return }
    reportExpected(other == group.closer ? "']'" : "':' or ']'")
    skip(to: [.colon, .rightBracket, .assign, .semicolon])
  }

  /// `{a, b int, c string}`
  private mutating func fieldTypes(trailingComma: Bool) -> [TypedName] {
    let group = begin(.rightBrace, of: [.identifier], trailingComma: trailingComma)
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
      if current.kind == .comma, isNameAfterComma() { continue }
      takeTypeMark("the type stands right behind the name, as in '\(name.text) int'")
      let wanted = "the type of '\(name.text)', which is written behind it as in '\(name.text) int'"
      let type = startsType ? self.type() : missingType(wanted, here)
      result += untyped.map { TypedName(name: $0, type: type) }
      untyped = []
    } while continues(group)
    // Names that the list broke off after.
    if !untyped.isEmpty {
      let type = errorType(here)
      result += untyped.map { TypedName(name: $0, type: type) }
    }
    return result
  }

  /// Whether a name follows the current comma, or a keyword that is meant as one.
  private mutating func isNameAfterComma() -> Bool {
    let kind = peek().kind
    if kind == .identifier { return true }
    return kind.isKeyword && (peek(2).kind == .comma || Self.typeStarts.contains(peek(2).kind))
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
      let second = startsType ? type() : nil
      arguments.append((first, second))
    } while continues(group)
    return named(arguments)
  }

  private mutating func named(_ arguments: [(first: TypeSyntaxID, second: TypeSyntaxID?)]) -> [TypedName] {
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
      guard let tag = expectTag() else { break }
      let element = current.kind == .leftParen ? variantElement() : nil
      variants.append(.init(tag: tag, element: element))
    } while accept(.bar)
    return add(variants.isEmpty ? .error : .sum(variants), span(first))
  }

  private mutating func expectTag() -> Name? {
    if !accept(.hash) { reportExpected("'#' and the tag of a variant") }
    return expectName("the tag of a variant")
  }

  private mutating func variantElement() -> TypeSyntaxID {
    let group = begin(.rightParen, of: Self.typeStarts, trailingComma: false)
    let element = type()
    finish(group)
    return element
  }
}
