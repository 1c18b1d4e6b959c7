import BuildGraph
import Configuration
import Diagnostics
import Driver
import LinuxSystem
import Ports
import Scheduling
import Slurm
import Storage
@preconcurrency import Glibc

/// The cluster, for those who named it.
extension Session {
  static let slurmPool = "slurm"

  var executor: String { options.executor ?? workspace.settings.executor }

  /// Whether any step may run there.
  var usesSlurm: Bool {
    executor == Self.slurmPool || workspace.settings.executors.values.contains(Self.slurmPool)
  }

  /// What it takes to run steps: on this machine alone, or on the cluster as well.
  struct Runners {
    var runner: any StepRunner
    var pools: [Pool] = []
    var slurm: SlurmRunner?
  }

  /// - Throws: `unsupported` where the cluster is asked for and not there.
  func runners(
    fileSystem: LinuxFileSystem, objects: any ObjectStore, clock: any Clock, sink: SharedSink,
    kept: KeptTables? = nil, traces: TableTraces? = nil
  ) throws(SystemError) -> Runners {
    let state = workspace.stateFolder
    let local = LinuxStepRunner(
      configuration: runnerConfiguration(state: state), fileSystem: fileSystem, objects: objects)
    guard usesSlurm else {
      return Runners(
        runner: TableRunner(
          local, fileSystem: fileSystem, objects: objects, clock: clock, kept: kept, traces: traces))
    }
    let settings = workspace.settings.slurm
    let cluster = Cluster(
      options: ClusterOptions(
        partition: settings.partition, account: settings.account, qos: settings.qos, time: settings.time,
        arguments: settings.arguments))
    let size = try cluster.size()
    // Without a word, a few cores with their share of a node's memory: a whole node is long in coming on a busy cluster.
    let cpu = min(size.cpu, Double(settings.cpus ?? 8))
    let memory = settings.memoryMebibytes.map { $0 << 20 } ?? Int64(Double(size.memory) * cpu / max(1, size.cpu) * 0.95)
    let shape = Fleet.Shape(cpu: cpu, memory: min(memory, size.memory))
    let allocations = settings.allocations
    let (root, program) = (workspace.root, settings.command ?? Self.ownPath)
    let slurm = SlurmRunner(
      configuration: SlurmRunner.Configuration(
        stateFolder: state, root: root,
        limits: Fleet.Limits(allocations: allocations, shape: shape, idleSeconds: settings.idleSeconds),
        lateSeconds: settings.lateSeconds, silenceSeconds: settings.silenceSeconds
      ) { name, cpu, memory in
        "exec \(Self.quoted(program)) slurm-agent --root \(Self.quoted(root.display)) --cpus \(cpu) --memory \(memory) \(name)"
      }, cluster: cluster, objects: objects, clock: clock
    ) { id, message in
      sink.receive(.diagnostic(Diagnostic(Diagnostic.ID(id), .note, message)))
    }
    let slots = Double(allocations) * shape.cpu
    let depth = Double(Fleet.prefetchDepth)
    let pool = Pool(
      name: Self.slurmPool, jobs: min(1000, Int(slots * depth)), cpu: slots * depth,
      memory: Int64(Double(shape.memory) * Double(allocations) * depth), largestCPU: size.cpu,
      largestMemory: size.memory, cores: slots)
    return Runners(
      runner: TableRunner(
        PooledRunner(local: local, others: [Self.slurmPool: slurm]), fileSystem: fileSystem, objects: objects,
        clock: clock, kept: kept, traces: traces),
      pools: [pool], slurm: slurm)
  }

  /// This program's own file, for the nodes: it has to lie where they see it as well.
  private static var ownPath: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : "reflow"
  }

  static func quoted(_ word: String) -> String {
    "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}

/// A sink that several threads may tell: one at a time.
///
/// `@unchecked Sendable`: `sink` is touched inside `monitor.withLock` only.
final class SharedSink: EventSink, @unchecked Sendable {
  private var sink: (any EventSink)?
  private let monitor = Monitor()

  init(_ sink: (any EventSink)? = nil) { self.sink = sink }

  func receive(_ event: BuildEvent) { monitor.withLock { sink?.receive(event) } }
  func tick() { monitor.withLock { sink?.tick() } }

  /// From now on another hears it, or nobody.
  func hand(to sink: (any EventSink)?) { monitor.withLock { self.sink = sink } }
}
