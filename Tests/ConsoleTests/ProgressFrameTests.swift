import BuildGraph
import Diagnostics
import Foundation
import Ports
import Testing

@testable import Console

/// What stands on a terminal while a build goes on, frame by frame.
@Suite struct ProgressFrameTests {
  private final class Hand: Clock, @unchecked Sendable {
    // One test, one thread.
    var monotonic = 0.0
    var now: Double { monotonic }
  }

  /// A build that is watched on a terminal.
  private final class Stage {
    let clock = Hand()
    var screen: Screen
    var size: TerminalSize
    var writes: [String] = []
    var results = ""
    private(set) var report: ProgressReport!

    init(
      columns: Int = 80, rows: Int = 24, isColored: Bool = false, verbosity: ProgressReport.Verbosity = .normal,
      history: [String: Double] = [:]
    ) {
      screen = Screen(columns: columns)
      size = TerminalSize(columns: columns, rows: rows)
      report = ProgressReport(
        options: .init(
          style: Style(isColored: isColored), verbosity: verbosity, width: columns, explains: false, verb: "build",
          outputs: "out/"),
        clock: clock, size: { [unowned self] in size }, history: { history }, isInput: { $0 == "data/a.txt" },
        write: { [unowned self] text in
          writes.append(text)
          let isUnderstood = screen.take(text)
          #expect(isUnderstood, "\(text.debugDescription)")
        }, writeResult: { [unowned self] in results += $0 })
      report.receive(.buildStarted(program: "main.rf"))
    }

    func start(_ label: String) { report.receive(.stepStarted(step: label, label: label, reason: "r")) }

    func end(_ label: String, _ status: BuildEvent.StepStatus = .run, log: String = "", seconds: Double = 1) {
      report.receive(
        .stepFinished(
          .init(
            step: label, label: label, status: status,
            usage: .init(wallSeconds: seconds, cpuSeconds: 0, peakMemoryBytes: 0, memoryMeasure: .processMaximum),
            exitCode: status == .failed ? 2 : 0, message: status == .failed ? "exit status 2" : nil,
            logTail: ByteString(log))))
    }

    func tick(_ seconds: Double, left: Double? = nil, steps: Int = 0) {
      clock.monotonic += seconds
      if let left { report.receive(.remaining(seconds: left, steps: steps)) }
      report.tick()
    }

    func finish(_ status: BuildEvent.BuildStatus, _ steps: Int, _ run: Int, _ cached: Int, _ failed: Int) {
      report.receive(
        .buildFinished(
          .init(status: status, steps: steps, run: run, cached: cached, failed: failed, seconds: clock.monotonic)))
    }
  }

