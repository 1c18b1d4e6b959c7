import BuildGraph
import Diagnostics
import Foundation
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

/// What can go wrong with rows, and what cannot.
struct TableFailureTests {
  private static let prelude = """
    val strings = make("$/strings")
    val T = table([{a: 1, s: "x"}, {a: 0, s: "y"}]) {a int, s string}
    val Big = table([{a: 9223372036854775807}]) {a int}

    """

  private func fault(_ text: String) -> String {
    let evaluated = evaluate(Self.prelude + text + "\n", "Main")
    return evaluated["Main"] ?? evaluated.faults.joined(separator: "\n")
  }

  @Test(arguments: [
    ("[{x: 10 / r.a} | r <- T]", "4:17: division by zero"),
    ("[{x: 10 / r.a} | r <- T, if r.a != 0]", "x\n10"),
    ("[{x: r.a} | r <- T, if 10 / r.a > 0, if r.a != 0]", "4:35: division by zero"),
    ("[{x: r.a + 1} | r <- Big]", "4:13: an int field of a row holds 64 bits, and this int does not fit"),
    ("[{x: r.a + 1 - 1} | r <- Big]", "x\n9223372036854775807"),
    ("[{x: r.a} | r <- Big, if r.a + 1 > r.a]", "x\n9223372036854775807"),
    ("[{x: float(r.a) / 0.0} | r <- T, if r.a == 1]", "4:13: a float field of a row must be finite"),
    ("[{x: if r.a == 0 { 0 } else { panic(r.s) }} | r <- T]", "panic: x"),
    ("[{x: s} | {a: 1, s} <- T]", "the value is not the one that the pattern says"),
    (
      "[{k: g.key, m: max([r.a | r <- g.rows, if r.a > 0])} | g <- group(T, func(r {s string}) => r.s)]",
      "max of an empty list"
    ),
    (
      "[{k: g.key, m: max([r.a | r <- g.rows, if r.a > 0])} | g <- group(T, func(r {s string}) => r.s), if g.key == \"x\"]",
      "k,m\nx,1"
    ),
    (
      "fixpoint(T, func(t table {a int, s string}) => [{a: len(t), s: r.s} | r <- t])",
      "a table inside a loop can only be used to make tables"
    ),
    (
      "fixpoint(T, func(t table {a int, s string}) => if len(t) > 1 { t } else { T })",
      "a table inside a loop can only be used to make tables"
    ),
    ("table([{a: 99999999999999999999}]) {a int}", "an int field of a row holds 64 bits, and this int does not fit"),
    ("table(file(\"x\"), format := strings.Lower(\"XML\")) {a int}", "format must be one of csv, tsv, jsonl, lines"),
    ("parts(T, 0)", "parts makes from 1 to 1048576 files"),
  ])
  func `a row without a value is said where it matters`(_ text: String, _ expected: String) {
    let found = fault("val Main = " + text)
    #expect(found.contains(expected), "\(found)")
  }

  @Test func `what captures rows is forced before they are looked at, and only what is used`() {
    let program = """
      val files = make("$/files")
      val K = len(files.Text(exec() (o file) {" echo {{o}} "}))
      val lib = {never: exec(image := "x") (o file) {" {{o}} "}, add: func(n int) => n + K}
      val Main = [{x: lib.add(r.a)} | r <- T]
      """
    let world = MemoryWorld()
    let evaluated = evaluate(check(Self.prelude + program), goals: [.value("Main")], in: world)
    #expect(evaluated["Main"] == "x\n9\n10")
    let asked = evaluated.dependencies.compactMap { need -> String? in
      guard case .text(let reference) = need, let step = reference.step else { return nil }
      return evaluated.graph.steps[Int(step.index)].name
    }
    // The text of the value is its CSV, its JSON is made of the rows.
    #expect(asked == ["K", "Main", "Main"])
  }

