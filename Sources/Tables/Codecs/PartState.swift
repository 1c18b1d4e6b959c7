package import BuildGraph
import Language

/// A part of a table as it was read: stretches of whole records with their rows, so that the next reading parses only what differs.
///
/// A stretch is told again by its length and digest, from the front and from the back of the part; where it begins and ends the
/// reader has seen, so no quote and no record is cut.
package struct PartState: Sendable {
  package struct Chunk: Sendable {
    var length: Int
    var digest: Digest
    /// Whether a line ends with it. What follows one that does not may belong to its last record.
    var isClosed: Bool
    package var rows: RowList
    var dropped: Int
  }

  /// The mark of the byte order, and the record with the names of columns.
  var header: [UInt8]
  /// By field of a record.
  var targets: [Int]
  package var chunks: [Chunk]

  package var dropped: Int { chunks.reduce(0) { $0 + $1.dropped } }
}

/// What a new content of a part means for its rows.
package struct PartChange: Sendable {
  package var state: PartState
  package var removed: [RowList]
  package var added: [RowList]
  /// How many bytes were parsed.
  package var parsedBytes: Int
}

extension TableReader {
  /// Bytes of a chunk, and what is left of the record at its end.
  private static let chunkBytes = 1 << 16

  /// Reads what differs from before.
  ///
  /// - Complexity: O(bytes) to hash them, and to parse those between the first and the last difference.
  package func change(
    of old: PartState?, to bytes: UnsafeBufferPointer<UInt8>, path: ByteString
  ) throws(ReadingError) -> PartChange {
    let start: Int
    let targets: [Int]
    var sink = RowSink(table, strings, path, Reading(table))
    do throws(Malformation) {
      (start, targets) = try header(bytes, &sink)
    } catch {
      throw Self.error(error, bytes, path)
    }
    let header = Array(bytes[..<start])
    // Numbers of records follow from all records before.
    guard let old, old.header == header, old.targets == targets, table.numberColumn == nil else {
      let chunks = try parse(bytes, start, targets, &sink, path) { _ in nil }.chunks
      return PartChange(
        state: PartState(header: header, targets: targets, chunks: chunks),
        removed: old?.chunks.map(\.rows) ?? [], added: chunks.map(\.rows), parsedBytes: bytes.count)
    }
    var front = 0
    var offset = start
    while front < old.chunks.count, isSame(old.chunks[front], bytes, offset) {
      offset += old.chunks[front].length
      front += 1
    }
    if front == old.chunks.count, offset == bytes.count {
      return PartChange(state: old, removed: [], added: [], parsedBytes: 0)
    }
    // Where the chunks of the old end begin in the new bytes.
    var ends: [Int: Int] = [:]
    var back = old.chunks.count
    var end = bytes.count
    while back > front, end - old.chunks[back - 1].length >= offset,
      isSame(old.chunks[back - 1], bytes, end - old.chunks[back - 1].length)
    {
      back -= 1
      end -= old.chunks[back].length
      ends[end] = back
    }
    let middle = try parse(bytes, offset, targets, &sink, path) { ends[$0] }
    back = middle.next ?? old.chunks.count
    return PartChange(
      state: PartState(
        header: header, targets: targets,
        chunks: old.chunks[..<front] + middle.chunks + old.chunks[back...]),
      removed: old.chunks[front..<back].map(\.rows), added: middle.chunks.map(\.rows),
      parsedBytes: middle.chunks.reduce(0) { $0 + $1.length })
  }

  private func isSame(_ chunk: PartState.Chunk, _ bytes: UnsafeBufferPointer<UInt8>, _ offset: Int) -> Bool {
    let end = offset + chunk.length
    guard end == bytes.count || (end < bytes.count && chunk.isClosed) else { return false }
    return Digest(hashing: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[offset..<end]))
      == chunk.digest
  }

  /// Goes behind the header.
  private func header(
    _ bytes: UnsafeBufferPointer<UInt8>, _ sink: inout RowSink
  ) throws(Malformation) -> (start: Int, targets: [Int]) {
    let start = Self.start(of: bytes)
    switch table.format {
    case .csv, .tsv:
      var scanner = DelimitedScanner(bytes, start, separator: table.format == .csv ? 0x2C : 0x09)
      let targets = try scanner.readHeader(table, sink.fileColumns)
      return (scanner.position, targets)
    case .jsonl, .lines: return (start, [])
    }
  }

  /// Reads records from a place on, until one ends at a place that is known.
  private func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ targets: [Int], _ sink: inout RowSink, _ path: ByteString,
    _ known: (Int) -> Int?
  ) throws(ReadingError) -> (chunks: [PartState.Chunk], next: Int?) {
    var chunks: [PartState.Chunk] = []
    var begin = start
    var firstWord = sink.reading.rows.words.count
    var dropped = sink.reading.dropped
    var next: Int? = known(start)
    func close(_ end: Int, _ sink: borrowing RowSink) {
      guard end > begin else { return }
      var rows = RowList(sink.reading.rows.kinds)
      rows.words = Array(sink.reading.rows.words[firstWord...])
      chunks.append(
        PartState.Chunk(
          length: end - begin,
          digest: Digest(
            hashing: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[begin..<end])),
          isClosed: bytes[end - 1] == 0x0A, rows: rows, dropped: sink.reading.dropped - dropped))
      begin = end
      firstWord = sink.reading.rows.words.count
      dropped = sink.reading.dropped
    }
    guard next == nil else { return ([], next) }
    func goesOn(_ position: Int, _ sink: borrowing RowSink) -> Bool {
      next = known(position)
      if next != nil { return false }
      if position - begin >= Self.chunkBytes, position < bytes.count { close(position, sink) }
      return true
    }
    var stop = bytes.count
    do throws(Malformation) {
      switch table.format {
      case .csv, .tsv:
        var scanner = DelimitedScanner(bytes, start, separator: table.format == .csv ? 0x2C : 0x09)
        try scanner.readRecords(targets, &sink, goesOn)
        if next != nil { stop = scanner.position }
      case .jsonl:
        var scanner = JSONScanner(bytes, start)
        try scanner.readAll(table, &sink, goesOn)
        if next != nil { stop = scanner.position }
      case .lines:
        let position = try LineScanner.readAll(bytes, start, &sink, goesOn)
        if next != nil { stop = position }
      }
    } catch {
      throw Self.error(error, bytes, path)
    }
    close(stop, sink)
    return (chunks, next)
  }
}
