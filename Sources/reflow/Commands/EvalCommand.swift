import ArgumentParser
import BuildGraph
import Language

struct EvalCommand: ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Print a value of a program; steps that it needs are run.",
    usage: "reflow eval [<options>] [<program> [<name>]] [-NAME=VALUE ...]")

  @Argument(help: "The program.")
  var program = "main.rf"
  @Argument(help: "An exported value.")
  var name = "Main"
  @Flag(help: "Print JSON.")
  var json = false
  @OptionGroup var running: RunningOptions

  static let programOptions = RunningOptions.names + [.init(name: "json", takesValue: false)]

  func run(_ arguments: ProgramArguments) throws {
    let workspace = try Workspace(root: running.root)
    if arguments.wantsHelp { return try workspace.printHelp(of: program) }
    try workspace.requireProgram(program)
    var running = running.choices
    if !running.verbose { running.quiet = true }
    let session = Session(
      workspace: workspace, options: running, verb: "eval", outputFolder: try workspace.outputFolder(nil))
    let asJSON = json
    try session.run(
      Session.Request(
        program: program, targets: ["eval\(json ? " json" : "") \(name)"], goals: [.value(name)],
        parameters: arguments.parameters
      ) { results in
        let lines = results.compactMap { result -> String? in
          guard case .value(let text, let json) = result.content else { return nil }
          return asJSON ? json : text
        }
        return ([], lines)
      })
  }
}
