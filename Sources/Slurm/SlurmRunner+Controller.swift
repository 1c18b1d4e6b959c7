import BuildGraph
import Diagnostics
import Ports
import Scheduling

/// The thread that talks to the controller: asks for allocations, gives them back, and asks once a second how all jobs are.
extension SlurmRunner {
  /// How long a submission waits where the controller is away.
  private static let retrySeconds = 5.0
  /// What a job that the controller does not know yet is given to appear.
  private static let appearSeconds = 10.0
  /// How long nothing is asked for on a node where an agent fell silent.
  private static let shunSeconds = 600.0
  /// An agent that was told to go and has not gone is ended after that.
  private static let leaveSeconds = 10.0

  func attendController() {
    var nextPoll = 0.0
    while true {
      let (isClosing, submission, releases) = monitor.withLock { () -> (Bool, (id: Int, shape: Fleet.Shape)?, [Int]) in
        defer { state.releases = [] }
        let submission = state.submissions.isEmpty ? nil : state.submissions.removeFirst()
        return (
          state.isClosing && state.waiting.values.allSatisfy { $0.outcome != nil }, submission, state.releases
        )
      }
      if isClosing { return }
      release(releases)
      if let submission { submit(submission.id, submission.shape) }
      if clock.monotonic >= nextPoll {
        poll()
        nextPoll = clock.monotonic + configuration.pollSeconds
      }
      monitor.withLock {
        guard state.submissions.isEmpty, state.releases.isEmpty, !state.isClosing else { return }
        monitor.wait(atMostSeconds: max(0.01, min(0.25, nextPoll - clock.monotonic)))
      }
    }
  }

  private func release(_ ids: [Int]) {
    let jobs = monitor.withLock { ids.compactMap { state.jobs[$0] } }
    // One that works leaves by itself, which says more than being ended; one that waits cannot.
    cluster.cancel(jobs.filter { !$0.hasBegun || $0.over != nil }.compactMap(\.id))
    monitor.withLock {
      for id in ids where state.jobs[id]?.id == nil || state.jobs[id]?.hasBegun == false {
        if state.jobs[id]?.over == nil { state.jobs[id]?.over = (clock.monotonic, "CANCELLED") }
      }
    }
  }

  private func submit(_ id: Int, _ shape: Fleet.Shape) {
    let now = clock.monotonic
    // Unique among all that ever wrote here: the clock, and the number of this process's allocations.
    var name = "\(UInt64(max(0, clock.now) * 1000))-\(id)"
    // Clocks are set back at times.
    while Files.exists(jobsFolder + "/" + ByteString(name)) { name += "b" }
    let folder = JobFolder(path: jobsFolder + "/" + ByteString(name))
    let isWanted = monitor.withLock {
      guard state.fleet.allocations[id]?.state == .pending else { return false }
      state.jobs[id] = Job(folder: folder, shape: shape, submittedAt: now)
      return true
    }
    guard isWanted else {
      monitor.withLock { _ = state.fleet.ended(id) }
      return
    }
    do throws(SystemError) {
      try folder.make()
    } catch {
      return refuseAll("cannot prepare a job: \(error.message)")
    }
    let shunned = monitor.withLock { () -> [String] in
      state.shunned = state.shunned.filter { now - $0.value < Self.shunSeconds }
      return state.shunned.keys.sorted()
    }
    let result = cluster.submit(
      name: "reflow-" + name, cpu: max(1, Int(shape.cpu.rounded(.up))), memoryMebibytes: max(1, shape.memory >> 20),
      folder: configuration.root, log: folder.path + "/log",
      command: configuration.agent(name, shape.cpu, shape.memory), shunning: shunned
    )
    switch result {
    case .accepted(let number):
      let description = JobDescription(id: number, cpu: shape.cpu, memory: shape.memory)
      try? folder.write(description.text, to: JobFolder.job)
      monitor.withLock { state.jobs[id]?.id = number }
    case .notNow(let message):
      forget(id, folder)
      monitor.withLock { state.fleet.refusedForNow(id, until: clock.monotonic + Self.retrySeconds) }
      sayAway(message)
    case .refused where !shunned.isEmpty:
      // Perhaps no others are left.
      forget(id, folder)
      monitor.withLock {
        state.shunned = [:]
        state.fleet.refusedForNow(id, until: clock.monotonic)
      }
    case .refused(let message):
      forget(id, folder)
      _ = monitor.withLock { state.fleet.ended(id) }
      refuse(shape, "Slurm refuses a job with \(Int(shape.cpu)) cpus and \(shape.memory >> 20) MiB: \(message)")
    }
  }

  private func forget(_ id: Int, _ folder: JobFolder) {
    monitor.withLock { state.jobs[id] = nil }
    Files.removeTree(folder.path)
  }

  /// Ends the wait of what would only run in such an allocation.
  private func refuse(_ shape: Fleet.Shape, _ message: String) {
    let limit = monitor.withLock { () -> Fleet.Shape? in
      // Those that others can take go on there.
      let running = state.fleet.allocations.values.filter { $0.state == .running }.map(\.shape)
      if let largest = running.max(by: { ($0.cpu, $0.memory) < ($1.cpu, $1.memory) }) {
        // No more are to be had; those that are held have to do.
        state.fleet.limits.allocations = max(1, state.fleet.allocations.count)
        return largest
      }
      return shape == configuration.limits.shape ? nil : configuration.limits.shape
    }
    refuseAll(message, needingMoreThan: limit)
  }

