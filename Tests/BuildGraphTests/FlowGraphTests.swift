import Testing

@testable import BuildGraph

/// What a graph of many steps takes.
@Suite struct FlowGraphTests {
  /// Made anew each time, as an evaluation does.
  private func step(reading source: SourceID, naming text: String) -> Step {
    let exec = Exec(
      template: [.text(ByteString(text)), .input(0), .output(0)],
      inputs: [Exec.Input(reference: .source(source), kind: .file)],
      outputs: [Exec.Output(label: "out", kind: .file, isMentioned: true)])
    return Step(work: .exec(exec), name: "Made", location: nil)
  }

  @Test func stepsThatSayTheSameOfOtherInputsShareWhatTheySay() throws {
    var graph = FlowGraph()
    for index in 0..<3 {
      let place = Source.Place.path(Path(ByteString("f\(index)")))
      let source = graph.addSource(Source(place: place, kind: .file, location: nil))
      _ = graph.addStep(step(reading: source, naming: index < 2 ? "cp " : "mv "))
    }
    #expect(graph.steps.count == 3)
    func storage<Element>(_ list: [Element]) -> UnsafeRawPointer? { list.withUnsafeBytes(\.baseAddress) }
    let execs = try graph.steps.map { try #require($0.command) }
    #expect(storage(execs[0].template) == storage(execs[1].template))
    #expect(storage(execs[0].outputs) == storage(execs[1].outputs))
    #expect(storage(execs[0].outputs) == storage(execs[2].outputs))
    #expect(storage(execs[0].template) != storage(execs[2].template))
  }

  @Test func aPlaceInTheProgramTakesAsMuchAsANameAndAWord() {
    #expect(MemoryLayout<ProgramLocation?>.stride == 24)
    var location = ProgramLocation(file: "main.rf", line: 3, column: 400)
    #expect((location.line, location.column) == (3, 400))
    location.line = Int(UInt32.max) + 7
    #expect(location.line == Int(UInt32.max))
  }

  /// One and more of each for each step of a build.
  @Test func whatIsKeptOfEachStepIsSmall() {
    #expect(MemoryLayout<Step>.stride <= 72)
    #expect(MemoryLayout<Exec.Input>.stride <= 24)
    #expect(MemoryLayout<Artifact>.stride <= 32)
    #expect(MemoryLayout<OutputEntry>.stride <= 56)
    #expect(MemoryLayout<Need>.stride <= 24)
    #expect(MemoryLayout<Reason>.stride <= 16)
  }

  @Test func aNeedIsAnsweredOnceAndByItself() {
    let present = Need.presence(SourceID(index: 2))
    let text = Need.text(.source(SourceID(index: 2)))
    var set = NeedSet()
    #expect(!set.contains(present) && !set.contains(text))
    #expect(set.insert(present) && set.insert(text))
    #expect(!set.insert(present) && !set.insert(text))
    #expect(!set.contains(.presence(SourceID(index: 1))) && !set.contains(.presence(SourceID(index: 3))))
    var answers = NeedAnswers()
    answers.add(.present, to: present)
    answers.add(.text("t"), to: text)
    answers.add(.failed(message: "no", isReported: false), to: .presence(SourceID(index: 0)))
    #expect(answers[present] == .present && answers[text] == .text("t"))
    #expect(answers[.presence(SourceID(index: 0))] == .failed(message: "no", isReported: false))
    #expect(answers[.presence(SourceID(index: 1))] == nil)
  }
}
