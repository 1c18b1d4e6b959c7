import BuildGraph
import Tables
import Testing

@testable import Language

/// Tables that are kept by differences: after every edit what an evaluation from nothing makes, at the cost of the edit.
struct KeptTableTests {
  private static let newest = "[{m: max([r.w | r <- g.rows])} | g <- group(Edges, func(e {w int}) => 0)]"

  /// Each over `Edges`, with columns `src`, `dst`, `w`, and `f`, a float.
  static let programs: [String] = [
    "Edges",
    "[{a: e.src, w: e.w * 2} | e <- Edges, if e.w > 3]",
    "Edges + [{src: e.dst, dst: e.src, w: 0, f: 1.5} | e <- Edges]",
    "distinct([{node: e.src} | e <- Edges])",
    "[{a: e.src, b: f.dst} | e <- Edges, f <- Edges, if e.dst == f.src]",
    "[{a: e.src, b: f.dst, c: g.w} | e <- Edges, f <- Edges, if e.dst == f.src, g <- Edges, if g.src == f.dst && g.w > e.w]",
    "[{a: e.src, m: m.most} | m <- [{most: max([r.w | r <- g.rows])} | g <- group(Edges, func(e {w int}) => 0)], "
      + "e <- Edges, if e.w == m.most]",
    "[{key: g.key, n: len(g.rows), total: sum([r.w | r <- g.rows]), mean: avg([r.w | r <- g.rows])} "
      + "| g <- group(Edges, func(e {src string}) => e.src)]",
    "[{key: g.key, least: min([r.w | r <- g.rows]), most: max([r.w | r <- g.rows]), n: len(g.rows)} "
      + "| g <- group(Edges, func(e {src string}) => e.src)]",
    "[{key: g.key, heavy: len([r | r <- g.rows, if r.w > 5])} | g <- group(Edges, func(e {dst string}) => e.dst)]",
    "[{key: g.key, last: max([r.dst | r <- g.rows])} | g <- group(Edges, func(e {src string}) => e.src)]",
    "[{key: g.key, first: top.dst} | g <- group(Edges, func(e {src string}) => e.src), "
      + "top <- lists.Take(lists.SortBy(g.rows, func(r {w int}) => -r.w), 2)]",
    "semijoin(Edges, Edges, func(e {dst string}) => e.dst, func(e {src string}) => e.src)",
    "antijoin(Edges, Edges, func(e {dst string}) => e.dst, func(e {src string}) => e.src)",
    "[{src: e.src, part: p} | e <- Edges, p <- strings.Split(e.dst, \"1\")]",
    // Words of plain text, and of text that is not.
    "[{src: e.src, word: w} | e <- Edges, w <- strings.Fields(\" a \" + e.dst + \"\\tb  \" + e.src)]",
    "[{src: e.src, word: w} | e <- Edges, w <- strings.Fields(e.dst + \" \u{2003}\u{E4} \" + e.src)]",
    "[{word: g.key, n: len(g.rows)} | g <- group([{word: w} | e <- Edges, w <- strings.Fields(\"x y \" + e.src)], "
      + "func(r {word string}) => r.word)]",
    "fixpoint([{node: \"n0\"} | e <- Edges, if e.src == \"n0\"], func(seen table {node string}) => "
      + "distinct(seen + [{node: e.dst} | s <- seen, e <- Edges, if e.src == s.node]))",
    "fixpoint([{node: e.src, label: e.src} | e <- Edges], func(known table {node, label string}) => "
      + "[{node: g.key, label: min([r.label | r <- g.rows])} | g <- group(known + [{node: e.dst, label: k.label} "
      + "| e <- Edges, k <- known, if k.node == e.src], func(r {node string}) => r.node)])",
    "fixpoint([{a: e.src, b: e.dst} | e <- Edges], func(kept table {a, b string}) => "
      + "semijoin(kept, fixpoint(distinct([{node: k.b} | k <- kept]), func(seen table {node string}) => "
      + "distinct(seen + [{node: k.b} | s <- seen, k <- kept, if k.a == s.node])), "
      + "func(k {a string}) => k.a, func(s {node string}) => s.node))",
    "fixpoint([{node: e.src, at: e.w} | e <- Edges], func(seen table {node string, at int}) => "
      + "[{node: g.key, at: min([r.at | r <- g.rows])} | g <- group(seen + [{node: e.dst, at: s.at + e.w} "
      + "| s <- seen, e <- Edges, if e.src == s.node && s.at < 20], func(r {node string}) => r.node)], "
      + "func(e {at int}) => e.at)",
    // Joins whose conditions come last, in an order that the planner changes.
    "[{a: e.src, b: f.dst, c: g.w} | e <- Edges, f <- Edges, g <- Edges, "
      + "if g.src == e.dst && f.src == g.dst && f.w > e.w]",
    "[{a: e.src, q: 6 / f.w} | e <- Edges, f <- Edges, g <- Edges, if f.w > 0 && f.src == g.dst && g.src == e.dst]",
    // Windows: bounds after the rows and before, one-sided and two-sided.
    "[{a: e.src, w: e.w} | e <- Edges, c <- \(newest), if e.w > c.m - 3]",
    "[{a: e.src} | c <- \(newest), e <- Edges, if c.m - 2 >= e.w && e.w > c.m - 5]",
    "[{a: e.src, m: c.m} | e <- Edges, c <- \(newest), if e.w < c.m]",
    "[{b: e.dst} | e <- Edges, c <- [{m: avg([r.w | r <- g.rows])} | g <- group(Edges, func(e {w int}) => 0)], "
      + "if c.m <= e.f]",
    // Least labels: brought in by what does not change, by the variable itself, and negative ones.
    "fixpoint([{node: e.src, label: e.w} | e <- Edges], func(known table {node string, label int}) => "
      + "[{node: g.key, label: min([r.label | r <- g.rows])} | g <- group([{node: e.src, label: e.w} | e <- Edges] "
      + "+ [{node: e.dst, label: k.label} | k <- known, e <- Edges, if e.src == k.node], "
      + "func(r {node string}) => r.node)])",
    "fixpoint([{node: e.src, label: e.w - 4} | e <- Edges], func(known table {node string, label int}) => "
      + "[{label: min([r.label | r <- g.rows]), node: g.key} | g <- group(known "
      + "+ [{node: e.dst, label: k.label} | e <- Edges, k <- known, if e.src == k.node && e.w > 1] "
      + "+ [{node: e.dst, label: e.w * 300} | e <- Edges], func(r {node string}) => r.node)])",
    "fixpoint([{node: e.src, label: e.f} | e <- Edges], func(known table {node string, label float}) => "
      + "[{node: g.key, label: min([r.label | r <- g.rows])} | g <- group(known "
      + "+ [{node: e.dst, label: k.label} | e <- Edges, k <- known, if e.src == k.node], "
      + "func(r {node string}) => r.node)])",
  ]

