package import BuildGraph
package import Diagnostics

/// Something that happened in a watched folder.
package enum WatchEvent: Hashable, Sendable {
  package enum Change: Hashable, Sendable {
    /// A file that was open for writing was closed.
    case written
    /// A name came: made, linked, or moved here.
    case appeared
    /// A name went: removed or moved away.
    case vanished
    /// Mode, owner or times changed.
    case attributes
  }

  case changed(Change, name: ByteString, in: Path)
  /// The folder itself was removed, moved or unmounted; it is no longer watched.
  case gone(Path)
  /// Events were lost: only a full look tells what changed.
  case overflowed
  /// ``Watcher/interrupt()`` was called.
  case interrupted
}

/// Tells of changes in folders. One thread waits; `interrupt` may come from any.
///
/// Watch first, list after: a name that comes between the two is then seen at least once.
package protocol Watcher: AnyObject {
  /// Watches one folder, not what lies below it. Idempotent.
  ///
  /// - Throws: `limit` where the system's number of watches is used up, with the setting to raise; `notFound`; `notPermitted`.
  func watch(_ folder: Path) throws(SystemError)

  func unwatch(_ folder: Path)

  /// Waits until something has happened and returns all that has so far; empty after `timeoutSeconds`.
  func wait(timeoutSeconds: Double?) throws(SystemError) -> [WatchEvent]

  /// Makes the current or next `wait` return ``WatchEvent/interrupted``.
  func interrupt()
}
