import Ports

/// A clock that is moved by hand.
///
/// `@unchecked Sendable`, as all of the simulation: one thread does everything.
package final class SimulatedClock: Clock, @unchecked Sendable {
  private var timeOfDay: Int64 = 1_700_000_000_123_456_789
  /// What the time of day lacks of the time that went by.
  private var taken: Int64 = 0
  /// Time goes by, and the time of day does not show it.
  package var standsStill = false
  /// Whether the time of day has ever gone back, or less far than the time: what is said of times then holds of few files.
  package private(set) var wasWrong = false

  package init() {}

  /// Since 1970. Moving it lets time go by.
  package var nanoseconds: Int64 {
    get { timeOfDay }
    set {
      guard standsStill else { return timeOfDay = newValue }
      taken += newValue - timeOfDay
      wasWrong = true
    }
  }

  package var now: Double { Double(timeOfDay) / 1e9 }
  package var monotonic: Double { Double(timeOfDay + taken) / 1e9 }

  /// Somebody sets the time of day back; ahead where it is less than nothing.
  package func setBack(by nanoseconds: Int64) {
    timeOfDay -= nanoseconds
    taken += nanoseconds
    if nanoseconds > 0 { wasWrong = true }
  }
}
