package import BuildGraph
package import Diagnostics
import Glibc
package import Ports
package import Watching

/// Hears what happens, on a thread of its own, so that nothing is lost while a build keeps the main one; and hands changes
/// to a running build at once.
///
/// `@unchecked Sendable`: `queue`, `round` and `isClosed` are touched inside `monitor.withLock` only; `looks` by the ear's thread alone.
package final class WatchEar: @unchecked Sendable {
  package enum Heard: Sendable {
    case changes([PathChange])
    /// Files or folders of the output tree.
    case outputs([Path])
    /// Folders of sources came, went or became others.
    case structure([Path])
    /// Only a full look tells what changed.
    case loss
    /// A request that waits for an answer.
    case request
    /// The watch has to end.
    case ended(WatchEnding)
  }

  /// Seconds between two looks at files whose file system tells nothing.
  package static let pollInterval = 2.0

  private let watcher: any Watcher
  private let map: WatchMap
  private let fileSystem: any FileSystem
  private let monitor = Monitor()
  private let takeMonitor = Monitor()
  private var queue: [Heard] = []
  private var round: ChangeFeed?
  private var isClosed = false
  private var thread: pthread_t?
  private var looks: [Path: Look] = [:]

  /// - Parameter fileSystem: over the map's roots; never enters anything in the map.
  package init(watcher: any Watcher, map: WatchMap, fileSystem: any FileSystem) {
    self.watcher = watcher
    self.map = map
    self.fileSystem = fileSystem
  }

  /// Begins to listen.
  package func open() {
    var started = pthread_t()
    let ear = Unmanaged.passRetained(self)
    let failure = pthread_create(
      &started, nil,
      { argument in
        Unmanaged<WatchEar>.fromOpaque(argument!).takeRetainedValue().listen()
        return nil
      }, ear.toOpaque())
    if failure == 0 {
      thread = started
    } else {
      ear.release()
      post(.ended(.failed(SystemError(.limit, "cannot start a thread: raise `ulimit -u`", errno: failure))))
    }
  }

  /// Ends the thread.
  package func close() {
    monitor.withLock { isClosed = true }
    watcher.interrupt()
    if let thread { pthread_join(thread, nil) }
    thread = nil
  }

  private func listen() {
    do throws(SystemError) {
      var nextPoll = 0.0
      while !monitor.withLock({ isClosed }) {
        let isPolling = map.isPolling
        try watcher.await(timeoutSeconds: isPolling ? Self.pollInterval : nil)
        try hear()
        guard isPolling, Self.now >= nextPoll else { continue }
        poll(map.polledPaths)
        nextPoll = Self.now + Self.pollInterval
      }
    } catch {
      post(.ended(.failed(error)))
    }
  }

  private static var now: Double {
    var instant = timespec()
    clock_gettime(CLOCK_MONOTONIC, &instant)
    return Double(instant.tv_sec) + Double(instant.tv_nsec) / 1e9
  }

  /// Takes all events that there are, in order, whoever calls: after this returns, what had happened before is heard.
  package func hear() throws(SystemError) {
    let result: Result<Void, SystemError> = takeMonitor.withLock {
      Result { () throws(SystemError) in
        let events = try watcher.take()
        if !events.isEmpty { sort(map.meanings(of: events)) }
      }
    }
    try result.get()
    if let failure = map.takeFailure() { throw failure }
  }

  private func sort(_ meanings: [WatchInterests.Meaning]) {
    var changes: [PathChange] = []
    var unsettled: [PathChange] = []
    var outputs: [Path] = []
    var structure: [Path] = []
    var isLoss = false
    for meaning in meanings {
      switch meaning {
      case .nothing: continue
      case .changes(let some):
        for change in some {
          if map.isOutput(change.path) {
            outputs.append(change.path)
          } else if change.kind == .modified {
            unsettled.append(change)
          } else {
            changes.append(change)
          }
        }
      case .structure(let place):
        if map.isOutput(place) { outputs.append(place) } else { structure.append(place) }
      case .unknown: isLoss = true
      }
    }
    if !changes.isEmpty {
      map.checkLinks(changes)
      // Under the lock: a round that has ended between asking for it and posting to it would never be asked for its rest.
      monitor.withLock {
        if let round { round.post(changes) } else { queue.append(.changes(changes)) }
      }
    }
    // A round at work has no use for what is not yet whole; who asks for one has.
    if !unsettled.isEmpty { post(.changes(unsettled)) }
    if !outputs.isEmpty { post(.outputs(outputs)) }
    if !structure.isEmpty {
      post(.structure(structure))
      monitor.withLock { round }?.end()
    }
    if isLoss {
      post(.loss)
      monitor.withLock { round }?.end()
    }
    monitor.withLock { monitor.signal() }
  }

  /// Looks at what no event would tell of.
  private func poll(_ paths: [Path]) {
    var changes: [PathChange] = []
    var hasNew = false
    var now: [Path: Look] = [:]
    for (path, look) in zip(paths, fileSystem.look(at: paths)) {
      now[path] = look
      if let old = looks[path] {
        if old != look { changes.append(PathChange(path: path, kind: map.isListed(path) ? .created : .written)) }
      } else {
        hasNew = true
      }
    }
    looks = now
    takeMonitor.withLock {
      if !changes.isEmpty { sort([.changes(changes)]) }
    }
    // What changed between a build's look and the first one here, nobody has seen: one more look at everything tells.
    if hasNew { post(.loss) }
  }

  // MARK: For the loop

  package func post(_ heard: Heard) {
    monitor.withLock {
      queue.append(heard)
      monitor.signal()
    }
  }

  /// All that was heard so far, in order; waits for something, or until the time is over.
  package func take(atMostSeconds seconds: Double?) -> [Heard] {
    monitor.withLock {
      if queue.isEmpty, seconds.map({ $0 > 0 }) ?? true { monitor.wait(atMostSeconds: seconds) }
      defer { queue = [] }
      return queue
    }
  }

  /// From now on changes of sources go to this round.
  package func begin(_ round: ChangeFeed) { monitor.withLock { self.round = round } }

  /// - Returns: what the round did not take. Nothing is posted to it from then on.
  package func end(_ round: ChangeFeed) -> [PathChange] {
    monitor.withLock {
      self.round = nil
      return round.takeRest()
    }
  }
}

/// Why a watch ends.
package enum WatchEnding: Sendable {
  /// Told by this signal.
  case signal(Int32)
  /// Nobody can read any more what it says.
  case unheard
  case failed(SystemError)
  /// Roots or places of the configuration are others now: to be set up anew.
  case reconfigured
}
