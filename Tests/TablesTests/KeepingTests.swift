import BuildGraph
import Diagnostics
@testable import Language
import Ports
import Testing

@testable import Storage
@testable import Tables

/// Relations that are kept between processes: whatever happens to the files that they are in, they come to what an evaluation from
/// nothing comes to.
@Suite struct KeepingTests {
  typealias Rows = SQLiteTests.Rows

  private static let header = "val lists = make(\"$/lists\")\nval strings = make(\"$/strings\")\n"

  /// Over T0 and T1; beyond what the generator of queries makes.
  private static let programs = [
    "[{q: e.s, n: e.a * 2} | e <- T0, if e.b > 3]",
    "[{src: e.s, part: p} | e <- T0, p <- strings.Split(e.s, \"a\")] + [{src: \"own\", part: e.s + \"!\"} | e <- T1]",
    "[{key: g.key, last: max([r.s | r <- g.rows]), n: len(g.rows)} | g <- group(T0, func(e {b int}) => e.b)]",
    "fixpoint([{node: e.a, at: e.b} | e <- T0], func(seen table {node, at int}) => "
      + "[{node: g.key, at: min([r.at | r <- g.rows])} | g <- group(seen + [{node: e.b, at: s.at + e.b} "
      + "| s <- seen, e <- T1, if e.a == s.node && s.at < 20], func(r {node int}) => r.node)], func(e {at int}) => e.at)",
    "fixpoint([{a: e.a, b: e.b} | e <- T0], func(kept table {a, b int}) => "
      + "semijoin(kept, fixpoint(distinct([{node: k.b} | k <- kept]), func(seen table {node int}) => "
      + "distinct(seen + [{node: k.b} | s <- seen, k <- kept, if k.a == s.node])), "
      + "func(k {a int}) => k.a, func(s {node int}) => s.node))",
    // Nothing else reads these files: what is made of their records is made while they are read.
    "[{w: w, v: v, n: e.a} | e <- T0, w <- strings.Fields(e.s + \" b \" + e.s), if w != \"b\", "
      + "v <- strings.Fields(w + \" \u{e9} \" + w), if v <= \"c\"] + [{w: g.key, v: \"\", n: len(g.rows)} | "
      + "g <- group(T1, func(e {s string}) => e.s)]",
    "[{s: e.s, t: f.s} | e <- T0, if e.s == \"ab\" || e.s >= \"b\" || e.s == strings.Upper(e.s), f <- T1, if f.a == e.a]",
    "[{n: len(g.rows)} | g <- group([{a: 1} | e <- T0, if e.s != \"a\"], func(r {a int}) => r.a)]",
    "[{w: w, q: 10 / e.b} | e <- T0, w <- strings.Fields(e.s), if e.a > 0]",
    "[{q: 10 / e.b, s: e.s} | e <- T0] + table([{q: 1, s: \"literal\"}]) {q int, s string}",
  ]

  private static var fixed: String {
    let names = programs.indices.map { "out\($0): P\($0)" }.joined(separator: ", ")
    let declarations = programs.enumerated().map { "val P\($0) = \($1)\n" }.joined()
    return header + QueryGenerator(seed: 0).program + declarations + "val Main = {\(names)}\n"
  }

  typealias Plan = (relation: Relation, graph: FlowGraph)

  /// What became of a table in a process.
  private struct Run {
    var result: Result<TableWriter.Output?, TableFailure>
    var way: SingleTable.Way
    var work: ResidentTables.Work
    var bytesRead: Int
    /// Why nothing is left for the next process.
    var refusal: String?
    /// What went through its plan.
    var plan: String?
  }

  private static func files(_ plan: Plan, _ tables: [Rows]) -> [Relation.Input: [InputFile]] {
    var files: [Relation.Input: [InputFile]] = [:]
    for input in plan.relation.inputs {
      guard case .source(let id) = input.reference, case .path(let path) = plan.graph.sources[Int(id.index)].place,
        let number = Int(path.bytes.display.filter(\.isNumber))
      else { continue }
      files[input] = [InputFile(path: path.bytes, bytes: SQLiteTests.file(tables[number]))]
    }
    return files
  }

