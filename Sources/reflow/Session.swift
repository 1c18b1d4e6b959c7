import ArgumentParser
import BuildGraph
import CLinux
import Configuration
import Console
import Diagnostics
import Driver
import Language
import LinuxSystem
import Ports
import Scheduling
import Slurm
import Storage
@preconcurrency import Glibc

/// One command that may run steps: the real doors behind the driver's ports, and what becomes of a build's events.
struct Session {
  var workspace: Workspace
  var options: RunningChoices
  var verb = "build"
  var outputFolder: ByteString
  var isDryRun = false
  var checksDeterminism = false
  var isForced = false
  /// False where they have been said already.
  var saysWarnings = true
  /// Asked of a dry run.
  var question: RowQuestion?
  /// Gets the events in the place of the terminal.
  var report: (any EventSink)?
  /// Is told of each file of a program before it is read.
  var willReadProgram: (ByteString) -> Void = { _ in }
  /// A watch that is at work on the same may do it instead.
  var mayBeServed = false

  /// What the user asked to be made of a program.
  struct Request {
    var program: String
    /// Name the outputs' owner and the snapshot: `Main`, or the names after `--target`, or a query such as `eval Main`.
    var targets: [String]
    var goals: [EvaluationGoal]
    var parameters: [(name: String, value: String)]
    /// Evaluate in any case: the caller wants the results, not just the lines.
    var evaluatesAlways = false
    var finish: ([GoalResult]) -> (outputs: [OutputEntry], printed: [String])
  }

  /// Builds, and says how it went.
  ///
  /// - Throws: an exit code, for anything but success; everything has been said then.
  func run(_ request: Request) throws {
    let status = status(of: request)
    guard status == .done else { throw status.exitCode }
  }

  /// Builds, and says how it went.
  func status(of request: Request) -> ExitStatus {
    do throws(SystemError) {
      let summary = try perform(request)
      if checksDeterminism, summary.status == .succeeded, summary.run == 0, !options.quiet {
        Terminal.printError("determinism: no step had to run, so none was checked\n")
      }
      return Self.exitStatus(of: summary)
    } catch {
      Terminal.printError("error: \(error.message)\n")
      return error.exitStatus
    }
  }

  static func exitStatus(of summary: BuildEvent.Summary) -> ExitStatus {
    switch summary.status {
    case .succeeded: .done
    case .failed: .stepFailed
    case .invalid: .badInput
    case .refused: .refused
    case .interrupted, .overtaken: .interrupted
    }
  }

  private func perform(_ request: Request) throws(SystemError) -> BuildEvent.Summary {
    let clock = SystemClock()
    // The threads of a cluster have something to say now and then.
    let sink = SharedSink()
    if let report { sink.hand(to: report) } else { sink.hand(to: EventFanout(try sinks(clock: clock))) }
    if let summary = served(request, sink) { return summary }
    let state = workspace.stateFolder
    let roots = workspace.rootFolders
    let mode = sandboxMode
    let treeName = workspace.treeName(of: outputFolder)
    let fileSystem = LinuxFileSystem(roots: roots, stateFolder: state)
    let snapshot = MappedSnapshot(
      stateFolder: state, roots: roots, output: outputFolder, version: ByteString(Reflow.version))
    var store: SQLiteStore?
    var said = 0
    func sayNotices() {
      guard let store else { return }
      for notice in store.notices.dropFirst(said) {
        sink.receive(.diagnostic(Diagnostic("state.damaged", .warning, notice)))
      }
      said = store.notices.count
    }
    let interruption = Interruption()
    var cluster: SlurmRunner?
    defer { cluster?.close() }
    let summary = build(
      buildOptions(request, mode: mode), QuickDoors(snapshot: snapshot, fileSystem: fileSystem, clock: clock),
      interruption: interruption, sink: sink,
      open: { () throws(SystemError) -> World in
        if isDryRun {
          var world = try readingWorld(fileSystem, snapshot, clock) { objects in
            LinuxStepRunner(
              configuration: runnerConfiguration(state: state), fileSystem: fileSystem, objects: objects)
          }
          world.question = question
          return world
        }
        try StateFolder(path: state).make()
        // As many as can be at work at once; most threads of a build wait for a step.
        reflow_limit_heaps(Int32(clamping: max(2, Machine.cores)))
        // While the process is small and has one thread: the spawner is a copy of it.
        try LinuxStepRunner.startSpawner()
        Interrupts.watch { _ in interruption.interrupt() }
        let objects = try FileObjectStore(in: state)
        let kept = FolderTraceStorage(stateFolder: state, version: ByteString(Reflow.version))
        // Before there are threads, each of which would take a heap of its own.
        if kept.hasTraces { reflow_reuse_large_blocks() }
        let traces = TableTraces(kept)
        let runners = try runners(
          fileSystem: fileSystem, objects: objects, clock: clock, sink: sink, traces: traces)
        cluster = runners.slurm
        var world = World(
          fileSystem: fileSystem, objects: objects,
          outputs: FileOutputTree(
            root: outputFolder, objects: objects, linkMode: linkMode),
          runner: runners.runner,
          exporter: FolderExporter(roots: roots, objects: objects), snapshot: snapshot,
          lock: StateFileLock(path: state + "/lock"), clock: clock,
          openStore: { () throws(SystemError) -> any Store in
            // The lock is ours: what lies in the temporary folder was left by a crash.
            try objects.sweep()
            let opened = try SQLiteStore(in: state, options: SQLiteStore.Options(tree: treeName))
            store = opened
            sayNotices()
            return opened
          })
        world.pools = runners.pools
        world.giveBackMemory = reflow_give_back_memory
        return world
      },
      load: { load(request) })
    // Damage may show in the middle of a build.
    sayNotices()
    return summary
  }

