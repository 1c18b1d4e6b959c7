import BuildGraph
package import Diagnostics
package import Ports
package import Watching

/// What a round of a watch is told, and what it says.
package struct WatchRound {
  package var changes: WatchChanges
  /// The changes are news to the user, so the round is spoken of even if it finds nothing to do.
  package var isAnnounced: Bool
  /// Requests wait for what it comes to.
  package var isAnswer: Bool
  package var feed: ChangeFeed
  /// Whether it begins again where it went wrong and something has changed meanwhile.
  package var mayGiveWay: Bool
  /// Takes in all that has happened until now.
  package var hear: () -> Void
}

/// How a round went.
package enum WatchRoundEnd {
  case finished(BuildEvent.Summary)
  /// The configuration has changed in a way that asks for new doors.
  case reconfigured
}

/// Whose watch it is: does the rounds, and all that is not waiting.
package protocol WatchHost: AnyObject {
  /// Does one round.
  func perform(_ round: WatchRound) throws(SystemError) -> WatchRoundEnd

  /// A round has ended and nothing is known to be stale; nil where there was none, since what was asked was known.
  func rest(after summary: BuildEvent.Summary?)

  /// There has been nothing to do for a while: a time for what no round should wait for, some milliseconds of it.
  ///
  /// - Returns: after how many seconds without anything to do there is more; nil if there is not.
  func settle() -> Double?

  /// The requests that have come so far are what the next answer is for: what happened before they came will be built.
  func gatherRequests()

  /// The last round was the answer.
  func dismissRequests()
}

