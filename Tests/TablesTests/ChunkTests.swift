import BuildGraph
import Diagnostics
@testable import Language
import Synchronization
import Testing

@testable import Tables

/// Files in chunks.
@Suite struct ChunkTests {
  private static let small = Chunking(least: 64, usual: 6, most: 400)

  private static func chunks(_ bytes: [UInt8], was old: [Chunk] = [], onlyGrows: Bool = false) -> Chunking.Recut {
    bytes.withUnsafeBufferPointer { small.cut($0, was: old, onlyGrows: onlyGrows) }
  }

  /// Replaces a stretch.
  private static func edit(_ bytes: inout [UInt8], _ text: [UInt8], _ generator: inout SplitMix) {
    let start = Int(generator.next() % UInt64(bytes.count + 1))
    let end = min(bytes.count, start + Int(generator.next() % 40))
    bytes.replaceSubrange(start..<end, with: text)
  }

  @Test func chunksOfAnEditedFileAreThoseOfANewOne() {
    var generator = SplitMix(state: 21)
    for round in 0..<60 {
      // Some files have no place that looks like a cut.
      let alphabet = round % 3 == 0 ? 1 : UInt64(1 + round)
      var bytes = (0..<generator.next() % 6_000).map { _ in UInt8(generator.next() % alphabet) }
      var chunks = Self.chunks(bytes).chunks
      for _ in 0..<8 {
        Self.edit(&bytes, (0..<generator.next() % 50).map { _ in UInt8(generator.next() % alphabet) }, &generator)
        let recut = Self.chunks(bytes, was: chunks)
        #expect(recut.chunks == Self.chunks(bytes).chunks)
        #expect(recut.chunks.reduce(0) { $0 + $1.length } == bytes.count)
        #expect(Array(recut.chunks.prefix(recut.front)) == Array(chunks.prefix(recut.front)))
        let known = zip(recut.chunks, recut.origins).compactMap { chunk, origin in origin.map { (chunk, $0) } }
        #expect(known.allSatisfy { chunks[$1] == $0 })
        #expect(Set(known.map(\.1)).count == known.count)
        chunks = recut.chunks
      }
    }
  }