  private func sayAway(_ message: String) {
    let isNew = monitor.withLock {
      defer { state.isControllerAway = true }
      return !state.isControllerAway
    }
    if isNew {
      say("slurm.controller-away", "the controller of Slurm does not answer; what runs goes on (\(message))")
    }
  }

  // MARK: Asking

  private func poll() {
    guard monitor.withLock({ !state.jobs.isEmpty }) else { return }
    guard let answers = cluster.jobs() else { return sayAway("scontrol") }
    let now = clock.monotonic
    var known: [String: JobState] = [:]
    for answer in answers { known[answer.id] = answer }
    let wasAway = monitor.withLock {
      defer { state.isControllerAway = false }
      return state.isControllerAway
    }
    if wasAway { say("slurm.controller-back", "the controller of Slurm answers again") }
    var hopeless: [(shape: Fleet.Shape, message: String, id: String)] = []
    var overdue: [String] = []
    monitor.withLock {
      for (id, job) in state.jobs {
        guard let number = job.id, job.over == nil else { continue }
        guard let answer = known[number] else {
          // It forgets what is long over.
          if now - job.submittedAt > Self.appearSeconds { state.jobs[id]?.over = (now, "no longer known") }
          continue
        }
        switch answer.phase {
        case .pending(let reason):
          if JobState.hopeless.contains(reason) {
            hopeless.append(
              (job.shape, "Slurm would never run job \(number): \(reason); see `[slurm]` in reflow.toml", number))
            state.jobs[id]?.over = (now, reason)
            state.jobs[id]?.isReleased = true
          }
        case .running:
          state.jobs[id]?.isRunning = true
          state.jobs[id]?.slurmNode = answer.node
          if state.jobs[id]?.node != answer.node { state.jobs[id]?.node = answer.node }
          if job.isReleased, job.releasedAt > 0, now - job.releasedAt > Self.leaveSeconds { overdue.append(number) }
        case .over(let how): state.jobs[id]?.over = (now, how)
        }
      }
      monitor.signalAll()
    }
    cluster.cancel(hopeless.map(\.id) + overdue)
    for (shape, message, _) in hopeless { refuse(shape, message) }
  }

  // MARK: An earlier process

  /// Finds what an earlier process has left: jobs that still run, and results that nobody has committed.
  func adopt() {
    let names = (Files.names(in: jobsFolder) ?? []).sorted()
    guard !names.isEmpty else { return }
    let answers = cluster.jobs()
    let now = clock.monotonic
    for name in names {
      let folder = JobFolder(path: jobsFolder + "/" + name)
      var description = Files.read(folder.path + "/" + JobFolder.job).flatMap(JobDescription.init(text:))
      let answer = answers?.first { $0.id == description?.id || $0.name == "reflow-" + name.display }
      if description == nil, let answer {
        // Killed between asking and noting: what it has is known from what is asked for by default.
        let shape = configuration.limits.shape
        description = JobDescription(id: answer.id, cpu: shape.cpu, memory: shape.memory)
      }
      takeFound(in: folder)
      var isOver = answers != nil && answer == nil
      if case .over? = answer?.phase { isOver = true }
      if Files.exists(folder.path + "/" + JobFolder.left) || Files.exists(folder.path + "/" + JobFolder.stop) {
        isOver = true
      }
      guard let description, !isOver else {
        state.spent.append(folder)
        continue
      }
      adopt(folder, description, isRunning: answer?.phase == .running, now)
    }
  }

  private func takeFound(in folder: JobFolder) {
    for place in [JobFolder.kept, JobFolder.done] {
      for run in folder.runs(in: place) {
        guard let bytes = Files.read(folder.place(place, run)), let message = ResultMessage(encoded: bytes),
          let key = message.key, message.outcome.ending == .exited(0)
        else { continue }
        state.found[key] = .result(message, folder, run)
      }
    }
  }

  private func adopt(_ folder: JobFolder, _ description: JobDescription, isRunning: Bool, _ now: Double) {
    var works: [Fleet.Work] = []
    var keys: [(key: Digest, run: Int64, at: Int64)] = []
    for place in [JobFolder.taken, JobFolder.todo] {
      for run in folder.runs(in: place) {
        let path = folder.place(place, run)
        guard let bytes = Files.read(path), let request = StepMessage(encoded: bytes)?.request else { continue }
        works.append(Fleet.Work(id: run, needs: .init(cpu: request.cpu, memory: request.memory)))
        if let key = request.key, let at = Files.writtenNanoseconds(path) { keys.append((key, run, at)) }
      }
    }
    let shape = Fleet.Shape(cpu: description.cpu, memory: description.memory)
    let id = state.fleet.adopt(shape, works: works, isRunning: isRunning)
    var job = Job(folder: folder, shape: shape, id: description.id, submittedAt: now)
    job.hasBegun = isRunning
    job.isRunning = isRunning
    state.jobs[id] = job
    for (key, run, at) in keys { state.found[key] = .underWay(allocation: id, run: run, requestedAt: at) }
  }
}
