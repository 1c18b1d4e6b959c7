import BuildGraph
import CSQLite
import Diagnostics
@testable import Language
import Testing

@testable import Tables

/// What tables come to is what SQLite says of the same queries: joins, groups, distinct rows, semijoins, recursion.
@Suite struct SQLiteTests {
  typealias Rows = [(Int, Int, String)]

  /// A database in memory, with the tables t0, t1 and t2.
  final class Oracle {
    private var handle: OpaquePointer?

    init(_ tables: [Rows]) {
      sqlite3_open(":memory:", &handle)
      for (index, rows) in tables.enumerated() {
        run("CREATE TABLE t\(index) (a INTEGER, b INTEGER, s TEXT)")
        for row in rows { run("INSERT INTO t\(index) VALUES (\(row.0), \(row.1), '\(row.2)')") }
      }
    }

    deinit { sqlite3_close(handle) }

    private func run(_ sql: String) {
      if sqlite3_exec(handle, sql, nil, nil, nil) != SQLITE_OK { Issue.record("\(sql)") }
    }

    /// The rows of a query, as text.
    func rows(_ sql: String) -> [String] {
      var statement: OpaquePointer?
      guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else {
        Issue.record("\(sql): \(String(cString: sqlite3_errmsg(handle)))")
        return []
      }
      defer { sqlite3_finalize(statement) }
      var rows: [String] = []
      while sqlite3_step(statement) == SQLITE_ROW {
        rows.append((0..<3).map { String(cString: sqlite3_column_text(statement, $0)) }.joined(separator: "|"))
      }
      return rows.sorted()
    }
  }

  /// The relations of the outputs of a program, by path.
  static func relations(_ text: String) -> [String: (relation: Relation, graph: FlowGraph)] {
    let program = ProgramLoader { path in
      path == "main.rf" ? .success(Array(text.utf8)) : .failure(UnreadableModule("no \(path.display)"))
    }.load("main.rf")
    guard let entry = program.entry, !program.hasErrors else {
      Issue.record("\(program.diagnostics.map(\.message)) in \(text)")
      return [:]
    }
    var evaluation = Language.Evaluation(module: entry, goals: [.outputs("Main")]) { .path(Path($0)) }
    var answers: [(need: Need, answer: Answer)] = []
    var outputs: [OutputEntry] = []
    loop: while true {
      switch evaluation.resume(answers) {
      case .needs(let needs): answers = needs.map { ($0, .present) }
      case .failed(let failures):
        Issue.record("\(failures.map(\.message)) in \(text)")
        break loop
      case .done(let results):
        if case .outputs(let entries, printed: _)? = results.first?.content { outputs = entries }
        break loop
      }
    }
    var found: [String: (Relation, FlowGraph)] = [:]
    for entry in outputs {
      guard let step = entry.reference.step, case .table(let table) = evaluation.graph.steps[Int(step.index)].work,
        let relation = table.plan.content as? Relation
      else { continue }
      found[entry.path.display] = (relation, evaluation.graph)
    }
    return found
  }

  static func file(_ rows: Rows) -> [UInt8] {
    Array(("a,b,s\n" + rows.map { "\($0.0),\($0.1),\($0.2)\n" }.joined()).utf8)
  }

  /// The files of the tables `t0`, `t1` and so on.
  static func source(_ graph: FlowGraph, _ bytes: @escaping (Int) -> [UInt8]) -> ResidentTables.Source {
    { (part) throws(TableFailure) in
      guard case .source(let id) = part.reference, case .path(let path) = graph.sources[Int(id.index)].place,
        let number = Int(path.bytes.display.filter(\.isNumber))
      else { throw .input("not a file of the test") }
      return [InputFile(path: path.bytes, bytes: bytes(number))]
    }
  }

  /// The rows of a relation, as text.
  private static func rows(_ relation: Relation, _ graph: FlowGraph, _ tables: [Rows]) throws -> [String] {
    let evaluation = Tables.Evaluation(source(graph) { file(tables[$0]) })
    let rows = try evaluation.rows(of: relation)
    return (0..<rows.count).map { index in
      let row = Array(rows[index])
      let text = String(decoding: evaluation.strings.bytes(row[2]), as: UTF8.self)
      return "\(Int64(bitPattern: row[0]))|\(Int64(bitPattern: row[1]))|\(text)"
    }.sorted()
  }

  /// Three thousand queries in all.
  @Test(arguments: 0..<60)
  func tablesAreWhatSQLiteSays(_ seed: Int) throws {
    var generator = QueryGenerator(seed: UInt64(seed) &* 0x9E37_79B9)
    let tables = (0..<3).map { _ in generator.rows() }
    let oracle = Oracle(tables)
    let queries = (0..<50).map { generator.query(1 + $0 % 3) }
    let names = queries.enumerated().map { "out\($0): \($1.name)" }.joined(separator: ", ")
    let program =
      "val lists = make(\"$/lists\")\nval strings = make(\"$/strings\")\n\(generator.program)val Main = {\(names)}\n"
    let relations = Self.relations(program)
    try #require(relations.count == queries.count)
    for (index, query) in queries.enumerated() {
      guard let (relation, graph) = relations["out\(index).csv"] else { continue }
      let rows = try Self.rows(relation, graph, tables)
      #expect(rows == oracle.rows(query.sql), "\(query.name) in\n\(program)")
    }
  }
}
