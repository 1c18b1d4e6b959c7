import BuildGraph
import Console
import Diagnostics
import Ports
import Testing

/// A clock that a test moves.
private final class ManualClock: Clock, @unchecked Sendable {
  // Only touched by the one thread of its test.
  var now = 1000.5
  var monotonic = 0.0
}

@Suite struct RendererTests {
  private let file = SourceFile(name: "main.rf", text: "val A = 1\n\tval Bé = tset\n")
  private let renderer = DiagnosticRenderer(style: Style(isColored: false))

  @Test func aDiagnosticShowsItsLineWithACaretUnderTheRange() {
    let range = SourceRange(file, 21, 25)
    let text = renderer.render(
      Diagnostic(
        "language.unknown-name", "unknown name 'tset'", at: range, notes: [.init("did you mean 'test'?", at: range)],
        fixIts: [FixIt("replace it with 'test'", [.init(range, "test")])]))
    #expect(
      text == """
        main.rf:2:11: error: unknown name 'tset' [language.unknown-name]
         2 |     val Bé = tset
           |              ^~~~
        main.rf:2:11: note: did you mean 'test'?
         2 |     val Bé = tset
           |              ^~~~
          help: replace it with 'test'

        """)
  }

  @Test func aDiagnosticWithoutAPlaceIsOneLine() {
    #expect(renderer.render(Diagnostic("a.b", .warning, "careful")) == "warning: careful [a.b]\n")
  }

  @Test func aRangeAtTheEndOfTheFileIsShown() {
    let text = renderer.render(Diagnostic("a.b", "unfinished", at: SourceRange(file, 26, 26)))
    #expect(text == "main.rf:3:1: error: unfinished [a.b]\n 3 | \n   | ^\n")
  }

  @Test func bytesThatAreNotTextAreSurvived() {
    let broken = SourceFile(name: "x.rf", text: [0x76, 0xFF, 0x07, 0x20, 0x78])
    let text = renderer.render(Diagnostic("a.b", "bad", at: SourceRange(broken, 4, 5)))
    #expect(text.contains(" 1 | v\u{FFFD}? x\n"))
  }
}

@Suite struct SinkTests {
  private let clock = ManualClock()

  private var ended: BuildEvent.StepEnd {
    BuildEvent.StepEnd(
      step: "ab12", label: "Counts[0]", status: .failed,
      usage: .init(wallSeconds: 1.25, cpuSeconds: 0.5, peakMemoryBytes: 1024, memoryMeasure: .processMaximum),
      exitCode: 2, message: "exit status 2", logTail: "one\ntwo \"x\"\n")
  }

  @Test func eventsAreJSONLinesWithStableKeys() {
    var lines = ""
    let log = EventLog(clock: clock) { lines += $0 }
    log.receive(.buildStarted(program: "main.rf"))
    log.receive(.stepStarted(step: "ab12", label: "Counts[0]", reason: "never built"))
    log.receive(.stepFinished(ended))
    log.receive(.outputWritten(path: "a\nb"))
    log.receive(.buildFinished(.init(status: .failed, steps: 3, run: 1, cached: 1, failed: 1, seconds: 0.25)))
    #expect(
      lines == #"""
        {"event":"buildStarted","time":1000.500000,"program":"main.rf"}
        {"event":"stepStarted","time":1000.500000,"step":"ab12","label":"Counts[0]","reason":"never built"}
        {"event":"stepFinished","time":1000.500000,"step":"ab12","label":"Counts[0]","status":"failed","seconds":1.250000,"maxrssBytes":1024,"cpuSeconds":0.500000,"exitCode":2,"message":"exit status 2","log":"one\ntwo \"x\"\n"}
        {"event":"outputWritten","time":1000.500000,"path":"a\\x0ab"}
        {"event":"buildFinished","time":1000.500000,"status":"failed","steps":3,"run":1,"cached":1,"failed":1,"seconds":0.250000}

        """#)
  }

  @Test func aTraceIsOneArrayAndStepsAtOnceGetLanesOfTheirOwn() {
    var text = ""
    let log = TraceLog(clock: clock) { text += $0 }
    log.receive(.stepStarted(step: "a", label: "A", reason: "r"))
    log.receive(.stepStarted(step: "b", label: "B", reason: "r"))
    clock.monotonic = 0.5
    log.receive(.stepFinished(.init(step: "a", label: "A", status: .run)))
    log.receive(.stepFinished(.init(step: "b", label: "B", status: .run)))
    log.receive(.buildFinished(.init(status: .succeeded, steps: 2, run: 2, cached: 0, failed: 0, seconds: 1)))
    #expect(text.hasPrefix("[\n{\"name\":\"A\""))
    #expect(text.hasSuffix("}\n]\n"))
    #expect(text.contains("\"tid\":0") && text.contains("\"tid\":1"))
    #expect(text.contains("\"dur\":500000"))
  }

  private func report(width: Int?, verbosity: ProgressReport.Verbosity = .normal) -> (
    ProgressReport, () -> (String, String)
  ) {
    final class Text { var error = "", result = "" }
    let text = Text()
    let report = ProgressReport(
      options: .init(
        style: Style(isColored: false), verbosity: verbosity, width: width, explains: false, verb: "build"),
      clock: clock, write: { text.error += $0 }, writeResult: { text.result += $0 })
    return (report, { (text.error, text.result) })
  }

  @Test func withoutATerminalThereAreWholeLinesAndNoEscapes() {
    let (sink, text) = report(width: nil)
    sink.receive(.planned(steps: 2))
    sink.receive(.stepStarted(step: "ab12", label: "Counts[0]", reason: "never built"))
    sink.receive(.stepFinished(ended))
    sink.receive(.printed("42"))
    sink.receive(.buildFinished(.init(status: .failed, steps: 2, run: 1, cached: 1, failed: 1, seconds: 61.4)))
    #expect(
      text().0 == """
        failed: Counts[0]: exit status 2
          | one
          | two "x"
          = see the whole log with: reflow log ab12
        build failed: 2 steps, 1 run, 1 unchanged, 1 failed (1 min 1 s)

        """)
    #expect(text().1 == "42\n")
  }

  @Test func quietSaysOnlyWhatIsWrong() {
    let (sink, text) = report(width: nil, verbosity: .quiet)
    sink.receive(.stepFinished(.init(step: "a", label: "A", status: .run)))
    sink.receive(.buildFinished(.init(status: .succeeded, steps: 1, run: 1, cached: 0, failed: 0, seconds: 0.1)))
    #expect(text().0.isEmpty)
  }
}
