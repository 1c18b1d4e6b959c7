import ArgumentParser
import Diagnostics

/// The commands.
struct Reflow: ParsableCommand {
  static let _errorLabel = "error"
  /// Apart from the configuration: to ask that for it would make the tables of all commands.
  static let version = "reflow 0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "reflow",
    abstract: "Keep a tree of outputs up to date with the files and the program that they are made from.",
    discussion: "See reflow(1) for the commands and reflow(5) for the language.",
    version: version,
    subcommands: [
      BuildCommand.self, WatchCommand.self, CheckCommand.self, FmtCommand.self, TestCommand.self, EvalCommand.self,
      DocCommand.self, InitCommand.self, LspCommand.self, CompletionsCommand.self,
      WhyCommand.self, StatusCommand.self, LogCommand.self, GraphCommand.self, ReportCommand.self, CleanCommand.self,
      PruneCommand.self,
      VerifyCommand.self, VersionCommand.self,
    ])
}

/// A command behind whose program there may be parameters of that program.
protocol ProgramCommand: ParsableCommand {
  /// The command's own long options.
  static var programOptions: [ProgramArguments.Option] { get }

  func run(_ arguments: ProgramArguments) throws
}

extension ProgramCommand {
  /// Never called: `Main` calls the other one.
  func run() throws { throw CleanExit.helpRequest(self) }
}

@main
enum Main {
  static func main() {
    do {
      try runCommand()
    } catch {
      leave(error)
    }
  }

  private static func runCommand() throws {
    var words = Array(CommandLine.arguments.dropFirst())
    // What the shells' completions call: known to them alone, and never with a word of complaint.
    if words.first == WordCompletion.commandName { return WordCompletion.answer(Array(words.dropFirst())) }
    if try runPlainBuild(words) { return }
    // What runs on the nodes of a cluster: Reflow starts it itself.
    if words.first == SlurmAgentCommand.configuration.commandName {
      return try SlurmAgentCommand.parse(Array(words.dropFirst())).run()
    }
    try checkName(of: words.first)
    let commands: [any ProgramCommand.Type] = [
      BuildCommand.self, WatchCommand.self, TestCommand.self, EvalCommand.self, StatusCommand.self, WhyCommand.self,
    ]
    guard let name = words.first, let type = commands.first(where: { $0.configuration.commandName == name }) else {
      var command = try Reflow.parseAsRoot(words)
      return try command.run()
    }
    words.removeFirst()
    let arguments = ProgramArguments(words, options: type.programOptions, shortOptionsWithValue: ["j"])
    if let incomplete = arguments.incomplete {
      let name = incomplete.drop { $0 == "-" }
      let what = incomplete.hasPrefix("--") ? "there is no option '\(incomplete)'" : "'\(incomplete)' lacks a value"
      refuse(incomplete, type, "\(what); a parameter of the program is written -\(name)=VALUE")
    }
    var command = try Reflow.parseAsRoot([name] + arguments.own)
    if let command = command as? any ProgramCommand {
      try command.run(arguments)
    } else {
      // `--help`, say.
      try command.run()
    }
  }

  /// Says what is wrong with an option that is none of the command's, and ends the process.
  private static func refuse(_ option: String, _ type: any ProgramCommand.Type, _ otherwise: String) -> Never {
    let meant = Suggestion.nearest(to: String(option.drop { $0 == "-" }), among: type.programOptions.map(\.name))
    let isOption = option.hasPrefix("--")
    let message = isOption ? meant.map { "there is no option '\(option)'; did you mean '--\($0)'?" } : nil
    let name = type.configuration.commandName ?? ""
    Terminal.printError(
      "error: \(message ?? otherwise)\n" + (type.configuration.usage.map { "Usage: \($0)\n" } ?? "")
        + "  See 'reflow \(name) --help' for more information.\n")
    Reflow.exit(withError: ExitStatus.badInput.exitCode)
  }

  /// Runs a build that has none but the commonest options: what is typed all day is understood without the parser's tables, which
  /// cost as much as looking at a thousand files.
  ///
  /// - Returns: false where it is something else, right or wrong.
  private static func runPlainBuild(_ words: [String]) throws -> Bool {
    guard words.first == "build", let order = BuildOrder(plain: words.dropFirst()) else { return false }
    try order.run(ProgramArguments())
    return true
  }

  /// A misspelt command is told from a wrong argument, with what was probably meant.
  private static func checkName(of word: String?) throws {
    let names = Reflow.configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    guard let word, !word.hasPrefix("-"), !names.contains(word) else { return }
    let hint = Suggestion.nearest(to: word, among: names).map { "; did you mean '\($0)'?" } ?? ""
    throw ValidationError("there is no command '\(word)'\(hint)")
  }

  /// Says what is wrong and ends the process with the status of its kind; wrong usage is 2 here, as it is for most tools.
  private static func leave(_ error: any Error) -> Never {
    let code = Reflow.exitCode(for: error)
    var message = Reflow.fullMessage(for: error)
    // Of make one knows that targets follow the program.
    if let end = message.firstIndex(of: "\n"), message.hasPrefix("error: Unexpected argument"),
      let command = CommandLine.arguments.dropFirst().first, ["build", "watch", "status"].contains(command)
    {
      message.insert(
        contentsOf: "\nHelp:  one program is built; its exported values are chosen by --target NAME", at: end)
    }
    if !message.isEmpty {
      let text = message + "\n"
      if code == .success { Terminal.print(text) } else { Terminal.printError(text) }
    }
    let status = code == .validationFailure ? ExitStatus.badInput.exitCode : code
    Reflow.exit(withError: status)
  }
}
