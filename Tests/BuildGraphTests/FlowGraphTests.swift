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
}
