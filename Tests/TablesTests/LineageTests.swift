import BuildGraph
@testable import Language
import Testing

@testable import Tables

/// The records that a row rests on: those that people would name, and enough to make the row again.
@Suite struct LineageTests {
  /// `path:line` of the records behind a row of an output.
  private func places(
    _ files: [String: String], _ program: String, row: Int, of output: String = "t.csv"
  ) throws -> [String] {
    try #require(try lineage(files, program, row: row, of: output)).records
      .map { "\($0.path.display):\($0.line)" }
  }

  private func lineage(
    _ files: [String: String], _ program: String, row: Int, of output: String = "t.csv"
  ) throws -> RowLineage? {
    let text = "val lists = make(\"$/lists\")\n\(program)\n"
    let (relation, graph) = try #require(SQLiteTests.relations(text)[output])
    let evaluation = Tables.Evaluation { (part) throws(TableFailure) in
      guard case .source(let id) = part.reference, case .path(let path) = graph.sources[Int(id.index)].place,
        let text = files[path.bytes.display]
      else { throw .input("not a file of the test") }
      return [InputFile(path: path.bytes, bytes: Array(text.utf8))]
    }
    return try evaluation.lineage(ofRow: row, in: "", of: relation, .csv, limit: 100)
  }

  private static let edges = """
    val E = table(file("e.csv")) {src, dst int}

    """

  @Test func aCountRestsOnTheRowsThatAreCounted() throws {
    let files = ["e.csv": "src,dst\n1,2\n1,3\n2,3\n4,3\n"]
    let program =
      Self.edges + "val Main = {t: [{node: g.key, n: len(g.rows)} | g <- group(E, func(e {dst int}) => e.dst)]}"
    #expect(try places(files, program, row: 1) == ["e.csv:2"])
    #expect(try places(files, program, row: 2) == ["e.csv:3", "e.csv:4", "e.csv:5"])
    #expect(try lineage(files, program, row: 2)?.row == "3,3")
    #expect(try lineage(files, program, row: 2)?.isExact == true)
    #expect(try lineage(files, program, row: 3) == nil)
  }

  @Test func aCountWithAConditionRestsOnTheRowsThatPassIt() throws {
    let files = ["e.csv": "src,dst\n1,2\n5,2\n7,2\n"]
    let program =
      Self.edges
      + "val Main = {t: [{n: len([e | e <- g.rows, if e.src > 4])} | g <- group(E, func(e {dst int}) => e.dst)]}"
    #expect(try places(files, program, row: 1) == ["e.csv:3", "e.csv:4"])
  }

  @Test func theLeastAndTheGreatestRestOnThemselves() throws {
    let files = ["e.csv": "src,dst\n5,2\n1,2\n7,2\n1,2\n3,2\n"]
    let program =
      Self.edges
      + "val Main = {t: [{least: min([e.src | e <- g.rows]), most: max([e.src | e <- g.rows])} | g <- group(E, func(e {dst int}) => e.dst)]}"
    #expect(try places(files, program, row: 1) == ["e.csv:3", "e.csv:4", "e.csv:5"])
  }

  @Test func theFirstRowsOfAGroupRestOnThemselves() throws {
    let files = ["e.csv": "src,dst\n5,2\n1,2\n7,2\n3,2\n"]
    let program =
      Self.edges + """
        val Main = {t: [{src: e.src} | g <- group(E, func(e {dst int}) => e.dst),
          e <- lists.Take(lists.SortBy(g.rows, func(e {src int}) => -e.src), 2)]}
        """
    #expect(try places(files, program, row: 1) == ["e.csv:2"])
    #expect(try places(files, program, row: 2) == ["e.csv:4"])
  }

  @Test func aJoinedRowRestsOnTheRowsThatAreJoined() throws {
    let files = ["e.csv": "src,dst\n1,2\n2,3\n2,4\n9,2\n", "n.csv": "id,name\n2,\"a\nb\"\n4,c\n"]
    let program =
      Self.edges + """
        val N = table(file("n.csv")) {id int, name string}
        val Main = {t: [{a: x.src, b: y.dst, n: n.name} | n <- N, x <- E, y <- E, if x.dst == y.src && n.id == y.dst]}
        """
    // The name of 2 takes two lines, so 4 is in the fourth.
    #expect(try places(files, program, row: 1) == ["n.csv:4", "e.csv:2", "e.csv:4"])
    #expect(try lineage(files, program, row: 1)?.records.map(\.text).contains("4,c") == true)
  }

  @Test func equalRecordsAreAllNamed() throws {
    let files = ["e.csv": "src,dst\r\n1,2\r\n\r\n1,2\r\n3,2\r\n"]
    #expect(try places(files, Self.edges + "val Main = {t: distinct(E)}", row: 1) == ["e.csv:2", "e.csv:4"])
    #expect(try lineage(files, Self.edges + "val Main = {t: E + E}", row: 1)?.recordCount == 2)
  }

