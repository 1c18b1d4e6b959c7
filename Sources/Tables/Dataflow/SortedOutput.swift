import BuildGraph
import Diagnostics
import Language

/// The rows of a table in the order of its columns, as pieces of a file that are written again only where rows come or go.
///
/// Pieces of earlier processes are read from the shelf where somebody needs them. For one thread at a time.
final class SortedOutput {
  private let writer: TableWriter
  private let order: RowOrder
  private let width: Int
  private(set) var pieces: [Piece] = []
  private(set) var rowCount = 0
  /// How many texts have been made.
  private(set) var textCount = 0
  /// Where pieces of earlier processes are kept.
  var shelf: TraceShelf?

  /// A stretch of rows.
  final class Piece {
    fileprivate(set) var rows: KeptRows
    /// The least of them.
    let first: [UInt64]
    /// By form, as far as it has been asked for since the last change.
    fileprivate(set) var texts: [TableStep.Form: KeptText]
    /// In which round it was shown last.
    fileprivate var shown: UInt32 = 0

    init(_ rows: KeptRows, first: [UInt64], texts: [TableStep.Form: KeptText] = [:]) {
      self.rows = rows
      self.first = first
      self.texts = texts
    }

    fileprivate var isKept: Bool { rows.name != nil && texts.values.allSatisfy { $0.name != nil } }

    /// - Precondition: there is a row at least.
    fileprivate convenience init(_ rows: RowList) { self.init(KeptRows(rows), first: Array(rows[0])) }
  }

  /// Rows of a piece: beyond twice of it a piece is divided.
  private static let pieceRows = 1024

  init(_ columns: [Column], _ strings: any RowStrings) {
    writer = TableWriter(columns, strings)
    order = RowOrder(columns.map(\.kind), strings)
    width = columns.count
  }

  /// Takes up what an earlier process has left.
  func adopt(_ pieces: [Piece]) {
    self.pieces = pieces
    rowCount = pieces.reduce(0) { $0 + $1.rows.count }
  }

  /// Shows the words of all pieces that have not been shown in this round, as far as the budget of bytes goes; but not of those that an
  /// earlier process has kept.
  ///
  /// - Returns: whether all have been shown.
  func show(inRound round: UInt32, _ budget: inout Int, _ body: (UnsafeBufferPointer<UInt64>) -> Void) -> Bool {
    guard order.kinds.contains(.string) else { return true }
    for piece in pieces where piece.shown != round {
      guard budget > 0 else { return false }
      piece.shown = round
      guard let words = piece.rows.list?.words else { continue }
      words.withUnsafeBufferPointer(body)
      budget -= 8 * words.count
    }
    return true
  }

  /// Keeps the rows and texts of pieces that are not kept yet.
  ///
  /// - Returns: whether all are kept; false if it was told to stop.
  func keep(on shelf: TraceShelf, while mayContinue: () -> Bool) throws(SystemError) -> Bool {
    for piece in pieces where !piece.isKept {
      guard mayContinue() else { return false }
      try piece.rows.keep(on: shelf)
      for form in piece.texts.keys { try piece.texts[form]?.keep(on: shelf) }
    }
    return true
  }

  /// Rows that come and go, in order.
  private struct Changes {
    var rows: RowList
    var differences: [Int] = []
  }

  /// - Throws: `damaged`; then it is of no use any more.
  /// - Complexity: O(c · log c + the pieces that change).
  func apply(_ changes: RowSums) throws(SystemError) {
    guard !changes.isEmpty else { return }
    let sorted = self.sorted(changes)
    guard !pieces.isEmpty else {
      pieces = divided(merged(RowList(order.kinds), sorted, 0..<sorted.differences.count))
      rowCount = pieces.reduce(0) { $0 + $1.rows.count }
      return
    }
    var result: [Piece] = []
    var next = 0
    for (index, piece) in pieces.enumerated() {
      // All changes before the first row of the next piece.
      var end = sorted.differences.count
      if index + 1 < pieces.count { end = partition(sorted, from: next, before: pieces[index + 1].first) }
      if end == next {
        result.append(piece)
        continue
      }
      result += divided(merged(try piece.rows.rows(order.kinds, from: shelf), sorted, next..<end))
      next = end
    }
    pieces = result
    rowCount = pieces.reduce(0) { $0 + $1.rows.count }
  }

