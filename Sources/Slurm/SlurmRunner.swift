package import BuildGraph
package import Diagnostics
package import Ports
package import Scheduling

/// Runs steps on a Slurm cluster: holds a few allocations, hands steps to the agents in them by files, and takes what they made.
///
/// Two threads work beside those that wait for their steps: one looks after the files, one talks to the controller, which may be slow or
/// away for a while; then nothing new is asked of it, and what runs goes on. See <doc:Slurm>.
///
/// `@unchecked Sendable`: `state` is touched inside `monitor.withLock` only; `threads` by whoever starts and closes it.
package final class SlurmRunner: StepRunner, @unchecked Sendable {
  package struct Configuration: Sendable {
    /// `.reflow/`, absolute, on a file system that all nodes share.
    package var stateFolder: ByteString
    /// Where agents begin.
    package var root: ByteString
    package var limits: Fleet.Limits
    /// The shell command of an agent: for the name of its folder, its cores and its bytes.
    package var agent: @Sendable (_ name: String, _ cpu: Double, _ memory: Int64) -> String
    /// How long what a node wrote may take to be seen here after its job has ended.
    package var lateSeconds: Double
    /// An agent that gives no sign of life for so long is given up. Agents give one each second.
    package var silenceSeconds: Double
    package var pollSeconds: Double

    package init(
      stateFolder: ByteString, root: ByteString, limits: Fleet.Limits, lateSeconds: Double = 5,
      silenceSeconds: Double = 30, pollSeconds: Double = 1,
      agent: @escaping @Sendable (_ name: String, _ cpu: Double, _ memory: Int64) -> String
    ) {
      self.stateFolder = stateFolder
      self.root = root
      self.limits = limits
      self.lateSeconds = lateSeconds
      self.silenceSeconds = silenceSeconds
      self.pollSeconds = pollSeconds
      self.agent = agent
    }
  }

  /// One allocation, as this process knows it.
  struct Job {
    var folder: JobFolder
    var shape: Fleet.Shape
    /// Nil until the controller has taken it.
    var id: String?
    var node = ""
    var hasBegun = false
    /// By the controller's word.
    var isRunning = false
    /// Where it runs, as the controller calls it.
    var slurmNode = ""
    /// What its agent last wrote.
    var beat: [UInt8] = []
    /// When its agent was last looked for, and for how long nothing new has been seen since it should speak.
    var lookedAt = -Double.infinity
    var quietSeconds = 0.0
    var submittedAt: Double
    /// When it was noticed that it is over, and how it ended.
    var over: (at: Double, state: String)?
    var isReleased = false
    var releasedAt = 0.0
  }

  /// A step that somebody here waits for.
  struct Waiting {
    var request: RunRequest
    /// The number that names its files: an earlier process may have chosen it.
    var file: Int64
    var allocation: Int?
    var outcome: RunOutcome?
    var cancelledAt: Double?
    /// A result whose objects cannot be seen yet.
    var late: (message: ResultMessage, since: Double)?
  }

  /// What an earlier process had asked for, by key.
  enum Found {
    case result(ResultMessage, JobFolder, Int64)
    case underWay(allocation: Int, run: Int64, requestedAt: Int64)
  }

  struct State {
    var fleet: Fleet
    var jobs: [Int: Job] = [:]
    var waiting: [Int64: Waiting] = [:]
    /// Who waits for the files of a run.
    var claims: [Int64: Int64] = [:]
    var found: [Digest: Found] = [:]
    /// Folders of jobs that are gone, kept until what they hold is committed.
    var spent: [JobFolder] = []
    var submissions: [(id: Int, shape: Fleet.Shape)] = []
    var releases: [Int] = []
    var refusal: String?
    /// Nodes where an agent fell silent, and when: the controller may take them for alive for some time.
    var shunned: [String: Double] = [:]
    /// Allocations in a row whose agent never gave a sign of life.
    var deadStarts = 0
    var isControllerAway = false
    var isClosing = false
  }

  let configuration: Configuration
  let cluster: Cluster
  let objects: any ObjectStore
  let clock: any Clock
  /// Told of what people should know: an id and a sentence.
  let say: @Sendable (_ id: String, _ message: String) -> Void
  let monitor = Monitor()
  var state: State
  private var threads: [Worker] = []
  private var beginning = Beginning.notBegun

  private enum Beginning { case notBegun, underWay, done }

  package init(
    configuration: Configuration, cluster: Cluster, objects: any ObjectStore, clock: any Clock,
    say: @escaping @Sendable (_ id: String, _ message: String) -> Void
  ) {
    self.configuration = configuration
    self.cluster = cluster
    self.objects = objects
    self.clock = clock
    self.say = say
    state = State(fleet: Fleet(limits: configuration.limits))
  }

  var jobsFolder: ByteString { configuration.stateFolder + "/jobs" }

  // MARK: Running

  package func run(_ request: RunRequest, succeeded: () -> Void) throws(SystemError) -> RunOutcome {
    try start()
    let id = request.run.number
    let adopted = monitor.withLock { admit(request) }
    if let adopted { say("slurm.adopted", "\(request.label): \(adopted)") }
    let ended = monitor.withLock { () -> Waiting? in
      while let waiting = state.waiting[id] {
        if waiting.outcome != nil { return state.waiting.removeValue(forKey: id) }
        monitor.wait(atMostSeconds: 1)
      }
      return nil
    }
    guard let ended, let outcome = ended.outcome else { return .cancelledOutcome }
    monitor.withLock { if state.claims[ended.file] == id { state.claims[ended.file] = nil } }
    return outcome
  }

  /// Takes a step in; where an earlier process has asked for the same, takes what came or comes of that.
  ///
  /// - Returns: what was found.
  private func admit(_ request: RunRequest) -> String? {
    var waiting = Waiting(request: fill(request), file: request.run.number)
    defer {
      state.waiting[request.run.number] = waiting
      state.claims[waiting.file] = request.run.number
      monitor.signalAll()
    }
    if let refusal = state.refusal {
      waiting.outcome = .refused(refusal)
      return nil
    }
    if let key = request.key, let found = state.found.removeValue(forKey: key) {
      switch found {
      case .result(let message, let folder, let run)
      where message.requestedAt > request.inputsChangedAt && objects.contains(message.outcome.outputs).allSatisfy { $0 }:
        takeLog(folder, run, as: request.run.number)
        waiting.outcome = message.outcome
        return "made by a job of an earlier build"
      case .underWay(let allocation, let run, let requestedAt) where requestedAt > request.inputsChangedAt:
        waiting.file = run
        waiting.allocation = allocation
        return "under way in job \(state.jobs[allocation]?.id ?? "?") of an earlier build"
      case .result, .underWay: break
      }
    }
    let needs = Fleet.Shape(cpu: waiting.request.cpu, memory: waiting.request.memory)
    state.fleet.enqueue(
      Fleet.Work(id: request.run.number, needs: needs, seconds: request.expectedSeconds, rank: request.rank))
    return nil
  }

  /// A step of which nobody knows what memory it takes gets its cores' share.
  private func fill(_ request: RunRequest) -> RunRequest {
    var request = request
    if request.memory == 0 {
      let shape = configuration.limits.shape
      request.resources.memory = Int64(Double(shape.memory) * min(1, request.cpu / shape.cpu))
    }
    return request
  }

  package func cancel(_ run: RunID) {
    let now = clock.monotonic
    let job = monitor.withLock { () -> (JobFolder, Int64)? in
      guard let waiting = state.waiting[run.number], waiting.outcome == nil, waiting.cancelledAt == nil else {
        return nil
      }
      if state.fleet.withdraw(run.number) {
        state.waiting[run.number]?.outcome = .cancelledOutcome
        monitor.signalAll()
        return nil
      }
      state.waiting[run.number]?.cancelledAt = now
      return waiting.allocation.flatMap { state.jobs[$0] }.map { ($0.folder, waiting.file) }
    }
    guard let (folder, file) = job else { return }
    // Where the agent never sees it, the wait is over after a while all the same.
    try? folder.write([], to: JobFolder.cancel + "/" + JobFolder.fileName(of: file))
  }

  package func cancelAll() {
    for run in monitor.withLock({ Array(state.waiting.keys) }) { cancel(RunID(number: run)) }
  }

  // MARK: Beginning and end

  private func start() throws(SystemError) {
    let isFirst = monitor.withLock {
      // What an earlier process left must be known before anything is asked for again.
      while beginning == .underWay { monitor.wait(atMostSeconds: 1) }
      defer { if beginning == .notBegun { beginning = .underWay } }
      return beginning == .notBegun
    }
    guard isFirst else { return }
    defer {
      monitor.withLock {
        beginning = .done
        monitor.signalAll()
      }
    }
    try Files.makeFolder(configuration.stateFolder + "/logs")
    adopt()
    for body in [{ @Sendable [self] in attendFiles() }, { @Sendable [self] in attendController() }] {
      guard let thread = Worker(body) else { throw SystemError(.limit, "cannot start a thread for jobs") }
      threads.append(thread)
    }
  }

  /// Gives all allocations back. To be called when what was made is committed: then the job folders go.
  package func close() {
    let hasBegun = monitor.withLock {
      state.isClosing = true
      monitor.signalAll()
      return beginning != .notBegun
    }
    guard hasBegun else { return }
    for thread in threads { thread.join() }
    let jobs = monitor.withLock { Array(state.jobs.values) }
    for job in jobs { try? job.folder.write([], to: JobFolder.stop) }
    // Those that run have work that nobody wants, or leave by themselves; those that wait would hold up others.
    let ids = jobs.filter { !$0.hasBegun || $0.over == nil && isBusy($0.folder) }.compactMap(\.id)
    cluster.cancel(ids)
    let deadline = clock.monotonic + 3
    var rest = jobs.filter { $0.over == nil && $0.hasBegun && !ids.contains($0.id ?? "") }.map(\.folder)
    while !rest.isEmpty, clock.monotonic < deadline {
      rest.removeAll { Files.exists($0.path + "/" + JobFolder.left) }
      if !rest.isEmpty { monitor.withLock { monitor.wait(atMostSeconds: 0.02) } }
    }
    if !rest.isEmpty { cluster.cancel(jobs.filter { rest.contains($0.folder) }.compactMap(\.id)) }
    for folder in jobs.map(\.folder) + monitor.withLock({ state.spent }) { Files.removeTree(folder.path) }
  }

  private func isBusy(_ folder: JobFolder) -> Bool {
    !folder.runs(in: JobFolder.taken).isEmpty || !folder.runs(in: JobFolder.todo).isEmpty
  }

  // MARK: Logs

  /// Brings a step's log to where those of all steps are.
  func takeLog(_ folder: JobFolder, _ file: Int64, as run: Int64) {
    Files.rename(folder.logPath(of: file), to: configuration.stateFolder + "/logs/" + ByteString("\(run).log"))
  }
}
