import Testing

@testable import Language

/// Wrapping any subexpression in `delay` never changes a result.
struct DelayLawTests {
  @Test(arguments: 0..<40) func `delay changes no result of generated programs`(_ block: Int) {
    var evaluatedPrograms = 0
    for seed in UInt64(block * 25)..<UInt64(block * 25 + 25) {
      var generator = ProgramGenerator(seed: seed)
      let marked = generator.program()
      let plain = marked.map { $0 == "«" ? "(" : $0 == "»" ? ")" : String($0) }.joined()
      let program = check(plain)
      guard !program.hasErrors else {
        Issue.record("seed \(seed) is no program: \(program.diagnostics.map(Rendering.short))\n\(plain)")
        continue
      }
      let expected = evaluate(program, goals: [.value("Main")])
      guard expected.failures == nil, let value = expected["Main"] else { continue }
      evaluatedPrograms += 1
      var numbers = SeededNumbers(seed: seed &+ 1_000_000)
      for share in [2, 5, 100] {
        let delayed = Self.delaying(marked, one: share, of: 100, &numbers)
        let backwards = share == 5
        let found = evaluate(check(delayed), goals: [.value("Main")], backwards: backwards)
        #expect(found["Main"] == value, "seed \(seed): \(found.faults)\n\(delayed)")
      }
    }
    #expect(evaluatedPrograms > 10)
  }

  /// Turns so many percent of the marks into `delay(…)` and the others into parentheses.
  private static func delaying(_ text: String, one share: Int, of whole: Int, _ numbers: inout SeededNumbers) -> String
  {
    var result = ""
    for character in text {
      switch character {
      case "«":
        result += Int.random(in: 0..<whole, using: &numbers) < max(share, share == 5 ? 40 : share) ? "delay(" : "("
      case "»": result += ")"
      case _: result.append(character)
      }
    }
    return result
  }
}
