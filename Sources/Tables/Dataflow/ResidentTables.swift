package import BuildGraph
package import Language

/// The tables of a process that stays: each relation that has been asked for is kept as a dataflow, so that asking again costs what
/// has changed in its files since.
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
    /// Tables that were evaluated from nothing.
    package var evaluations = 0
  }

  package private(set) var work = Work()
  /// Malformed records that the table that was asked for last leaves out.
  package private(set) var dropped = 0
  private let strings = StringDictionary()
  private let evaluator: RowEvaluator
  private let roundLimit: Int
  private var entries: [Digest: Entry] = [:]
  private var uses = 0

  private final class Entry {
    let flow: RelationFlow
    let output: SortedOutput
    var parts: [FileTable: [ByteString: ChunkedFile]] = [:]
    var lastUse = 0

    init(_ flow: RelationFlow, _ output: SortedOutput) {
      self.flow = flow
      self.output = output
    }
  }

  /// Relations that have not been asked for since so many others are forgotten.
  private static let entryLimit = 256

  package init(roundLimit: Int = 1_000_000) {
    evaluator = RowEvaluator(strings: strings)
    self.roundLimit = roundLimit
  }

  /// The table as a step leaves it; nil if it was told to stop.
  ///
  /// - Complexity: after the first time, hashing the files, and in proportion to what changed.
  package func output(
    of relation: Relation, _ form: TableStep.Form, while mayContinue: @escaping () -> Bool, _ source: Source
  ) throws(TableFailure) -> TableWriter.Output? {
    uses += 1
    var files: [Relation.Input: [InputFile]] = [:]
    for input in relation.inputs { files[input] = try source(input) }
    do throws(Unsupported) {
      let entry = try self.entry(of: relation)
      let changes = try prepare(entry, files)
      commit(changes, to: entry)
      dropped = entry.parts.values.reduce(0) { sum, files in files.values.reduce(sum) { $0 + $1.dropped } }
      switch entry.flow.update(while: mayContinue) {
      case .changes(let changes):
        entry.output.apply(changes)
        return entry.output.output(form)
      case .stopped:
        entries[relation.key] = nil
        return nil
      case .undecided: if !entry.flow.isSound { entries[relation.key] = nil }
      }
    } catch {
      // It is not known what has been taken in; and whoever evaluates from nothing says what is wrong.
      entries[relation.key] = nil
    }
    work.evaluations += 1
    let known = files
    let evaluation = Evaluation(roundLimit: roundLimit) { known[$0] ?? [] }
    defer { dropped = evaluation.dropped }
    return try evaluation.output(of: relation, form)
  }

  private func entry(of relation: Relation) throws(Unsupported) -> Entry {
    if let known = entries[relation.key] {
      known.lastUse = uses
      return known
    }
    let entry = Entry(
      try RelationFlow(relation, evaluator, roundLimit: roundLimit), SortedOutput(relation.columns, strings))
    entry.lastUse = uses
    entries[relation.key] = entry
    if entries.count > Self.entryLimit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      entries[oldest.key] = nil
    }
    return entry
  }

  // MARK: Files

  private struct Change {
    var table: FileTable
    var parts: [ByteString: ChunkedFile]
    var removed: [RowList] = []
    var added: [RowList] = []
    var parsedBytes = 0
  }

  /// What the files mean for the rows of a relation's sources.
  private func prepare(_ entry: Entry, _ files: [Relation.Input: [InputFile]]) throws(Unsupported) -> [Change] {
    var changes: [Change] = []
    for table in entry.flow.tables {
      var gone = entry.parts[table] ?? [:]
      var change = Change(table: table, parts: [:])
      for (index, part) in table.parts.enumerated() {
        for file in files[part] ?? [] {
          // The same path may occur in several parts, or several times in one.
          let name = ByteString("\(index)/") + file.path
          guard change.parts[name] == nil else { throw .form("two files of one name") }
          let known = gone.removeValue(forKey: name) ?? ChunkedFile(table, strings, path: file.path)
          do throws(ReadingError) {
            let made = try file.bytes.withUnsafeBufferPointer { (bytes) throws(ReadingError) in try known.update(bytes)
            }
            change.removed += made.removed
            change.added += made.added
          } catch {
            throw .malformed
          }
          change.parts[name] = known
          change.parsedBytes += known.bytesRead
        }
      }
      for file in gone.values { change.removed += file.rows }
      changes.append(change)
    }
    return changes
  }

  private func commit(_ changes: [Change], to entry: Entry) {
    for change in changes {
      entry.parts[change.table] = change.parts
      for rows in change.removed { entry.flow.add(rows, to: change.table, times: -1) }
      for rows in change.added { entry.flow.add(rows, to: change.table, times: 1) }
      work.parsedBytes += change.parsedBytes
      work.changedRows += (change.removed + change.added).reduce(0) { $0 + $1.count }
    }
  }
}
