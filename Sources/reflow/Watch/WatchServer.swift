import BuildGraph
import Diagnostics
import Driver
import LinuxSystem
import Ports
import Synchronization
import Watching
@preconcurrency import Glibc

/// Lets `reflow build` ask a watch, on a thread of its own: who asks is heard at once, even while a round runs.
final class WatchServer: Sendable {
  private struct State {
    var identity: Digest
    /// Whose requests came since the last ``gather()``.
    var waiting: [LocalSocket] = []
    /// Who gets the events of the round that is at work.
    var served: [LocalSocket] = []
    var listener: LocalListener?
    var isClosed = false
  }

  static let socketName = "socket"
  /// Long enough for a client on a machine that is busy, short enough for those behind one that is stopped.
  private static let secondsForHello = 1.0
  /// A client gives up after several of these without a word.
  private static let heartbeatSeconds = 1.0

  private let state: Mutex<State>
  private let request: @Sendable () -> Void
  private let unheard: @Sendable () -> Void

  /// - Parameters:
  ///   - identity: of what the watch builds; who wants another thing is sent away.
  ///   - request: is called when somebody waits for an answer.
  ///   - unheard: is called when nobody reads standard error any more.
  init(identity: Digest, request: @escaping @Sendable () -> Void, unheard: @escaping @Sendable () -> Void) {
    state = Mutex(State(identity: identity))
    self.request = request
    self.unheard = unheard
  }

  // MARK: Serving

  /// Begins to listen; with nil only to standard error's end.
  func open(_ listener: LocalListener?) {
    state.withLock { $0.listener = listener }
    var thread = pthread_t()
    let server = Unmanaged.passRetained(self)
    let failure = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<WatchServer>.fromOpaque(argument!).takeRetainedValue().serve()
        return nil
      }, server.toOpaque())
    if failure == 0 { pthread_detach(thread) } else { server.release() }
  }

  /// Sends nobody an answer any more. The thread ends when it is next woken, or with the process.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.listener?.close()
      state.listener = nil
      state.waiting = []
      state.served = []
    }
  }

  func setIdentity(_ identity: Digest) { state.withLock { $0.identity = identity } }

  private func serve() {
    var watchesErrors = true
    while true {
      let (listener, clients, isClosed) = state.withLock { ($0.listener, $0.waiting + $0.served, $0.isClosed) }
      if isClosed { return }
      let seconds = clients.isEmpty ? 3600 : Self.heartbeatSeconds
      switch LocalListener.wait(for: listener, watchesErrors: watchesErrors, atMostSeconds: seconds) {
      case .connected(let socket): greet(socket)
      case .unheard:
        watchesErrors = false
        unheard()
      case .nothing: for client in clients { client.send(WatchMessage.alive.encoded) }
      }
    }
  }

  private func greet(_ socket: LocalSocket) {
    // Whoever connects speaks at once; who does not must not keep others waiting.
    guard let bytes = socket.receive(atMostSeconds: Self.secondsForHello, limitBytes: 1024),
      case .hello(let hello) = WatchMessage(encoded: bytes)
    else { return }
    let isSame = state.withLock { $0.identity == hello.identity }
    guard isSame, !hello.isInquiry else {
      socket.send(WatchMessage.declined(process: getpid(), isSame: isSame).encoded)
      return
    }
    guard socket.send(WatchMessage.accepted(process: getpid()).encoded) else { return }
    state.withLock { $0.waiting.append(socket) }
    request()
  }

  // MARK: Answering

  /// All requests so far are what the next answer is for.
  func gather() {
    state.withLock { state in
      state.served += state.waiting
      state.waiting = []
    }
  }

  /// The answer has been given.
  func dismiss() { state.withLock { $0.served = [] } }

  /// Where the events of an answer go.
  func sink(_ feed: ChangeFeed) -> any EventSink { Sink(state.withLock { $0.served }, feed) }

  private final class Sink: EventSink {
    private let clients: [LocalSocket]
    private let feed: ChangeFeed

    init(_ clients: [LocalSocket], _ feed: ChangeFeed) {
      self.clients = clients
      self.feed = feed
    }

    func receive(_ event: BuildEvent) {
      // A round that a change overtook begins again; its end is not the answer.
      if case .buildFinished = event, feed.hasEndedBuild { return }
      let message = WatchMessage.event(event).encoded
      for client in clients { client.send(message) }
    }

    /// That time goes by is told by the server, also between rounds.
    func tick() {}
  }
}
