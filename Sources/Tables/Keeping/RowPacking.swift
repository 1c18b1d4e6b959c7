import Language

/// Rows as few bytes: column by column, each value as its distance from the column's least, in as many bytes as the greatest
/// distance needs.
///
///     0  rows 8 · for each column: least 8 · bytes of a distance 8 (0 to 8)
///        the columns' distances, little-endian, one column after the other · 8 bytes that are not read
enum RowPacking {
  /// - Complexity: O(words).
  static func pack(_ rows: RowList) -> [UInt8] {
    let width = rows.width
    let count = rows.count
    var plan: [(least: UInt64, size: Int)] = []
    rows.words.withUnsafeBufferPointer { words in
      for column in 0..<width {
        let bias = bias(of: rows.kinds[column])
        var least = UInt64.max
        var greatest: UInt64 = 0
        var at = column
        while at < words.count {
          let word = words[at] ^ bias
          least = min(least, word)
          greatest = max(greatest, word)
          at += width
        }
        let span = count == 0 ? 0 : greatest - least
        plan.append((count == 0 ? 0 : least, (71 - span.leadingZeroBitCount) / 8))
      }
    }
    let header = 8 + 16 * width
    let size = header + plan.reduce(0) { $0 + $1.size * count } + 8
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
      initialized = size
      buffer.initialize(repeating: 0)
      let base = UnsafeMutableRawPointer(buffer.baseAddress!)  // There is a header at least.
      base.storeBytes(of: UInt64(count).littleEndian, as: UInt64.self)
      var offset = header
      rows.words.withUnsafeBufferPointer { words in
        for column in 0..<width {
          let (least, bytes) = plan[column]
          base.storeBytes(of: least.littleEndian, toByteOffset: 8 + 16 * column, as: UInt64.self)
          base.storeBytes(of: UInt64(bytes).littleEndian, toByteOffset: 16 + 16 * column, as: UInt64.self)
          guard bytes > 0 else { continue }
          let bias = bias(of: rows.kinds[column])
          var at = column
          while at < words.count {
            // The bytes behind the distance are written over by the next.
            base.storeBytes(of: ((words[at] ^ bias) &- least).littleEndian, toByteOffset: offset, as: UInt64.self)
            offset += bytes
            at += width
          }
        }
      }
    }
  }

  /// Nil where the bytes are not rows of that many columns.
  ///
  /// - Complexity: O(words).
  static func unpack(_ bytes: UnsafeRawBufferPointer, _ kinds: [ColumnKind]) -> RowList? {
    guard let packed = PackedRows(bytes, kinds) else { return nil }
    var rows = RowList(kinds)
    packed.append(0..<packed.count, to: &rows)
    return rows
  }

  /// Makes the order of unsigned words that of the values, so that small ones are near each other.
  fileprivate static func bias(of kind: ColumnKind) -> UInt64 {
    switch kind {
    case .int: 1 << 63
    case .float, .bool, .string, .rows: 0
    }
  }
}

/// Packed rows, read where they are.
struct PackedRows {
  private struct Place {
    var offset: Int
    var least: UInt64
    var size: Int
    var bias: UInt64
  }

  let count: Int
  private let bytes: UnsafeRawBufferPointer
  private let columns: [Place]

  /// Nil where the bytes are not rows of that many columns.
  ///
  /// - Parameter bytes: they stay as long as the rows are read.
  init?(_ bytes: UnsafeRawBufferPointer, _ kinds: [ColumnKind]) {
    let width = kinds.count
    let header = 8 + 16 * width
    guard width > 0, bytes.count >= header + 8 else { return nil }
    func word(_ offset: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    guard let count = Int(exactly: word(0)), count <= 1 << 40 else { return nil }
    var columns: [Place] = []
    var offset = header
    for column in 0..<width {
      guard word(16 + 16 * column) <= 8 else { return nil }
      let size = Int(word(16 + 16 * column))
      columns.append(
        Place(offset: offset, least: word(8 + 16 * column), size: size, bias: RowPacking.bias(of: kinds[column])))
      offset += size * count
    }
    guard offset + 8 == bytes.count else { return nil }
    self.count = count
    self.bytes = bytes
    self.columns = columns
  }

  /// Appends some of them.
  ///
  /// - Precondition: they are there.
  /// - Complexity: O(words).
  func append(_ range: Range<Int>, to rows: inout RowList) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "packed rows that are there")
    let width = columns.count
    let start = rows.words.count
    rows.words.append(contentsOf: repeatElement(0, count: range.count * width))
    rows.words.withUnsafeMutableBufferPointer { words in
      for (number, column) in columns.enumerated() {
        let mask = column.size == 8 ? UInt64.max : (1 << UInt64(8 * column.size)) - 1
        var offset = column.offset + range.lowerBound * column.size
        var at = start + number
        while at < words.count {
          let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
          words[at] = ((word & mask) &+ column.least) ^ column.bias
          offset += column.size
          at += width
        }
      }
    }
  }
}
