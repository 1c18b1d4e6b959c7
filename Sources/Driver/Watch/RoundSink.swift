import Diagnostics
package import Ports

/// The events of one round on their way to the sinks of a watch.
///
/// A round that nobody asked for and that does nothing is not spoken of: it is held back until it does something. One that a
/// change overtook has no end of its own.
package final class RoundSink: EventSink {
  private let base: any EventSink
  private let feed: ChangeFeed
  private var held: [BuildEvent] = []
  private var isHolding: Bool
  /// What was said last time without anything being done.
  private let lastSayings: [String]
  package private(set) var sayings: [String] = []
  package private(set) var wasHeard = true

  /// - Parameter lastSayings: ``sayings`` of the round before.
  package init(_ base: any EventSink, feed: ChangeFeed, isAnnounced: Bool, lastSayings: [String]) {
    self.base = base
    self.feed = feed
    self.lastSayings = lastSayings
    isHolding = !isAnnounced
  }

  package func receive(_ event: BuildEvent) {
    switch event {
    case .diagnostic(let diagnostic): sayings.append(diagnostic.message)
    case .printed(let line): sayings.append(line)
    case .buildFinished(let summary):
      if feed.hasEndedBuild {
        wasHeard = false
        return
      }
      if isHolding, summary.status == .succeeded, sayings == lastSayings {
        wasHeard = false
        return
      }
      release()
    case .stepStarted, .wouldRun, .outputWritten, .outputRemoved, .outputDisplaced: release()
    case .stepFinished(let end):
      switch end.status {
      case .run, .failed, .cancelled: release()
      case .cached: break
      }
    case .buildStarted, .planned, .explained, .changed, .watching: break
    }
    if isHolding { held.append(event) } else { base.receive(event) }
  }

  private func release() {
    guard isHolding else { return }
    isHolding = false
    for event in held { base.receive(event) }
    held = []
  }
}
