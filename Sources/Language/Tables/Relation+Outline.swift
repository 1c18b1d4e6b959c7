import BuildGraph

/// A plan in words, for people who ask how a table comes about.
extension Relation {
  private static let outlineLimit = 40

  /// A line for each node, operands two columns further in than what is made of them. A node that is used again is named the second
  /// time, and not drawn; a long outline is cut.
  ///
  /// - Complexity: O(nodes).
  package var outline: String { outlineLines.map(\.text).joined(separator: "\n") }

  /// The lines of ``outline``, each with the node that it is about; nil where it only refers to another.
  ///
  /// - Complexity: O(nodes).
  package var outlineLines: [(text: String, node: Relation?)] {
    var lines: [(text: String, node: Relation?)] = []
    var drawn: Set<ObjectIdentifier> = []
    func add(_ relation: Relation, _ depth: Int) {
      guard lines.count <= Self.outlineLimit else { return }
      let margin = String(repeating: "  ", count: depth)
      let place = relation.location.map { " (\($0.file):\($0.line))" } ?? ""
      if drawn.contains(ObjectIdentifier(relation)) {
        return lines.append(("\(margin)as above: \(relation.summary)\(place)", nil))
      }
      lines.append((margin + relation.summary + place, relation))
      if relation.operation.children.isEmpty { return }
      drawn.insert(ObjectIdentifier(relation))
      for child in relation.operation.children { add(child, depth + 1) }
    }
    add(self, 0)
    if lines.count > Self.outlineLimit { lines[Self.outlineLimit] = ("…", nil) }
    return Array(lines.prefix(Self.outlineLimit + 1))
  }

  private var summary: String {
    let names = columns.map(\.name).joined(separator: ", ")
    switch operation {
    case .files(let table):
      let parts = table.parts.count == 1 ? "" : " of \(table.parts.count) parts"
      return "read \(table.format.rawValue)\(parts): \(names)"
    case .literal(let rows): return rows.count == 1 ? "1 row of the program" : "\(rows.count) rows of the program"
    case .loop: return "the loop's rows so far"
    case .project: return "columns \(names)"
    case .union: return "union"
    case .distinct: return "distinct"
    case .comprehension(let comprehension): return comprehension.summary
    case .semijoin(let join): return join.keepsMatches ? "semijoin" : "antijoin"
    case .fixpoint(let fixpoint): return fixpoint.priority == nil ? "fixpoint" : "fixpoint by priority"
    }
  }
}

extension Comprehension {
  /// `join of 3 by 2 keys, group with count and sum, 1 condition`.
  fileprivate var summary: String {
    var tables = 0
    var parts: [String] = []
    for generator in generators {
      switch generator.source {
      case .table: tables += 1
      case .list: parts.append("a list for each row")
      case .groups(let grouping):
        tables += 1
        let reducers = grouping.reducers.map(\.kind.summary)
        parts.append(reducers.isEmpty ? "group" : "group with " + reducers.joined(separator: " and "))
      }
    }
    let keys = conditions.count { $0.equality != nil }
    let windows = conditions.count { $0.window != nil }
    let others = conditions.count - keys - windows
    if tables > 1 {
      parts.insert("join of \(tables)" + (keys == 0 ? "" : keys == 1 ? " by 1 key" : " by \(keys) keys"), at: 0)
    }
    if windows > 0 { parts.append("window") }
    if others > 0 { parts.append(others == 1 ? "1 condition" : "\(others) conditions") }
    return parts.isEmpty ? "each row" : parts.joined(separator: ", ")
  }
}

extension Reducer.Kind {
  fileprivate var summary: String {
    switch self {
    case .count: "count"
    case .sum: "sum"
    case .average: "average"
    case .minimum: "least"
    case .maximum: "greatest"
    case .top(_, let count, columns: _): "first \(count)"
    case .rows: "rows"
    }
  }
}
