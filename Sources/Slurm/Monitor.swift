@preconcurrency import Glibc

/// A mutex with a condition.
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

  /// Gives up the lock until somebody signals or the time is over. To be called inside `withLock`; may wake for nothing.
  func wait(atMostSeconds seconds: Double) {
    var instant = timespec()
    clock_gettime(CLOCK_MONOTONIC, &instant)
    let nanoseconds = Int(instant.tv_nsec) + Int(max(0, seconds) * 1e9)
    instant.tv_sec += time_t(nanoseconds / 1_000_000_000)
    instant.tv_nsec = nanoseconds % 1_000_000_000
    pthread_cond_timedwait(condition, mutex, &instant)
  }

  func signalAll() { pthread_cond_broadcast(condition) }
}

/// A thread that is waited for.
struct Worker {
  private let thread: pthread_t

  /// Nil where there are no more threads to be had.
  init?(_ body: @escaping @Sendable () -> Void) {
    final class Box {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let failure = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    guard failure == 0 else {
      box.release()
      return nil
    }
    self.thread = thread
  }

  func join() { pthread_join(thread, nil) }

  /// Nobody waits for it.
  func detach() { pthread_detach(thread) }
}