  @Test func anEditMovesOnlyTheCutsNearIt() {
    var generator = SplitMix(state: 22)
    var bytes = (0..<40_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    let old = Self.chunks(bytes).chunks
    bytes.insert(contentsOf: [1, 2, 3], at: 20_000)
    let recut = Self.chunks(bytes, was: old)
    #expect(old.count > 200)
    #expect(recut.changed < 12)
  }

  @Test func editsFarApartLeaveWhatIsBetween() {
    var generator = SplitMix(state: 24)
    var bytes = (0..<40_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    let old = Self.chunks(bytes).chunks
    bytes[100] ^= 1
    bytes[39_900] ^= 1
    bytes.removeSubrange(20_000..<24_000)
    #expect(Self.chunks(bytes, was: old).changed < 24)
  }

  @Test func whatGrowsIsLookedAtOnlyAtItsEnd() {
    var generator = SplitMix(state: 23)
    var bytes = (0..<20_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    let old = Self.chunks(bytes).chunks
    bytes += Array("more".utf8)
    #expect(Self.chunks(bytes, was: old, onlyGrows: true) == Self.chunks(bytes, was: old))
    // The promise is believed: what is at the front is not looked at.
    bytes[0] ^= 1
    #expect(Self.chunks(bytes, was: old, onlyGrows: true).front == old.count - 1)
    #expect(Self.chunks(bytes, was: old).front == 0)
  }

  // MARK: Rows

  private static let columns = [Column("a", .string), Column("n", .int), Column("from", .string), Column("at", .int)]

  private static func table(_ format: FileTable.Format, _ generator: inout SplitMix) -> FileTable {
    let isNumbered = generator.next() % 3 == 0
    let columns = format == .lines ? [columns[0]] : Array(columns.prefix(isNumbered ? 4 : 2))
    return FileTable(
      parts: [], columns: columns, format: format,
      hasHeader: (format == .csv || format == .tsv) && generator.next() % 4 > 0,
      names: columns.map { ByteString($0.name) }, empty: .drop, malformed: generator.next() % 2 == 0 ? .drop : .error,
      pathColumn: columns.count == 4 ? 2 : nil, numberColumn: columns.count == 4 ? 3 : nil, appends: false)
  }

  /// Some text that is a file of the format more often than not.
  private static func text(_ format: FileTable.Format, records: Int, _ generator: inout SplitMix) -> [UInt8] {
    var text: [UInt8] = []
    let names = ["x", "longer name", "é", "", "\"q\"\"q\"", "\"a\nb\"", "\"a,\r\n\"", "\"z\"", "\"", "\"t\"t", "\r"]
    for _ in 0..<records {
      let name = names[Int(generator.next() % (generator.next() % 20 == 0 ? 11 : 8))]
      let number = generator.next() % 30 == 0 ? "bad" : "\(generator.next() % 100)"
      switch format {
      case .csv: text += Array("\(name),\(number)".utf8)
      case .tsv: text += Array("\(name.replacing("\n", with: "\\n"))\t\(number)".utf8)
      case .jsonl: text += Array("{\"n\": \(number), \"a\": \"\(name.count)\"}".utf8)
      case .lines: text += Array(name.utf8)
      }
      text += generator.next() % 4 == 0 ? [0x0D, 0x0A] : [0x0A]
      if generator.next() % 25 == 0 { text.append(0x0A) }
    }
    if generator.next() % 3 == 0 { _ = text.popLast() }
    return text
  }

  private static func whole(
    _ table: FileTable, _ strings: StringDictionary, _ bytes: [UInt8]
  ) -> Result<Reading, ReadingError> {
    Result { () throws(ReadingError) in
      var reading = Reading(table)
      try bytes.withUnsafeBufferPointer { (bytes) throws(ReadingError) in
        try TableReader(table, strings).read(bytes, path: "in/a", into: &reading)
      }
      return reading
    }
  }

  /// The bytes in memory, or read a few at a time.
  private static func input(_ bytes: [UInt8], _ generator: inout SplitMix) -> InputFile {
    guard generator.next() % 4 != 0 else { return InputFile(path: "in/a", bytes: bytes) }
    let digest = generator.next() % 4 != 0 ? Digest(hashing: bytes) : nil
    let blockBytes = generator.next() % 9 == 0 ? 32 : 64
    let blocks = generator.next() % 9 != 0 ? BlockDigests(hashing: bytes, blockBytes: blockBytes) : nil
    return InputFile(path: "in/a", stored: stored(bytes), digest: digest, blocks: blocks)
  }

  private static func stored(_ bytes: [UInt8]) -> StoredFile {
    StoredFile(size: bytes.count) { offset, buffer throws(SystemError) in
      let part = bytes[offset...].prefix(buffer.count)
      buffer.copyBytes(from: part)
      return part.count
    }
  }

  private static func update(
    _ file: ChunkedFile, _ input: InputFile
  ) throws(ReadingError) -> ChunkedFile.Difference {
    do {
      return try file.update(input)
    } catch let error as ReadingError {
      throw error
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Rows with how often they occur.
  private static func bag(_ lists: [RowList], _ bag: inout [[UInt64]: Int], _ times: Int) {
    for list in lists {
      for row in 0..<list.count {
        let key = Array(list[row])
        let count = bag[key, default: 0] + times
        bag[key] = count == 0 ? nil : count
      }
    }
  }

  @Test(arguments: FileTable.Format.allCases)
  func whatIsReadInChunksIsWhatIsReadWhole(_ format: FileTable.Format) throws {
    var generator = SplitMix(state: UInt64(31 + format.rawValue.utf8.count))
    var errors = 0
    for round in 0..<120 {
      let table = Self.table(format, &generator)
      let strings = StringDictionary()
      let file = ChunkedFile(table, strings, path: "in/a", chunking: Self.small)
      let header = table.hasHeader ? (format == .csv ? "n,x,a\n" : "a\tn\n") : ""
      let mark = generator.next() % 3 == 0 ? "\u{FEFF}" : ""
      // A header with a column that nobody asks for would need a field for it: only some files have it right.
      var bytes = Array((mark + (generator.next() % 9 == 0 ? header : header.replacing("n,x,a", with: "a,n"))).utf8)
      bytes += Self.text(format, records: Int(generator.next() % 120), &generator)
      var bag: [[UInt64]: Int] = [:]
      for _ in 0..<8 {
        let result = Result { () throws(ReadingError) in try Self.update(file, Self.input(bytes, &generator)) }
        switch (Self.whole(table, strings, bytes), result) {
        case (.success(let reading), .success(let difference)):
          Self.bag(difference.removed, &bag, -1)
          Self.bag(difference.added, &bag, 1)
          var expected: [[UInt64]: Int] = [:]
          Self.bag([reading.rows], &expected, 1)
          #expect(bag == expected, "round \(round)")
          #expect(try file.rows(from: nil).flatMap(\.words) == reading.rows.words)
          #expect(file.dropped == reading.dropped)
        case (.failure(let a), .failure(let b)):
          errors += 1
          #expect(a == b)
        case (.success, .failure(let error)): Issue.record("round \(round): \(error)")
        case (.failure(let error), .success): Issue.record("round \(round) was read in chunks: \(error)")
        }
        Self.edit(&bytes, Self.text(format, records: Int(generator.next() % 3), &generator), &generator)
      }
    }
    #expect(format == .lines || errors > 10)
  }

  @Test func aSmallEditReadsLittle() throws {
    var generator = SplitMix(state: 41)
    let table = FileTable(
      parts: [], columns: Array(Self.columns.prefix(2)), format: .csv, hasHeader: true, names: ["a", "n"],
      empty: .error,
      malformed: .error, pathColumn: nil, numberColumn: nil, appends: false)
    let file = ChunkedFile(table, StringDictionary(), path: "in/a", chunking: Self.small)
    var text = Array("a,n\n".utf8)
    for _ in 0..<3_000 { text += Array("name \(generator.next() % 1000),\(generator.next() % 1000)\n".utf8) }
    func update() throws -> (Int, Int) {
      let difference = try file.update(InputFile(path: "in/a", bytes: text))
      return (difference.removed.reduce(0) { $0 + $1.count }, difference.added.reduce(0) { $0 + $1.count })
    }
    #expect(try update() == (0, 3_000))
    #expect(file.bytesRead == text.count)
    text += Array("one more,7\n".utf8)
    let appended = try update()
    #expect(appended.1 == appended.0 + 1)
    #expect(file.bytesRead < 500)
    text.insert(contentsOf: Array("inserted,1\n".utf8), at: 4)
    let inserted = try update()
    #expect(inserted.1 == inserted.0 + 1)
    #expect(file.bytesRead < 2_500)
    #expect(try update() == (0, 0))
    #expect(file.bytesRead == 0)
  }

  @Test func ofAChangedChunkOnlyTheRecordsNearTheChangeAreRead() throws {
    var generator = SplitMix(state: 42)
    let table = FileTable(
      parts: [], columns: Array(Self.columns.prefix(2)), format: .csv, hasHeader: true, names: ["a", "n"],
      empty: .error, malformed: .error, pathColumn: nil, numberColumn: nil, appends: false)
    let file = ChunkedFile(table, StringDictionary(), path: "in/a")
    var lines = ["a,n"] + (0..<20_000).map { _ in "name \(generator.next() % 1000),\(generator.next() % 1000)" }
    func update() throws -> (Int, Int) {
      let text = Array((lines.joined(separator: "\n") + "\n").utf8)
      let difference = try file.update(InputFile(path: "in/a", stored: Self.stored(text), digest: nil))
      return (difference.removed.reduce(0) { $0 + $1.count }, difference.added.reduce(0) { $0 + $1.count })
    }
    #expect(try update() == (0, 20_000))
    for place in [5_000, 9_000, 13_000, 17_000] {
      // Of the same length, longer, one more, one less.
      lines[place] = String(lines[place].reversed().map { $0 == "," ? "," : "7" })
      _ = try update()
      #expect(file.bytesRead < 4_000)
      lines[place + 500] = "a much longer name,1"
      _ = try update()
      #expect(file.bytesRead < 4_000)
      lines.insert("new,2", at: place + 1_000)
      _ = try update()
      #expect(file.bytesRead < 4_000)
      lines.remove(at: place + 1_500)
      _ = try update()
      #expect(file.bytesRead < 4_000)
    }
  }

  /// A file of lines, and what is read of it.
  private final class Lines {
    let file: ChunkedFile
    private(set) var bytesRead = 0

    init() {
      let table = FileTable(
        parts: [], columns: [ChunkTests.columns[0]], format: .lines, hasHeader: false, names: ["a"], empty: .error,
        malformed: .error, pathColumn: nil, numberColumn: nil, appends: false)
      file = ChunkedFile(table, StringDictionary(), path: "in/a")
    }

    /// - Parameter observed: what the file was when it was hashed.
    func update(_ text: [UInt8], observed: [UInt8]? = nil) throws -> ChunkedFile.Difference {
      let counted = Mutex(0)
      let stored = StoredFile(size: text.count) { offset, buffer throws(SystemError) in
        let part = text[offset...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        counted.withLock { $0 += part.count }
        return part.count
      }
      let observed = observed ?? text
      let difference = try file.update(
        InputFile(
          path: "in/a", stored: stored, digest: Digest(hashing: observed),
          blocks: BlockDigests(hashing: observed, blockBytes: 1 << 14)))
      bytesRead = counted.withLock { $0 }
      return difference
    }
  }

  @Test func `where blocks are known to be as they were only what is near the others is read`() throws {
    let lines = Lines()
    var text = Array((0..<100_000).map { "line \(1_000_000 + $0)\n" }.joined().utf8)
    let rows = try lines.update(text).added.reduce(0) { $0 + $1.count }
    #expect(rows == 100_000 && lines.bytesRead == text.count)
    for place in [0, 700_000, text.count - 2] {
      text[place] ^= 1
      let difference = try lines.update(text)
      #expect(difference.removed.map(\.count) == difference.added.map(\.count))
      // A chunk or two, with the blocks that they are in.
      #expect(lines.bytesRead <= 1 << 18)
    }
    text += Array("one more\n".utf8)
    _ = try lines.update(text)
    #expect(lines.bytesRead <= 1 << 18)
    #expect(try lines.file.rows(from: nil).reduce(0) { $0 + $1.count } == 100_001)
  }

  @Test func `what was written between hashing and reading is found with the next reading`() throws {
    let lines = Lines()
    let text = Array((0..<50_000).map { "line \(1_000_000 + $0)\n" }.joined().utf8)
    _ = try lines.update(text)
    var observed = text
    observed[300_000] ^= 1
    // Behind the back of whoever hashed it: near that, and far away.
    var written = observed
    written[300_002] ^= 1
    written[600_000] ^= 1
    _ = try lines.update(written, observed: observed)
    #expect(lines.file.digest == nil)
    _ = try lines.update(written)
    #expect(lines.bytesRead == written.count)
    let other = Lines()
    _ = try other.update(written)
    func shown(_ lines: Lines) throws -> [[UInt8]] {
      try lines.file.rows(from: nil).flatMap(\.words).map { Array(lines.file.reader.strings.bytes($0)) }
    }
    #expect(try shown(lines) == shown(other))
  }

  @Test func whatIsSaidToBeAsItWasIsNotRead() throws {
    let table = FileTable(
      parts: [], columns: [Self.columns[0]], format: .lines, hasHeader: false, names: ["a"], empty: .error,
      malformed: .error, pathColumn: nil, numberColumn: nil, appends: false)
    let file = ChunkedFile(table, StringDictionary(), path: "in/a", chunking: Self.small)
    let text = Array("one\ntwo\n".utf8)
    let broken = StoredFile(size: text.count) { _, _ throws(SystemError) in throw SystemError(.other, "not to be read")
    }
    let digest = Digest(hashing: text)
    _ = try file.update(InputFile(path: "in/a", stored: Self.stored(text), digest: digest))
    let difference = try file.update(InputFile(path: "in/a", stored: broken, digest: digest))
    #expect(difference.removed.isEmpty && difference.added.isEmpty)
    // What was read was not what somebody had hashed before: nothing is known of it.
    let other = Array("six\nten\n".utf8)
    _ = try file.update(InputFile(path: "in/a", stored: Self.stored(other), digest: Digest(hashing: [])))
    #expect(throws: (any Error).self) {
      try file.update(InputFile(path: "in/a", stored: broken, digest: Digest(hashing: [])))
    }
  }
}
