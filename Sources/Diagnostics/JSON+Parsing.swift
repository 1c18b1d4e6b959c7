extension JSON {
  /// Why a text is no JSON.
  package struct SyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The offset of the byte that does not belong there.
    package var offset: Int
    package var description: String { "not JSON: something is wrong at byte \(offset)" }
  }

  /// How deep values may nest. They are read and written by recursion, which this bounds.
  package static let nestingLimit = 256

  /// Reads one value and nothing behind it.
  ///
  /// Bytes that are not UTF-8, and halves of surrogate pairs, become U+FFFD.
  /// - Complexity: O(bytes).
  /// - Throws: where it is not JSON, or nested deeper than ``nestingLimit``.
  package init(parsing bytes: [UInt8]) throws(SyntaxError) {
    var reader = JSONReader(bytes: bytes)
    self = try reader.document()
  }
}

private struct JSONReader {
  let bytes: [UInt8]
  var place = 0
  var depth = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSON.SyntaxError) -> JSON {
    let value = try value()
    skipBlanks()
    guard place == bytes.count else { throw wrong() }
    return value
  }

  private func wrong() -> JSON.SyntaxError { JSON.SyntaxError(offset: place) }

  private var current: UInt8? { place < bytes.count ? bytes[place] : nil }

  private mutating func skipBlanks() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
  }

  private mutating func accept(_ scalar: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: scalar) else { return false }
    place += 1
    return true
  }

  private mutating func value() throws(JSON.SyntaxError) -> JSON {
    skipBlanks()
    switch current {
    case UInt8(ascii: "{")?: return try object()
    case UInt8(ascii: "[")?: return try array()
    case UInt8(ascii: "\"")?: return .string(try string())
    case UInt8(ascii: "t")?: return try word("true", .bool(true))
    case UInt8(ascii: "f")?: return try word("false", .bool(false))
    case UInt8(ascii: "n")?: return try word("null", .null)
    case _: return try number()
    }
  }

  private mutating func word(_ word: String, _ value: JSON) throws(JSON.SyntaxError) -> JSON {
    guard bytes[place...].starts(with: word.utf8) else { throw wrong() }
    place += word.utf8.count
    return value
  }

  private mutating func object() throws(JSON.SyntaxError) -> JSON {
    try enter()
    var members: [JSON.Member] = []
    skipBlanks()
    if !accept("}") {
      repeat {
        skipBlanks()
        guard current == UInt8(ascii: "\"") else { throw wrong() }
        let name = try string()
        skipBlanks()
        guard accept(":") else { throw wrong() }
        members.append(JSON.Member(name, try value()))
        skipBlanks()
      } while accept(",")
      guard accept("}") else { throw wrong() }
    }
    depth -= 1
    return .object(members)
  }

  private mutating func array() throws(JSON.SyntaxError) -> JSON {
    try enter()
    var elements: [JSON] = []
    skipBlanks()
    if !accept("]") {
      repeat {
        elements.append(try value())
        skipBlanks()
      } while accept(",")
      guard accept("]") else { throw wrong() }
    }
    depth -= 1
    return .array(elements)
  }

  private mutating func enter() throws(JSON.SyntaxError) {
    guard depth < JSON.nestingLimit else { throw wrong() }
    depth += 1
    place += 1
  }

  private mutating func digits() -> Bool {
    let start = place
    while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { place += 1 }
    return place > start
  }

  private mutating func number() throws(JSON.SyntaxError) -> JSON {
    let start = place
    var isWhole = true
    _ = accept("-")
    let first = place
    guard digits(), bytes[first] != UInt8(ascii: "0") || place == first + 1 else { throw wrong() }
    if accept(".") {
      isWhole = false
      guard digits() else { throw wrong() }
    }
    if accept("e") || accept("E") {
      isWhole = false
      if !accept("-") { _ = accept("+") }
      guard digits() else { throw wrong() }
    }
    let text = String(decoding: bytes[start..<place], as: UTF8.self)
    if isWhole, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text) else { throw wrong() }
    return .number(value)
  }

  private mutating func string() throws(JSON.SyntaxError) -> String {
    place += 1
    var text: [UInt8] = []
    var start = place
    while let byte = current {
      if byte == UInt8(ascii: "\"") {
        text += bytes[start..<place]
        place += 1
        return String(decoding: text, as: UTF8.self)
      }
      guard byte >= 0x20 else { throw wrong() }
      place += 1
      guard byte == UInt8(ascii: "\\") else { continue }
      text += bytes[start..<place - 1]
      try escape(into: &text)
      start = place
    }
    throw wrong()
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSON.SyntaxError) {
    guard let byte = current else { throw wrong() }
    place += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      let unit = try hexadecimal()
      guard (0xD800..<0xDC00).contains(unit) else { return append(unit, to: &text) }
      let mark = place
      if accept("\\"), accept("u") {
        let low = try hexadecimal()
        if (0xDC00..<0xE000).contains(low) {
          return append(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00), to: &text)
        }
      }
      place = mark
      append(unit, to: &text)
    case _:
      place -= 1
      throw wrong()
    }
  }

  private func append(_ value: UInt32, to text: inout [UInt8]) {
    text += Array(String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8)
  }

  private mutating func hexadecimal() throws(JSON.SyntaxError) -> UInt32 {
    guard place + 4 <= bytes.count else { throw wrong() }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[place])).hexDigitValue else { throw wrong() }
      value = value << 4 | UInt32(digit)
      place += 1
    }
    return value
  }
}
