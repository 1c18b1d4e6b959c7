/// How big a type is, or an upper bound of it.
///
/// Programs can build types whose size is exponential in the text (`val b = (a, a)`, `val c = (b, b)`, …) or as deep as the
/// program is long. Types are compared and printed by recursion, so both are bounded: what goes beyond is reported, and
/// is of type ``Type/error``.
struct TypeMeasure: Hashable {
  /// Saturates at `UInt32.max`.
  var nodes: UInt32
  var depth: UInt32

  static let scalar = TypeMeasure(nodes: 1, depth: 1)
  /// Far beyond what people write; a recursion of this depth takes some 100 KiB of stack in a debug build.
  static let limit = TypeMeasure(nodes: 100_000, depth: 120)

  /// Not known; to be measured.
  static let unknown = TypeMeasure(nodes: limit.nodes + 1, depth: 1)
  /// Of what has been reported as too large. What is made of it is so, too, and not reported again.
  static let refused = TypeMeasure(nodes: .max, depth: .max)

  var isWithinLimit: Bool { nodes <= Self.limit.nodes && depth <= Self.limit.depth }

  /// The bound of a type that is made of parts with these bounds.
  mutating func include(_ part: TypeMeasure) {
    let (sum, overflow) = nodes.addingReportingOverflow(part.nodes)
    nodes = overflow ? .max : sum
    depth = max(depth, part.depth == .max ? .max : part.depth + 1)
  }
}

extension Type {
  /// Whether values of the type have no parts.
  var isScalar: Bool {
    switch self {
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .scheme: true
    case .list, .map, .tuple, .structure, .module, .function, .sum, .table: false
    }
  }

  /// The true measure; nil if it goes beyond the limit.
  ///
  /// - Complexity: O(min(size, limit)), with no recursion.
  func measured() -> TypeMeasure? {
    var measure = TypeMeasure(nodes: 0, depth: 0)
    var pending: [(Type, UInt32)] = [(self, 1)]
    while let (type, depth) = pending.popLast() {
      measure.nodes += 1
      measure.depth = max(measure.depth, depth)
      guard measure.nodes <= TypeMeasure.limit.nodes, depth <= TypeMeasure.limit.depth else { return nil }
      func push(_ part: Type) { pending.append((part, depth + 1)) }
      switch type {
      case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .scheme: break
      case .list(let element), .table(let element): push(element)
      case .map(let key, let value):
        push(key)
        push(value)
      case .tuple(let elements): for element in elements { push(element.type) }
      case .structure(let fields): for field in fields { push(field.type) }
      case .module(let fields, let aliases):
        for field in fields { push(field.type) }
        for alias in aliases { push(alias.type) }
      case .function(let parameters, let result):
        for parameter in parameters { push(parameter.type) }
        push(result)
      case .sum(let variants):
        for variant in variants { if let element = variant.element { push(element) } }
      }
    }
    return measure
  }

  /// Whether something in it is wrong already.
  ///
  /// - Complexity: O(size).
  var containsError: Bool {
    switch self {
    case .error: true
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .scheme: false
    case .list(let element), .table(let element): element.containsError
    case .map(let key, let value): key.containsError || value.containsError
    case .tuple(let elements): elements.contains { $0.type.containsError }
    case .structure(let fields), .module(let fields, aliases: _): fields.contains { $0.type.containsError }
    case .function(let parameters, let result):
      result.containsError || parameters.contains { $0.type.containsError }
    case .sum(let variants): variants.contains { $0.element?.containsError ?? false }
    }
  }
}
