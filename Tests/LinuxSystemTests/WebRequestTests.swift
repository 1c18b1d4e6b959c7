import Testing

@testable import LinuxSystem

@Suite struct WebRequestTests {
  private func parse(_ text: String) -> WebRequest.Parsed { WebRequest.parse(Array(text.utf8)) }

  @Test func `a request is its path, its parameters and its host`() {
    guard
      case .request(let request) = parse(
        "GET /a/b?x=1&token=a%2Bb&y HTTP/1.1\r\nhost: LOCALHOST:80 \r\nA: b\r\n\r\nrest")
    else {
      Issue.record("not a request")
      return
    }
    #expect(request.path == "/a/b" && request.host == "localhost:80")
    #expect(request.value(of: "token") == "a+b" && request.value(of: "y") == "" && request.value(of: "z") == nil)
  }

  @Test func `every beginning of a request is incomplete, and nothing that is sent makes it stop`() {
    let text = "GET /?token=%41 HTTP/1.1\r\nHost: a\r\n\r\n"
    for length in 0..<text.utf8.count { #expect(WebRequest.parse(Array(text.utf8.prefix(length))) == .incomplete) }
    for place in 0..<text.utf8.count {
      for value in 0...255 as ClosedRange<UInt8> {
        var bytes = Array(text.utf8)
        bytes[place] = value
        _ = WebRequest.parse(bytes)
      }
    }
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nnothing\r\n\r\n",
    "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /?a=%4 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?a=%ff HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n",
  ]) func `what is not a request is refused`(text: String) {
    #expect(parse(text) == .refused(.bad))
  }

  @Test func `only reading is allowed, and only so much`() {
    #expect(parse("PUT / HTTP/1.1\r\nHost: a\r\n\r\n") == .refused(.notAllowed))
    #expect(parse(String(repeating: "a", count: WebRequest.limitBytes + 1)) == .refused(.tooLarge))
  }
}
