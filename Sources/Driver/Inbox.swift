import BuildGraph
import Diagnostics
import Engine
import Ports

/// What the workers, and whoever interrupts, have to say to the loop.
///
/// `@unchecked Sendable`: `messages` is touched inside `monitor.withLock` only.
final class Inbox: @unchecked Sendable {
  enum Message: Sendable {
    /// No process of a step is left, and it has not failed; what it made is still to be taken in. Its end is told later.
    case succeeded(StepID)
    case ran(StepJob.Ended)
    case read([SourceReader.Reply])
    case events([Event])
    case text(Need, Answer)
    case synced([StoreChange])
    case exported(StepID, ExportEnding, message: String?)
    /// What the evaluation asked for is no longer what the engine took it for.
    case overtaken
    /// What no build can go on after.
    case failed(SystemError)
    /// Sources that are not what they were when they were read.
    case readAgain([SourceReader.Reply])
    /// A watch has heard of changes. No work was given out for this one, nor for the next.
    case changed
    case interrupted

    var endsWork: Bool {
      switch self {
      case .succeeded, .changed, .interrupted: false
      case .ran, .read, .events, .text, .synced, .exported, .overtaken, .failed, .readAgain: true
      }
    }
  }

  private let monitor = Monitor()
  private var messages: [Message] = []

  func post(_ message: Message) {
    monitor.withLock {
      messages.append(message)
      monitor.signal()
    }
  }

  /// All messages so far, in order; waits for one, or until the time is over.
  func take(atMostSeconds seconds: Double?) -> [Message] {
    monitor.withLock {
      if messages.isEmpty, seconds.map({ $0 > 0 }) ?? true { monitor.wait(atMostSeconds: seconds) }
      defer { messages = [] }
      return messages
    }
  }
}
