/// Which values the cases of a `switch` match together.
///
/// A case is reachable if some value matches it and none before it; the cases are exhaustive if a further `_` would not be
/// reachable. Both are one question about a matrix of patterns (a row for each case, a column for each part of the value):
/// take the first column that says anything, and for each way in which a value may be made there, go on with the rows that
/// agree and the parts in place of the column. That is exact, but exponential at worst, so the work is counted and bounded.
struct Coverage {
  enum Addition: Equatable { case reachable, unreachable, tooComplex }
  enum Verdict: Equatable { case exhaustive, unhandled(String), tooComplex }

  /// Rows looked at in one `switch`, and how deep the questions nest: more than any switch that a person reads.
  static let workLimit = 1_000_000
  static let depthLimit = 120

  private enum Answer { case none, witness([String]), tooComplex }

  /// How a value may be made.
  private enum Constructor: Hashable {
    case product(Int)
    /// A list of just so many elements.
    case list(Int)
    /// A list of at least so many: no pattern tells apart what follows.
    case longerList(Int)
    case variant(String)
    case literal(MatchPattern.Literal)
    /// A value that no pattern of the column names.
    case other
  }

  private let type: Type
  private var rows: [MatchPattern] = []
  private var work = 0

  // Large switches over tags or literals are answered by sets alone.
  private var simple: Set<MatchPattern> = []
  private var isSimple = true
  private var hasAny = false

  init(of type: Type) { self.type = type.unlabelled }

  /// Adds the next case.
  mutating func add(_ pattern: MatchPattern) -> Addition {
    defer { rows.append(pattern) }
    if hasAny { return .unreachable }
    if pattern.isAny {
      defer { hasAny = true }
      switch unhandled() {
      case .exhaustive: return .unreachable
      case .unhandled: return .reachable
      case .tooComplex: return .tooComplex
      }
    }
    if isSimple, let inserted = addSimple(pattern) { return inserted }
    isSimple = false
    switch search(rows.map { [$0] }, [pattern], [type], depth: 0) {
    case .none: return .unreachable
    case .witness: return .reachable
    case .tooComplex: return .tooComplex
    }
  }

  /// - Returns: nil if the pattern is not simple.
  private mutating func addSimple(_ pattern: MatchPattern) -> Addition? {
    switch pattern {
    case .literal: return simple.insert(pattern).inserted ? .reachable : .unreachable
    case .variant(let tag, let element):
      guard element?.isAny ?? true else { return nil }
      return simple.insert(.variant(tag, nil)).inserted ? .reachable : .unreachable
    case .any, .product, .list: return nil
    }
  }

  /// Whether every value is matched, or one that is not, as a pattern.
  mutating func unhandled() -> Verdict {
    if hasAny { return .exhaustive }
    if isSimple, case .sum(let variants) = type {
      guard let missing = variants.first(where: { !simple.contains(.variant($0.tag, nil)) }) else { return .exhaustive }
      return .unhandled("#" + missing.tag + (missing.element == nil ? "" : "(_)"))
    }
    switch search(rows.map { [$0] }, [.any], [type], depth: 0) {
    case .none: return .exhaustive
    case .witness(let parts): return .unhandled(parts.joined())
    case .tooComplex: return .tooComplex
    }
  }

  /// A value that the query matches and no row does: its parts by column, as text.
  private mutating func search(
    _ rows: [[MatchPattern]], _ query: [MatchPattern], _ types: [Type], depth: Int
  ) -> Answer {
    // Columns in which nobody says anything need no recursion.
    guard
      let column = query.indices.first(where: { index in
        !query[index].isAny || rows.contains { !$0[index].isAny }
      })
    else {
      return rows.isEmpty ? .witness(types.map { _ in "_" }) : .none
    }
    if rows.isEmpty {
      return .witness(query.indices.map { Self.text(query[$0], types[$0]) })
    }
    work += rows.count
    guard work <= Self.workLimit, depth < Self.depthLimit else { return .tooComplex }
    for constructor in constructors(rows, query, column, types[column]) {
      let parts = Self.parts(of: constructor, types[column])
      guard let narrowed = Self.specialize(query, column, constructor, parts.count) else { continue }
      work += rows.count
      let remaining = rows.compactMap { Self.specialize($0, column, constructor, parts.count) }
      var inner = types
      inner.replaceSubrange(column...column, with: parts)
      switch search(remaining, narrowed, inner, depth: depth + 1) {
      case .none: continue
      case .tooComplex: return .tooComplex
      case .witness(var texts):
        let made = Self.text(constructor, types[column], Array(texts[column..<column + parts.count]))
        texts.replaceSubrange(column..<column + parts.count, with: [made])
        return .witness(texts)
      }
    }
    return .none
  }

