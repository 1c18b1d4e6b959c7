import BigInt
import BuildGraph
import Diagnostics

@testable import Language

/// Makes random syntax trees that a program could have: every construct, names that need not be bound, no tokens.
///
/// Printing such a tree gives a program without syntax errors whose tree has the same structure.
struct SyntaxGenerator {
  private var random: SeededGenerator
  private var tree = SyntaxTree(source: SourceFile(name: "generated.rf", text: ""))

  private static let nowhere = TokenSpan(0, 0)

  /// The tree of a module with about `size` declarations.
  static func module(seed: UInt64, size: Int) -> SyntaxTree {
    var generator = SyntaxGenerator(random: SeededGenerator(seed: seed))
    generator.module(size)
    return generator.tree
  }

  private init(random: SeededGenerator) { self.random = random }

  private mutating func module(_ size: Int) {
    if oneIn(5) { tree.module.keyspace = add(.string(bytes())) }
    for _ in 0..<below(3) {
      let type = oneIn(2) ? self.type(2) : nil
      let value = type == nil || oneIn(2) ? expression(2) : nil
      tree.module.params.append(add(.param(name(), type: type, default: value)))
    }
    for _ in 0..<size {
      let id = oneIn(6) ? add(.type(name(), type(3))) : declaration(4)
      tree.module.declarations.append(id)
    }
  }

  // MARK: Choices

  private mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
  private mutating func oneIn(_ count: Int) -> Bool { random.oneIn(count) }

  private mutating func some<Part>(_ range: ClosedRange<Int>, _ make: (inout Self) -> Part) -> [Part] {
    (0..<Int.random(in: range, using: &random)).map { _ in make(&self) }
  }

  private mutating func name() -> Name {
    Name(random.pick(["a", "b", "x1", "y_2", "é", "Ωmega", "Main", "valid", "iff", "functional", "名前"]), 0)
  }

  private mutating func tag() -> Name { Name(random.pick(["A", "B", "None", "Éa"]), 0) }

  private mutating func bytes() -> ByteString {
    let parts: [[UInt8]] = [
      Array("text".utf8), Array("\"}".utf8), Array("{{".utf8), Array("}}".utf8), [0xFF], [0], [10], [34], [92],
      Array("é漢".utf8), Array("\\n//".utf8), [96],
    ]
    return ByteString(bytes: some(0...3) { $0.random.pick(parts) }.flatMap { $0 })
  }

  // MARK: Nodes

  private mutating func add(_ kind: Language.Expression.Kind) -> ExpressionID {
    tree.expressions.append(Expression(kind, Self.nowhere))
    return ExpressionID(index: Int32(tree.expressions.count - 1))
  }

  private mutating func add(_ kind: Pattern.Kind) -> PatternID {
    tree.patterns.append(Pattern(kind, Self.nowhere))
    return PatternID(index: Int32(tree.patterns.count - 1))
  }

  private mutating func add(_ kind: TypeSyntax.Kind) -> TypeSyntaxID {
    tree.types.append(TypeSyntax(kind, Self.nowhere))
    return TypeSyntaxID(index: Int32(tree.types.count - 1))
  }

  private mutating func add(_ kind: Declaration.Kind, requires: [[DeclarationID]] = []) -> DeclarationID {
    tree.declarations.append(Declaration(kind, Self.nowhere, requires: requires))
    return DeclarationID(index: Int32(tree.declarations.count - 1))
  }

  // MARK: Declarations

  private mutating func declaration(_ depth: Int) -> DeclarationID {
    let requires = oneIn(8) ? some(1...2) { $0.some(0...2) { $0.argument(1) } } : []
    switch below(3) {
    case 0:
      let name = name()
      let function = self.function(depth)
      return add(.function(name, function), requires: requires)
    case 1:
      let pattern = add(Pattern.Kind.identifier(name()))
      let value = expression(depth)
      return add(.value(pattern, type: nil, value: value, form: .define), requires: requires)
    default:
      let pattern = self.pattern(2, isLiteralAllowed: false)
      // A tuple type behind a bare tag would be the tag's element.
      let isBareTag = if case .variant(_, nil) = tree[pattern].kind { true } else { false }
      let type = oneIn(3) && !isBareTag ? self.type(2) : nil
      let value = expression(depth)
      return add(.value(pattern, type: type, value: value, form: .val), requires: requires)
    }
  }

  private mutating func argument(_ depth: Int) -> DeclarationID {
    guard oneIn(3) else { return declaration(depth) }
    let name = name()
    let pattern = add(Pattern.Kind.identifier(name))
    let value = add(Language.Expression.Kind.identifier(name))
    return add(.value(pattern, type: nil, value: value, form: .shorthand))
  }

  private mutating func function(_ depth: Int) -> Language.Expression.Function {
    let parameters = some(0...3) { TypedName(name: $0.name(), type: $0.type(1)) }
    let result = oneIn(2) ? type(2) : nil
    return .init(parameters: parameters, result: result, body: expression(depth - 1))
  }

