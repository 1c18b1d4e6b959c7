import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// No program can exhaust the stack of the thread: tests run on threads with half a megabyte.
struct DepthTests {
  @Test func `folds and comprehensions over a million elements, and what they make, are linear`() {
    let evaluated = evaluate(
      """
      val l = range(0, 1000000)
      val A = fold(func(a, x int) => a + x, l, 0)
      val B = len(fold(func(a [int], x int) => a + [x], l, []))
      val C = len(fold(func(a [int], x int) => [x] + a, l, []))
      val D = len([x | x <- l, if x % 2 == 0])
      """)
    #expect(evaluated["A"] == "499999500000")
    #expect(evaluated["B"] == "1000000")
    #expect(evaluated["C"] == "1000000")
    #expect(evaluated["D"] == "500000")
  }

  @Test func `an older list does not see what was appended to it`() {
    let evaluated = evaluate(
      """
      val a = [1] + [2]
      val b = a + [3]
      val c = a + [4]
      val d = [0] + a
      val e = [9] + a
      val Main = (a, b, c, d, e, b + b, d[1:], e[:2] + [7], e)
      """)
    #expect(
      evaluated["Main"]
        == "([1, 2], [1, 2, 3], [1, 2, 4], [0, 1, 2], [9, 1, 2], [1, 2, 3, 1, 2, 3], [1, 2], [9, 1, 7], [9, 1, 2])")
  }

  @Test func `nothing of an evaluation outlives it`() throws {
    let program = check(
      """
      func double(x int) int = x * 2
      val nested = {
        func inner(x int) int = if x == 0 { 0 } else { inner(x - 1) }
        add := func(x int) => x + inner(x)
        add(3)
      }
      val (triple, four) = (func(x int) => x * 3, 4)
      val Main = [double(triple(x)) + nested | x <- range(0, 100)]
      """)
    #expect(!program.hasErrors, "\(program.diagnostics)")
    let module = try #require(program.entry)
    var evaluation: Evaluation? = Evaluation(module: module) { .unmapped(url: $0) }
    _ = evaluation?.resume([])
    let graveyard = try #require(evaluation?.machine.graveyard)
    #expect(graveyard.frames > 0)
    evaluation = nil
    #expect(graveyard.frames == 0)
  }

  @Test func `a chain of a hundred thousand delayed values has a value`() {
    let chain = evaluate("val Main = fold(func(a, x int) => a + delay(x), range(0, 100000), 0)\n")
    #expect(chain["Main"] == "4999950000")
    let recursion = evaluate("func f(n int) int = if delay(n == 0) { 0 } else { 1 + f(n - 1) }\nval Main = f(100000)\n")
    #expect(recursion["Main"] == "100000")
  }

  @Test func `deep recursion has a value, and endless recursion an error with a trace`() {
    #expect(
      evaluate("func f(n int) int = if n == 0 { 0 } else { 1 + f(n - 1) }\nval Main = f(200000)\n")["Main"] == "200000")
    let limits = EvaluationLimits(depth: 10_000)
    for program in [
      "func f(n int) int =\n 1 + f(n + 1)\nval Main = f(0)\n",
      "func f(n int) int = if delay(true) { 1 +\n f(n + 1) } else { 0 }\nval Main = f(0)\n",
    ] {
      let evaluated = evaluate(check(program), goals: [.value("Main")], limits: limits)
      #expect(evaluated.failures?.map(\.id) == [EvaluationMessage.recursionTooDeep.id])
      #expect(evaluated.failures?.first?.range != nil)
    }
  }

  @Test func `a chain of a hundred thousand functions is called and freed`() {
    let evaluated = evaluate(
      """
      val F = fold(func(f func(int) int, i int) => func(x int) => f(x) + 1, range(0, 100000), func(x int) => x)
      val Main = F(1)
      """, "Main")
    #expect(evaluated["Main"] == "100001")
  }

  @Test func `an operator chain of twenty thousand operands has a value`() {
    let sum = "val Main = 0" + String(repeating: " + 1", count: 20_000) + "\n"
    #expect(evaluate(sum)["Main"] == "20000")
    let calls =
      "func f(x int) = x + 1\nval Main = " + String(repeating: "f(", count: 100) + "0"
      + String(repeating: ")", count: 100) + "\n"
    #expect(evaluate(calls)["Main"] == "100")
    let either = "val Main = false" + String(repeating: " || false", count: 20_000) + "\n"
    #expect(evaluate(either)["Main"] == "false")
  }

  @Test func `many delayed elements are forced together`() {
    let evaluated = evaluate(
      "val l = [delay(x) | x <- range(0, 100000)]\nval Main = len(l)\nval S = reduce(func(a, b int) => a + b, l)\n")
    #expect(evaluated["Main"] == "100000")
    #expect(evaluated["S"] == "4999950000")
  }

  @Test func `a map grows by insertion and stays ascending`() {
    let evaluated = evaluate(
      """
      val m = fold(func(a [int:int], x int) => a + [x * 7919 % 10007: x], range(0, 10007), [:])
      val Main = (len(m), [k | (k, _) <- m] == range(0, 10007))
      """)
    #expect(evaluated["Main"] == "(10007, true)")
  }
}
