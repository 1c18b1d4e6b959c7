import BuildGraph
package import Diagnostics
import Engine
package import Ports

/// What pruning removed, or in a dry run would remove.
package struct PruneReport: Hashable, Sendable {
  package var results = 0
  package var objects = 0
  package var logs = 0
  package var trees = 0
  /// Tables whose relations kept something for the next build.
  package var tables = 0
  /// What was set aside as damaged, and what killed processes left.
  package var remains = 0
  package var graphs = 0
  /// Of the files that went.
  package var freedBytes: Int64 = 0
  /// Of what stays: objects, logs, and what tables keep.
  package var remainingBytes: Int64 = 0

  package init() {}

  package var isEmpty: Bool {
    results == 0 && objects == 0 && logs == 0 && trees == 0 && tables == 0 && remains == 0 && graphs == 0
  }
}

/// Shrinks the state: forgets results that the last builds did not need, and removes what nothing names any more.
///
/// Rows go first, in one transaction, and files after: if it is killed in between, what is left over is no longer named and goes
/// the next time. The caller holds the state lock. Objects that outputs, intents, the last graphs or the last builds need stay.
///
/// - Parameter isDryRun: change nothing.
/// - Complexity: O(rows and objects), one look at each.
package func prune(
  _ store: any StateUpkeep, _ upkeep: any ObjectUpkeep, limits: PruneLimits, now: Double, isDryRun: Bool
) throws(SystemError) -> PruneReport {
  let plan = PrunePlan(try inventory(of: store, upkeep, now: now), limits: limits)
  var report = PruneReport()
  report.results = plan.removal.results.count
  report.graphs = plan.removal.graphs.count
  report.objects = plan.objects.count
  report.freedBytes = plan.objects.reduce(0) { $0 + $1.bytes } + plan.leftovers.reduce(0) { $0 + $1.bytes }
  report.remainingBytes = plan.remainingBytes
  for leftover in plan.leftovers {
    switch leftover.kind {
    case .log: report.logs += 1
    case .tree: report.trees += 1
    case .tables: report.tables += 1
    case .snapshot, .remains: report.remains += 1
    }
  }
  guard !isDryRun else { return report }
  if !plan.removal.isEmpty || !report.isEmpty { try store.remove(plan.removal) }
  // Snapshots of graphs that are gone first: one must not outlive what it was made with.
  try upkeep.remove(plan.leftovers)
  try upkeep.remove(plan.objects.map(\.id))
  try store.shrink()
  return report
}

private func inventory(
  of store: any StateUpkeep, _ upkeep: any ObjectUpkeep, now: Double
) throws(SystemError) -> PruneInventory {
  var inventory = PruneInventory()
  inventory.now = now
  inventory.results = try store.allResults().map {
    PruneInventory.Result(key: $0.key, run: $0.result.run, outputs: $0.result.outputs.map(ObjectID.init))
  }
  inventory.derivations = try store.allDerivations()
  inventory.variants = try store.variants()
  inventory.traces = try store.allTraces().map { ($0.identity, StepTrace(encoded: $0.bytes)?.contentKey) }
  inventory.readSets = try store.readSetKeys()
  inventory.declaredKeys = try store.declaredKeys()
  inventory.runs = try store.allRuns()
  inventory.builds = try store.allBuilds()
  inventory.lastUses = try store.lastUses()
  let derived = Dictionary(
    inventory.derivations.map { ($0.key, $0.contentKey) }, uniquingKeysWith: { first, _ in first })
  for (key, build) in try store.graphBuilds() {
    inventory.graphs.append(try graphInventory(key, build: build, in: store, derived: derived))
  }
  inventory.owned = Set(try store.heldArtifacts().map(ObjectID.init))
  inventory.objects = try upkeep.storedObjects()
  inventory.leftovers = try upkeep.leftovers()
  inventory.members = { id in
    upkeep.members(of: id)?.entries.compactMap { entry in
      if case .file(let file) = entry.content { return ObjectID(file) }
      return nil
    } ?? []
  }
  return inventory
}

private func graphInventory(
  _ key: Digest, build: Int64, in store: any StateUpkeep, derived: [Digest: Digest]
) throws(SystemError) -> PruneInventory.Graph {
  var result = PruneInventory.Graph(key: key, build: build)
  guard let graph = try PersistedGraph(in: store, key: key) else { return result }
  try graph.loadAll()
  for kind in GraphNodeKind.allCases {
    for node in graph.nodes(of: kind) {
      switch try graph.state(of: node) {
      case .unwanted, .stale: break
      case .known(let artifact): if kind != .source { result.objects.insert(ObjectID(artifact)) }
      case .keyed(let key): if let contentKey = derived[key] { result.results.insert(contentKey) }
      case .made(let made): result.results.insert(made.contentKey)
      }
      guard case .step(let step, let frame) = try graph.definition(of: node).content else { continue }
      result.identities.insert(frame.identity)
      if case .table(let table) = step.work { result.relations.insert(table.plan.key) }
    }
  }
  return result
}
