import Console
@preconcurrency import Glibc

/// The process's standard streams.
enum Terminal {
  static func write(_ text: String, to descriptor: Int32) {
    write(Array(text.utf8), to: descriptor)
  }

  /// - Returns: false where nobody can read it any more: a pipe without a reader, a terminal that was closed.
  @discardableResult
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0 {
          // A reader that went away (`reflow eval | head`) is no reason to fail.
          guard errno == EINTR || errno == EAGAIN else { return errno != EPIPE && errno != EIO }
          continue
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return true
    }
  }

  static func print(_ text: String) { write(text, to: STDOUT_FILENO) }
  static func print(_ bytes: [UInt8]) { _ = write(bytes, to: STDOUT_FILENO) }
  static func printError(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Columns of the terminal on standard error, or nil where there is none that can move its cursor.
  static var width: Int? {
    guard isatty(STDERR_FILENO) == 1, let kind = environment("TERM"), kind != "dumb" else { return nil }
    return size?.columns
  }

  /// Of the terminal on standard error; 80 × 24 where it does not tell.
  static var size: TerminalSize? {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return TerminalSize(columns: 80, rows: 24)
    }
    return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }

  /// See <https://no-color.org>: any non-empty value of `NO_COLOR` turns colours off.
  static var hasColor: Bool {
    isatty(STDERR_FILENO) == 1 && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
  }

  static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  /// The variables whose names begin so.
  static func environment(beginningWith prefix: String) -> [String: String] {
    var found: [String: String] = [:]
    var place = environ
    while let entry = place.pointee {
      place += 1
      guard strncmp(entry, prefix, prefix.utf8.count) == 0 else { continue }
      let text = String(cString: entry)
      if let sign = text.firstIndex(of: "=") {
        found[String(text[..<sign])] = String(text[text.index(after: sign)...])
      }
    }
    return found
  }
}
