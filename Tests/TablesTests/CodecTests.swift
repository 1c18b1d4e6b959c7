import BuildGraph
@testable import Language
import Testing

@testable import Tables

/// What files are as rows, and rows as files.
@Suite struct CodecTests {
  private static func table(
    _ columns: [Column], _ format: FileTable.Format = .csv, header: Bool = true, empty: FileTable.Empty = .error,
    malformed: FileTable.Malformed = .error, path: Int? = nil, number: Int? = nil
  ) -> FileTable {
    FileTable(
      parts: [], columns: columns, format: format, hasHeader: header, names: columns.map { ByteString($0.name) },
      empty: empty, malformed: malformed, pathColumn: path, numberColumn: number, appends: false)
  }

  /// The rows as text, for a test to look at.
  private static func read(_ table: FileTable, _ bytes: [UInt8]) throws(ReadingError) -> (rows: [String], dropped: Int)
  {
    let strings = StringDictionary()
    var reading = Reading(table)
    let reader = TableReader(table, strings)
    try bytes.withUnsafeBufferPointer { (bytes) throws(ReadingError) in
      try reader.read(bytes, path: "in/a.csv", into: &reading)
    }
    let kinds = table.columns.map(\.kind)
    let rows = (0..<reading.rows.count).map { row in
      zip(reading.rows[row], kinds).map { word, kind in
        switch kind {
        case .int: "\(Int64(bitPattern: word))"
        case .float: "\(Double(bitPattern: word))"
        case .bool: word == 0 ? "false" : "true"
        case .string, .rows: String(decoding: strings.bytes(word), as: UTF8.self)
        }
      }.joined(separator: "|")
    }
    return (rows, reading.dropped)
  }

  private static func rows(_ table: FileTable, _ text: String) throws(ReadingError) -> [String] {
    try read(table, Array(text.utf8)).rows
  }

  private static let pair = [Column("a", .string), Column("n", .int)]

  @Test(arguments: [
    ("a,n\nx,1\ny,2\n", ["x|1", "y|2"]),
    ("a,n\r\nx,1\r\ny,2\r\n", ["x|1", "y|2"]),
    ("\u{FEFF}a,n\nx,1", ["x|1"]),
    ("n,extra,a\n1,z,x\n", ["x|1"]),
    ("a,n\n\"x,\"\"y\"\"\nz\",1\n", ["x,\"y\"\nz|1"]),
    ("a,n\n\n\r\nx,1\n\n", ["x|1"]),
    ("a,n\n\"\",\"7\"\r\n", ["|7"]),
    ("a,n\n,+7\n", ["|7"]),
    ("a,n\nabcdefghijklmnop,-9223372036854775808\n", ["abcdefghijklmnop|-9223372036854775808"]),
    ("a,n\n\"x\",1", ["x|1"]),
    ("", []), ("a,n\n", []),
  ])
  func csvIsRead(_ text: String, _ expected: [String]) throws {
    #expect(try Self.rows(Self.table(Self.pair), text) == expected)
  }

  @Test(arguments: [
    ("a,n\nx,y\n", 2, 3), ("a,n\nx,9223372036854775808\n", 2, 3), ("a,n\nx,\n", 2, 3), ("a,n\nx\n", 2, 1),
    ("a,n\nx,1,2\n", 2, 1), ("a,n\n\"x,1\n", 2, 1), ("a,n\n\"x\"y,1\n", 2, 4), ("a,n\nx\"y,1\n", 2, 1),
    ("a,b\nx,1\n", 1, 1), ("a,a,n\nx,1,2\n", 1, 3), ("a,n\n\"x\n\",1\nz,q\n", 4, 3), ("a,n\nx, 1\n", 2, 3),
    ("a,n\nx,1.0\n", 2, 3),
  ])
  func whatIsMalformedIsPlaced(_ text: String, _ line: Int, _ column: Int) {
    do throws(ReadingError) {
      let rows = try Self.rows(Self.table(Self.pair), text)
      Issue.record("read as \(rows)")
    } catch {
      #expect(error.path == "in/a.csv")
      #expect([error.line, error.column] == [line, column], "\(error.message)")
    }
  }

  @Test func malformedRecordsAreDroppedAndCounted() throws {
    let table = Self.table(Self.pair, malformed: .drop)
    let bytes = Array("a,n\nx,1\ny,z\nq\n".utf8) + [0xFF] + Array(",4\nw,5\n".utf8)
    let result = try Self.read(table, bytes)
    #expect(result.rows == ["x|1", "w|5"])
    #expect(result.dropped == 3)
  }

  @Test func emptyFieldsAreWhatTheProgramSays() throws {
    let columns = [Column("s", .string), Column("i", .int), Column("f", .float), Column("b", .bool)]
    let text = "s,i,f,b\n,,,\nx,1,2.5,true\n"
    #expect(try Self.rows(Self.table(columns, empty: .zero), text) == ["|0|0.0|false", "x|1|2.5|true"])
    let dropping = try Self.read(Self.table(columns, empty: .drop), Array(text.utf8))
    #expect(dropping.rows == ["x|1|2.5|true"])
    #expect(dropping.dropped == 0)
    #expect(throws: ReadingError.self) { try Self.rows(Self.table(columns), text) }
  }

