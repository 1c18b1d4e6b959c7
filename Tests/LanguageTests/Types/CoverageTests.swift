import BigInt
import Testing

@testable import Language

/// The answers about `switch` against those of trying all values of a small universe.
struct CoverageTests {
  /// A value with just so much structure that patterns can tell it apart.
  indirect enum Value {
    case scalar(MatchPattern.Literal)
    case product([Value])
    case list([Value])
    case variant(String, Value?)
  }

  static func matches(_ pattern: MatchPattern, _ value: Value) -> Bool {
    switch (pattern, value) {
    case (.any, _): true
    case (.literal(let literal), .scalar(let other)): literal == other
    case (.product(let parts), .product(let values)): zip(parts, values).allSatisfy { matches($0, $1) }
    case (.list(let prefix, let isOpen), .list(let values)):
      (isOpen ? prefix.count <= values.count : prefix.count == values.count)
        && zip(prefix, values).allSatisfy { matches($0, $1) }
    case (.variant(let tag, let element), .variant(let other, let inner)):
      tag == other && (element.flatMap { element in inner.map { matches(element, $0) } } ?? true)
    default: false
    }
  }

  static let sum = Type.sum([.init("A", nil), .init("B", .bool), .init("C", .int)])

  /// All values of a type, lists of up to two more elements than a pattern names, ints of one more than patterns name.
  static func values(_ type: Type, depth: Int = 0) -> [Value] {
    switch type {
    case .bool: [.scalar(.bool(true)), .scalar(.bool(false))]
    case .int: (0...2).map { .scalar(.int(BigInt($0))) }
    case .tuple(let elements):
      elements.reduce([[]]) { rows, element in
        rows.flatMap { row in values(element.type, depth: depth + 1).map { row + [$0] } }
      }
      .map { .product($0) }
    case .structure(let fields):
      fields.reduce([[]]) { rows, field in
        rows.flatMap { row in values(field.type, depth: depth + 1).map { row + [$0] } }
      }
      .map { .product($0) }
    case .list(let element):
      (0...3).flatMap { count in
        (0..<count).reduce([[]] as [[Value]]) { rows, _ in
          rows.flatMap { row in values(element, depth: depth + 1).map { row + [$0] } }
        }.map { .list($0) }
      }
    case .sum(let variants):
      variants.flatMap { variant -> [Value] in
        guard let element = variant.element else { return [.variant(variant.tag, nil)] }
        return values(element, depth: depth + 1).map { .variant(variant.tag, $0) }
      }
    default: []
    }
  }

  static func pattern(_ type: Type, _ random: inout SeededGenerator) -> MatchPattern {
    if random.below(3) == 0 { return .any }
    switch type {
    case .bool: return .literal(.bool(random.below(2) == 0))
    case .int: return .literal(.int(BigInt(random.below(2))))
    case .tuple(let elements): return .product(elements.map { pattern($0.type, &random) })
    case .structure(let fields): return .product(fields.map { pattern($0.type, &random) })
    case .list(let element):
      return .list((0..<random.below(3)).map { _ in pattern(element, &random) }, isOpen: random.below(2) == 0)
    case .sum(let variants):
      let variant = variants[random.below(variants.count)]
      return .variant(variant.tag, variant.element.map { pattern($0, &random) })
    default: return .any
    }
  }

  @Test(
    arguments: [
      Type.bool, .int, sum, .list(.bool), .tuple([.init(nil, .bool), .init(nil, sum)]),
      .structure([.init("a", sum), .init("b", .list(.bool))]), .list(.sum([.init("X", nil), .init("Y", nil)])),
      .tuple([.init(nil, .bool), .init(nil, .int), .init(nil, .bool)]),
      .sum([.init("P", .tuple([.init(nil, .bool), .init(nil, .bool)])), .init("Q", .list(.bool))]),
    ]) func `reachable and exhaustive mean what trying all values says`(_ type: Type)
  {
    let values = Self.values(type)
    for seed in 0..<300 {
      var random = SeededGenerator(seed: UInt64(seed))
      var coverage = Coverage(of: type)
      var rows: [MatchPattern] = []
      for _ in 0...random.below(6) {
        let pattern = Self.pattern(type, &random)
        let isReachable = values.contains { value in
          Self.matches(pattern, value) && !rows.contains { Self.matches($0, value) }
        }
        #expect(
          coverage.add(pattern) == (isReachable ? .reachable : .unreachable),
          "seed \(seed), \(type): \(rows) \(pattern)")
        rows.append(pattern)
      }
      let isExhaustive = values.allSatisfy { value in rows.contains { Self.matches($0, value) } }
      switch coverage.unhandled() {
      case .exhaustive: #expect(isExhaustive, "seed \(seed), \(type): \(rows)")
      case .unhandled: #expect(!isExhaustive, "seed \(seed), \(type): \(rows)")
      case .tooComplex: Issue.record("seed \(seed)")
      }
    }
  }

  @Test func `a switch over thousands of tags or literals is answered at once`() {
    let variants = (0..<5000).map { Type.Variant("T\($0)", nil) }
    var coverage = Coverage(of: .sum(variants))
    for variant in variants.dropLast() { #expect(coverage.add(.variant(variant.tag, nil)) == .reachable) }
    #expect(coverage.unhandled() == .unhandled("#T4999"))
    #expect(coverage.add(.variant("T17", nil)) == .unreachable)
    #expect(coverage.add(.variant("T4999", nil)) == .reachable)
    #expect(coverage.unhandled() == .exhaustive)
    #expect(coverage.add(.any) == .unreachable)

    var numbers = Coverage(of: .int)
    for number in 0..<5000 { #expect(numbers.add(.literal(.int(BigInt(number)))) == .reachable) }
    #expect(numbers.unhandled() == .unhandled("_"))
    #expect(numbers.add(.any) == .reachable)
    #expect(numbers.unhandled() == .exhaustive)
  }
}
