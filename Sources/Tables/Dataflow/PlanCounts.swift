package import Language

/// How many records went through the nodes of a relation in one run, for people.
package struct PlanCounts: Sendable {
  struct Count: Hashable, Sendable {
    /// Records that it handed on, those that go among them; of files whose records become something else while they are read, those that
    /// were read.
    var out: Int
    /// The rows of its table after the run; nil in a loop, where it has others in each round, and where nobody holds them.
    var held: Int?
  }

  var counts: [NodeKey: Count] = [:]

  /// The relation's outline, and before each line how many records came in, went out and are held; blank where nobody knows.
  ///
  /// - Complexity: O(nodes).
  package func text(of relation: Relation) -> String {
    var rows = [["in", "out", "held"]]
    let lines = relation.outlineLines
    for line in lines {
      guard let node = line.node, let count = counts[NodeKey(node)] else {
        rows.append(["", "", ""])
        continue
      }
      let children = node.operation.children
      let into = children.reduce(0) { $0 + (counts[NodeKey($1)]?.out ?? 0) }
      rows.append([children.isEmpty ? "" : "\(into)", "\(count.out)", count.held.map { "\($0)" } ?? ""])
    }
    let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return zip(rows, ["operator"] + lines.map(\.text)).map { row, text in
      zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }.joined(separator: "  ") + "  " + text
    }.joined(separator: "\n")
  }
}

/// What a node of a dataflow has handed on so far. For one thread at a time.
final class NodeTally {
  private(set) var out = 0
  var held = 0
  /// Whether it is of records that are nowhere held together: of a loop, which has others in each round, or of files whose records are made
  /// into something else at once.
  let isPassing: Bool

  init(isPassing: Bool) { self.isPassing = isPassing }

  func see(_ records: Int, sum: Int) {
    out += records
    held += sum
  }
}