  private func relation(_ expression: String) throws -> Relation {
    let evaluated = evaluate(
      check(
        "val strings = make(\"$/strings\")\nval lists = make(\"$/lists\")\n"
          + "val Edges = table(file(\"t.csv\")) {src, dst string, w int, f float}\nval Main = " + expression + "\n"),
      goals: [.outputs("Main")], in: MemoryWorld(files: ["t.csv": "src,dst,w,f\n"]))
    #expect(evaluated.failures == nil, "\(expression): \(evaluated.faults)")
    return try #require(
      evaluated.graph.steps.lazy.compactMap { step -> Relation? in
        if case .table(let table) = step.work { table.plan.content as? Relation } else { nil }
      }.last)
  }

  private func file(_ lines: [String]) -> [InputFile] {
    [InputFile(path: "t.csv", bytes: Array(("src,dst,w,f\n" + lines.map { $0 + "\n" }.joined()).utf8))]
  }

  private func line(_ random: inout SeededGenerator, nodes: Int) -> String {
    "n\(random.below(nodes)),n\(random.below(nodes)),\(random.below(9)),\(random.below(20) - 5).5"
  }

  @Test(arguments: programs.indices)
  func `after every edit it is what an evaluation from nothing makes, and none is needed`(number: Int) throws {
    let relation = try relation(Self.programs[number])
    let tables = ResidentTables()
    var random = SeededGenerator(seed: UInt64(number))
    var lines = (0..<12).map { _ in line(&random, nodes: 6) }
    for round in 0..<12 {
      for _ in 0..<random.below(4) {
        if random.oneIn(2), !lines.isEmpty { lines.remove(at: random.below(lines.count)) }
        if random.oneIn(2) { lines.insert(line(&random, nodes: 6), at: random.below(lines.count + 1)) }
      }
      if round == 8 { lines = [] }
      if round == 9 { lines = (0..<20).map { _ in line(&random, nodes: 8) } }
      let files = file(lines)
      for form in [TableStep.Form.csv, .summary, .parts(3)] {
        let expected = try Tables.Evaluation { _ in files }.output(of: relation, form)
        let output = try tables.output(of: relation, form, while: { true }) { _ in files }
        #expect(output == expected, "round \(round) of \(Self.programs[number]) as \(form)")
      }
    }
    #expect(tables.work.evaluations == 0)
  }

  @Test func `an edit costs what it changes`() throws {
    let tables = ResidentTables()
    let relation = try relation(Self.programs[4])
    var random = SeededGenerator(seed: 1)
    var lines = (0..<20_000).map { _ in line(&random, nodes: 10_000) }
    _ = try tables.output(of: relation, .csv, while: { true }) { _ in file(lines) }
    let before = tables.work
    lines.insert("n1,n2,3,0", at: 10_000)
    _ = try tables.output(of: relation, .csv, while: { true }) { _ in file(lines) }
    let bytes = tables.work.parsedBytes - before.parsedBytes
    #expect(bytes > 0 && bytes < 1 << 18)
    // The rows of the chunk that the line is in go and come.
    #expect(tables.work.changedRows - before.changedRows < 20_000)
    let quiet = tables.work
    _ = try tables.output(of: relation, .csv, while: { true }) { _ in file(lines) }
    #expect(tables.work == quiet)
  }

  @Test func `errors of rows are those of an evaluation from nothing, and go when their rows go`() throws {
    let relation = try relation("[{q: 10 / e.w} | e <- Edges]")
    let tables = ResidentTables()
    func result(_ lines: [String]) -> Result<TableWriter.Output?, TableFailure> {
      Result { () throws(TableFailure) in
        try tables.output(of: relation, .csv, while: { true }) { _ in file(lines) }
      }
    }
    #expect(try result(["a,b,5,0"]).get() == .file(Array("q\n2\n".utf8)))
    guard case .failure(.row(let error)) = result(["a,b,5,0", "a,b,0,0"]) else {
      Issue.record("a division by zero has no value")
      return
    }
    #expect(error.message.contains("zero"))
    #expect(try result(["a,b,2,0", "a,b,1,0"]).get() == .file(Array("q\n5\n10\n".utf8)))
  }

  @Test func `a loop that does not end is told as an evaluation from nothing tells it`() throws {
    let relation = try relation(
      "fixpoint([{w: e.w} | e <- Edges], func(t table {w int}) => [{w: 0 - r.w} | r <- t])")
    let tables = ResidentTables(roundLimit: 1000)
    #expect(throws: TableFailure.self) {
      try tables.output(of: relation, .csv, while: { true }) { _ in file(["a,b,1,0"]) }
    }
    let output = try tables.output(of: relation, .csv, while: { true }) { _ in file(["a,b,0,0"]) }
    #expect(output == .file(Array("w\n0\n".utf8)))
  }

  @Test func `a bound that moves touches the rows that it passes`() throws {
    let tables = ResidentTables()
    let relation = try relation("[{a: e.src, w: e.w} | e <- Edges, c <- \(Self.newest), if e.w > c.m - 30000]")
    var lines = (0..<40_000).map { "n\($0),m,\($0),0" }
    _ = try tables.output(of: relation, .csv, while: { true }) { _ in file(lines) }
    for number in 40_000..<40_003 {
      let before = tables.work
      lines.append("n\(number),m,\(number),0")
      let output = try tables.output(of: relation, .csv, while: { true }) { _ in file(lines) }
      #expect(try output == Tables.Evaluation { _ in file(lines) }.output(of: relation, .csv))
      // A row and the bound come, and a row and the bound go; merges move some.
      #expect(tables.work.touchedRecords - before.touchedRecords < 1_000)
    }
    #expect(tables.work.evaluations == 0)
  }

  @Test func `relations that are known together are worked off together`() throws {
    let expressions = [
      "[{node: g.key, n: len(g.rows)} | g <- group(distinct(Edges), func(e {src string}) => e.src)]",
      "[{a: e.src, b: f.dst} | e <- distinct(Edges), f <- distinct(Edges), if e.dst == f.src]",
      "[{q: 6 / e.w} | e <- Edges]",
    ]
    let relations = try expressions.map { try relation($0) }
    let (together, apart) = (ResidentTables(), ResidentTables())
    var random = SeededGenerator(seed: 3)
    var lines = (0..<200).map { _ in line(&random, nodes: 40) }
    for _ in 0..<6 {
      lines.append(line(&random, nodes: 40))
      lines.remove(at: random.below(lines.count))
      let files = file(lines)
      for relation in relations {
        // Each as it would be by itself, though one of them has no value.
        let expected = Result { () throws(TableFailure) in
          try apart.output(of: relation, .csv, while: { true }) { _ in files }
        }
        let output = Result { () throws(TableFailure) in
          try together.output(of: relation, .csv, with: relations, while: { true }) { _ in files }
        }
        switch (output, expected) {
        case (.success(let a), .success(let b)): #expect(a == b)
        case (.failure, .failure): break
        case (.success, .failure), (.failure, .success): Issue.record("one has a value and the other has none")
        }
      }
    }
    #expect(together.work.changedRows < apart.work.changedRows)
    #expect(together.work.evaluations == apart.work.evaluations)
  }
}
