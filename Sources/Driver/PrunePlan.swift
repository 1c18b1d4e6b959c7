import BuildGraph
import Ports

/// How much of the state is to stay.
package struct PruneLimits: Hashable, Sendable {
  /// What the last builds and graphs needed stays in any case.
  package var keptBuilds: Int
  /// What was not needed for so long goes; nil for no limit.
  package var ageSeconds: Double?
  /// The least recently needed goes until objects and logs take no more than this; nil for no limit.
  package var maximumBytes: Int64?

  package init(keptBuilds: Int = 10, ageSeconds: Double? = nil, maximumBytes: Int64? = nil) {
    self.keptBuilds = keptBuilds
    self.ageSeconds = ageSeconds
    self.maximumBytes = maximumBytes
  }
}

/// What the state holds, as far as pruning must know it.
struct PruneInventory {
  struct Graph {
    var key: Digest
    var build: Int64
    /// The content keys that its steps rest on.
    var results: Set<Digest> = []
    var identities: Set<Digest> = []
    /// The relations of its tables.
    var relations: Set<Digest> = []
    /// What the program made itself, and what it put together.
    var objects: Set<ObjectID> = []
  }

  struct Result {
    var key: Digest
    var run: RunID
    var outputs: [ObjectID]
  }

  var results: [Result] = []
  var derivations: [(key: Digest, contentKey: Digest)] = []
  /// Each identity with the content key of its trace; nil where it cannot be read.
  var variants: [Digest: Variant] = [:]
  var traces: [(identity: Digest, contentKey: Digest?)] = []
  var readSets: [Digest] = []
  var declaredKeys: [Digest: Digest] = [:]
  var runs: [RunStub] = []
  var builds: [BuildStub] = []
  var lastUses: [Digest: Int64] = [:]
  /// The most recently saved first.
  var graphs: [Graph] = []
  /// What outputs and intents name.
  var owned: Set<ObjectID> = []
  var objects: [StoredObject] = []
  var leftovers: [StateLeftover] = []
  /// Seconds since 1970.
  var now = 0.0
  /// What a folder holds, itself not included.
  var members: (ObjectID) -> [ObjectID] = { _ in [] }
}

/// What is to be removed: decided from values alone.
struct PrunePlan {
  private(set) var removal = StateRemoval()
  private(set) var objects: [StoredObject] = []
  private(set) var leftovers: [StateLeftover] = []
  /// What objects and logs take afterwards.
  private(set) var remainingBytes: Int64 = 0

  private let inventory: PruneInventory
  private let firstNeeded: Int64
  private var created: [RunID: RunStub] = [:]
  private var lastUse: [Digest: Int64] = [:]
  private var references: [ObjectID: Int] = [:]
  private var sizes: [ObjectID: Int64] = [:]
  private var closures: [ObjectID: [ObjectID]] = [:]

  /// - Complexity: O(rows and objects · log).
  init(_ inventory: PruneInventory, limits: PruneLimits) {
    self.inventory = inventory
    let last = inventory.builds.last?.number ?? 0
    firstNeeded = last - Int64(limits.keptBuilds) + 1
    for run in inventory.runs { created[run.run] = run }
    for object in inventory.objects { sizes[object.id] = object.bytes }
    decide(limits)
  }

  // MARK: Who needs what

  private enum Candidate {
    case result(Int)
    case run(RunStub)
    case graph(Int)
  }

  private mutating func decide(_ limits: PruneLimits) {
    let kept = inventory.graphs.prefix(limits.keptBuilds)
    var needed = Set<Digest>()
    for graph in kept { needed.formUnion(graph.results) }
    // Without a graph, the last state of every step that is known of counts as one.
    if inventory.graphs.isEmpty { needed.formUnion(inventory.traces.compactMap(\.contentKey)) }
    // Each artifact counts once for each that names it, so that the last to go takes it along.
    for id in inventory.owned.union(kept.flatMap(\.objects)) { hold(id) }
    for result in inventory.results { for id in result.outputs { hold(id) } }
    for graph in inventory.graphs.dropFirst(limits.keptBuilds) { for id in graph.objects { hold(id) } }
    noteLastUses()

    var logs: [RunID: StateLeftover] = [:]
    for leftover in inventory.leftovers {
      if case .log(let run) = leftover.kind { logs[run] = leftover }
    }
    remainingBytes = sizes.reduce(0) { $0 + ((references[$1.key] ?? 0) > 0 ? $1.value : 0) }
    for run in inventory.runs { remainingBytes += logs[run.run]?.bytes ?? 0 }

    // Of what the same build used last, results come first, those of later runs before those of earlier ones, which they may rest on:
    // what is removed in part must not keep what was made of what is gone.
    var candidates: [(use: Int64, order: Int64, candidate: Candidate)] = []
    var makers = Set<RunID>()
    for (index, result) in inventory.results.enumerated() {
      makers.insert(result.run)
      let use = lastUse[result.key] ?? 0
      if use < firstNeeded, !needed.contains(result.key) {
        candidates.append((use, -result.run.number, .result(index)))
      }
    }
    for run in inventory.runs where run.build < firstNeeded && !makers.contains(run.run) {
      candidates.append((run.build, run.run.number, .run(run)))
    }
    for (index, graph) in inventory.graphs.enumerated().dropFirst(limits.keptBuilds) {
      candidates.append((graph.build, .max, .graph(index)))
    }
    candidates.sort { ($0.use, $0.order) < ($1.use, $1.order) }
    let cutoff = limits.ageSeconds.map { inventory.now - $0 }
    for (use, _, candidate) in candidates {
      let isOld = cutoff.map { time(of: use) < $0 } ?? (limits.maximumBytes == nil)
      let isTooMuch = limits.maximumBytes.map { remainingBytes > $0 } ?? false
      if isOld || isTooMuch { remove(candidate, logs) }
    }
    removeWhatRestsOnResults()
    removeUnnamed(logs, limits)
  }

