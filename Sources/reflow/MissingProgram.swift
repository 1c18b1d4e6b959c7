import BuildGraph
import Diagnostics
import Language
@preconcurrency import Glibc

/// A program that is named on the command line and is not there: what was probably meant, and how one comes by a program.
extension Workspace {
  /// Ends the command where its program is not there.
  ///
  /// A build would say so as well, but after it had made a state; and a folder with a state is the root of all below it.
  ///
  /// - Throws: ``ExitStatus/badInput`` after having said so.
  func requireProgram(_ program: String) throws {
    guard let absence = absence(of: program) else { return }
    report([absence])
    throw ExitStatus.badInput.exitCode
  }

  /// What to say where there is no program of this name; nil where there is something.
  func absence(of program: String) -> Diagnostic? {
    let path = relative(program) ?? ByteString(program)
    let place = path.bytes.first == UInt8(ascii: "/") ? path : root + "/" + path
    if HostFile.isFolder(place) {
      let inside = HostFile.exists(place + "/main.rf")
      let note = inside ? "the program in it is built by: reflow build --root \(program)" : "it holds no main.rf"
      return Diagnostic(
        CheckerMessage.moduleNotFound.id, .error, "'\(program)' is a folder, and no program",
        notes: [Diagnostic.Note(note)])
    }
    guard !HostFile.exists(place) else { return nil }
    return Diagnostic(
      CheckerMessage.moduleNotFound.id, .error, "there is no program '\(program)' here",
      notes: [Diagnostic.Note(hint(for: program))])
  }

  private func hint(for program: String) -> String {
    let folder = program.lastIndex(of: "/").map { String(program[...$0]) } ?? ""
    let there = PathCompletion.programs(folder).map(\.word).filter { $0.hasSuffix(".rf") }
    if let meant = there.first(where: { $0 == program + ".rf" }) ?? Suggestion.nearest(to: program, among: there) {
      return "did you mean '\(meant)'?"
    }
    if !there.isEmpty { return "there is \(there.prefix(5).joined(separator: ", ")): name the one that you mean" }
    if HostFile.exists(root + "/main.rf"), let current = Self.resolve("."), current != root {
      return "the program of this workspace is \(root.display)/main.rf: name it, or change to its folder"
    }
    return "'reflow init' makes a first program; reflow(5) is the language"
  }
}
