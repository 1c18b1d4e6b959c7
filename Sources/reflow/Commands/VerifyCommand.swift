import ArgumentParser
import BuildGraph
import Diagnostics
import Driver
import LinuxSystem
import Ports
import Storage

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read the whole state and all outputs again, and report damage.",
    discussion: """
      Ends with status 1 if something is damaged. With --repair, damaged objects are set aside and what rests on them is \
      forgotten, so that the next build makes it again; files in the output tree are left to that build, which keeps what \
      somebody edited in .reflow/displaced/.
      """)

  @Flag(help: "Set what is damaged aside, so that the next build makes it again.")
  var repair = false
  @Flag(name: [.short, .long], help: "Print damage only.")
  var quiet = false
  @Option(help: "The workspace root.")
  var root: String?
  @Option(help: "The output tree (default: out).")
  var out: String?

  func run() throws {
    let workspace = try Workspace(root: root)
    let folder = try workspace.outputFolder(out)
    let access = StateAccess(workspace: workspace, verb: "verify")
    guard access.exists() else { return }
    var isSound = true
    try StateAccess.run { () throws(SystemError) in
      isSound = try access.locked(isReading: !repair) { () throws(SystemError) in try verify(workspace, folder) }
    }
    if !isSound { throw ExitStatus.stepFailed.exitCode }
  }

  /// - Returns: whether nothing is damaged, or all of it was repaired.
  private func verify(_ workspace: Workspace, _ folder: ByteString) throws(SystemError) -> Bool {
    let state = workspace.stateFolder
    let objects = try FileObjectStore(in: state)
    let tree = FileOutputTree(root: folder, objects: objects)
    let treeName = workspace.treeName(of: folder)
    let snapshot = MappedSnapshot(
      stateFolder: state, roots: workspace.rootFolders, output: folder,
      version: ByteString(Reflow.version))
    var lines: [String] = []
    var store: SQLiteStore?
    do throws(SystemError) {
      store = try SQLiteStore(in: state, options: SQLiteStore.Options(tree: treeName, isReadOnly: true))
    } catch {
      guard error.code == .damaged || error.code == .notFound else { throw error }
      if error.code == .damaged { lines.append(error.message) }
    }
    if repair {
      store?.close()
      // Opening sets aside what cannot be opened.
      store = try SQLiteStore(in: state, options: SQLiteStore.Options(tree: treeName))
    }
    defer { store?.close() }
    let report = try Driver.verify(
      store, objects, outputs: tree, snapshot: snapshot,
      tables: FolderTraceStorage(stateFolder: state, version: ByteString(Reflow.version)), repairs: repair
    )
    lines += report.findings.map { finding in
      finding.message + (finding.setAside.map { "; it was set aside as '.reflow/\($0.display)'" } ?? "")
    }
    lines += store?.notices ?? []
    for line in lines { Terminal.print("damage: \(line)\n") }
    if !quiet || !lines.isEmpty { Terminal.print(Self.summary(report, damaged: lines.count, isRepaired: repair)) }
    return lines.isEmpty || repair
  }

  private static func summary(_ report: VerifyReport, damaged: Int, isRepaired: Bool) -> String {
    let outputs = report.outputs == 1 ? "1 output" : "\(report.outputs) outputs"
    let objects = report.objects == 1 ? "1 object" : "\(report.objects) objects"
    let extent = "\(objects) of \(ByteSize.text(report.objectBytes)), \(outputs)"
    if damaged == 0 { return "verify: \(extent): no damage\n" }
    let count = "\(damaged) \(damaged == 1 ? "damage" : "damages")"
    let advice =
      isRepaired
      ? "set aside; run 'reflow build', and it is made again"
      : "run 'reflow verify --repair', then 'reflow build', and it is made again"
    return "verify: \(extent): \(count): \(advice)\n"
  }
}
