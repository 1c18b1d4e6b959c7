import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// Each thing that an evaluation can complain of has a program that makes it do so.
struct MessageTests {
  private static let prelude = SystemModule.names.map { "val \($0) = make(\"$/\($0)\")\n" }.joined()

  private static let examples: [EvaluationMessage: String] = [
    .arithmetic: "val Main = 1 / 0",
    .assertion: "val Main = test.All([false])",
    .badArgument: "val Main = exec(retries := 0 - 1) (o file) {\" {{o}} \"}",
    .badNumber: "val Main = strings.ToInt(\"x\")",
    .badOutput: "val Main = [\"../x\": file(\"a\")]",
    .badPath: "val Main = file(\"\")",
    .badPattern: "val Main = regexp.Match(\"\", \"(\")",
    .badTemplate: "val Main = exec() (o file) {\" {{\"\\x00\"}} {{o}} \"}",
    .badTest: "val Main = 1",
    .emptyList: "val Main = lists.Min([])",
    .indexOutOfBounds: "val Main = [1][1]",
    .invalidRange: "val Main = range(1, 0)",
    .keyNotFound: "val Main = [1: 1][2]",
    .listSizes: "val Main = zip([1], [])",
    .loopTable:
      "val T = table([{a: 1}]) {a int}\nval Main = fixpoint(T, func(t table {a int}) => [{a: len(t)} | r <- t])",
    .rowStep:
      "func f(a int) string = files.Text(file(\"a\"))\nval T = table([{a: 1}]) {a int}\nval Main = [{s: f(r.a)} | r <- T]",
    .tableProduct:
      "val T = table(file(\"a\")) {a int}\nval Main = [{a: r.a, b: s.a} | r <- T, s <- T]",
    .missingArgument: "val Main = 1",
    .missingScheme: "val Main = files.Copy(file(\"a\"), \"b\")",
    .missingSource: "val Main = file(\"none\")",
    .moduleError: "val Main = error(1, \"x\")",
    .nameNotUtf8: "val Main = len(dir(\"bytes\"))",
    .noMatch: "val Main = { val #A(x) = (if delay(true) { #B } else { #A(1) }); x }",
    .noSuchValue: "val Other = 1",
    .panic: "val Main = panic(\"x\")",
    .pathConflict: "val Main = exec() (o file) {\" {{dirs.Make([\"x\": file(\"a\"), \"x/y\": file(\"a\")])}} {{o}} \"}",
    .recursionTooDeep: "func f(n int) int = f(n + 1) + 1\nval Main = f(0)",
    .tooLarge: "val Main = fold(func(a string, i int) => a + a, range(0, 60), \"x\")",
    .trace: "val Main = trace(1)",
    .unavailable: "val Main = files.Text(file(\"unreadable\"))",
    .unknownArgument: "val Main = 1",
    .unmappedUrl: "val Main = files.Copy(file(\"a\"), \"gs://b\")",
    .wrongFileset: "val Main = dirs.Fileset(filesets.File(file(\"a\")))",
  ]

  @Test(arguments: EvaluationMessage.allCases) func `a message has a program that brings it about`(
    _ message: EvaluationMessage
  ) throws {
    // The checker sees to it that a make gives every parameter.
    if message == .missingParameter { return }
    let text = try #require(Self.examples[message])
    let prefix = message == .missingArgument ? "param p int\n" : ""
    let program = check(prefix + Self.prelude + text + "\n")
    let entry = try #require(program.entry)
    #expect(!program.hasErrors, "\(program.diagnostics.map(Rendering.short))")
    var evaluation = Evaluation(
      module: entry, arguments: message == .unknownArgument ? ["q": "1"] : [:],
      goals: [message == .badTest ? .test("Main") : .outputs("Main")],
      limits: EvaluationLimits(depth: 1000, stringBytes: 1 << 20)
    ) { .unmapped(url: $0) }
    var answers: [(need: Need, answer: Answer)] = []
    var failures: [Diagnostic] = []
    loop: while true {
      switch evaluation.resume(answers) {
      case .needs(let needs): answers = needs.map { ($0, Self.answer($0, evaluation.graph)) }
      case .failed(let found):
        failures = found
        break loop
      case .done: break loop
      }
    }
    #expect((failures + evaluation.traces).map(\.id) == [message.id], "\(failures.map(\.message))")
    if ![.missingArgument, .unknownArgument, .noSuchValue].contains(message) {
      #expect((failures + evaluation.traces).allSatisfy { $0.range != nil })
    }
  }

  private static func answer(_ need: Need, _ graph: FlowGraph) -> Answer {
    switch need {
    case .presence(let id):
      graph.sources[Int(id.index)].place == .path(Path("none"))
        ? .failed(message: "open none: no such file or directory", isReported: false) : .present
    case .artifact: .artifact(Artifact(digest: Digest(high: 0, low: 0), size: 0))
    case .listing: .listing([ByteString(bytes: [0xFF])])
    case .text: .failed(message: "permission denied", isReported: false)
    }
  }

  @Test func `ids are distinct`() {
    #expect(Set(EvaluationMessage.allCases.map(\.rawValue)).count == EvaluationMessage.allCases.count)
  }
}
