import BuildGraph
import Testing

@testable import Language

/// What tables are called by: equal expressions have one step, and steps outlive renaming.
struct TableKeyTests {
  private func keys(_ text: String) -> [Digest] {
    let evaluated = evaluate(
      check(text), goals: [.outputs("Main")], in: MemoryWorld(files: ["a.csv": "a,b\n1,2\n", "b.csv": "a,b\n"]))
    #expect(evaluated.failures == nil, "\(evaluated.faults)")
    return evaluated.graph.steps.compactMap { step in
      if case .table(let table) = step.work { table.plan.key } else { nil }
    }
  }

  private func key(_ text: String) -> Digest? {
    let found = keys(text)
    #expect(found.count == 1)
    return found.first
  }

  private static let plain = """
    val T = table(file("a.csv")) {a, b int}
    func double(n int) = n + n
    val K = 3
    val Main = [{x: double(r.a) + K} | r <- T, if r.b > K]
    """

  @Test func `names, positions and modules are in no key`() {
    let other = """
      type Row {a int, b int}

      val unused = 17
      val Source = table(file("a.csv")) Row
      val Limit = delay(3)
      val Main = {
        twice := func(k int) => k + k
        [{x: twice(row.a) + Limit} | row <- Source, if row.b > Limit]
      }
      """
    #expect(key(Self.plain) == key(other))
  }

  @Test(arguments: [
    ("n + n", "n * 2"), ("= 3", "= 4"), ("> K", ">= K"), ("a.csv", "b.csv"), ("{x:", "{y:"), ("r.a) + K", "r.b) + K"),
  ])
  func `what changes the rows changes the key`(_ old: String, _ new: String) {
    let changed = Self.plain.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    #expect(changed != Self.plain)
    #expect(key(Self.plain) != key(changed))
  }

  @Test func `equal expressions share one step, loops included`() {
    let loop = """
      fixpoint(T, func(t table {a, b int}) => distinct(t + [{a: r.b, b: r.a} | r <- t, s <- fixpoint(t,
        func(u table {a, b int}) => distinct(u + t)), if r.a == s.a]))
      """
    let found = keys("val T = table(file(\"a.csv\")) {a, b int}\nval Main = {one: \(loop), two: \(loop)}")
    #expect(Set(found).count == 1)
    #expect(found.count == 1)
  }

  @Test func `a table that nothing asks for is no step`() {
    let text = """
      val T = table(file("a.csv")) {a, b int}
      val U = distinct(T)
      val Main = len("x")
      """
    #expect(keys(text).isEmpty)
  }

  @Test func `a table in the output tree is a file of its name, and another member cannot have its path`() {
    let text = """
      val T = table(file("a.csv")) {a, b int}
      val Main = {edges: T, raw: jsonl(T), two: [T, distinct(T)], named: ["d.tsv": tsv(T)], p: parts(T, 3)}
      """
    let world = MemoryWorld(files: ["a.csv": "a,b\n1,2\n"])
    let paths = evaluate(check(text), goals: [.outputs("Main")], in: world).entries.map(\.path.display)
    #expect(paths == ["edges.csv", "named/d.tsv", "p", "raw", "two/0.csv", "two/1.csv"])
    let bare = "val Main = table(file(\"a.csv\")) {a, b int}"
    #expect(evaluate(check(bare), goals: [.outputs("Main")], in: world).entries.map(\.path.display) == ["Main.csv"])
    let twice = "val T = table(file(\"a.csv\")) {a, b int}\nval Main = [\"x\": {t: T}, \"y\": {t: T}] ~> {x: T}"
    #expect(evaluate(check(twice), goals: [.outputs("Main")], in: world).entries.map(\.path.display) == ["x.csv"])
  }

  @Test func `a table gets its columns in the order of its type`() {
    let text = """
      val T = table(file("a.csv")) {b, a int}
      val Main = { val t table {a int, b int} = T; t }
      val Narrow = { val t table {b int} = T + T; t }
      func f(t table {b int}) = rows(distinct(t))
      val Called = f(T + [{b: r.b, a: r.a + 1} | r <- T])
      """
    let evaluated = evaluate(text, in: MemoryWorld(files: ["a.csv": "a,b\n1,2\n1,2\n"]))
    #expect(evaluated["Main"] == "a,b\n1,2\n1,2")
    #expect(evaluated["Narrow"] == "b\n2\n2\n2\n2")
    #expect(evaluated["Called"] == "[{b: 2}]")
  }
}
