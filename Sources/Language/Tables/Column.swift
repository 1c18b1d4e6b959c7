/// The kind of one word of a row.
package enum ColumnKind: UInt8, Hashable, Sendable, CaseIterable {
  /// `Int64`, by its bits.
  case int = 0
  /// A finite double by its bits; zero is never negative. The value of a row expression that is not stored may be anything.
  case float = 1
  /// The number of a string in a ``RowStrings``.
  case string = 2
  /// 0 or 1.
  case bool = 3
  /// Rows of a group, encoded by ``RowCoding`` and numbered as a string. Only between a reducer and row functions.
  case rows = 4
}

/// A field of a table's rows.
package struct Column: Hashable, Sendable {
  package var name: String
  package var kind: ColumnKind

  package init(_ name: String, _ kind: ColumnKind) {
    self.name = name
    self.kind = kind
  }
}

extension ColumnKind {
  /// The kind of a field of this type; nil for types that no row has.
  init?(_ type: Type) {
    switch type.unlabelled {
    case .int: self = .int
    case .float: self = .float
    case .string: self = .string
    case .bool: self = .bool
    case .file, .dir, .unit, .fileset, .top, .bottom, .error, .list, .map, .tuple, .structure, .module, .function, .sum,
      .table, .scheme:
      return nil
    }
  }
}

extension Type {
  /// The columns of a table with this row type, in the order as written.
  ///
  /// - Precondition: the checker has found it to be a struct of scalars.
  var columns: [Column] {
    guard let fields = rowFields else { preconditionFailure("a row is a struct of scalars") }
    return fields.map { field in
      guard let kind = ColumnKind(field.type) else { preconditionFailure("a field of a row is a scalar") }
      return Column(field.name, kind)
    }
  }
}
