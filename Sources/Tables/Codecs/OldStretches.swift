import BuildGraph
import Diagnostics
import Language

/// Goes along the stretches of old chunks while a changed file is read: where the bytes are those of an old stretch, its rows are taken
/// over, and only what is between is parsed.
///
/// A stretch is looked for where it was, with the ones before it as long as they were; and behind each line feed near that, since one
/// that became longer or shorter moves all behind it. Each is taken over once.
struct OldStretches {
  private let pieces: [ChunkedFile.Piece]
  private let kinds: [ColumnKind]
  private let hasTargets: Bool
  private let shelf: TraceShelf?
  /// Whether the rows of a stretch follow from its bytes.
  let areUsable: Bool
  /// Of the chunks that have been looked at.
  private var contents: [Int: ChunkContent] = [:]
  /// Which stretches of a chunk have been taken over.
  private var isTaken: [Int: [Bool]] = [:]
  /// The stretch that comes next: of which chunk, and which.
  private var piece = 0
  private var index = 0
  private var content: ChunkContent?
  private var expected: Int?

  /// A stretch of a chunk that is as it was.
  struct Found {
    fileprivate var index: Int
    /// Where it begins.
    var start: Int
    /// In bytes.
    var length: Int
  }

  /// How many stretches that follow each other may all have changed without moving what is behind them.
  private static let skips = 3

  init(_ pieces: [ChunkedFile.Piece], _ kinds: [ColumnKind], _ table: FileTable, _ shelf: TraceShelf?) {
    self.pieces = pieces
    self.kinds = kinds
    self.shelf = shelf
    hasTargets = table.format == .csv || table.format == .tsv
    areUsable = table.numberColumn == nil
  }

  // MARK: Finding

  /// A new chunk comes, in place of an old one or of those behind it.
  ///
  /// - Throws: `damaged`.
  mutating func expect(_ chunk: Int) throws(SystemError) {
    guard areUsable else { return }
    if expected != chunk {
      expected = chunk
      return try move(to: chunk)
    }
    // Chunks that follow each other have changed.
    if let content, index + Self.skips < content.stretches.count { return }
    try move(to: piece + 1)
  }

  private mutating func move(to chunk: Int) throws(SystemError) {
    piece = chunk
    index = 0
    content = nil
    guard piece < pieces.count else { return }
    if let known = contents[piece] { return content = known }
    content = try pieces[piece].rows.content(kinds, from: shelf)
    contents[piece] = content
  }

  /// The next stretch that is still there.
  ///
  /// - Parameters:
  ///   - start: where a record begins.
  ///   - state: of the reader at that place.
  /// - Throws: `damaged`.
  mutating func next(
    in text: UnsafeBufferPointer<UInt8>, from start: Int, _ state: ScanState
  ) throws(SystemError) -> Found? {
    guard let content, !state.isStart, !hasTargets || state.targets != nil,
      pieces[piece].exit.state.targets == state.targets
    else { return nil }
    let stretches = content.stretches
    var guess = start
    for at in index..<min(index + Self.skips, stretches.count) {
      if isThere(at, stretches[at], text, guess) {
        return Found(index: at, start: guess, length: stretches[at].length)
      }
      guess += stretches[at].length
    }
    guard index < stretches.count else { return nil }
    let near = min(text.count, start + 2 * stretches[index].length + 2048)
    for position in start..<near where text[position] == 0x0A {
      for at in index..<min(index + 2, stretches.count) where isThere(at, stretches[at], text, position + 1) {
        return Found(index: at, start: position + 1, length: stretches[at].length)
      }
    }
    return nil
  }

  private func isThere(_ at: Int, _ stretch: Stretch, _ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
    guard stretch.length > 0, start + stretch.length <= text.count, isTaken[piece]?[at] != true else { return false }
    return Digest(hashing: UnsafeBufferPointer(rebasing: text[start..<start + stretch.length])) == stretch.digest
  }

  /// Takes over the rows of a stretch.
  mutating func take(_ found: Found, into builder: inout ContentBuilder) {
    guard let content else { return }
    isTaken[piece, default: Array(repeating: false, count: content.stretches.count)][found.index] = true
    index = found.index + 1
    builder.take(content.stretches[found.index], of: content)
  }

  // MARK: Taken over

  /// The rows of an old chunk that were taken over, or those that were not; nil where none were taken over.
  ///
  /// - Complexity: O(stretches), and O(these rows).
  func rows(from piece: Int, taken: Bool) -> RowList? {
    guard let flags = isTaken[piece], let content = contents[piece] else { return nil }
    var rows = RowList(kinds)
    for (stretch, isTaken) in zip(content.stretches, flags) where isTaken == taken {
      content.append(stretch, to: &rows)
    }
    return rows
  }
}

/// Puts together what a chunk comes to, of what is parsed and what is taken over from old chunks.
struct ContentBuilder {
  private enum Source { case parsed, copied, base }

  private var stretches: [(stretch: Stretch, source: Source)] = []
  private var copied: RowList
  private var base: ChunkBase?
  private let stretchBytes: Int

  /// - Parameter stretchBytes: how long a stretch is, about.
  init(_ kinds: [ColumnKind], stretchBytes: Int) {
    copied = RowList(kinds)
    self.stretchBytes = stretchBytes
  }

  /// All rows so far are of records that cannot be taken over.
  mutating func appendUnknown(_ rows: Int) {
    let stretch = Stretch(length: 0, digest: Digest(high: 0, low: 0), rows: 0..<rows, isOfBase: false)
    stretches.append((stretch, .parsed))
  }

  /// The records of some bytes have been parsed, with the marks that were made meanwhile.
  ///
  /// - Parameters:
  ///   - end: of the last record, and how many rows there are now.
  ///   - isKnown: whether the rows follow from the bytes.
  mutating func append(
    _ marks: [(start: Int, row: Int)], _ bytes: UnsafeBufferPointer<UInt8>, to end: (start: Int, row: Int),
    isKnown: Bool
  ) {
    var marks = marks
    if marks.count > 1, end.start - marks[marks.count - 1].start < stretchBytes / 4 { marks.removeLast() }
    for (number, mark) in marks.enumerated() {
      let next = number + 1 < marks.count ? marks[number + 1] : end
      let text = UnsafeBufferPointer(rebasing: bytes[mark.start..<next.start])
      let stretch = Stretch(
        length: isKnown ? text.count : 0, digest: isKnown ? Digest(hashing: text) : Digest(high: 0, low: 0),
        rows: mark.row..<next.row, isOfBase: false)
      stretches.append((stretch, .parsed))
    }
  }

  fileprivate mutating func take(_ stretch: Stretch, of content: ChunkContent) {
    if stretch.isOfBase, let its = content.base, base == nil || base?.name == its.name {
      base = its
      return stretches.append((stretch, .base))
    }
    var copy = stretch
    let start = copied.count
    content.append(stretch, to: &copied)
    copy.rows = start..<copied.count
    copy.isOfBase = false
    stretches.append((copy, .copied))
  }

  /// - Parameter parsed: all rows that were parsed.
  /// - Complexity: O(rows that are parsed or copied); where these are many, all.
  func finish(_ parsed: RowList) -> ChunkContent {
    var content = ChunkContent(own: parsed)
    content.base = base
    if copied.count > 0 { content.own.words += copied.words }
    content.stretches = stretches.map { stretch, source in
      var stretch = stretch
      if source == .copied {
        stretch.rows = stretch.rows.lowerBound + parsed.count..<stretch.rows.upperBound + parsed.count
      }
      return stretch
    }
    return base != nil && 2 * content.own.count > content.count ? content.whole : content
  }
}
