import BuildGraph
import Diagnostics
import Ports
import Scheduling

/// The thread that looks after the files: hands steps out, takes results, notices who is silent or gone.
extension SlurmRunner {
  private static let shortestPause = 0.004
  private static let longestPause = 0.1
  /// How long a cancelled step is waited for.
  private static let cancelSeconds = 5.0
  /// Allocations in a row that end without a sign of their agent before nothing more is tried.
  private static let deadStartLimit = 3
  /// Of the time between two looks for a sign of life so much counts as silence at most.
  private static let longestLook = 2.0

  func attendFiles() {
    var pause = Self.shortestPause
    while true {
      let now = clock.monotonic
      let orders = monitor.withLock { () -> [Fleet.Order]? in
        if state.isClosing, state.waiting.values.allSatisfy({ $0.outcome != nil }) { return nil }
        return state.fleet.decide(now: now)
      }
      guard let orders else { return }
      for order in orders { carryOut(order, now) }
      var hasNews = !orders.isEmpty
      for (id, job) in monitor.withLock({ state.jobs }).sorted(by: { $0.key < $1.key }) {
        if takeResults(of: id, job) { hasNews = true }
        listen(to: id, job, now)
        if let over = job.over { settle(id, job, over, now) }
      }
      endWaits(now)
      pause = hasNews ? Self.shortestPause : min(pause * 1.3, Self.longestPause)
      monitor.withLock {
        let hasReady = state.waiting.values.contains { $0.allocation == nil && $0.outcome == nil }
        monitor.wait(atMostSeconds: hasReady ? min(pause, 0.02) : pause)
      }
    }
  }

  private func carryOut(_ order: Fleet.Order, _ now: Double) {
    switch order {
    case .submit(let id, let shape):
      monitor.withLock {
        state.submissions.append((id, shape))
        monitor.signalAll()
      }
    case .release(let id):
      let folder = monitor.withLock { () -> JobFolder? in
        state.jobs[id]?.isReleased = true
        state.jobs[id]?.releasedAt = now
        state.releases.append(id)
        return state.jobs[id]?.folder
      }
      try? folder?.write([], to: JobFolder.stop)
    case .assign(let work, let id):
      let target = monitor.withLock { () -> (JobFolder, RunRequest)? in
        guard let job = state.jobs[id], let run = state.claims[work.id], state.waiting[run] != nil else { return nil }
        state.waiting[run]!.allocation = id
        return (job.folder, state.waiting[run]!.request)
      }
      guard let (folder, request) = target else { return }
      do throws(SystemError) {
        try folder.write(
          StepMessage(request: request).encoded, to: JobFolder.todo + "/" + JobFolder.fileName(of: work.id))
      } catch {
        end(work.id, in: id, .refused("its request could not be written: \(error.message)"))
      }
    }
  }

  /// - Returns: whether there were any.
  private func takeResults(of id: Int, _ job: Job) -> Bool {
    // Also without work: an earlier process may have left some.
    let runs = job.folder.runs(in: JobFolder.done)
    for run in runs { takeResult(run, of: id, job.folder) }
    return !runs.isEmpty
  }

  private func takeResult(_ file: Int64, of id: Int, _ folder: JobFolder) {
    let place = folder.place(JobFolder.done, file)
    // Bytes that are not all there yet are looked at again.
    guard let bytes = Files.read(place), let message = ResultMessage(encoded: bytes) else { return }
    let claim = monitor.withLock { state.claims[file].flatMap { run in state.waiting[run].map { (run, $0) } } }
    if let (run, waiting) = claim, message.outcome.ending == .exited(0) {
      // A file system may show the message before what it tells of.
      if !objects.contains(message.outcome.outputs).allSatisfy({ $0 }) {
        let since = waiting.late?.since ?? clock.monotonic
        if clock.monotonic - since < configuration.lateSeconds {
          return monitor.withLock { state.waiting[run]?.late = (message, since) }
        }
        Files.remove(place)
        return end(file, in: id, .lost("what it made cannot be found on this machine"))
      }
    }
    Files.rename(place, to: folder.place(JobFolder.kept, file))
    if let (run, _) = claim {
      takeLog(folder, file, as: run)
    } else if let key = message.key, message.outcome.ending == .exited(0) {
      monitor.withLock { state.found[key] = .result(message, folder, file) }
    }
    end(file, in: id, message.outcome)
  }

  /// Tells whoever waits how a step ended.
  func end(_ file: Int64, in id: Int?, _ outcome: RunOutcome) {
    monitor.withLock {
      if let id { state.fleet.finished(file, in: id) }
      if let run = state.claims.removeValue(forKey: file), state.waiting[run]?.outcome == nil {
        var outcome = outcome
        if let job = id.flatMap({ state.jobs[$0] }) { outcome.node = job.slurmNode.isEmpty ? job.node : job.slurmNode }
        state.waiting[run]?.outcome = outcome
      }
      monitor.signalAll()
    }
  }

