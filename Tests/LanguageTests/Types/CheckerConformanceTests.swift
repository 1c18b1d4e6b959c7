import Diagnostics
import Testing

@testable import Language

/// What the original says of the recorded programs, without running them: types of exports, lines of errors, warnings.
///
/// Ours differs from the record on purpose in these, and the fixtures say what ours does:
/// - 2.2: a function literal with a result type is accepted; the original ascribes that type to the function itself.
/// - 2.4: a function with a declared result type may call itself.
/// - 2.8: of two exports of one name the last counts; the original lists it twice.
/// - 2.15, 2.17: `[]` is a pattern.
/// - 3.7: the unknown name before the syntax error is reported, too.
/// - 3.12: a missing parameter is an error of evaluation; the original crashes.
/// - 3.13: the error has a line.
/// - 3.32: a mixture of named and unnamed parameters is an error; the original swallows it.
/// - 3.43: a template ends at the first `"}` outside an interpolation, so `{{"s"}}` is fine.
/// - 3.52: an exec needs no image.
/// - 3.58: what follows the end of a template on its line is an error; the original ignores it.
/// - 5.22: a wrong value does not make its name unknown.
/// - 5.28: a blank line between comments is no syntax error.
/// - 5.35: division by zero is an error; the original crashes. 5.36: so is a shift by a negative amount; it says 2.
/// - Values of functions are not compared: they print a digest there.
struct CheckerConformanceTests {
  @Test(arguments: Conformance.cases) func `a recorded program has the recorded types, errors and warnings`(
    _ recorded: ConformanceCase
  ) throws {
    let program = check(recorded.program)
    let module = try #require(program.entry)
    let rendered = program.diagnostics.map(Rendering.short).joined(separator: "\n")
    let errorLines = program.diagnostics.filter { $0.severity == .error }.compactMap { $0.range?.start.line }
    #expect(Set(errorLines) == Set(recorded.errors.map(\.line)), "\(rendered)")
    // The original says nothing of an output that the command does not name.
    let known = program.diagnostics.filter { $0.severity == .warning && $0.id != CheckerMessage.unusedOutput.id }
    let warnings = known.map {
      ConformanceCase.Message(line: $0.range?.start.line ?? 0, text: $0.message)
    }
    #expect(warnings == recorded.warnings, "\(rendered)")
    guard errorLines.isEmpty, recorded.faults.isEmpty else { return }
    let exports = module.exports.map { "\($0.name) : \($0.type)" }
    #expect(exports.sorted() == recorded.exports.map { "\($0.name) : \($0.type)" }.sorted(), "\(rendered)")
  }

  @Test func `the recorded programs are there`() {
    #expect(Conformance.cases.count > 150)
  }
}
