import BigInt
import BuildGraph

/// A pattern as far as it decides what matches: without names, fields by position.
///
/// - Precondition: of a pattern that fits the type.
indirect enum MatchPattern: Hashable {
  case any
  /// A tuple or struct: one pattern for each element or field of the type.
  case product([MatchPattern])
  /// A list that begins so; without `isOpen` it also ends there.
  case list([MatchPattern], isOpen: Bool)
  case variant(String, MatchPattern?)
  case literal(Literal)

  enum Literal: Hashable {
    case int(BigInt)
    case float(Double)
    case string(ByteString)
    case bool(Bool)
  }

  var isAny: Bool {
    switch self {
    case .any: true
    case .product(let parts): parts.allSatisfy(\.isAny)
    case .list(let prefix, let isOpen): prefix.isEmpty && isOpen
    case .variant, .literal: false
    }
  }

  /// - Complexity: O(size of the pattern × fields of the type); the parser bounds the recursion.
  init(_ id: PatternID, of whole: Type, in tree: SyntaxTree) {
    let type = whole.unlabelled
    switch tree[id].kind {
    case .error, .wildcard, .identifier: self = .any
    case .tuple(let elements):
      guard case .tuple(let types) = type, types.count == elements.count else {
        self = .any
        return
      }
      self = .product(zip(elements, types).map { MatchPattern($0, of: $1.type, in: tree) })
    case .list(let elements, let tail):
      guard case .list(let element) = type else {
        self = .any
        return
      }
      var prefix = elements.map { MatchPattern($0, of: element, in: tree) }
      switch tail {
      case .none: self = .list(prefix, isOpen: false)
      case .anything: self = .list(prefix, isOpen: true)
      case .pattern(let rest):
        // `[a, ...[b, ...c]]` is `[a, b, ...c]`.
        guard case .list(let more, let isOpen) = MatchPattern(rest, of: type, in: tree) else {
          self = .list(prefix, isOpen: true)
          return
        }
        prefix += more
        self = .list(prefix, isOpen: isOpen)
      }
    case .structure(let fields):
      guard case .structure(let types) = type else {
        self = .any
        return
      }
      var parts = [MatchPattern](repeating: .any, count: types.count)
      for field in fields {
        guard let inner = field.pattern, let index = types.lastIndex(where: { $0.name == field.name.text }) else {
          continue
        }
        parts[index] = MatchPattern(inner, of: types[index].type, in: tree)
      }
      self = .product(parts)
    case .variant(let tag, let element):
      guard case .sum(let variants) = type, let variant = variants.first(where: { $0.tag == tag.text }) else {
        self = .any
        return
      }
      self = .variant(
        tag.text,
        element.flatMap { element in variant.element.map { MatchPattern(element, of: $0, in: tree) } })
    case .literal(let literal):
      self = Self.literal(literal, in: tree).map { .literal($0) } ?? .any
    }
  }

  private static func literal(_ id: ExpressionID, in tree: SyntaxTree) -> Literal? {
    let kind = tree[id].kind
    if case .integer(let value) = kind { return .int(value) }
    if case .float(let text) = kind { return Double(text).map { .float($0) } }
    if case .string(let value) = kind { return .string(value) }
    if case .bool(let value) = kind { return .bool(value) }
    guard case .unary(.negate, let operand) = kind else { return nil }
    switch literal(operand, in: tree) {
    case .int(let value)?: return .int(-value)
    case .float(let value)?: return .float(-value)
    case .string?, .bool?, nil: return nil
    }
  }
}