  /// The ways to make a value of the column that the patterns tell apart.
  private func constructors(
    _ rows: [[MatchPattern]], _ query: [MatchPattern], _ column: Int, _ type: Type
  ) -> [Constructor] {
    switch type.unlabelled {
    case .tuple(let elements): return [.product(elements.count)]
    case .structure(let fields): return [.product(fields.count)]
    case .sum(let variants):
      if case .variant(let tag, _) = query[column] { return [.variant(tag)] }
      return variants.map { .variant($0.tag) }
    case .list:
      var lengths: Set<Int> = [0]
      var longest = 0
      for row in rows + [query] {
        guard case .list(let prefix, let isOpen) = row[column] else { continue }
        lengths.insert(prefix.count)
        if !isOpen { lengths.insert(prefix.count + 1) }
        longest = max(longest, isOpen ? prefix.count : prefix.count + 1)
      }
      return lengths.sorted().map { $0 == longest ? .longerList($0) : .list($0) }
    case .bool: return [.literal(.bool(true)), .literal(.bool(false))]
    case .int, .float, .string, .file, .dir, .unit, .fileset, .top, .bottom, .error, .map, .module, .function,
      .table, .scheme:
      if case .literal(let literal) = query[column] { return [.literal(literal)] }
      // A literal that rows name is matched by those and by all that match any other value, so it need not be tried.
      return [.other]
    }
  }

  private static func parts(of constructor: Constructor, _ type: Type) -> [Type] {
    switch (constructor, type.unlabelled) {
    case (.product, .tuple(let elements)): elements.map(\.type)
    case (.product, .structure(let fields)): fields.map(\.type)
    case (.list(let count), .list(let element)), (.longerList(let count), .list(let element)):
      Array(repeating: element, count: count)
    case (.variant(let tag), .sum(let variants)):
      variants.first { $0.tag == tag }?.element.map { [$0] } ?? []
    default: []
    }
  }

  /// The row with the column replaced by its parts; nil if it cannot match a value so made.
  private static func specialize(
    _ row: [MatchPattern], _ column: Int, _ constructor: Constructor, _ arity: Int
  ) -> [MatchPattern]? {
    var parts = [MatchPattern](repeating: .any, count: arity)
    switch (row[column], constructor) {
    case (.any, _): break
    case (.product(let elements), .product): parts = elements
    case (.list(let prefix, let isOpen), .list(let count)):
      guard prefix.count == count || (isOpen && prefix.count < count) else { return nil }
      parts.replaceSubrange(..<prefix.count, with: prefix)
    case (.list(let prefix, let isOpen), .longerList(let count)):
      guard isOpen, prefix.count <= count else { return nil }
      parts.replaceSubrange(..<prefix.count, with: prefix)
    case (.variant(let tag, let element), .variant(let other)):
      guard tag == other else { return nil }
      if let element, arity == 1 { parts = [element] }
    case (.literal(let literal), .literal(let other)):
      guard literal == other else { return nil }
    case (.product, _), (.list, _), (.variant, _), (.literal, _): return nil
    }
    var result = row
    result.replaceSubrange(column...column, with: parts)
    return result
  }

  // MARK: Witnesses

  private static func text(_ constructor: Constructor, _ type: Type, _ parts: [String]) -> String {
    switch constructor {
    case .product:
      guard case .structure(let fields) = type.unlabelled else { return "(" + parts.joined(separator: ", ") + ")" }
      let named = zip(fields, parts).filter { $1 != "_" }.map { $0.name + ": " + $1 }
      return named.isEmpty ? "_" : "{" + named.joined(separator: ", ") + "}"
    case .list: return "[" + parts.joined(separator: ", ") + "]"
    case .longerList: return parts.isEmpty ? "[...]" : "[" + parts.joined(separator: ", ") + ", ...]"
    case .variant(let tag): return parts.isEmpty ? "#" + tag : "#" + tag + "(" + parts.joined() + ")"
    case .literal(.bool(let value)): return value ? "true" : "false"
    case .literal, .other: return "_"
    }
  }

  private static func text(_ pattern: MatchPattern, _ type: Type) -> String {
    switch pattern {
    case .variant(let tag, let element): "#" + tag + (element == nil ? "" : "(_)")
    case .any, .product, .list, .literal: "_"
    }
  }
}
