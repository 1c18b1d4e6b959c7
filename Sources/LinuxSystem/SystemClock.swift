import CLinux
import Glibc
import Ports

/// The clocks of this machine.
package struct SystemClock: Clock {
  package init() {}

  package var now: Double { Self.read(CLOCK_REALTIME) }
  package var monotonic: Double { Self.read(CLOCK_MONOTONIC) }

  private static func read(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
