package import BuildGraph
package import Diagnostics
package import Ports
package import Scheduling

/// What the user asked for.
package struct BuildOptions {
  /// The program's path as the user wrote it; names it in messages and, with the target, owns its outputs.
  package var program: String
  /// The values to build: `["Main"]`, or the names after `--target`.
  package var targets: [String]
  /// What, beyond program and targets, the result depends on: arguments, configuration, version, output folder. The
  /// nothing-changed check is valid for one such digest only.
  package var configuration: Digest
  /// Files outside the program that shape it, such as `reflow.toml`; whether they exist or not.
  package var configurationFiles: [Path]
  private var capacity: Capacity
  package var keepsGoing: Bool
  package var isDryRun: Bool
  package var explains: Bool
  package var isForced: Bool
  package var sandbox: SandboxMode
  package var logLimitBytes: Int64
  /// Evaluate also where nothing changed: the caller wants the values, not just the lines.
  package var evaluatesAlways: Bool
  /// Run each step that has to run twice, and compare what it makes.
  package var checksDeterminism: Bool
  /// History may lower what the program declares.
  package var predicts = false
  /// The name of the pool that is this machine; one of `pools`.
  package var localPool = "local"
  /// The pool that commands run in.
  package var executor = "local"
  /// The pools of some steps, by what the program calls them.
  package var executors: [String: String] = [:]
  /// Steps of a kind that takes less than this run on this machine while there is room, wherever others run.
  package var smallStepSeconds = 0.5

  package init(
    program: String, targets: [String] = ["Main"], configuration: Digest = Digest(high: 0, low: 0),
    configurationFiles: [Path] = [],
    jobs: Int, pools: [Pool], keepsGoing: Bool = false,
    isDryRun: Bool = false,
    explains: Bool = false, isForced: Bool = false, sandbox: SandboxMode = .auto, logLimitBytes: Int64 = 64 << 20,
    evaluatesAlways: Bool = false, checksDeterminism: Bool = false
  ) {
    self.checksDeterminism = checksDeterminism
    self.program = program
    self.targets = targets
    self.configuration = configuration
    self.configurationFiles = configurationFiles
    capacity = Capacity { (jobs, pools) }
    self.keepsGoing = keepsGoing
    self.isDryRun = isDryRun
    self.explains = explains
    self.isForced = isForced
    self.sandbox = sandbox
    self.logLimitBytes = logLimitBytes
    self.evaluatesAlways = evaluatesAlways
  }
}

/// The doors that a build goes through.
package struct World {
  package var fileSystem: any FileSystem
  package var objects: any ObjectStore
  package var outputs: any OutputTree
  package var runner: any StepRunner
  package var exporter: any Exporter
  package var snapshot: any Snapshot
  package var lock: any StateLock
  package var clock: any Clock
  /// Opens the state; called once, with the lock held, and not at all where nothing changed.
  package var openStore: () throws(SystemError) -> any Store
  package var concurrency: Concurrency
  /// Pools beyond those of the options: they are looked for where something has to be done only.
  package var pools: [Pool] = []
  /// Is answered at the end of a dry run.
  package var question: RowQuestion?
  /// Is called where much has just been freed that lies among what has not.
  package var giveBackMemory: () -> Void = {}

  package init(
    fileSystem: any FileSystem, objects: any ObjectStore, outputs: any OutputTree, runner: any StepRunner,
    exporter: any Exporter, snapshot: any Snapshot, lock: any StateLock, clock: any Clock,
    openStore: @escaping () throws(SystemError) -> any Store, concurrency: Concurrency = .threads
  ) {
    self.fileSystem = fileSystem
    self.objects = objects
    self.outputs = outputs
    self.runner = runner
    self.exporter = exporter
    self.snapshot = snapshot
    self.lock = lock
    self.clock = clock
    self.openStore = openStore
    self.concurrency = concurrency
  }
}

/// Who does what blocks.
package enum Concurrency {
  case threads
  /// One thread does everything, one piece at a time: the given function chooses among the pieces that are under way.
  case simulated(choose: (_ count: Int) -> Int)
}

/// Opens the doors of a build.
package typealias WorldOpening = () throws(SystemError) -> World

/// What became of reading and checking a program.
package enum ProgramLoading {
  case loaded(LoadedProgram)
  case failed([Diagnostic])
}

/// Brings the output tree up to date.
///
/// Ends with `buildFinished`, whatever happens. `load` reads and checks the program; it is called where the program has to be
/// evaluated, and again where the evaluation has to begin anew.
package func build(
  _ options: BuildOptions, world: World, interruption: Interruption = Interruption(),
  changes: ChangeFeed? = nil, sink: any EventSink, load: () -> ProgramLoading
) -> BuildEvent.Summary {
  let doors = QuickDoors(snapshot: world.snapshot, fileSystem: world.fileSystem, clock: world.clock)
  return build(
    options, doors, interruption: interruption, changes: changes, sink: sink, open: { world }, load: load)
}

/// The doors that a build in which nothing changed goes through.
package struct QuickDoors {
  package var snapshot: any Snapshot
  package var fileSystem: any FileSystem
  package var clock: any Clock

  package init(snapshot: any Snapshot, fileSystem: any FileSystem, clock: any Clock) {
    self.snapshot = snapshot
    self.fileSystem = fileSystem
    self.clock = clock
  }
}

/// The same, with a world that is opened only where something has changed.
package func build(
  _ options: BuildOptions, _ doors: QuickDoors, interruption: Interruption, changes: ChangeFeed? = nil,
  sink: any EventSink,
  open: () throws(SystemError) -> World, load: () -> ProgramLoading
) -> BuildEvent.Summary {
  withoutActuallyEscaping(open) { open in
    withoutActuallyEscaping(load) { load in
      ResidentBuild(options, doors, isWatching: false, open: open, load: load)
        .update(.unknown(), interruption: interruption, feed: changes, sink: sink)
    }
  }
}

extension BuildOptions {
  /// Names the combination of program, targets and all else that decides the outputs.
  package var snapshotKey: Digest {
    var manifest = DigestManifest()
    manifest.write(.program, program)
    for target in targets { manifest.write(.name, target) }
    manifest.write(.identity, configuration)
    return manifest.finish()
  }

  /// Whose an output is.
  package func owner(of path: ByteString) -> ByteString {
    if targets == ["Main"] { return Self.owner(program: program, target: "Main") }
    let slash = path.bytes.firstIndex(of: UInt8(ascii: "/")) ?? path.bytes.endIndex
    let target = ByteString(bytes: Array(path.bytes[..<slash]))
    return Self.owner(program: program, target: target.display)
  }

  package static func owner(program: String, target: String) -> ByteString { ByteString("\(target) of \(program)") }
}

extension BuildOptions {
  /// What there is to run steps with; found out when somebody asks for the first time.
  fileprivate final class Capacity {
    private let find: () -> (jobs: Int, pools: [Pool])
    lazy var found = find()

    init(_ find: @escaping () -> (jobs: Int, pools: [Pool])) { self.find = find }
  }

  /// Steps at once.
  package var jobs: Int { capacity.found.jobs }
  package var pools: [Pool] { capacity.found.pools }

  /// Lets jobs and pools be found out where something has to run: to know what a machine has means to read a dozen files.
  package mutating func discover(_ find: @escaping () -> (jobs: Int, pools: [Pool])) { capacity = Capacity(find) }
}
