/// What a browser asks of a page's server: the part of HTTP/1.1 that a page on the same machine needs, and nothing more.
package struct WebRequest: Hashable, Sendable {
  /// Without the query.
  package var path: String
  /// Decoded, in order; a name without `=` has an empty value.
  package var query: [Parameter]
  package var host: String

  package struct Parameter: Hashable, Sendable {
    package var name: String
    package var value: String
  }

  package func value(of name: String) -> String? { query.first { $0.name == name }?.value }

  package enum Parsed: Hashable, Sendable {
    /// The end has not come yet.
    case incomplete
    case request(WebRequest)
    /// What it is, nobody answers: the status says why.
    case refused(WebStatus)
  }

  /// A head that is longer is refused.
  package static let limitBytes = 8 * 1024

  /// Reads the head of a request. A body is not looked at: nothing that is answered has one, and the connection is closed.
  ///
  /// - Complexity: O(bytes).
  package static func parse(_ bytes: [UInt8]) -> Parsed {
    guard let end = headEnd(bytes) else {
      return bytes.count > limitBytes ? .refused(.tooLarge) : .incomplete
    }
    guard end <= limitBytes else { return .refused(.tooLarge) }
    guard bytes[..<end].allSatisfy({ $0 == 13 || $0 == 10 || $0 == 9 || (0x20..<0x7F).contains($0) || $0 >= 0x80 }),
      let head = String(validating: bytes[..<end], as: UTF8.self)
    else { return .refused(.bad) }
    let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
    let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else { return .refused(.bad) }
    guard words[0] == "GET" else { return .refused(.notAllowed) }
    guard words[1].hasPrefix("/") else { return .refused(.bad) }
    var hosts: [String] = []
    for line in lines.dropFirst() where !line.isEmpty {
      guard let colon = line.firstIndex(of: ":"), colon > line.startIndex,
        !line[..<colon].contains(where: \.isWhitespace)
      else { return .refused(.bad) }
      guard line[..<colon].lowercased() == "host" else { continue }
      hosts.append(line[line.index(after: colon)...].trimmingBlanks)
    }
    // Two hosts are how one is smuggled past a check.
    guard hosts.count == 1 else { return .refused(.bad) }
    let target = words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var query: [Parameter] = []
    for pair in target.count > 1 ? target[1].split(separator: "&") : [] {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = decoded(parts[0]), let value = decoded(parts.count > 1 ? parts[1] : "") else {
        return .refused(.bad)
      }
      query.append(Parameter(name: name, value: value))
    }
    return .request(WebRequest(path: String(target[0]), query: query, host: hosts[0].lowercased()))
  }

  /// Behind the blank line that ends a head.
  private static func headEnd(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for index in 3..<bytes.count
    where bytes[index] == 10 && bytes[index - 1] == 13 && bytes[index - 2] == 10 && bytes[index - 3] == 13 {
      return index + 1
    }
    return nil
  }

  /// Nil where `%` is not followed by two digits, or the bytes are no text.
  private static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%") {
        guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
          return nil
        }
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

extension Substring {
  fileprivate var trimmingBlanks: String {
    var text = self
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return String(text)
  }
}

/// How a request is answered.
package enum WebStatus: Int, Hashable, Sendable {
  case ok = 200
  case bad = 400
  case forbidden = 403
  case notFound = 404
  case notAllowed = 405
  case tooSlow = 408
  case tooLarge = 431
  case unavailable = 503

  var words: String {
    switch self {
    case .ok: "OK"
    case .bad: "Bad Request"
    case .forbidden: "Forbidden"
    case .notFound: "Not Found"
    case .notAllowed: "Method Not Allowed"
    case .tooSlow: "Request Timeout"
    case .tooLarge: "Request Header Fields Too Large"
    case .unavailable: "Service Unavailable"
    }
  }
}

/// An answer, after which the connection is closed; or the stream of events, for as long as both want.
package enum WebAnswer: Sendable {
  case content(type: String, body: String)
  case refusal(WebStatus)
  case events

  var head: String {
    let (status, type, length): (WebStatus, String, String) =
      switch self {
      case .content(let type, let body): (.ok, type, "Content-Length: \(body.utf8.count)\r\n")
      case .refusal(let status): (status, "text/plain", "Content-Length: \(status.words.utf8.count + 1)\r\n")
      case .events: (.ok, "text/event-stream", "")
      }
    // The page may load nothing and talk to nobody but us, and what it knows is for nobody else.
    return "HTTP/1.1 \(status.rawValue) \(status.words)\r\nContent-Type: \(type); charset=utf-8\r\n\(length)"
      + "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
      + "Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: default-src 'none'; img-src data:; "
      + "style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'\r\n\r\n"
  }

  var bytes: [UInt8] {
    switch self {
    case .content(_, let body): Array((head + body).utf8)
    case .refusal(let status): Array((head + status.words + "\n").utf8)
    case .events: Array(head.utf8)
    }
  }
}
