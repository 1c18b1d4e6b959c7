package import Diagnostics

/// Cuts the bytes that a client sends into messages: a header with `Content-Length`, an empty line, and so many bytes.
///
/// What cannot be understood is passed over up to the next header, and told as a message that is no JSON.
package struct MessageReader {
  /// A message that is longer than this ends the conversation.
  package static let limitBytes = 256 << 20

  package enum Message: Hashable, Sendable {
    case value(JSON)
    /// Why it is none.
    case malformed(String)
  }

  /// A message is too long to be one.
  package struct TooLong: Error {}

  private var buffer: [UInt8] = []
  /// Of the buffer, what has been read.
  private var place = 0

  package init() {}

  package mutating func append(_ bytes: some Sequence<UInt8>) {
    if place > 0 {
      buffer.removeSubrange(..<place)
      place = 0
    }
    buffer += bytes
  }

  /// The next message, or nil until there is more to read.
  ///
  /// - Throws: ``TooLong``.
  package mutating func next() throws(TooLong) -> Message? {
    guard let (length, body) = try header() else { return nil }
    guard let length else {
      place = body
      return .malformed("a header without a Content-Length")
    }
    guard length <= Self.limitBytes else { throw TooLong() }
    guard buffer.count - body >= length else { return nil }
    let bytes = Array(buffer[body..<body + length])
    place = body + length
    do throws(JSON.SyntaxError) {
      return .value(try JSON(parsing: bytes))
    } catch {
      return .malformed(error.description)
    }
  }

  /// The length that the header says, if it says one, and where the message begins; nil until the header is there.
  private func header() throws(TooLong) -> (length: Int?, body: Int)? {
    var length: Int?
    var lower = place
    while let end = buffer[lower...].firstIndex(of: UInt8(ascii: "\n")) {
      var line = buffer[lower..<end]
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      lower = end + 1
      if line.isEmpty { return (length, lower) }
      let text = String(decoding: line, as: UTF8.self)
      let parts = text.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == "content-length" else { continue }
      length = Int(parts[1].drop { $0 == " " }.prefix { $0 != " " }).flatMap { $0 >= 0 ? $0 : nil }
    }
    // No header is that long.
    if buffer.count - place > 1 << 16 { throw TooLong() }
    return nil
  }

  /// A message as it is sent.
  package static func frame(_ message: JSON) -> [UInt8] {
    let body = message.text
    return Array("Content-Length: \(body.utf8.count)\r\n\r\n".utf8) + Array(body.utf8)
  }
}
