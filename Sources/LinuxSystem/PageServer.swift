import CLinux
package import Diagnostics
import Glibc
import Synchronization

/// Answers browsers on this machine, and tells them what happens: a thread of its own that waits for all connections at once.
///
/// Only the loopback is listened on; a request needs the token, and a `Host` that means this server, so that no page of another site and no
/// name that was made to point here gets an answer.
package final class PageServer: Sendable {
  private struct State {
    /// Of the round that is at work, for those who come late.
    var story: [String] = []
    /// What is to be sent to all listeners.
    var news: [String] = []
    var isClosed = false
  }

  package let port: UInt16
  package let token: String
  private let listener: Descriptor
  /// What is written to the second wakes who waits for the first.
  private let wakers: (Descriptor, Descriptor)
  private let state = Mutex(State())
  private let answer: @Sendable (_ path: String) -> WebAnswer

  private static let connectionLimit = 64
  private static let headSeconds = 5.0
  private static let writeSeconds = 20.0
  /// A listener that lets so much pile up does not listen.
  private static let pileLimitBytes = 4 << 20
  private static let storyLimit = 20_000
  private static let aliveSeconds = 10.0

  /// - Parameters:
  ///   - port: 0 for any that is free.
  ///   - answer: What is at a path, for who may ask; called on the server's thread.
  /// - Throws: `notPermitted` where the port is taken or may not be had.
  package init(port: UInt16, answer: @escaping @Sendable (_ path: String) -> WebAnswer) throws(SystemError) {
    self.answer = answer
    token = Self.makeToken()
    listener = Descriptor(
      socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0))
    guard listener.number >= 0 else { throw Self.refusal(port, errno) }
    let number = listener.number
    // A port that was ours a moment ago is ours again.
    var yes: Int32 = 1
    setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let failure = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard bind(number, address, length) == 0, listen(number, 16) == 0, getsockname(number, address, &length) == 0
        else { return errno }
        return 0
      }
    }
    guard failure == 0 else { throw Self.refusal(port, failure) }
    self.port = UInt16(bigEndian: address.sin_port)
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Self.refusal(port, errno) }
    for end in ends { Self.keep(end) }
    wakers = (Descriptor(ends[0]), Descriptor(ends[1]))
  }

  private static func refusal(_ port: UInt16, _ code: Int32) -> SystemError {
    let mend = code == EADDRINUSE ? "; name another, or none for any that is free" : ""
    return SystemError(
      .notPermitted, "cannot show the page on port \(port): \(String(cString: strerror(code)))\(mend)", errno: code)
  }

  /// For this process alone, and never waited for.
  private static func keep(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  private static func makeToken() -> String {
    // Of the system, and not to be guessed.
    var system = SystemRandomNumberGenerator()
    let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &system) }
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// What to open in a browser.
  package var address: String { "http://127.0.0.1:\(port)/?token=\(token)" }

  // MARK: From other threads

  package func start() {
    var thread = pthread_t()
    let server = Unmanaged.passRetained(self)
    let failure = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<PageServer>.fromOpaque(argument!).takeRetainedValue().serve()
        return nil
      }, server.toOpaque())
    if failure == 0 { pthread_detach(thread) } else { server.release() }
  }

  /// Tells all listeners, now and those who come until the next beginning.
  ///
  /// - Parameters:
  ///   - line: one line of JSON, with or without its end.
  ///   - isBeginning: what was told before is of no interest any more.
  package func tell(_ line: String, isBeginning: Bool) {
    let message = "data: " + (line.hasSuffix("\n") ? String(line.dropLast()) : line) + "\n\n"
    state.withLock { state in
      if isBeginning { state.story = [] }
      if state.story.count < Self.storyLimit { state.story.append(message) }
      state.news.append(message)
    }
    wake()
  }

  /// Ends all connections, soon.
  package func close() {
    state.withLock { $0.isClosed = true }
    shutdown(listener.number, Int32(SHUT_RDWR))
    wake()
  }

  private func wake() {
    var one: UInt8 = 1
    // A pipe that is full wakes as well.
    _ = Glibc.write(wakers.1.number, &one, 1)
  }

  // MARK: The thread

  private final class Connection {
    let socket: Descriptor
    var incoming: [UInt8] = []
    var outgoing: [UInt8] = []
    var sent = 0
    var isListening = false
    /// It is closed when all is sent.
    var isAnswered = false
    var deadline: Double
    var isOver = false
    /// The answer is on its way, and nothing more is said.
    var isClosing = false

    init(_ socket: Descriptor, deadline: Double) {
      self.socket = socket
      self.deadline = deadline
    }

    var hasOutgoing: Bool { sent < outgoing.count }

    func send(_ bytes: [UInt8]) {
      if sent > 0 {
        outgoing.removeFirst(sent)
        sent = 0
      }
      outgoing += bytes
    }
  }

  private static var monotonic: Double {
    var instant = timespec()
    clock_gettime(CLOCK_MONOTONIC, &instant)
    return Double(instant.tv_sec) + Double(instant.tv_nsec) / 1e9
  }

  private func serve() {
    var connections: [Connection] = []
    while true {
      let (news, story, isClosed) = state.withLock { state in
        defer { state.news = [] }
        return (state.news, state.story, state.isClosed)
      }
      if isClosed { return }
      let now = Self.monotonic
      for connection in connections where connection.isListening {
        if !news.isEmpty { connection.send(Array(news.joined().utf8)) }
        if connection.outgoing.count - connection.sent > Self.pileLimitBytes { connection.isOver = true }
        if now >= connection.deadline, !connection.isOver {
          // Tells a dead connection from a quiet one.
          connection.send(Array(": alive\n\n".utf8))
          connection.deadline = now + Self.aliveSeconds
        }
      }
      for connection in connections where !connection.isOver { flush(connection) }
      for connection in connections where !connection.isListening && now >= connection.deadline {
        connection.isOver = true
      }
      connections.removeAll(where: \.isOver)
      var waiting = [
        pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: wakers.0.number, events: Int16(POLLIN), revents: 0),
      ]
      for connection in connections {
        let events = Int16(POLLIN) | (connection.hasOutgoing ? Int16(POLLOUT) : 0)
        waiting.append(pollfd(fd: connection.socket.number, events: events, revents: 0))
      }
      let due = connections.map(\.deadline).min().map { max(0, $0 - now) } ?? 3600
      guard poll(&waiting, nfds_t(waiting.count), Int32((due * 1000).rounded(.up))) > 0 else { continue }
      if waiting[1].revents != 0 {
        var taken = [UInt8](repeating: 0, count: 4096)
        while read(wakers.0.number, &taken, taken.count) == taken.count {}
      }
      for (connection, waited) in zip(connections, waiting.dropFirst(2)) where waited.revents != 0 {
        if waited.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { receive(connection, story: story) }
      }
      if waiting[0].revents != 0 { accept(into: &connections) }
    }
  }

  private func accept(into connections: inout [Connection]) {
    while true {
      let accepted = Glibc.accept(listener.number, nil, nil)
      guard accepted >= 0 else { return }
      Self.keep(accepted)
      let connection = Connection(Descriptor(accepted), deadline: Self.monotonic + Self.headSeconds)
      // Who comes in numbers must not keep the others from being heard.
      guard connections.count < Self.connectionLimit else { continue }
      connections.append(connection)
    }
  }

  private func receive(_ connection: Connection, story: [String]) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(connection.socket.number, &buffer, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN { return }
      guard count > 0 else {
        connection.isOver = true
        return
      }
      // What comes behind the request is of no interest.
      if connection.isAnswered || connection.isListening || connection.isClosing { continue }
      connection.incoming += buffer[..<count]
      switch WebRequest.parse(connection.incoming) {
      case .incomplete: continue
      case .refused(let status): answer(connection, .refusal(status))
      case .request(let request):
        let answer = self.answer(to: request)
        self.answer(connection, answer)
        if case .events = answer {
          connection.isListening = true
          connection.isAnswered = false
          connection.deadline = Self.monotonic + Self.aliveSeconds
          connection.send(Array("retry: 1000\n\ndata: {\"event\":\"hello\"}\n\n".utf8) + Array(story.joined().utf8))
        }
      }
    }
  }

  private func answer(_ connection: Connection, _ answer: WebAnswer) {
    connection.incoming = []
    connection.isAnswered = true
    connection.deadline = Self.monotonic + Self.writeSeconds
    connection.send(answer.bytes)
  }

  private func answer(to request: WebRequest) -> WebAnswer {
    let names = ["127.0.0.1", "localhost"]
    guard names.contains(where: { request.host == "\($0):\(port)" || (port == 80 && request.host == $0) }),
      let given = request.value(of: "token"), Self.isEqual(given, token)
    else { return .refusal(.forbidden) }
    return answer(request.path)
  }

  /// In a time that tells nothing of where they differ.
  private static func isEqual(_ a: String, _ b: String) -> Bool {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private func flush(_ connection: Connection) {
    while connection.hasOutgoing {
      let count = connection.outgoing.withUnsafeBytes {
        send(
          connection.socket.number, $0.baseAddress! + connection.sent, $0.count - connection.sent,
          Int32(truncatingIfNeeded: MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN { return }
      guard count > 0 else {
        connection.isOver = true
        return
      }
      connection.sent += count
    }
    if connection.isAnswered, !connection.isOver {
      // All was sent: the other side is told so, and what it still says is not answered with a reset that could overtake the answer.
      shutdown(connection.socket.number, Int32(SHUT_WR))
      connection.isAnswered = false
      connection.deadline = min(connection.deadline, Self.monotonic + 1)
      connection.isClosing = true
    }
  }
}