  private func sorted(_ changes: RowSums) -> Changes {
    var rows = RowList(order.kinds)
    var differences: [Int] = []
    rows.words.reserveCapacity(changes.count * width)
    changes.forEach { row, difference in
      rows.append(row)
      differences.append(difference)
    }
    let numbers = order.sorted(rows)
    var result = Changes(rows: RowList(order.kinds))
    result.rows.words.reserveCapacity(rows.words.count)
    for number in numbers {
      result.rows.append(rows[number])
      result.differences.append(differences[number])
    }
    return result
  }

  private func partition(_ changes: Changes, from start: Int, before limit: [UInt64]) -> Int {
    changes.rows.words.withUnsafeBufferPointer { words in
      limit.withUnsafeBufferPointer { limit in
        guard let words = words.baseAddress, let limit = limit.baseAddress else { return start }
        var low = start
        var high = changes.differences.count
        while low < high {
          let middle = (low + high) / 2
          if order.precedes(words + middle * width, limit) { low = middle + 1 } else { high = middle }
        }
        return low
      }
    }
  }

  private func merged(_ rows: RowList, _ changes: Changes, _ range: Range<Int>) -> RowList {
    var result = RowList(order.kinds)
    result.words.reserveCapacity(rows.words.count + range.count * width)
    changes.rows.words.withUnsafeBufferPointer { changed in
      rows.words.withUnsafeBufferPointer { old in
        guard let changed = changed.baseAddress else { return }
        // An empty list has no rows to look at.
        let base = old.baseAddress ?? changed
        var at = 0
        func append(_ row: UnsafePointer<UInt64>) { result.append(UnsafeBufferPointer(start: row, count: width)) }
        func isSame(_ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>) -> Bool {
          (0..<width).allSatisfy { a[$0] == b[$0] }
        }
        for number in range {
          let row = changed + number * width
          while at < rows.count, order.precedes(base + at * width, row) {
            append(base + at * width)
            at += 1
          }
          var times = changes.differences[number]
          while at < rows.count, isSame(base + at * width, row) {
            times += 1
            at += 1
          }
          for _ in 0..<max(times, 0) { append(row) }
        }
        result.append(old[(at * width)...])
      }
    }
    return result
  }

  private func divided(_ rows: RowList) -> [Piece] {
    guard rows.count > 2 * Self.pieceRows else { return rows.count == 0 ? [] : [Piece(rows)] }
    var pieces: [Piece] = []
    var start = 0
    while start < rows.count {
      let end = rows.count - start < 2 * Self.pieceRows ? rows.count : start + Self.pieceRows
      var piece = RowList(order.kinds)
      piece.words = Array(rows.words[start * width..<end * width])
      pieces.append(Piece(piece))
      start = end
    }
    return pieces
  }

  /// The table as a step leaves it.
  ///
  /// - Throws: `damaged`.
  /// - Complexity: O(bytes) to put the pieces together; only those that changed are written anew.
  func output(_ form: TableStep.Form) throws(SystemError) -> TableWriter.Output {
    switch form {
    case .csv, .tsv, .jsonl, .rows:
      var bytes = writer.header(form)
      bytes.reserveCapacity(bytes.count + pieces.reduce(0) { $0 + ($1.texts[form]?.count ?? 0) })
      for piece in pieces { try text(piece, form).append(to: &bytes, from: shelf) }
      return .file(bytes)
    case .summary:
      guard case .file(let coded) = try output(.rows) else { preconditionFailure("rows are a file") }
      return .file(TableWriter.summary(count: rowCount, coded))
    case .parts:
      var rows = RowList(order.kinds)
      for piece in pieces { rows.words += try piece.rows.rows(order.kinds, from: shelf).words }
      return writer.write(rows, form)
    }
  }

  private func text(_ piece: Piece, _ form: TableStep.Form) throws(SystemError) -> KeptText {
    if let known = piece.texts[form] { return known }
    let text = KeptText(writer.records(try piece.rows.rows(order.kinds, from: shelf), form))
    piece.texts[form] = text
    textCount += 1
    return text
  }
}
