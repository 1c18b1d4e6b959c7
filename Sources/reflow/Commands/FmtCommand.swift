import ArgumentParser
import BuildGraph
import Console
import Diagnostics
import Formatting
import Glibc

struct FmtCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fmt", abstract: "Lay programs out in the one style; without a file, standard input.")

  @Argument(help: "Programs to lay out; '-' is standard input.")
  var files: [String] = []
  @Flag(help: "Change nothing; name the files that are not in the style, and end with status 1 if there is one.")
  var check = false

  func run() throws {
    var worst = ExitStatus.done
    for file in files.isEmpty ? ["-"] : files {
      do throws(SystemError) {
        let status = try file == "-" ? formatInput() : format(file)
        if status.rawValue > worst.rawValue { worst = status }
      } catch {
        Terminal.printError("error: \(error.message)\n")
        if error.exitStatus.rawValue > worst.rawValue { worst = error.exitStatus }
      }
    }
    guard worst == .done else { throw worst.exitCode }
  }

  private func formatInput() throws(SystemError) -> ExitStatus {
    if isatty(STDIN_FILENO) == 1 {
      Terminal.printError("reading a program from the terminal, until Ctrl-D; 'reflow fmt main.rf' lays out a file\n")
    }
    guard let text = try HostFile.read("/dev/stdin") else {
      throw SystemError(.notFound, "cannot read standard input: it is closed")
    }
    guard let formatted = formatted("<stdin>", text) else { return .badInput }
    if check { return report("<stdin>", text, formatted) }
    Terminal.print(formatted)
    return .done
  }

  private func format(_ file: String) throws(SystemError) -> ExitStatus {
    let path = ByteString(file)
    var status = stat()
    guard HostFile.withPath(path, { lstat($0, &status) }) == 0 else {
      let code: SystemError.Code = errno == ENOENT || errno == ENOTDIR ? .notFound : .other
      throw SystemError(code, "cannot open '\(path.display)': \(String(cString: strerror(errno)))", errno: errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SystemError(.wrongKind, "'\(path.display)' is not a regular file; name the file itself")
    }
    guard let text = try HostFile.read(path) else {
      throw SystemError(.notFound, "cannot open '\(path.display)': it is gone")
    }
    guard let formatted = formatted(file, text) else { return .badInput }
    if check { return report(file, text, formatted) }
    if formatted != text { try HostFile.replace(path, with: formatted, mode: status.st_mode & 0o7777) }
    return .done
  }

  /// The text in the style, or nil after its errors have been reported.
  private func formatted(_ name: String, _ text: [UInt8]) -> [UInt8]? {
    switch Formatting.format(SourceFile(name: name, text: text)) {
    case .formatted(let result): return result
    case .unreadable(let diagnostics):
      let renderer = DiagnosticRenderer(style: Style(isColored: Terminal.hasColor))
      for diagnostic in diagnostics { Terminal.printError(renderer.render(diagnostic)) }
      return nil
    }
  }

  /// Names a file that is not in the style, with the first line that differs.
  private func report(_ name: String, _ text: [UInt8], _ formatted: [UInt8]) -> ExitStatus {
    guard text != formatted else { return .done }
    let old = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let new = formatted.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let line = zip(old, new).prefix { $0 == $1 }.count
    var report = "\(name):\(line + 1): not in the style\n"
    if line < old.count { report += "- \(ByteString(bytes: Array(old[line])).display)\n" }
    if line < new.count { report += "+ \(ByteString(bytes: Array(new[line])).display)\n" }
    Terminal.print(report)
    return .stepFailed
  }
}

extension HostFile {
  /// Puts a new file with these bytes and this mode in the place of a file, at once.
  static func replace(_ path: ByteString, with bytes: [UInt8], mode: mode_t) throws(SystemError) {
    let temporary = path + ByteString(".reflow-fmt-\(getpid())")
    let descriptor = withPath(temporary) { open($0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
    guard descriptor >= 0 else { throw refusal(path) }
    let isWritten = writeAll(bytes, to: descriptor)
    let isDone =
      isWritten && fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0
      && withPath(temporary) { old in withPath(path) { rename(old, $0) } } == 0
    let failure = refusal(path)
    close(descriptor)
    guard isDone else {
      _ = withPath(temporary) { unlink($0) }
      throw failure
    }
  }

  static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return true
    }
  }

  private static func refusal(_ path: ByteString) -> SystemError {
    let code: SystemError.Code = errno == EACCES ? .notPermitted : errno == ENOSPC ? .noSpace : .other
    return SystemError(code, "cannot write '\(path.display)': \(String(cString: strerror(errno)))", errno: errno)
  }
}
