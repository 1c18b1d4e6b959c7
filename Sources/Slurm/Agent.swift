import BuildGraph
package import Diagnostics
package import Ports
@preconcurrency import Glibc

/// Runs steps in one allocation of a cluster, as many at a time as it has room for, and tells of them by files.
///
/// It never opens the database. What it says is said once objects are durable, so that a result is whole or absent whatever dies.
package final class Agent: @unchecked Sendable {
  // `@unchecked Sendable`: what threads share with the loop is `ended`, `failure` and `hasLeft`, touched inside `monitor.withLock` only;
  // `beats` is the heart's alone.
  package struct Limits: Hashable, Sendable {
    package var cpu: Double
    package var memory: Int64
    /// An agent that nobody gives work for so long goes: its coordinator may be dead.
    package var idleSeconds: Double

    package init(cpu: Double, memory: Int64, idleSeconds: Double = 60) {
      self.cpu = cpu
      self.memory = memory
      self.idleSeconds = idleSeconds
    }
  }

  private let folder: JobFolder
  private let limits: Limits
  private let runner: any StepRunner
  private let objects: any ObjectStore
  private let clock: any Clock
  private let shouldEnd: @Sendable () -> Bool

  private let monitor = Monitor()
  private var ended: [(run: Int64, outcome: RunOutcome)] = []
  private var hasLeft = false
  private var failure: SystemError?

  /// Failures that may be the cluster's doing, with the time when they no longer can.
  private var doubted: [(due: Double, run: Int64, outcome: RunOutcome)] = []
  private var waiting: [Int64: RunRequest] = [:]
  private var running: [Int64: RunRequest] = [:]
  private var cancelled: Set<Int64> = []
  private var keys: [Int64: Digest] = [:]
  private var beats = 0

  /// - Parameter shouldEnd: whether the cluster wants its node back; asked often.
  package init(
    folder: JobFolder, limits: Limits, runner: any StepRunner, objects: any ObjectStore, clock: any Clock,
    shouldEnd: @escaping @Sendable () -> Bool
  ) {
    self.folder = folder
    self.limits = limits
    self.runner = runner
    self.objects = objects
    self.clock = clock
    self.shouldEnd = shouldEnd
  }

  /// Works until there is no more to do, or it is told to go.
  ///
  /// - Throws: what no step could survive either.
  package func work() throws(SystemError) {
    // A thread of its own: flushing a large object may take longer than a silence that is borne.
    guard let heart = Worker({ [self] in while !monitor.withLock({ hasLeft }) { beat() } }) else {
      throw SystemError(.limit, "its node has no more threads")
    }
    defer {
      monitor.withLock {
        hasLeft = true
        monitor.signalAll()
      }
      heart.join()
    }
    var idleSince = clock.monotonic
    var pause = Self.shortestPause
    while true {
      if shouldEnd() { return leave() }
      let hasTaken = try takeWork()
      endCancelled()
      startWhatFits()
      let hasTold = try tell()
      if hasTaken || hasTold || !running.isEmpty { idleSince = clock.monotonic }
      if running.isEmpty, waiting.isEmpty {
        let isIdle = clock.monotonic - idleSince > limits.idleSeconds
        if isIdle || Files.exists(folder.path + "/" + JobFolder.stop) {
          return try folder.write([], to: JobFolder.left)
        }
      }
      pause = hasTaken || hasTold ? Self.shortestPause : min(pause * 1.5, Self.longestPause)
      monitor.withLock { if ended.isEmpty { monitor.wait(atMostSeconds: pause) } }
    }
  }

  /// Seconds between two looks at the folder of work: a look is one request to the file system's server.
  private static let shortestPause = 0.004
  private static let longestPause = 0.1

  /// How long a failure waits for the signal that would explain it.
  private static let doubtSeconds = 1.0

  /// The cluster ends us: what runs is ended and says nothing.
  private func leave() {
    runner.cancelAll()
    for _ in 0..<200 where monitor.withLock({ ended.count }) < running.count { usleep(10_000) }
  }

  /// Gives a sign of life, and waits a second.
  private func beat() {
    beats += 1
    // It is only a sign of life.
    try? folder.write(Array("\(beats)\n\(Self.nodeName)\n".utf8), to: JobFolder.beat)
    let end = clock.monotonic + 1
    monitor.withLock {
      // Whoever ends a step wakes all.
      while !hasLeft, clock.monotonic < end { monitor.wait(atMostSeconds: end - clock.monotonic) }
    }
  }

  /// As Slurm calls this node; where it does not say, as the machine calls itself.
  private static var nodeName: String {
    if let name = getenv("SLURMD_NODENAME") { return String(cString: name) }
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func takeWork() throws(SystemError) -> Bool {
    // So many at once that the first in order of rank are among them, and no more than can begin soon.
    let limit = 4 * max(4, Int(limits.cpu))
    guard waiting.count < limit else { return false }
    var hasTaken = false
    for run in folder.runs(in: JobFolder.todo).prefix(limit - waiting.count) {
      let place = folder.place(JobFolder.taken, run)
      guard Files.rename(folder.place(JobFolder.todo, run), to: place) else { continue }
      hasTaken = true
      guard let bytes = Files.read(place), let message = StepMessage(encoded: bytes) else {
        try tell(run, .refused("its request cannot be read; is this Reflow of the same version on all nodes?"))
        continue
      }
      waiting[run] = message.request
      keys[run] = message.request.key
    }
    return hasTaken
  }

  private func endCancelled() {
    guard !(running.isEmpty && waiting.isEmpty) else { return }
    for run in folder.runs(in: JobFolder.cancel) where cancelled.insert(run).inserted {
      if waiting.removeValue(forKey: run) != nil {
        monitor.withLock { ended.append((run, .cancelledOutcome)) }
        running[run] = nil
      } else {
        runner.cancel(RunID(number: run))
      }
    }
  }

  private func startWhatFits() {
    for run in waiting.keys.sorted() {
      guard let request = waiting[run] else { continue }
      let cpu = running.values.reduce(request.cpu) { $0 + $1.cpu }
      let memory = running.values.reduce(request.memory) { $0 + $1.memory }
      guard running.isEmpty || (cpu <= limits.cpu + 1e-9 && memory <= limits.memory) else { continue }
      waiting[run] = nil
      running[run] = request
      let started = Worker { [self] in
        do throws(SystemError) {
          note(run, try runner.run(request))
        } catch {
          note(run, .refused("it could not be run on its node: \(error.message)"))
          monitor.withLock { failure = error }
        }
      }
      if started == nil { note(run, .refused("its node has no more threads")) } else { started?.detach() }
    }
  }

  private func note(_ run: Int64, _ outcome: RunOutcome) {
    monitor.withLock {
      ended.append((run, outcome))
      monitor.signalAll()
    }
  }

  /// Says what has ended: one flush for all of it.
  private func tell() throws(SystemError) -> Bool {
    var news = monitor.withLock {
      defer { ended = [] }
      return ended
    }
    // A cluster that ends a job ends its steps with it, perhaps before we hear of it: a failure is believed when we go on.
    let now = clock.monotonic
    for failure in news where !failure.outcome.isGood {
      doubted.append((now + Self.doubtSeconds, failure.run, failure.outcome))
    }
    news.removeAll { !$0.outcome.isGood }
    while let (due, run, outcome) = doubted.first, due <= now {
      doubted.removeFirst()
      news.append((run, outcome))
    }
    guard !news.isEmpty else { return false }
    if news.contains(where: { $0.outcome.ending == .exited(0) }) { try objects.sync() }
    for (run, outcome) in news {
      running[run] = nil
      try tell(run, outcome)
    }
    return true
  }

  private func tell(_ run: Int64, _ outcome: RunOutcome) throws(SystemError) {
    let taken = folder.place(JobFolder.taken, run)
    let message = ResultMessage(
      key: keys.removeValue(forKey: run), requestedAt: Files.writtenNanoseconds(taken) ?? 0, outcome: outcome)
    try folder.write(message.encoded, to: JobFolder.done + "/" + JobFolder.fileName(of: run))
    Files.remove(taken)
    if cancelled.remove(run) != nil { Files.remove(folder.place(JobFolder.cancel, run)) }
  }
}

extension RunRequest {
  var cpu: Double { resources.cpu ?? 1 }
  var memory: Int64 { resources.memory ?? 0 }
}

extension RunOutcome {
  /// Whether it says nothing that the death of its job could explain.
  fileprivate var isGood: Bool {
    switch ending {
    case .exited(0), .cancelled: true
    case .exited, .signaled, .timedOut, .refused: false
    }
  }

  private static let nothingUsed = Usage(
    wallSeconds: 0, cpuSeconds: 0, peakMemoryBytes: 0, memoryMeasure: .processMaximum)

  static func refused(_ message: String) -> RunOutcome {
    RunOutcome(ending: .refused(message: message), usage: nothingUsed, isSandboxed: false)
  }

  static let cancelledOutcome = RunOutcome(ending: .cancelled, usage: nothingUsed, isSandboxed: false)

  static func lost(_ message: String) -> RunOutcome {
    var outcome = refused("lost: \(message)")
    outcome.setback = .lostWorker(message: message)
    return outcome
  }
}