  @Test(arguments: [
    ("1", 1.0), ("-0", 0), ("-0.0", 0), ("1.5e3", 1500), ("+.5", 0.5), ("5.", 5), ("1E-2", 0.01), ("0.1", 0.1),
    ("1.7976931348623157e308", 1.7976931348623157e308), ("5e-324", Double.leastNonzeroMagnitude),
    ("123456789012345678901234567890", 1.2345678901234568e29),
    ("9007199254740993", 9007199254740992), ("1e-400", 0),
  ])
  func floatsAreTheNearest(_ text: String, _ value: Double) {
    let found = Array(text.utf8).withUnsafeBufferPointer { Scalars.float($0) }
    #expect(found?.bitPattern == value.bitPattern)
  }

  @Test(arguments: ["inf", "nan", "1e400", "0x10", "1_0", "", "-", ".", "1e", "e5", "1 ", "1.2.3", "Infinity"])
  func whatIsNoFiniteFloatIsNone(_ text: String) {
    #expect(Array(text.utf8).withUnsafeBufferPointer { Scalars.float($0) } == nil)
  }

  @Test func randomDecimalsAreReadAsTheLibraryReadsThem() {
    var generator = SplitMix(state: 7)
    for _ in 0..<5_000 {
      let digits = String(generator.next() >> (generator.next() % 60))
      let text = "\(digits).\(generator.next() % 100_000)e\(Int(generator.next() % 60) - 30)"
      let found = Array(text.utf8).withUnsafeBufferPointer { Scalars.float($0) }
      #expect(found == Double(text), "\(text)")
    }
  }

  @Test func pathAndNumberAreFilledIn() throws {
    let columns = Self.pair + [Column("from", .string), Column("at", .int)]
    let table = Self.table(columns, malformed: .drop, path: 2, number: 3)
    #expect(try Self.rows(table, "a,n\nx,1\ny,z\nw,2\n") == ["x|1|in/a.csv|1", "w|2|in/a.csv|3"])
  }

  @Test func withoutAHeaderColumnsBindByPosition() throws {
    #expect(try Self.rows(Self.table(Self.pair, header: false), "x,1\ny,2") == ["x|1", "y|2"])
  }

  @Test func tsvKnowsEscapesAndNoQuotes() throws {
    #expect(try Self.rows(Self.table(Self.pair, .tsv), "a\tn\n\"x\\ty\\\\\t1\r\n") == ["\"x\ty\\|1"])
    #expect(throws: ReadingError.self) { try Self.rows(Self.table(Self.pair, .tsv), "a\tn\n\\x\t1\n") }
  }

  @Test func jsonLinesAreRead() throws {
    let columns = Self.pair + [Column("f", .float), Column("b", .bool)]
    let table = Self.table(columns, .jsonl)
    let text = """
      {"n": 1, "a": "x\\u00e9\\ud83d\\ude00\\n", "f": 2, "b": true, "other": [1, {"y": null}]}

      {"n":-2,"f":1e2,"b":false}

      """
    #expect(try Self.rows(table, text) == ["xé😀\n|1|2.0|true", "|-2|100.0|false"])
    for bad in [
      "{\"n\":1.0,\"f\":1,\"b\":true}", "{\"n\":\"1\",\"f\":1,\"b\":true}", "{\"n\":1,\"f\":1}", "[1]", "{\"n\":1",
      "{} x",
      "{\"a\":\"\\ud800\",\"n\":1,\"f\":1,\"b\":true}", "{\"n\":01,\"f\":1,\"b\":true}",
      "{\"n\":1,\"n\":1,\"f\":1,\"b\":true}",
      "{\"n\":1,\"f\":1,\"b\":tru}", "{\"x\":" + String(repeating: "[", count: 100_000),
    ] {
      #expect(throws: ReadingError.self, "\(bad.prefix(40))") { try Self.rows(table, bad) }
    }
  }

  @Test func linesAreStripped() throws {
    let table = Self.table([Column("text", .string)], .lines)
    #expect(try Self.rows(table, "a,\"b\r\n\nc") == ["a,\"b", "", "c"])
  }

  // A record each, as gzip and zstd pack them.
  private static let gzipped: [[UInt8]] = [
    [
      31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 75, 212, 201, 227, 170, 208, 49, 228, 2, 0, 116, 131, 100, 176, 8, 0, 0, 0,
    ], [31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 212, 49, 226, 2, 0, 225, 50, 129, 11, 4, 0, 0, 0],
  ]
  private static let zstandard: [[UInt8]] = [
    [
      0x28, 0xB5, 0x2F, 0xFD, 0x04, 0x68, 0x41, 0x00, 0x00, 0x61, 0x2C, 0x6E, 0x0A, 0x78, 0x2C, 0x31, 0x0A, 0x25, 0x35,
      0xBC, 0xF3,
    ], [0x28, 0xB5, 0x2F, 0xFD, 0x04, 0x68, 0x21, 0x00, 0x00, 0x79, 0x2C, 0x32, 0x0A, 0xE3, 0x3C, 0x82, 0xBF],
  ]

