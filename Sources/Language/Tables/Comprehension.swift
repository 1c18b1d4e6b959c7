package import BuildGraph

/// `[head | generators, conditions]` over tables, and lists that may depend on the rows before them.
///
/// Its meaning is that of nested loops: generators from left to right, each condition at its place. Whoever evaluates it may
/// take any order that comes to the same rows and, where there are row errors, to the same least one; conditions with
/// ``RowFunction/canFail`` false may be taken earlier, and all may be taken later than they stand, as long as a function that
/// can fail is applied only to rows that have passed all conditions before it.
package struct Comprehension: Sendable {
  package var generators: [Generator]
  /// In the order of the program; conjunctions are taken apart.
  package var conditions: [Condition]
  /// Makes the columns of the result.
  package var head: RowFunction
}

/// `pattern <- source`
package struct Generator: Sendable {
  package enum Source: Sendable {
    case table(Relation)
    case groups(Grouping)
    /// Makes a list of rows from rows of earlier generators. If it reads none, the list is the same for all.
    case list(RowFunction)
  }

  package var source: Source
  /// The words that it contributes; of groups, first the key and then the reducers.
  package var columns: [ColumnKind]
  /// Whether it certainly has no more than one row.
  package var isAtMostOneRow: Bool
}

/// A condition, and what is known of its form.
package struct Condition: Sendable {
  /// How many generators stand before it; it reads these only.
  package var after: Int
  /// Makes one bool.
  package var function: RowFunction
  /// Set for `x == y` whose sides read disjoint, non-empty sets of generators and cannot fail: a join key. The words of the two
  /// sides are equal exactly where the condition holds, and have the same kinds.
  package var equality: Equality?
  /// Set for an inequality between a column and an expression over generators of at most one row.
  package var window: Window?
}

package struct Equality: Sendable {
  package var left: RowFunction
  package var right: RowFunction
}

/// `column < bound`, and the like: it can be kept by an arrangement that is ordered by the column.
package struct Window: Sendable {
  package enum Relation: Hashable, Sendable { case less, lessEqual, greater, greaterEqual }

  /// The generator and column on the left.
  package var column: RowFunction.Input
  package var relation: Relation
  /// Reads one-row generators only; makes one word of the column's kind. Where it overflows, only ``Condition/function`` decides.
  package var bound: RowFunction
}

/// `group(input, key)` as far as a comprehension looks into it: one row for each key that occurs, the key's words and then
/// one word for each reducer.
package struct Grouping: Sendable {
  package var input: Relation
  /// Reads generator 0, a row of the input; makes the key's words.
  package var key: RowFunction
  package var reducers: [Reducer]
}

/// What a comprehension wants to know of the rows of a group. All functions read generator 0, a row of the input.
package struct Reducer: Sendable {
  package enum Kind: Sendable {
    case count
    /// Of one int or float. Ints are summed exactly; the sum of none is 0. Floats by the correctly rounded exact sum.
    case sum(RowFunction)
    /// Of one int or float: the correctly rounded exact quotient of sum and count, a float.
    case average(RowFunction)
    /// Of one int, float or string.
    case minimum(RowFunction)
    case maximum(RowFunction)
    /// The first `count` rows (their `columns`) by the words of the function, ascending; equal ones by all columns of the row.
    case top(RowFunction, count: Int, columns: [Int])
    /// All rows (their `columns`), ascending by these columns, duplicates repeated.
    case rows(columns: [Int])
  }

  package var kind: Kind
  /// Rows for which a condition does not hold do not count. One bool each, one after the other as the program has them.
  package var conditions: [RowFunction]
  /// Of its word.
  package var column: ColumnKind
  /// Where the program says it; for row errors of the reducer itself, such as ``emptyError`` and an int sum beyond 64 bits.
  package var location: ProgramLocation?

  /// What `min`, `max` and `avg` come to for no rows.
  package var emptyError: RowError {
    let name =
      switch kind {
      case .average: "avg"
      case .minimum: "min"
      case .maximum, .count, .sum, .top, .rows: "max"
      }
    return RowError("language.empty-list", "\(name) of an empty list", at: location)
  }

  /// What a sum beyond 64 bits comes to.
  package var overflowError: RowError {
    RowError("language.row-overflow", "the sum does not fit an int of 64 bits", at: location)
  }
}
