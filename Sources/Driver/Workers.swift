@preconcurrency import Glibc
import Ports

/// Does blocking work away from the loop. A fixed number of threads, so that a step costs none.
protocol WorkPool: AnyObject, Sendable {
  func submit(_ work: @escaping @Sendable () -> Void)
  /// Does what follows a piece of work, from within it: at once, or, where the order of pieces is chosen, as one more.
  func goOn(_ work: @escaping @Sendable () -> Void)
  /// Waits for what has begun and ends the threads.
  func shutDown()
}

/// `@unchecked Sendable`: `queue` and `isClosed` are touched inside `monitor.withLock` only, `threads` by the owner alone.
final class ThreadPool: WorkPool, @unchecked Sendable {
  private let monitor = Monitor()
  private var queue: [@Sendable () -> Void] = []
  private var head = 0
  private var isClosed = false
  private var threads: [pthread_t] = []
  private var idle = 0
  private let limit: Int

  /// Threads are started as work comes, up to `limit`.
  init(limit: Int) { self.limit = max(1, limit) }

  func submit(_ work: @escaping @Sendable () -> Void) {
    let needsThread = monitor.withLock {
      queue.append(work)
      monitor.signal()
      return queue.count - head > idle
    }
    if needsThread, threads.count < limit { startThread() }
  }

  func goOn(_ work: @escaping @Sendable () -> Void) { work() }

  private func startThread() {
    var thread = pthread_t()
    let pool = Unmanaged.passRetained(self)
    let result = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<ThreadPool>.fromOpaque(argument!).takeRetainedValue().work()
        return nil
      }, pool.toOpaque())
    if result == 0 {
      threads.append(thread)
    } else {
      pool.release()
      // Without a thread there is still the one that asks.
      if threads.isEmpty, let work = next(waits: false) { work() }
    }
  }

  private func next(waits: Bool = true) -> (@Sendable () -> Void)? {
    monitor.withLock {
      while head == queue.count {
        if isClosed || !waits { return nil }
        queue.removeAll(keepingCapacity: true)
        head = 0
        idle += 1
        monitor.wait()
        idle -= 1
      }
      defer { head += 1 }
      return queue[head]
    }
  }

  private func work() {
    while let work = next() { work() }
  }

  func shutDown() {
    monitor.withLock {
      isClosed = true
      monitor.signalAll()
    }
    for thread in threads { pthread_join(thread, nil) }
    threads = []
  }
}

/// Work that is done when nobody has anything better to do, in an order that somebody chooses: the simulation's threads.
///
/// `@unchecked Sendable`: one thread does everything.
final class ChosenOrderPool: WorkPool, @unchecked Sendable {
  private var pieces: [@Sendable () -> Void] = []

  func submit(_ work: @escaping @Sendable () -> Void) { pieces.append(work) }
  func goOn(_ work: @escaping @Sendable () -> Void) { pieces.append(work) }
  func shutDown() { pieces = [] }

  /// Does one piece; false if there is none.
  func step(_ choose: (Int) -> Int) -> Bool {
    guard !pieces.isEmpty else { return false }
    pieces.remove(at: choose(pieces.count))()
    return true
  }
}

/// Ends a build from outside: from a signal handler's thread, or a test.
///
/// `@unchecked Sendable`: both fields are touched inside `monitor.withLock` only.
package final class Interruption: @unchecked Sendable {
  private let monitor = Monitor()
  private var isRaised = false
  private var handler: (@Sendable () -> Void)?

  package init() {}

  /// Launch nothing more, end what runs, keep what has finished. Callable from any thread; idempotent.
  package func interrupt() {
    let handler = monitor.withLock {
      defer { isRaised = true }
      return isRaised ? nil : self.handler
    }
    handler?()
  }

  package var hasBeenRaised: Bool { monitor.withLock { isRaised } }

  /// Calls `handler` once it is raised, at once if it has been.
  func onInterrupt(_ handler: @escaping @Sendable () -> Void) {
    let isLate = monitor.withLock {
      self.handler = handler
      return isRaised
    }
    if isLate { handler() }
  }
}
