import ArgumentParser
@preconcurrency import Glibc

/// Which Reflow a command measures.
struct MeasuredBinary: ParsableArguments {
  @Option(help: "The reflow binary to measure.")
  var reflow: String?

  /// What was named, or what lies beside this program.
  ///
  /// - Throws: where nothing is there that can be run.
  func path() throws -> String {
    let path = reflow ?? Self.besideThisProgram
    guard access(path, X_OK) == 0 else {
      throw ValidationError("no reflow binary at \(path); build it, or name it with --reflow")
    }
    // Commands run in folders of their own.
    guard let absolute = realpath(path, nil) else { return path }
    defer { free(absolute) }
    return String(cString: absolute)
  }

  private static var besideThisProgram: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let own = String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/reflow"
  }
}