  /// Notices signs of life, and their absence.
  ///
  /// Silence is what was seen of it, look by look: when the file system or this process has stood still for a minute, nobody is given up for that.
  private func listen(to id: Int, _ job: Job, _ now: Double) {
    // As often as an agent speaks, once it does.
    guard job.over == nil, !job.hasBegun || now - job.lookedAt >= 1 else { return }
    let beat = Files.read(job.folder.path + "/" + JobFolder.beat) ?? []
    let node = String(decoding: beat.split(separator: 10).dropFirst().first ?? [], as: UTF8.self)
    let isSilent = monitor.withLock { () -> Bool in
      guard var job = state.jobs[id] else { return false }
      defer { state.jobs[id] = job }
      let passed = min(now - job.lookedAt, Self.longestLook)
      job.lookedAt = now
      if !beat.isEmpty, beat != job.beat {
        (job.beat, job.quietSeconds, job.hasBegun) = (beat, 0, true)
        if job.node.isEmpty { job.node = node }
        state.fleet.began(id)
        state.deadStarts = 0
        return false
      }
      if job.hasBegun || job.isRunning { job.quietSeconds += passed }
      return job.quietSeconds > configuration.silenceSeconds
    }
    if isSilent || Files.exists(job.folder.path + "/" + JobFolder.left) {
      monitor.withLock {
        if isSilent {
          state.releases.append(id)
          if let node = state.jobs[id]?.slurmNode, !node.isEmpty { state.shunned[node] = now }
        }
        // Who was silent for so long wrote nothing for as long: it is not waited for again.
        state.jobs[id]?.over =
          isSilent ? (now - configuration.lateSeconds, "its agent says nothing any more") : (now, "COMPLETED")
      }
    }
  }

  /// When a job is over and all that it may have written can be seen: what it has not done is done elsewhere.
  private func settle(_ id: Int, _ job: Job, _ over: (at: Double, state: String), _ now: Double) {
    let isQuiet = monitor.withLock { state.fleet.allocations[id]?.works.isEmpty ?? true }
    guard isQuiet || now - over.at >= configuration.lateSeconds else { return }
    let untouched = Set(job.folder.runs(in: JobFolder.todo))
    let name = "job \(job.id ?? "?")\(job.node.isEmpty ? "" : " on \(job.node)")"
    var lost: [Int64] = []
    let refusal = monitor.withLock { () -> String? in
      for work in state.fleet.ended(id) {
        guard let run = state.claims[work.id] else { continue }
        // What its agent never took is as if it had not been handed out.
        guard untouched.contains(work.id), state.waiting[run]?.cancelledAt == nil else {
          lost.append(work.id)
          continue
        }
        state.waiting[run]?.allocation = nil
        state.fleet.enqueue(work)
      }
      for (key, found) in state.found {
        if case .underWay(id, _, _) = found { state.found[key] = nil }
      }
      state.jobs[id] = nil
      state.spent.append(job.folder)
      guard !job.hasBegun, !job.isReleased else { return nil }
      state.deadStarts += 1
      return state.deadStarts < Self.deadStartLimit ? nil : name
    }
    for file in lost {
      let isMemory = over.state == "OUT_OF_MEMORY" && lost.count == 1
      var outcome = RunOutcome.lost("\(name) ended (\(over.state)) before it was done")
      if isMemory { outcome.setback = .outOfMemory }
      end(file, in: nil, outcome)
    }
    if let refusal {
      let log = String(decoding: (Files.read(job.folder.path + "/log") ?? []).suffix(500), as: UTF8.self)
      let lines = log.split(whereSeparator: \.isNewline).joined(separator: "; ")
      refuseAll(
        "Reflow does not start in its jobs (\(refusal) ended: \(over.state)), which said: "
          + "\(lines.isEmpty ? "nothing" : lines); nodes must find its program and this folder where they are here, or see `command` in `[slurm]`"
      )
    }
  }

  /// Nothing that waits will ever run.
  func refuseAll(_ message: String, needingMoreThan shape: Fleet.Shape? = nil) {
    monitor.withLock {
      if shape == nil { state.refusal = message }
      for work in state.fleet.withdraw(needingMoreThan: shape) {
        if let run = state.claims.removeValue(forKey: work.id) { state.waiting[run]?.outcome = .refused(message) }
      }
      monitor.signalAll()
    }
  }

  private func endWaits(_ now: Double) {
    monitor.withLock {
      for (run, waiting) in state.waiting where waiting.outcome == nil {
        guard let at = waiting.cancelledAt, now - at > Self.cancelSeconds else { continue }
        state.claims[waiting.file] = nil
        if let allocation = waiting.allocation { state.fleet.finished(waiting.file, in: allocation) }
        state.waiting[run]?.outcome = .cancelledOutcome
      }
      monitor.signalAll()
    }
  }
}
