@preconcurrency import Glibc

/// A mutex with a condition, for the two queues of the driver.
///
/// `@unchecked Sendable`: the two handles are allocated once, never moved, and all access to what they guard goes through
/// `withLock` of their owner.
final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func withLock<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  /// Gives up the lock until it is signalled or the time is over. To be called inside `withLock`; may wake for nothing.
  func wait(atMostSeconds seconds: Double? = nil) {
    guard let seconds else {
      pthread_cond_wait(condition, mutex)
      return
    }
    var instant = timespec()
    clock_gettime(CLOCK_MONOTONIC, &instant)
    let nanoseconds = Int(instant.tv_nsec) + Int(max(0, seconds) * 1e9)
    instant.tv_sec += time_t(nanoseconds / 1_000_000_000)
    instant.tv_nsec = nanoseconds % 1_000_000_000
    pthread_cond_timedwait(condition, mutex, &instant)
  }

  func signal() { pthread_cond_signal(condition) }
  func signalAll() { pthread_cond_broadcast(condition) }
}

/// Does blocking work away from the loop. A fixed number of threads, so that a step costs none.
protocol WorkPool: AnyObject {
  func submit(_ work: @escaping @Sendable () -> Void)
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
final class ChosenOrderPool: WorkPool {
  private var pieces: [@Sendable () -> Void] = []

  func submit(_ work: @escaping @Sendable () -> Void) { pieces.append(work) }
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
