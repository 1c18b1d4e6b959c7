import BuildGraph
import Diagnostics
import LinuxSystem
import Ports
import Watching

/// Asks a running watch for what a build would do.
struct WatchClient {
  /// What came of asking.
  enum Answer {
    case answered(BuildEvent.Summary)
    /// Nobody is there who could, or who would.
    case unanswered
    /// It went away in the middle of it.
    case lost
  }

  /// Who was found at the socket.
  struct Other {
    var process: Int32
    /// Whether it watches the same.
    var isSame: Bool
  }

  let stateFolder: ByteString
  let identity: Digest
  /// A watch that is alive says hello within this time, whatever it is doing.
  private static let secondsForHello = 2.0
  /// And is heard of at least this often.
  private static let secondsOfSilence = 5.0

  /// Whether a watch has left its socket here; it may be dead since.
  static func mayBeThere(_ stateFolder: ByteString) -> Bool {
    HostFile.exists(stateFolder + "/" + ByteString(WatchServer.socketName))
  }

  private func connect(isInquiry: Bool) -> (socket: LocalSocket, reply: WatchMessage)? {
    guard let socket = LocalSocket.connect(toFolder: stateFolder, name: WatchServer.socketName) else { return nil }
    let hello = WatchMessage.hello(.init(identity: identity, isInquiry: isInquiry))
    guard socket.send(hello.encoded),
      let bytes = socket.receive(atMostSeconds: Self.secondsForHello, limitBytes: 1024),
      let reply = WatchMessage(encoded: bytes)
    else { return nil }
    return (socket, reply)
  }

  /// Has the watch build, if it watches the same, and passes its events on.
  func ask(_ sink: any EventSink) -> Answer {
    guard let (socket, reply) = connect(isInquiry: false), case .accepted = reply else { return .unanswered }
    var hasEvents = false
    while let bytes = socket.receive(atMostSeconds: Self.secondsOfSilence, limitBytes: WatchMessage.limitBytes),
      let message = WatchMessage(encoded: bytes)
    {
      switch message {
      case .event(let event):
        hasEvents = true
        sink.receive(event)
        if case .buildFinished(let summary) = event {
          // It was told to end, and we were not.
          return summary.status == .interrupted || summary.status == .overtaken ? .lost : .answered(summary)
        }
      case .alive: sink.tick()
      case .hello, .accepted, .declined: return hasEvents ? .lost : .unanswered
      }
    }
    return hasEvents ? .lost : .unanswered
  }

  /// Who serves here, if anybody does.
  func inquire() -> Other? {
    guard let (_, reply) = connect(isInquiry: true), case .declined(let process, let isSame) = reply else { return nil }
    return Other(process: process, isSame: isSame)
  }
}
