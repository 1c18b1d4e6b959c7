import ArgumentParser
import Glibc

@main
struct Reflow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reflow",
    abstract: "Keep a tree of outputs up to date with the files and the program that they are made from.",
    version: "reflow 0.1.0",
    subcommands: [CheckCommand.self, DocCommand.self, VersionCommand.self])

  /// Runs the command. What ArgumentParser calls a validation failure (status 64) is bad usage, our status 2.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      Terminal.printError(fullMessage(for: error) + "\n")
      Glibc.exit(ExitStatus.badInput.rawValue)
    }
  }
}
