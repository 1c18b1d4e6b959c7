@preconcurrency import Glibc

/// A program of tables, its files, and how others would compute the same.
enum TableWorkload: String, CaseIterable {
  /// Two files joined and grouped.
  case join
  /// The same, one of the two in a hundred parts; an edit falls in one of them.
  case parts
  /// How often each word occurs in a text.
  case words
  /// The nodes that one node reaches: rows are edges.
  case reach

  /// The file that is edited.
  var file: String {
    switch self {
    case .join: "orders.csv"
    case .parts: "orders/\(Self.part(Self.partCount / 2))"
    case .words: "text.txt"
    case .reach: "edges.csv"
    }
  }

  static let partCount = 100

  private static func part(_ index: Int) -> String { "part-\(index < 10 ? "0" : "")\(index).csv" }

  /// What the orders are to the program, and to others.
  private var orders: (program: String, glob: String) {
    self == .parts ? ("dir(\"orders\")", "orders/*.csv") : ("file(\"orders.csv\")", "orders.csv")
  }

  var program: String {
    switch self {
    case .join, .parts:
      """
      val Orders = table(\(orders.program)) {customer, amount int}
      val Customers = table(file("customers.csv")) {customer int, region string}
      val Sales = [{region: c.region, amount: o.amount} | o <- Orders, c <- Customers, if o.customer == c.customer]
      val Main = {result: [{region: g.key, n: len(g.rows), total: sum([r.amount | r <- g.rows])} |
        g <- group(Sales, func(r {region string}) => r.region)]}

      """
    case .words:
      """
      val strings = make("$/strings")
      val Lines = table(file("text.txt"), format := "lines") {text string}
      val Words = [{word: w} | l <- Lines, w <- strings.Fields(l.text)]
      val Main = {result: [{word: g.key, n: len(g.rows)} | g <- group(Words, func(w {word string}) => w.word)]}

      """
    case .reach:
      """
      val Edges = table(file("edges.csv")) {src, dst int}
      val Main = {result: fixpoint(table([{node: 1000000}]) {node int}, func(seen table {node int}) =>
        distinct(seen + [{node: e.dst} | s <- seen, e <- Edges, if e.src == s.node]))}

      """
    }
  }

  /// What prints the same table by DuckDB, in Python.
  var duckdb: String {
    let query =
      switch self {
      case .join, .parts:
        """
        SELECT region, count(*) AS n, sum(amount)::BIGINT AS total FROM '\(orders.glob)' JOIN 'customers.csv' USING (customer) \
        GROUP BY region ORDER BY region
        """
      case .words:
        """
        SELECT word, count(*) AS n FROM (SELECT unnest(string_split(line, ' ')) AS word FROM \
        read_csv('text.txt', columns={'line': 'VARCHAR'}, delim='|', header=false, quote='')) GROUP BY word ORDER BY word
        """
      case .reach:
        """
        WITH RECURSIVE e AS MATERIALIZED (SELECT * FROM 'edges.csv'), r(node) AS (SELECT 1000000::BIGINT UNION \
        SELECT e.dst FROM r JOIN e ON e.src = r.node) SELECT node FROM r ORDER BY node
        """
      }
    return "import duckdb; duckdb.sql('SET threads=1'); duckdb.sql(\"COPY (\(query)) TO 'peer.csv' (HEADER)\")"
  }

  /// The same by polars; nil where it has no such thing.
  var polars: String? {
    switch self {
    case .join, .parts:
      """
      import polars as p
      o, c = p.scan_csv('\(orders.glob)'), p.scan_csv('customers.csv')
      t = o.join(c, on='customer').group_by('region').agg(p.len().alias('n'), p.col('amount').sum().alias('total'))
      t.sort('region').collect().write_csv('peer.csv')
      """
    case .words:
      """
      import polars as p
      t = p.scan_csv('text.txt', has_header=False, new_columns=['word'], quote_char=None, separator='|')
      t = t.select(p.col('word').str.split(' ').explode()).group_by('word').agg(p.len().alias('n'))
      t.sort('word').collect().write_csv('peer.csv')
      """
    case .reach: nil
    }
  }

