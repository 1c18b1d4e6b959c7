import BuildGraph
import Diagnostics
import LinuxSystem
import Ports

/// The state for commands that build nothing.
struct StateAccess {
  let workspace: Workspace
  /// The command's name, for messages.
  let verb: String

  var folder: ByteString { workspace.stateFolder }

  /// Whether something was ever built here; says so where not.
  func exists() -> Bool {
    if HostFile.isFolder(folder) { return true }
    Terminal.printError("\(verb): nothing has been built here yet: there is no .reflow/ in \(workspace.root.display)\n")
    return false
  }

  /// Runs `body` while nobody else changes the state; waits, and says for whom.
  ///
  /// - Parameter isReading: `body` changes nothing: then a state that cannot be written needs no lock.
  func locked<Result>(isReading: Bool, _ body: () throws(SystemError) -> Result) throws(SystemError) -> Result {
    let lock = StateFileLock(path: folder + "/lock")
    do throws(SystemError) {
      try lock.acquire { Terminal.printError("\(verb): another reflow is at work (\($0)); waiting for it to end\n") }
    } catch {
      guard isReading, error.code == .notPermitted else { throw error }
    }
    defer { lock.release() }
    return try body()
  }

  /// Runs a command's body, and ends with the status of what it throws.
  static func run(_ body: () throws(SystemError) -> Void) throws {
    do throws(SystemError) {
      try body()
    } catch {
      Terminal.printError("error: \(error.message)\n")
      throw error.exitStatus.exitCode
    }
  }
}
