import ArgumentParser
import BuildGraph
import Console
import Diagnostics
import Language

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Parse and type-check programs, and report everything that is wrong.")

  @Argument(help: "Programs to check (default: main.rf).")
  var programs: [String] = []
  @Flag(help: "A warning is a failure, too.")
  var warningsAsErrors = false
  @Option(help: "The workspace root.")
  var root: String?

  func run() throws {
    let workspace = try Workspace(root: root)
    var isClean = true
    for program in programs.isEmpty ? ["main.rf"] : programs {
      let checked = workspace.load(program)
      workspace.report(checked.diagnostics)
      if checked.hasErrors || (warningsAsErrors && !checked.diagnostics.isEmpty) { isClean = false }
    }
    guard isClean else { throw ExitStatus.badInput.exitCode }
  }
}

extension Workspace {
  /// Parses and checks a program and its modules.
  ///
  /// - Parameter willRead: is told of each file before it is read, whether it is there or not.
  func load(_ program: String, willRead: @escaping (ByteString) -> Void = { _ in }) -> CheckedProgram {
    let root = root
    let loader = ProgramLoader { path in
      willRead(path)
      do throws(SystemError) {
        let host = path.bytes.first == UInt8(ascii: "/") ? path : root + "/" + path
        guard let bytes = try HostFile.read(host) else {
          return .failure(UnreadableModule("open \(path.display): no such file or directory"))
        }
        return .success(bytes)
      } catch {
        return .failure(UnreadableModule(error.message))
      }
    }
    let checked = loader.load(relative(program) ?? ByteString(program))
    guard checked.entry == nil, let absence = absence(of: program) else { return checked }
    return CheckedProgram(entry: nil, modules: [], diagnostics: [absence])
  }

  func report(_ diagnostics: [Diagnostic]) {
    let renderer = DiagnosticRenderer(style: Style(isColored: Terminal.hasColor))
    for diagnostic in diagnostics { Terminal.printError(renderer.render(diagnostic)) }
  }
}
