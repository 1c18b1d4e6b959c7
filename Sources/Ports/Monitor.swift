@preconcurrency import Glibc

/// A mutex with a condition: for what the threads on both sides of a door share, where somebody has to wait for news.
///
/// `@unchecked Sendable`: the two handles are allocated once, never moved, and all access to what they guard goes through
/// `withLock` of their owner.
package final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init() {
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

  package func withLock<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  /// Gives up the lock until it is signalled or the time is over. To be called inside `withLock`; may wake for nothing.
  package func wait(atMostSeconds seconds: Double? = nil) {
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

  package func signal() { pthread_cond_signal(condition) }
  package func signalAll() { pthread_cond_broadcast(condition) }
}
