import BuildGraph
import Testing

@testable import Language

/// Programs that no person would write: whatever the checker lets through has a value or an error, and never a crash.
struct MutationTests {
  private static let strangers = [
    "[]", "[:]", "panic(\"p\")", "delay([])", "#Left(1)", "(1, 2)", "{p: 1, q: 2}", "[[]]", "delay(panic(\"q\"))",
    "func(x int) => x", "1.5", "file(\"a\")", "dir(\"d\")", "trace(1)", "list([\"a\": 1])", "unzip([])", "zip([], [])",
    "reduce(func(a, b int) => a, [])", "make(\"$/strings\")", "exec() (o file) {\" {{o}} \"}", "flatten([])", "map([])",
    "files.Copy(file(\"a\"), \"s3://x\")", "files.Text(file(\"a\"))", "lists.Sort([])", "lists.Sum([])", "dirs.Sum([])",
    "error(1, \"e\")", "1 / 0", "[1][3]", "-1", "1 << 100", "{ x := 1; {x} }", "[x | x <- []]",
    "[(k, v) | (k, v) <- [:]]",
    "switch [1] { case []: 1; case [1]: 2; case _: 3 }", "if delay(true) { 1 } else { panic(\"x\") }",
    "lists.Unique([[]])",
    "[1.5: 1]", "[file(\"a\"): 1]", "test.All([])", "test.ExecRepeatAndCheck([], 2)", "quote(\"\")", "int(1.5)",
    "float(2)",
  ]

  @Test(arguments: 0..<20) func `mutated programs end`(_ block: Int) {
    var programs = 0
    for seed in UInt64(block * 40)..<UInt64(block * 40 + 40) {
      var generator = ProgramGenerator(seed: seed)
      var numbers = SeededNumbers(seed: seed &+ 7)
      let marked = Array(generator.program())
      for _ in 0..<4 {
        let text = Self.mutated(marked, &numbers)
        let program = check(
          """
          val files = make("$/files")
          val lists = make("$/lists")
          val dirs = make("$/dirs")
          val test = make("$/test")

          """ + text)
        guard let entry = program.entry, !program.hasErrors else { continue }
        programs += 1
        let world = MemoryWorld(files: ["a": "A", "d/x": "X"], mappings: ["s3://": ""])
        let limits = EvaluationLimits(depth: 1000, elements: 100_000, stringBytes: 1 << 20)
        let goals = entry.exports.flatMap { [EvaluationGoal.value($0.name), .outputs($0.name)] }
        let evaluated = evaluate(program, goals: goals, in: world, limits: limits)
        #expect(evaluated.failures == nil || evaluated.failures?.isEmpty == false, "\(text)")
      }
    }
    #expect(programs > 0)
  }

  /// The program with one to three marked expressions replaced, by others of its own or by strangers.
  private static func mutated(_ marked: [Character], _ numbers: inout SeededNumbers) -> String {
    var text = marked
    for _ in 0..<Int.random(in: 1...3, using: &numbers) {
      let spans = spans(of: text)
      guard let target = spans.randomElement(using: &numbers) else { break }
      let replacement: [Character]
      if Bool.random(using: &numbers), let other = spans.randomElement(using: &numbers) {
        replacement = Array(text[other])
      } else {
        replacement = Array("«" + strangers[Int.random(in: 0..<strangers.count, using: &numbers)] + "»")
      }
      text.replaceSubrange(target, with: replacement)
    }
    return text.map { $0 == "«" ? "(" : $0 == "»" ? ")" : String($0) }.joined()
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
