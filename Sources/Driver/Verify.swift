package import BuildGraph
package import Diagnostics
import Engine
package import Ports

/// What looking the state through has shown.
package struct VerifyReport: Hashable, Sendable {
  /// A thing that is not as it should be.
  package struct Finding: Hashable, Sendable {
    package enum Subject: Hashable, Sendable {
      case row(RowDamage)
      case object(ObjectID)
      /// A result names an object that is not there, or is damaged.
      case result(Digest)
      case output(ByteString)
      /// What a relation keeps for the next build.
      case tables(Digest)
      /// A file among the objects that is none.
      case stranger(ByteString)
    }

    package var subject: Subject
    /// A line for people, without the place that it stands at.
    package var message: String
    /// Where the damaged thing was put; nil where it was not moved.
    package var setAside: ByteString?
  }

  package var findings: [Finding] = []
  package var objects = 0
  package var objectBytes: Int64 = 0
  package var outputs = 0
  package var isRepaired = false

  package init() {}
}

/// Reads everything again: rows, objects, what tables keep, and outputs of the tree, by content.
///
/// With `repairs`, what is damaged in the state is set aside or forgotten, so that the next build makes it again; files in the
/// output tree are left as they are, and the next build restores them and keeps what somebody edited aside. The caller holds the
/// state lock.
///
/// - Parameter store: nil where the state cannot even be opened: then only objects are looked at.
/// - Complexity: O(bytes of objects and outputs), on all cores.
package func verify(
  _ store: (any StateUpkeep)?, _ upkeep: any ObjectUpkeep, outputs tree: any OutputTree, snapshot: any Snapshot,
  tables: any TraceStorage, repairs: Bool
) throws(SystemError) -> VerifyReport {
  var report = VerifyReport()
  let damage = try store?.damage() ?? []
  for row in damage { report.findings.append(.init(subject: .row(row), message: row.message)) }
  if repairs { try store?.repair(damage) }
  let isReadable = repairs || damage.isEmpty

  let objects = try upkeep.storedObjects()
  report.objects = objects.count
  report.objectBytes = objects.reduce(0) { $0 + $1.bytes }
  var sound: Set<ObjectID> = []
  for (object, health) in zip(objects, upkeep.examine(objects)) {
    switch health {
    case .sound: sound.insert(object.id)
    case .missing: continue
    case .damaged(let reason):
      var finding = VerifyReport.Finding(
        subject: .object(object.id), message: "the object \(object.id) is damaged: \(reason)")
      if repairs { finding.setAside = try upkeep.setAside(object.id) }
      report.findings.append(finding)
    }
  }
  for name in try upkeep.strangers() {
    report.findings.append(.init(subject: .stranger(name), message: "'.reflow/\(name.display)' is no object"))
  }
  for (key, message) in try tables.damage() {
    report.findings.append(
      .init(subject: .tables(key), message: "what the table \(key) keeps for the next build is damaged: \(message)"))
    if repairs { try tables.open(key).removeAll() }
  }
  if let store, isReadable {
    try verifyResults(store, upkeep, sound: sound, repairs: repairs, &report)
    try verifyOutputs(store, tree, snapshot, repairs: repairs, &report)
  }
  report.isRepaired = repairs
  return report
}

private func verifyResults(
  _ store: any StateUpkeep, _ upkeep: any ObjectUpkeep, sound: Set<ObjectID>, repairs: Bool,
  _ report: inout VerifyReport
) throws(SystemError) {
  var whole: [ObjectID: Bool] = [:]
  func isWhole(_ id: ObjectID) -> Bool {
    if let known = whole[id] { return known }
    var result = sound.contains(id)
    if result, id.kind == .folder {
      result =
        upkeep.members(of: id)?.entries.allSatisfy { entry in
          if case .file(let file) = entry.content { return sound.contains(ObjectID(file)) }
          return true
        } ?? false
    }
    whole[id] = result
    return result
  }
  var labels: [RunID: String] = [:]
  var lost: [(key: Digest, run: RunID, id: ObjectID)] = []
  for (key, result) in try store.allResults() {
    if let id = result.outputs.lazy.map(ObjectID.init).first(where: { !isWhole($0) }) {
      lost.append((key, result.run, id))
    }
  }
  if !lost.isEmpty { for run in try store.runs(labelled: nil, limit: .max) { labels[run.run] = run.label } }
  var removal = StateRemoval()
  for (key, run, id) in lost {
    let what = id.kind == .folder ? "the folder \(id), or a file in it," : "the object \(id)"
    let step = labels[run].map { "what \($0) made" } ?? "the result \(key)"
    report.findings.append(
      .init(
        subject: .result(key),
        message: "\(step) cannot be used: \(what) is damaged or gone"))
    removal.results.append(key)
  }
  guard repairs, !removal.results.isEmpty else { return }
  let removed = Set(removal.results)
  removal.derivations = try store.allDerivations().filter { removed.contains($0.contentKey) }.map(\.key)
  try store.remove(removal)
}

private func verifyOutputs(
  _ store: any StateUpkeep, _ tree: any OutputTree, _ snapshot: any Snapshot, repairs: Bool,
  _ report: inout VerifyReport
) throws(SystemError) {
  let owned = try store.outputs()
  report.outputs = owned.count
  // Without the figures, so that each is read.
  let looks = try tree.look(
    at: owned.map { OwnedOutput(path: $0.path, owner: $0.owner, artifact: $0.artifact, hint: nil) })
  var changes: [StoreChange] = []
  for (output, look) in zip(owned, looks) {
    let state: String
    switch look {
    case .file(let artifact, _, _) where artifact == output.artifact: continue
    case .emptyFolder where output.artifact == DesiredOutput.emptyFolder: continue
    case .link(let target) where output.artifact == DesiredOutput.link(to: target): continue
    case .missing: state = "is missing"
    case .blocked(let place): state = "is missing: '\(place.display)' is in its way"
    case .file: state = "was edited, or is damaged: its content is another"
    case .emptyFolder, .folder, .link, .other: state = "was replaced by something else"
    }
    report.findings.append(
      .init(subject: .output(output.path), message: "the output '\(output.path.display)' \(state)"))
    // A content that changed without its figures would not be seen otherwise.
    var forgotten = output
    forgotten.hint = nil
    changes.append(.setOutput(forgotten))
  }
  guard repairs, !changes.isEmpty else { return }
  try store.commit(changes)
  for (key, _) in try store.graphBuilds() { try snapshot.remove(key: key) }
}
