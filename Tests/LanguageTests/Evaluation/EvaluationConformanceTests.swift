import Testing

@testable import Language

/// What the original makes of the recorded programs when they are run.
///
/// Ours differs from the record on purpose in these, beside what the fixtures say already:
/// - Functions are printed as their type, not as a digest.
/// - An error says the same in other words where the record names an internal function or path.
struct EvaluationConformanceTests {
  private let world = MemoryWorld(
    files: [
      "/etc/hostname": "host\n", "main.rf": "", "x/y": "y", "a/b": "b",
    ], mappings: ["s3://": "", "http://": ""])

  @Test(arguments: Conformance.cases) func `a recorded program has the recorded values or faults`(
    _ recorded: ConformanceCase
  ) {
    let program = check(recorded.program)
    guard let module = program.entry, !program.hasErrors else { return }
    // A parameter without a value is an error before anything is evaluated.
    guard !module.params.contains(where: { !$0.hasDefault && $0.type != .bool }) else { return }
    let evaluated = evaluate(program, goals: module.exports.map { .value($0.name) }, in: world)
    let lines = evaluated.faults.joined(separator: "\n")
    #expect(
      Set(evaluated.faults.map { $0.prefix { $0 != ":" } }) == Set(recorded.faults.map { "\($0.line)" }), "\(lines)")
    for fault in recorded.faults where !Self.isWordedOtherwise(fault.text) {
      #expect(evaluated.faults.contains { $0.contains(fault.text) }, "\(evaluated.faults)")
    }
    guard recorded.faults.isEmpty else { return }
    for export in recorded.exports {
      guard let value = export.value else { continue }
      #expect(evaluated[export.name] == value)
    }
  }

  private static func isWordedOtherwise(_ text: String) -> Bool {
    ["strings.Chunks", "shift by", "C: open"].contains { text.hasPrefix($0) }
  }
}