  // MARK: Expressions

  /// Anything, as it may stand between brackets or at the end of a declaration.
  private mutating func expression(_ depth: Int) -> ExpressionID {
    if depth > 0, oneIn(10) { return add(.function(function(depth))) }
    return operand(depth, level: 0)
  }

  /// What may stand beside an operator of a level.
  private mutating func operand(_ depth: Int, level: Int) -> ExpressionID {
    guard depth > 0, level <= 5, oneIn(3) else { return oneIn(8) ? unary(depth) : term(depth) }
    let symbols: [BinaryOperator] = [
      .sequence, .or, .and, .less, .greater, .lessEqual, .greaterEqual, .notEqual, .equal, .add, .subtract, .multiply,
      .divide, .remainder, .bitAnd, .shiftLeft, .shiftRight,
    ]
    let symbol = random.pick(symbols.filter { $0.level >= level })
    let left = operand(depth - 1, level: symbol.level)
    let right = operand(depth - 1, level: symbol.level + 1)
    return add(.binary(symbol, left, right))
  }

  private mutating func unary(_ depth: Int) -> ExpressionID {
    let operand = oneIn(3) && depth > 0 ? unary(depth - 1) : term(depth)
    return add(.unary(oneIn(2) ? .not : .negate, operand))
  }

  /// What binds as tightly as a name.
  private mutating func term(_ depth: Int) -> ExpressionID {
    guard depth > 0 else { return leaf() }
    let inner = depth - 1
    switch below(20) {
    case 0: return add(.call(callee(inner), some(0...3) { $0.expression(inner) }))
    case 1: return add(.index(term(inner), expression(inner)))
    case 2:
      let base = term(inner)
      return add(.slice(base, lower: oneIn(2) ? expression(inner) : nil, upper: oneIn(2) ? expression(inner) : nil))
    case 3: return add(.member(term(inner), name()))
    case 4: return add(.tuple(some(2...3) { $0.expression(inner) }))
    case 5: return add(.parenthesized(expression(inner)))
    case 6: return conditional(inner)
    case 7:
      let subject = expression(inner)
      let cases = some(0...3) { generator in
        let pattern = generator.pattern(2, isLiteralAllowed: true)
        return Language.Expression.Case(
          pattern: pattern, body: generator.oneIn(3) ? generator.block(inner, 1...2) : generator.expression(inner))
      }
      return add(.switch(subject, cases))
    case 8: return block(inner, 1...2)
    case 9: return structure(inner)
    case 10: return add(.list(some(0...3) { $0.expression(inner) }, spreads: some(0...2) { $0.expression(inner) }))
    case 11:
      let pairs = some(0...3) { Language.Expression.Pair(key: $0.expression(inner), value: $0.expression(inner)) }
      return add(.map(pairs, spreads: pairs.isEmpty ? [] : some(0...2) { $0.expression(inner) }))
    case 12: return comprehension(inner)
    case 13: return add(.variant(tag: tag(), oneIn(2) ? expression(inner) : nil))
    case 14: return add(oneIn(2) ? .toInteger(expression(inner)) : .toFloat(expression(inner)))
    case 15: return add(.make(path: bytes(), arguments: some(0...2) { $0.argument(inner) }))
    case 16: return exec(inner)
    case 17: return table(inner)
    default: return leaf()
    }
  }

  /// A tag without an element would take the arguments for one.
  private mutating func callee(_ depth: Int) -> ExpressionID {
    let id = term(depth)
    if case .variant(_, nil) = tree[id].kind { return add(.parenthesized(id)) }
    return id
  }

  private mutating func leaf() -> ExpressionID {
    switch below(6) {
    case 0: return add(.integer(BigInt(random.pick(["0", "7", "123456789012345678901234567890"]))!))
    case 1: return add(.float(random.pick(["1.", ".5", "2.5", "1e3", "1.5e-8", "3.E+2"])))
    case 2: return add(.string(bytes()))
    case 3: return add(.bool(oneIn(2)))
    case 4: return add(.identifier(Name(random.pick(["file", "dir"]), 0)))
    default: return add(.identifier(name()))
    }
  }

  private mutating func conditional(_ depth: Int) -> ExpressionID {
    let condition = expression(depth)
    let then = block(depth, 0...1)
    let otherwise = oneIn(3) && depth > 0 ? conditional(depth - 1) : block(depth, 0...1)
    return add(.conditional(condition: condition, then: then, else: otherwise))
  }

  private mutating func block(_ depth: Int, _ count: ClosedRange<Int>) -> ExpressionID {
    let declarations = some(count) { $0.declaration(depth) }
    return add(.block(declarations: declarations, value: expression(depth)))
  }

  private mutating func structure(_ depth: Int) -> ExpressionID {
    let fields = some(1...3) { generator in
      let value = generator.oneIn(3) ? nil : generator.expression(depth)
      return Language.Expression.Field(name: generator.name(), value: value)
    }
    return add(.structure(fields))
  }

