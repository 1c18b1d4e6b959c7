package import BuildGraph

/// What `$/strings` does with text: bytes, read as UTF-8 where characters matter; bytes that are not stay as they are.
package enum StringFunctions {
  /// The parts between separators; with an empty separator the characters.
  ///
  /// - Complexity: O(text × separator).
  package static func split(_ text: ByteString, by separator: ByteString) -> [ByteString] {
    if separator.isEmpty { return characters(text).map { ByteString(bytes: Array($0)) } }
    var parts: [ByteString] = []
    var start = 0
    while let place = firstIndex(of: separator, in: text, from: start) {
      parts.append(ByteString(bytes: Array(text.bytes[start..<place])))
      start = place + separator.count
    }
    return parts + [ByteString(bytes: Array(text.bytes[start...]))]
  }

  /// Pieces of at most `maximum` bytes, as long as they can be without dividing a character.
  ///
  /// - Precondition: `maximum` ≥ 4, the bytes of the longest character.
  package static func chunks(of text: ByteString, maximum: Int) -> [ByteString] {
    var chunks: [ByteString] = []
    var start = 0
    while start < text.count {
      let limit = maximum < text.count - start ? start + maximum : text.count
      var end = limit
      while end < text.count, end > start, text.bytes[end] & 0xC0 == 0x80, limit - end < 3 { end -= 1 }
      // Bytes that look like the inside of a character and belong to none are divided anywhere.
      if end < text.count, end == start || text.bytes[end] & 0xC0 == 0x80 { end = limit }
      chunks.append(ByteString(bytes: Array(text.bytes[start..<end])))
      start = end
    }
    return chunks
  }

  /// Without white space at both ends.
  package static func trimmed(_ text: ByteString) -> ByteString {
    let parts = characters(text)
    guard let first = parts.firstIndex(where: { !isSpace($0) }), let last = parts.lastIndex(where: { !isSpace($0) })
    else { return ByteString() }
    return ByteString(bytes: Array(text.bytes[parts[first].startIndex..<parts[last].endIndex]))
  }

  /// With each `old`, from left to right, replaced; an empty `old` stands before each character and at the end.
  package static func replacing(_ old: ByteString, in text: ByteString, with new: ByteString) -> ByteString {
    guard old.isEmpty else {
      return ByteString(bytes: Array(split(text, by: old).map(\.bytes).joined(separator: new.bytes)))
    }
    var result = new.bytes
    for character in characters(text) { result += Array(character) + new.bytes }
    return ByteString(bytes: result)
  }

  /// The parts between runs of white space; none is empty.
  package static func fields(_ text: ByteString) -> [ByteString] {
    characters(text).split(whereSeparator: isSpace).map { field in
      ByteString(bytes: Array(text.bytes[field.first!.startIndex..<field.last!.endIndex]))
    }
  }

  /// As ``fields(_:)`` for text of ASCII alone, a part at a time and where it is.
  ///
  /// - Returns: false for other text, before any part was seen.
  static func forEachField(ofASCII text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void)
    -> Bool
  {
    let raw = UnsafeRawBufferPointer(text)
    guard isASCII(raw) else { return false }
    var start = 0
    var end = 0
    while end < raw.count {
      end = firstBlank(in: raw, from: end)
      if end < raw.count, raw[end] != 0x20, !(0x09...0x0D).contains(raw[end]) {
        end += 1
        continue
      }
      if end > start { body(UnsafeBufferPointer(rebasing: text[start..<end])) }
      end += 1
      start = end
    }
    if start < raw.count { body(UnsafeBufferPointer(rebasing: text[start...])) }
    return true
  }

  /// - Complexity: O(bytes), eight at a time.
  @inlinable package static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
    var seen: UInt64 = 0
    var index = 0
    while index + 8 <= text.count {
      seen |= text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      index += 8
    }
    while index < text.count {
      seen |= UInt64(text[index])
      index += 1
    }
    return seen & 0x8080_8080_8080_8080 == 0
  }

  /// The first byte from an offset on that is not above a space, or the count; eight at a time.
  ///
  /// - Precondition: all are ASCII.
  private static func firstBlank(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var index = start
    while index + 8 <= text.count {
      let word = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      // What a byte borrows of the next ones does not matter: only the first is asked for.
      let blanks = (word &- 0x2121_2121_2121_2121) & 0x8080_8080_8080_8080
      if blanks != 0 { return index + blanks.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < text.count, text[index] > 0x20 { index += 1 }
    return index
  }

  /// The lines without their ends, `\n` or `\r\n`; a last line without an end counts.
  package static func lines(_ text: ByteString) -> [ByteString] {
    var lines = text.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { ByteString(bytes: Array($0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0)) }
  }

  package static func lowercased(_ text: ByteString) -> ByteString {
    mapped(text) { $0 == "\u{130}" ? "i" : CaseFolding.single($0, \.lowercaseMapping) }
  }

  package static func uppercased(_ text: ByteString) -> ByteString {
    mapped(text) { scalar in
      let upper = CaseFolding.single(scalar, \.uppercaseMapping)
      // Where the upper-case form is two letters, Unicode's one-letter form is the one of titles, if there is one.
      return upper == scalar && !scalar.isASCII ? CaseFolding.single(scalar, \.titlecaseMapping) : upper
    }
  }

  /// The offset of the first `part`.
  ///
  /// - Complexity: O(text × part).
  package static func firstIndex(of part: ByteString, in text: ByteString) -> Int? {
    firstIndex(of: part, in: text, from: 0)
  }

  private static func firstIndex(of part: ByteString, in text: ByteString, from start: Int) -> Int? {
    guard let first = part.bytes.first else { return start }
    return text.bytes.withUnsafeBufferPointer { text in
      part.bytes.withUnsafeBufferPointer { part in
        var place = start
        while place + part.count <= text.count {
          if text[place] == first, text[(place + 1)..<(place + part.count)].elementsEqual(part.dropFirst()) {
            return place
          }
          place += 1
        }
        return nil
      }
    }
  }

  /// The bytes of each character; one that is not UTF-8 stands alone.
  private static func characters(_ text: ByteString) -> [ArraySlice<UInt8>] {
    var result: [ArraySlice<UInt8>] = []
    text.bytes.withUnsafeBufferPointer { bytes in
      var place = 0
      while place < bytes.count {
        let width = RegexMachine.scalar(in: bytes, at: place).width
        result.append(text.bytes[place..<(place + width)])
        place += width
      }
    }
    return result
  }

  private static func isSpace(_ character: ArraySlice<UInt8>) -> Bool {
    guard let scalar = String(validating: character, as: UTF8.self)?.unicodeScalars.first else { return false }
    return scalar.properties.isWhitespace
  }

  private static func mapped(_ text: ByteString, _ transform: (Unicode.Scalar) -> Unicode.Scalar) -> ByteString {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for character in characters(text) {
      if let scalar = String(validating: character, as: UTF8.self)?.unicodeScalars.first {
        result.append(contentsOf: UTF8.encode(transform(scalar))!)
      } else {
        result.append(contentsOf: character)
      }
    }
    return ByteString(bytes: result)
  }
}
