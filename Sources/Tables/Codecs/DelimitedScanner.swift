import BuildGraph
import Language

/// Records of CSV (RFC 4180) and TSV.
///
/// Fields are looked at in place. Only a field with quotes or escapes inside is copied, to one buffer.
struct DelimitedScanner: ~Copyable {
  private let bytes: UnsafeBufferPointer<UInt8>
  /// Where the next record begins, between records.
  private(set) var position: Int
  private let separator: UInt8
  private let hasQuotes: Bool
  /// The text of the field that was read last, without quotes and escapes, unless there is a fault. It points into the bytes or
  /// into `buffer`.
  private var text: UnsafeBufferPointer<UInt8>
  private var textOffset = 0
  /// Whether it is in the bytes.
  private var stays = true
  private var fault: Malformation?
  private var buffer: UnsafeMutableBufferPointer<UInt8>

  init(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, separator: UInt8) {
    self.bytes = bytes
    self.separator = separator
    position = start
    hasQuotes = separator == 0x2C
    text = UnsafeBufferPointer(rebasing: bytes[..<0])
    buffer = .allocate(capacity: 256)
  }

  deinit { buffer.deallocate() }

  /// What stands behind a field.
  private enum Stop { case separator, record, file }

  /// Goes behind the header, if there is one.
  ///
  /// - Parameter isEnd: whether the file ends with the bytes. If it does not, or if more is to come, a header that ends with them is not
  ///   read.
  /// - Returns: for each field of a record the column that it is, -1 for those that nobody asks for; nil without a header.
  mutating func readHeader(_ table: FileTable, _ columns: [Int], isEnd: Bool) throws(Malformation) -> [Int]? {
    guard skipBlankLines() else { return nil }
    let start = position
    var targets: [Int] = []
    var found: Set<Int> = []
    var problem: Malformation?
    var names: [ByteString] = []
    var stop = Stop.separator
    while stop == .separator {
      stop = readField(isOnly: false)
      if let fault, problem == nil { problem = fault }
      let name = ByteString(bytes: Array(text))
      names.append(name)
      let matching = columns.filter { table.names[$0] == name }
      if let column = matching.first, !found.insert(column).inserted, problem == nil {
        problem = Malformation(offset: textOffset, message: "the header has '\(name.display)' twice")
      }
      targets.append(matching.first ?? -1)
    }
    if stop == .file, !isEnd || table.appends {
      position = start
      return nil
    }
    if let problem { throw problem }
    if let missing = columns.first(where: { !found.contains($0) }) {
      let what = "the header has no '\(table.names[missing].display)'"
      throw Malformation(offset: start, message: "\(what): \(described(names))")
    }
    return targets
  }

  /// What stands in a header in which something was not found; one name alone is often all of them, separated by something else.
  private func described(_ names: [ByteString]) -> String {
    if names.count == 1, let only = names.first {
      if separator == 0x2C, only.bytes.contains(0x09) {
        return "its columns are separated by tabs: format := \"tsv\""
      }
      if separator == 0x09, only.bytes.contains(0x2C) {
        return "its columns are separated by commas: format := \"csv\""
      }
      if only.bytes.contains(0x3B) { return "its columns are separated by ';', and ',' or tabs are understood" }
    }
    let shown = names.prefix(8).map { "'\(ByteString(bytes: Array($0.bytes.prefix(40))).display)'" }
    return "it has \(shown.joined(separator: ", "))\(names.count > 8 ? " and \(names.count - 8) more" : "")"
  }