  @Test func `steps that take long have lines, with what they took before, and the rest is counted`() {
    let stage = Stage(history: ["Align[a]": 40, "Align[b]": 60, "Sort[a]": 10, "Sort[b]": 10])
    stage.report.receive(.planned(steps: 9))
    stage.end("Index", .cached)
    stage.start("Align[a]")
    stage.start("Align[b]")
    #expect(stage.screen.text == "[0/9]")
    stage.tick(0.5)
    #expect(stage.screen.text == "[1/9] Align[a] and 1 more")
    stage.tick(5)
    stage.tick(6.5, left: 48, steps: 4)
    #expect(
      stage.screen.text == """
        [1/5] 2 running, 12 s, about 50 s left
          Align[a]  12 s of about 40 s
          Align[b]  12 s of about 1 min 0 s
        """)
    stage.tick(38)
    stage.end("Align[a]")
    stage.start("Sort[a]")
    stage.tick(25, left: 5.2, steps: 3)
    #expect(
      stage.screen.text == """
        [2/5] 2 running, 1 min 15 s, about 5 s left
          Align[b]  1 min 15 s of about 1 min 0 s
          Sort[a]  25 s, took 10 s before
        """)
    stage.end("Align[b]")
    stage.end("Sort[a]")
    stage.finish(.succeeded, 5, 4, 1, 0)
    #expect(stage.screen.text == "build: 5 steps, 4 run, 1 unchanged, 0 failed (1 min 15 s)")
  }

  @Test func `a frame is one write, and there are ten a second at most`() {
    let stage = Stage()
    stage.report.receive(.planned(steps: 1000))
    stage.writes = []
    for index in 0..<1000 {
      stage.clock.monotonic += 0.001
      stage.start("step \(index)")
      stage.end("step \(index)")
    }
    #expect((9...11).contains(stage.writes.count), "\(stage.writes.count)")
    #expect(stage.writes.allSatisfy { $0.hasPrefix("\r") && $0.hasSuffix("\u{1B}[J") && !$0.hasPrefix("\r\u{1B}[K") })
    #expect(stage.screen.text.hasPrefix("[") && !stage.screen.text.contains("\n"))
  }

  @Test func `living lines never wrap, however narrow the terminal, and nothing of them is left`() {
    for columns in [1, 5, 12, 29, 30, 49, 50, 79, 200] {
      for rows in [1, 5, 10, 24] {
        let stage = Stage(columns: columns, rows: rows, isColored: true)
        stage.report.receive(.planned(steps: 50))
        for index in 0..<20 { stage.start("Step[a-rather-long-name-of-an-input-\(index).fastq.gz]") }
        stage.tick(30, left: 4000, steps: 50)
        stage.tick(30, left: 4000, steps: 50)
        #expect(stage.screen.lines.count <= max(1, rows / 3 + 1))
        #expect(stage.screen.lines.allSatisfy { $0.count <= max(1, columns - 1) })
        for index in 0..<20 { stage.end("Step[a-rather-long-name-of-an-input-\(index).fastq.gz]") }
        stage.clock.monotonic += 1
        stage.report.clearStatus()
        #expect(stage.screen.text.isEmpty)
      }
    }
  }

  @Test func `a terminal that has become narrower is left clean`() {
    let stage = Stage()
    stage.report.receive(.planned(steps: 50))
    for index in 0..<3 { stage.start("Step[a-rather-long-name-of-an-input-\(index).fastq.gz]") }
    stage.tick(30)
    // What a terminal does with its lines then: they wrap.
    let wide = stage.screen.text
    stage.screen = Screen(columns: 40)
    stage.screen.take(wide)
    stage.size.columns = 40
    stage.report.clearStatus()
    #expect(stage.screen.text.isEmpty)
  }

  @Test func `a failure is told at once, and at the end again where something was said in between`() {
    let stage = Stage(columns: 160)
    stage.report.receive(.planned(steps: 4))
    stage.start("A")
    stage.start("B")
    stage.clock.monotonic = 3
    stage.end("A", .failed, log: "one\ntwo\nthree\nfour\n")
    let told = """
      failed: A: exit status 2
        | one
        | two
        | three
        | four
        = see the whole log with: reflow log A
      """
    #expect(stage.screen.text.hasPrefix(told + "\n[1/4]"))
    stage.report.receive(.diagnostic(.init("x.y", .warning, "something else")))
    stage.end("B")
    stage.finish(.failed, 4, 1, 0, 1)
    #expect(
      stage.screen.text == told + """

        warning: something else [x.y]
        failed: A: exit status 2
          | two
          | three
          | four
          = see the whole log with: reflow log A
        build failed: 4 steps, 1 run, 0 unchanged, 1 failed (3.00 s)
          = 2 steps were not tried; what is done is kept, and the next build goes on from there
        """)
  }

  @Test func `a failure that was the last thing said is not said twice, and of many most are only named`() {
    let alone = Stage()
    alone.end("A", .failed, log: "one\n")
    alone.finish(.failed, 1, 0, 0, 1)
    #expect(alone.screen.text.components(separatedBy: "failed: A").count == 2)
    let few = Stage()
    few.start("C")
    few.end("A", .failed, log: "one\n")
    few.end("B", .failed, log: "two\n")
    few.finish(.failed, 3, 0, 0, 2)
    #expect(few.screen.text.components(separatedBy: "failed: A").count == 2)
    let many = Stage()
    for index in 0..<40 { many.end("A[\(index)]", .failed, log: "one\n") }
    many.finish(.failed, 40, 0, 0, 40)
    let end = many.screen.text.components(separatedBy: "A[39]: exit status 2").last ?? ""
    #expect(end.contains("failed: A[4]: exit status 2") && !end.contains("failed: A[5]:"))
    #expect(end.contains("failed: A[5], A[6]") && end.contains(", A[24] and 15 more\n"))
  }

  @Test func `what a step prints moves no cursor and sets no colour`() {
    let stage = Stage()
    stage.end("A", .failed, log: "90 %\r\n\u{1B}[31mred\u{1B}[0m\u{1B}[2J\u{7}\n\u{9B}2Jx\n")
    #expect(stage.screen.text.hasPrefix("failed: A: exit status 2\n  | 90 %\n  | red\n  | 2Jx\n"))
  }

  @Test func `a file that a step looked for and did not declare is named`() {
    let stage = Stage(columns: 160)
    stage.report.clearStatus()
    stage.end("A", .failed, log: "sort: cannot read: data/a.txt: No such file or directory\n")
    #expect(
      stage.screen.text.contains(
        "\n  = 'data/a.txt' is there, but the step does not declare it: write {{file(\"data/a.txt\")}} in its command"))
    let other = Stage()
    other.end("A", .failed, log: "sort: cannot read: 'data/b.txt': No such file or directory\ndata/a.txt\n")
    #expect(!other.screen.text.contains("does not declare it"))
    let hint = "a step sees no files but those that stand between {{ }} in its command"
    other.end("B", .failed, log: "cat: b: No such file or directory\n")
    #expect(other.screen.text.components(separatedBy: hint).count == 2, "said once")
    let silent = Stage(columns: 160)
    silent.end("A", .failed, log: "")
    #expect(silent.screen.text.contains("\n  = it printed nothing; what it had written into its outputs is not kept"))
  }

  @Test func `the first build says where the outputs are and an interrupted one that nothing is lost`() {
    let first = Stage()
    first.end("A")
    first.finish(.succeeded, 1, 1, 0, 0)
    #expect(first.screen.text.hasSuffix("\n  = the outputs are in out/; 'reflow why' says where each comes from"))
    let interrupted = Stage()
    interrupted.end("A")
    interrupted.finish(.interrupted, 3, 1, 0, 0)
    #expect(interrupted.screen.text.hasSuffix("\n  = what is done is kept: the same command goes on from there"))
  }

  @Test func `colours are codes around the same text, and quiet draws nothing`() {
    let plain = Stage()
    let coloured = Stage(isColored: true)
    let quiet = Stage(verbosity: .quiet)
    for stage in [plain, coloured, quiet] {
      stage.start("A")
      stage.end("B", .failed)
      stage.tick(5)
      stage.tick(5)
    }
    #expect(plain.screen.text == coloured.screen.text)
    #expect(coloured.writes.joined().contains("\u{1B}[1;31m1 failed\u{1B}[0m"))
    #expect(quiet.screen.text.hasPrefix("failed: B: exit status 2\n  = it printed nothing"))
  }

  @Test func `what is wide takes two columns`() {
    #expect(LiveLines.width("日本") == 4 && LiveLines.prefix("日本語", columns: 5) == "日本")
  }

  @Test func `what a step takes follows its label, then its name; time left is rounded`() {
    let usual = UsualTimes(["A[1]": 10, "A[2]": 20])
    #expect(usual.expected("A[1]") == 10 && usual.expected("A[9]") == 15 && usual.expected("B") == nil)
    #expect(
      [1.0, 3.4, 33, 59, 61, 89, 91, 3_700].map(UsualTimes.left) == [
        "", "about 3 s left", "about 35 s left", "about 1 min left", "about 1 min left", "about 1 min left",
        "about 2 min left", "about 1 h 0 min left",
      ])
  }
}
