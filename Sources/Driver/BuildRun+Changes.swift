import BuildGraph
import Diagnostics
import Engine
import Ports
import Watching

/// Sources that change while a build runs, as a watch tells of them: read again at once, so that what was made of the old
/// content is cancelled and not finished first.
extension BuildRun {
  /// From now on changes come as messages.
  func listenForChanges() {
    let inbox = inbox
    changes?.onPost { inbox.post(.changed) }
  }

  /// Takes all changes that have been heard of.
  ///
  /// - Complexity: O(sources that have been read) for each batch of changes.
  func takeChanges() {
    guard let changes, !wasInterrupted, !mustRestart else { return }
    let new = changes.take()
    guard !new.isEmpty || changes.isToEnd else { return }
    if changes.isToEnd || new.contains(where: outdatesEvaluation) {
      changes.endBuild(leaving: new)
      wasInterrupted = true
      pending.append(.interrupted)
      return
    }
    let paths = Set(new.map(\.path))
    var unplaced = paths
    var stale: [SourceID] = []
    for (index, source) in graph.sources.enumerated() {
      let id = SourceID(index: UInt32(index))
      guard case .path(let path) = source.place, concerns(paths, path, source.kind) else { continue }
      // What was added is for the next round.
      if hasOnlyGrown(id, path, new) { continue }
      switch source.kind {
      case .file: unplaced.remove(path)
      // Of a part, other sources that hold a file of the folder may not be here.
      case .folder: if plan == nil { unplaced = unplaced.filter { !$0.isAt(orBelow: path) } }
      }
      // What is being read may have been read before the change, or after.
      if record(of: id) == nil {
        suspects[id, default: []] += new.filter { concerns([$0.path], path, source.kind) }
      } else {
        stale.append(id)
      }
    }
    changes.leave(new.filter { unplaced.contains($0.path) })
    heard += paths.subtracting(unplaced).sorted()
    readAgain(stale)
  }

  private func hasOnlyGrown(_ id: SourceID, _ path: Path, _ changes: [PathChange]) -> Bool {
    guard grows(id) else { return false }
    for change in changes where change.path == path {
      guard change.kind == .written || change.kind == .modified else { return false }
    }
    guard let record = record(of: id) else { return true }
    guard case .file(_, let old) = record, case .file(let hint) = world.fileSystem.look(at: path) else { return false }
    return hint.size > old.hint.size && hint.hasOnlyGrown(since: old.hint)
  }

  private func concerns(_ changed: Set<Path>, _ path: Path, _ kind: ArtifactKind) -> Bool {
    switch kind {
    case .file: changed.contains(path)
    case .folder: changed.contains { $0.isAt(orBelow: path) }
    }
  }

  /// Whether the program itself, or something that its evaluation was told, may be another now: then all begins anew.
  private func outdatesEvaluation(_ change: PathChange) -> Bool {
    if programFiles.contains(change.path) { return !isAsLoaded(change.path) }
    guard change.kind.isArrival || change.kind.isLoss else { return false }
    func place(_ id: SourceID) -> Path? {
      guard case .path(let path) = graph.sources[Int(id.index)].place else { return nil }
      return path
    }
    func isWithin(_ id: SourceID) -> Bool { place(id).map(change.path.isAt(orBelow:)) ?? false }
    return listings.keys.contains(where: isWithin) || unread.contains(where: isWithin)
      || looked.contains { place($0) == change.path }
  }

  /// Whether a file of the program has not been touched since it was read: it was only closed by somebody who could have written to it.
  private func isAsLoaded(_ path: Path) -> Bool {
    // A part of the last build's graph was loaded when that was made, and not at `loadedAt`.
    guard plan == nil || plan?.renewed != nil, case .file? = programFile(path) else { return false }
    return true
  }

  /// Reads sources that were read already.
  func readAgain(_ ids: [SourceID]) {
    let checks = ids.compactMap { id in
      record(of: id).map {
        StepJob.Check(id: id, source: graph.sources[Int(id.index)], record: $0, grows: grows(id))
      }
    }
    guard !checks.isEmpty else { return }
    let reader = reader
    inBackground {
      .readAgain(checks.compactMap { reader.change(of: $0.id, $0.source, since: $0.record, grows: $0.grows) })
    }
  }

  /// What was read while it changed is read once more.
  func checkSuspect(_ id: SourceID) {
    if suspects.removeValue(forKey: id) != nil { readAgain([id]) }
  }

  /// What changed and was not read after all is news to the next round.
  func leaveSuspects() {
    changes?.leave(suspects.keys.sorted().flatMap { suspects[$0]! })
    suspects = [:]
  }

  func takeAgain(_ replies: [SourceReader.Reply]) throws(SystemError) {
    for reply in replies {
      try take(reply, isFirst: false)
      pending.append(.sourceReplaced(reply.id, reply.observation))
    }
  }
}
