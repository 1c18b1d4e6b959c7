import Diagnostics
package import Ports

/// The events of one round on their way to the sinks of a watch.
///
/// A round that nobody asked for and that does nothing is not spoken of: it is held back until it does something. One that a
/// change overtook ends as ``BuildEvent/BuildStatus/overtaken``, whatever it came to.
package final class RoundSink: EventSink {
  private let base: any EventSink
  private let feed: ChangeFeed
  private let hear: () -> Void
  private let mayGiveWay: Bool
  private var held: [BuildEvent] = []
  private var isHolding: Bool
  /// What was said last time without anything being done.
  private let lastSayings: [String]
  package private(set) var sayings: [String] = []
  package private(set) var wasHeard = true

  /// - Parameter lastSayings: ``sayings`` of the round before.
  package init(_ base: any EventSink, of round: WatchRound, lastSayings: [String]) {
    self.base = base
    feed = round.feed
    hear = round.hear
    mayGiveWay = round.mayGiveWay
    self.lastSayings = lastSayings
    isHolding = !round.isAnnounced
  }

  package func receive(_ event: BuildEvent) {
    switch event {
    case .diagnostic(let diagnostic): sayings.append(diagnostic.message)
    case .printed(let line): sayings.append(line)
    case .buildFinished(var summary):
      if mayGiveWay, summary.status == .failed || summary.status == .invalid {
        // A file that is not there may be on its way: somebody switches between branches, and the round began in the middle.
        hear()
        feed.giveWay()
      }
      if feed.hasEndedBuild {
        wasHeard = false
        guard !isHolding else { return }
        summary.status = .overtaken
        return base.receive(.buildFinished(summary))
      }
      if isHolding, summary.status == .succeeded, sayings == lastSayings {
        wasHeard = false
        return
      }
      release()
    case .stepStarted, .wouldRun, .wouldPublish, .outputWritten, .outputRemoved, .outputDisplaced: release()
    case .stepFinished(let end):
      switch end.status {
      case .run, .failed, .cancelled: release()
      case .cached: break
      }
    case .buildStarted, .planned, .remaining, .explained, .changed, .watching: break
    }
    if isHolding { held.append(event) } else { base.receive(event) }
  }

  package func tick() {
    if !isHolding { base.tick() }
  }

  private func release() {
    guard isHolding else { return }
    isHolding = false
    for event in held { base.receive(event) }
    held = []
  }
}
