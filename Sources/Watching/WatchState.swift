package import BuildGraph
import Ports

/// What has changed since the last round began.
package struct WatchChanges: Hashable, Sendable {
  /// Ascending. Where `isWhole` is false there may be others.
  package var paths: [Path]
  /// False after lost events, moved folders and the like: only a full look tells what changed.
  package var isWhole: Bool

  package init(paths: [Path], isWhole: Bool) {
    self.paths = paths
    self.isWhole = isWhole
  }

  package var isEmpty: Bool { paths.isEmpty && isWhole }
}

/// Decides when a round begins and what it is told. Events in, a time out; reads no clock.
///
/// A lone save starts at once. Everything else is a burst until shown otherwise, and begins when it has been quiet for a
/// while: the longer the pauses within it, the longer that while, between ``shortestQuiet`` and ``longestQuiet``; a file that is
/// gone or not yet closed is given the longest. A burst that does not end begins ``longestBurst`` after its first event.
package struct WatchState: Sendable {
  package static let shortestQuiet = 0.002
  package static let longestQuiet = 0.050
  package static let longestBurst = 0.300

  private var dirty: Set<Path> = []
  private var isWhole = true
  private var firstAt = 0.0
  private var lastAt: Double?
  private var quiet = Self.shortestQuiet
  private var isLone = false
  private var isOverdue = false
  /// Made and not yet closed.
  private var open: Set<Path> = []
  /// Names that were made in this burst, were not there before it, and that nobody knew.
  private var newborn: Set<Path> = []
  /// Written to, and not closed: no round is begun for them, and one that somebody asks for is told of them.
  private var unsettled: Set<Path> = []
  /// Known and gone: editors and version control put a file there again within moments.
  private var missing: Set<Path> = []

  package init() {}

  /// Whether anything waits for a round.
  package var isDirty: Bool { !dirty.isEmpty || !isWhole }

  /// When the next round should begin, in seconds on the caller's clock; nil while nothing is dirty.
  package var due: Double? {
    guard isDirty else { return nil }
    guard let lastAt, !isLone, !isOverdue else { return firstAt }
    let pause = open.isEmpty && missing.isEmpty ? quiet : Self.longestQuiet
    return min(firstAt + Self.longestBurst, lastAt + pause)
  }

  package func isDue(at now: Double) -> Bool { due.map { $0 <= now } ?? false }

  /// Takes note of changes that were heard of together.
  ///
  /// - Parameter now: seconds on a clock that never goes back; it may stand still.
  package mutating func hear(_ changes: [PathChange], at now: Double) {
    var changes = changes
    for change in changes where change.kind == .modified { unsettled.insert(change.path) }
    changes.removeAll { $0.kind == .modified }
    guard !changes.isEmpty else { return }
    let beginsBurst = !isDirty
    isLone = beginsBurst && isQuiet(at: now) && Self.isLone(changes)
    note(at: now, beginsBurst: beginsBurst)
    for change in changes { take(change) }
  }

  /// Takes note that anything may have changed.
  package mutating func hearOfLoss(at now: Double) {
    note(at: now, beginsBurst: !isDirty)
    isLone = false
    isWhole = false
  }

  /// The wait until ``due`` is over, whatever the clock says.
  package mutating func timeIsUp() { isOverdue = true }

  /// A round begins now: everything so far is its business.
  ///
  /// - Parameter isAnswer: somebody asked for it, and means what files hold now, even those that are being written.
  package mutating func begin(isAnswer: Bool = false) -> WatchChanges {
    if isAnswer { dirty.formUnion(unsettled) }
    defer {
      dirty = []
      isWhole = true
      isLone = false
      isOverdue = false
      open = []
      missing = []
      newborn = []
      quiet = Self.shortestQuiet
    }
    return WatchChanges(paths: dirty.sorted(), isWhole: isWhole)
  }

  private func isQuiet(at now: Double) -> Bool { lastAt.map { now - $0 > Self.longestQuiet } ?? true }

  private mutating func note(at now: Double, beginsBurst: Bool) {
    if beginsBurst {
      firstAt = now
      // Right behind another one it is likely to be its continuation.
      quiet = isQuiet(at: now) ? Self.shortestQuiet : Self.shortestQuiet * 4
    } else if let lastAt {
      quiet = min(Self.longestQuiet, max(quiet, 2 * (now - lastAt)))
    }
    lastAt = now
    isOverdue = false
  }

  private mutating func take(_ change: PathChange) {
    let isFirst = dirty.insert(change.path).inserted
    // Only a name that was made is certain not to have been there; one that came by a rename may have replaced another.
    if isFirst, !change.isKnown, change.kind == .created { newborn.insert(change.path) }
    switch change.kind {
    case .created:
      open.insert(change.path)
      missing.remove(change.path)
    case .written, .movedIn:
      open.remove(change.path)
      missing.remove(change.path)
      unsettled.remove(change.path)
    case .removed, .movedOut:
      open.remove(change.path)
      unsettled.remove(change.path)
      if change.isKnown { missing.insert(change.path) }
      // Somebody's temporary file, which no round has seen; but a link that was made is still there when what it leads to goes.
      if !change.isKnown, newborn.remove(change.path) != nil { dirty.remove(change.path) }
    case .attributes, .modified: break
    }
  }

  /// One known file that was closed after writing, or renamed into its place.
  private static func isLone(_ changes: [PathChange]) -> Bool {
    guard let last = changes.last, last.kind == .written || last.kind == .movedIn else { return false }
    return changes.allSatisfy { $0.path == last.path && $0.isKnown && !$0.kind.isLoss }
  }
}
