import BuildGraph
import Diagnostics
import Language

/// A relation kept by differences, with all that it rests on: strings, the files as they were read last, the dataflow, and the output in
/// order. It goes on from what an earlier process has left, and leaves it to a later one.
///
/// For one thread at a time.
final class KeptRelation {
  /// What changed in the files since the last time, not yet fed.
  private struct Change {
    /// Of the flow's sources.
    var source: Int
    var files: [ByteString: ChunkedFile] = [:]
    var tails: [ByteString: TailedFile] = [:]
    var removed: [RowList] = []
    var added: [RowList] = []
    var parsedBytes = 0
  }

  let strings = StringDictionary()
  let flow: RelationFlow
  let outputs: [SortedOutput]
  /// What had gone through the dataflow when each relation was asked for last.
  private var countsBefore: [PlanCounts]
  /// By source of the flow: each file by the number of its part and its path.
  private(set) var files: [[ByteString: ChunkedFile]]
  /// The same, of those that only grow and are not read whole.
  private(set) var tails: [[ByteString: TailedFile]]
  /// Which they were when it was made; the tables of the flow are theirs.
  let relations: [Relation]
  private(set) var parsedBytes = 0
  private(set) var changedRows = 0
  /// How many strings there were when it was evaluated from nothing.
  var stringsAtFirst: Int?
  var shelf: TraceShelf?
  /// What of it is on a shelf.
  var keeping = Keeping()
  /// Where it will be left: what is read first is put there at once.
  private let leaves: TraceShelf?
  /// Rows that were fed and not worked off, as far as they are not added up.
  private var waiting = 0
  /// Forgets strings that no row has any more; nil where all are kept.
  private let census: StringCensus?
  let chunking: Chunking

  /// - Parameter leaves: where it will be left for a later process, if it will.
  /// - Throws: ``Unsupported`` for what only an evaluation from nothing can do.
  convenience init(
    _ relation: Relation, roundLimit: Int, chunking: Chunking = .standard, leaves: TraceShelf? = nil
  ) throws(Unsupported) {
    try self.init([relation], roundLimit: roundLimit, chunking: chunking, leaves: leaves)
  }

  /// - Parameters:
  ///   - relations: of the same files.
  ///   - forgets: whether rows that cannot matter any more, as long as files only grow, are forgotten.
  /// - Throws: ``Unsupported`` if one of them is what only an evaluation from nothing can do.
  init(
    _ relations: [Relation], roundLimit: Int, chunking: Chunking = .standard, forgets: Bool = false,
    census censusAt: (strings: Int, bytes: Int) = (1 << 16, 8 << 20), leaves: TraceShelf? = nil
  ) throws(Unsupported) {
    self.relations = relations
    self.leaves = leaves
    self.chunking = chunking
    // What the program itself says stays.
    strings.keepsForGood = true
    flow = try RelationFlow(relations, RowEvaluator(strings: strings), roundLimit: roundLimit, forgets: forgets)
    strings.keepsForGood = false
    census = forgets ? StringCensus(strings, least: censusAt.strings, bytesAtOnce: censusAt.bytes) : nil
    let strings = strings
    outputs = relations.map { SortedOutput($0.columns, strings) }
    countsBefore = relations.map { _ in PlanCounts() }
    files = Array(repeating: [:], count: flow.sources.count)
    tails = Array(repeating: [:], count: flow.sources.count)
  }

  /// With the strings of an earlier process: those that the relations themselves have must get the numbers that they had.
  init(
    _ relations: [Relation], roundLimit: Int, chunking: Chunking, on shelf: TraceShelf, _ layers: [StringLayer],
    forgets: Bool, census censusAt: (strings: Int, bytes: Int)?
  ) throws(Unsupported) {
    self.relations = relations
    self.chunking = chunking
    self.shelf = shelf
    leaves = nil
    let strings = strings
    census = forgets ? censusAt.map { StringCensus(strings, least: $0.strings, bytesAtOnce: $0.bytes) } : nil
    strings.adopt(layers)
    keeping.layers = layers.map { Keeping.Layer(first: $0.first, count: $0.count, name: $0.name) }
    strings.keepsForGood = true
    flow = try RelationFlow(relations, RowEvaluator(strings: strings), roundLimit: roundLimit, forgets: forgets)
    strings.keepsForGood = false
    outputs = relations.map { SortedOutput($0.columns, strings) }
    countsBefore = relations.map { _ in PlanCounts() }
    for output in outputs { output.shelf = shelf }
    files = Array(repeating: [:], count: flow.sources.count)
    tails = Array(repeating: [:], count: flow.sources.count)
  }

  var relation: Relation { relations[0] }

  func adopt(_ files: [[ByteString: ChunkedFile]], _ tails: [[ByteString: TailedFile]]) {
    self.files = files
    self.tails = tails
  }

  /// Malformed records that are left out.
  var dropped: Int {
    let chunked = files.reduce(0) { sum, files in files.values.reduce(sum) { $0 + $1.dropped } }
    return tails.reduce(chunked) { sum, tails in tails.values.reduce(sum) { $0 + $1.dropped } }
  }

