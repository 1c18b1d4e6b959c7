package import BuildGraph
import Diagnostics
package import Language
import Ports

/// The tables of a process that stays: each relation that has been asked for is kept as a dataflow, so that asking again costs what
/// has changed in its files since.
///
/// Relations of one program that are made of the same files and have more in common are one dataflow, where they are known together:
/// what they have in common is there once, and worked off once.
///
/// What a dataflow cannot decide an evaluation from nothing decides: errors of rows, loops without end, and the few forms that no
/// dataflow is made for. For one thread at a time.
package final class ResidentTables {
  package typealias Source = (Relation.Input) throws(TableFailure) -> [InputFile]

  /// Work since the tables were made.
  package struct Work: Equatable, Sendable {
    /// Bytes of files that were parsed.
    package var parsedBytes = 0
    /// Rows that were fed to dataflows as come or gone.
    package var changedRows = 0
    /// Records that the operators of dataflows have touched.
    package var touchedRecords = 0
    /// Tables that were evaluated from nothing.
    package var evaluations = 0

    /// What was done from one reading to a later one.
    package static func - (a: Work, b: Work) -> Work {
      Work(
        parsedBytes: a.parsedBytes - b.parsedBytes, changedRows: a.changedRows - b.changedRows,
        touchedRecords: a.touchedRecords - b.touchedRecords, evaluations: a.evaluations - b.evaluations)
    }

    /// Of a table that went on from what an earlier process has left, for people.
    package var text: String {
      "went on from the last build; parsed \(parsedBytes) bytes, \(changedRows) rows changed, "
        + "\(touchedRecords) records touched"
    }
  }

  package private(set) var work = Work()
  /// Malformed records that the table that was asked for last leaves out.
  package private(set) var dropped = 0
  /// Whether the table that was asked for last went on from what an earlier process has left.
  package private(set) var hasResumed = false
  /// What went through the plan of the table that was asked for last, for people.
  package private(set) var plan: String?
  private let roundLimit: Int
  private let census: (strings: Int, bytes: Int)
  private let shelf: (Digest) -> TraceShelf?
  /// By the key of each of their relations.
  private var entries: [Digest: Entry] = [:]
  /// Relations that have had a part in a dataflow that came to nothing: each has one of its own.
  private var alone: Set<Digest> = []
  /// Relations for which something mattered again that had been forgotten: they keep all from then on.
  private var remembering: Set<Digest> = []
  private var uses = 0

  private final class Entry {
    let kept: KeptRelation
    /// Where it may be kept.
    let shelf: TraceShelf?
    var lastUse = 0
    /// Of its files.
    var bytes = 0

    init(_ kept: KeptRelation, _ shelf: TraceShelf?) {
      self.kept = kept
      self.shelf = shelf
    }
  }

  /// Relations that have not been asked for since so many others are forgotten.
  private static let entryLimit = 256

  /// - Parameters:
  ///   - census: from how many strings on those that no row has any more are looked for, and how many bytes at once.
  ///   - shelf: where an earlier process may have left a relation, and this one may: by its key, or of relations that are kept together
  ///     that of the first; asked when a dataflow is made.
  package init(
    roundLimit: Int = 1_000_000, census: (strings: Int, bytes: Int) = (1 << 16, 8 << 20),
    shelf: @escaping (Digest) -> TraceShelf? = { _ in nil }
  ) {
    self.roundLimit = roundLimit
    self.census = census
    self.shelf = shelf
  }

  /// The table as a step leaves it; nil if it was told to stop.
  ///
  /// - Parameter companions: relations that will be asked for too.
  /// - Complexity: after the first time, hashing the files, and in proportion to what changed.
  package func output(
    of relation: Relation, _ form: TableStep.Form, with companions: [Relation] = [],
    while mayContinue: @escaping () -> Bool, _ source: Source
  ) throws(TableFailure) -> TableWriter.Output? {
    uses += 1
    hasResumed = false
    var files: [Relation.Input: [InputFile]] = [:]
    for input in relation.inputs { files[input] = try source(input) }
    for attempt in 0..<2 {
      do throws(Unsupported) {
        let entry = try self.entry(of: relation, companions, isFirst: attempt == 0)
        entry.bytes = files.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.size } }
        let kept = entry.kept
        let before = kept.work
        defer { note(kept.work, since: before) }
        switch try kept.update(relation, form, files, while: mayContinue) {
        case .output(let output):
          dropped = kept.dropped
          plan = kept.takePlan(of: relation)
          return output
        case .stopped:
          forget(relation)
          return nil
        case .undecided:
          if !kept.flow.isSound {
            alone.formUnion(kept.relations.map(\.key))
            forget(relation)
          }
        }
        break
      } catch {
        if case .missesRows = error, let kept = entries[relation.key]?.kept {
          remembering.formUnion(kept.relations.map(\.key))
        }
        // It is not known what has been taken in; and whoever evaluates from nothing says what is wrong.
        forget(relation)
        // What was kept and cannot be read is made again.
        switch error {
        case .unreadable, .outdated, .missesRows: continue
        case .form, .malformed: break
        }
        break
      }
    }
    work.evaluations += 1
    let known = files
    let evaluation = Evaluation(roundLimit: roundLimit) { known[$0] ?? [] }
    defer {
      dropped = evaluation.dropped
      plan = evaluation.counts.text(of: relation)
    }
    return try evaluation.output(of: relation, form)
  }

  /// Rows of files and records of operators that are in memory, but for the outputs.
  ///
  /// - Complexity: O(chunks and batches).
  package var heldRecords: Int {
    var seen: Set<ObjectIdentifier> = []
    return entries.values.reduce(0) { sum, entry in
      seen.insert(ObjectIdentifier(entry)).inserted ? sum + entry.kept.heldRecords : sum
    }
  }

  /// The memory that traces and strings take, in bytes; and how many strings there are.
  ///
  /// - Complexity: O(batches).
  package var held: (bytes: Int, strings: Int) {
    var seen: Set<ObjectIdentifier> = []
    return entries.values.reduce((0, 0)) { sum, entry in
      guard seen.insert(ObjectIdentifier(entry)).inserted else { return sum }
      return (sum.0 + entry.kept.heldBytes, sum.1 + entry.kept.strings.liveCount)
    }
  }

  private func note(_ work: Work, since before: Work) {
    let done = work - before
    self.work.parsedBytes += done.parsedBytes
    self.work.changedRows += done.changedRows
    self.work.touchedRecords += done.touchedRecords
  }

  /// Forgets a relation, with all that it is kept with.
  private func forget(_ relation: Relation) {
    guard let entry = entries[relation.key] else { return }
    for relation in entry.kept.relations { entries[relation.key] = nil }
  }

  private func entry(
    of relation: Relation, _ companions: [Relation], isFirst: Bool
  ) throws(Unsupported) -> Entry {
    if let known = entries[relation.key] {
      known.lastUse = uses
      return known
    }
    let relations = relation.together(with: companions) { [self] in
      entries[$0.key] == nil && !alone.contains($0.key)
    }
    var made: KeptRelation?
    hasResumed = false
    // One of the others may be what no dataflow is made for.
    let forgets = remembering.isDisjoint(with: relations.map(\.key))
    var place: TraceShelf?
    for group in relations.count > 1 ? [relations, [relation]] : [relations] where made == nil {
      place = shelf(group[0].key)
      if isFirst, let place, place.store.root != nil {
        made = try? KeptRelation.resumed(
          group, roundLimit: roundLimit, from: place, forgets: forgets ? true : nil, census: census)
        hasResumed = made != nil
      }
      if made == nil, group.count > 1 {
        made = try? KeptRelation(group, roundLimit: roundLimit, forgets: forgets, census: census)
      }
    }
    let entry: Entry
    if let made {
      entry = Entry(made, place)
    } else {
      entry = Entry(try KeptRelation([relation], roundLimit: roundLimit, forgets: forgets, census: census), place)
    }
    entry.lastUse = uses
    for relation in entry.kept.relations { entries[relation.key] = entry }
    if entries.count > Self.entryLimit, let oldest = entries.values.min(by: { $0.lastUse < $1.lastUse }) {
      forget(oldest.kept.relation)
    }
    return entry
  }

  // MARK: Keeping

  /// How far keeping has come.
  package enum Kept: Equatable, Sendable {
    /// All is kept that is worth it.
    case all
    /// It was told to stop, and goes on where it was.
    case some
    /// Another process is at work.
    case later
  }

  /// Leaves what a later process goes on from, a piece at a time, between updates.
  ///
  /// What is stored counts only when all of a dataflow is; the last piece is in proportion to its chunks, and to what is small.
  ///
  /// - Parameters:
  ///   - leastBytes: dataflows over files of fewer bytes are not kept.
  ///   - locked: calls what it is given with the state lock held, if nobody else holds it; and says whether it did.
  package func keep(
    leastBytes: Int, while mayContinue: () -> Bool, locked: (() -> Void) -> Bool
  ) -> Kept {
    var seen: Set<ObjectIdentifier> = []
    for (_, entry) in entries.sorted(by: { $0.key < $1.key }) where seen.insert(ObjectIdentifier(entry)).inserted {
      let kept = entry.kept
      guard let shelf = entry.shelf, entry.bytes >= leastBytes, kept.isChanged, !kept.keeping.hasFailed else {
        continue
      }
      do {
        guard try kept.store(on: shelf, while: mayContinue) else { return .some }
        var result: Result<Void, any Error>?
        let isLocked = locked {
          result = Result {
            guard shelf.store.isCurrent else { throw SystemError(.locked, "another process has kept it meanwhile") }
            try kept.keep(on: shelf, stays: true)
          }
        }
        guard isLocked else { return .later }
        try result?.get()
      } catch {
        giveUp(entry, shelf, error)
      }
    }
    return .all
  }

  /// Lets go of what was stored and has not come to count; nothing more is kept.
  package func abandon() {
    for entry in entries.values where !entry.kept.keeping.hasFailed {
      if let shelf = entry.shelf { entry.kept.giveUpKeeping(on: shelf) }
    }
  }

  private func giveUp(_ entry: Entry, _ shelf: TraceShelf, _ error: any Error) {
    let code = (error as? SystemError)?.code
    // Nothing is wrong with what is stored: as soon as it has changed it may be kept.
    if code == .unsupported { return entry.kept.noteKept() }
    entry.kept.giveUpKeeping(on: shelf)
    // Something that it rests on cannot be read.
    if code == .damaged { forget(entry.kept.relation) }
  }
}

extension Relation {
  /// Itself and the relations that are best kept with it: of the same files, and with more in common than these. Ascending by key,
  /// and the same from whichever of them one comes.
  ///
  /// - Parameter isFree: whether one of the others may be among them.
  /// - Complexity: O(companions² · nodes) at worst.
  package func together(with companions: [Relation], _ isFree: (Relation) -> Bool = { _ in true }) -> [Relation] {
    guard isFree(self) else { return [self] }
    let tables = Set(fileTables)
    func own(_ relation: Relation) -> Set<NodeKey> {
      Set(relation.nodes).subtracting(relation.sources.map { NodeKey($0) })
    }
    var keys: Set<Digest> = [key]
    var left = companions.filter { keys.insert($0.key).inserted && Set($0.fileTables) == tables && isFree($0) }
      .map { ($0, own($0)) }
    var found = [self]
    var nodes = own(self)
    while let index = left.firstIndex(where: { !nodes.isDisjoint(with: $0.1) }) {
      let (relation, its) = left.remove(at: index)
      nodes.formUnion(its)
      found.append(relation)
    }
    return found.sorted { $0.key < $1.key }
  }
}
