import ArgumentParser
import BuildGraph
import Diagnostics
@preconcurrency import Glibc

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make a small project that builds at once.",
    discussion: "Templates:\n" + Template.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))

  @Argument(help: "The folder; it is made if it is not there.")
  var folder = "."
  @Option(help: "text, bio, c or tables.")
  var template = Template.text

  func run() throws {
    do throws(SystemError) {
      try make()
    } catch {
      Terminal.printError("error: \(error.message)\n")
      throw error.exitStatus.exitCode
    }
  }

  private func make() throws(SystemError) {
    let base = ByteString(folder)
    if HostFile.exists(base), !HostFile.isFolder(base) {
      throw SystemError(.wrongKind, "'\(folder)' is a file; name a folder for the project: reflow init DIR")
    }
    let ignored = Template.File(path: ".gitignore", text: "/.reflow/\n/out/\n")
    var files = template.files
    // Of a project under version control the list is there already, and stays.
    if !HostFile.exists(base + "/.gitignore") { files.append(ignored) }
    let taken = files.map(\.path).filter { HostFile.exists(base + "/" + ByteString($0)) }
    guard taken.isEmpty else {
      throw SystemError(
        .wrongKind, "'\(folder)' has \(taken.joined(separator: ", ")) already; choose another folder: reflow init DIR")
    }
    for file in files {
      let place = base + "/" + ByteString(file.path)
      try HostFile.makeFolders(above: place)
      try HostFile.create(place, Array(file.text.utf8))
    }
    let there = folder == "." ? "" : "cd \(folder); "
    Terminal.print(
      """
      made \(files.map(\.path).joined(separator: ", "))
      Next: \(there)reflow build       makes out/
            \(there)reflow watch       builds again at every change
      \(template.hint)

      """)
  }
}

extension HostFile {
  /// Makes the folders that a file is to stand in.
  static func makeFolders(above path: ByteString) throws(SystemError) {
    for (place, byte) in path.bytes.enumerated() where byte == UInt8(ascii: "/") && place > 0 {
      let folder = ByteString(bytes: Array(path.bytes[..<place]))
      if withPath(folder, { mkdir($0, 0o777) }) != 0, errno != EEXIST { throw refusal("make the folder", folder) }
    }
  }

  /// Writes a file that must not be there yet.
  static func create(_ path: ByteString, _ bytes: [UInt8]) throws(SystemError) {
    let descriptor = withPath(path) { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else { throw refusal("make", path) }
    let isWritten = writeAll(bytes, to: descriptor)
    let failure = errno
    let isClosed = close(descriptor) == 0
    if !isWritten { errno = failure }
    guard isWritten, isClosed else { throw refusal("write", path) }
  }

  private static func refusal(_ action: String, _ path: ByteString) -> SystemError {
    let code: SystemError.Code = errno == ENOSPC ? .noSpace : errno == ENOTDIR ? .wrongKind : .notPermitted
    return SystemError(
      code, "cannot \(action) '\(path.display)': \(String(cString: strerror(errno)))", errno: errno)
  }
}
