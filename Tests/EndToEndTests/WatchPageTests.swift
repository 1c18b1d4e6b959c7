import Foundation
import Glibc
import Testing

/// `reflow watch --ui`: who is answered, who is not, and what the page is told.
@Suite struct WatchPageTests {
  private static let program = """
    func Upper(part file) = exec() (upper file) {" echo said >&2; grep -v bad {{part}} | tr a-z A-Z > {{upper}} "}
    val Main = map([(name, Upper(part)) | (name, part) <- dir("data")])

    """

  private struct Page {
    // Its folder is there for as long as somebody holds it.
    let project: Workspace
    let watch: RunningProcess
    let port: Int
    let token: String

    init(_ project: Workspace, _ arguments: String...) throws {
      self.project = project
      watch = try project.start(Workspace.binary, ["watch", "--ui"] + arguments)
      let watch = watch
      watch.wait { watch.errorsSoFar.contains("watching ") }
      let errors = watch.errorsSoFar
      let rest = try #require(errors.components(separatedBy: "http://127.0.0.1:").dropFirst().first)
      port = try #require(Int(rest.prefix { $0 != "/" }))
      token = String(rest.drop { $0 != "=" }.dropFirst().prefix { $0.isHexDigit })
      try #require(token.count == 32)
    }

    var address: String { "http://127.0.0.1:\(port)/?token=\(token)" }

    func ask(_ target: String, host: String? = nil, method: String = "GET") throws -> String {
      let client = try WebClient(port: port)
      client.send("\(method) \(target) HTTP/1.1\r\nHost: \(host ?? "127.0.0.1:\(port)")\r\n\r\n")
      return client.receive()
    }

    func end() -> Int32 {
      watch.signal(SIGTERM)
      return watch.wait().status
    }
  }

  private func project() throws -> Workspace {
    try Workspace(["main.rf": Self.program, "data/a.txt": "a\n", "data/b.txt": "b\n"])
  }

  @Test func `a page and its graph are for who has the token and means this machine`() throws {
    let project = try project()
    let page = try Page(project)
    let token = page.token
    let answer = try page.ask("/?token=\(token)")
    #expect(
      answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.contains("data-live=\"yes\"") && answer.contains("Upper[a.txt]")
    )
    #expect(answer.contains("Content-Security-Policy: default-src 'none'"))
    #expect(try page.ask("/graph.json?token=\(token)").contains("\"l\":\"Upper[b.txt]\",\"s\":\"run\""))
    #expect(try page.ask("/?token=\(token)", host: "localhost:\(page.port)").hasPrefix("HTTP/1.1 200 "))
    for target in ["/", "/?token=", "/?token=\(token.dropLast())0x", "/events", "/graph.json?token=%30"] {
      #expect(try page.ask(target).hasPrefix("HTTP/1.1 403 "), "\(target)")
    }
    for host in [
      "evil.example", "evil.example:\(page.port)", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:\(page.port)",
    ] {
      #expect(try page.ask("/?token=\(token)", host: host).hasPrefix("HTTP/1.1 403 "), "\(host)")
    }
    #expect(try page.ask("/etc/passwd?token=\(token)").hasPrefix("HTTP/1.1 404 "))
    #expect(try page.ask("/?token=\(token)", method: "POST").hasPrefix("HTTP/1.1 405 "))
    #expect(page.end() == 128 + SIGTERM)
    #expect(throws: WebClient.Refused.self) { try WebClient(port: page.port) }
  }

  @Test func `bad requests are refused and others are answered meanwhile`() throws {
    let page = try Page(try project())
    let silent = try WebClient(port: page.port)
    let slow = try WebClient(port: page.port)
    slow.send("GET / HTT")
    for (request, status) in [
      ("nonsense\r\n\r\n", 400), ("GET /\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400),
      ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1:\(page.port)\r\n\r\n", 400),
      ("GET / HTTP/2\r\nHost: a\r\n\r\n", 400),
      ("GET /?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("\u{0}\u{1}\r\n\r\n", 400),
      ("GET /" + String(repeating: "x", count: 20_000), 431),
      ("GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 3_000) + "\r\n", 431),
    ] {
      let client = try WebClient(port: page.port)
      client.send(request)
      #expect(client.receive().hasPrefix("HTTP/1.1 \(status) "), "\(request.prefix(40))")
    }
    #expect(try page.ask("/?token=\(page.token)").hasPrefix("HTTP/1.1 200 "))
    // Whoever says nothing, or not enough, is let go.
    #expect(silent.receive().isEmpty && silent.isOver)
    #expect(slow.receive().isEmpty && slow.isOver)
    #expect(page.end() == 128 + SIGTERM)
  }

  @Test func `many connections at once are survived`() throws {
    let page = try Page(try project())
    var clients = try (0..<150).map { _ in try WebClient(port: page.port) }
    clients.removeAll()
    var answer = ""
    // Those before must first have been found gone.
    for _ in 0..<600 where !answer.hasPrefix("HTTP/1.1 200 ") {
      answer = (try? page.ask("/?token=\(page.token)")) ?? ""
      if answer.isEmpty { usleep(100_000) }
    }
    #expect(answer.hasPrefix("HTTP/1.1 200 "))
    #expect(page.end() == 128 + SIGTERM)
  }

  @Test func `the page is told what the watch does, from the beginning of the round on, until the watch ends`() throws {
    let project = try project()
    let page = try Page(project)
    let client = try WebClient(port: page.port)
    client.send("GET /events?token=\(page.token) HTTP/1.1\r\nHost: localhost:\(page.port)\r\n\r\n")
    let story = client.receive { $0.contains("\"event\":\"watching\"") }
    #expect(story.contains("Content-Type: text/event-stream"))
    #expect(story.contains("data: {\"event\":\"hello\"}\n\n") && story.contains("data: {\"event\":\"buildStarted\""))
    #expect(
      story.components(separatedBy: "\"event\":\"stepFinished\"").count == 3, "who comes late hears of the first build")
    try project.write("data/b.txt", "bad\n")
    let news = client.receive { $0.components(separatedBy: "\"event\":\"buildFinished\"").count == 3 }
    #expect(news.contains("\"status\":\"failed\"") && news.contains("\"log\":\"said\\n\""))
    #expect(try page.ask("/graph.json?token=\(page.token)").contains("\"s\":\"failed\""))
    #expect(page.end() == 128 + SIGTERM)
    _ = client.receive()
    #expect(client.isOver)
  }

  @Test func `a port that is taken is an error that says what to do`() throws {
    let project = try project()
    let page = try Page(project)
    let other = try Workspace(["main.rf": Self.program, "data/a.txt": "a\n"])
    let second = try other.reflow("watch", "--ui", "\(page.port)")
    #expect(second.status == 3)
    #expect(second.errors.contains("cannot show the page on port \(page.port): Address already in use; name another"))
    #expect(page.end() == 128 + SIGTERM)
  }

  @Test(.enabled(if: Browser.isThere, "there is no chromium here"))
  func `in a browser the live page draws what was built`() throws {
    let project = try project()
    let page = try Page(project)
    let document = try Browser.document(page.address, project)
    #expect(document.contains("data-ready=\"yes\"") && document.contains("data-live=\"yes\""))
    #expect(document.contains("Upper[a.txt]</text>"))
    #expect(page.end() == 128 + SIGTERM)
  }
}
