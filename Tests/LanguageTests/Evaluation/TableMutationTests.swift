import Testing

@testable import Language

/// Table programs that no person would write: whatever the checker lets through has a value or an error, and never a crash.
struct TableMutationTests {
  private static let marked = """
    val lists = «make("$/lists")»
    val strings = make("$/strings")
    type R {a int, s string}
    val K = «1»
    val xs = «[«1», «K», 3]»
    func f(n int) int = «n + K»
    val T = «table(«[«{a: «3», s: «"x"»}», {a: 4, s: "y"}]») {a int, s string}»
    val F = «table(«file("t.csv")», header := «true», format := «"csv"») {a int, s string}»
    val U = «[«{b: «f(«r.a»)», s: «r.s»}» | r <- «T», x <- «xs», if «r.a» > «x», if «r.s == «"x"»»]»
    val P = «[«{a: «r.a», b: «q.b»}» | r <- «F», q <- «U», if «r.s» == «q.s», if «r.a < q.b»]»
    val G = «[«{k: «g.key», n: «len(«g.rows»)», m: «max([«r.a» | r <- «g.rows», if «r.a > K»])», t: «strings.Join([«r.s» | r <- «lists.Take(«lists.SortBy(«g.rows», «func(r R) => «r.a»»)», «2»)»], "+")»}» | g <- «group(«T + F», «func(r R) => «r.s»»)»]»
    val L = «fixpoint(«table([{n: «0»}]) {n int}», «func(x table {n int}) => «distinct(«x + «[{n: «r.n + «K»»} | r <- «x», if «r.n < 3»]»»)»», «func(r {n int}) => «r.n»»)»
    val J = «semijoin(«T», «F», «func(r R) => «r.a»», «func(r R) => «r.a + K»»)»
    val A = «antijoin(«T», «F», «func(r R) => «r.s»», «func(r R) => «r.s»»)»
    val V = «rows(«T»)»
    val B = «(«len(«L»)», «T == F», «sum(«xs»)», «min(«[r.a | r <- V]»)», «avg(«[1.5]»)»)»
    val Main = «{t: «T», c: «csv(«U»)», p: «parts(«P», «3»)», v: «V», b: «B», g: «G», j: «J + A», i: «if «K > 0» { «T» } else { «F» }», s: «switch «K» { case 1: «T»; case _: «F» }»}»
    val Last = «[T, F, «distinct(T)»]»
    """

  private static let strangers = [
    "[]", "T", "F", "U", "G", "V", "xs", "K", "panic(\"p\")", "delay(T)", "delay(3)", "trace(1)", "trace(T)", "r", "g",
    "x", "q",
    "r.a", "g.rows", "g.key", "rows(T)", "len(T)", "table([]) {a int, s string}", "table([{a: 1}]) {a int}",
    "group(T, func(r R) => r.a)", "group(T, func(r R) => (r.a, r.s))", "distinct(T)", "csv(T)", "file(\"t.csv\")",
    "dir(\"d\")",
    "1 / 0", "9223372036854775807", "1 << 70", "1.5", "0.0 / 0.0", "\"z\"", "true", "func(r R) => r.a",
    "func(r R) => 1 / r.a",
    "func(r R) => {k: r.a, l: r.s}", "func(x int) => x", "strings.Upper", "{a: 1, s: \"q\"}",
    "{a: 1, s: \"q\", z: 1.5}",
    "[{a: r.a} | r <- T]", "[{a: y.a, s: y.s} | y <- T, y2 <- F]", "[{a: h.key} | h <- group(T, func(r R) => 0)]",
    "(if delay(true) { T } else { F })", "exec() (o file) {\" {{csv(T)}} {{o}} \"}", "[file(\"t.csv\")]", "[\"k\": 1]",
    "fold(func(n, m int) => n + m, xs, 0)", "[z | z <- xs]", "[1: 2]", "#A(1)", "(1, \"x\")", "lists.Sort(xs)", "f(2)",
    "f",
    "{ y := 2; y }", "switch 1 { case 1: 2; case _: 3 }", "len(g.rows)", "sum([r.a | r <- g.rows])", "max([])",
    "unzip([])",
    "semijoin(T, F, func(r R) => r.a, func(r R) => r.a)", "fixpoint(T, func(t table R) => t)", "lists.Take(g.rows, 1)",
  ]

  @Test(arguments: 0..<12) func `mutated table programs end`(_ block: Int) {
    var programs = 0
    var numbers = SeededGenerator(seed: UInt64(block))
    for _ in 0..<120 {
      let text = Self.mutated(Array(Self.marked), &numbers)
      let program = check(text)
      guard let entry = program.entry, !program.hasErrors else { continue }
      programs += 1
      let world = MemoryWorld(files: ["t.csv": "a,s\n3,x\n5,y\n", "d/x": "X"])
      let limits = EvaluationLimits(depth: 1000, elements: 100_000, stringBytes: 1 << 20)
      let goals = entry.exports.flatMap { [EvaluationGoal.value($0.name), .outputs($0.name)] }
      let evaluated = evaluate(program, goals: goals, in: world, limits: limits, backwards: numbers.oneIn(2))
      #expect(evaluated.failures == nil || evaluated.failures?.isEmpty == false, "\(text)")
    }
    #expect(programs > 5)
  }

  private static func mutated(_ marked: [Character], _ numbers: inout SeededGenerator) -> String {
    var text = marked
    for _ in 0..<Int.random(in: 1...3, using: &numbers) {
      let spans = spans(of: text)
      guard let target = spans.randomElement(using: &numbers) else { break }
      let replacement: [Character]
      if numbers.oneIn(3), let other = spans.randomElement(using: &numbers) {
        replacement = Array(text[other])
      } else {
        replacement = Array("«" + numbers.pick(strangers) + "»")
      }
      text.replaceSubrange(target, with: replacement)
    }
    return text.map { character -> String in
      if character == "«" { return numbers.oneIn(12) ? "delay(" : "(" }
      return character == "»" ? ")" : String(character)
    }.joined()
  }

  private static func spans(of text: [Character]) -> [Range<Int>] {
    var open: [Int] = []
    var spans: [Range<Int>] = []
    for (index, character) in text.enumerated() {
      if character == "«" { open.append(index) }
      if character == "»", let start = open.popLast() { spans.append(start..<index + 1) }
    }
    return spans
  }
}
