import ArgumentParser
import BuildGraph
import Diagnostics
import Driver
import Glibc
import LinuxSystem
import Storage

struct CleanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clean", abstract: "Remove the outputs that Reflow made and nobody has edited since.")

  @Flag(help: "Remove the state as well, but for .reflow/displaced/.")
  var all = false
  @Option(help: "The workspace root.")
  var root: String?
  @Option(help: "The output tree (default: out).")
  var out: String?

  func run() throws {
    let workspace = try Workspace(root: root)
    let folder = try workspace.outputFolder(out)
    guard HostFile.isFolder(workspace.stateFolder) else {
      return Terminal.printError("clean: nothing was built here\n")
    }
    do throws(SystemError) {
      try clean(workspace, folder)
    } catch {
      Terminal.printError("error: \(error.message)\n")
      throw error.exitStatus.exitCode
    }
  }

  private func clean(_ workspace: Workspace, _ folder: ByteString) throws(SystemError) {
    let state = workspace.stateFolder
    let lock = StateFileLock(path: state + "/lock")
    try lock.acquire { Terminal.printError("clean: another build is at work (\($0)); waiting for it to end\n") }
    defer { lock.release() }
    let objects = try FileObjectStore(in: state)
    let tree = FileOutputTree(root: folder, objects: objects)
    let store = try SQLiteStore(in: state, options: SQLiteStore.Options(tree: workspace.treeName(of: folder)))
    let report = try Driver.clean(store, outputs: tree)
    for path in report.kept {
      Terminal.printError(
        "clean: \(path.display) was edited after it was built and stays; remove it yourself if you do not need it\n")
    }
    // The tree's root goes with its last file.
    if HostFile.withPath(folder, { rmdir($0) }) != 0, errno != ENOTEMPTY, errno != EEXIST, errno != ENOENT {
      Terminal.printError("clean: cannot remove '\(folder.display)': \(String(cString: strerror(errno)))\n")
    }
    if all { try StateFolder(path: state).removeAllButDisplaced() }
    let files = report.removed.count == 1 ? "1 output" : "\(report.removed.count) outputs"
    Terminal.printError("clean: removed \(files)\(all ? " and the state" : "")\n")
  }
}
