import ArgumentParser
import BuildGraph
import Console
import Diagnostics
import Driver
import LinuxSystem
import Ports
import Slurm
import Storage

struct StatusCommand: ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Say what is stale and why, and change nothing.",
    usage: "reflow status [<options>] [<program>] [-NAME=VALUE ...]",
    discussion: "Ends with 0, whether something is stale or not; with --check, with 1 where something is.")

  @Argument(help: "The program.")
  var program = "main.rf"
  @Option(help: "Ask about this exported value and not Main; may be repeated.")
  var target: [String] = []
  @Flag(help: "Print JSON.")
  var json = false
  @Flag(help: "End with 1 where something is stale.")
  var check = false
  @Option(help: "The workspace root.")
  var root: String?
  @Option(help: "The output tree (default: out).")
  var out: String?
  @Option(help: "auto, strict or off, as for build.")
  var sandbox: String?

  static let programOptions: [ProgramArguments.Option] = [
    .init(name: "target", takesValue: true), .init(name: "json", takesValue: false),
    .init(name: "check", takesValue: false), .init(name: "root", takesValue: true),
    .init(name: "out", takesValue: true), .init(name: "sandbox", takesValue: true),
    .init(name: "help", takesValue: false), .init(name: "version", takesValue: false),
  ]

  func run(_ arguments: ProgramArguments) throws {
    let workspace = try Workspace(root: root)
    if arguments.wantsHelp { return try workspace.printHelp(of: program) }
    try workspace.requireProgram(program)
    var options = RunningChoices()
    options.sandbox = sandbox
    options.keepGoing = true
    try RunningOptions.check(sandbox: sandbox)
    let targets = target.isEmpty ? ["Main"] : target
    let folder = try workspace.outputFolder(out)
    let request = Session.Request(outputsOf: program, targets: targets, arguments.parameters)
    var session = Session(workspace: workspace, options: options, verb: "status", outputFolder: folder, isDryRun: true)
    let report = StatusReport(
      form: json ? .json : .text, style: Style(isColored: Terminal.hasColor),
      programFiles: try changedProgramFiles(session, request), jobs: Self.jobs(workspace), write: Terminal.print,
      writeError: Terminal.printError)
    session.report = report
    let status = session.status(of: request)
    guard status == .done else { throw status.exitCode }
    if check, report.isStale { throw ExitStatus.stepFailed.exitCode }
  }

  /// The jobs of a build that runs, or of one that was killed.
  private static func jobs(_ workspace: Workspace) -> [StatusReport.Job] {
    JobListing.all(in: workspace.stateFolder).map { job in
      StatusReport.Job(id: job.id, node: job.node, running: job.running, waiting: job.waiting, ended: job.ended)
    }
  }

  /// The files of the program that are not as the last build read them.
  private func changedProgramFiles(_ session: Session, _ request: Session.Request) throws -> [ByteString] {
    let workspace = session.workspace
    let snapshot = MappedSnapshot(
      stateFolder: workspace.stateFolder, roots: workspace.rootFolders, output: session.outputFolder,
      version: ByteString(Reflow.version))
    let key = session.buildOptions(request, mode: session.sandboxMode).snapshotKey
    guard case .changed(let entries, _) = snapshot.check(key: key, generation: nil) else { return [] }
    let sources = entries.compactMap { entry -> Path? in
      guard case .source(let root) = entry.root else { return nil }
      return Path(root: root, entry.path)
    }
    // What cannot be read is said by the dry run that follows.
    guard !sources.isEmpty,
      let store = try? SQLiteStore(in: workspace.stateFolder, options: SQLiteStore.Options(isReadOnly: true)),
      let graph = try? PersistedGraph(in: store, key: key)
    else { return [] }
    defer { store.close() }
    return sources.filter(Set(graph.header.programFiles).contains).map(\.bytes)
  }
}
