package import BuildGraph
package import Diagnostics

/// Where a path of a ``SnapshotEntry`` begins.
package enum SnapshotRoot: Hashable, Comparable, Sendable {
  /// What the user owns; links are followed.
  case source(RootID)
  /// The output tree; no link is followed.
  case output
}

/// What a build that changes nothing must find at one path.
package enum SnapshotExpectation: Hashable, Sendable {
  /// A file with these figures. Where they cannot be trusted yet (the file had not rested when it was read) `rehash` is
  /// its content, and the check reads the file again; nil where the figures alone decide.
  case file(FileHint, rehash: Digest?)
  /// A folder with these figures: no name in it came or went. Figures that cannot be trusted always count as a change.
  case folder(FileHint, isTrusted: Bool)
  case missing
}

/// One path that a build in which nothing changed looks at: a source, a listed folder, a name that was probed and missing,
/// an output.
package struct SnapshotEntry: Hashable, Sendable {
  package var root: SnapshotRoot
  /// Relative to the root; empty for the root itself.
  package var path: ByteString
  package var expectation: SnapshotExpectation

  package init(root: SnapshotRoot, path: ByteString, expectation: SnapshotExpectation) {
    self.root = root
    self.path = path
    self.expectation = expectation
  }
}

/// What a check of a snapshot found.
package enum SnapshotAnswer: Hashable, Sendable {
  /// There is no usable snapshot: none was written, it is damaged, or of another version or generation.
  case none
  /// Every path is as it was; the summary that was written with the snapshot.
  case unchanged(summary: [UInt8])
  /// These differ, in the order of the file: all of them. The summary says what they differ from.
  case changed([SnapshotEntry], summary: [UInt8])
}

/// What is to become of a snapshot when a few paths have changed.
package struct SnapshotPatch: Sendable {
  /// Paths that are forgotten, with all below them, but for those of `kept` and of `entries`.
  package var forgotten: [SnapshotPlace] = []
  package var kept: [SnapshotPlace] = []
  /// Paths at and below which folders are forgotten, and nothing else.
  package var forgottenFolders: [SnapshotPlace] = []
  /// Replace those of the same path, or are added.
  package var entries: [SnapshotEntry] = []
  /// The summary of the snapshot that it changes; nil for any. Another one, which somebody else has written since, stays as it is.
  package var base: [UInt8]?

  package init() {}
}

package struct SnapshotPlace: Hashable, Comparable, Sendable {
  package var root: SnapshotRoot
  package var path: ByteString

  package init(root: SnapshotRoot, path: ByteString) {
    self.root = root
    self.path = path
  }

  package static func < (a: Self, b: Self) -> Bool { (a.root, a.path) < (b.root, b.path) }
}

extension SnapshotEntry {
  package var place: SnapshotPlace { SnapshotPlace(root: root, path: path) }
}

extension SnapshotPatch {
  /// Adds a patch that is to be applied after this one, to what it makes.
  package mutating func formUnion(_ later: SnapshotPatch) {
    let forgets = later.forgets
    entries.removeAll { forgets($0) }
    forgotten += later.forgotten
    forgottenFolders += later.forgottenFolders
    self.kept += later.kept
    entries += later.entries
  }

  /// The entries of a snapshot, patched.
  ///
  /// - Complexity: O(n log n).
  package func applied(to old: [SnapshotEntry]) -> [SnapshotEntry] {
    var entries: [SnapshotPlace: SnapshotExpectation] = [:]
    let forgets = forgets
    for entry in old where !forgets(entry) { entries[entry.place] = entry.expectation }
    for entry in self.entries { entries[entry.place] = entry.expectation }
    return entries.keys.sorted().map { SnapshotEntry(root: $0.root, path: $0.path, expectation: entries[$0]!) }
  }

  private var forgets: (SnapshotEntry) -> Bool {
    let forgotten = Set(forgotten)
    let folders = Set(forgottenFolders)
    let kept = Set(kept)
    return { entry in
      if kept.contains(entry.place) { return false }
      if case .folder = entry.expectation, Self.lies(entry.place, in: folders) { return true }
      return Self.lies(entry.place, in: forgotten)
    }
  }

  private static func lies(_ place: SnapshotPlace, in forgotten: Set<SnapshotPlace>) -> Bool {
    if forgotten.contains(place) { return true }
    var rest = place.path.bytes[...]
    while !rest.isEmpty {
      rest = rest[..<(rest.lastIndex(of: UInt8(ascii: "/")) ?? rest.startIndex)]
      if forgotten.contains(SnapshotPlace(root: place.root, path: ByteString(bytes: Array(rest)))) { return true }
    }
    return false
  }
}

/// The nothing-changed path: one flat file for each (program, parameters, targets, configuration), checked without
/// opening the database and without the state lock.
///
/// A snapshot is the promise "while all these paths look so, the outputs are right". It depends on nothing else, so an old
/// one is never wrong, only useless; whoever writes it must name every path that the build depended on and every output. It cannot
/// name what others add beside its outputs: who makes an output where none was of ours removes the snapshots of all others.
package protocol Snapshot: Sendable {
  /// Looks once at every entry, on all cores.
  ///
  /// - Parameter generation: of the database, where the caller knows it; another one than the snapshot's gives `.none`.
  /// - Complexity: one system call for each entry.
  func check(key: Digest, generation: Int64?) -> SnapshotAnswer

  /// Replaces the snapshot of `key`, atomically. To be called after the commit that it describes.
  ///
  /// - Throws: `noSpace`, `notPermitted`; the old snapshot is then gone or still there, and both are correct.
  func write(key: Digest, generation: Int64, entries: [SnapshotEntry], summary: [UInt8]) throws(SystemError)

  /// What the snapshot of `key` looks at, in the order of the file; empty where there is none that can be used.
  ///
  /// - Complexity: O(entries); looks at none of them.
  func entries(key: Digest) -> [SnapshotEntry]

  /// Changes the snapshot of `key`, atomically, where there is one, and the one that is meant.
  ///
  /// - Throws: as `write`.
  func patch(key: Digest, generation: Int64, _ patch: SnapshotPatch, summary: [UInt8]) throws(SystemError)

  /// Forgets the snapshot of `key`, if there is one.
  func remove(key: Digest) throws(SystemError)

  /// Forgets all snapshots but that of `key`.
  func removeOthers(than key: Digest) throws(SystemError)
}

extension FileHint {
  /// The grain below which times of files are taken to be able to coincide.
  package static let clockGrainNanoseconds: Int64 = 10_000_000
  /// The grain of file systems that keep whole seconds only (FAT keeps even ones).
  package static let coarseClockGrainNanoseconds: Int64 = 2_000_000_000

  /// Whether the file had rested when it was looked at: its times lie before `instant` by more than the clock's grain, so
  /// that a later change cannot leave them as they are.
  ///
  /// - Parameter instant: nanoseconds since 1970 on the file system's own clock, taken before the look.
  package func hasRested(before instant: Int64) -> Bool {
    let second: Int64 = 1_000_000_000
    let isCoarse = modifiedNanoseconds % second == 0 && changedNanoseconds % second == 0
    let grain = isCoarse ? Self.coarseClockGrainNanoseconds : Self.clockGrainNanoseconds
    return max(modifiedNanoseconds, changedNanoseconds) < instant - grain
  }
}