  /// The last build that may have needed each result: the one that made it, those of the graphs that hold it, and the one before
  /// it left a graph.
  private mutating func noteLastUses() {
    for result in inventory.results {
      lastUse[result.key] = max(created[result.run]?.build ?? 0, inventory.lastUses[result.key] ?? 0)
    }
    for (key, contentKey) in inventory.derivations {
      if let use = inventory.lastUses[key], let known = lastUse[contentKey] { lastUse[contentKey] = max(known, use) }
    }
    for graph in inventory.graphs {
      for key in graph.results { if let known = lastUse[key] { lastUse[key] = max(known, graph.build) } }
    }
  }

  /// When a build began, or the last one before it that is known of.
  private func time(of build: Int64) -> Double {
    var low = 0
    var high = inventory.builds.count
    while low < high {
      let middle = (low + high) / 2
      if inventory.builds[middle].number <= build { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? 0 : inventory.builds[low - 1].startedAt
  }

  private mutating func closure(of id: ObjectID) -> [ObjectID] {
    guard id.kind == .folder else { return [id] }
    if let known = closures[id] { return known }
    let closure = [id] + inventory.members(id)
    closures[id] = closure
    return closure
  }

  private mutating func hold(_ id: ObjectID) { for part in closure(of: id) { references[part, default: 0] += 1 } }

  private mutating func release(_ id: ObjectID) {
    for part in closure(of: id) {
      references[part, default: 0] -= 1
      if references[part] == 0 { remainingBytes -= sizes[part] ?? 0 }
    }
  }

  // MARK: What goes

  private mutating func remove(_ candidate: Candidate, _ logs: [RunID: StateLeftover]) {
    switch candidate {
    case .result(let index):
      let result = inventory.results[index]
      removal.results.append(result.key)
      for id in result.outputs { release(id) }
      if let run = created[result.run], run.build < firstNeeded { remove(.run(run), logs) }
    case .run(let run):
      removal.runs.append(run.run)
      remainingBytes -= logs[run.run]?.bytes ?? 0
    case .graph(let index):
      removal.graphs.append(inventory.graphs[index].key)
      for id in inventory.graphs[index].objects { release(id) }
    }
  }

  private mutating func removeWhatRestsOnResults() {
    let removed = Set(removal.results)
    let results = Set(inventory.results.lazy.map(\.key)).subtracting(removed)
    for (key, contentKey) in inventory.derivations where !results.contains(contentKey) {
      removal.derivations.append(key)
    }
    if !inventory.variants.isEmpty {
      let derivations = Set(inventory.derivations.lazy.map(\.key)).subtracting(removal.derivations)
      // As long as anything can rest on what it makes, it must be known which of its runs is meant.
      removal.variants = inventory.variants.keys.sorted().filter { key in
        let variant = inventory.variants[key]!
        return !results.contains(variant.contentKey) && !derivations.contains(key)
          && !derivations.contains(Keys.derivation(variant: variant.outputs, of: key))
      }
    }
    let gone = Set(removal.graphs)
    var identities: Set<Digest> = []
    for graph in inventory.graphs where !gone.contains(graph.key) { identities.formUnion(graph.identities) }
    for (identity, key) in inventory.traces where !identities.contains(identity) {
      // Of a step that no graph has any more: its trace says what changed if it comes back while its result is there.
      if key.map({ !results.contains($0) }) ?? true { removal.traces.append(identity) }
    }
    // Sets of a declared key that no result is known of are of an older format: they stay as long as anything does.
    var declared: [Digest: Bool] = [:]
    for (key, declaredKey) in inventory.declaredKeys {
      declared[declaredKey] = declared[declaredKey, default: false] || results.contains(key)
    }
    removal.readSets = inventory.readSets.filter { declared[$0] == false }
    removeBuilds()
  }

  /// Numbers that nothing refers to any more.
  private mutating func removeBuilds() {
    let removedRuns = Set(removal.runs)
    let removedResults = Set(removal.results)
    var named = Set(inventory.graphs.map(\.build))
    for run in inventory.runs where !removedRuns.contains(run.run) { named.insert(run.build) }
    for (key, use) in lastUse where !removedResults.contains(key) { named.insert(use) }
    for build in inventory.builds where build.number < firstNeeded && !named.contains(build.number) {
      removal.builds.append(build.number)
    }
  }

  private mutating func removeUnnamed(_ logs: [RunID: StateLeftover], _ limits: PruneLimits) {
    objects = inventory.objects.filter { (references[$0.id] ?? 0) <= 0 }
    let removedRuns = Set(removal.runs)
    let removedGraphs = Set(removal.graphs)
    var relations: Set<Digest> = []
    for graph in inventory.graphs where !removedGraphs.contains(graph.key) { relations.formUnion(graph.relations) }
    for leftover in inventory.leftovers {
      if case .tables(let key) = leftover.kind, relations.contains(key) { remainingBytes += leftover.bytes }
    }
    // What tables keep only saves time: it goes before a limit is not held.
    func isTooMuch(_ bytes: Int64) -> Bool {
      guard let limit = limits.maximumBytes, remainingBytes > limit else { return false }
      remainingBytes -= bytes
      return true
    }
    leftovers = inventory.leftovers.filter { leftover in
      switch leftover.kind {
      case .log(let run): created[run] == nil || removedRuns.contains(run)
      case .tree(let id): (references[id] ?? 0) <= 0
      case .snapshot(let key): removedGraphs.contains(key)
      case .tables(let key):
        if relations.contains(key) { isTooMuch(leftover.bytes) } else { true }
      case .remains: true
      }
    }
  }
}
