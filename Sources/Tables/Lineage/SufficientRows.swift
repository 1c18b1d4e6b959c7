import Language

/// Rows of a table's sources over which one row of the table is there, and how to find fewer: leave some out and look, in ever smaller
/// portions (after Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002). It holds of any expression, since
/// each answer has been tried.
struct SufficientRows {
  private struct Row {
    /// By position in `sources`.
    var source: Int
    var words: [UInt64]
    /// How often the source has it.
    var copies: Int
  }

  private let evaluation: Evaluation
  private let relation: Relation
  /// The row that must be there.
  private let wanted: RowIndex
  private let sources: [Relation]
  private var rows: [Row] = []
  /// How many rows may still be evaluated.
  private var budget: Int

  /// - Parameters:
  ///   - wanted: the row that must be there.
  ///   - among: the rows of each source to begin with; nil for none.
  ///   - budget: how many rows may be evaluated, all attempts together.
  init(
    of relation: Relation, in evaluation: Evaluation, wanted: RowIndex, budget: Int,
    among chosen: (Relation) throws(TableFailure) -> RowIndex?
  ) throws(TableFailure) {
    self.evaluation = evaluation
    self.relation = relation
    self.wanted = wanted
    self.budget = budget
    sources = Array(relation.sources)
    for (number, source) in sources.enumerated() {
      guard let chosen = try chosen(source) else { continue }
      let words = try evaluation.evaluate(source).words { chosen.holds($0) }
      let width = source.columns.count
      var index = RowIndex(width: width)
      let first = rows.count
      words.withUnsafeBufferPointer { words in
        for start in stride(from: 0, to: words.count, by: width) {
          guard let base = words.baseAddress else { return }
          let (place, isNew) = index.insert(base + start)
          if isNew {
            rows.append(Row(source: number, words: Array(words[start..<start + width]), copies: 1))
          } else {
            rows[first + place].copies += 1
          }
        }
      }
    }
  }

  /// Whether the row is there where nothing else is, and no loop takes more rounds than over everything: of many ways it is then not a
  /// very long one.
  func suffice() throws(TableFailure) -> Bool { try suffice(rows) }

  private func suffice(_ rows: [Row]) throws(TableFailure) -> Bool {
    var lists = sources.map { RowList($0.columns.map(\.kind)) }
    for row in rows { for _ in 0..<row.copies { lists[row.source].append(row.words) } }
    do throws(TableFailure) {
      let few = Evaluation(over: Array(zip(sources, lists)), of: evaluation, roundLimit: max(1, evaluation.mostRounds))
      let found = try few.rows(of: relation)
      return !found.words { wanted.holds($0) }.isEmpty
    } catch {
      return false
    }
  }

  /// Leaves out what is not needed.
  ///
  /// - Returns: whether none of what is left can be left out by itself; false where the budget was spent before that was known.
  /// - Complexity: of n rows of which k are needed, O(k log n) evaluations, most of them of few rows.
  mutating func shrink() throws(TableFailure) -> Bool {
    var portion = max(1, rows.count / 2)
    while true {
      var hasShrunk = false
      var start = 0
      while start < rows.count {
        let rest = Array(rows[..<start] + rows[min(start + portion, rows.count)...])
        budget -= rest.count + 1
        guard budget >= 0 else { return false }
        if try suffice(rest) {
          rows = rest
          hasShrunk = true
        } else {
          start += portion
        }
      }
      if portion == 1, !hasShrunk { return true }
      portion = max(1, portion / 2)
    }
  }

  /// The rows of a source; nil if it has none.
  func rows(of source: Relation) -> RowIndex? {
    let words = rows.filter { sources[$0.source] === source }.flatMap(\.words)
    return words.isEmpty ? nil : RowIndex(words, width: source.columns.count)
  }
}
