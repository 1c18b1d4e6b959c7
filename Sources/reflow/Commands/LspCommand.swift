import ArgumentParser
import BuildGraph
import Diagnostics
@preconcurrency import Glibc
import LanguageServer

struct LspCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lsp", abstract: "Serve an editor: the language server protocol on standard input and output.",
    discussion: "Editors start it by themselves; fixtures/editor/README.md shows how to tell them.")

  @Flag(help: "Use standard input and output, as is done anyway; editors like to say it.")
  var stdio = false

  func run() throws {
    var session = Conversation(files: HostPrograms())
    var reader = MessageReader()
    while session.exitStatus == nil {
      guard let bytes = Self.input() else {
        session.finish()
        break
      }
      reader.append(bytes)
      var messages: [MessageReader.Message] = []
      do throws(MessageReader.TooLong) {
        // All that has arrived is looked at together: of many changes only the last state is checked.
        repeat {
          while let message = try reader.next() { messages.append(message) }
          guard Self.hasInput, let more = Self.input() else { break }
          reader.append(more)
        } while true
      } catch {
        Terminal.printError("error: the client sent a message that is too long\n")
        throw ExitStatus.badInput.exitCode
      }
      var isHeard = true
      for answer in session.handle(messages) { isHeard = send(answer) && isHeard }
      if session.exitStatus == nil { for report in session.settle() { isHeard = send(report) && isHeard } }
      if !isHeard { session.finish() }
    }
    guard session.exitStatus == 0 else { throw ExitCode(session.exitStatus ?? 1) }
  }

  private func send(_ message: JSON) -> Bool { Terminal.write(MessageReader.frame(message), to: STDOUT_FILENO) }

  /// What has arrived, once something has; nil at the end.
  private static func input() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(STDIN_FILENO, &buffer, buffer.count)
      if count > 0 { return Array(buffer[..<count]) }
      if count < 0, errno == EINTR { continue }
      return nil
    }
  }

  private static var hasInput: Bool {
    var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, 0) == 1 && descriptor.revents & Int16(POLLIN) != 0
  }
}

/// The programs on this machine, for the language server.
private struct HostPrograms: Files {
  /// How many programs are found at most, and how many folders are looked into for them: enough for a project, and not all of
  /// a home folder.
  private static let programsLimit = 2000
  private static let foldersLimit = 20_000
  /// A program of more bytes is none that a person edits.
  private static let bytesLimit = 64 << 20

  func read(_ path: ByteString) -> [UInt8]? {
    var status = stat()
    guard HostFile.withPath(path, { stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_size <= Self.bytesLimit
    else { return nil }
    return try? HostFile.read(path)
  }

  func workspaceRoot(above folder: ByteString) -> ByteString? { Workspace.nearestRoot(from: folder) }

  func programs(below folder: ByteString) -> [ByteString] {
    var found: [ByteString] = []
    var pending = [folder]
    var looked = 0
    while !pending.isEmpty, found.count < Self.programsLimit, looked < Self.foldersLimit {
      let place = pending.removeFirst()
      looked += 1
      guard let stream = HostFile.withPath(place, { opendir($0) }) else { continue }
      defer { closedir(stream) }
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          ByteString(bytes: Array(bytes.prefix { $0 != 0 }))
        }
        // The state, version control, and what else is hidden.
        guard name.bytes.first != UInt8(ascii: ".") else { continue }
        let path = place == "/" ? place + name : place + "/" + name
        if entry.pointee.d_type == UInt8(DT_DIR) {
          pending.append(path)
        } else if name.bytes.suffix(3).elementsEqual(".rf".utf8) {
          found.append(path)
        }
      }
    }
    return found.sorted()
  }
}
