import CLinux
import Glibc
import Synchronization

/// Ctrl-C and its kin (SIGINT, SIGTERM, SIGHUP), as calls on a thread of their own.
package enum Interrupts {
  private static let isWatching = Atomic<Bool>(false)

  /// From now on the first signal calls `first` with its number, and the second ends this process at once with status 130 (128
  /// and the number): the steps die with it, and the state is made for that.
  ///
  /// Call it once, before other threads exist: the signals are blocked in this thread and in those made after.
  package static func watch(_ first: @escaping @Sendable (Int32) -> Void) {
    guard !isWatching.exchange(true, ordering: .relaxed) else { return }
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // One that the caller ignores (nohup) stays ignored.
      var present = sigaction()
      sigaction(number, nil, &present)
      if unsafeBitCast(present.__sigaction_handler.sa_handler, to: Int.self) == 1 { continue }
      sigaddset(&set, number)
    }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let argument = Unmanaged.passRetained(Watch(set: set, first: first)).toOpaque()
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Watch>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, argument)
    if failure == 0 { pthread_detach(thread) } else { Unmanaged<Watch>.fromOpaque(argument).release() }
  }

  private final class Watch {
    private var set: sigset_t
    private let first: @Sendable (Int32) -> Void

    init(set: sigset_t, first: @escaping @Sendable (Int32) -> Void) {
      self.set = set
      self.first = first
    }

    func run() {
      var number: Int32 = 0
      while sigwait(&set, &number) != 0 {}
      first(number)
      while sigwait(&set, &number) != 0 {}
      _exit(128 + number)
    }
  }
}
