package import BuildGraph
package import Language

/// Why a file is no table of the declared type.
package struct ReadingError: Error, Hashable, Sendable {
  /// The part's path, as its owner names it.
  package var path: ByteString
  /// From 1.
  package var line: Int
  /// In bytes, from 1.
  package var column: Int
  package var message: String
}

/// What was read of parts so far.
package struct Reading {
  package var rows: RowList
  /// Records that were malformed and dropped, because the program says so.
  package var dropped = 0

  package init(_ table: FileTable) { rows = RowList(table.columns.map(\.kind)) }
}

/// Reads the parts of a table.
package struct TableReader {
  let table: FileTable
  let strings: StringDictionary

  package init(_ table: FileTable, _ strings: StringDictionary) {
    self.table = table
    self.strings = strings
  }

  /// Reads a whole part, and appends its rows.
  ///
  /// - Parameter path: the part's relative path, for the column that holds it and for errors.
  /// - Throws: the first malformed record, unless these are dropped; a header that lacks a column.
  /// - Complexity: O(bytes), without allocation but for strings that are new.
  package func read(
    _ bytes: UnsafeBufferPointer<UInt8>, path: ByteString, into reading: inout Reading
  ) throws(ReadingError) {
    let start = Self.start(of: bytes)
    var sink = RowSink(table, strings, path, reading)
    do throws(Malformation) {
      switch table.format {
      case .csv, .tsv:
        var scanner = DelimitedScanner(bytes, start, separator: table.format == .csv ? 0x2C : 0x09)
        try scanner.readAll(table, &sink)
      case .jsonl:
        var scanner = JSONScanner(bytes, start)
        try scanner.readAll(table, &sink)
      case .lines: try LineScanner.readAll(bytes, start, &sink)
      }
    } catch {
      throw Self.error(error, bytes, path)
    }
    reading = sink.reading
  }

  /// Behind the mark of the byte order.
  static func start(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    return bytes.starts(with: mark) ? mark.count : 0
  }

  static func error(
    _ malformation: Malformation, _ bytes: UnsafeBufferPointer<UInt8>, _ path: ByteString
  ) -> ReadingError {
    var line = 1
    var lineStart = 0
    for index in 0..<min(malformation.offset, bytes.count) where bytes[index] == 0x0A {
      line += 1
      lineStart = index + 1
    }
    return ReadingError(
      path: path, line: line, column: malformation.offset - lineStart + 1, message: malformation.message)
  }
}

/// What is wrong, and where in the part.
struct Malformation: Error {
  var offset: Int
  var message: String
}

/// Takes fields of records and makes rows of them.
struct RowSink {
  private(set) var reading: Reading
  private let table: FileTable
  private let strings: StringDictionary
  private let path: UInt64
  private var row: [UInt64]
  private var record: Int64 = 0
  private var problem: Malformation?
  private var isLeftOut = false

  init(_ table: FileTable, _ strings: StringDictionary, _ path: ByteString, _ reading: Reading) {
    self.table = table
    self.strings = strings
    self.path = strings.intern(path.bytes)
    self.reading = reading
    row = [UInt64](repeating: 0, count: table.columns.count)
  }

  /// The columns that are read from the file.
  var fileColumns: [Int] {
    table.columns.indices.filter { $0 != table.pathColumn && $0 != table.numberColumn }
  }

  mutating func fail(_ offset: Int, _ message: String) {
    if problem == nil { problem = Malformation(offset: offset, message: message) }
  }

  /// A field's text, without quotes and escapes.
  @inline(__always)
  mutating func set(_ column: Int, _ text: UnsafeBufferPointer<UInt8>, at offset: Int) {
    let kind = table.columns[column].kind
    if kind == .string {
      guard Scalars.isUTF8(text) else { return fail(offset, "the text is not UTF-8") }
      row[column] = strings.intern(text)
      return
    }
    if text.isEmpty { return setEmpty(column, at: offset) }
    switch kind {
    case .int:
      guard let int = Scalars.int(text) else { return failField(column, text, "an int of 64 bits", offset) }
      row[column] = UInt64(bitPattern: int)
    case .float:
      guard let float = Scalars.float(text) else { return failField(column, text, "a finite float", offset) }
      row[column] = float.bitPattern
    case .bool:
      guard let bool = Scalars.bool(text) else { return failField(column, text, "true or false", offset) }
      row[column] = bool ? 1 : 0
    case .string, .rows: break
    }
  }

  /// An empty field, or one that is absent or null.
  mutating func setEmpty(_ column: Int, at offset: Int) {
    if table.columns[column].kind == .string {
      row[column] = strings.intern([])
      return
    }
    switch table.empty {
    case .zero: row[column] = 0
    case .drop: isLeftOut = true
    case .error: fail(offset, "field '\(table.columns[column].name)' is empty")
    }
  }

  mutating func set(_ column: Int, word: UInt64) { row[column] = word }

  private mutating func failField(
    _ column: Int, _ text: UnsafeBufferPointer<UInt8>, _ wanted: String, _ offset: Int
  ) {
    let shown = ByteString(bytes: Array(text.prefix(40))).display
    fail(offset, "field '\(table.columns[column].name)' is not \(wanted): '\(shown)\(text.count > 40 ? "…" : "")'")
  }

  mutating func failKind(_ column: Int, _ offset: Int) {
    let wanted =
      switch table.columns[column].kind {
      case .int: "an int of 64 bits"
      case .float: "a finite float"
      case .bool: "true or false"
      case .string, .rows: "a string"
      }
    fail(offset, "field '\(table.columns[column].name)' is not \(wanted)")
  }

  /// The end of a record.
  mutating func finishRecord() throws(Malformation) {
    record += 1
    defer {
      problem = nil
      isLeftOut = false
    }
    if let problem {
      guard table.malformed == .drop else { throw problem }
      reading.dropped += 1
      return
    }
    if isLeftOut { return }
    if let column = table.pathColumn { row[column] = path }
    if let column = table.numberColumn { row[column] = UInt64(bitPattern: record) }
    reading.rows.words.append(contentsOf: row)
  }
}