  /// Whether a row expression has no value for some record: what was made while it was read is not the table then.
  var hasFaults: Bool {
    files.contains { $0.values.contains { $0.faults > 0 } } || tails.contains { $0.values.contains { $0.faults > 0 } }
  }

  /// The table after the files became what they are now.
  enum Outcome {
    case output(TableWriter.Output)
    /// Only an evaluation from nothing tells what holds; the relation may be asked again.
    case undecided
    case stopped
  }

  /// - Parameter source: the files of each input of `current`.
  /// - Throws: ``Unsupported`` where a file is malformed, or what was kept cannot be read; it is of no use then.
  /// - Complexity: hashing the files, and in proportion to what changed.
  func update(
    _ current: Relation, _ form: TableStep.Form, _ source: [Relation.Input: [InputFile]],
    while mayContinue: @escaping () -> Bool
  ) throws(Unsupported) -> Outcome {
    guard let index = relations.firstIndex(where: { $0.key == current.key }) else {
      throw Unsupported.form("a relation that is not kept here")
    }
    let changes: [Change]
    do {
      changes = try prepare(current, relations[index], source, mayContinue)
    } catch is Stopped {
      return .stopped
    } catch {
      throw Self.unsupported(error)
    }
    let rowsBefore = changedRows
    for change in changes {
      guard try feed(change, while: mayContinue) else { return .stopped }
    }
    switch try flow.update(index, isInDoubt: hasFaults, while: mayContinue) {
    case .changes(let changes):
      do throws(SystemError) {
        try outputs[index].apply(changes)
        let output = try outputs[index].output(form)
        forgetStrings(after: changedRows - rowsBefore)
        return .output(output)
      } catch {
        throw .unreadable(error.message)
      }
    case .stopped: return .stopped
    case .undecided: return .undecided
    }
  }

  /// Goes on forgetting strings, after an update.
  private func forgetStrings(after rows: Int) {
    guard let census else { return }
    let last = tails.flatMap { $0.values.compactMap(\.last) }
    census.goOn(after: rows, flow, outputs, last)
  }

  /// What has gone through a relation's plan since this was asked for it last.
  ///
  /// - Complexity: O(nodes).
  func takePlan(of current: Relation) -> String? {
    guard let index = relations.firstIndex(where: { $0.key == current.key }) else { return nil }
    let counts = flow.counts
    var difference = counts
    for (node, before) in countsBefore[index].counts { difference.counts[node]?.out -= before.out }
    countsBefore[index] = counts
    return difference.text(of: relations[index])
  }

  /// The tables of a relation that is the same but may be of another graph, in the order of the flow's.
  private func tables(of current: Relation, _ relation: Relation) throws(Unsupported) -> [FileTable] {
    guard current !== relation else { return flow.sources.map(\.table) }
    let places = Dictionary(
      zip(relation.fileTables, current.fileTables).map { ($0, $1) }, uniquingKeysWith: { first, _ in first })
    var tables: [FileTable] = []
    for table in flow.sources.map(\.table) {
      guard let other = places[table], other.parts.count == table.parts.count else {
        throw Unsupported.form("another relation of the same key")
      }
      tables.append(other)
    }
    return tables
  }

  /// It was told to stop.
  private struct Stopped: Error {}

  private static func unsupported(_ error: any Error) -> Unsupported {
    switch error {
    case let error as Unsupported: error
    case let error as SystemError: .unreadable(error.message)
    case _: .malformed
    }
  }

  /// Reads what has changed. The rows of a file that is new are fed at once, so that they are not all held.
  private func prepare(
    _ current: Relation, _ relation: Relation, _ source: [Relation.Input: [InputFile]],
    _ mayContinue: @escaping () -> Bool
  ) throws -> [Change] {
    var changes: [Change] = []
    for (index, table) in try tables(of: current, relation).enumerated() {
      var change = Change(source: index)
      for (part, input) in table.parts.enumerated() {
        for file in source[input] ?? [] {
          // The same path may occur in several parts, or several times in one.
          let name = ByteString("\(part)/") + file.path
          guard change.files[name] == nil, change.tails[name] == nil else {
            throw Unsupported.form("two files of one name")
          }
          if case .growing(let growing) = file.content {
            try follow(file, growing, name, &change, mayContinue)
          } else if let tail = tails[index][name] {
            try follow(file, with: tail, name, &change, mayContinue)
          } else {
            try read(file, name, &change, mayContinue)
          }
        }
      }
      for (name, file) in files[index] where change.files[name] == nil && change.tails[name] == nil {
        change.removed += try file.rows(from: shelf)
      }
      // Which rows these have made is not known any more.
      guard tails[index].keys.allSatisfy({ change.tails[$0] != nil }) else { throw Unsupported.outdated }
      changes.append(change)
    }
    return changes
  }

  private func reader(_ source: Int) -> TableReader {
    TableReader(flow.sources[source].table, strings, flow.sources[source].stage)
  }

