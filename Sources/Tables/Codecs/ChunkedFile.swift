package import BuildGraph
import Diagnostics
package import Language

/// A file of a table as it was read last, in chunks: when it changes, only chunks that differ are read; and of these, only the
/// records near what differs.
///
/// What a chunk comes to depends on its bytes, on the record that the chunk before it ended in, and on what the header has said;
/// and, where the program asks for record numbers, on how many came before. Nothing else of the file: lines are counted only for errors.
/// For one thread at a time.
package final class ChunkedFile {
  let reader: TableReader
  let path: ByteString
  private let chunking: Chunking
  private(set) var pieces: [Piece] = []
  /// The rows of a record that ends with the file, not with its line.
  private(set) var last: Piece?
  /// Of the content that was read last, where it is known.
  private(set) var digest: Digest?
  /// Of the same content, where they are known.
  private(set) var blocks: BlockDigests?
  /// Bytes that the last update had to read; what was hashed is not counted.
  package private(set) var bytesRead = 0

  /// A chunk as it was read.
  struct Piece {
    var chunk: Chunk
    var entry: Entry
    var exit: Entry
    var rows: KeptChunk
    var dropped: Int
    /// Records for which a row expression has no value.
    var faults: Int
  }

  /// What a chunk's rows depend on besides its bytes.
  struct Entry: Equatable {
    var state: ScanState
    /// The record that has begun and not ended.
    var begun: Begun?
    /// Records before, if the program asks for their numbers; else 0.
    var record = 0
  }

  /// - Parameter path: relative, as its owner names it.
  package convenience init(
    _ table: FileTable, _ strings: StringDictionary, path: ByteString, chunking: Chunking = .standard
  ) {
    self.init(TableReader(table, strings), path: path, chunking: chunking)
  }

  init(_ reader: TableReader, path: ByteString, chunking: Chunking = .standard) {
    self.chunking = chunking
    self.reader = reader
    self.path = path
  }

  /// Takes a file up as an earlier process has read it.
  func adopt(_ pieces: [Piece], last: Piece?, digest: Digest?, blocks: BlockDigests?) {
    self.blocks = blocks
    self.pieces = pieces
    self.last = last
    self.digest = digest
  }

  /// Keeps the rows of chunks that are not kept yet.
  ///
  /// - Parameter holds: whether they stay in memory as well.
  /// - Returns: whether all are kept; false if it was told to stop.
  func keep(on shelf: TraceShelf, holds: Bool, while mayContinue: () -> Bool) throws(SystemError) -> Bool {
    for index in pieces.indices where pieces[index].rows.name == nil && pieces[index].rows.count > 0 {
      guard mayContinue() else { return false }
      try pieces[index].rows.keep(on: shelf, holds: holds)
    }
    try last?.rows.keep(on: shelf, holds: holds)
    return true
  }

  var kinds: [ColumnKind] { reader.kinds }

  /// All rows, in pieces.
  ///
  /// - Throws: `damaged`, where they are kept and cannot be read.
  func rows(from shelf: TraceShelf?) throws(SystemError) -> [RowList] {
    var lists: [RowList] = []
    for piece in pieces { lists.append(try piece.rows.rows(kinds, from: shelf)) }
    if let last { lists.append(try last.rows.rows(kinds, from: shelf)) }
    return lists
  }

  /// - Complexity: O(chunks).
  var rowCount: Int { pieces.reduce(last?.rows.count ?? 0) { $0 + $1.rows.count } }

  /// Records that are malformed and dropped.
  package var dropped: Int { pieces.reduce(last?.dropped ?? 0) { $0 + $1.dropped } }

  /// Records for which a row expression has no value.
  var faults: Int { pieces.reduce(last?.faults ?? 0) { $0 + $1.faults } }

  package var chunks: [Chunk] { pieces.map(\.chunk) }

  /// What of the rows is there no more, and what is new; a row may be in both.
  package typealias Difference = (removed: [RowList], added: [RowList])

  /// Reads the file as it is now. What is packed is unpacked first, whole.
  ///
  /// - Parameters:
  ///   - shelf: where an earlier process has kept it.
  ///   - take: where rows go that are new, if they are not wanted together.
  /// - Throws: a ``ReadingError`` for the first malformed record, unless these are dropped; what reading the file and what is kept throws.
  ///   Then all is as it was before.
  /// - Complexity: O(bytes) at the speed of hashing, and of reading what differs; O(chunks) where its digest is as it was.
  func update(
    _ file: InputFile, from shelf: TraceShelf? = nil, take: ((RowList) throws -> Void)? = nil
  ) throws -> Difference {
    bytesRead = 0
    if let digest = file.digest, digest == self.digest { return ([], []) }
    let difference: Difference
    var found: Digest?
    switch file.content {
    case .bytes(let bytes): difference = try bytes.withUnsafeBufferPointer { try update($0, from: shelf, take) }
    case .growing(let growing):
      // Nobody has said its digest: whoever reads it on from here has to know what was read.
      let bytes = try growing.bytes(0..<growing.size)
      difference = try bytes.withUnsafeBufferPointer { try update($0, from: shelf, take) }
      digest = bytes.withUnsafeBufferPointer { Digest(hashing: $0) }
      blocks = nil
      return difference
    case .whole(let whole):
      difference = try whole.bytes().withUnsafeBufferPointer { try update($0, from: shelf, take) }
      found = file.digest
    case .stored(let stored):
      var known: KnownBlocks?
      if digest != nil, file.digest != nil, let old = blocks, let new = file.blocks {
        known = KnownBlocks(new, was: old, size: stored.size)
      }
      var window = ByteWindow(stored, most: chunking.most, digest: file.digest, known)
      if Compression.isPacked(try window.bytes(at: 0, count: 4)) {
        difference = try stored.bytes().withUnsafeBufferPointer { bytes in
          if file.digest != nil { found = Digest(hashing: bytes) }
          return try update(bytes, from: shelf, take)
        }
      } else {
        do {
          difference = try update(&window, from: shelf, take)
        } catch let error as Malformation {
          throw try stored.bytes().withUnsafeBufferPointer { TableReader.error(error, $0, path) }
        }
        found = window.digest
      }
    }
    // It may have been written to since somebody else hashed it.
    digest = found == file.digest ? found : nil
    blocks = digest == nil ? nil : file.blocks
    return difference
  }

  /// Reads the file as it is now, in memory.
  private func update(
    _ bytes: UnsafeBufferPointer<UInt8>, from shelf: TraceShelf?, _ take: ((RowList) throws -> Void)?
  ) throws -> Difference {
    guard Compression.isPacked(bytes) else { return try updatePlain(bytes, from: shelf, take) }
    return try TableReader.unpacked(bytes, path).withUnsafeBufferPointer { try updatePlain($0, from: shelf, take) }
  }

  private func updatePlain(
    _ bytes: UnsafeBufferPointer<UInt8>, from shelf: TraceShelf?, _ take: ((RowList) throws -> Void)?
  ) throws -> Difference {
    var window = ByteWindow(bytes)
    do {
      return try update(&window, from: shelf, take)
    } catch let error as Malformation {
      throw TableReader.error(error, bytes, path)
    }
  }

  private func update(
    _ window: inout ByteWindow, from shelf: TraceShelf?, _ take: ((RowList) throws -> Void)?
  ) throws -> Difference {
    var cutter = ChunkCutter(chunking, was: chunks, size: window.size, onlyGrows: reader.table.appends)
    var old = OldStretches(pieces, kinds, reader.table, shelf)
    var result: [Piece] = []
    result.reserveCapacity(pieces.count)
    var isKept = [Bool](repeating: false, count: pieces.count)
    var added: [RowList] = []
    func isNew(_ rows: RowList) throws {
      guard rows.count > 0 else { return }
      if let take { try take(rows) } else { added.append(rows) }
    }
    var entry = Entry(state: ScanState(reader.table))
    var count = 0
    while let (chunk, origin) = try cutter.next(in: &window) {
      if let origin, pieces[origin].entry == entry {
        isKept[origin] = true
        result.append(pieces[origin])
      } else {
        let start = cutter.position - chunk.length
        try old.expect(origin ?? cutter.nextOld)
        var (piece, new, parsed) = try read(
          try window.bytes(at: start, count: chunk.length), start, chunk, entry, &old)
        count += parsed
        try isNew(new)
        // Whoever keeps all of it in the end says why that cannot be.
        if take != nil, let shelf { try? piece.rows.keep(on: shelf) }
        result.append(piece)
      }
      entry = result[result.count - 1].exit
    }
    var removed: [RowList] = []
    for index in pieces.indices {
      if isKept[index] {
        if let taken = old.rows(from: index, taken: true) { try isNew(taken) }
      } else {
        let rest = try old.rows(from: index, taken: false) ?? pieces[index].rows.rows(kinds, from: shelf)
        if rest.count > 0 { removed.append(rest) }
      }
    }
    var end = last
    if last?.entry != entry || last == nil { end = try readEnd(at: window.size, entry) }
    if last?.entry != end?.entry {
      if let last { removed.append(try last.rows.rows(kinds, from: shelf)) }
      if let end { try isNew(try end.rows.rows(kinds, from: nil)) }
    }
    pieces = result
    last = end
    bytesRead = count
    return (removed, added)
  }

  private func sink(_ entry: Entry) -> RowSink {
    RowSink(reader, path, Reading(reader.kinds), record: entry.record)
  }

  /// - Returns: the chunk, those of its rows that are not taken over from an old one, and how many bytes were read for them.
  private func read(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ chunk: Chunk, _ entry: Entry, _ old: inout OldStretches
  ) throws -> (piece: Piece, new: RowList, parsed: Int) {
    var sink = sink(entry)
    var exit = entry
    var position = 0
    let stretchBytes = max(1, chunking.least / 16)
    var content = ContentBuilder(kinds, stretchBytes: stretchBytes)
    if let begun = entry.begun {
      guard let end = begun.end(in: text) else {
        // No record ends here.
        exit.begun = Begun(reader.table.format, text, after: begun)
        let none = RowList(kinds)
        return (
          Piece(chunk: chunk, entry: entry, exit: exit, rows: KeptChunk(none), dropped: 0, faults: 0), none, text.count
        )
      }
      let record = begun.bytes + text[..<end]
      try record.withUnsafeBufferPointer { record in
        _ = try scan(record, 0, at: start - begun.count, &exit.state, isEnd: false, &sink)
      }
      position = end
      content.appendUnknown(sink.reading.rows.count)
    }
    var parsed = position
    func parse(to end: Int) throws {
      guard end > position else { return }
      let leftOut = sink.reading.dropped + sink.reading.faults
      sink.beginStretches(of: stretchBytes)
      let region = UnsafeBufferPointer(rebasing: text[..<end])
      let reached = try scan(region, position, at: start, &exit.state, isEnd: false, &sink)
      content.append(
        sink.marks, region, to: (reached, sink.reading.rows.count),
        isKnown: sink.reading.dropped + sink.reading.faults == leftOut && old.areUsable)
      parsed += reached - position
      position = reached
    }
    while let next = try old.next(in: text, from: position, exit.state) {
      if next.start > position { try parse(to: next.start) }
      // A record goes on beyond: what seemed to be the same begins within it.
      guard next.start == position else { break }
      old.take(next, into: &content)
      position += next.length
    }
    try parse(to: text.count)
    parsed += text.count - position
    exit.begun =
      position < text.count
      ? Begun(reader.table.format, UnsafeBufferPointer(rebasing: text[position...]), after: nil) : nil
    if reader.table.numberColumn != nil { exit.record = sink.record }
    let piece = Piece(
      chunk: chunk, entry: entry, exit: exit, rows: KeptChunk(content.finish(sink.reading.rows)),
      dropped: sink.reading.dropped, faults: sink.reading.faults)
    return (piece, sink.reading.rows, parsed)
  }

  /// Reads what ends with the file; nil if the last record has ended before.
  private func readEnd(at size: Int, _ entry: Entry) throws -> Piece? {
    guard let begun = entry.begun else { return nil }
    var sink = sink(entry)
    var state = entry.state
    try begun.bytes.withUnsafeBufferPointer { record in
      _ = try scan(record, 0, at: size - begun.count, &state, isEnd: true, &sink)
    }
    return Piece(
      chunk: Chunk(length: 0, digest: begun.digest), entry: entry, exit: entry, rows: KeptChunk(sink.reading.rows),
      dropped: sink.reading.dropped, faults: sink.reading.faults)
  }

  /// Scans some bytes of the file, which begin at an offset of it.
  private func scan(
    _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, at offset: Int, _ state: inout ScanState, isEnd: Bool,
    _ sink: inout RowSink
  ) throws(Malformation) -> Int {
    do throws(Malformation) {
      return try reader.scan(bytes, from: start, &state, isEnd: isEnd, &sink)
    } catch {
      throw Malformation(offset: offset + error.offset, message: error.message)
    }
  }
}
