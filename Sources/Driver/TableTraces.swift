import BuildGraph
package import Ports
import Tables

/// What tables keep between processes, one step at a time for each relation.
///
/// `@unchecked Sendable`: `busy` is touched inside `monitor.withLock` only.
package final class TableTraces: @unchecked Sendable {
  private let storage: any TraceStorage
  /// Relations over files of fewer bytes are evaluated from nothing each time.
  private let leastBytes: Int
  private let monitor = Monitor()
  private var busy: Set<Digest> = []

  package init(_ storage: any TraceStorage, leastBytes: Int = SingleTable.leastBytes) {
    self.storage = storage
    self.leastBytes = leastBytes
  }

  /// What is kept of a relation; nil where it is not worth it, or the state refuses. For reading alone: a step that changes it uses
  /// `withShelf`.
  func shelf(of key: Digest) -> TraceShelf? { (try? storage.open(key)).map { TraceShelf($0) } }

  /// Calls `body` with what is kept of a relation, when no other step is at it.
  ///
  /// - Parameter bytes: of the relation's files.
  func withShelf<Result>(of key: Digest, bytes: Int, _ body: (TraceShelf?) -> Result) -> Result {
    guard bytes >= leastBytes else { return body(nil) }
    monitor.withLock {
      while busy.contains(key) { monitor.wait() }
      busy.insert(key)
    }
    defer {
      monitor.withLock {
        busy.remove(key)
        monitor.signalAll()
      }
    }
    return body(shelf(of: key))
  }
}
