package import BuildGraph
package import Diagnostics
import Engine
package import Ports

/// What a clean-up did.
package struct CleanReport: Hashable, Sendable {
  /// Ascending.
  package var removed: [ByteString] = []
  /// Outputs that somebody has edited since they were written, or put something else in place of; they stay. Ascending.
  package var kept: [ByteString] = []
  package init() {}
}

/// Removes from the output tree what Reflow made and nobody has edited since, whatever program and target it belongs to.
///
/// What is kept stays ours: the next build restores it and keeps the edited file aside.
///
/// - Complexity: O(outputs), one look at each.
/// - Throws: what the state or the tree refuses. What was removed before that is forgotten.
package func clean(_ store: any Store, outputs tree: any OutputTree) throws(SystemError) -> CleanReport {
  var report = CleanReport()
  var contents: [ByteString: Set<Artifact>] = [:]
  var owned: [ByteString: OwnedOutput] = [:]
  for output in try store.outputs() {
    owned[output.path] = output
    contents[output.path, default: []].insert(output.artifact)
  }
  // A build that was killed left promises: a file equal to either side of one is ours.
  for intent in try store.intents() {
    for artifact in [intent.old, intent.new] {
      if let artifact { contents[intent.path, default: []].insert(artifact) }
    }
  }
  try tree.sweep()
  var changes: [StoreChange] = []
  for path in contents.keys.sorted() {
    let look = try tree.look(at: path, expecting: owned[path])
    let isOurs: Bool
    switch look {
    case .missing, .blocked: isOurs = true
    case .file(let artifact, _, _): isOurs = contents[path]?.contains(artifact) ?? false
    case .emptyFolder: isOurs = contents[path]?.contains(DesiredOutput.emptyFolder) ?? false
    case .link(let target): isOurs = contents[path]?.contains(DesiredOutput.link(to: target)) ?? false
    case .folder, .other: isOurs = false
    }
    guard isOurs else {
      report.kept.append(path)
      continue
    }
    if case .missing = look {
    } else if case .blocked = look {
    } else {
      try tree.remove(path)
      report.removed.append(path)
    }
    changes.append(.removeOutput(path: path))
    changes.append(.removeIntents([path]))
  }
  if !changes.isEmpty { try store.commit(changes) }
  return report
}
