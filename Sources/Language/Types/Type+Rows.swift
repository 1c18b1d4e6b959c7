/// Rows of tables: structs of scalars, and what `group` makes of them.
extension Type {
  /// Whether a field of a row can have this type.
  package var isRowScalar: Bool {
    switch self {
    case .int, .float, .string, .bool, .error: true
    case .file, .dir, .unit, .fileset, .top, .bottom, .list, .map, .tuple, .structure, .module, .function, .sum, .table,
      .scheme:
      false
    }
  }

  /// The fields of a struct of scalars; nil for any other type.
  package var rowFields: [Field]? {
    guard case .structure(let fields) = unlabelled, fields.allSatisfy(\.type.unlabelled.isRowScalar) else { return nil }
    return fields
  }

  /// The key and the rows of `{key K, rows [R]}`; nil for any other type.
  package var groupParts: (key: Type, rows: [Field])? {
    guard case .structure(let fields) = unlabelled, fields.count == 2,
      let key = fields.first(where: { $0.name == "key" })?.type.unlabelled, key.isGroupKey,
      case .list(let element)? = fields.first(where: { $0.name == "rows" })?.type.unlabelled,
      let rows = element.rowFields
    else { return nil }
    return (key, rows)
  }

  /// Whether it is the row type of a grouped table.
  var isGroupRow: Bool { groupParts != nil }

  /// Whether rows can be grouped by values of this type: a scalar, or a tuple or struct of scalars.
  var isGroupKey: Bool {
    switch unlabelled {
    case .tuple(let elements): elements.allSatisfy(\.type.isRowScalar)
    case let type: type.isRowScalar || type.rowFields != nil
    }
  }

  /// Whether a further generator may take elements of this type from a list after a table: a scalar, or a struct or
  /// tuple of scalars.
  var isRowElement: Bool { self == .bottom || isGroupKey }

  /// Whether every row of one table is, by its type, a row of another. Groups may lose columns of their rows only.
  static func isRow(_ a: Type, subtypeOf b: Type) -> Bool {
    guard let p = a.groupParts, let q = b.groupParts else {
      return !a.isGroupRow && !b.isGroupRow && a.isSubtype(of: b)
    }
    return p.key.isEqual(to: q.key) && Type.structure(p.rows).isSubtype(of: .structure(q.rows))
  }

  /// Whether a value of this type holds a grouped table, which cannot become a file.
  ///
  /// - Complexity: O(size).
  var holdsGroupedTable: Bool {
    switch self {
    case .table(let row): row.isGroupRow
    case .list(let element), .map(key: _, let element): element.holdsGroupedTable
    case .tuple(let elements): elements.contains { $0.type.holdsGroupedTable }
    case .structure(let fields), .module(let fields, aliases: _): fields.contains { $0.type.holdsGroupedTable }
    case .sum(let variants): variants.contains { $0.element?.holdsGroupedTable ?? false }
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .function, .scheme: false
    }
  }
}
