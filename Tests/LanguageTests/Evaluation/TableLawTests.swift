import Diagnostics
import Testing

@testable import Language

/// A comprehension over tables is the comprehension over the lists of their rows, errors included.
///
/// The right side is evaluated by the machine of the language as lists always are; the left side by relations, compact row
/// programs and the naive evaluator, which checks what is said of join keys and windows as it goes.
struct TableLawTests {
  /// Makes expressions over the variables `x {a, b int, s string}` and `y {c int, t string}`.
  private struct Source {
    var random: SeededGenerator

    mutating func int(_ depth: Int, _ names: [String]) -> String {
      let atoms = names.map { $0 == "x" ? ["x.a", "x.b"] : ["y.c"] }.flatMap { $0 } + ["0", "1", "3", "7", "big"]
      guard depth > 0, !random.oneIn(3) else { return random.pick(atoms) }
      switch Int.random(in: 0..<9, using: &random) {
      case 0: return "(\(int(depth - 1, names)) + \(int(depth - 1, names)))"
      case 1: return "(\(int(depth - 1, names)) - \(int(depth - 1, names)))"
      case 2: return "(\(int(depth - 1, names)) * \(int(depth - 1, names)))"
      case 3: return "(\(int(depth - 1, names)) / \(int(depth - 1, names)))"
      case 4: return "(\(int(depth - 1, names)) % \(int(depth - 1, names)))"
      case 5: return "len(\(string(depth - 1, names)))"
      case 6: return "twice(\(int(depth - 1, names)))"
      case 7: return "(if \(bool(depth - 1, names)) { \(int(depth - 1, names)) } else { \(int(depth - 1, names)) })"
      case _: return "(-\(int(depth - 1, names)))"
      }
    }

    mutating func string(_ depth: Int, _ names: [String]) -> String {
      let atoms = names.map { $0 == "x" ? "x.s" : "y.t" } + ["\"\"", "\"a\"", "word"]
      guard depth > 0, !random.oneIn(3) else { return random.pick(atoms) }
      switch Int.random(in: 0..<4, using: &random) {
      case 0: return "(\(string(depth - 1, names)) + \(string(depth - 1, names)))"
      case 1: return "strings.Upper(\(string(depth - 1, names)))"
      case 2:
        return
          "(switch \(int(depth - 1, names)) { case 0: \(string(depth - 1, names)); case 1: \"one\"; case _: \"many\" })"
      case _: return "(if \(bool(depth - 1, names)) { \(string(depth - 1, names)) } else { \"e\" })"
      }
    }

    mutating func bool(_ depth: Int, _ names: [String]) -> String {
      switch Int.random(in: 0..<(depth > 0 ? 8 : 4), using: &random) {
      case 0: return "\(int(max(0, depth - 1), names)) == \(int(max(0, depth - 1), names))"
      case 1: return "\(int(max(0, depth - 1), names)) < \(int(max(0, depth - 1), names))"
      case 2: return "\(string(max(0, depth - 1), names)) == \(string(max(0, depth - 1), names))"
      case 3: return "\(string(max(0, depth - 1), names)) <= \(string(max(0, depth - 1), names))"
      case 4: return "(\(bool(depth - 1, names)) && \(bool(depth - 1, names)))"
      case 5: return "(\(bool(depth - 1, names)) || \(bool(depth - 1, names)))"
      case 6: return "!(\(bool(depth - 1, names)))"
      case _: return "strings.HasPrefix(\(string(depth - 1, names)), \(string(depth - 1, names)))"
      }
    }

    mutating func row(_ kind: Int) -> String {
      let small = ["0", "1", "2", "3", "9223372036854775807", "-5"]
      let words = ["\"\"", "\"a\"", "\"b\"", "\"ab\"", "\"A\""]
      return kind == 0
        ? "{a: \(random.pick(small)), b: \(random.pick(small)), s: \(random.pick(words))}"
        : "{c: \(random.pick(small)), t: \(random.pick(words))}"
    }

    mutating func rows(_ kind: Int) -> String {
      "[" + (0..<Int.random(in: 0..<5, using: &random)).map { _ in row(kind) }.joined(separator: ", ") + "]"
    }

    /// Conditions that a planner looks at, and others.
    mutating func condition(_ names: [String]) -> String {
      guard names.count == 2 else { return bool(2, names) }
      switch Int.random(in: 0..<6, using: &random) {
      case 0: return "x.a == y.c"
      case 1: return "x.s == y.t && \(bool(1, names))"
      case 2: return "x.a + \(random.pick(["0", "1", "big"])) == y.c + \(random.pick(["0", "1", "big"]))"
      case 3: return "strings.Upper(x.s) == strings.Upper(y.t)"
      case 4: return "(x.a, x.s) == (y.c, y.t)"
      case _: return bool(2, names)
      }
    }
  }

