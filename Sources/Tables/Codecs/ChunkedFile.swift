package import BuildGraph
import Diagnostics
package import Language

/// A file of a table as it was read last, in chunks: when it changes, only chunks that differ are read.
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
  /// Bytes that the last update had to read; what was hashed is not counted.
  package private(set) var bytesRead = 0

  /// A chunk as it was read.
  struct Piece {
    var chunk: Chunk
    var entry: Entry
    var exit: Entry
    var rows: KeptRows
    var dropped: Int
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
  package init(
    _ table: FileTable, _ strings: StringDictionary, path: ByteString, chunking: Chunking = .standard
  ) {
    self.chunking = chunking
    reader = TableReader(table, strings)
    self.path = path
  }

  /// Takes a file up as an earlier process has read it.
  func adopt(_ pieces: [Piece], last: Piece?) {
    self.pieces = pieces
    self.last = last
  }

  /// Keeps the rows of all chunks that are not kept yet.
  func keep(on shelf: TraceShelf) throws(SystemError) {
    for index in pieces.indices { try pieces[index].rows.keep(on: shelf) }
    try last?.rows.keep(on: shelf)
  }

  /// All rows, in pieces.
  package var rows: [KeptRows] { pieces.map(\.rows) + (last.map { [$0.rows] } ?? []) }

  /// Records that are malformed and dropped.
  package var dropped: Int { pieces.reduce(last?.dropped ?? 0) { $0 + $1.dropped } }

  package var chunks: [Chunk] { pieces.map(\.chunk) }

  /// Reads the file as it is now. What is packed is unpacked first, whole.
  ///
  /// - Returns: the rows of what is there no more, and of what is new; a row may be in both.
  /// - Throws: the first malformed record, unless these are dropped; then all is as it was before.
  /// - Complexity: O(bytes) at the speed of hashing, and of reading what differs.
  package func update(
    _ bytes: UnsafeBufferPointer<UInt8>
  ) throws(ReadingError) -> (removed: [KeptRows], added: [KeptRows]) {
    guard Compression.isPacked(bytes) else { return try updatePlain(bytes) }
    let plain = try TableReader.unpacked(bytes, path)
    return try plain.withUnsafeBufferPointer { (plain) throws(ReadingError) in try updatePlain(plain) }
  }

  private func updatePlain(
    _ bytes: UnsafeBufferPointer<UInt8>
  ) throws(ReadingError) -> (removed: [KeptRows], added: [KeptRows]) {
    let recut = chunking.cut(bytes, was: chunks, onlyGrows: reader.table.appends)
    var result: [Piece] = []
    result.reserveCapacity(recut.chunks.count)
    var isKept = [Bool](repeating: false, count: pieces.count)
    var added: [KeptRows] = []
    var start = 0
    var entry = Entry(state: ScanState(reader.table))
    var count = 0
    do throws(Malformation) {
      for (chunk, origin) in zip(recut.chunks, recut.origins) {
        if let origin, pieces[origin].entry == entry {
          isKept[origin] = true
          result.append(pieces[origin])
        } else {
          let piece = try read(bytes, start, chunk, entry)
          count += chunk.length
          added.append(piece.rows)
          result.append(piece)
        }
        start += chunk.length
        entry = result[result.count - 1].exit
      }
      var removed = pieces.indices.filter { !isKept[$0] }.map { pieces[$0].rows }
      var end = last
      if last?.entry != entry || last == nil { end = try readEnd(bytes, entry) }
      if last?.entry != end?.entry {
        if let last { removed.append(last.rows) }
        if let end { added.append(end.rows) }
      }
      pieces = result
      last = end
      bytesRead = count
      return (removed, added)
    } catch {
      throw TableReader.error(error, bytes, path)
    }
  }

  private func sink(_ entry: Entry) -> RowSink {
    RowSink(reader.table, reader.strings, path, Reading(reader.table), record: entry.record)
  }

  private func read(
    _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ chunk: Chunk, _ entry: Entry
  ) throws(Malformation) -> Piece {
    let text = UnsafeBufferPointer(rebasing: bytes[start..<start + chunk.length])
    var sink = sink(entry)
    var exit = entry
    var position = 0
    if let begun = entry.begun {
      guard let end = begun.end(in: text) else {
        // No record ends here.
        exit.begun = Begun(reader.table.format, text, after: begun)
        return Piece(chunk: chunk, entry: entry, exit: exit, rows: KeptRows(sink.reading.rows), dropped: 0)
      }
      let record = begun.bytes + text[..<end]
      try record.withUnsafeBufferPointer { (record) throws(Malformation) in
        _ = try scan(record, 0, at: start - begun.count, &exit.state, isEnd: false, &sink)
      }
      position = end
    }
    position = try scan(text, position, at: start, &exit.state, isEnd: false, &sink)
    exit.begun =
      position < text.count
      ? Begun(reader.table.format, UnsafeBufferPointer(rebasing: text[position...]), after: nil) : nil
    if reader.table.numberColumn != nil { exit.record = sink.record }
    return Piece(
      chunk: chunk, entry: entry, exit: exit, rows: KeptRows(sink.reading.rows), dropped: sink.reading.dropped)
  }

  /// Reads what ends with the file; nil if the last record has ended before.
  private func readEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ entry: Entry) throws(Malformation) -> Piece? {
    guard let begun = entry.begun else { return nil }
    var sink = sink(entry)
    var state = entry.state
    try begun.bytes.withUnsafeBufferPointer { (record) throws(Malformation) in
      _ = try scan(record, 0, at: bytes.count - begun.count, &state, isEnd: true, &sink)
    }
    return Piece(
      chunk: Chunk(length: 0, digest: begun.digest), entry: entry, exit: entry, rows: KeptRows(sink.reading.rows),
      dropped: sink.reading.dropped)
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

/// The bytes of a record that has begun, and where in it a scanner would stand. A chain, since a record may go over many chunks.
final class Begun: Equatable {
  /// Where a character stands that decides whether a line feed ends the record.
  private enum Place { case fieldStart, plain, quoted, behindQuote, malformed }

  private let before: Begun?
  private let own: [UInt8]
  private let format: FileTable.Format
  private let place: Place
  /// Of all bytes, with those before.
  let count: Int
  /// Tells records that have begun apart.
  let digest: Digest

  init(_ format: FileTable.Format, _ bytes: UnsafeBufferPointer<UInt8>, after before: Begun?) {
    self.before = before
    self.format = format
    own = Array(bytes)
    count = own.count + (before?.count ?? 0)
    var place = before?.place ?? .fieldStart
    _ = Self.end(in: bytes, &place, format)
    self.place = place
    var manifest = DigestManifest()
    if let before { manifest.write(.identity, before.digest) }
    manifest.write(.value, Digest(hashing: bytes))
    digest = manifest.finish()
  }

  static func == (a: Begun, b: Begun) -> Bool { a.count == b.count && a.digest == b.digest }

  /// All bytes of the record so far.
  var bytes: [UInt8] {
    var parts: [[UInt8]] = [own]
    var next = before
    while let part = next {
      parts.append(part.own)
      next = part.before
    }
    return Array(parts.reversed().joined())
  }

  /// How much of the bytes that follow belongs to the record; nil if it does not end in them.
  func end(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    var place = place
    return Self.end(in: bytes, &place, format)
  }

  private static func end(
    in bytes: UnsafeBufferPointer<UInt8>, _ place: inout Place, _ format: FileTable.Format
  ) -> Int? {
    for (index, byte) in bytes.enumerated() {
      if byte == 0x0A, place != .quoted { return index + 1 }
      guard format == .csv else { continue }
      switch place {
      case .fieldStart: place = byte == 0x22 ? .quoted : byte == 0x2C ? .fieldStart : .plain
      case .plain: if byte == 0x2C { place = .fieldStart }
      case .quoted: if byte == 0x22 { place = .behindQuote }
      case .behindQuote: place = byte == 0x22 ? .quoted : byte == 0x2C ? .fieldStart : .malformed
      case .malformed: break
      }
    }
    return nil
  }
}
