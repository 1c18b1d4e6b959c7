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
    try script(
      "sbatch",
      """
      [ -e refuse ] && { cat refuse >&2; exit 1; }
      n=$(($(cat next 2>/dev/null || echo 0) + 1)); echo $n > next
      name= wrap=
      for word; do case $word in --job-name=*) name=${word#*=};; --wrap=*) wrap=${word#*=};; esac; done
      echo "$*" >> submissions
      echo "$wrap" > jobs/$n.wrap
      echo "JobId=$n JobName=$name JobState=$(cat begin 2>/dev/null || echo RUNNING) Reason=$(cat reason 2>/dev/null || echo None) BatchHost=n1" > jobs/$n
      echo $n
      """)
    try script(
      "scontrol",
      """
      echo poll >> polls
      [ -e away ] && { echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; }
      cat jobs/[0-9]* 2>/dev/null | grep JobId
      exit 0
      """)
    try script("scancel", "for n; do case $n in [0-9]*) state $n CANCELLED; echo $n >> cancelled;; esac; done")
    try script("sinfo", "printf 'n1|4|4000\\nn2|8|2000\\nn2|8|2000\\n'")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func script(_ name: String, _ body: String) throws {
    let text = """
      #!/bin/sh
      cd '\(folder)' || exit 9
      state() { [ -e jobs/$1 ] && sed -i "s/JobState=[A-Z_]*/JobState=$2/" jobs/$1; }
      \(body)
      """
    try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
    chmod(folder + "/" + name, 0o755)
  }

  func set(_ file: String, _ text: String) throws {
    try text.write(toFile: folder + "/" + file, atomically: true, encoding: .utf8)
  }

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

  func run(_ request: RunRequest) throws(SystemError) -> RunOutcome {
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
  var now: Double { Date().timeIntervalSince1970 }
  var monotonic: Double { ProcessInfo.processInfo.systemUptime }
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
    for line in (1...40).map({ slurm.read("jobs/\($0)") }) where line.contains("JobState=RUNNING") {
      guard let job = JobState.parse(line).first, known.insert(job.id).inserted else { continue }
      let folder = JobFolder(path: state + "/jobs/" + ByteString(String(job.name.dropFirst("reflow-".count))))
      let agent = Agent(
        folder: folder, limits: .init(cpu: 4, memory: 4 << 30, idleSeconds: 300), runner: steps, objects: objects,
        clock: TestClock()
      ) { [self] in hasEnded.load(ordering: .relaxed) || dead.withLock { $0.contains(job.id) } }
      if let thread = Worker({ try? agent.work() }) { threads.append(thread) }
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
