import BuildGraph

/// Rows as bytes: ints and floats as eight bytes, little-endian; bools as one; strings as their length in four bytes and
/// then themselves. Nothing between fields or rows: the columns say where they end.
package enum RowCoding {
  /// Appends one row.
  package static func append(
    _ row: UnsafePointer<UInt64>, _ columns: [ColumnKind], _ strings: any RowStrings, to bytes: inout [UInt8]
  ) {
    for (index, kind) in columns.enumerated() {
      switch kind {
      case .int, .float: append(row[index], 8, to: &bytes)
      case .bool: bytes.append(row[index] == 0 ? 0 : 1)
      case .string, .rows:
        let text = strings.bytes(row[index])
        append(UInt64(text.count), 4, to: &bytes)
        bytes.append(contentsOf: text)
      }
    }
  }

  /// Calls `body` with each row in turn.
  ///
  /// - Returns: whether the bytes were whole rows.
  package static func forEachRow(
    in bytes: UnsafeBufferPointer<UInt8>, _ columns: [ColumnKind], _ strings: any RowStrings,
    _ body: (UnsafePointer<UInt64>) -> Void
  ) -> Bool {
    var row = [UInt64](repeating: 0, count: columns.count)
    var offset = 0
    while offset < bytes.count {
      for (index, kind) in columns.enumerated() {
        switch kind {
        case .int, .float:
          guard let word = word(bytes, &offset, 8) else { return false }
          row[index] = word
        case .bool:
          guard let word = word(bytes, &offset, 1) else { return false }
          row[index] = word
        case .string, .rows:
          guard let count = word(bytes, &offset, 4), Int(count) <= bytes.count - offset else { return false }
          row[index] = strings.intern(UnsafeBufferPointer(rebasing: bytes[offset..<offset + Int(count)]))
          offset += Int(count)
        }
      }
      row.withUnsafeBufferPointer { if let base = $0.baseAddress { body(base) } }
      if columns.isEmpty { return false }
    }
    return true
  }

  private static func append(_ word: UInt64, _ count: Int, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0.prefix(count)) }
  }

  private static func word(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: inout Int, _ count: Int) -> UInt64? {
    guard bytes.count - offset >= count else { return nil }
    var word: UInt64 = 0
    for index in 0..<count { word |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
    offset += count
    return word
  }

  // MARK: Values

  /// Appends a row that the program made.
  ///
  /// - Parameter value: known to its last element, of a type with these columns.
  /// - Returns: what is wrong with one of its fields; nil if nothing is.
  static func append(
    _ value: Value, _ columns: [(symbol: Symbol, kind: ColumnKind)], to bytes: inout [UInt8]
  ) -> StoringError? {
    guard case .record(let record) = value else { preconditionFailure("the checker admits structs only") }
    for (symbol, kind) in columns {
      guard let field = record[symbol] else { preconditionFailure("the checker has seen the field") }
      switch (kind, field) {
      case (.string, .string(let text)):
        append(UInt64(text.count), 4, to: &bytes)
        bytes.append(contentsOf: text.bytes)
      case (.bool, .bool(let flag)): bytes.append(flag ? 1 : 0)
      case _:
        switch StoringError.word(field) {
        case .success(let word): append(word, 8, to: &bytes)
        case .failure(let error): return error
        }
      }
    }
    return nil
  }

  /// The rows as values, each a record of the shape.
  ///
  /// - Returns: nil if the bytes are not whole rows.
  static func records(_ bytes: [UInt8], _ columns: [ColumnKind], _ shape: Shape) -> ContiguousArray<Value>? {
    bytes.withUnsafeBufferPointer { bytes in
      var result = ContiguousArray<Value>()
      var offset = 0
      while offset < bytes.count {
        var values = ContiguousArray<Value>()
        values.reserveCapacity(columns.count)
        for kind in columns {
          switch kind {
          case .int:
            guard let word = word(bytes, &offset, 8) else { return nil }
            values.append(.int(Int(bitPattern: UInt(word))))
          case .float:
            guard let word = word(bytes, &offset, 8) else { return nil }
            values.append(Value(Floating(Double(bitPattern: word))))
          case .bool:
            guard let word = word(bytes, &offset, 1) else { return nil }
            values.append(.bool(word != 0))
          case .string, .rows:
            guard let count = word(bytes, &offset, 4), Int(count) <= bytes.count - offset else { return nil }
            values.append(.string(ByteString(bytes: Array(bytes[offset..<offset + Int(count)]))))
            offset += Int(count)
          }
        }
        if columns.isEmpty { return nil }
        result.append(.record(Record(shape, values)))
      }
      return result
    }
  }
}

/// Why a number cannot be a field of a row.
enum StoringError: Error, Hashable {
  case overflow
  case notFinite

  var message: String {
    switch self {
    case .overflow: "an int field of a row holds 64 bits, and this int does not fit"
    case .notFinite: "a float field of a row must be finite"
    }
  }

  var id: String {
    switch self {
    case .overflow: "language.row-overflow"
    case .notFinite: "language.row-not-finite"
    }
  }

  /// A number as a word of a row.
  static func word(_ value: Value) -> Result<UInt64, StoringError> {
    switch value {
    case .int(let word): return .success(UInt64(bitPattern: Int64(word)))
    case .float(let box):
      let double = box.value.double
      // Zero is stored without its sign.
      return double.isFinite ? .success((double == 0 ? 0 : double).bitPattern) : .failure(.notFinite)
    case .bool(let flag): return .success(flag ? 1 : 0)
    case .big: return .failure(.overflow)
    case .unit, .string, .file, .dir, .fileset, .list, .map, .tuple, .record, .table, .variant, .closure, .native,
      .delayed, .absent:
      preconditionFailure("the checker admits scalars only")
    }
  }
}
