import BuildGraph
import Diagnostics
import Foundation
import Glibc
import Ports
import Scheduling
import Synchronization

@testable import Slurm

/// The four commands of Slurm as shell scripts over a folder: a job is a file with its state, and what it would run is written down.
final class FakeSlurm {
  let folder: String

  init() throws {
    folder = "/tmp/reflow-fake-slurm-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder + "/jobs", withIntermediateDirectories: true)
    for (name, _) in Self.scripts {
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/" + name, withDestinationPath: Self.commands + "/" + name)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private static let scripts = [
    "sbatch": """
    [ -e refuse ] && { cat refuse >&2; exit 1; }
    case "$*" in *--exclude=*)
      [ -e refuse-shunning ] && { echo "$*" >> submissions; cat refuse-shunning >&2; exit 1; };;
    esac
    n=$(($(cat next 2>/dev/null || echo 0) + 1)); echo $n > next
    name= wrap=
    for word; do case $word in --job-name=*) name=${word#*=};; --wrap=*) wrap=${word#*=};; esac; done
    echo "$*" >> submissions
    echo "$wrap" > jobs/$n.wrap
    echo "JobId=$n JobName=$name JobState=$(cat begin 2>/dev/null || echo RUNNING) Reason=$(cat reason 2>/dev/null || echo None) BatchHost=n1" > jobs/$n
    echo $n
    """,
    "scontrol": """
    echo poll >> polls
    [ -e away ] && { echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; }
    cat jobs/[0-9]* 2>/dev/null | grep JobId
    exit 0
    """,
    "scancel": "for n; do case $n in [0-9]*) state $n CANCELLED; echo $n >> cancelled;; esac; done",
    "sinfo": "printf 'n1|4|4000\\nn2|8|2000\\nn2|8|2000\\n'",
  ]

  /// Where the scripts lie, written once and for all: while other threads start processes, what was just written may be busy.
  private static let commands: String = {
    let folder = "/tmp/reflow-fake-slurm-commands-" + UUID().uuidString
    mkdir(folder, 0o755)
    atexit { try? FileManager.default.removeItem(atPath: FakeSlurm.commands) }
    var cluster = Cluster(options: ClusterOptions())
    cluster.folder = folder
    for (name, body) in scripts {
      let text = """
        #!/bin/sh
        [ "$1" = ready ] && exit 0
        cd "$(dirname "$0")" || exit 9
        state() { [ -e jobs/$1 ] && sed -i "s/JobState=[A-Z_]*/JobState=$2/" jobs/$1; }
        \(body)
        """
      try? text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
      chmod(folder + "/" + name, 0o755)
      for _ in 0..<1000 where cluster.run([name, "ready"]).status != 0 { usleep(5_000) }
    }
    return folder
  }()

  func set(_ file: String, _ text: String) throws {
    try text.write(toFile: folder + "/" + file, atomically: true, encoding: .utf8)
  }

  /// How often the controller was asked.
  var polls: Int { read("polls").split(separator: "\n").count }

  func unset(_ file: String) { unlink(folder + "/" + file) }
  func read(_ file: String) -> String { (try? String(contentsOfFile: folder + "/" + file, encoding: .utf8)) ?? "" }

  func setState(_ state: String, of job: String) throws {
    let line = read("jobs/" + job).replacingOccurrences(
      of: "JobState=[A-Z_]*", with: "JobState=" + state, options: .regularExpression)
    try set("jobs/" + job, line)
  }

  var cluster: Cluster {
    var cluster = Cluster(options: ClusterOptions(partition: "p"))
    cluster.folder = folder
    return cluster
  }
}

/// Objects that are there unless they are said to be missing.
final class FakeObjects: ObjectStore, @unchecked Sendable {
  let missing = Mutex<Set<Artifact>>([])
  let syncs = Atomic<Int>(0)

  func contains(_ artifact: Artifact) -> Bool { missing.withLock { !$0.contains(artifact) } }
  func contains(_ artifacts: [Artifact]) -> [Bool] { artifacts.map(contains) }
  func sync() throws(SystemError) { syncs.add(1, ordering: .relaxed) }

  private static let refusal = SystemError(.unsupported, "no such object in a test")
  func ingest(_ kind: ArtifactKind, at hostPath: ByteString) throws(SystemError) -> Artifact { throw Self.refusal }
  func copyIn(file hostPath: ByteString) throws(SystemError) -> Artifact { throw Self.refusal }
  func store(_ bytes: [UInt8]) throws(SystemError) -> Artifact { throw Self.refusal }
  func store(_ manifest: FolderManifest) throws(SystemError) -> Artifact { throw Self.refusal }
  func manifest(of folder: Artifact) throws(SystemError) -> FolderManifest { throw Self.refusal }
  func place(of artifact: Artifact) throws(SystemError) -> ByteString { throw Self.refusal }
  func read(_ file: Artifact, limitBytes: Int) throws(SystemError) -> [UInt8] { throw Self.refusal }
  func firstDifference(_ a: Artifact, _ b: Artifact) throws(SystemError) -> Int64 { throw Self.refusal }
}

/// Steps end at once with an object named by their label, but for those that are held until they are let go or cancelled.
final class FakeSteps: StepRunner, @unchecked Sendable {
  private struct State {
    var held: Set<String> = []
    var cancelled: Set<RunID> = []
    var runs: [String: Int] = [:]
    var most = 0
    var now = 0
  }