  var sandboxMode: SandboxMode { SandboxMode(rawValue: options.sandbox ?? workspace.settings.sandboxMode) ?? .auto }
  var linkMode: LinkMode { LinkMode(rawValue: workspace.settings.linkMode) ?? .auto }

  func runnerConfiguration(state: ByteString) -> LinuxStepRunner.Configuration {
    let containers: ContainerRuntime =
      switch workspace.settings.images {
      case .auto: .find()
      case .podman: .find([.podman])
      case .docker: .find([.docker])
      case .apptainer: .find([.apptainer])
      case .ignore: .ignore
      }
    return LinuxStepRunner.Configuration(
      stateFolder: state, readableFolders: workspace.settings.readableFolders.map(workspace.absolute),
      containers: containers)
  }

  func buildOptions(_ request: Request, mode: SandboxMode) -> BuildOptions {
    let given = options.jobs ?? workspace.settings.jobs
    var identity = DigestManifest()
    identity.write(.value, Reflow.version)
    identity.write(.path, outputFolder)
    identity.write(.value, mode.rawValue)
    for (name, value) in request.parameters {
      identity.write(.name, name)
      identity.write(.value, value)
    }
    var buildOptions = BuildOptions(
      program: (workspace.relative(request.program) ?? ByteString(request.program)).display, targets: request.targets,
      configuration: identity.finish(), configurationFiles: [Path(ByteString(workspace.configurationName))],
      jobs: given ?? 1, pools: [],
      keepsGoing: options.keepGoing || workspace.settings.keepGoing, isDryRun: isDryRun, explains: options.explain,
      isForced: isForced, sandbox: mode, logLimitBytes: workspace.settings.logLimitBytes,
      evaluatesAlways: request.evaluatesAlways, checksDeterminism: checksDeterminism)
    buildOptions.predicts = options.predict
    buildOptions.executor = executor
    // Not even to give a dictionary back is free: its type is made at run time, which takes a search of all conformances.
    if !workspace.settings.executors.isEmpty { buildOptions.executors = workspace.settings.executors }
    buildOptions.smallStepSeconds = workspace.settings.slurm.smallStepSeconds
    let root = workspace.root
    buildOptions.discover {
      let jobs = given ?? Machine.cores
      let local = Pool(
        name: "local", jobs: jobs, cpu: Double(max(jobs, Machine.cores)), memory: Machine.memoryBytes,
        disk: Machine.freeBytes(onDiskOf: root) ?? .max, cpuFeatures: Machine.cpuFeatures)
      return (jobs, [local])
    }
    return buildOptions
  }