/// Build, wait for changes, build again.
package final class WatchLoop {
  private let ear: WatchEar
  private let map: WatchMap
  private let fileSystem: any FileSystem
  private let clock: any Clock
  private let reopenRoots: () -> Void
  private unowned let host: any WatchHost

  private var state = WatchState()
  private var isAsked = false
  /// Whether what is dirty is more than an output or a doubt.
  private var isNews = false
  /// For how long there has to be nothing to do until the host settles; nil where it has.
  private var secondsToSettle: Double?
  private static let secondsToSettleFirst = 0.5
  /// How many rounds in a row were ended by changes.
  private var overtaken = 0
  /// So many may pass over what went wrong; the next one tells it, for changes may never end.
  private static let overtakenLimit = 8

  /// - Parameters:
  ///   - fileSystem: over the map's roots; never enters anything in the map.
  ///   - reopenRoots: has it find the roots' folders anew by their paths: others may lie there now.
  package init(
    ear: WatchEar, map: WatchMap, fileSystem: any FileSystem, clock: any Clock, host: any WatchHost,
    reopenRoots: @escaping () -> Void
  ) {
    self.reopenRoots = reopenRoots
    self.ear = ear
    self.map = map
    self.fileSystem = fileSystem
    self.clock = clock
    self.host = host
  }

  /// Watches until something ends it. The first round begins at once.
  package func run() -> WatchEnding {
    ear.open()
    defer { ear.close() }
    do throws(SystemError) {
      if let ending = try round(WatchChanges(paths: [], isWhole: false), isAnnounced: true) { return ending }
      while true {
        if let ending = try turn() { return ending }
      }
    } catch {
      return .failed(error)
    }
  }

  // MARK: By hand

  /// The first round, for who drives the loop by hand on one thread, without the ear's.
  package func begin() throws(SystemError) -> WatchEnding? {
    try round(WatchChanges(paths: [], isWhole: false), isAnnounced: true)
  }

  /// Hears all that there is and does all that is due, without waiting.
  package func advance() throws(SystemError) -> WatchEnding? {
    while true {
      try ear.hear()
      if let ending = try take(ear.take(atMostSeconds: 0)) { return ending }
      if isAsked {
        if let ending = try answer() { return ending }
      } else {
        guard state.isDue(at: clock.monotonic) else { return nil }
        if let ending = try round(state.begin(), isAnnounced: isNews) { return ending }
      }
    }
  }

  /// When ``advance()`` will have something to do, if nothing happens; nil where all is done.
  package var due: Double? { state.due }

  private func turn() throws(SystemError) -> WatchEnding? {
    let wait = isAsked ? 0 : state.due.map { max(0, $0 - clock.monotonic) } ?? secondsToSettle
    let heard = ear.take(atMostSeconds: wait)
    if heard.isEmpty, wait != nil, !isAsked {
      if state.isDirty {
        state.timeIsUp()
      } else {
        secondsToSettle = host.settle()
      }
    }
    if let ending = try take(heard) { return ending }
    if isAsked { return try answer() }
    guard state.isDue(at: clock.monotonic) else { return nil }
    return try round(state.begin(), isAnnounced: isNews)
  }

  private func answer() throws(SystemError) -> WatchEnding? {
    isAsked = false
    host.gatherRequests()
    // What happened before a request came belongs to its answer.
    try ear.hear()
    repeat {
      if let ending = try take(ear.take(atMostSeconds: 0)) { return ending }
      var changes = state.begin(isAnswer: true)
      if map.isPolling { changes.isWhole = false }
      if let ending = try round(changes, isAnnounced: isNews, isAnswer: true) { return ending }
    } while overtaken > 0
    host.dismissRequests()
    return nil
  }

  private func take(_ heard: [WatchEar.Heard]) throws(SystemError) -> WatchEnding? {
    var outputs: [Path] = []
    for item in heard {
      switch item {
      case .changes(let changes): hear(changes)
      case .outputs(let paths): outputs += paths
      case .structure(let places):
        reopenRoots()
        map.reopen(below: places)
        if places.contains(where: { $0 == Path("") }), fileSystem.look(at: Path("")) == .missing {
          return .failed(SystemError(.notFound, "the workspace is gone or was moved"))
        }
        state.hearOfLoss(at: clock.monotonic)
      case .loss:
        reopenRoots()
        // What was lost may have been that a watched folder is another one now.
        map.reopenAll()
        state.hearOfLoss(at: clock.monotonic)
      case .request: isAsked = true
      case .ended(let ending): return ending
      }
    }
    if !outputs.isEmpty { checkOutputs(outputs) }
    return nil
  }

  private func hear(_ changes: [PathChange]) {
    guard !changes.isEmpty else { return }
    isNews = isNews || changes.contains { $0.kind != .modified }
    state.hear(changes, at: clock.monotonic)
  }

  /// Most events of the output tree are of Reflow's own making.
  private func checkOutputs(_ places: [Path]) {
    let unique = Array(Set(places)).sorted()
    // The whole tree: the one that was moved away is as it was.
    if unique.contains(where: \.bytes.isEmpty) { reopenRoots() }
    map.reopen(below: unique)
    let foreign = map.foreign(among: map.outputs(below: unique), fileSystem)
    state.hear(foreign.map { PathChange(path: $0, kind: .written) }, at: clock.monotonic)
  }

  private func round(
    _ changes: WatchChanges, isAnnounced: Bool, isAnswer: Bool = false
  ) throws(SystemError) -> WatchEnding? {
    let wasNews = isNews
    isNews = false
    secondsToSettle = Self.secondsToSettleFirst
    let feed = ChangeFeed()
    ear.begin(feed)
    let result = Result { () throws(SystemError) in
      try host.perform(
        WatchRound(
          changes: changes, isAnnounced: isAnnounced, isAnswer: isAnswer, feed: feed,
          mayGiveWay: overtaken < Self.overtakenLimit,
          hear: { [ear] in
            do throws(SystemError) { try ear.hear() } catch { ear.post(.ended(.failed(error))) }
          }))
    }
    let left = ear.end(feed)
    let end = try result.get()
    try ear.hear()
    hear(left)
    if let ending = try take(ear.take(atMostSeconds: 0)) { return ending }
    switch end {
    case .reconfigured: return .reconfigured
    case .finished(let summary):
      if feed.hasEndedBuild {
        overtaken += 1
        // As if it had not begun.
        isNews = isNews || wasNews
        state.hear(changes.paths.map { PathChange(path: $0, kind: .written) }, at: clock.monotonic)
        if !changes.isWhole { state.hearOfLoss(at: clock.monotonic) }
      } else {
        overtaken = 0
        if !state.isDirty { host.rest(after: summary) }
      }
      return nil
    }
  }
}
