/// Makes programs of tables, each table with a query of SQL that means the same.
///
/// All tables have the columns `a, b int` and `s string`. Ints are never negative and strings are short, so that the
/// two languages agree on arithmetic; what they disagree on is not a matter of tables.
struct QueryGenerator {
  struct Query {
    /// The name of the table in the program.
    var name: String
    var sql: String
    /// Whether it has each row once.
    var isDistinct = false
  }

  var random: SplitMix
  /// The declarations of the program so far.
  private(set) var program = """
    type Row {a, b int, s string}
    val T0 = table(file("t0.csv")) Row
    val T1 = table(file("t1.csv")) Row
    val T2 = table(file("t2.csv")) Row

    """
  private var count = 0

  init(seed: UInt64) { random = SplitMix(state: seed) }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int(random.next() % UInt64(elements.count))]
  }

  private mutating func declare(_ expression: String) -> String {
    count += 1
    program += "val Q\(count) = \(expression)\n"
    return "Q\(count)"
  }

  mutating func query(_ depth: Int) -> Query {
    guard depth > 0 else {
      let name = pick(["0", "1", "2"])
      return Query(name: "T\(name)", sql: "SELECT a, b, s FROM t\(name)")
    }
    switch random.next() % 10 {
    case 0: return filter(depth)
    case 1: return distinct(depth)
    case 2: return union(depth)
    case 3, 4: return group(depth)
    case 5, 6: return semijoin(depth)
    case 7: return recursion(depth)
    case _: return join(depth)
    }
  }

  /// An int of one of the rows, in both languages.
  private mutating func int(_ rows: [String]) -> (String, String) {
    let field = "\(pick(rows)).\(pick(["a", "b"]))"
    switch random.next() % 6 {
    case 0: return ("(\(field) + 1) % 7", "(\(field) + 1) % 7")
    case 1: return ("\(field) * 2 % 5", "\(field) * 2 % 5")
    case 2: return ("len(\(rows[0]).s)", "length(CAST(\(rows[0]).s AS BLOB))")
    case 3:
      let limit = pick(["1", "2", "3"])
      return (
        "(if \(field) < \(limit) { \(field) } else { \(limit) })",
        "(CASE WHEN \(field) < \(limit) THEN \(field) ELSE \(limit) END)"
      )
    case _: return (field, field)
    }
  }

  private mutating func string(_ rows: [String]) -> (String, String) {
    let field = "\(pick(rows)).s"
    switch random.next() % 5 {
    case 0: return ("strings.Upper(\(field))", "upper(\(field))")
    case 1:
      return (
        "(if \(rows[0]).a == 1 { \"one\" } else { \(field) })",
        "(CASE WHEN \(rows[0]).a = 1 THEN 'one' ELSE \(field) END)"
      )
    case _: return (field, field)
    }
  }

  private mutating func condition(_ rows: [String]) -> (String, String) {
    let (x, y) = (int(rows), int(rows))
    let sign = pick(["<", "<=", ">", "!=", "=="])
    let first = ("\(x.0) \(sign) \(y.0)", "\(x.1) \(sign) \(y.1)")
    switch random.next() % 4 {
    case 0: return ("(\(first.0) || \(rows[0]).s < \"b\")", "(\(first.1) OR \(rows[0]).s < 'b')")
    case 1: return ("!(\(first.0))", "NOT (\(first.1))")
    case _: return first
    }
  }

  private mutating func head(_ rows: [String]) -> (String, String) {
    let (a, b, s) = (int(rows), int(rows), string(rows))
    return ("{a: \(a.0), b: \(b.0), s: \(s.0)}", "\(a.1) AS a, \(b.1) AS b, \(s.1) AS s")
  }

  private mutating func filter(_ depth: Int) -> Query {
    let inner = query(depth - 1)
    let (head, condition) = (head(["x"]), condition(["x"]))
    return Query(
      name: declare("[\(head.0) | x <- \(inner.name), if \(condition.0)]"),
      sql: "SELECT \(head.1) FROM (\(inner.sql)) AS x WHERE \(condition.1)")
  }

  private mutating func distinct(_ depth: Int) -> Query {
    let inner = query(depth - 1)
    return Query(
      name: declare("distinct(\(inner.name))"), sql: "SELECT DISTINCT a, b, s FROM (\(inner.sql))", isDistinct: true)
  }

  private mutating func union(_ depth: Int) -> Query {
    let (left, right) = (query(depth - 1), query(depth - 1))
    return Query(
      name: declare("\(left.name) + \(right.name)"),
      sql: "SELECT a, b, s FROM (\(left.sql)) UNION ALL SELECT a, b, s FROM (\(right.sql))")
  }

  private mutating func join(_ depth: Int) -> Query {
    let (left, right) = (query(depth - 1), query(0))
    let head = head(["x", "y"])
    var condition = pick([
      ("x.a == y.b", "x.a = y.b"), ("y.s == x.s", "y.s = x.s"), ("x.a == y.a && x.b == y.b", "x.a = y.a AND x.b = y.b"),
      ("x.a + 1 == y.a + y.b", "x.a + 1 = y.a + y.b"), ("x.s == y.s, if x.b < y.b", "x.s = y.s AND x.b < y.b"),
      ("x.a < y.b && x.b == 2", "x.a < y.b AND x.b = 2"),
    ])
    if random.next() % 3 == 0 {
      let more = self.condition(["x", "y"])
      condition = ("\(condition.0), if \(more.0)", "\(condition.1) AND \(more.1)")
    }
    if random.next() % 4 == 0 {
      // Three tables, and the condition between the first two comes last.
      return Query(
        name: declare("[\(head.0) | x <- \(left.name), y <- \(right.name), z <- T1, if z.a == y.a, if \(condition.0)]"),
        sql: "SELECT \(head.1) FROM (\(left.sql)) AS x, (\(right.sql)) AS y, t1 AS z WHERE z.a = y.a AND \(condition.1)"
      )
    }
    return Query(
      name: declare("[\(head.0) | x <- \(left.name), y <- \(right.name), if \(condition.0)]"),
      sql: "SELECT \(head.1) FROM (\(left.sql)) AS x, (\(right.sql)) AS y WHERE \(condition.1)")
  }

  private mutating func group(_ depth: Int) -> Query {
    let inner = query(depth - 1)
    let aggregate = pick([
      ("len(g.rows)", "COUNT(*)"), ("sum([r.b | r <- g.rows])", "SUM(b)"), ("min([r.b | r <- g.rows])", "MIN(b)"),
      ("max([r.b | r <- g.rows])", "MAX(b)"),
      ("sum([r.b | r <- g.rows, if r.b > 1])", "SUM(CASE WHEN b > 1 THEN b ELSE 0 END)"),
      ("len(lists.Unique([r.b | r <- g.rows]))", "COUNT(DISTINCT b)"),
    ])
    let last = pick([("min", "MIN"), ("max", "MAX")])
    if random.next() % 2 == 0 {
      return Query(
        name: declare(
          "[{a: g.key, b: \(aggregate.0), s: \(last.0)([r.s | r <- g.rows])} | g <- group(\(inner.name), func(r Row) => r.a)]"
        ),
        sql: "SELECT a, \(aggregate.1) AS b, \(last.1)(s) AS s FROM (\(inner.sql)) GROUP BY a", isDistinct: true)
    }
    return Query(
      name: declare(
        "[{a: \(aggregate.0), b: g.key.n, s: g.key.t} | g <- group(\(inner.name), func(r Row) => {n: r.a % 2, t: r.s})]"
      ),
      sql: "SELECT \(aggregate.1) AS a, x.a % 2 AS b, x.s AS s FROM (\(inner.sql)) AS x GROUP BY x.a % 2, x.s")
  }

  private mutating func semijoin(_ depth: Int) -> Query {
    let (left, right) = (query(depth - 1), query(depth - 1))
    let name = pick([("semijoin", "EXISTS"), ("antijoin", "NOT EXISTS")])
    let key = pick([
      ("x.a", "y.b", "x.a = y.b"), ("(x.a, x.s)", "(y.a, y.s)", "x.a = y.a AND x.s = y.s"),
      ("x.a + x.b", "y.a", "x.a + x.b = y.a"),
    ])
    return Query(
      name: declare("\(name.0)(\(left.name), \(right.name), func(x Row) => \(key.0), func(y Row) => \(key.1))"),
      sql: "SELECT a, b, s FROM (\(left.sql)) AS x WHERE \(name.1) (SELECT 1 FROM (\(right.sql)) AS y WHERE \(key.2))",
      isDistinct: left.isDistinct)
  }

  /// What a recursive query reaches. Its rows come from few values, so it ends.
  private mutating func recursion(_ depth: Int) -> Query {
    let (seed, edges) = (query(depth - 1), query(0))
    let step = pick([
      ("{a: e.b, b: x.b, s: e.s}", "e.b, x.b, e.s"), ("{a: e.b, b: 0, s: x.s}", "e.b, 0, x.s"),
      ("{a: (x.a + e.a) % 6, b: e.b, s: e.s}", "(x.a + e.a) % 6, e.b, e.s"),
    ])
    let name = declare(
      "fixpoint(distinct(\(seed.name)), func(t table Row) => distinct(t + [\(step.0) | x <- t, e <- \(edges.name), if e.a == x.a]))"
    )
    return Query(
      name: name,
      sql: """
        WITH RECURSIVE r(a, b, s) AS (SELECT a, b, s FROM (\(seed.sql)) UNION \
        SELECT \(step.1) FROM r AS x, (\(edges.sql)) AS e WHERE e.a = x.a) SELECT a, b, s FROM r
        """, isDistinct: true)
  }

  /// A file of rows.
  mutating func rows() -> [(Int, Int, String)] {
    (0..<random.next() % 9).map { _ in
      (Int(random.next() % 5), Int(random.next() % 5), pick(["", "a", "b", "€", "B"]))
    }
  }
}