  /// The same by pandas; nil where it has no such thing.
  var pandas: String? {
    switch self {
    case .join, .parts:
      """
      import glob, pandas as p
      o = p.concat([p.read_csv(f) for f in sorted(glob.glob('\(orders.glob)'))], ignore_index=True)
      t = o.merge(p.read_csv('customers.csv'), on='customer').groupby('region', sort=True)['amount'].agg(['size', 'sum'])
      t.reset_index().set_axis(['region', 'n', 'total'], axis=1).to_csv('peer.csv', index=False)
      """
    case .words:
      """
      import pandas as p
      t = p.read_csv('text.txt', header=None, names=['word'], sep='|')['word'].str.split(' ').explode()
      t.groupby(t, sort=True).size().reset_index(name='n').to_csv('peer.csv', index=False)
      """
    case .reach: nil
    }
  }

  /// The same by Pathway; nil where it has no such thing here. Its output is changes with their times, in no order: they are put in order.
  var pathway: String? {
    let rows =
      switch self {
      case .join, .parts:
        """
        class O(p.Schema):
            customer: int
            amount: int
        class C(p.Schema):
            customer: int
            region: str
        o = p.io.csv.read('\(self == .parts ? "orders" : "orders.csv")', schema=O, mode='static')
        c = p.io.csv.read('customers.csv', schema=C, mode='static')
        t = o.join(c, o.customer == c.customer).select(c.region, o.amount).groupby(p.this.region)
        t = t.reduce(p.this.region, n=p.reducers.count(), total=p.reducers.sum(p.this.amount))
        """
      case .words:
        """
        t = p.io.plaintext.read('text.txt', mode='static').select(word=p.this.data.str.split(' ')).flatten(p.this.word)
        t = t.groupby(p.this.word).reduce(p.this.word, n=p.reducers.count())
        """
      case .reach: ""
      }
    guard !rows.isEmpty else { return nil }
    return """
      import pathway as p, pandas
      \(rows)
      p.io.csv.write(t, 'changes.csv')
      p.run(monitoring_level=p.MonitoringLevel.NONE)
      t = pandas.read_csv('changes.csv').drop(columns=['time', 'diff'])
      t.sort_values(t.columns[0]).to_csv('peer.csv', index=False)
      """
  }

  private var header: String {
    switch self {
    case .join, .parts: "customer,amount\n"
    case .words: ""
    case .reach: "src,dst\n"
    }
  }

  /// A record; all of a workload are of one length, so that one can be written over another.
  private func record(_ rows: Int, _ generator: inout SplitMix64) -> String {
    func number(below bound: Int) -> Int { 1_000_000 + Int(generator.below(UInt64(max(1, bound)))) }
    switch self {
    case .join, .parts: return "\(number(below: rows / 10)),\(number(below: 9_000))\n"
    case .words:
      // Few words are frequent: a bound that is itself drawn.
      return (0..<10).map { _ in "w\(number(below: Int(generator.below(200_000)) + 1))" }.joined(separator: " ") + "\n"
    case .reach: return "\(number(below: rows / 3)),\(number(below: rows / 3))\n"
    }
  }

  /// Writes the program and its files.
  func write(rows: Int, in folder: String) {
    Scratch.write(program, to: "\(folder)/main.rf")
    var generator = SplitMix64(seed: 1)
    if self == .parts {
      Scratch.makeFolder("\(folder)/orders")
      for part in 0..<Self.partCount {
        Self.write(to: "\(folder)/orders/\(Self.part(part))", header) { index in
          index < rows / Self.partCount ? record(rows, &generator) : nil
        }
      }
    } else {
      Self.write(to: "\(folder)/\(file)", header) { index in index < rows ? record(rows, &generator) : nil }
    }
    guard self == .join || self == .parts else { return }
    let customers = max(1, rows / 10)
    Self.write(to: "\(folder)/customers.csv", "customer,region\n") { index in
      index < customers ? "\(1_000_000 + index),region\(generator.below(1_000))\n" : nil
    }
  }

  private static func write(to path: String, _ header: String, _ record: (Int) -> String?) {
    guard let file = fopen(path, "w") else { preconditionFailure("cannot write \(path)") }
    defer { fclose(file) }
    fputs(header, file)
    var index = 0
    while let text = record(index) {
      fputs(text, file)
      index += 1
    }
  }

  /// Writes other records over some, wherever they fall.
  func edit(_ count: Int, rows: Int, seed: UInt64, in folder: String) {
    var generator = SplitMix64(seed: seed)
    guard let file = fopen("\(folder)/\(file)", "r+") else { preconditionFailure("cannot edit \(file)") }
    defer { fclose(file) }
    for _ in 0..<count {
      let text = record(rows, &generator)
      let index = Int(generator.below(UInt64(self == .parts ? rows / Self.partCount : rows)))
      fseek(file, header.utf8.count + index * text.utf8.count, SEEK_SET)
      fputs(text, file)
    }
  }
}
