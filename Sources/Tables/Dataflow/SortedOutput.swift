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

  /// Keeps the rows and texts of all pieces that are not kept yet.
  func keep(on shelf: TraceShelf) throws(SystemError) {
    for piece in pieces {
      try piece.rows.keep(on: shelf)
      for form in piece.texts.keys { try piece.texts[form]?.keep(on: shelf) }
    }
  }

  /// - Throws: `damaged`; then it is of no use any more.
  /// - Complexity: O(c · log c + the pieces that change).
  func apply(_ changes: [(row: [UInt64], difference: Int)]) throws(SystemError) {
    guard !changes.isEmpty else { return }
    let sorted = changes.sorted { a, b in precedes(a.row, b.row) }
    guard !pieces.isEmpty else {
      pieces = divided(merged(RowList(order.kinds), sorted[...]))
      rowCount = pieces.reduce(0) { $0 + $1.rows.count }
      return
    }
    var result: [Piece] = []
    var next = 0
    for (index, piece) in pieces.enumerated() {
      // All changes before the first row of the next piece.
      var end = next
      if index + 1 < pieces.count {
        let limit = pieces[index + 1].first
        end = partition(sorted, from: next) { precedes($0.row, limit) }
      } else {
        end = sorted.count
      }
      if end == next {
        result.append(piece)
        continue
      }
      result += divided(merged(try piece.rows.rows(order.kinds, from: shelf), sorted[next..<end]))
      next = end
    }
    pieces = result
    rowCount = pieces.reduce(0) { $0 + $1.rows.count }
  }

  private func partition(
    _ sorted: [(row: [UInt64], difference: Int)], from start: Int,
    _ isBefore: ((row: [UInt64], difference: Int)) -> Bool
  ) -> Int {
    var low = start
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if isBefore(sorted[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func precedes(_ a: [UInt64], _ b: [UInt64]) -> Bool {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        guard let x = a.baseAddress, let y = b.baseAddress else { return false }
        return order.precedes(x, y)
      }
    }
  }

  private func merged(_ rows: RowList, _ changes: ArraySlice<(row: [UInt64], difference: Int)>) -> RowList {
    var result = RowList(order.kinds)
    result.words.reserveCapacity(rows.words.count + changes.count * width)
    var at = 0
    for change in changes {
      while at < rows.count {
        let row = Array(rows[at])
        guard row != change.row, precedes(row, change.row) else { break }
        result.append(row)
        at += 1
      }
      var times = change.difference
      while at < rows.count, rows[at].elementsEqual(change.row) {
        times += 1
        at += 1
      }
      for _ in 0..<max(times, 0) { result.append(change.row) }
    }
    result.words.append(contentsOf: rows.words[(at * width)...])
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
    return text
  }
}
