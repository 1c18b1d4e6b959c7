package import BuildGraph
package import Ports

/// One relevant change of one path.
package struct PathChange: Hashable, Sendable {
  package var path: Path
  package var kind: WatchEvent.Change
  /// Whether the path itself was asked for, and not only a folder that it lies in: a name that nobody knew may be some
  /// program's temporary file.
  package var isKnown: Bool

  package init(path: Path, kind: WatchEvent.Change, isKnown: Bool = true) {
    self.path = path
    self.kind = kind
    self.isKnown = isKnown
  }
}

/// What the results of a build depend on, as far as folders and names go: what a watch has to hear of.
///
/// Grows as a build reads. Forgetting is not needed for being right: too much interest costs a look, too little a change. So only a build
/// that looked at everything and went well says what is left, to ``keep(paths:folders:)``.
package struct WatchInterests: Sendable {
  /// What an event means.
  package enum Meaning: Hashable, Sendable {
    case nothing
    case changes([PathChange])
    /// A folder on the way to something of interest came, went or became another: all below it may be different.
    case structure(Path)
    /// Anything may have happened.
    case unknown
  }

  /// Whose content, or being there, matters.
  package private(set) var paths: Set<Path> = []
  /// That must not go away, and whose content does not matter.
  package private(set) var guarded: Set<Path> = []
  /// Of which every name matters.
  package private(set) var folders: Set<Path> = []
  /// Folders on the way to any of these, themselves included; not the roots.
  package private(set) var ancestors: Set<Path> = []
  /// Where links lead, and which paths of interest lead there.
  package private(set) var aliases: [Path: Set<Path>] = [:]

  /// Files that only grow: what is added to them counts from when it is written, and need not wait until they are closed.
  package var growing: Set<Path> = []

  package init() {}

  /// - Returns: whether it is new.
  package mutating func insert(path: Path) -> Bool { paths.insert(path).inserted }

  package mutating func insert(guarded path: Path) { guarded.insert(path) }

  package mutating func insert(folder: Path) -> Bool { folders.insert(folder).inserted }

  package mutating func insert(ancestor: Path) { ancestors.insert(ancestor) }

  package mutating func insert(alias place: Path, of path: Path) { aliases[place, default: []].insert(path) }

  package mutating func remove(path: Path) { paths.remove(path) }

  /// Forgets what no longer matters. What lies outside of all roots, behind links, stays as long as a path leads there.
  ///
  /// - Complexity: O(all interests · depth).
  package mutating func keep(paths kept: Set<Path>, folders keptFolders: Set<Path>) {
    paths.formIntersection(kept)
    folders.formIntersection(keptFolders)
    var way = Set(folders.filter { !$0.bytes.isEmpty })
    for path in paths.union(folders).union(guarded) {
      var current = path.parent
      while let folder = current, !folder.bytes.isEmpty, way.insert(folder).inserted { current = folder.parent }
    }
    for (place, led) in aliases {
      let left = led.filter { paths.contains($0) || way.contains($0) || $0.bytes.isEmpty }
      aliases[place] = left.isEmpty ? nil : left
      guard !left.isEmpty else { continue }
      // Folders on the way there, if they are not there yet.
      var current = place.parent
      while let folder = current {
        if ancestors.contains(folder) { way.insert(folder) }
        current = folder.parent
      }
    }
    ancestors.formIntersection(way)
  }

  /// The folders that have to be watched for all of this, of those that are.
  package func needed(among watched: Set<Path>) -> Set<Path> {
    var needed: Set<Path> = []
    func need(_ folder: Path?) {
      var current = folder
      while let folder = current, needed.insert(folder).inserted { current = folder.parent }
    }
    for path in paths { need(path.parent ?? path) }
    for path in guarded { need(path.parent) }
    for folder in folders { need(folder) }
    for place in aliases.keys { need(place.parent) }
    return needed.intersection(watched)
  }

  /// What to make of an event.
  ///
  /// - Complexity: O(1), but for a place that many links lead to.
  package func meaning(of event: WatchEvent) -> Meaning {
    switch event {
    case .interrupted: return .nothing
    case .overflowed: return .unknown
    case .gone(let folder): return .structure(folder)
    case .changed(let kind, let name, let folder):
      // An event of the folder itself.
      if name.isEmpty { return .nothing }
      let place = folder.appending(name)
      if ancestors.contains(place), kind != .written, kind != .modified { return .structure(place) }
      var changes: [PathChange] = []
      if guarded.contains(place) {
        return kind.isLoss ? .changes([PathChange(path: place, kind: .attributes)]) : .nothing
      }
      func change(of path: Path, isKnown: Bool) -> PathChange {
        PathChange(path: path, kind: kind == .modified && growing.contains(path) ? .written : kind, isKnown: isKnown)
      }
      let isKnown = paths.contains(place)
      if isKnown || folders.contains(folder) { changes.append(change(of: place, isKnown: isKnown)) }
      for path in (aliases[place] ?? []).sorted() {
        // A folder that a link leads to, or a root that was not there.
        if ancestors.contains(path) || path.bytes.isEmpty { return .structure(path) }
        changes.append(change(of: path, isKnown: true))
      }
      return changes.isEmpty ? .nothing : .changes(changes)
    }
  }
}

extension Path {
  /// The folder that it lies in; nil for a root.
  package var parent: Path? {
    guard !bytes.isEmpty else { return nil }
    let slash = bytes.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
    return Path(root: root, ByteString(bytes: Array(bytes.bytes[..<slash])))
  }

  /// Whether it is `folder` or lies below it.
  package func isAt(orBelow folder: Path) -> Bool {
    guard root == folder.root else { return false }
    if folder.bytes.isEmpty || bytes == folder.bytes { return true }
    return bytes.count > folder.bytes.count && bytes.bytes[folder.bytes.count] == UInt8(ascii: "/")
      && bytes.bytes.starts(with: folder.bytes.bytes)
  }
}
