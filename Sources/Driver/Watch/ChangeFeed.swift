import Ports
package import Watching

/// Tells a running build of changes as they are heard of, and keeps those that it does not take.
///
/// `@unchecked Sendable`: all fields are touched inside `monitor.withLock` only.
package final class ChangeFeed: @unchecked Sendable {
  private let monitor = Monitor()
  private var changes: [PathChange] = []
  private var left: [PathChange] = []
  private var mustEnd = false
  private var wasEnded = false
  private var handler: (@Sendable () -> Void)?

  package init() {}

  /// For the one who hears. Callable from any thread.
  package func post(_ new: [PathChange]) {
    guard !new.isEmpty else { return }
    let handler = monitor.withLock {
      changes += new
      return self.handler
    }
    handler?()
  }

  /// What is under way is void: end it soon, and begin again.
  package func end() {
    let handler = monitor.withLock {
      mustEnd = true
      return self.handler
    }
    handler?()
  }

  /// Has a build that went wrong begin again if something has changed that it did not take: what it missed may just have come.
  ///
  /// To be called after everything has been heard, before its end is told.
  package func giveWay() {
    monitor.withLock { if mustEnd || !changes.isEmpty { wasEnded = true } }
  }

  /// Whether the build ended early because of what it heard; its summary means nothing then.
  package var hasEndedBuild: Bool { monitor.withLock { wasEnded } }

  /// The changes that no build has dealt with; to be called after it.
  package func takeRest() -> [PathChange] {
    monitor.withLock {
      defer { (changes, left) = ([], []) }
      return left + changes
    }
  }

  // MARK: For the build

  /// The changes since the last call.
  func take() -> [PathChange] {
    monitor.withLock {
      defer { changes = [] }
      return changes
    }
  }

  var isToEnd: Bool { monitor.withLock { mustEnd } }

  /// Puts back what a build cannot deal with, and says that it ends because of that.
  func endBuild(leaving rest: [PathChange]) {
    monitor.withLock {
      changes = rest + changes
      wasEnded = true
    }
  }

  /// Keeps what a build has no use for, for the round after it.
  func leave(_ rest: [PathChange]) { monitor.withLock { left += rest } }

  /// Calls `handler` when something is posted, at once if something has been; nil for no more calls.
  func onPost(_ handler: (@Sendable () -> Void)?) {
    let isLate = monitor.withLock {
      self.handler = handler
      return mustEnd || !changes.isEmpty
    }
    if isLate { handler?() }
  }
}
