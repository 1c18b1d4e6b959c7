import BuildGraph
import Dispatch
import Synchronization
import Testing

@testable import Language

/// Row functions by themselves: what they read, and that evaluators do not disturb each other.
struct RowFunctionTests {
  /// The comprehension that an exported table is.
  private func comprehension(_ text: String) throws -> Comprehension {
    let evaluated = evaluate(
      check("val strings = make(\"$/strings\")\nval T = table(file(\"t.csv\")) {a, b int, s string}\n" + text),
      goals: [.outputs("Main")], in: MemoryWorld(files: ["t.csv": "a,b,s\n"]))
    #expect(evaluated.failures == nil, "\(evaluated.faults)")
    let relations = evaluated.graph.steps.compactMap { step -> Relation? in
      if case .table(let table) = step.work { table.plan.content as? Relation } else { nil }
    }
    guard case .comprehension(let made)? = relations.last?.operation else {
      throw RowError("test", "no comprehension", at: nil)
    }
    return made
  }

  @Test func `a function reads the columns that it needs, and selections are known`() throws {
    let made = try comprehension(
      "func f(x int, t string) = if x > 2 { {u: x, v: t} } else { {u: 0, v: \"\"} }\n"
        + "val Main = [{s: r.s, n: f(r.a, r.s).u} | r <- T, if strings.HasPrefix(r.s, \"x\") && len(r.s) > 3]")
    #expect(made.head.inputs.map(\.column) == [0, 2])
    #expect(made.head.selection == nil && !made.head.canFail)
    #expect(made.conditions.map { $0.function.inputs.map(\.column) } == [[2], [2]])
    let plain = try comprehension("val Main = [{s: r.s, a: r.a} | r <- T]")
    #expect(plain.head.inputs.map(\.column) == [0, 2])
    #expect(plain.head.selection == [1, 0])
  }

  @Test(arguments: [
    ("r.a == q.b", true, ["int"]), ("r.s == q.s", true, ["string"]), ("r.a + 1 == q.b", true, ["string"]),
    ("r.a - 1 == q.b", true, ["string"]), ("strings.Upper(r.s) == q.s", true, ["string"]),
    ("(r.a, r.s) == (q.a, q.s)", true, ["int", "string"]), ("r.a == r.b", false, []), ("10 / r.a == q.b", false, []),
  ])
  func `a join key is known where its sides cannot fail`(_ text: String, _ isKey: Bool, _ kinds: [String]) throws {
    let made = try comprehension("val Main = [{a: r.a} | r <- T, q <- T, if \(text)]")
    let equality = made.conditions[0].equality
    #expect((equality != nil) == isKey)
    #expect(equality.map { $0.left.outputs.map { "\($0)" } } ?? [] == kinds)
    #expect(equality?.left.outputs == equality?.right.outputs)
  }

  @Test func `an inequality with a table of one row is a window`() throws {
    let made = try comprehension(
      "val Main = [{a: r.a} | r <- T, w <- [{hi: max([q.a | q <- g.rows])} | g <- group(T, func(q {a int}) => 0)], "
        + "if w.hi - 10 <= r.a]")
    let window = try #require(made.conditions[0].window)
    #expect(window.column == RowFunction.Input(generator: 0, column: 0, kind: .int))
    #expect(window.relation == .greaterEqual)
    #expect(made.generators[1].isAtMostOneRow)
  }

  @Test func `evaluators on several threads give the same`() throws {
    let made = try comprehension(
      """
      val xs = ["p", "q"]
      func fib(n int) int = if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
      val Main = [{t: strings.Join(xs + [r.s, r.s + "!"], "-"), n: fib(r.a % 12), m: len([x | x <- xs + xs])} | r <- T]
      """)
    let head = made.head
    let results = Mutex<[Int: [String]]>([:])
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      let strings = NaiveTables.Strings()
      let bound = RowEvaluator(strings: strings).bind(head)
      var lines: [String] = []
      for number in 0..<60 {
        let input = head.inputs.map { input -> UInt64 in
          input.kind == .string ? strings.intern(Array("s\(number)".utf8)) : UInt64(number)
        }
        var output: [UInt64] = [0, 0, 0]
        let error = input.withUnsafeBufferPointer { input in
          output.withUnsafeMutableBufferPointer { bound.apply(input.baseAddress!, $0.baseAddress!) }
        }
        let text = String(decoding: strings.bytes(output[0]), as: UTF8.self)
        lines.append("\(text) \(output[1]) \(output[2]) \(error?.message ?? "")")
      }
      results.withLock { $0[thread] = lines }
    }
    let all = results.withLock { $0 }
    #expect(all.count == 4 && Set(all.values).count == 1)
    #expect(all[0]?[13] == "p-q-s13-s13! 1 4 ")
  }
}
