package import BuildGraph
package import Language

/// The records that one row of a table rests on.
package struct RowLineage: Sendable {
  package struct Record: Hashable, Sendable {
    package var input: Relation.Input
    /// As the file's owner names it.
    package var path: ByteString
    /// Where it begins, from 1; of what is packed, in the text.
    package var line: Int
    /// As it stands there, without what ends the line.
    package var text: ByteString
  }

  /// The row, as a record of the table's file.
  package var row: ByteString
  /// By input, path and line; the first of them.
  package var records: [Record] = []
  package var recordCount = 0
  /// Where the program itself writes rows that it rests on too.
  package var literals: [ProgramLocation] = []
  /// False where there are loops, or where things are not there because others are: the records suffice for the row, and others may,
  /// too.
  package var isExact: Bool
  /// Of what is not exact: whether the row is lost with any of the records.
  package var isMinimal = false
}

extension Evaluation {
  /// What a row of a table's file rests on.
  ///
  /// What was found is tried: the table is evaluated again over these records only. If the row is not in it, what `antijoin`s compare
  /// with is added, and then all records. What is not exact is shrunk.
  ///
  /// - Parameters:
  ///   - number: of the file's rows, from 1.
  ///   - member: which file, where the form makes a folder.
  ///   - limit: how many records to give; all are counted.
  /// - Returns: nil if the file has no such row.
  /// - Complexity: that of an evaluation for each operator; loops are gone through backwards step by step; shrinking
  ///   evaluates at most ``shrinkingBudget`` rows.
  package func lineage(
    ofRow number: Int, in member: ByteString, of relation: Relation, _ form: TableStep.Form, limit: Int
  ) throws(TableFailure) -> RowLineage? {
    let rows = try rows(of: relation)
    let writer = TableWriter(relation.columns, strings)
    var order = RowOrder(rows.kinds, strings).sorted(rows)
    if case .parts(let count) = form {
      order = writer.parts(rows, order, count).first { ByteString($0.name) == member }?.rows ?? []
    }
    guard order.indices.contains(number - 1) else { return nil }
    var row = RowList(rows.kinds)
    row.append(rows[order[number - 1]])

    let wanted = RowIndex(row.words, width: row.width)
    var isExact = !relation.hasLoop
    var rest = try rest(of: relation, row, wanted, asksForBlockers: false)
    if try !rest.suffice() {
      isExact = false
      rest = try self.rest(of: relation, row, wanted, asksForBlockers: true)
    }
    let text = writer.records(row, form == .jsonl ? .jsonl : form == .tsv ? .tsv : .csv)
    var result = RowLineage(row: ByteString(bytes: Array(text.dropLast())), isExact: isExact)
    if !isExact {
      if try !rest.suffice() {
        rest = try SufficientRows(of: relation, in: self, wanted: wanted, budget: Self.shrinkingBudget) {
          (source) throws(TableFailure) in
          RowIndex(try evaluate(source).words, width: source.columns.count)
        }
      }
      result.isMinimal = try rest.shrink()
    }
    for source in relation.sources {
      guard let rows = rest.rows(of: source) else { continue }
      switch source.operation {
      case .files(let table): try locate(rows, table, limit: limit, &result)
      case .literal: if let place = source.location { result.literals.append(place) }
      case .loop, .project, .union, .distinct, .comprehension, .semijoin, .fixpoint: break
      }
    }
    return result
  }

  /// How many rows may be evaluated to find fewer records that suffice: some seconds' worth.
  private static let shrinkingBudget = 1_000_000

  /// What is found by going backwards from a row.
  private func rest(
    of relation: Relation, _ row: RowList, _ wanted: RowIndex, asksForBlockers: Bool
  ) throws(TableFailure) -> SufficientRows {
    let lineage = Lineage(self, asksForBlockers: asksForBlockers)
    try lineage.ask(relation, row.words)
    return try SufficientRows(of: relation, in: self, wanted: wanted, budget: Self.shrinkingBudget) { source in
      lineage.rows(of: source)
    }
  }

  private func locate(
    _ wanted: RowIndex, _ table: FileTable, limit: Int, _ result: inout RowLineage
  ) throws(TableFailure) {
    let reader = TableReader(table, strings)
    for input in table.parts {
      for file in try files(of: input) {
        let bytes = try file.bytes()
        do throws(ReadingError) {
          try bytes.withUnsafeBufferPointer { (bytes) throws(ReadingError) in
            let found = try reader.locate(wanted, bytes, path: file.path, limit: limit - result.records.count)
            result.recordCount += found.count
            for (line, text) in found.places {
              result.records.append(RowLineage.Record(input: input, path: file.path, line: line, text: text))
            }
          }
        } catch {
          throw .reading(error)
        }
      }
    }
  }
}

extension TableReader {
  /// Where the records are whose rows are wanted.
  ///
  /// - Parameters:
  ///   - limit: how many places to give; all are counted.
  fileprivate func locate(
    _ wanted: RowIndex, _ bytes: UnsafeBufferPointer<UInt8>, path: ByteString, limit: Int
  ) throws(ReadingError) -> (count: Int, places: [(line: Int, text: ByteString)]) {
    guard !Compression.isPacked(bytes) else {
      let plain = try Self.unpacked(bytes, path)
      return try plain.withUnsafeBufferPointer { (plain) throws(ReadingError) in
        try locate(wanted, plain, path: path, limit: limit)
      }
    }
    let (rows, starts) = try places(bytes, path: path)
    var count = 0
    var places: [(line: Int, text: ByteString)] = []
    var (line, passed) = (1, 0)
    rows.words.withUnsafeBufferPointer { words in
      for (row, start) in starts.enumerated() {
        let row = UnsafeBufferPointer(rebasing: words[row * rows.width..<(row + 1) * rows.width])
        guard wanted.holds(row) else { continue }
        count += 1
        guard places.count < limit else { continue }
        while passed < start {
          if bytes[passed] == 0x0A { line += 1 }
          passed += 1
        }
        places.append((line, Self.line(bytes, start)))
      }
    }
    return (count, places)
  }

  private static func line(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> ByteString {
    var end = start
    while end < bytes.count, bytes[end] != 0x0A { end += 1 }
    if end > start, bytes[end - 1] == 0x0D { end -= 1 }
    return ByteString(bytes: Array(bytes[start..<end]))
  }
}

extension Relation {
  fileprivate var hasLoop: Bool {
    var found = false
    visit { relation in if case .fixpoint = relation.operation { found = true } }
    return found
  }
}
