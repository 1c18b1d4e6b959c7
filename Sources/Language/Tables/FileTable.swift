package import BuildGraph

/// `table(source, option := …) ROW`: how files become rows.
package struct FileTable: Hashable, Sendable {
  package enum Format: String, Hashable, Sendable, CaseIterable { case csv, tsv, jsonl, lines }

  /// What an empty field is, in a column that is no string.
  package enum Empty: String, Hashable, Sendable, CaseIterable {
    /// It is malformed.
    case error
    /// 0, 0.0 or false.
    case zero
    /// Its row is left out.
    case drop
  }

  package enum Malformed: String, Hashable, Sendable, CaseIterable { case error, drop }

  /// In order; a folder is all the files in it.
  package var parts: [Relation.Input]
  /// Of a row, as declared.
  package var columns: [Column]
  package var format: Format
  /// Whether each part begins with the names of its columns; csv and tsv only.
  package var hasHeader: Bool
  /// By column: the name that it goes by in headers or JSON objects.
  package var names: [ByteString]
  package var empty: Empty
  package var malformed: Malformed
  /// The string column that holds the part's relative path, and is not read from the file.
  package var pathColumn: Int?
  /// The int column that holds the record's number in its part, from 1, and is not read from the file.
  package var numberColumn: Int?
  /// The user's promise that files only grow.
  package var appends: Bool
}
