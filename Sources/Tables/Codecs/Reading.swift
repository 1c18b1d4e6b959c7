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
  /// Records for which a row expression has no value.
  var faults = 0

  package init(_ table: FileTable) { self.init(table.columns.map(\.kind)) }

  init(_ kinds: [ColumnKind]) { rows = RowList(kinds) }
}

/// Reads the parts of a table.
package struct TableReader {
  let table: FileTable
  let strings: StringDictionary
  /// What is made of each record; nil for the record itself.
  let stage: RecordStage?

  package init(_ table: FileTable, _ strings: StringDictionary) { self.init(table, strings, nil) }

  init(_ table: FileTable, _ strings: StringDictionary, _ stage: RecordStage?) {
    self.table = table
    self.strings = strings
    self.stage = stage
  }

  /// Of the rows that it makes.
  var kinds: [ColumnKind] { stage?.kinds ?? table.columns.map(\.kind) }

  /// Reads a whole part, and appends its rows. What is packed by gzip or zstd is unpacked first.
  ///
  /// - Parameter path: the part's relative path, for the column that holds it and for errors.
  /// - Throws: the first malformed record, unless these are dropped; a header that lacks a column; damage of what is packed.
  /// - Complexity: O(bytes), without allocation but for strings that are new.
  package func read(
    _ bytes: UnsafeBufferPointer<UInt8>, path: ByteString, into reading: inout Reading
  ) throws(ReadingError) {
    guard !Compression.isPacked(bytes) else {
      let plain = try Self.unpacked(bytes, path)
      return try plain.withUnsafeBufferPointer { (plain) throws(ReadingError) in
        try readPlain(plain, path, &reading)
      }
    }
    try readPlain(bytes, path, &reading)
  }

  /// The rows of a whole part, and where the record of each begins.
  ///
  /// - Parameter plain: not packed.
  func places(
    _ plain: UnsafeBufferPointer<UInt8>, path: ByteString
  ) throws(ReadingError) -> (rows: RowList, starts: [Int]) {
    var sink = RowSink(self, path, Reading(kinds), notesStarts: true)
    var state = ScanState(table)
    do throws(Malformation) {
      _ = try scan(plain, from: 0, &state, isEnd: true, &sink)
    } catch {
      throw Self.error(error, plain, path)
    }
    return (sink.reading.rows, sink.starts)
  }

  private func readPlain(
    _ bytes: UnsafeBufferPointer<UInt8>, _ path: ByteString, _ reading: inout Reading
  ) throws(ReadingError) {
    // Taken out, so that its memory has one owner and grows in place.
    var taken = Reading(kinds)
    swap(&taken, &reading)
    var sink = RowSink(self, path, taken)
    taken = Reading(kinds)
    var state = ScanState(table)
    do throws(Malformation) {
      _ = try scan(bytes, from: 0, &state, isEnd: true, &sink)
    } catch {
      throw Self.error(error, bytes, path)
    }
    reading = sink.reading
  }

  /// Reads the records of some bytes, and the header if it is still to come.
  ///
  /// - Parameter isEnd: whether the file ends with the bytes. If not, a record that they end in is left.
  /// - Returns: where the record begins that was left.
  func scan(
    _ bytes: UnsafeBufferPointer<UInt8>, from start: Int, _ state: inout ScanState, isEnd: Bool, _ sink: inout RowSink
  ) throws(Malformation) -> Int {
    var start = start
    if state.isStart, bytes.count > 0 {
      let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
      if bytes.starts(with: mark) { start = mark.count }
      state.isStart = false
    }
    defer { sink.flush() }
    switch table.format {
    case .csv, .tsv:
      var scanner = DelimitedScanner(bytes, start, separator: table.format == .csv ? 0x2C : 0x09)
      if state.targets == nil { state.targets = try scanner.readHeader(table, sink.fileColumns, isEnd: isEnd) }
      if let targets = state.targets { try scanner.readRecords(targets, isEnd: isEnd, &sink) }
      return scanner.position
    case .jsonl:
      var scanner = JSONScanner(bytes, start)
      try scanner.readAll(table, isEnd: isEnd, &sink)
      return scanner.position
    case .lines: return try LineScanner.readAll(bytes, start, isEnd: isEnd, &sink)
    }
  }

  static func unpacked(_ bytes: UnsafeBufferPointer<UInt8>, _ path: ByteString) throws(ReadingError) -> [UInt8] {
    do throws(Malformation) {
      return try Compression.unpacked(bytes)
    } catch {
      throw ReadingError(path: path, line: 1, column: 1, message: error.message)
    }
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

/// What a reader knows of a file before the next record.
struct ScanState: Equatable {
  /// Whether nothing has been read: a mark of the byte order may come.
  var isStart = true
  /// For each field of a record the column that it is, or -1; nil while the header is to come.
  var targets: [Int]?

  init(_ table: FileTable) {
    if !table.hasHeader { targets = table.fileColumns }
  }
}

extension FileTable {
  /// The columns that are read from the file.
  var fileColumns: [Int] { columns.indices.filter { $0 != pathColumn && $0 != numberColumn } }
}

/// What is wrong, and where in the part.
struct Malformation: Error {
  var offset: Int
  var message: String
}

/// Takes fields of records and makes rows of them.
struct RowSink: ~Copyable {
  private(set) var reading: Reading
  private let table: FileTable
  private let strings: StringDictionary
  private let stage: RecordStage?
  private let path: UInt64
  /// The columns that are read from the file.
  let fileColumns: [Int]
  // At fixed places: each field looks at them.
  private let kinds: UnsafeMutableBufferPointer<ColumnKind>
  private let row: UnsafeMutableBufferPointer<UInt64>
  /// The same, where it is not the stage's.
  private let ownRow: UnsafeMutableBufferPointer<UInt64>
  /// What comes out of the stage.
  private let made: [ColumnKind]
  /// Records that have ended, with those that came before the sink.
  private(set) var record: Int
  private var problem: Malformation?
  private var isLeftOut = false
  /// Strings of rows whose numbers are not known yet.
  private let pending: UnsafeMutableBufferPointer<StringDictionary.Pending>
  private var pendingCount = 0
  /// How many are of rows, and not of the record that has begun.
  private var pendingOfRows = 0
  /// Where the record of each row begins, if anybody wants to know.
  private(set) var starts: [Int] = []
  private let notesStarts: Bool
  /// Where stretches of records begin, with how many rows there are before; see `beginStretches`.
  private(set) var marks: [(start: Int, row: Int)] = []
  /// A record from this offset on begins a stretch.
  private var nextMark = Int.max
  private var stretchBytes = 0

  /// - Parameters:
  ///   - record: how many records of the part come before.
  ///   - notesStarts: whether to say where records begin.
  init(
    _ reader: TableReader, _ path: ByteString, _ reading: consuming Reading, record: Int = 0, notesStarts: Bool = false
  ) {
    let table = reader.table
    let stage = reader.stage
    let width = max(table.columns.count, reading.rows.width)
    self.notesStarts = notesStarts
    self.table = table
    self.stage = stage
    strings = reader.strings
    self.path = strings.intern(path.bytes)
    self.reading = reading
    self.record = record
    fileColumns = table.fileColumns
    kinds = .allocate(capacity: table.columns.count)
    _ = kinds.initialize(from: table.columns.map(\.kind))
    ownRow = .allocate(capacity: stage == nil ? table.columns.count : 0)
    ownRow.initialize(repeating: 0)
    if let stage {
      row = UnsafeMutableBufferPointer(start: stage.record, count: table.columns.count)
    } else {
      row = ownRow
    }
    pending = .allocate(capacity: 256 + 2 * width)
    made = stage?.kinds ?? []
  }

  deinit {
    pending.deallocate()
    kinds.deallocate()
    ownRow.deallocate()
  }

  /// From now on it is noted where records begin: of the next one, and then of each that is farther from the last that was noted than
  /// so many bytes.
  mutating func beginStretches(of bytes: Int) {
    marks.removeAll(keepingCapacity: true)
    nextMark = 0
    stretchBytes = bytes
  }

  mutating func fail(_ offset: Int, _ message: String) {
    if problem == nil { problem = Malformation(offset: offset, message: message) }
  }

  /// Numbers the strings that wait for it; to be called before the bytes go away.
  mutating func flush() {
    number()
    stage?.strings.forgetBytes()
  }

  private mutating func number() {
    let waiting = UnsafeMutableBufferPointer(rebasing: pending[..<pendingOfRows])
    reading.rows.words.withUnsafeMutableBufferPointer { strings.intern(waiting, into: $0) }
    pendingCount = 0
    pendingOfRows = 0
  }

  /// A field's text, without quotes and escapes.
  ///
  /// - Parameter stays: whether the text stays where it is until the sink is flushed.
  @inline(__always)
  mutating func set(_ column: Int, _ text: UnsafeBufferPointer<UInt8>, at offset: Int, stays: Bool = false) {
    let kind = kinds[column]
    if kind == .string {
      guard Scalars.isUTF8(text) else { return fail(offset, "the text is not UTF-8") }
      if let stage {
        row[column] = stays ? stage.strings.intern(part: text) : stage.strings.intern(text)
      } else if stays, pendingCount < pending.count {
        let place = reading.rows.words.count + column
        (pending.baseAddress! + pendingCount).initialize(to: StringDictionary.Pending(text, place: place))
        pendingCount += 1
      } else {
        row[column] = strings.intern(text)
      }
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
    if kinds[column] == .string {
      let none = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
      row[column] = stage?.strings.intern(none) ?? strings.intern(none)
      return
    }
    switch table.empty {
    case .zero: row[column] = 0
    case .drop: isLeftOut = true
    case .error:
      fail(offset, "field '\(table.columns[column].name)' is empty; empty := \"zero\" or \"drop\" allows it")
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
      switch kinds[column] {
      case .int: "an int of 64 bits"
      case .float: "a finite float"
      case .bool: "true or false"
      case .string, .rows: "a string"
      }
    fail(offset, "field '\(table.columns[column].name)' is not \(wanted)")
  }

  /// Whether the record is malformed and may be so because somebody has not written all of it: to be asked of one that ends with its file
  /// and not with its line.
  var awaitsRest: Bool { problem != nil && table.appends }

  /// A record that has not ended is read again, with what comes behind it.
  mutating func forgetRecord() {
    pendingCount = pendingOfRows
    stage?.strings.forgetNumbers()
    problem = nil
    isLeftOut = false
  }

  /// The end of a record.
  ///
  /// - Parameter start: where it began.
  @inline(__always)
  mutating func finishRecord(at start: Int) throws(Malformation) {
    record += 1
    if start >= nextMark {
      marks.append((start, reading.rows.count))
      nextMark = start + stretchBytes
    }
    if problem != nil || isLeftOut { return try leaveOut() }
    if let column = table.pathColumn { row[column] = path }
    if let column = table.numberColumn { row[column] = UInt64(bitPattern: Int64(record)) }
    if notesStarts { starts.append(start) }
    if let stage {
      take(stage)
    } else {
      reading.rows.words.append(contentsOf: row)
      pendingOfRows = pendingCount
    }
    if pendingCount >= 256 { flush() }
  }

  /// Takes the rows that a stage makes of the record.
  private mutating func take(_ stage: RecordStage) {
    if !stage.process() { reading.faults += 1 }
    var place = reading.rows.words.count
    reading.rows.words.append(contentsOf: UnsafeBufferPointer(start: stage.made, count: stage.madeCount))
    while place < reading.rows.words.count {
      if pendingCount + made.count > pending.count { number() }
      for (column, kind) in made.enumerated() where kind == .string {
        let word = reading.rows.words[place + column]
        guard word >= PassingStrings.mark else { continue }
        (pending.baseAddress! + pendingCount).initialize(  // It has room for more than a row.
          to: StringDictionary.Pending(stage.strings.bytes(word), place: place + column))
        pendingCount += 1
      }
      place += made.count
      pendingOfRows = pendingCount
    }
    stage.strings.forgetNumbers()
  }

  private mutating func leaveOut() throws(Malformation) {
    let problem = problem
    forgetRecord()
    guard let problem else { return }
    guard table.malformed == .drop else { throw problem }
    reading.dropped += 1
  }
}