  private let state = Mutex(State())

  var runs: [String: Int] { state.withLock { $0.runs } }
  /// The most that ran at a time.
  var most: Int { state.withLock { $0.most } }
  func hold(_ label: String) { state.withLock { _ = $0.held.insert(label) } }
  func letGo() { state.withLock { $0.held = [] } }

  static func artifact(_ label: String) -> Artifact {
    Artifact(digest: Digest(hashing: Array(label.utf8)), size: Int64(label.utf8.count))
  }

  func run(_ request: RunRequest, succeeded: () -> Void) throws(SystemError) -> RunOutcome {
    state.withLock {
      $0.runs[request.label, default: 0] += 1
      $0.now += 1
      $0.most = max($0.most, $0.now)
    }
    defer { state.withLock { $0.now -= 1 } }
    var outcome = RunOutcome(
      ending: .exited(0), usage: .init(wallSeconds: 1, cpuSeconds: 1, peakMemoryBytes: 1, memoryMeasure: .sampled),
      outputs: [Self.artifact(request.label)], isSandboxed: true)
    while state.withLock({ $0.held.contains(request.label) }) {
      if state.withLock({ $0.cancelled.contains(request.run) }) {
        outcome.ending = .cancelled
        outcome.outputs = []
        return outcome
      }
      usleep(2_000)
    }
    return outcome
  }

  func cancel(_ run: RunID) { state.withLock { _ = $0.cancelled.insert(run) } }
  func cancelAll() {}
}

struct TestClock: Clock {
  /// Seconds that it is before the others.
  var offset = 0.0

  var now: Double { Date().timeIntervalSince1970 + offset }
  var monotonic: Double { ProcessInfo.processInfo.systemUptime + offset }
}

extension RunRequest {
  static func test(_ run: Int64, _ label: String, cpu: Double = 1, key: String? = nil) -> RunRequest {
    var request = RunRequest(
      run: RunID(number: run), command: .shell("true"), inputs: [],
      outputs: [.init(stagedPath: "out/o", kind: .file, isMentioned: true)], resources: Resources(cpu: cpu))
    request.label = label
    request.key = key.map { Digest(hashing: Array($0.utf8)) }
    return request
  }
}

/// Agents in threads of this process, one for each job that the fake Slurm runs.
final class Agents: @unchecked Sendable {
  private let slurm: FakeSlurm
  private let state: ByteString
  let steps = FakeSteps()
  let objects = FakeObjects()
  var clock = TestClock()
  /// Their results are kept back from who runs the build until they are delivered.
  var areResultsLate = false
  /// Jobs run and nothing happens in them.
  var areAbsent = false
  private var views: [(node: JobFolder, shared: JobFolder)] = []
  private let hasEnded = Atomic<Bool>(false)
  private let dead = Mutex<Set<String>>([])
  private var known: Set<String> = []
  private var threads: [Worker] = []

  init(_ slurm: FakeSlurm, state: String) {
    self.slurm = slurm
    self.state = ByteString(state)
  }

  /// Starts the agents of jobs that run and have none.
  func attend() {
    guard !areAbsent else { return }
    for line in (1...40).map({ slurm.read("jobs/\($0)") }) where line.contains("JobState=RUNNING") {
      guard let job = JobState.parse(line).first, known.insert(job.id).inserted else { continue }
      let shared = JobFolder(path: state + "/jobs/" + ByteString(String(job.name.dropFirst("reflow-".count))))
      let folder = areResultsLate ? view(of: shared) : shared
      let agent = Agent(
        folder: folder, limits: .init(cpu: 4, memory: 4 << 30, idleSeconds: 300), runner: steps, objects: objects,
        clock: clock
      ) { [self] in hasEnded.load(ordering: .relaxed) || dead.withLock { $0.contains(job.id) } }
      if let thread = Worker({ try? agent.work() }) { threads.append(thread) }
    }
    for (node, shared) in views {
      if let beat = Files.read(node.path + "/beat") { try? shared.write(beat, to: JobFolder.beat) }
    }
  }

  /// The folder as its node sees it: what it writes into `done` nobody else sees yet.
  private func view(of shared: JobFolder) -> JobFolder {
    let node = JobFolder(path: state + "/nodes/" + shared.name)
    try? Files.makeFolder(node.path + "/" + JobFolder.done)
    for name in [JobFolder.todo, JobFolder.taken, JobFolder.kept, JobFolder.cancel, JobFolder.logs] {
      symlink((shared.path + "/" + name).display, (node.path + "/" + name).display)
    }
    views.append((node, shared))
    return node
  }

  /// How many results nobody else has seen.
  var keptBack: Int { views.reduce(0) { $0 + $1.node.runs(in: JobFolder.done).count } }

  func deliver() {
    for (node, shared) in views {
      for run in node.runs(in: JobFolder.done) {
        Files.rename(node.place(JobFolder.done, run), to: shared.place(JobFolder.done, run))
      }
    }
  }

  /// The node of a job dies.
  func kill(_ job: String) { dead.withLock { _ = $0.insert(job) } }

  func end() {
    hasEnded.store(true, ordering: .relaxed)
    steps.letGo()
    for thread in threads { thread.join() }
  }
}
