import BuildGraph
@testable import Language
import Testing

@testable import Tables

/// The stream of mentions: what is kept is what an evaluation from nothing makes, and components are those of a depth-first search.
@Suite struct MentionsTests {
  private static let program = """
    val lists = make("$/lists")
    type Edge {src, dst int}
    val Mentions = table(file("m0.csv"), append := true) {src, dst, at int}
    val Clock = [{at: max([m.at | m <- g.rows])} | g <- group(Mentions, func(m {at int}) => 0)]
    val Recent = [m | m <- Mentions, c <- Clock, if m.at > c.at - 60]
    val Edges = distinct([{src: m.src, dst: m.dst} | m <- Recent, if m.src != m.dst])
    func Least(nodes table {node, label int}, edges table Edge) table {node, label int} =
      fixpoint(nodes, func(known table {node, label int}) => {
        spread := nodes + [{node: e.dst, label: k.label} | k <- known, e <- edges, if e.src == k.node]
        [{node: g.key, label: min([r.label | r <- g.rows])} | g <- group(spread, func(r {node int}) => r.node)]
      })
    func Nodes(edges table Edge) table {node, label int} = distinct([{node: e.dst, label: e.dst} | e <- edges])
    val All = Nodes(Edges)
    func Turned(edges table Edge) table Edge = {
      labels := Least(All, edges)
      [{src: e.dst, dst: e.src} | e <- edges, a <- labels, b <- labels,
        if a.node == e.src && b.node == e.dst && a.label == b.label]
    }
    val Inside = fixpoint(Edges, func(edges table Edge) => Turned(Turned(edges)))
    val Components = Least(Nodes(Inside), Inside)
    val Degree = [{node: g.key, n: len(g.rows)} | g <- group(Edges, func(e Edge) => e.dst)]
    val Ranked = [{component: c.label, node: d.node, n: d.n} | c <- Components, d <- Degree, if d.node == c.node]
    val Top = [{component: g.key, node: t.node, n: t.n} | g <- group(Ranked, func(r {component int}) => r.component),
      t <- lists.Take(lists.SortBy(g.rows, func(r {n, node int}) => (-r.n, r.node)), 3)]
    val Main = {components: Components, top: Top, clock: Clock}

    """

  @Test(arguments: 0..<6)
  func componentsOfAStreamFollowIt(_ seed: Int) throws {
    let relations = SQLiteTests.relations(Self.program)
    let all = relations.values.map(\.relation)
    try #require(all.count == 3)
    var random = QueryGenerator(seed: UInt64(seed) &+ 40).random
    let kept = ResidentTables()
    var lines: [(src: Int, dst: Int, at: Int)] = []
    for round in 0..<8 {
      for _ in 0..<[30, 1, 5, 20][round % 4] {
        let users = UInt64(6 + 4 * (seed % 3))
        lines.append((Int(random.next() % users), Int(random.next() % users), lines.count))
      }
      let text = "src,dst,at\n" + lines.map { "\($0.src),\($0.dst),\($0.at)\n" }.joined()
      let files = [InputFile(path: "m0.csv", bytes: Array(text.utf8))]
      for (path, (relation, _)) in relations.sorted(by: { $0.key < $1.key }) {
        let output = try kept.output(of: relation, .csv, with: all, while: { true }) { _ in files }
        let plain = Tables.Evaluation { _ in files }
        #expect(try output == plain.output(of: relation, .csv), "\(path) in round \(round)")
        if path == "components.csv" { #expect(output == .file(Self.components(lines)), "round \(round)") }
      }
    }
    #expect(kept.work.evaluations == 0)
  }

  /// Nodes of cycles with the least node of their component, by what reaches what.
  private static func components(_ lines: [(src: Int, dst: Int, at: Int)]) -> [UInt8] {
    let latest = lines.map(\.at).max() ?? 0
    let edges = lines.filter { $0.at > latest - 60 && $0.src != $0.dst }
    let count = 1 + (lines.flatMap { [$0.src, $0.dst] }.max() ?? 0)
    var reaches = [[Bool]](repeating: [Bool](repeating: false, count: count), count: count)
    for edge in edges { reaches[edge.src][edge.dst] = true }
    for middle in 0..<count {
      for from in 0..<count where reaches[from][middle] {
        for to in 0..<count where reaches[middle][to] { reaches[from][to] = true }
      }
    }
    var text = "node,label\n"
    for node in 0..<count where reaches[node][node] {
      let least = (0..<count).first { reaches[node][$0] && reaches[$0][node] } ?? node
      text += "\(node),\(least)\n"
    }
    return Array(text.utf8)
  }
}
