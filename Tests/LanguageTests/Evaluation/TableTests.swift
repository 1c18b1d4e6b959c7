import BuildGraph
import Testing

@testable import Language

/// What programs with tables come to, by the naive evaluator.
struct TableTests {
  private static var world: MemoryWorld {
    MemoryWorld(files: [
      "mentions.csv": "from,to,at\na,b,1\nb,a,2\na,b,3\nb,c,4\nc,c,5\n", "people.csv": "name,age\na,10\nb,20\nc,30\n",
    ])
  }

  private static let prelude = """
    val lists = make("$/lists")
    val strings = make("$/strings")
    type Edge {src, dst string}
    val Mentions = table(file("mentions.csv")) {from, to string, at int}
    val Edges = distinct([{src: m.from, dst: m.to} | m <- Mentions, if m.from != m.to])
    val People = table(file("people.csv")) {name string, age int}

    """

  private func value(_ text: String, _ name: String = "Main") -> String {
    let evaluated = evaluate(Self.prelude + text + "\n", name, in: Self.world)
    return evaluated[name] ?? "\(evaluated.faults)"
  }

  @Test func `the program of the design comes to what it says`() {
    let program = """
      val Mutual = [{a: e.src, b: e.dst} | e <- Edges, r <- Edges, if e.dst == r.src && e.src == r.dst]
      val Degree = [{node: g.key, n: len(g.rows)} | g <- group(Edges, func(e Edge) => e.src)]
      func Reach(edges table Edge, roots table {node string}) =
        fixpoint(roots, func(seen table {node string}) =>
          distinct(seen + [{node: e.dst} | s <- seen, e <- edges, if e.src == s.node]))
      val Reached = Reach(Edges, table([{node: "b"}]) {node string})
      """
    #expect(value(program, "Edges") == "src,dst\na,b\nb,a\nb,c")
    #expect(value(program, "Mutual") == "a,b\na,b\nb,a")
    #expect(value(program, "Degree") == "node,n\na,1\nb,2")
    #expect(value(program, "Reached") == "node\na\nb\nc")
  }

  @Test(arguments: [
    ("[{x: p.age + 1} | p <- People, if p.age > 10]", "x\n21\n31"),
    (
      "[{name: p.name, m: m.at} | p <- People, m <- Mentions, if p.name == m.from, if m.at % 2 == 1]",
      "name,m\na,1\na,3\nc,5"
    ),
    ("[{n: x} | p <- People, x <- range(0, p.age / 10)]", "n\n0\n0\n0\n1\n1\n2"),
    (
      "[{k: g.key, s: sum([m.at | m <- g.rows]), a: avg([m.at | m <- g.rows])} | g <- group(Mentions, func(m {from string}) => m.from)]",
      "k,s,a\na,4,2.0\nb,6,3.0\nc,5,5.0"
    ),
    (
      "[{k: g.key, s: max([m.at | m <- g.rows, if m.to != \"a\"])} | g <- group(Mentions, func(m {from string}) => m.from)]",
      "k,s\na,3\nb,4\nc,5"
    ),
    (
      "[{k: g.key.0x, to: r.to} | g <- group(Mentions, func(m {from string}) => m.from), r <- g.rows]".replacingKey,
      "k,to\na,b\na,b\nb,a\nb,c\nc,c"
    ),
    (
      "[{k: g.key, t: t.at} | g <- group(Mentions, func(m {from string}) => m.from), t <- lists.Take(lists.SortBy(g.rows, func(m {at int}) => 0 - m.at), 1)]",
      "k,t\na,3\nb,4\nc,5"
    ),
    (
      "[{k: g.key, j: strings.Join([m.to | m <- g.rows], \"+\")} | g <- group(Mentions, func(m {from string}) => m.from)]",
      "k,j\na,b+b\nb,a+c\nc,c"
    ),
    (
      "semijoin(People, Mentions, func(p {name string}) => p.name, func(m {to string}) => m.to)",
      "name,age\na,10\nb,20\nc,30"
    ),
    ("antijoin(People, Edges, func(p {name string}) => p.name, func(e Edge) => e.src)", "name,age\nc,30"),
    (
      "semijoin(People, Mentions, func(p {age int}) => p.age + 1, func(m {at int}) => m.at * 10 + 1)",
      "name,age\na,10\nb,20\nc,30"
    ),
    ("People + People", "name,age\na,10\na,10\nb,20\nb,20\nc,30\nc,30"),
    ("table([{b: 1.5, a: \"x\"}, {b: 0.0, a: \"y\"}]) {a string, b float}", "a,b\nx,1.5\ny,0.0"),
    (
      "[{hi: m.at} | m <- Mentions, w <- [{hi: max([r.at | r <- g.rows])} | g <- group(Mentions, func(m {at int}) => 0)], if m.at > w.hi - 2]",
      "hi\n4\n5"
    ),
    (
      "fixpoint(table([{n: 0}, {n: 5}]) {n int}, func(x table {n int}) => distinct(x + [{n: r.n + 1} | r <- x, if r.n < 7]), func(r {n int}) => r.n)",
      "n\n0\n1\n2\n3\n4\n5\n6\n7"
    ),
    (
      "[{d: if p.age > 15 { \"old\" } else { switch p.name { case \"a\": \"A\" case _: \"?\" } }} | p <- People]",
      "d\nA\nold\nold"
    ),
  ])
  func `a table expression comes to its rows`(_ text: String, _ rows: String) {
    #expect(value("val Main = " + text) == rows)
  }

  @Test(arguments: [
    ("len(Mentions)", "5"), ("len(rows(Edges))", "3"), ("rows(People)[1].name", "\"b\""),
    ("People == People + table([]) {name string, age int}", "true"), ("Edges == Edges + Edges", "false"),
    ("map([(r.name, r.age) | r <- rows(People)])", "[\"a\": 10, \"b\": 20, \"c\": 30]"),
    ("[{share: float(p.age) / float(len(Mentions))} | p <- People, if p.age == 10]", "share\n2.0"),
    ("sum([1, 2, 3]) + max([1, 7])", "13"), ("avg([1, 2])", "1.5"), ("sum([0.1, 0.2, 0.3, 0.4])", "1"),
    ("{a: Edges}", "{a: [{src: \"a\", dst: \"b\"}, {src: \"b\", dst: \"a\"}, {src: \"b\", dst: \"c\"}]}"),
  ])
  func `what is made of tables comes to its value`(_ text: String, _ expected: String) {
    #expect(value("val Main = " + text) == expected)
  }
}

extension String {
  fileprivate var replacingKey: String { split(separator: ".0x").joined() }
}