  private mutating func comprehension(_ depth: Int) -> ExpressionID {
    let head = expression(depth)
    let clauses = some(1...3) { generator -> Language.Expression.Clause in
      if generator.oneIn(3) { return .filter(generator.expression(depth)) }
      let pattern = generator.pattern(2, isLiteralAllowed: true)
      return .enumeration(pattern, generator.expression(depth))
    }
    return add(.comprehension(head, clauses))
  }

  /// With a struct as its row type: behind an alias a member would be a part of the alias.
  private mutating func table(_ depth: Int) -> ExpressionID {
    let source = expression(depth)
    let options = some(0...2) { $0.argument(depth) }
    return add(.table(.init(source: source, options: options, row: row())))
  }

  private mutating func row() -> TypeSyntaxID { add(.structure(some(1...3) { $0.typedName(0) })) }

  private mutating func exec(_ depth: Int) -> ExpressionID {
    let arguments = some(0...2) { $0.argument(depth) }
    let outputs = type(2)
    var template: [Language.Expression.TemplatePart] = []
    for _ in 0..<below(4) {
      if oneIn(2) {
        // No `{{` nor `"}`, and none at the border to an interpolation.
        let text = some(1...3) { $0.random.pick([" echo", "$x", "%d\\n", "{a}", "\"q\"", "\n", "}", "'`", "é"]) }
        template.append(.text(ByteString(text.joined(separator: " ") + " ")))
      }
      template.append(.interpolation(expression(depth)))
    }
    return add(.exec(.init(arguments: arguments, outputs: outputs, template: template, templateToken: 0)))
  }

  // MARK: Patterns and types

  private mutating func pattern(_ depth: Int, isLiteralAllowed: Bool) -> PatternID {
    guard depth > 0 else { return oneIn(4) ? add(.wildcard) : add(.identifier(name())) }
    let inner = depth - 1
    switch below(isLiteralAllowed ? 8 : 6) {
    case 0: return add(.tuple(some(1...3) { $0.pattern(inner, isLiteralAllowed: true) }))
    case 1:
      let elements = some(0...3) { $0.pattern(inner, isLiteralAllowed: true) }
      guard !elements.isEmpty, oneIn(2) else { return add(.list(elements, tail: .none)) }
      return add(.list(elements, tail: oneIn(2) ? .anything : .pattern(pattern(inner, isLiteralAllowed: true))))
    case 2:
      let fields = some(1...3) { generator in
        let pattern = generator.oneIn(2) ? nil : generator.pattern(inner, isLiteralAllowed: true)
        return Pattern.FieldPattern(name: generator.name(), pattern: pattern)
      }
      return add(.structure(fields))
    case 3: return add(.variant(tag: tag(), oneIn(2) ? pattern(inner, isLiteralAllowed: true) : nil))
    case 4: return add(.wildcard)
    case 5: return add(.identifier(name()))
    default:
      let number = add(Language.Expression.Kind.integer(BigInt(below(100))))
      if oneIn(3) { return add(.literal(add(.unary(.negate, number)))) }
      return add(.literal(random.pick([number, add(.string(bytes())), add(.bool(oneIn(2))), add(.float("1.5"))])))
    }
  }

  private mutating func type(_ depth: Int) -> TypeSyntaxID {
    let inner = depth - 1
    switch below(depth > 0 ? 15 : 7) {
    case 0: return add(.int)
    case 1: return add(.float)
    case 2: return add(.string)
    case 3: return add(.bool)
    case 4: return add(.file)
    case 5: return add(.dir)
    case 6: return add(.alias(some(1...2) { $0.name() }))
    case 7: return add(.list(type(inner)))
    case 8:
      let key = type(inner)
      return add(.map(key: key, value: type(inner)))
    case 9: return add(.structure(some(1...3) { $0.typedName(inner) }))
    case 10: return add(.module(some(1...3) { $0.typedName(inner) }))
    case 11: return add(.tuple(typeArguments(inner, 1...3)))
    case 12:
      let parameters = typeArguments(inner, 0...2)
      return add(.function(parameters: parameters, result: type(inner)))
    case 13: return add(.table(oneIn(3) ? add(.alias(some(1...2) { $0.name() })) : row()))
    default:
      let variants = some(1...3) { generator in
        let element = generator.oneIn(2) ? nil : generator.type(inner)
        return TypeSyntax.Variant(tag: generator.tag(), element: element)
      }
      return add(.sum(variants))
    }
  }

  private mutating func typedName(_ depth: Int) -> TypedName {
    let name = name()
    return TypedName(name: name, type: type(depth))
  }

  private mutating func typeArguments(_ depth: Int, _ count: ClosedRange<Int>) -> [TypedName] {
    let isNamed = oneIn(2)
    return some(count) { isNamed ? $0.typedName(depth) : TypedName(name: nil, type: $0.type(depth)) }
  }
}
