import ArgumentParser
import Glibc
import LinuxSystem

struct WatchCommand: ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Build, and build again on every change, until Ctrl-C.",
    usage: "reflow watch [<options>] [<program>] [-NAME=VALUE ...]",
    discussion: """
      Parameters of the program follow it, as -NAME=VALUE or --NAME VALUE; '-help' behind the program lists them.
      While it runs, 'reflow build' with the same options is answered by it.
      """)

  @Argument(help: "The program.")
  var program = "main.rf"
  @OptionGroup var running: RunningOptions
  @Option(help: "Build this exported value and not Main, into a folder of its name; may be repeated.")
  var target: [String] = []
  @Flag(help: "Move a foreign file in the way of an output aside.")
  var force = false
  @Option(help: "The output tree (default: out).")
  var out: String?
  @Option(help: "A shell command to run after each round that succeeded.")
  var onSuccess: String?
  @Option(help: "A shell command to run after each round that failed.")
  var onFailure: String?

  @Flag(help: "Look at every file every 2 seconds, for a file system that does not tell of changes.")
  var poll = false
  @Option(
    help: ArgumentHelp(
      "Show the graph and what happens as a page, on this port of the loopback; on any free one where none is named.",
      valueName: "port"))
  var ui: UInt16?

  static let programOptions =
    RunningOptions.names + [
      .init(name: "target", takesValue: true), .init(name: "force", takesValue: false),
      .init(name: "out", takesValue: true), .init(name: "on-success", takesValue: true),
      .init(name: "on-failure", takesValue: true), .init(name: "poll", takesValue: false),
      .init(name: "ui", takesValue: true, standIn: "0"),
    ]

  func run(_ arguments: ProgramArguments) throws {
    let workspace = try Workspace(root: running.root)
    if arguments.wantsHelp { return try workspace.printHelp(of: program) }
    try workspace.requireProgram(program)
    let session = Session(
      workspace: workspace, options: running.choices, outputFolder: try workspace.outputFolder(out), isForced: force)
    let request = Session.Request(
      outputsOf: program, targets: target.isEmpty ? ["Main"] : target, arguments.parameters)
    let watch = WatchSession(
      session, request, hooks: Hooks(onSuccess: onSuccess, onFailure: onFailure, session: session),
      isPolling: poll, pagePort: ui)
    throw ExitCode(watch.run())
  }
}
