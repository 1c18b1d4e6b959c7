import BuildGraph
import Diagnostics
import Ports
import Testing
import Watching

@Suite struct WatchMessageTests {
  private static let file = SourceFile(name: "main.rf", text: "val X =\n")

  private static let events: [BuildEvent] = [
    .buildStarted(program: "main.rf"), .planned(steps: 3), .stepStarted(step: "1", label: "A", reason: "never built"),
    .stepFinished(
      .init(
        step: "1", label: "A", status: .failed,
        usage: .init(wallSeconds: 0.5, cpuSeconds: 0.25, peakMemoryBytes: 7, memoryMeasure: .cgroup), exitCode: 3,
        message: "exit status 3", logTail: "last words\n")),
    .stepFinished(.init(step: "2", label: "B", status: .cached)),
    .wouldRun(step: "1", label: "A", reason: "r"), .explained(step: "1", label: "A", lines: ["x", "y"]),
    .outputWritten(path: "a"), .outputRemoved(path: "b"), .outputDisplaced(path: "c", to: "d"),
    .diagnostic(
      Diagnostic(
        "language.syntax", .warning, "odd", at: SourceRange(file, 4, 5),
        notes: [.init("here", at: SourceRange(file, 0, 3)), .init("nowhere")], fixIts: [FixIt("do it", [])])),
    .printed("line"),
    .buildFinished(.init(status: .failed, steps: 5, run: 1, cached: 2, failed: 3, seconds: 0.125)),
    .changed(paths: ["x", "y"], others: 2), .watching(folders: 4), .wouldPublish(path: "a", .replace),
  ]

  @Test func everyEventArrivesAsItWasSent() throws {
    for event in Self.events {
      let message = try #require(WatchMessage(encoded: WatchMessage.event(event).encoded), "\(event)")
      guard case .event(let copy) = message else {
        Issue.record("\(event)")
        continue
      }
      #expect(WatchMessage.event(copy).encoded == WatchMessage.event(event).encoded)
    }
    let shown = try #require(WatchMessage(encoded: WatchMessage.event(Self.events[10]).encoded))
    guard case .event(.diagnostic(let diagnostic)) = shown else {
      Issue.record("another event")
      return
    }
    #expect(diagnostic.range?.start == SourcePosition(line: 1, column: 5))
    #expect(diagnostic.notes.map(\.message) == ["here", "nowhere"])
  }

  @Test func damagedMessagesAreNoneAndDoNoHarm() {
    for event in Self.events {
      let bytes = WatchMessage.event(event).encoded
      for end in 0..<bytes.count { #expect(WatchMessage(encoded: Array(bytes[..<end])) == nil) }
      for index in bytes.indices {
        for value: UInt8 in [0, 1, 0x7F, 0xFF] {
          var damaged = bytes
          damaged[index] = value
          _ = WatchMessage(encoded: damaged)
        }
      }
    }
  }

  @Test func anotherVersionIsNotUnderstood() throws {
    let hello = WatchMessage.hello(.init(identity: Digest(high: 1, low: 2), isInquiry: true))
    var bytes = hello.encoded
    #expect(WatchMessage(encoded: bytes) != nil)
    bytes[1] += 1
    #expect(WatchMessage(encoded: bytes) == nil)
  }
}
