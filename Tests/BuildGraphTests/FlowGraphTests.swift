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

  /// More than a run of strings or a chunk of rows has.
  private static let many = 700

  private func source(_ index: Int, line: Int = 1) -> Source {
    let name = ByteString(String(repeating: "d/", count: index % 5) + "f\(index)")
    let place: Source.Place =
      index % 7 == 0 ? .unmapped(url: name) : .path(Path(root: RootID(index: UInt16(index % 3)), name))
    return Source(
      place: place, kind: index % 4 == 0 ? .folder : .file,
      location: index % 11 == 0 ? nil : ProgramLocation(file: "main.rf", line: line + index % 400, column: 2))
  }

  @Test func aSourceIsWhatWasAddedAndIsAddedOnce() {
    var graph = FlowGraph()
    let sources = (0..<Self.many).map { source($0) }
    let ids = sources.map { graph.addSource($0) }
    #expect(ids.map(\.index) == Array(0..<UInt32(Self.many)))
    let before = graph
    #expect((0..<Self.many).map { graph.addSource(source($0, line: 9)) } == ids)
    // The same place as the other kind is another source.
    #expect(graph.addSource(Source(place: sources[1].place, kind: .folder, location: nil)).index == UInt32(Self.many))
    #expect(graph.source(at: sources[5].place, kind: sources[5].kind) == ids[5])
    #expect(graph.source(at: .path(Path("nowhere")), kind: .file) == nil)
    graph.complete()
    #expect(Array(graph.sources.prefix(Self.many)) == sources)
    #expect(Array(before.sources) == sources, "who holds an earlier state keeps it")
    let byPath = before.sources.positionsByPath.compactMap { position -> Path? in
      if case .path(let path) = before.sources[Int(position)].place { path } else { nil }
    }
    #expect(byPath == byPath.sorted() && byPath.count == sources.filter { $0.place.isPath }.count)
  }

  @Test func aStepIsWhatWasAdded() {
    var graph = FlowGraph()
    let steps = (0..<Self.many).map { index -> Step in
      let inputs = (0..<index % 20).map {
        Exec.Input(reference: .source(SourceID(index: UInt32($0 + index))), kind: $0 % 2 == 0 ? .file : .folder)
      }
      // Some say what no other says, and some what many say.
      let text = ByteString(index % 2 == 0 ? "cp \(index)" : "cp")
      let exec = Exec(
        template: [.text(text)], inputs: inputs, outputs: [Exec.Output(label: "o", kind: .file, isMentioned: true)],
        repetition: index % 2 == 0 ? 0 : index)
      let work: Step.Work =
        index % 50 == 0
        ? .copy(.source(SourceID(index: UInt32(index))), kind: .file, to: .unmapped(url: ByteString("s3://a/\(index)")))
        : .exec(exec)
      return Step(work: work, name: "S\(index % 3)", location: ProgramLocation(file: "main.rf", line: 3, column: 1))
    }
    let ids = steps.map { graph.addStep($0) }
    #expect(ids.map(\.index) == Array(0..<UInt32(Self.many)))
    #expect(Array(graph.steps) == steps)
    #expect(steps.indices.allSatisfy { graph.steps.name(at: $0) == steps[$0].name })
    #expect(graph.steps.isResolvedFirst(at: 50) && !graph.steps.isResolvedFirst(at: 51))
    for id in ids { graph.raise(Resources(cpu: 3), of: id) }
    for (old, new) in zip(steps, graph.steps) {
      guard case .exec(var exec) = old.work else {
        #expect(new == old)
        continue
      }
      exec.resources = Resources(cpu: 3)
      #expect(new == Step(work: .exec(exec), name: old.name, location: old.location))
    }
  }

  @Test func anEntryIsWhatWasGiven() {
    let entries = (0..<Self.many).map { index in
      OutputEntry(
        path: ByteString(String(repeating: "x", count: index % 40)),
        reference: index % 3 == 0 ? .source(SourceID(index: UInt32(index))) : .output(StepID(index: 1), index),
        kind: index % 5 == 0 ? .folder : .file,
        location: index % 2 == 0 ? nil : ProgramLocation(file: "main.rf", line: index, column: 1))
    }
    #expect(Array(EntryTable(entries)) == entries)
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

extension Source.Place {
  fileprivate var isPath: Bool {
    if case .path = self { true } else { false }
  }
}
