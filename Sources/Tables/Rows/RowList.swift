package import Language

/// Rows in memory: words, one row after the other.
package struct RowList {
  package let kinds: [ColumnKind]
  package var words: [UInt64] = []

  package init(_ kinds: [ColumnKind]) { self.kinds = kinds }

  package var width: Int { kinds.count }
  package var count: Int { kinds.isEmpty ? 0 : words.count / kinds.count }

  package subscript(row: Int) -> ArraySlice<UInt64> { words[row * width..<(row + 1) * width] }

  package mutating func append(_ row: some Sequence<UInt64>) { words.append(contentsOf: row) }
}

/// The order of rows, and so of files: by the columns from left to right; ints and floats as numbers, false before true,
/// strings bytewise.
package struct RowOrder {
  package let kinds: [ColumnKind]
  package let strings: any RowStrings

  package init(_ kinds: [ColumnKind], _ strings: any RowStrings) {
    self.kinds = kinds
    self.strings = strings
  }

  package func precedes(_ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>) -> Bool {
    var column = 0
    while column < kinds.count {
      let (x, y) = (a[column], b[column])
      if x != y { return precedes(x, y, kinds[column]) }
      column += 1
    }
    return false
  }

  /// Of two different words of a column.
  package func precedes(_ x: UInt64, _ y: UInt64, _ kind: ColumnKind) -> Bool {
    switch kind {
    case .int: Int64(bitPattern: x) < Int64(bitPattern: y)
    case .float: Double(bitPattern: x) < Double(bitPattern: y)
    case .bool: x < y
    case .string, .rows: precedes(strings.bytes(x), strings.bytes(y))
    }
  }

  private func precedes(_ x: UnsafeBufferPointer<UInt8>, _ y: UnsafeBufferPointer<UInt8>) -> Bool {
    let count = min(x.count, y.count)
    var index = 0
    while index < count {
      if x[index] != y[index] { return x[index] < y[index] }
      index += 1
    }
    return x.count < y.count
  }

  /// The numbers of the rows, in order. Equal rows keep their order.
  ///
  /// - Complexity: O(n log n).
  package func sorted(_ rows: RowList) -> [Int] {
    guard let kind = kinds.first else { return [] }
    return rows.words.withUnsafeBufferPointer { words in
      guard let base = words.baseAddress else { return [] }
      let width = rows.width
      // Most are told apart by the beginning of their first column, without a look elsewhere.
      var numbers = (0..<rows.count).map { (start: start(of: base[$0 * width], kind), number: $0) }
      numbers.sort { a, b in
        a.start == b.start ? precedes(base + a.number * width, base + b.number * width) : a.start < b.start
      }
      return numbers.map(\.number)
    }
  }

  /// A word that is less for some values that precede others, and greater for none.
  private func start(of word: UInt64, _ kind: ColumnKind) -> UInt64 {
    switch kind {
    case .int: return word ^ 1 << 63
    case .float: return word >> 63 == 0 ? word | 1 << 63 : ~word
    case .bool: return word
    case .string, .rows:
      let bytes = strings.bytes(word)
      if bytes.count >= 8 {
        return UInt64(bigEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(as: UInt64.self))
      }
      return bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(56 - 8 * $1.offset) }
    }
  }
}
