import CLinux
import Glibc
import Synchronization

/// Ctrl-C and its kin (SIGINT, SIGTERM, SIGHUP), as calls on a thread of their own.
package enum Interrupts {
  private static let isWatching = Atomic<Bool>(false)

  /// From now on the first signal calls `first` with its number, on a thread of its own, and the second ends this process at once
  /// with status 130 (128 and the number): the steps die with it, and the state is made for that.
  ///
  /// A second call of this changes nothing.
  package static func watch(_ first: @escaping @Sendable (Int32) -> Void) {
    guard !isWatching.exchange(true, ordering: .relaxed) else { return }
    let descriptor = reflow_watch_interrupts()
    guard descriptor >= 0 else { return }
    let argument = Unmanaged.passRetained(Watch(descriptor: descriptor, first: first)).toOpaque()
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Watch>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, argument)
    if failure == 0 { pthread_detach(thread) } else { Unmanaged<Watch>.fromOpaque(argument).release() }
  }

  private final class Watch: Sendable {
    private let descriptor: Int32
    private let first: @Sendable (Int32) -> Void

    init(descriptor: Int32, first: @escaping @Sendable (Int32) -> Void) {
      self.descriptor = descriptor
      self.first = first
    }

    func run() {
      var number: UInt8 = 0
      var count = 0
      repeat { count = read(descriptor, &number, 1) } while count < 0 && errno == EINTR
      if count == 1 { first(Int32(number)) }
    }
  }
}
