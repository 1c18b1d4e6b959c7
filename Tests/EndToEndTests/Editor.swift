import Foundation
import Glibc

/// An editor that talks to `reflow lsp` on its standard input and output.
final class Editor {
  typealias Message = [String: Any]

  struct Failure: Error { var what: String }

  private let id: pid_t
  private let stream: Int32
  private var buffer: [UInt8] = []
  private var lastID = 0
  private var ended: Int32?
  /// What came without having been asked for.
  private(set) var notifications: [Message] = []

  init(in folder: String) throws {
    var ends: [Int32] = [0, 0]
    // Closed in whatever else is started meanwhile: else the server would never see that we hang up.
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw Failure(what: "socketpair") }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    let command: [String] = ["env", "-C", folder, Workspace.binary, "lsp", "--stdio"]
    let environment: [String] = ["PATH=/usr/bin:/bin", "HOME=/tmp"]
    var arguments = command.map { strdup($0) } + [nil]
    var variables = environment.map { strdup($0) } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var child = pid_t()
    let failure = posix_spawnp(&child, "env", &actions, nil, &arguments, &variables)
    close(ends[1])
    guard failure == 0 else { throw Failure(what: "spawn: \(failure)") }
    id = child
    stream = ends[0]
  }

  deinit {
    close(stream)
    if ended == nil {
      kill(id, SIGKILL)
      waitpid(id, nil, 0)
    }
  }

  // MARK: Sending

  func send(_ message: Message) throws {
    try write(raw: String(decoding: JSONSerialization.data(withJSONObject: message), as: UTF8.self))
  }

  /// Sends a body as it is.
  func write(raw body: String) throws {
    var bytes = Array("Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(stream, $0.baseAddress, $0.count) }
      guard count > 0 else { throw Failure(what: "the server does not listen") }
      bytes = bytes.dropFirst(count)
    }
  }

  func notify(_ method: String, _ params: Message = [:]) throws {
    try send(["jsonrpc": "2.0", "method": method, "params": params])
  }

  /// Asks and waits for the answer.
  func request(_ method: String, _ params: Message = [:]) throws -> Message {
    lastID += 1
    try send(["jsonrpc": "2.0", "id": lastID, "method": method, "params": params])
    return try receive { $0["id"] as? Int == self.lastID }
  }

  /// Waits for a message, at most so long that only a hang can exceed it; keeps others.
  func receive(_ isWanted: (Message) -> Bool) throws -> Message {
    while true {
      let message = try next()
      if isWanted(message) { return message }
      notifications.append(message)
    }
  }

  private func next() throws -> Message {
    while true {
      if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) {
        let header = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
        let length = Int(header.split(separator: " ").last ?? "") ?? 0
        if buffer.count >= end.upperBound + length {
          let body = Data(buffer[end.upperBound..<end.upperBound + length])
          buffer.removeSubrange(..<(end.upperBound + length))
          return try JSONSerialization.jsonObject(with: body) as? Message ?? [:]
        }
      }
      var descriptor = pollfd(fd: stream, events: Int16(POLLIN), revents: 0)
      guard poll(&descriptor, 1, 60_000) > 0 else { throw Failure(what: "no answer") }
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(stream, &piece, piece.count)
      guard count > 0 else { throw Failure(what: "the server is gone") }
      buffer += piece[..<count]
    }
  }

  /// No more is sent.
  func hangUp() { shutdown(stream, Int32(SHUT_WR)) }

  /// The status with which the server ends, at most so long that only a hang can exceed it.
  func wait() -> Int32? {
    for _ in 0..<30_000 {
      var status: Int32 = 0
      if waitpid(id, &status, WNOHANG) == id {
        ended = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return ended
      }
      usleep(2000)
    }
    return nil
  }
}