  /// The same files, to be read where they are. Of some it is known what they hold.
  private static func stored(_ plan: Plan, _ tables: [Rows]) -> [Relation.Input: [InputFile]] {
    files(plan, tables).mapValues { files in
      files.map { file in
        guard case .bytes(let bytes) = file.content else { return file }
        let stored = StoredFile(size: bytes.count) { offset, buffer throws(SystemError) in
          let part = bytes[offset...].prefix(buffer.count)
          buffer.copyBytes(from: part)
          return part.count
        }
        let isKnown = !file.path.display.contains("0")
        return InputFile(path: file.path, stored: stored, digest: isKnown ? Digest(hashing: bytes) : nil)
      }
    }
  }

  private static func expected(
    _ plan: Plan, _ tables: [Rows], _ form: TableStep.Form
  ) -> Result<TableWriter.Output?, TableFailure> {
    let files = files(plan, tables)
    return Result { () throws(TableFailure) in
      try Tables.Evaluation { files[$0] ?? [] }.output(of: plan.relation, form)
    }
  }

  /// A process: it knows nothing but what is in the folder.
  private static func run(
    _ plan: Plan, _ tables: [Rows], _ form: TableStep.Form = .csv, in folder: StateFolder, version: ByteString = "1"
  ) throws -> Run {
    let store = try FolderTraceStorage(stateFolder: folder.path, version: version).open(plan.relation.key)
    let table = SingleTable(
      plan.relation, on: TraceShelf(store), chunking: Chunking(least: 64, usual: 5, most: 200))
    let result = Result { () throws(TableFailure) in try table.output(form, stored(plan, tables), while: { true }) }
    let refusal: String?
    if case .success = result { refusal = table.keep() } else { refusal = nil }
    return Run(
      result: result, way: table.way, work: table.work, bytesRead: store.bytesRead, refusal: refusal, plan: table.plan)
  }

  private static func edit(_ tables: inout [Rows], _ generator: inout QueryGenerator) {
    for _ in 0..<Int(generator.random.next() % 3) {
      let number = Int(generator.random.next() % 3)
      if let last = tables[number].indices.last {
        tables[number].remove(at: Int(generator.random.next() % UInt64(last + 1)))
      }
    }
    for row in generator.rows().prefix(Int(generator.random.next() % 4)) {
      let number = Int(generator.random.next() % 3)
      tables[number].insert(row, at: Int(generator.random.next() % UInt64(tables[number].count + 1)))
    }
  }

  // MARK: Laws

  @Test(arguments: 0..<16)
  func oneProcessAfterTheOtherItIsWhatAnEvaluationFromNothingMakes(_ seed: Int) throws {
    var generator = QueryGenerator(seed: UInt64(seed) &* 0x9E37_79B9 &+ 77)
    var tables = (0..<3).map { _ in (0..<4).flatMap { _ in generator.rows() } }
    var program = Self.fixed
    if seed > 3 {
      let queries = (0..<8).map { generator.query(1 + $0 % 3) }
      let names = queries.enumerated().map { "out\($0): \($1.name)" }.joined(separator: ", ")
      program = Self.header + generator.program + "val Main = {\(names)}\n"
    }
    let folder = StateFolder()
    var resumed = 0
    for round in 0..<6 {
      // Each process makes its relations itself.
      for (name, plan) in SQLiteTests.relations(program).sorted(by: { $0.key < $1.key }) {
        let form: TableStep.Form = [.csv, .csv, .jsonl, .summary, .parts(2), .rows][(round + seed) % 6]
        let run = try Self.run(plan, tables, form, in: folder)
        #expect(run.result == Self.expected(plan, tables, form), "\(name), round \(round) of\n\(program)")
        #expect(run.refusal == nil)
        if run.way == .resumed { resumed += 1 }
      }
      Self.edit(&tables, &generator)
    }
    #expect(resumed >= 20)
  }

