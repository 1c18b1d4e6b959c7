import BuildGraph
import Diagnostics
import Language

/// A file of a table that only grows, as it was read last: where reading goes on, and none of the rows that it has made but those of a
/// record that ends with the file and not with its line.
///
/// It takes the same memory however long the file is. What was read cannot be taken back by it: who finds that the file is another
/// one has to begin anew. For one thread at a time.
final class TailedFile {
  /// What came of an update.
  enum Change {
    /// Rows that are there no more, and rows that are new.
    case rows(removed: [RowList], added: [RowList])
    /// It does not begin with what was read before. Nothing has been taken in.
    case isAnother
  }

  private let reader: TableReader
  let path: ByteString
  /// Nil where an earlier process has read it: whether it begins as it did then is looked at first.
  private var generation: Int?
  /// Of the file when it was read last, in bytes.
  private var size = 0
  /// The record that has begun where what was read ends.
  private var begun: [UInt8] = []
  private var entry: ChunkedFile.Entry
  /// Of what was read, from the first byte on: of earlier processes, and of what came since. Without them it cannot be kept.
  private var digests: [Part]?
  private var sum = RunningDigest()
  /// Of the content that was read last, where somebody has said it.
  var digest: Digest?
  /// What the record comes to that ends with the file.
  private(set) var last: RowList?
  private var lastCounts = Counts()
  private var countsBefore = Counts()
  /// Bytes that the last update had to read.
  private(set) var bytesRead = 0

  /// Records that come to no rows.
  struct Counts {
    var dropped = 0
    var faults = 0
  }

  /// A part of the file that begins where the one before ends.
  struct Part: Equatable {
    var end: Int
    var digest: Digest
  }

  /// What a later process goes on from.
  struct Kept {
    var size: Int
    var begun: [UInt8]
    var entry: ChunkedFile.Entry
    /// Of all that was read.
    var digests: [Part]
    var last: RowList?
    var lastCounts: Counts
    var countsBefore: Counts
  }

  /// How much of a file is read at once.
  static let sliceBytes = 4 << 20

  /// Of which nothing has been read.
  init(_ reader: TableReader, path: ByteString, _ file: GrowingFile) {
    self.reader = reader
    self.path = path
    generation = file.generation
    entry = ChunkedFile.Entry(state: ScanState(reader.table))
    digests = []
  }

  /// Goes on where an earlier process has read it to.
  init(_ reader: TableReader, path: ByteString, _ kept: Kept) {
    self.reader = reader
    self.path = path
    size = kept.size
    begun = kept.begun
    entry = kept.entry
    digests = kept.digests
    last = kept.last
    lastCounts = kept.lastCounts
    countsBefore = kept.countsBefore
  }

  /// What a later process goes on from; nil where it is not known what was read.
  var kept: Kept? {
    guard var digests else { return nil }
    if size > digests.last?.end ?? 0 { digests.append(Part(end: size, digest: sum.digest)) }
    return Kept(
      size: size, begun: begun, entry: entry, digests: digests, last: last, lastCounts: lastCounts,
      countsBefore: countsBefore)
  }

  /// Has it looked at whether it still begins as it did.
  func doubt() {
    digests = kept?.digests
    sum = RunningDigest()
    generation = nil
  }

  /// Whether a file begins with what was read before.
  ///
  /// - Throws: what reading throws.
  /// - Complexity: O(bytes that were read), at the speed of hashing.
  private func isContinued(by file: GrowingFile) throws(SystemError) -> Bool {
    guard let digests, file.size >= size else { return false }
    var position = 0
    for part in digests {
      var sum = RunningDigest()
      while position < part.end {
        let next = position..<min(part.end, position + Self.sliceBytes)
        try file.bytes(next).withUnsafeBytes { sum.add($0) }
        position = next.upperBound
      }
      guard sum.digest == part.digest else { return false }
    }
    return position == size
  }

  /// Goes on where a file was read to in chunks, up to its end.
  ///
  /// - Parameter last: the rows of the record that ends with the file.
  init(after file: ChunkedFile, last: RowList?, _ growing: GrowingFile) {
    reader = file.reader
    path = file.path
    generation = growing.generation
    size = growing.size
    entry = file.pieces.last?.exit ?? ChunkedFile.Entry(state: ScanState(file.reader.table))
    begun = entry.begun?.bytes ?? []
    entry.begun = nil
    digests = file.digest.map { [Part(end: growing.size, digest: $0)] }
    self.last = last
    lastCounts = Counts(dropped: file.last?.dropped ?? 0, faults: file.last?.faults ?? 0)
    countsBefore = Counts(dropped: file.dropped - lastCounts.dropped, faults: file.faults - lastCounts.faults)
  }

  /// Records that are malformed and dropped.
  var dropped: Int { countsBefore.dropped + lastCounts.dropped }

  /// Records for which a row expression has no value.
  var faults: Int { countsBefore.faults + lastCounts.faults }

  /// Whether a file can be read like this: what is packed has to be unpacked from its first byte on.
  ///
  /// - Throws: what reading throws.
  static func canFollow(_ file: GrowingFile) throws(SystemError) -> Bool {
    try file.bytes(0..<min(4, file.size)).withUnsafeBufferPointer { !Compression.isPacked($0) }
  }

  /// Reads what was added.
  ///
  /// - Throws: the first malformed record, unless these are dropped, or what reading throws; it is of no use then.
  /// - Complexity: O(bytes that were added).
  func update(_ file: GrowingFile) throws -> Change {
    bytesRead = 0
    if generation == nil, try isContinued(by: file) { generation = file.generation }
    guard file.generation == generation, file.size >= size else { return .isAnother }
    if file.size == size { return .rows(removed: [], added: []) }
    var added: [RowList] = []
    var position = size
    while position < file.size {
      let next = position..<min(file.size, position + Self.sliceBytes)
      let bytes = try file.bytes(next)
      bytes.withUnsafeBytes { sum.add($0) }
      begun += bytes
      position = next.upperBound
      bytesRead += next.count
      let (rows, length) = try begun.withUnsafeBufferPointer { try read($0, isEnd: false, &entry, &countsBefore) }
      if rows.count > 0 { added.append(rows) }
      begun.removeFirst(length)
    }
    var removed: [RowList] = []
    if let last { removed.append(last) }
    last = nil
    lastCounts = Counts()
    if !begun.isEmpty {
      var end = entry
      let (rows, _) = try begun.withUnsafeBufferPointer { try read($0, isEnd: true, &end, &lastCounts) }
      last = rows
      added.append(rows)
    }
    size = file.size
    return .rows(removed: removed, added: added)
  }

  private func read(
    _ bytes: UnsafeBufferPointer<UInt8>, isEnd: Bool, _ entry: inout ChunkedFile.Entry, _ counts: inout Counts
  ) throws -> (rows: RowList, length: Int) {
    var sink = RowSink(reader, path, Reading(reader.kinds), record: entry.record)
    let length = try reader.scan(bytes, from: 0, &entry.state, isEnd: isEnd, &sink)
    if reader.table.numberColumn != nil { entry.record = sink.record }
    counts.dropped += sink.reading.dropped
    counts.faults += sink.reading.faults
    return (sink.reading.rows, length)
  }
}