  @Test func semijoinsRestOnWhatLetsThemPass() throws {
    let files = ["e.csv": "src,dst\n1,2\n5,6\n", "f.csv": "src,dst\n2,1\n2,7\n3,3\n"]
    func program(_ name: String) -> String {
      Self.edges + """
        val F = table(file("f.csv")) {src, dst int}
        val Main = {t: \(name)(E, F, func(e {dst int}) => e.dst, func(f {src int}) => f.src)}
        """
    }
    #expect(try places(files, program("semijoin"), row: 1) == ["e.csv:2", "f.csv:2", "f.csv:3"])
    #expect(try places(files, program("antijoin"), row: 1) == ["e.csv:3"])
  }

  @Test func aRowOfALoopRestsOnASufficientSet() throws {
    let files = ["e.csv": "src,dst\n1,2\n2,3\n8,9\n3,4\n1,8\n"]
    let program =
      Self.edges + """
        val Main = {t: fixpoint(E, func(p table {src, dst int}) =>
          distinct(E + [{src: x.src, dst: e.dst} | x <- p, e <- E, if x.dst == e.src]))}
        """
    // The rows, ascending: 1 2, 1 3, 1 4, …
    let found = try #require(try lineage(files, program, row: 3))
    #expect(found.row == "1,4" && !found.isExact && found.isMinimal)
    #expect(found.records.map(\.line) == [2, 3, 5])
  }

  @Test func ofManyWaysToARowOfALoopOneIsNamed() throws {
    // From 0 to 9 through any of 300 others, and each of those through its neighbours as well.
    let edges = (10..<310).map { "0,\($0)\n\($0),\($0 + 1)\n\($0),9\n" }.joined()
    let program =
      Self.edges + """
        val Main = {t: fixpoint(table([{node: 0}]) {node int}, func(known table {node int}) =>
          distinct(known + [{node: e.dst} | k <- known, e <- E, if e.src == k.node]))}
        """
    let found = try #require(try lineage(["e.csv": "src,dst\n" + edges], program, row: 2))
    #expect(found.row == "9" && found.isMinimal && found.recordCount == 2, "\(found.records)")
    #expect(found.records.last?.text.display.hasSuffix(",9") == true)
    #expect(found.literals.count == 1)
  }

  @Test func rowsThatTheProgramWritesAreNamedByItsPlace() throws {
    let program = "val Main = {t: table([{a: 1}]) {a int}}"
    let found = try #require(try lineage([:], program, row: 1))
    #expect(found.records.isEmpty && found.literals.map(\.line) == [2])
  }

  @Test func aListingIsCutAndCounted() throws {
    let lines = (0..<300).map { "\($0),1\n" }.joined()
    let program = Self.edges + "val Main = {t: [{n: len(g.rows)} | g <- group(E, func(e {dst int}) => e.dst)]}"
    let found = try #require(try lineage(["e.csv": "src,dst\n" + lines], program, row: 1))
    #expect(found.recordCount == 300 && found.records.count == 100)
  }

  /// Six hundred queries: files that hold nothing but the records make the row again.
  @Test(arguments: 0..<30)
  func theRecordsSufficeForTheRow(_ seed: Int) throws {
    var generator = QueryGenerator(seed: UInt64(seed) &* 0x9E37_79B9 &+ 13)
    let tables = (0..<3).map { _ in generator.rows() }
    let queries = (0..<20).map { generator.query(1 + $0 % 3) }
    let names = queries.enumerated().map { "out\($0): \($1.name)" }.joined(separator: ", ")
    let program =
      "val lists = make(\"$/lists\")\nval strings = make(\"$/strings\")\n\(generator.program)val Main = {\(names)}\n"
    let relations = SQLiteTests.relations(program)
    for (index, query) in queries.enumerated() {
      let (relation, graph) = try #require(relations["out\(index).csv"])
      func evaluation(_ files: [[UInt8]]) -> Tables.Evaluation {
        Tables.Evaluation(SQLiteTests.source(graph) { files[$0] })
      }
      let count = try evaluation(tables.map { SQLiteTests.file($0) }).rows(of: relation).count
      for row in Set([1, (count + 1) / 2, count]) where 0 < row && row <= count {
        let found = try #require(
          try evaluation(tables.map { SQLiteTests.file($0) })
            .lineage(ofRow: row, in: "", of: relation, .csv, limit: .max))
        func isThere(without left: RowLineage.Record?) throws -> Bool {
          var kept = [[UInt8]](repeating: Array("a,b,s\n".utf8), count: 3)
          for record in found.records where record.path != left?.path || record.text != left?.text {
            let number = try #require(Int(record.path.display.filter(\.isNumber)))
            kept[number] += record.text.bytes + [0x0A]
          }
          do throws(TableFailure) {
            guard case .file(let bytes) = try evaluation(kept).output(of: relation, .csv) else { return false }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst()
            return lines.contains { $0 == found.row.display }
          } catch {
            return false
          }
        }
        #expect(try isThere(without: nil), "row \(row) of \(query.name) in\n\(program)")
        #expect(found.isExact || found.isMinimal, "row \(row) of \(query.name) in\n\(program)")
        for record in found.records.prefix(found.isMinimal ? 5 : 0) {
          #expect(try !isThere(without: record), "row \(row) of \(query.name) without \(record.text) in\n\(program)")
        }
      }
    }
  }
}