  /// A kill leaves the old manifest with any part of the new files, or the new one with old files that were to go.
  @Test(arguments: 0..<6)
  func aKillLeavesTheOldStateOrTheNew(_ seed: Int) throws {
    var generator = QueryGenerator(seed: UInt64(seed) &+ 5)
    var tables = (0..<3).map { _ in (0..<5).flatMap { _ in generator.rows() } }
    let program = Self.fixed
    let folder = StateFolder()
    let name = "out\(seed).csv"
    _ = try Self.run(try #require(SQLiteTests.relations(program)[name]), tables, in: folder)
    for round in 0..<8 {
      let before = try folder.contents()
      Self.edit(&tables, &generator)
      let plan = try #require(SQLiteTests.relations(program)[name])
      _ = try Self.run(plan, tables, in: folder)
      let after = try folder.contents()
      guard case .success = Self.expected(plan, tables, .csv) else { continue }
      let new = after.keys.filter { before[$0] == nil }.sorted { $0.display < $1.display }
      for cut in 0...new.count {
        try folder.replace(with: before)
        for (index, path) in new.prefix(cut + 1).enumerated() {
          let bytes = after[path] ?? []
          // The last one is torn.
          try folder.write(path, index == cut ? Array(bytes.prefix(bytes.count / 2)) : bytes)
        }
        let run = try Self.run(plan, tables, in: folder)
        #expect(run.result == Self.expected(plan, tables, .csv), "round \(round), cut \(cut)")
        #expect(run.way == .resumed)
      }
      try folder.replace(with: before.merging(after) { _, new in new })
      let run = try Self.run(plan, tables, in: folder)
      #expect(run.result == Self.expected(plan, tables, .csv), "round \(round)")
      #expect(run.way == .resumed)
    }
  }

  @Test func whatIsDamagedIsMadeAgain() throws {
    var generator = QueryGenerator(seed: 99)
    var tables = (0..<3).map { _ in (0..<6).flatMap { _ in generator.rows() } }
    tables[0] = tables[0].map { ($0.0, $0.1 + 1, $0.2) }
    let folder = StateFolder()
    var refused = 0
    for number in Self.programs.indices {
      let plan = try #require(SQLiteTests.relations(Self.fixed)["out\(number).csv"])
      _ = try Self.run(plan, tables, in: folder)
      tables[0].append((3, 4, "new"))
      _ = try Self.run(plan, tables, in: folder)
      let whole = try folder.contents()
      tables[1].append((4, 3, "newer"))
      for (path, bytes) in whole.sorted(by: { $0.key < $1.key }) {
        var variants: [[UInt8]?] = [nil, [], Array(bytes.dropLast())]
        for _ in 0..<12 {
          var flipped = bytes
          flipped[Int(generator.random.next() % UInt64(bytes.count))] ^= 1 << UInt8(generator.random.next() % 8)
          variants.append(flipped)
          variants.append(Array(bytes.prefix(Int(generator.random.next() % UInt64(bytes.count)))))
        }
        for variant in variants {
          var contents = whole
          contents[path] = variant
          try folder.replace(with: contents)
          let run = try Self.run(plan, tables, in: folder)
          #expect(run.result == Self.expected(plan, tables, .csv), "\(path.display) of program \(number)")
          if run.way != .resumed { refused += 1 }
          // And then it is kept as ever.
          if run.refusal != nil {
            refused += 1
            #expect(try Self.run(plan, tables, in: folder).way == .begun(nil))
          }
          #expect(try Self.run(plan, tables, in: folder).way == .resumed)
        }
      }
      try folder.replace(with: [:])
    }
    #expect(refused > 100)
  }

  @Test func whatAnotherVersionLeftIsNotUsed() throws {
    let plan = try #require(SQLiteTests.relations(Self.fixed)["out0.csv"])
    let tables: [Rows] = [[(1, 5, "a")], [], []]
    let folder = StateFolder()
    _ = try Self.run(plan, tables, in: folder)
    #expect(try Self.run(plan, tables, in: folder, version: "2").way == .begun("it is of another version"))
    #expect(try Self.run(plan, tables, in: folder, version: "2").way == .resumed)
  }

  // MARK: Work

  @Test func aChangeCostsTheSameHoweverMuchThereIs() throws {
    let plan = try #require(SQLiteTests.relations(Self.fixed)["out2.csv"])
    var touched: [Int] = []
    for size in [400, 10_000] {
      let folder = StateFolder()
      var tables: [Rows] = [(0..<size).map { ($0, $0 / 4, "s\($0 % 100)") }, [], []]
      _ = try Self.run(plan, tables, in: folder)
      tables[0][size / 2].2 = "other"
      let run = try Self.run(plan, tables, in: folder)
      #expect(run.way == .resumed)
      #expect(run.work.changedRows == 2)
      #expect(run.work.parsedBytes < 600)
      touched.append(run.work.touchedRecords)
      // A process that finds everything as it was.
      let quiet = try Self.run(plan, tables, in: folder)
      #expect(quiet.work == ResidentTables.Work())
    }
    #expect(touched[1] <= touched[0] + 4)
  }

  /// `in out held` of the lines of a plan.
  private static func counts(_ plan: String?) -> [[String]] {
    (plan ?? "").split(separator: "\n").dropFirst().map { line in
      line.split(separator: " ").prefix(3).prefix { Int($0) != nil }.map(String.init)
    }
  }

  @Test func thePlanCountsWhatWentThroughItInTheLastRunAndWhatIsHeldNow() throws {
    let plan = try #require(SQLiteTests.relations(Self.fixed)["out0.csv"])
    let folder = StateFolder()
    // Eight records, of which four pass the condition while they are read: the others are not held.
    var tables: [Rows] = [(0..<8).map { ($0, $0, "s") }, [], []]
    let first = try Self.run(plan, tables, in: folder)
    #expect(Self.counts(first.plan) == [["8", "4", "4"], ["8"]], "\(first.plan ?? "")")
    tables[0].append((9, 9, "s"))
    let second = try Self.run(plan, tables, in: folder)
    #expect(second.way == .resumed)
    #expect(Self.counts(second.plan) == [["9", "1", "5"], ["9"]], "\(second.plan ?? "")")
    // Another evaluation from nothing says the same of what there is.
    let files = Self.files(plan, tables)
    let evaluation = Tables.Evaluation { files[$0] ?? [] }
    _ = try evaluation.output(of: plan.relation, .csv)
    #expect(Self.counts(evaluation.counts.text(of: plan.relation)) == [["9", "5", "5"], ["9", "9"]])
  }

  @Test func manyProcessesLeaveFewFiles() throws {
    let folder = StateFolder()
    var generator = QueryGenerator(seed: 3)
    var tables: [Rows] = [(0..<300).map { ($0, $0 % 40, "s\($0)") }, [], []]
    let plan = try #require(SQLiteTests.relations(Self.fixed)["out2.csv"])
    _ = try Self.run(plan, tables, in: folder)
    let first = try folder.contents().values.reduce(0) { $0 + $1.count }
    for round in 0..<400 {
      tables[0][Int(generator.random.next() % 300)] = (round, Int(generator.random.next() % 40), "t\(round % 50)")
      let run = try Self.run(plan, tables, in: folder)
      #expect(run.way == .resumed)
      #expect(run.work.changedRows <= 2)
      if round % 100 == 99 { #expect(run.result == Self.expected(plan, tables, .csv)) }
    }
    let contents = try folder.contents()
    #expect(contents.count < 20)
    #expect(contents.values.reduce(0) { $0 + $1.count } < 4 * first)
  }
}