  @Test(arguments: [gzipped, zstandard])
  func whatIsPackedIsUnpacked(_ members: [[UInt8]]) throws {
    let table = Self.table(Self.pair)
    #expect(try Self.read(table, members[0]).rows == ["x|1"])
    #expect(try Self.read(table, members[0] + members[1]).rows == ["x|1", "y|2"])
    for count in 8..<members[0].count {
      #expect(throws: ReadingError.self, "\(count) bytes") { try Self.read(table, Array(members[0].prefix(count))) }
    }
    var damaged = members[0]
    damaged[damaged.count - 6] ^= 0x55
    #expect(throws: ReadingError.self) { try Self.read(table, damaged) }
  }

  @Test func noBytesMakeAReaderCrash() {
    var generator = SplitMix(state: 3)
    let alphabet = Array("a,n1\"\n\r\t\\{}[]:e-.u0\u{FEFF}".utf8)
    for _ in 0..<4_000 {
      let count = Int(generator.next() % 24)
      let bytes = (0..<count).map { _ in alphabet[Int(generator.next() % UInt64(alphabet.count))] }
      for format in FileTable.Format.allCases {
        let columns = format == .lines ? [Column("a", .string)] : Self.pair
        _ = try? Self.read(Self.table(columns, format, header: generator.next() % 2 == 0), bytes)
      }
    }
  }

  @Test func whatIsWrittenIsReadAsItWas() throws {
    var generator = SplitMix(state: 11)
    let pieces = ["", "a", "\"", ",", "\n", "\r", "\t", "\\", "é", "😀", "\"\"", " ", "\u{FEFF}", "\u{1}"]
    for round in 0..<400 {
      let strings = StringDictionary()
      let kinds: [ColumnKind] = (0...Int(generator.next() % 3)).map { _ in
        [ColumnKind.string, .int, .float, .bool][Int(generator.next() % 4)]
      }
      var rows = RowList(kinds)
      for _ in 0..<(generator.next() % 8) {
        for kind in kinds {
          switch kind {
          case .int: rows.words.append(generator.next() >> (generator.next() % 64))
          case .float:
            let value = Double(bitPattern: generator.next())
            rows.words.append((value.isFinite ? value == 0 ? 0 : value : 0.1).bitPattern)
          case .bool: rows.words.append(generator.next() % 2)
          case .string, .rows:
            let text = (0..<generator.next() % 4).map { _ in pieces[Int(generator.next() % UInt64(pieces.count))] }
            rows.words.append(strings.intern(Array(text.joined().utf8)))
          }
        }
      }
      let columns = kinds.enumerated().map { Column("c\($0)", $1) }
      let writer = TableWriter(columns, strings)
      for (format, form) in [(FileTable.Format.csv, TableStep.Form.csv), (.tsv, .tsv), (.jsonl, .jsonl)] {
        guard case .file(let bytes) = writer.write(rows, form) else { continue }
        let table = Self.table(columns, format)
        var reading = Reading(table)
        try bytes.withUnsafeBufferPointer { (bytes) throws(ReadingError) in
          try TableReader(table, strings).read(bytes, path: "x", into: &reading)
        }
        let order = RowOrder(kinds, strings).sorted(rows)
        let same = order.flatMap { Array(rows[$0]) } == reading.rows.words
        #expect(same, "round \(round), \(format): \(String(decoding: bytes, as: UTF8.self))")
      }
    }
  }

  @Test func partsHoldEveryRowOnce() {
    let strings = StringDictionary()
    var rows = RowList([.int])
    for value in 0..<100 { rows.append([UInt64(value)]) }
    guard case .folder(let parts) = TableWriter([Column("n", .int)], strings).write(rows, .parts(11)) else {
      Issue.record("a folder is written")
      return
    }
    #expect(parts.map(\.name).first == "part-00.csv")
    #expect(parts.count == 11)
    let lines = parts.flatMap { String(decoding: $0.bytes, as: UTF8.self).split(separator: "\n").dropFirst() }
    #expect(lines.compactMap { Int($0) }.sorted() == Array(0..<100))
  }

  @Test func equalStringsHaveOneNumber() {
    let strings = StringDictionary()
    var generator = SplitMix(state: 5)
    var known: [[UInt8]: UInt64] = [:]
    for _ in 0..<4_000 {
      let bytes = (0..<generator.next() % 12).map { _ in UInt8(generator.next() % 3) }
      let number = strings.intern(bytes)
      #expect(known[bytes, default: number] == number)
      #expect(Array(strings.bytes(number)) == bytes)
      known[bytes] = number
    }
    #expect(strings.count == known.count)
  }
}

/// The generator of splitmix64.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