  /// Reads records up to the end of the bytes.
  ///
  /// - Parameter isEnd: whether the file ends there too. If it does not, a record that ends with the bytes is not read, and the
  ///   position is where it begins.
  mutating func readRecords(_ targets: [Int], isEnd: Bool, _ sink: inout RowSink) throws(Malformation) {
    let isOnly = targets.count == 1
    while skipBlankLines() {
      let start = position
      var field = 0
      var stop = Stop.separator
      while stop == .separator {
        stop = readField(isOnly: isOnly)
        if let fault {
          sink.fail(fault.offset, fault.message)
        } else if field < targets.count, targets[field] >= 0 {
          sink.set(targets[field], text, at: textOffset, stays: stays)
        }
        field += 1
      }
      if stop == .file, !isEnd {
        position = start
        return sink.forgetRecord()
      }
      if field != targets.count { sink.fail(start, "the record has \(field) fields and not \(targets.count)") }
      if stop == .file, sink.awaitsRest {
        position = start
        return sink.forgetRecord()
      }
      try sink.finishRecord(at: start)
    }
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

  /// Reads the field at the position, and goes behind it.
  ///
  /// - Parameter isOnly: whether records have one field; then TSV writes an empty string as `""`, since blank lines are skipped.
  @inline(__always)
  private mutating func readField(isOnly: Bool) -> Stop {
    if fault != nil { fault = nil }
    stays = true
    let start = position
    textOffset = start
    if hasQuotes, start < bytes.count, bytes[start] == 0x22 { return readQuoted() }
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
    text = UnsafeBufferPointer(rebasing: bytes[start..<textEnd])
    if isPlain {
      if isOnly, !hasQuotes, text.count == 2, text[0] == 0x22, text[1] == 0x22 {
        text = UnsafeBufferPointer(rebasing: bytes[start..<start])
      }
    } else if hasQuotes {
      fault = Malformation(offset: start, message: "a quote inside a field that does not begin with one")
    } else {
      unescape(start)
    }
    return stop
  }

  /// The lowest high bit that is set belongs to the first byte that is equal; bits behind it may be wrong.
  @inline(__always)
  private static func matches(_ word: UInt64, _ byte: UInt8) -> UInt64 {
    let difference = word ^ (0x0101_0101_0101_0101 &* UInt64(byte))
    return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
  }

  /// Where the next line feed is; where the bytes end, if there is none.
  static func lineFeed(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    let raw = UnsafeRawBufferPointer(bytes)
    var end = start
    while end + 8 <= bytes.count {
      let hits = matches(raw.loadUnaligned(fromByteOffset: end, as: UInt64.self).littleEndian, 0x0A)
      if hits != 0 { return end + (hits.trailingZeroBitCount >> 3) }
      end += 8
    }
    while end < bytes.count, bytes[end] != 0x0A { end += 1 }
    return end
  }

  /// Makes room for so many bytes of a field.
  private mutating func reserve(_ count: Int) {
    guard buffer.count < count else { return }
    buffer.deallocate()
    buffer = .allocate(capacity: count * 2)
  }

  private mutating func readQuoted() -> Stop {
    let start = position
    var end = start + 1
    var pairs = 0
    while true {
      while end < bytes.count, bytes[end] != 0x22 { end += 1 }
      if end == bytes.count {
        fault = Malformation(offset: start, message: "the quote is not closed")
        position = end
        return .file
      }
      guard end + 1 < bytes.count, bytes[end + 1] == 0x22 else { break }
      pairs += 1
      end += 2
    }
    text = UnsafeBufferPointer(rebasing: bytes[start + 1..<end])
    if pairs > 0 { unpair() }
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
    fault = Malformation(offset: position, message: "text behind a closing quote")
    while position < bytes.count, bytes[position] != 0x0A { position += 1 }
    if position == bytes.count { return .file }
    position += 1
    return .record
  }

  /// Of two quotes leaves one.
  private mutating func unpair() {
    reserve(text.count)
    var count = 0
    var index = 0
    while index < text.count {
      buffer[count] = text[index]
      count += 1
      index += text[index] == 0x22 ? 2 : 1
    }
    text = UnsafeBufferPointer(rebasing: buffer[..<count])
    stays = false
  }

  private mutating func unescape(_ start: Int) {
    reserve(text.count)
    var count = 0
    var index = 0
    while index < text.count {
      var byte = text[index]
      if byte == 0x5C {
        switch index + 1 < text.count ? text[index + 1] : 0 {
        case 0x74: byte = 0x09
        case 0x6E: byte = 0x0A
        case 0x72: byte = 0x0D
        case 0x5C: byte = 0x5C
        case 0x22: byte = 0x22
        case _:
          fault = Malformation(
            offset: start + index, message: "a backslash is followed by t, n, r, \\ or a quote")
          return
        }
        index += 1
      }
      buffer[count] = byte
      count += 1
      index += 1
    }
    text = UnsafeBufferPointer(rebasing: buffer[..<count])
    stays = false
  }
}

/// Lines of text, each a string.
enum LineScanner {
  /// - Parameter isEnd: whether the file ends with the bytes. If it does not, a line without an end is not read.
  /// - Returns: where the first line begins that was not read.
  static func readAll(
    _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, isEnd: Bool, _ sink: inout RowSink
  ) throws(Malformation) -> Int {
    guard let column = sink.fileColumns.first else { return bytes.count }
    var position = start
    while position < bytes.count {
      let end = DelimitedScanner.lineFeed(in: bytes, from: position)
      if end == bytes.count, !isEnd { return position }
      var textEnd = end
      if textEnd > position, end < bytes.count, bytes[textEnd - 1] == 0x0D { textEnd -= 1 }
      sink.set(column, UnsafeBufferPointer(rebasing: bytes[position..<textEnd]), at: position, stays: true)
      if end == bytes.count, sink.awaitsRest {
        sink.forgetRecord()
        return position
      }
      try sink.finishRecord(at: position)
      position = min(end + 1, bytes.count)
    }
    return position
  }
}