  func load(_ request: Request) -> ProgramLoading {
    let checked = workspace.load(request.program, willRead: willReadProgram)
    guard let module = checked.entry, !checked.hasErrors else { return .failed(checked.diagnostics) }
    let strangers = Self.misspeltOptions(request.parameters, of: module)
    guard strangers.isEmpty else { return .failed(checked.diagnostics + strangers) }
    var arguments: [String: ByteString] = [:]
    for (name, value) in request.parameters { arguments[name] = ByteString(value) }
    let workspace = workspace
    let evaluation = Evaluation(
      module: module, arguments: arguments, goals: request.goals,
      keepsGoing: options.keepGoing || workspace.settings.keepGoing
    ) { workspace.place(of: $0) }
    return .loaded(
      LoadedProgram(
        evaluation: ProgramRun(evaluation, finish: request.finish),
        files: checked.modules.map { Path(ByteString($0.tree.source.name)) },
        layouts: checked.modules.map(\.tree.layout),
        diagnostics: saysWarnings ? checked.diagnostics : []))
  }

  /// Parameters that the program does not have and that look like options of ours.
  private static func misspeltOptions(
    _ parameters: [(name: String, value: String)], of module: CheckedModule
  ) -> [Diagnostic] {
    let known = Set(module.params.map(\.name))
    return parameters.compactMap { parameter in
      guard !known.contains(parameter.name), Suggestion.nearest(to: parameter.name, among: known) == nil,
        let option = Suggestion.nearest(to: parameter.name, among: BuildCommand.programOptions.map(\.name))
      else { return nil }
      return Diagnostic(
        EvaluationMessage.unknownArgument.id,
        "there is no option '--\(parameter.name)', and the program has no such parameter",
        notes: [Diagnostic.Note("did you mean '--\(option)'?")])
    }
  }

  /// - Parameters:
  ///   - isContinuous: many builds follow each other.
  ///   - write: gets text for standard error.
  func sinks(
    clock: SystemClock, isContinuous: Bool = false, write: @escaping (String) -> Void = Terminal.printError
  ) throws(SystemError) -> [any EventSink] {
    let state = workspace.stateFolder
    let root = workspace.root
    let verbosity: ProgressReport.Verbosity = options.quiet ? .quiet : options.verbose ? .verbose : .normal
    var progress = ProgressReport.Options(
      style: Style(isColored: Terminal.hasColor), verbosity: verbosity, width: Terminal.width,
      explains: options.explain || isDryRun, verb: verb, outputs: isDryRun ? nil : shownOutputFolder)
    // Who asks a question wants an answer, or why there is none.
    progress.saysSummary = question == nil
    var sinks: [any EventSink] = [
      ProgressReport(
        options: progress,
        clock: clock, size: { Terminal.size }, history: { Self.durations(in: state) },
        isInput: { HostFile.exists(root + "/" + ByteString($0)) }, write: write, writeResult: Terminal.print)
    ]
    if let path = options.events {
      let file = try OutputFile(path: path)
      sinks.append(EventLog(clock: clock) { file.write($0) })
    }
    if let path = options.trace {
      let file = try OutputFile(path: path)
      sinks.append(TraceLog(clock: clock, isContinuous: isContinuous) { file.write($0) })
    }
    return sinks
  }
}

extension Session {
  /// Seconds of the last good run of each step, by label; empty where the state cannot be read.
  fileprivate static func durations(in state: ByteString) -> [String: Double] {
    guard let store = try? SQLiteStore(in: state, options: SQLiteStore.Options(isReadOnly: true)) else { return [:] }
    defer { store.close() }
    var seconds: [String: Double] = [:]
    for run in (try? store.runs(labelled: nil, limit: 50_000)) ?? []
    where run.ending == .exited(0) && seconds[run.label] == nil {
      seconds[run.label] = run.usage.wallSeconds
    }
    return seconds
  }

  /// Relative to the root where it lies in it.
  fileprivate var shownOutputFolder: String {
    let root = workspace.root + "/"
    let isInside = outputFolder.bytes.starts(with: root.bytes)
    return (isInside ? ByteString(bytes: Array(outputFolder.bytes.dropFirst(root.count))) : outputFolder).display + "/"
  }
}

/// A file that a command was told to write, line by line, so that a reader can follow it.
final class OutputFile {
  private let descriptor: Int32

  init(path: String) throws(SystemError) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if descriptor < 0 {
      throw SystemError(
        .notPermitted, "cannot write '\(path)': \(String(cString: strerror(errno)))", errno: errno)
    }
  }

  deinit { close(descriptor) }

  func write(_ text: String) { Terminal.write(text, to: descriptor) }
}
