package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
package import Ports
import Synchronization

/// Runs steps on this machine: in a sandbox where the kernel allows it, or in a container that the configuration names.
///
/// Each step that runs has a worker of its own; workers and their run folders are kept for the next steps.
package final class LinuxStepRunner: StepRunner {
  /// What does not change from step to step.
  package struct Configuration: Sendable {
    /// `.reflow/`, absolute, existing.
    package var stateFolder: ByteString
    /// Folders, absolute, that steps may read beyond their inputs and the system's.
    package var readableFolders: [ByteString]
    package var containers: ContainerRuntime
    /// Folders, absolute, beyond the roots and the state folder, in which inputs may lie.
    package var hostFolders: [ByteString] = []
    /// Whether control groups limit memory where they can be made; else what is seen of it now and then does.
    package var usesControlGroups = true

    package init(stateFolder: ByteString, readableFolders: [ByteString] = [], containers: ContainerRuntime = .none) {
      self.stateFolder = stateFolder
      self.readableFolders = readableFolders
      self.containers = containers
    }
  }

  private struct Running {
    var worker: Worker?
    var isCancelled = false
  }

  private struct State {
    /// Of one kind, some may have a control group.
    var idle: [Worker.Kind: [Worker]] = [:]
    var running: [RunID: Running] = [:]
    var folders = 0
    /// `.reflow/runs`, open, once leftovers of earlier processes are swept.
    var runs: Descriptor?
    var layout: SandboxLayout?
    var sandboxRefusal: SystemError?
    /// How many processes the kernel has killed for want of memory, when that was last looked at.
    var kernelKills = Machine.kernelKills
  }

  let configuration: Configuration
  let fileSystem: LinuxFileSystem
  let objects: any ObjectStore
  let searchPath: ByteString
  private let state = Mutex(State())

  /// Call ``startSpawner()`` first, at the very start of the process.
  package init(configuration: Configuration, fileSystem: LinuxFileSystem, objects: any ObjectStore) {
    self.configuration = configuration
    self.fileSystem = fileSystem
    self.objects = objects
    searchPath = Commands.searchPath(readable: configuration.readableFolders)
  }

  /// Starts the small process that all steps descend from. Before threads exist and before anything is loaded, so that it stays
  /// small: it is the floor of every step's memory figure.
  ///
  /// - Throws: `limit` where this machine has no more processes.
  package static func startSpawner() throws(SystemError) {
    let failure = reflow_spawner_start()
    if failure != 0 { throw systemError(failure, "start the process that starts steps") }
  }

  /// Why steps are not sandboxed although that was asked for where possible; nil as long as none had to do without. For one
  /// warning a build.
  package var sandboxRefusal: SystemError? { state.withLock { $0.sandboxRefusal } }

  /// Whether the kernel has killed a process of this machine for want of memory since the last question.
  func kernelHasKilledForMemory() -> Bool {
    let now = Machine.kernelKills
    return state.withLock { state in
      defer { state.kernelKills = now }
      return now > state.kernelKills
    }
  }

  // MARK: Cancelling

  package func cancel(_ run: RunID) {
    state.withLock { state in
      guard let running = state.running[run], !running.isCancelled else { return }
      state.running[run]?.isCancelled = true
      // Under the lock: the worker cannot meanwhile have gone on to another step.
      running.worker?.cancel()
    }
  }

  package func cancelAll() {
    for run in state.withLock({ Array($0.running.keys) }) { cancel(run) }
  }

  // MARK: Running

  package func run(_ request: RunRequest, succeeded: () -> Void) throws(SystemError) -> RunOutcome {
    state.withLock { $0.running[request.run] = Running() }
    defer { state.withLock { _ = $0.running.removeValue(forKey: request.run) } }
    var container: ContainerCommand?
    if let image = request.image {
      switch configuration.containers {
      case .ignore: break
      case .command(let program, let kind):
        let name = ByteString("reflow-\(getpid())-\(request.run.number)")
        container = ContainerCommand(program: program, kind: kind, image: image, name: name)
      case .none:
        return .refused(
          "it needs the image '\(image.display)', and no container runtime is installed: install podman, docker or apptainer, "
            + "or set `images = \"ignore\"` in reflow.toml to run it on this machine")
      }
    }
    let inputs: StepInputs
    do throws(SystemError) {
      inputs = try StepInputs(
        request.inputs, isHidingAll: request.sandbox != .off || container != nil, fileSystem, objects)
    } catch {
      if error.isForEveryStep { throw error }
      return .refused(error.message)
    }
    let worker = try takeWorker(for: request, inContainer: container != nil)
    let job = StepJob(runner: self, request: request, inputs: inputs, worker: worker, container: container)
    let isCancelled = state.withLock { $0.running[request.run]?.isCancelled ?? false }
    if isCancelled {
      give(back: worker)
      return .cancelled
    }
    let result = Result { () throws(SystemError) in
      try job.perform(
        started: {
          state.withLock { state in
            state.running[request.run]?.worker = worker
            if state.running[request.run]?.isCancelled ?? false { worker.cancel() }
          }
        }, succeeded: succeeded)
    }
    // From here on a cancel finds no worker, and cannot hit the next step.
    state.withLock { $0.running[request.run]?.worker = nil }
    let (outcome, isClean) = try job.finish(result)
    if isClean { give(back: worker) } else { discard(worker) }
    return try outcome.get()
  }

  // MARK: Workers

  private func takeWorker(for request: RunRequest, inContainer: Bool) throws(SystemError) -> Worker {
    let isLimited = !inContainer && request.memoryLimit != nil
    guard request.sandbox != .off, !inContainer else { return try takeWorker(.plain, isLimited: isLimited) }
    if let refusal = sandboxRefusal {
      if request.sandbox == .strict { throw refusal }
      return try takeWorker(.plain, isLimited: isLimited)
    }
    do throws(SystemError) {
      return try takeWorker(request.network ? .sandboxWithNetwork : .sandbox, isLimited: isLimited)
    } catch {
      guard error.code == .unsupported else { throw error }
      state.withLock { $0.sandboxRefusal = error }
      if request.sandbox == .strict { throw error }
      return try takeWorker(.plain, isLimited: isLimited)
    }
  }

  /// - Parameter isLimited: The step has a limit of memory: a worker with a control group is to run it, where groups can be made.
  private func takeWorker(_ kind: Worker.Kind, isLimited: Bool) throws(SystemError) -> Worker {
    let needsGroup = isLimited && configuration.usesControlGroups && ControlGroup.canBeMade
    if let worker = idleWorker(kind, withGroup: needsGroup) { return worker }
    let runs = try runsFolder()
    let number = state.withLock { state in
      state.folders += 1
      return state.folders
    }
    let worker = try Worker(
      kind: kind, folder: RunFolder(in: runs.number, name: ByteString("\(number)")), usesGroup: needsGroup)
    guard kind != .plain else { return worker }
    let report = try worker.perform(
      REFLOW_FRAME_SETUP, layout().setup(work: worker.folder.path, withNetwork: kind == .sandboxWithNetwork))
    guard report.ending == REFLOW_ENDED_READY else {
      discard(worker)
      throw SandboxLayout.refusal(report)
    }
    return worker
  }

  /// One that waits, unless the folders were swept: between two builds of a watch, others may build or prune.
  ///
  /// - Parameter withGroup: Only one that has a control group; else preferably one that has none.
  private func idleWorker(_ kind: Worker.Kind, withGroup: Bool) -> Worker? {
    state.withLock { state in
      guard let idle = state.idle[kind],
        let place = idle.lastIndex(where: { $0.usesGroup == withGroup }) ?? (withGroup ? nil : idle.indices.last)
      else { return nil }
      let worker = idle[place]
      state.idle[kind]?.remove(at: place)
      if worker.folder.isInPlace { return worker }
      // All of ours went with it; whoever builds now sweeps what the other may have left.
      state.idle = [:]
      state.runs = nil
      return nil
    }
  }

  private func give(back worker: Worker) {
    state.withLock { $0.idle[worker.kind, default: []].append(worker) }
  }

  /// The worker ends when the last reference to it is gone.
  private func discard(_ worker: Worker) {
    worker.folder.remove()
  }

  private func runsFolder() throws(SystemError) -> Descriptor {
    if let runs = state.withLock({ $0.runs }) { return runs }
    let result = state.withLock { state in
      Result { () throws(SystemError) in
        if let runs = state.runs { return runs }
        for folder: ByteString in ["runs", "logs"] {
          let failure = makeFolderAt(anywhere, configuration.stateFolder + "/" + folder)
          if failure != 0, failure != EEXIST {
            throw systemError(failure, "make", configuration.stateFolder + "/" + folder)
          }
        }
        let path = configuration.stateFolder + "/runs"
        let opened = openAt(anywhere, path, O_RDONLY | O_DIRECTORY)
        guard opened >= 0 else { throw systemError(-opened, "open", path) }
        let runs = Descriptor(opened)
        // Of a process that was killed: whoever builds holds the lock, so nobody uses them.
        for entry in names(inFolder: opened).names { removeTree(opened, entry.name) }
        state.runs = runs
        return runs
      }
    }
    return try result.get()
  }

  func layout() -> SandboxLayout {
    if let layout = state.withLock({ $0.layout }) { return layout }
    let stateFolder = SandboxLayout.canonical(configuration.stateFolder) ?? configuration.stateFolder
    let further = configuration.hostFolders.compactMap(SandboxLayout.canonical)
    var hosts: [ByteString] = []
    for host in (fileSystem.roots.canonicalPaths + [stateFolder] + further).sorted()
    where !hosts.contains(where: { host.isWithin($0) }) && SandboxLayout.canonical(host) != nil {
      hosts.append(host)
    }
    let layout = SandboxLayout(readable: configuration.readableFolders, hosts: hosts, logs: stateFolder + "/logs")
    state.withLock { $0.layout = layout }
    return layout
  }

  /// The folder among those that steps do not see which has a command, for a hint.
  func hiddenFolder(withCommand name: ByteString) -> ByteString? {
    let visible = layout().visibleFolders
    return Commands.foldersOfCaller.first { folder in
      Commands.isCommand(name, in: folder) && !visible.contains { folder.isWithin($0) }
    }
  }

  deinit {
    // Ends the workers, then removes their folders.
    let folders = state.withLock { state in
      let folders = state.idle.values.flatMap { $0.map(\.folder) }
      state.idle = [:]
      return folders
    }
    for folder in folders { folder.remove() }
  }
}

extension SystemError {
  /// Whether no other step could run either.
  var isForEveryStep: Bool {
    code == .noSpace || code == .limit || code == .damaged || code == .unsupported
  }
}

extension RunOutcome {
  var hasSucceeded: Bool {
    if case .exited(0) = ending { true } else { false }
  }

  static let nothingUsed = Usage(wallSeconds: 0, cpuSeconds: 0, peakMemoryBytes: 0, memoryMeasure: .processMaximum)

  static func refused(_ message: String) -> RunOutcome {
    RunOutcome(ending: .refused(message: message), usage: nothingUsed, isSandboxed: false)
  }

  static let cancelled = RunOutcome(ending: .cancelled, usage: nothingUsed, isSandboxed: false)
}
