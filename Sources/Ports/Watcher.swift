package import BuildGraph
package import Diagnostics

/// Something that happened in a watched folder.
package enum WatchEvent: Hashable, Sendable {
  package enum Change: Hashable, Sendable {
    /// A file that was open for writing was closed.
    case written
    /// The content of a file changed, and somebody still has it open.
    case modified
    /// A name was made or linked; a file may still be open for writing.
    case created
    /// A name came by a rename: whole, as editors save.
    case movedIn
    case removed
    case movedOut
    /// Mode, owner or times changed.
    case attributes

    /// Whether the name is gone.
    package var isLoss: Bool { self == .removed || self == .movedOut }
    /// Whether the name may be new.
    package var isArrival: Bool { self == .created || self == .movedIn }
  }

  case changed(Change, name: ByteString, in: Path)
  /// The folder itself was removed, moved or unmounted; it is no longer watched.
  case gone(Path)
  /// Events were lost: only a full look tells what changed.
  case overflowed
  /// ``Watcher/interrupt()`` was called.
  case interrupted
}

/// What there is to know of a folder that is now watched.
package struct WatchedFolder: Hashable, Sendable {
  /// False on file systems that do not tell of changes made elsewhere (NFS, FUSE, 9p): these have to be looked at again.
  package var isNotifying: Bool
  /// The names of the symbolic links in it, read after the watch was there.
  package var links: [ByteString]

  package init(isNotifying: Bool = true, links: [ByteString] = []) {
    self.isNotifying = isNotifying
    self.links = links
  }
}

/// Tells of changes in folders. One thread waits and takes; everything else may come from any.
///
/// Watch first, list after: a name that comes between the two is then seen at least once.
package protocol Watcher: AnyObject, Sendable {
  /// Watches one folder, not what lies below it. Idempotent.
  ///
  /// - Throws: `limit` where the system's number of watches is used up, with the setting to raise; `notFound`, also where links lead in a
  ///   circle; else what the file system refuses with: such a folder has to be looked at now and then.
  func watch(_ folder: Path) throws(SystemError) -> WatchedFolder

  func unwatch(_ folder: Path)

  /// The names of the symbolic links that are in a folder now.
  func links(in folder: Path) -> [ByteString]

  /// The places, absolute and with their folders free of links, that a symbolic link leads through to its end; empty where
  /// it is none. The last may not exist.
  func places(behind link: Path) -> [ByteString]

  /// Waits until something has happened, or until the time is over.
  func await(timeoutSeconds: Double?) throws(SystemError)

  /// All that has happened so far; does not wait.
  func take() throws(SystemError) -> [WatchEvent]

  /// Makes the current or next `await` return, and the next `take` say ``WatchEvent/interrupted``.
  func interrupt()
}

extension Watcher {
  /// Waits until something has happened and returns all that has so far; empty after `timeoutSeconds`.
  package func wait(timeoutSeconds: Double?) throws(SystemError) -> [WatchEvent] {
    try self.await(timeoutSeconds: timeoutSeconds)
    return try take()
  }
}
