/// What the checker found out about a comprehension over a table: what depends on which generator, and what does not and
/// must be known before.
package struct TableClauses: Sendable {
  package struct Generator: Sendable {
    package enum Kind: Hashable, Sendable { case table, groups, list }

    package var pattern: PatternID
    package var source: ExpressionID
    package var kind: Kind
    /// The earlier generators that the source mentions; none but for lists.
    package var mentions: [Int]
    /// Whether the pattern may fail to match.
    package var isRefutable: Bool
  }

  package struct Condition: Sendable {
    package var expression: ExpressionID
    /// How many generators stand before it.
    package var after: Int
    /// The generators that it mentions, ascending.
    package var mentions: [Int]
    /// For `x == y`: what the sides mention.
    package var sides: Sides?
    /// For an inequality: what the sides mention.
    package var comparison: Sides?
  }

  package struct Sides: Sendable {
    package var left: ExpressionID
    package var right: ExpressionID
    package var leftMentions: [Int]
    package var rightMentions: [Int]
  }

  /// An expression over the rows of a group whose value can be kept up to date row by row.
  package struct Aggregate: Sendable {
    package enum Kind: Hashable, Sendable {
      case count, sum, average, minimum, maximum
      /// The first rows by the function in the first expression; how many is in the second.
      case top(ExpressionID, ExpressionID)
    }

    package var expression: ExpressionID
    package var generator: Int
    package var kind: Kind
    /// What is aggregated, for each row that this pattern is bound to; nil for `len(g.rows)` and the like.
    package var value: ExpressionID?
    package var pattern: PatternID?
    package var conditions: [ExpressionID]
  }

  package var generators: [Generator] = []
  /// In order, conjunctions taken apart.
  package var conditions: [Condition] = []
  package var headMentions: [Int] = []
  package var aggregates: [Aggregate] = []
  /// Expressions inside row expressions that depend on no row and cannot be computed where rows are: their values are
  /// known before the plan runs.
  package var captured: [ExpressionID] = []
}
