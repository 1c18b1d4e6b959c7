import BuildGraph
@testable import Language
import Testing

@testable import Tables

/// What a comprehension makes of records while they are read: the same, with fewer strings.
@Suite struct RecordTests {
  private static func relation(_ rows: String) throws -> Relation {
    let program = """
      val strings = make("$/strings")
      val Lines = table(file("t0.csv"), format := "lines", append := true) {text string}
      val Rows = \(rows)
      val Main = {out: [{key: g.key, n: len(g.rows)} | g <- group(Rows, func(r {key string}) => r.key)]}

      """
    return try #require(SQLiteTests.relations(program)["out.csv"]).0
  }

  private static func output(
    _ kept: ResidentTables, _ relation: Relation, _ file: InputFile
  ) throws -> TableWriter.Output? {
    try kept.output(of: relation, .csv, while: { true }) { _ in [file] }
  }

  private static func expected(_ relation: Relation, _ text: String) throws -> TableWriter.Output {
    try Tables.Evaluation { _ in [InputFile(path: "t0.csv", bytes: Array(text.utf8))] }.output(of: relation, .csv)
  }

  @Test func `lines of which only the words are wanted are in no dictionary, and their words once`() throws {
    let relation = try Self.relation("[{key: w} | l <- Lines, w <- strings.Fields(l.text)]")
    let text = (0..<3000).map { "line \($0) has w\($0 % 40) and w\($0 % 7) and é\n" }.joined().replacing(
      "line ", with: "line-")
    let kept = ResidentTables()
    let output = try Self.output(kept, relation, InputFile(path: "t0.csv", bytes: Array(text.utf8)))
    #expect(try output == Self.expected(relation, text))
    // 3,000 names of lines, 40 others, and the few that stand in each; and the file's path.
    #expect(kept.held.strings <= 3000 + 40 + 8)
    #expect(kept.work.evaluations == 0)
    // Records, and the words that they came to.
    let plan = try #require(kept.plan)
    #expect(plan.contains(" 3000 ") && plan.contains(" 21000 "))
  }

  @Test func `strings of records that are left out are in no dictionary`() throws {
    let relation = try Self.relation(
      "[{key: l.text} | l <- Lines, if strings.HasPrefix(l.text, \"9\") || l.text == \"7\"]")
    let text = (0..<2000).map { "\($0)\n" }.joined()
    let kept = ResidentTables()
    let output = try Self.output(kept, relation, InputFile(path: "t0.csv", bytes: Array(text.utf8)))
    #expect(try output == Self.expected(relation, text))
    // Some begin with a 9, one is a 7, two are said by the program.
    #expect(kept.held.strings <= 111 + 1 + 2 + 1)
  }

  @Test func `files that something else reads too are read as they are`() throws {
    let relation = try Self.relation(
      "[{key: w} | l <- Lines, w <- strings.Fields(l.text)] + [{key: l.text} | l <- Lines, m <- Lines, if l.text == m.text]"
    )
    let text = (0..<300).map { "a b\($0 % 50)\n" }.joined()
    let output = try Self.output(ResidentTables(), relation, InputFile(path: "t0.csv", bytes: Array(text.utf8)))
    #expect(try output == Self.expected(relation, text))
  }

  @Test func `what an expression has no value for is an error as long as its record is there`() throws {
    let relation = try Self.relation("[{key: w} | l <- Lines, w <- strings.Fields(l.text), if 10 / (len(w) - 3) < 9]")
    let kept = ResidentTables()
    for text in ["a bb\ncccc\n", "a bb\nccc\ndd\n", "a bb\ncccc\ndd\n"] {
      func run(_ body: () throws -> TableWriter.Output?) -> String {
        do { return "\(try body() as Any)" } catch { return "\(error)" }
      }
      let output = run { try Self.output(kept, relation, InputFile(path: "t0.csv", bytes: Array(text.utf8))) }
      #expect(output == run { try Self.expected(relation, text) }, "\(text)")
    }
    #expect(kept.work.evaluations == 1)
  }

  @Test func `a file that grows is split into words where it ended`() throws {
    let relation = try Self.relation("[{key: w} | l <- Lines, w <- strings.Fields(l.text)]")
    let kept = ResidentTables()
    var text = ""
    for round in 0..<20 {
      text += round % 3 == 0 ? "one w\(round)" : " two\nthree four w\(round % 5)\n"
      let bytes = Array(text.utf8)
      let file = InputFile(
        path: "t0.csv", growing: GrowingFile(size: bytes.count, generation: 1) { range in Array(bytes[range]) })
      #expect(try Self.output(kept, relation, file) == Self.expected(relation, text), "round \(round)")
    }
    #expect(kept.work.evaluations == 0)
  }
}
