import BuildGraph
import Language

/// Records of CSV (RFC 4180) and TSV.
///
/// Fields are looked at in place. Only a field with quotes or escapes inside is copied, to one buffer.
struct DelimitedScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  /// Where the next record begins, between records.
  private(set) var position: Int
  private let separator: UInt8
  private let hasQuotes: Bool
  private var buffer: [UInt8] = []

  init(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, separator: UInt8) {
    self.bytes = bytes
    self.separator = separator
    position = start
    hasQuotes = separator == 0x2C
  }

  /// What stands behind a field.
  private enum Stop { case separator, record, file }

  mutating func readAll(_ table: FileTable, _ sink: inout RowSink) throws(Malformation) {
    try readRecords(readHeader(table, sink.fileColumns), &sink) { _, _ in true }
  }

  /// Goes behind the header, if there is one.
  ///
  /// - Returns: for each field of a record the column that it is; -1 for those that nobody asks for.
  mutating func readHeader(_ table: FileTable, _ columns: [Int]) throws(Malformation) -> [Int] {
    guard table.hasHeader, skipBlankLines() else { return columns }
    return try header(table, columns)
  }

  /// Reads records, and asks behind each whether to go on.
  mutating func readRecords(
    _ targets: [Int], _ sink: inout RowSink, _ goesOn: (Int, borrowing RowSink) -> Bool
  ) throws(Malformation) {
    while skipBlankLines() {
      let start = position
      var field = 0
      var stop = Stop.separator
      while stop == .separator {
        let target = field < targets.count ? targets[field] : -1
        stop = readField(isOnly: targets.count == 1) { text, offset in
          if target >= 0 { sink.set(target, text, at: offset) }
        } failed: { offset, message in
          sink.fail(offset, message)
        }
        field += 1
      }
      if field != targets.count { sink.fail(start, "the record has \(field) fields and not \(targets.count)") }
      try sink.finishRecord()
      guard goesOn(position, sink) else { return }
    }
  }

  private mutating func header(_ table: FileTable, _ columns: [Int]) throws(Malformation) -> [Int] {
    let start = position
    var targets: [Int] = []
    var found: Set<Int> = []
    var problem: Malformation?
    var stop = Stop.separator
    while stop == .separator {
      stop = readField(isOnly: false) { text, offset in
        let name = ByteString(bytes: Array(text))
        let matching = columns.filter { table.names[$0] == name }
        if let column = matching.first, !found.insert(column).inserted, problem == nil {
          problem = Malformation(offset: offset, message: "the header has '\(name.display)' twice")
        }
        targets.append(matching.first ?? -1)
      } failed: { offset, message in
        if problem == nil { problem = Malformation(offset: offset, message: message) }
      }
    }
    if let problem { throw problem }
    if let missing = columns.first(where: { !found.contains($0) }) {
      throw Malformation(offset: start, message: "the header has no '\(table.names[missing].display)'")
    }
    return targets
  }

  /// - Returns: whether there is a record.
  private mutating func skipBlankLines() -> Bool {
    while position < bytes.count {
      if bytes[position] == 0x0A {
        position += 1
      } else if bytes[position] == 0x0D, position + 1 < bytes.count, bytes[position + 1] == 0x0A {
        position += 2
      } else {
        return true
      }
    }
    return false
  }

  /// Hands out the text of the field at the position, and goes behind it.
  ///
  /// - Parameter isOnly: whether records have one field; then TSV writes an empty string as `""`, since blank lines are skipped.
  @inline(__always)
  private mutating func readField(
    isOnly: Bool, _ body: (UnsafeBufferPointer<UInt8>, Int) -> Void, failed: (Int, String) -> Void
  ) -> Stop {
    let start = position
    if hasQuotes, start < bytes.count, bytes[start] == 0x22 { return readQuoted(body, failed) }
    let raw = UnsafeRawBufferPointer(bytes)
    var end = start
    var isPlain = true
    let oddity: UInt8 = hasQuotes ? 0x22 : 0x5C
    scan: while end < bytes.count {
      // Eight bytes without a byte of interest at once.
      while end + 8 <= bytes.count {
        let word = raw.loadUnaligned(fromByteOffset: end, as: UInt64.self).littleEndian
        let hits = Self.matches(word, separator) | Self.matches(word, 0x0A) | Self.matches(word, oddity)
        if hits != 0 {
          end += hits.trailingZeroBitCount >> 3
          break
        }
        end += 8
      }
      while end < bytes.count {
        let byte = bytes[end]
        if byte == separator || byte == 0x0A { break scan }
        if byte == oddity {
          isPlain = false
          end += 1
          continue scan
        }
        end += 1
      }
    }
    let stop: Stop = end == bytes.count ? .file : bytes[end] == separator ? .separator : .record
    position = end + (stop == .file ? 0 : 1)
    var textEnd = end
    if stop != .separator, textEnd > start, bytes[textEnd - 1] == 0x0D { textEnd -= 1 }
    let text = UnsafeBufferPointer(rebasing: bytes[start..<textEnd])
    if isPlain {
      if isOnly, !hasQuotes, text.count == 2, text[0] == 0x22, text[1] == 0x22 {
        body(UnsafeBufferPointer(rebasing: bytes[start..<start]), start)
      } else {
        body(text, start)
      }
    } else if hasQuotes {
      failed(start, "a quote inside a field that does not begin with one")
    } else {
      unescape(text, start, body, failed)
    }
    return stop
  }

  /// The lowest high bit that is set belongs to the first byte that is equal; bits behind it may be wrong.
  @inline(__always)
  private static func matches(_ word: UInt64, _ byte: UInt8) -> UInt64 {
    let difference = word ^ (0x0101_0101_0101_0101 &* UInt64(byte))
    return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
  }

  private mutating func readQuoted(
    _ body: (UnsafeBufferPointer<UInt8>, Int) -> Void, _ failed: (Int, String) -> Void
  ) -> Stop {
    let start = position
    var piece = start + 1
    var end = piece
    buffer.removeAll(keepingCapacity: true)
    while true {
      while end < bytes.count, bytes[end] != 0x22 { end += 1 }
      if end == bytes.count {
        failed(start, "the quote is not closed")
        position = end
        return .file
      }
      guard end + 1 < bytes.count, bytes[end + 1] == 0x22 else { break }
      buffer.append(contentsOf: bytes[piece...end])
      end += 2
      piece = end
    }
    if buffer.isEmpty {
      body(UnsafeBufferPointer(rebasing: bytes[piece..<end]), start)
    } else {
      buffer.append(contentsOf: bytes[piece..<end])
      buffer.withUnsafeBufferPointer { body($0, start) }
    }
    position = end + 1
    if position == bytes.count { return .file }
    if bytes[position] == separator {
      position += 1
      return .separator
    }
    if bytes[position] == 0x0D, position + 1 == bytes.count || bytes[position + 1] == 0x0A { position += 1 }
    if position == bytes.count { return .file }
    if bytes[position] == 0x0A {
      position += 1
      return .record
    }
    failed(position, "text behind a closing quote")
    while position < bytes.count, bytes[position] != 0x0A { position += 1 }
    position = min(bytes.count, position + 1)
    return position == bytes.count ? .file : .record
  }

  private mutating func unescape(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ body: (UnsafeBufferPointer<UInt8>, Int) -> Void,
    _ failed: (Int, String) -> Void
  ) {
    buffer.removeAll(keepingCapacity: true)
    var index = 0
    while index < text.count {
      if text[index] != 0x5C {
        buffer.append(text[index])
        index += 1
        continue
      }
      switch index + 1 < text.count ? text[index + 1] : 0 {
      case 0x74: buffer.append(0x09)
      case 0x6E: buffer.append(0x0A)
      case 0x72: buffer.append(0x0D)
      case 0x5C: buffer.append(0x5C)
      case 0x22: buffer.append(0x22)
      case _: return failed(start + index, "a backslash is followed by t, n, r, \\ or a quote")
      }
      index += 2
    }
    buffer.withUnsafeBufferPointer { body($0, start) }
  }
}

/// Lines of text, each a string.
enum LineScanner {
  /// - Returns: where it stopped.
  @discardableResult static func readAll(
    _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ sink: inout RowSink,
    _ goesOn: (Int, borrowing RowSink) -> Bool = { _, _ in true }
  ) throws(Malformation) -> Int {
    guard let column = sink.fileColumns.first else { return bytes.count }
    var position = start
    while position < bytes.count {
      var end = position
      while end < bytes.count, bytes[end] != 0x0A { end += 1 }
      var textEnd = end
      if textEnd > position, end < bytes.count, bytes[textEnd - 1] == 0x0D { textEnd -= 1 }
      sink.set(column, UnsafeBufferPointer(rebasing: bytes[position..<textEnd]), at: position)
      try sink.finishRecord()
      position = min(end + 1, bytes.count)
      guard goesOn(position, sink) else { break }
    }
    return position
  }
}