  @Test func `tables that are multiplied bring a warning, unless one has one row`() {
    func warnings(_ text: String) -> [String] {
      evaluate(Self.prelude + "val Main = len(\(text))\n", "Main").traces.map(\.id.description)
    }
    #expect(warnings("[{x: r.a} | r <- T, s <- T]") == ["language.table-product"])
    #expect(warnings("[{x: r.a} | r <- T, s <- T, if s.a == r.a]") == [])
    #expect(warnings("[{x: r.a} | r <- T, s <- Big]") == [])
    #expect(warnings("[{x: r.a} | r <- T, g <- group(T, func(r {a int}) => 0)]") == [])
    #expect(warnings("[{x: r.a} | r <- T, s <- T, u <- T, if s.a == r.a]") == ["language.table-product"])
  }
}

/// The program of `fixtures/tables`, by the naive evaluator.
struct TableFixtureTests {
  @Test func `the fixture comes to what it is made for`() throws {
    let folder = Conformance.fixtures.appending(path: "tables")
    let program = try String(contentsOf: folder.appending(path: "mentions.rf"), encoding: .utf8)
    let data = try String(contentsOf: folder.appending(path: "mentions.csv"), encoding: .utf8)
    let evaluated = evaluate(
      program, "Mutual", "Degree", "Components", "Last", "Silent", "Largest", "Main",
      in: MemoryWorld(files: ["mentions.csv": data]))
    #expect(evaluated.failures == nil, "\(evaluated.faults)")
    #expect(evaluated["Mutual"] == "a,b\nada,bob")
    #expect(evaluated["Degree"] == "node,n\nada,2\nbob,2\ndee,1")
    #expect(evaluated["Components"] == "node,label\nada,ada\nbob,ada\ncyd,ada\ndee,dee\neve,dee")
    #expect(evaluated["Last"] == "from,at\nada,7\ncyd,5\ndee,6")
    #expect(evaluated["Silent"] == "node,label\neve,dee")
    #expect(evaluated["Largest"] == "[{node: \"ada\", n: 2}, {node: \"bob\", n: 2}]")
    #expect(evaluated.traces.isEmpty)
  }

  @Test func `delay around any part of a table program changes nothing`() {
    let marked = """
      val lists = «make("$/lists")»
      val K = «1»
      func f(n int) = «n + K»
      val T = «table(«[«{a: «3», s: "x"}», {a: 4, s: "y"}, {a: 4, s: "x"}]») {a int, s string}»
      val U = «[«{b: «f(«r.a»)», s: «r.s»}» | r <- «T», if «r.a» > «K», «r.s» == "x" | r.a == 4]»
      val G = [{k: g.key, n: «len(«g.rows»)», m: «max([«r.b» | r <- «g.rows», if «r.b > K»])»} | g <- «group(«U», «func(r {s string}) => «r.s»»)»]
      val R = «fixpoint(«table([{n: «0»}]) {n int}», func(x table {n int}) => «distinct(«x + «[{n: r.n + «K»} | r <- «x», if r.n < 3]»»)»)»
      val J = «semijoin(«U», «T», «func(r {b int}) => r.b», func(r {a int}) => «r.a + K»)»
      val Main = «(«csvs», «len(«U + U»)», «rows(«G»)», «U == T2», «if «len(R)» > 2 { «rows(R)» } else { [] }», rows(J))»
      """
      .replacing("csvs", with: "len(R)").replacing("T2", with: "U + U").replacing(
        ", «r.s» == \"x\" | r.a == 4", with: "")
    let plain = marked.map { $0 == "«" ? "(" : $0 == "»" ? ")" : String($0) }.joined()
    let expected = evaluate(plain, "Main")
    #expect(expected.failures == nil, "\(expected.faults)")
    for seed in UInt64(0)..<60 {
      var random = SeededGenerator(seed: seed)
      let delayed = marked.map { character -> String in
        if character == "«" { return random.oneIn(3) ? "delay(" : "(" }
        return character == "»" ? ")" : String(character)
      }.joined()
      let found = evaluate(check(delayed), goals: [.value("Main")], backwards: seed % 2 == 1)
      #expect(found["Main"] == expected["Main"], "\(found.faults)\n\(delayed)")
    }
  }
}
