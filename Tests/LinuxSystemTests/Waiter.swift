import Glibc

/// A thread whose answer can be waited for.
final class Waiter: @unchecked Sendable {
  // The answer is written before the thread ends and read after it is joined.
  private var answer = false
  private var thread = pthread_t()
  private let body: @Sendable () -> Bool

  init(_ body: @escaping @Sendable () -> Bool) {
    self.body = body
    pthread_create(
      &thread, nil,
      { argument in
        let waiter = Unmanaged<Waiter>.fromOpaque(argument!).takeRetainedValue()
        waiter.answer = waiter.body()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
  }

  /// - Precondition: it is not waited for yet.
  func signal(_ number: Int32) { pthread_kill(thread, number) }

  func wait() -> Bool {
    pthread_join(thread, nil)
    return answer
  }
}
