package import BuildGraph
package import Diagnostics
package import Ports
import Synchronization
package import Watching

/// The folders that are watched, and why. Everything that a build reads is entered here first: watch, then read.
///
/// Callable from any thread.
package final class WatchMap: Sendable {
  private struct State {
    var interests = WatchInterests()
    /// With whether the file system tells of changes.
    var watched: [Path: WatchedFolder] = [:]
    /// Output files as Reflow left them; nil where it left none that it can tell again.
    var outputs: [Path: FileHint?] = [:]
    /// What cannot be watched: looked at every now and then.
    var polled: Set<Path> = []
    var failure: SystemError?
    /// What a build that looks at everything has looked at so far.
    var survey: Survey?
    /// What matters to the watch itself, whatever a build reads.
    var pinned: Set<Path> = []
    /// Watched folders in which names have come since: there may be links among them.
    var unsure: Set<Path> = []
    /// How many outputs were gone through so far to find those below a folder.
    var outputVisits = 0
  }

  private struct Survey {
    var paths: Set<Path> = []
    var folders: Set<Path> = []
  }

  private let watcher: any Watcher
  /// The root of the output tree.
  private let outputRoot: RootID
  /// The root whose folder is `/`: where links lead, and where roots that do not exist will be.
  private let hostRoot: RootID
  private let hostPaths: [ByteString]
  private let state = Mutex(State())

  /// - Parameter roots: absolute folders by index of ``RootID``: those of the build, then the output tree, then `/`.
  package init(watcher: any Watcher, roots: [ByteString]) {
    precondition(roots.count >= 3, "a workspace, the output tree and /")
    self.watcher = watcher
    hostPaths = roots
    outputRoot = RootID(index: UInt16(roots.count - 2))
    hostRoot = RootID(index: UInt16(roots.count - 1))
  }

  // MARK: Entering

  /// These are about to be looked at or read.
  package func willRead(_ paths: some Sequence<Path>) {
    state.withLock { state in
      for path in paths {
        state.survey?.paths.insert(path)
        if state.interests.insert(path: path) { reach(path, &state) }
      }
    }
  }

  /// This is looked at by the watch itself, now and then.
  package func willAlwaysRead(_ path: Path) {
    state.withLock { state in
      state.pinned.insert(path)
      if state.interests.insert(path: path) { reach(path, &state) }
    }
  }

  /// This must not go away.
  package func guardAgainstLoss(of path: Path) {
    state.withLock { state in
      state.interests.insert(guarded: path)
      reach(path, &state)
    }
  }

  /// All names of this folder are about to be read. What lies below it has to be entered by itself.
  package func willList(_ folder: Path) {
    state.withLock { state in
      state.survey?.folders.insert(folder)
      if state.interests.insert(folder: folder) { reach(folder, &state) }
      watchChain(to: folder, &state)
      // What a link in it leads to is read too, also where nobody looks at it because the figures are known.
      findLinks(in: folder, &state)
      for name in state.watched[folder]?.links ?? [] {
        let link = folder.appending(name)
        state.survey?.paths.insert(link)
        if state.interests.insert(path: link) { reach(link, &state) }
      }
    }
  }

  /// This output lies there now, with these figures, by Reflow's own hand.
  package func keeps(_ output: ByteString, _ hint: FileHint?) {
    let path = Path(root: outputRoot, output)
    state.withLock { state in
      state.outputs[path] = hint
      if state.interests.insert(path: path) { reach(path, &state) }
    }
  }

  package func willRemove(_ output: ByteString) {
    let path = Path(root: outputRoot, output)
    state.withLock { state in
      state.outputs[path] = nil
      state.interests.remove(path: path)
    }
  }

  // MARK: Forgetting

  /// A build begins that will look at everything that it depends on.
  package func beginSurvey() { state.withLock { $0.survey = Survey() } }

  /// That build has ended.
  ///
  /// - Parameters:
  ///   - isWhole: It has looked at everything: what it did not look at matters no more, and folders are left alone for which
  ///     nothing speaks any longer.
  ///   - growing: Files that only grow; no others do. Nil where that is not known.
  package func endSurvey(isWhole: Bool, growing: [Path]? = nil) {
    state.withLock { state in
      if let growing { state.interests.growing = Set(growing) }
      guard let survey = state.survey else { return }
      state.survey = nil
      guard isWhole else { return }
      state.interests.keep(
        paths: survey.paths.union(state.pinned).union(state.outputs.keys), folders: survey.folders)
      let watched = Set(state.watched.keys)
      for folder in watched.subtracting(state.interests.needed(among: watched)).sorted() {
        watcher.unwatch(folder)
        state.watched[folder] = nil
        state.polled.remove(folder)
      }
    }
  }

  // MARK: Hearing

  package func meanings(of events: [WatchEvent]) -> [WatchInterests.Meaning] {
    state.withLock { state in
      for case .changed(let kind, _, let folder) in events where kind.isArrival { state.unsure.insert(folder) }
      return events.map { state.interests.meaning(of: $0) }
    }
  }

  package func isOutput(_ path: Path) -> Bool { path.root == outputRoot }

  /// The outputs at or below some places.
  ///
  /// - Complexity: O(places) where all of them are outputs, as in the echo of our own writing; else O(outputs · depth).
  package func outputs(below places: [Path]) -> [Path] {
    state.withLock { state in
      let folders = Set(places.filter { !state.outputs.keys.contains($0) })
      guard !folders.isEmpty else { return Set(places).sorted() }
      let places = Set(places)
      state.outputVisits += state.outputs.count
      return state.outputs.keys.filter { path in
        if places.contains(path) { return true }
        var current = path.parent
        while let place = current {
          if folders.contains(place) { return true }
          current = place.parent
        }
        return false
      }.sorted()
    }
  }

  /// Those of some outputs that are not as Reflow left them.
  package func foreign(among outputs: [Path], _ fileSystem: any FileSystem) -> [Path] {
    let known = state.withLock { state in outputs.map { state.outputs[$0] } }
    return zip(zip(outputs, known), fileSystem.look(at: outputs)).compactMap { pair, look in
      let (path, known) = pair
      guard let known else { return look == .missing ? nil : path }
      guard let hint = known, case .file(hint) = look else { return path }
      return nil
    }
  }

  /// Folders at or below these places may be others now than those that are watched: they are watched anew.
  ///
  /// - Complexity: O(places) where all of them are outputs; else O(folders · places).
  package func reopen(below places: [Path]) {
    state.withLock { state in
      // Most are files that we have just written.
      let places = places.filter { place in
        place.root != outputRoot || place.bytes.isEmpty || state.watched[place] != nil
          || state.interests.ancestors.contains(place)
      }
      guard !places.isEmpty else { return }
      let stale = state.watched.keys.filter { path in places.contains { path.isAt(orBelow: $0) } }
      for folder in stale {
        watcher.unwatch(folder)
        state.watched[folder] = nil
      }
      for folder in stale.sorted() { watchChain(to: folder, &state) }
      // What did not exist may do so now.
      for folder in state.interests.ancestors.sorted()
      where state.watched[folder] == nil && places.contains(where: { folder.isAt(orBelow: $0) }) {
        watchChain(to: folder, &state)
      }
    }
  }

  /// Anything may be another now: all that is watched is watched anew.
  package func reopenAll() {
    reopen(below: hostPaths.indices.map { Path(root: RootID(index: UInt16($0)), "") })
  }

  /// A name that came may be a link, which nobody knew.
  package func checkLinks(_ changes: [PathChange]) {
    state.withLock { state in
      for change in changes where change.kind.isArrival { follow(change.path, &state) }
    }
  }

  // MARK: Asking

  package var folderCount: Int { state.withLock { $0.watched.count } }

  /// How many outputs have been gone through to find those below some folder: what an echo must not cost.
  package var outputVisits: Int { state.withLock { $0.outputVisits } }

  /// The first thing that made watching impossible; said once.
  package func takeFailure() -> SystemError? {
    state.withLock { state in
      defer { state.failure = nil }
      return state.failure
    }
  }

  /// Whether there are folders that tell nothing.
  package var isPolling: Bool { state.withLock { !$0.polled.isEmpty } }

  /// Paths of interest of which nothing would be heard, ascending.
  package var polledPaths: [Path] {
    state.withLock { state in
      guard !state.polled.isEmpty else { return [] }
      let paths = state.interests.paths.filter { isSilent($0, state) }
      return (paths.union(state.interests.folders.intersection(state.polled))).sorted()
    }
  }

  /// Whether the nearest folder that is there tells nothing.
  private func isSilent(_ path: Path, _ state: State) -> Bool {
    var current = path.parent
    while let folder = current {
      if state.polled.contains(folder) { return true }
      if state.watched[folder] != nil { return false }
      current = folder.parent
    }
    return true
  }

  package func isListed(_ path: Path) -> Bool { state.withLock { $0.interests.folders.contains(path) } }

  // MARK: Watching

  /// Watches all folders on the way to a path, from its root on.
  private func reach(_ path: Path, _ state: inout State) {
    guard let folder = path.parent else {
      // A root itself.
      watchChain(to: path, &state)
      return
    }
    if state.watched[folder] == nil || !(folder.bytes.isEmpty || state.interests.ancestors.contains(folder)) {
      var current = folder
      while !current.bytes.isEmpty {
        state.interests.insert(ancestor: current)
        current = current.parent ?? Path(root: path.root, "")
      }
      watchChain(to: folder, &state)
    }
    findLinks(in: folder, &state)
    if state.watched[folder]?.links.contains(path.baseName) ?? false { follow(path, &state) }
    if state.interests.folders.contains(path) { state.interests.insert(ancestor: path) }
  }

  private func watchChain(to folder: Path, _ state: inout State) {
    guard state.watched[folder] == nil else { return }
    if let parent = folder.parent {
      watchChain(to: parent, &state)
      // Behind a folder that is not there is nothing to watch; its coming will be heard of.
      guard state.watched[parent] != nil || state.polled.contains(parent) else { return }
      findLinks(in: parent, &state)
      if state.watched[parent]?.links.contains(folder.baseName) ?? false { follow(folder, &state) }
    }
    if !watch(folder, &state), folder.bytes.isEmpty, folder.root != hostRoot {
      watchHost(hostPaths[Int(folder.root.index)], for: folder, &state)
    }
  }

  /// - Returns: false where it does not exist.
  private func watch(_ folder: Path, _ state: inout State) -> Bool {
    do throws(SystemError) {
      let watched = try watcher.watch(folder)
      state.watched[folder] = watched
      state.unsure.remove(folder)
      // What was a file when it was first of interest may be a link by now, which events that were lost would have told.
      for link in watched.links.map({ folder.appending($0) }) where state.interests.paths.contains(link) {
        follow(link, &state)
      }
      if watched.isNotifying { state.polled.remove(folder) } else { poll(folder, &state) }
      return true
    } catch {
      switch error.code {
      case .notFound: return false
      case .limit: if state.failure == nil { state.failure = error }
      // Who may not read it, or whose server does not answer, is looked at now and then.
      case _: poll(folder, &state)
      }
      return true
    }
  }

  /// Watches a folder of which only is of interest whether it stays.
  private func watchIfPossible(_ folder: Path, _ state: inout State) {
    guard let watched = try? watcher.watch(folder) else { return }
    state.watched[folder] = watched
    state.unsure.remove(folder)
  }

  /// Learns of the links that came into a watched folder since it was first watched.
  private func findLinks(in folder: Path, _ state: inout State) {
    guard state.unsure.remove(folder) != nil, state.watched[folder] != nil else { return }
    state.watched[folder]!.links = watcher.links(in: folder)
  }

  private func poll(_ folder: Path, _ state: inout State) {
    // Who waits without end for something to be told waits with an end from now on.
    if state.polled.isEmpty { watcher.interrupt() }
    state.polled.insert(folder)
  }

  /// Links from this path on, to whatever they lead through.
  private func follow(_ path: Path, _ state: inout State) {
    for place in watcher.places(behind: path) { watchHost(place, for: path, &state) }
  }

  /// Watches for a place of this machine to change, which means that `path` has changed.
  private func watchHost(_ place: ByteString, for path: Path, _ state: inout State) {
    var current = Path(root: hostRoot, ByteString(bytes: Array(place.bytes.drop { $0 == UInt8(ascii: "/") })))
    state.interests.insert(alias: current, of: path)
    // Any folder on the way may go, or give way to another; the nearest one that is there has to tell.
    var isHeard = false
    while let parent = current.parent {
      if !parent.bytes.isEmpty { state.interests.insert(ancestor: parent) }
      if state.watched[parent] == nil {
        if isHeard { watchIfPossible(parent, &state) } else { isHeard = watch(parent, &state) }
      } else {
        isHeard = true
      }
      current = parent
    }
  }
}
