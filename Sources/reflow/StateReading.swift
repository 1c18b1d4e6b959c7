import BuildGraph
import Diagnostics
import Ports
import Storage

/// What the commands that only ask have in common: a workspace in which something has been built.
struct StateReading {
  let workspace: Workspace
  let store: SQLiteStore

  /// - Throws: an exit code, after having said what is wrong.
  init(root: String?) throws {
    workspace = try Workspace(root: root)
    guard HostFile.isFolder(workspace.stateFolder) else {
      Terminal.printError("error: nothing has been built here yet: there is no .reflow/ in \(workspace.root.display)\n")
      throw ExitStatus.badInput.exitCode
    }
    do throws(SystemError) {
      store = try SQLiteStore(in: workspace.stateFolder, options: SQLiteStore.Options(isReadOnly: true))
    } catch {
      Terminal.printError("error: \(error.message)\n")
      throw error.exitStatus.exitCode
    }
  }

  /// Runs `body`; says what a refusal of the state or the file system is about.
  func asking<Result>(_ body: () throws(SystemError) -> Result) throws -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      Terminal.printError("error: \(error.message)\n")
      throw error.exitStatus.exitCode
    }
  }

  /// The graphs of the last builds, the most recently saved first.
  ///
  /// - Throws: `notFound` where no build has come so far.
  func graphs() throws(SystemError) -> [PersistedGraph] {
    var graphs: [PersistedGraph] = []
    for key in try store.graphKeys() {
      if let graph = try PersistedGraph(in: store, key: key) { graphs.append(graph) }
    }
    guard !graphs.isEmpty else {
      throw SystemError(.notFound, "no build has come to an end here yet; run 'reflow build' first")
    }
    return graphs
  }
}