  private static let prelude = """
    val strings = make("$/strings")
    val lists = make("$/lists")
    val big = 4611686018427387904
    val word = delay("b")
    func twice(n int) int = n + n
    type A {a, b int, s string}
    type B {c int, t string}

    """

  /// The value or, of a failure, its message without the place.
  private func outcome(_ program: String, _ name: String) -> String {
    let evaluated = evaluate(program, name)
    if let value = evaluated[name] { return value }
    let message = evaluated.failures?.first?.message ?? "nothing"
    // The naive evaluator puts the place in front.
    return "error: " + message.split(separator: ": ", maxSplits: 1).last.map(String.init)!
  }

  @Test(arguments: 0..<40) func `a comprehension over tables is that over the lists of their rows`(_ group: Int) {
    var failing = 0
    for seed in 0..<25 {
      var source = Source(random: SeededGenerator(seed: UInt64(group * 1000 + seed)))
      let (la, lb) = (source.rows(0), source.rows(1))
      let isPair = source.random.oneIn(2) || source.random.oneIn(2)
      let names = isPair ? ["x", "y"] : ["x"]
      var clauses = ""
      if source.random.oneIn(2) { clauses += ", if " + source.condition(["x"]) }
      if isPair {
        clauses += ", y <- YS"
        for _ in 0..<Int.random(in: 0..<3, using: &source.random) { clauses += ", if " + source.condition(names) }
      }
      let head = "{i: \(source.int(3, names)), u: \(source.string(2, names)), q: \(source.bool(2, names))}"
      let text = "[\(head) | x <- XS\(clauses)]"
      func filled(_ a: String, _ b: String) -> String {
        text.split(separator: "XS").joined(separator: a).split(separator: "YS").joined(separator: b)
      }
      let program =
        Self.prelude + """
          val LA [A] = \(la)
          val LB [B] = \(lb)
          val Left = rows(\(filled("table(LA) A", "table(LB) B")))
          val Right = rows(table(\(filled("rows(table(LA) A)", "rows(table(LB) B)"))) {i int, u string, q bool})

          """
      let left = outcome(program, "Left")
      let right = outcome(program, "Right")
      #expect(!check(program).hasErrors, "\(check(program).diagnostics.map(Rendering.short)) \(program)")
      // Both have a row without a value; nested loops name the first one in their order, tables the least.
      if left.hasPrefix("error"), right.hasPrefix("error") {
        failing += 1
        continue
      }
      #expect(left == right, "\(program)")
    }
    #expect(failing < 15, "most programs have a value")
  }

  @Test(arguments: 0..<10) func `aggregates of groups are those of lists`(_ group: Int) {
    for seed in 0..<20 {
      var source = Source(random: SeededGenerator(seed: UInt64(7_000_000 + group * 1000 + seed)))
      let key = source.random.pick(["r.s", "r.a % 2", "(r.a, r.s)", "0"])
      let value = source.random.pick(["r.a % 100", "r.b % 7 - 3", "len(r.s)"])
      let filter = source.random.pick(["", ", if r.b > 0", ", if r.s != \"a\", if r.a < 3"])
      let program =
        Self.prelude + """
          val LA [A] = \(source.rows(0))
          func key(r A) = \(key)
          val Left = rows([{k: "x", n: len(rs), m: len([r | r <- rs\(filter)]), s: sum([\(value) | r <- rs\(filter)]),
            t: strings.Join([r.s | r <- lists.Take(lists.SortBy(rs, func(r A) => \(value)), 2)], "+")
            } | {key: k, rows: rs} <- group(table(LA) A, key), if k == k])
          val Keys = lists.Unique([key(r) | r <- LA])
          val Right = rows(table([
            {k: "x", n: len(rs), m: len([r | r <- rs\(filter)]), s: sum([\(value) | r <- rs\(filter)]),
            t: strings.Join([r.s | r <- lists.Take(lists.SortBy(rs, func(r A) => \(value)), 2)], "+")}
            | k <- Keys, rs <- [rows(table([r | r <- LA, if key(r) == k]) A)]]) {k string, n, m, s int, t string})

          """
      #expect(outcome(program, "Left") == outcome(program, "Right"), "\(program)")
    }
  }
}
