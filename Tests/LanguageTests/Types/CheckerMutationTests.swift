import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// Programs that are damaged at random get diagnostics, and the same ones each time; nothing traps.
struct CheckerMutationTests {
  /// The tokens of all recorded programs: what a mutation puts in.
  static let vocabulary: [String] = {
    let words = Conformance.cases.flatMap { $0.program.split(whereSeparator: \.isWhitespace).map(String.init) }
    return Set(words).sorted() + ["{", "}", "[", "]", "(", ")", "|", "#", ":=", "=>", "...", "_", ":", ",", "\n"]
  }()

  static func mutate(_ program: String, _ random: inout SeededGenerator) -> String {
    var words = program.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    for _ in 0...random.below(3) {
      guard !words.isEmpty else { break }
      let place = random.below(words.count)
      switch random.below(4) {
      case 0: words.remove(at: place)
      case 1: words[place] = vocabulary[random.below(vocabulary.count)]
      case 2: words.insert(vocabulary[random.below(vocabulary.count)], at: place)
      default: words.swapAt(place, random.below(words.count))
      }
    }
    return words.joined(separator: " ")
  }

  @Test(arguments: 0..<8) func `a damaged program is checked like any other`(_ part: Int) {
    var random = SeededGenerator(seed: UInt64(part))
    for recorded in Conformance.cases {
      let program = Self.mutate(recorded.program, &random)
      let checked = check(program)
      for diagnostic in checked.diagnostics {
        guard let range = diagnostic.range else { continue }
        #expect(range.lower >= 0 && range.upper <= range.file.text.count, "\(program)\n\(Rendering.full(diagnostic))")
      }
      if let module = checked.entry, !checked.hasErrors {
        for (index, type) in module.types.enumerated() where type.containsError {
          let id = ExpressionID(index: Int32(index))
          if case .builtin? = module.resolutions[id] { continue }
          if id == module.tree.module.keyspace { continue }
          Issue.record("no type, and no error, in\n\(program)\n\(module.tree[id].kind)")
        }
      }
      let again = check(program).diagnostics.map(Rendering.full)
      #expect(checked.diagnostics.map(Rendering.full) == again, "\(program)")
    }
  }
}
