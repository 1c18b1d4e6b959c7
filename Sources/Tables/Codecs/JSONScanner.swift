import BuildGraph
import Language

/// Records of JSON lines: an object a line; members that no column asks for are checked and ignored.
struct JSONScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  /// Where the next line begins, between records.
  private(set) var position: Int
  private var end = 0
  private var buffer: [UInt8] = []
  /// Nesting of values that are ignored; beyond it a record is malformed.
  private static let depthLimit = 200

  init(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) {
    self.bytes = bytes
    position = start
  }

  /// Reads lines up to the end of the bytes.
  ///
  /// - Parameter isEnd: whether the file ends there too. If it does not, a line without an end is not read, and the position is
  ///   where it begins.
  mutating func readAll(_ table: FileTable, isEnd: Bool, _ sink: inout RowSink) throws(Malformation) {
    let columns = sink.fileColumns
    var isSet = [Bool](repeating: false, count: table.columns.count)
    while position < bytes.count {
      end = position
      while end < bytes.count, bytes[end] != 0x0A { end += 1 }
      if end == bytes.count, !isEnd { return }
      let next = min(end + 1, bytes.count)
      skipBlanks()
      if position < end {
        for column in columns { isSet[column] = false }
        let start = position
        do throws(Malformation) {
          try readObject(table, columns, &isSet, &sink)
          for column in columns where !isSet[column] { sink.setEmpty(column, at: start) }
        } catch {
          sink.fail(error.offset, error.message)
        }
        if end == bytes.count, sink.awaitsRest {
          position = start
          return sink.forgetRecord()
        }
        try sink.finishRecord(at: start)
      }
      position = next
    }
  }

  private mutating func readObject(
    _ table: FileTable, _ columns: [Int], _ isSet: inout [Bool], _ sink: inout RowSink
  ) throws(Malformation) {
    try expect(0x7B, "an object")
    skipBlanks()
    if peek == 0x7D {
      position += 1
    } else {
      var isMore = true
      while isMore {
        skipBlanks()
        let start = position
        try readString()
        let name = ByteString(bytes: buffer)
        skipBlanks()
        try expect(0x3A, "a colon")
        skipBlanks()
        if let column = columns.first(where: { table.names[$0] == name }) {
          if isSet[column] { throw Malformation(offset: start, message: "the object has '\(name.display)' twice") }
          isSet[column] = true
          try readField(column, table.columns[column].kind, &sink)
        } else {
          try skipValue(0)
        }
        skipBlanks()
        isMore = peek == 0x2C
        if isMore { position += 1 } else { try expect(0x7D, "a comma or a closing brace") }
      }
    }
    skipBlanks()
    if position < end { throw Malformation(offset: position, message: "text behind the object") }
  }

  private mutating func readField(
    _ column: Int, _ kind: ColumnKind, _ sink: inout RowSink
  ) throws(Malformation) {
    let start = position
    switch peek {
    case 0x22:
      try readString()
      guard kind == .string else { return sink.failKind(column, start) }
      buffer.withUnsafeBufferPointer { sink.set(column, $0, at: start) }
    case 0x6E:
      try readWord("null")
      sink.setEmpty(column, at: start)
    case 0x74, 0x66:
      try readWord(peek == 0x74 ? "true" : "false")
      guard kind == .bool else { return sink.failKind(column, start) }
      sink.set(column, word: bytes[start] == 0x74 ? 1 : 0)
    case 0x7B, 0x5B:
      try skipValue(0)
      sink.failKind(column, start)
    case _:
      try readNumber()
      guard kind == .int || kind == .float else { return sink.failKind(column, start) }
      sink.set(column, UnsafeBufferPointer(rebasing: bytes[start..<position]), at: start)
    }
  }

  // MARK: Pieces

  private var peek: UInt8 { position < end ? bytes[position] : 0 }

  private mutating func skipBlanks() {
    while position < end, bytes[position] == 0x20 || bytes[position] == 0x09 || bytes[position] == 0x0D {
      position += 1
    }
  }

  private mutating func expect(_ byte: UInt8, _ wanted: String) throws(Malformation) {
    guard position < end, bytes[position] == byte else {
      throw Malformation(offset: position, message: "the line is no JSON: \(wanted) is missing")
    }
    position += 1
  }

  private mutating func readWord(_ word: String) throws(Malformation) {
    guard bytes[position..<end].starts(with: word.utf8) else {
      throw Malformation(offset: position, message: "the line is no JSON: not a value")
    }
    position += word.utf8.count
  }

  private mutating func readNumber() throws(Malformation) {
    let start = position
    if peek == 0x2D { position += 1 }
    let first = position
    try readDigits(start)
    if position > first + 1, bytes[first] == 0x30 {
      throw Malformation(offset: start, message: "the line is no JSON: a number begins with 0")
    }
    if peek == 0x2E {
      position += 1
      try readDigits(start)
    }
    if peek | 0x20 == 0x65 {
      position += 1
      if peek == 0x2B || peek == 0x2D { position += 1 }
      try readDigits(start)
    }
  }

  private mutating func readDigits(_ start: Int) throws(Malformation) {
    let first = position
    while peek >= 0x30, peek <= 0x39 { position += 1 }
    if position == first { throw Malformation(offset: start, message: "the line is no JSON: not a value") }
  }

  /// Reads a string into the buffer.
  private mutating func readString() throws(Malformation) {
    let start = position
    try expect(0x22, "a quote")
    buffer.removeAll(keepingCapacity: true)
    while position < end {
      let byte = bytes[position]
      position += 1
      if byte == 0x22 { return }
      if byte < 0x20 { throw Malformation(offset: position - 1, message: "a control character in a string") }
      if byte == 0x5C { try readEscape() } else { buffer.append(byte) }
    }
    throw Malformation(offset: start, message: "the line is no JSON: a string is not closed")
  }

  private mutating func readEscape() throws(Malformation) {
    let start = position - 1
    let byte = peek
    position += 1
    switch byte {
    case 0x22, 0x5C, 0x2F: buffer.append(byte)
    case 0x62: buffer.append(0x08)
    case 0x66: buffer.append(0x0C)
    case 0x6E: buffer.append(0x0A)
    case 0x72: buffer.append(0x0D)
    case 0x74: buffer.append(0x09)
    case 0x75:
      var code = try readHex(start)
      if code >= 0xD800, code < 0xDC00, peek == 0x5C, position + 1 < end, bytes[position + 1] == 0x75 {
        position += 2
        let low = try readHex(start)
        guard low >= 0xDC00, low < 0xE000 else {
          throw Malformation(offset: start, message: "half of a surrogate pair")
        }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw Malformation(offset: start, message: "half of a surrogate pair")
      }
      buffer.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    case _: throw Malformation(offset: start, message: "the line is no JSON: an unknown escape")
    }
  }

  private mutating func readHex(_ start: Int) throws(Malformation) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      let byte = peek
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      case _: throw Malformation(offset: start, message: "the line is no JSON: an unknown escape")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }

  private mutating func skipValue(_ depth: Int) throws(Malformation) {
    if depth > Self.depthLimit { throw Malformation(offset: position, message: "the value is nested too deeply") }
    switch peek {
    case 0x22: try readString()
    case 0x6E: try readWord("null")
    case 0x74: try readWord("true")
    case 0x66: try readWord("false")
    case 0x7B, 0x5B:
      let isObject = peek == 0x7B
      position += 1
      skipBlanks()
      if peek == (isObject ? 0x7D : 0x5D) {
        position += 1
        return
      }
      var isMore = true
      while isMore {
        skipBlanks()
        if isObject {
          try readString()
          skipBlanks()
          try expect(0x3A, "a colon")
          skipBlanks()
        }
        try skipValue(depth + 1)
        skipBlanks()
        isMore = peek == 0x2C
        if isMore { position += 1 } else { try expect(isObject ? 0x7D : 0x5D, "a comma or a closing bracket") }
      }
    case _: try readNumber()
    }
  }
}
