import BuildGraph
@testable import Language
import Testing

@testable import Tables

/// Tables that are kept by differences come to what SQLite says, while rows of their files come and go.
@Suite struct KeptQueryTests {
  @Test(arguments: 0..<40)
  func keptTablesAreWhatSQLiteSays(_ seed: Int) throws {
    var generator = QueryGenerator(seed: UInt64(seed) &* 0x9E37_79B9 &+ 7)
    var tables = (0..<3).map { _ in generator.rows() }
    let queries = (0..<12).map { generator.query(1 + $0 % 3) }
    let names = queries.enumerated().map { "out\($0): \($1.name)" }.joined(separator: ", ")
    let program =
      "val lists = make(\"$/lists\")\nval strings = make(\"$/strings\")\n\(generator.program)val Main = {\(names)}\n"
    let relations = SQLiteTests.relations(program)
    let kept = ResidentTables()
    for round in 0..<4 {
      let oracle = SQLiteTests.Oracle(tables)
      for (index, query) in queries.enumerated() {
        let (relation, graph) = try #require(relations["out\(index).csv"])
        let known = tables
        let source = SQLiteTests.source(graph) { SQLiteTests.file(known[$0]) }
        let output = try kept.output(of: relation, .csv, while: { true }, source)
        guard case .file(let bytes)? = output else {
          Issue.record("\(query.name) is a file")
          continue
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst()
        #expect(
          lines.map { String($0).replacing(",", with: "|") }.sorted() == oracle.rows(query.sql),
          "\(query.name) in round \(round) of\n\(program)")
      }
      // A row goes and some come.
      let number = Int(generator.random.next() % 3)
      if let last = tables[number].indices.last, round != 1 {
        tables[number].remove(at: Int(generator.random.next() % UInt64(last + 1)))
      }
      tables[Int(generator.random.next() % 3)] += generator.rows().prefix(round)
    }
  }
}
