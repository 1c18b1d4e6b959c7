import ArgumentParser
import BuildGraph
import Console
import Diagnostics
import Ports
import Storage

struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Print the output of a step's last run, or list the last runs.")

  @Argument(help: "A step's identifier or label, as build names it.")
  var step: String?
  @Flag(help: "List the runs of the step, or the last of all, newest first.")
  var list = false
  @Option(help: "The workspace root.")
  var root: String?

  func run() throws {
    let workspace = try Workspace(root: root)
    guard HostFile.isFolder(workspace.stateFolder) else {
      Terminal.printError("error: nothing has been built here yet: there is no .reflow/ in \(workspace.root.display)\n")
      throw ExitStatus.badInput.exitCode
    }
    do throws(SystemError) {
      let store = try SQLiteStore(in: workspace.stateFolder, options: SQLiteStore.Options(isReadOnly: true))
      let runs = try matching(store)
      if list || step == nil {
        for run in runs { Terminal.print(Self.line(run)) }
        return
      }
      guard let run = runs.first else { throw SystemError(.notFound, try noSuchStep(store)) }
      let path = workspace.stateFolder + "/logs/" + ByteString("\(run.run.number).log")
      // A step that printed nothing has no log.
      Terminal.print(try HostFile.read(path) ?? [])
    } catch {
      Terminal.printError("error: \(error.message)\n")
      throw error.exitStatus.exitCode
    }
  }

  private func noSuchStep(_ store: SQLiteStore) throws(SystemError) -> String {
    let name = step ?? ""
    // Of one name there are often many steps.
    var labels: [String] = []
    for run in try store.runs(labelled: nil, limit: 10_000)
    where run.label.hasPrefix(name + "[") && !labels.contains(run.label) {
      labels.append(run.label)
      if labels.count == 5 { break }
    }
    guard labels.isEmpty else {
      return "'\(name)' may be several steps; name one of them: \(labels.map { "'\($0)'" }.joined(separator: ", "))"
    }
    let all = Set(try store.runs(labelled: nil, limit: 10_000).map(\.label))
    let names = all.union(all.map { String($0.prefix { $0 != "[" && $0 != "#" }) })
    let meant = Suggestion.nearest(to: name, among: names).map { "; did you mean '\($0)'?" }
    return "no step '\(name)' has run here" + (meant ?? "; 'reflow log --list' names those that have")
  }

  /// The runs that the step's name means, newest first: those of its label, else those whose identifier begins so.
  private func matching(_ store: SQLiteStore) throws(SystemError) -> [RunRecord] {
    guard let step else { return try store.runs(labelled: nil, limit: 50) }
    let labelled = try store.runs(labelled: step, limit: 50)
    guard labelled.isEmpty else { return labelled }
    return try store.runs(labelled: nil, limit: 100_000).filter { $0.contentKey.description.hasPrefix(step) }
  }

  private static func line(_ run: RunRecord) -> String {
    let ending =
      switch run.ending {
      case .exited(0): "ok"
      case .exited(let status): "exit \(status)"
      case .signaled(let signal): "signal \(signal)"
      case .timedOut: "timed out"
      case .cancelled: "cancelled"
      case .refused: "refused"
      }
    let seconds = ProgressReport.seconds(run.usage.wallSeconds)
    return "\(run.contentKey.description.prefix(12))  \(ending)  \(seconds)  \(run.label)  (\(run.reason))\n"
  }
}