  private func read(
    _ file: InputFile, _ name: ByteString, _ change: inout Change, _ mayContinue: @escaping () -> Bool
  ) throws {
    let source = change.source
    let known = files[source][name] ?? ChunkedFile(reader(source), path: file.path, chunking: chunking)
    // Its rows are held in a form that is not looked through.
    strings.keepsForGood = census != nil
    defer { strings.keepsForGood = false }
    if files[source][name] != nil {
      let made = try known.update(file, from: shelf)
      note(removed: made.removed, added: made.added, &change)
    } else {
      _ = try known.update(file, from: leaves) { [self] rows in
        changedRows += rows.count
        flow.add(rows, to: source, times: 1)
        guard try workOff(rows.count, while: mayContinue) else { throw Stopped() }
      }
    }
    change.files[name] = known
    change.parsedBytes += known.bytesRead
  }

  /// Rows that came and went, without those that are in both.
  private func note(removed: [RowList], added: [RowList], _ change: inout Change) {
    var difference = RowDifference(reader(change.source).kinds)
    difference.removed = removed
    difference.added = added
    let (gone, new) = difference.remaining()
    change.removed += gone
    change.added += new
  }

  /// Reads what was added to a file that only grows.
  private func follow(
    _ file: InputFile, _ growing: GrowingFile, _ name: ByteString, _ change: inout Change,
    _ mayContinue: @escaping () -> Bool
  ) throws {
    do {
      guard let known = tails[change.source][name] else {
        return try beginToFollow(file, growing, name, &change, mayContinue)
      }
      guard case .rows(let removed, let added) = try known.update(growing) else { throw Unsupported.outdated }
      note(removed: removed, added: added, &change)
      change.tails[name] = known
      change.parsedBytes += known.bytesRead
    } catch is SystemError {
      throw Unsupported.outdated
    }
  }

  /// Reads what was added to a file that an earlier process has followed, and that this one is handed as it is now.
  private func follow(
    _ file: InputFile, with tail: TailedFile, _ name: ByteString, _ change: inout Change,
    _ mayContinue: @escaping () -> Bool
  ) throws {
    if let digest = file.digest, digest == tail.digest {
      change.tails[name] = tail
      return
    }
    guard let growing = file.growing else { throw Unsupported.outdated }
    tail.doubt()
    try follow(file, growing, name, &change, mayContinue)
    tail.digest = file.digest
  }

  private func beginToFollow(
    _ file: InputFile, _ growing: GrowingFile, _ name: ByteString, _ change: inout Change,
    _ mayContinue: @escaping () -> Bool
  ) throws {
    let reader = reader(change.source)
    let canFollow = try reader.table.appends && TailedFile.canFollow(growing)
    if canFollow, files[change.source][name] == nil {
      let new = TailedFile(reader, path: file.path, growing)
      guard case .rows(_, let added) = try new.update(growing) else { throw Unsupported.outdated }
      change.added += added
      change.tails[name] = new
      change.parsedBytes += new.bytesRead
      return
    }
    // An earlier process has read it in chunks. Once all is known to be as it is now, they are not needed any longer.
    try read(file, name, &change, mayContinue)
    guard canFollow, let chunked = change.files.removeValue(forKey: name) else { return }
    let last = try chunked.last.map { try $0.rows.rows(chunked.kinds, from: shelf) }
    change.tails[name] = TailedFile(after: chunked, last: last, growing)
  }

  /// Rows that are worked off at once, where there are no loops: what lies between operators does not grow with the files.
  private var sliceRows: Int { 128 * chunking.least }

  /// Some rows have been fed: works them off if so many wait by now. Where they are added up by key as they come, that is when there
  /// are as many keys.
  ///
  /// - Returns: false if it was told to stop.
  private func workOff(_ rows: Int, while mayContinue: @escaping () -> Bool) throws(Unsupported) -> Bool {
    waiting += rows
    guard waiting >= sliceRows, !flow.hasLoops else { return true }
    waiting = flow.waitingRecords
    guard waiting >= sliceRows / 2 else { return mayContinue() }
    waiting = 0
    return try flow.advance(while: mayContinue)
  }

  /// - Returns: false if it was told to stop.
  private func feed(_ change: Change, while mayContinue: @escaping () -> Bool) throws(Unsupported) -> Bool {
    files[change.source] = change.files
    tails[change.source] = change.tails
    for (lists, times) in [(change.removed, -1), (change.added, 1)] {
      for rows in lists {
        flow.add(rows, to: change.source, times: times)
        guard try workOff(rows.count, while: mayContinue) else { return false }
      }
    }
    parsedBytes += change.parsedBytes
    changedRows += (change.removed + change.added).reduce(0) { $0 + $1.count }
    return true
  }

  /// Rows of files and records of operators that are in memory.
  var heldRecords: Int {
    let rows = files.reduce(0) { sum, files in files.values.reduce(sum) { $0 + $1.rowCount } }
    return flow.heldRecords + rows
  }

  /// The memory that traces and strings take, in bytes.
  var heldBytes: Int { flow.heldBytes + strings.heldBytes }

  /// Work so far.
  var work: ResidentTables.Work {
    ResidentTables.Work(
      parsedBytes: parsedBytes, changedRows: changedRows, touchedRecords: flow.touchedRecords, evaluations: 0)
  }
}
