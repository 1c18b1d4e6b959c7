import Foundation
import Glibc

/// A connection to a port of this machine, on which a test says exactly what it wants.
final class WebClient {
  private let descriptor: Int32
  private var taken: [UInt8] = []
  private var hasEnded = false

  struct Refused: Error { var code: Int32 }

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let failure = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard failure == 0 else { throw Refused(code: errno) }
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
      }
      // Who refuses a request may close before it has all of it.
      guard count > 0 else { return }
      sent += count
    }
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// All that has come, once it ends or something holds; waits at most so long that only a hang can exceed it.
  func receive(limit seconds: Int = 60, until isEnough: (String) -> Bool = { _ in false }) -> String {
    var text: String { String(decoding: taken, as: UTF8.self) }
    for _ in 0..<(seconds * 10) where !hasEnded && !isEnough(text) {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 100) > 0 else { continue }
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count > 0 { taken += buffer[..<count] } else { hasEnded = true }
    }
    return text
  }

  /// Whether the other side has ended the connection.
  var isOver: Bool { hasEnded }
}

/// Chromium without a screen, where it is installed.
enum Browser {
  static let isThere = Workspace.has("chromium")

  /// A page's document after its script has run.
  static func document(_ address: String, _ project: Workspace) throws -> String {
    let execution = try project.run(
      "chromium",
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--user-data-dir=\(project.outside("browser"))", "--window-size=1200,800", "--dump-dom", address,
      ], environment: ["HOME": project.outside("")])
    return execution.output
  }

  /// A picture of a page: the bytes of a PNG.
  static func screenshot(_ address: String, _ project: Workspace) throws -> Data {
    let place = project.outside("screenshot.png")
    _ = try project.run(
      "chromium",
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--user-data-dir=\(project.outside("browser"))", "--window-size=1200,800", "--screenshot=\(place)", address,
      ], environment: ["HOME": project.outside("")])
    return FileManager.default.contents(atPath: place) ?? Data()
  }
}
