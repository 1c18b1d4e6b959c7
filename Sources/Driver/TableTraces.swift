import BuildGraph
import Language
package import Ports
import Tables

/// What tables keep between processes, one step at a time for each relation, or for each group of relations that are kept together.
///
/// `@unchecked Sendable`: `busy`, `groups` and `alone` are touched inside `monitor.withLock` only; what is in a group by who has its key.
package final class TableTraces: @unchecked Sendable {
  private let storage: any TraceStorage
  /// Relations over files of fewer bytes are evaluated from nothing each time.
  let leastBytes: Int
  private let monitor = Monitor()
  private var busy: Set<Digest> = []
  /// Relations that are kept together, of which some have been asked for, and some may be still; by the key of the first.
  private var groups: [Digest: (table: SingleTable, asked: Set<Digest>)] = [:]
  /// Relations that are not kept with others after all.
  private var alone: Set<Digest> = []

  package init(_ storage: any TraceStorage, leastBytes: Int = SingleTable.leastBytes) {
    self.storage = storage
    self.leastBytes = leastBytes
  }

  /// What is kept under a key; nil where the state refuses. For who knows that nobody else of this process is at it.
  func shelf(of key: Digest) -> TraceShelf? { (try? storage.open(key)).map { TraceShelf($0) } }

  /// Calls `body` with a table that goes on from what is kept of a relation, when no other step is at it.
  ///
  /// - Parameters:
  ///   - companions: relations that this process may be asked for too.
  ///   - bytes: of the relation's files.
  func withTable<Result>(
    of relation: Relation, with companions: [Relation], bytes: Int, _ body: (SingleTable) -> Result
  ) -> Result {
    guard bytes >= leastBytes else { return body(SingleTable(relation, on: nil)) }
    let relations = together(relation, companions)
    let key = relations[0].key
    monitor.withLock {
      while busy.contains(key) { monitor.wait() }
      busy.insert(key)
    }
    defer {
      monitor.withLock {
        busy.remove(key)
        monitor.signalAll()
      }
    }
    let known = monitor.withLock { groups[key]?.table }
    let table: SingleTable
    if let known, known.relations.map(\.key) == relations.map(\.key) {
      table = known
    } else {
      table = SingleTable(relations, on: shelf(of: key))
    }
    let result = body(table)
    if relations.count > 1 { note(relation, isMadeWith: table, key) }
    return result
  }

  private func together(_ relation: Relation, _ companions: [Relation]) -> [Relation] {
    guard companions.count > 1 else { return [relation] }
    let alone = monitor.withLock { self.alone }
    let relations = relation.together(with: companions) { !alone.contains($0.key) }
    let isKnown = monitor.withLock { groups[relations[0].key] != nil }
    if relations.count == 1 || isKnown || SingleTable.canKeep(relations) { return relations }
    monitor.withLock { self.alone.formUnion(relations.map(\.key)) }
    return [relation]
  }

  private func note(_ relation: Relation, isMadeWith table: SingleTable, _ key: Digest) {
    monitor.withLock {
      if table.isUnsound { alone.formUnion(table.relations.map(\.key)) }
      var asked: Set<Digest> = []
      if let known = groups[key], known.table === table { asked = known.asked }
      asked.insert(relation.key)
      let isOver = table.isUnsound || asked.count == table.relations.count
      groups[key] = isOver ? nil : (table, asked)
    }
  }
}
