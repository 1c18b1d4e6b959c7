import ArgumentParser
import BuildGraph
import Diagnostics
import LinuxSystem
import Slurm
import Storage
import Synchronization

/// What runs in an allocation of the cluster. Not for people: Reflow submits it.
struct SlurmAgentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "slurm-agent", abstract: "Run steps in an allocation of Slurm; Reflow starts this itself.",
    shouldDisplay: false)

  @Argument(help: "The name of the job's folder.")
  var name: String
  @Option(help: "The workspace root.")
  var root: String
  @Option(help: "Cores.")
  var cpus: Double
  @Option(help: "Bytes of memory.")
  var memory: Int64

  func run() throws {
    let workspace = try Workspace(root: root)
    do throws(SystemError) {
      try work(workspace)
    } catch {
      Terminal.printError("error: \(error.message)\n")
      throw error.exitStatus.exitCode
    }
  }

  private func work(_ workspace: Workspace) throws(SystemError) {
    try LinuxStepRunner.startSpawner()
    let ending = Ending()
    Interrupts.watch { _ in ending.isAsked.store(true, ordering: .relaxed) }
    let state = workspace.stateFolder
    let folder = JobFolder(path: state + "/jobs/" + ByteString(name))
    let session = Session(
      workspace: workspace, options: RunningChoices(), outputFolder: workspace.root + "/out")
    let fileSystem = LinuxFileSystem(roots: workspace.rootFolders, stateFolder: folder.path)
    let objects = try FileObjectStore(in: state, temporaryFolder: "jobs/" + ByteString(name) + "/tmp")
    var configuration = session.runnerConfiguration(state: folder.path)
    configuration.hostFolders = [state]
    let runner = LinuxStepRunner(configuration: configuration, fileSystem: fileSystem, objects: objects)
    let agent = Agent(
      folder: folder, limits: Agent.Limits(cpu: cpus, memory: memory), runner: runner, objects: objects,
      clock: SystemClock()
    ) { ending.isAsked.load(ordering: .relaxed) }
    try agent.work()
  }

  private final class Ending: Sendable {
    let isAsked = Atomic<Bool>(false)
  }
}
