import Testing

@testable import BuildGraph

/// The byte forms of a persisted graph.
@Suite struct GraphNodeTests {
  private static let exec = Exec(
    template: [.text("cat "), .input(0), .text(" > "), .output(0), .input(1)],
    inputs: [
      Exec.Input(reference: .member(StepID(index: 3), 1, "a/b"), kind: .file),
      Exec.Input(reference: .assembly(AssemblyID(index: 200)), kind: .folder),
    ],
    outputs: [Exec.Output(label: "out", kind: .folder, isMentioned: true)], image: "debian",
    environment: [Exec.Variable(name: "A", value: "")], network: true, timeoutSeconds: 1.5, retries: 2, depfile: "d",
    nondeterministic: true, repetition: 1,
    resources: Resources(cpu: 2, memory: 1 << 40, disk: nil, cpuFeatures: ["avx2"]))

  static let definitions: [NodeDefinition] = [
    NodeDefinition(
      content: .source(
        Source(
          place: .path(Path(root: RootID(index: 2), "x/y")), kind: .folder,
          location: ProgramLocation(file: "main.rf", line: 3, column: 400))),
      dependents: [.assembly(AssemblyID(index: 1)), .step(StepID(index: 0)), .step(StepID(index: .max))],
      entries: ["a", "b/c"],
      needs: [
        RecordedNeed(.listing, .source(SourceID(index: 1)), answer: Digest(high: 1, low: 2)),
        RecordedNeed(.presence, .source(SourceID(index: 1)), answer: Digest(high: 0, low: 0)),
      ]),
    NodeDefinition(content: .source(Source(place: .unmapped(url: "s3://x"), kind: .file, location: nil))),
    NodeDefinition(content: .literal("bytes\u{0}")),
    NodeDefinition(
      content: .assembly([
        FlowGraph.Member(name: "m", reference: .literal(LiteralID(index: 9))),
        FlowGraph.Member(name: "n", reference: .output(StepID(index: 300), 2)),
      ])),
    NodeDefinition(
      content: .step(
        Step(work: .exec(exec), name: "Aligned", location: nil),
        StepFrame(label: "Aligned[x]", rank: 3, identity: Digest(high: 5, low: 6)))),
    NodeDefinition(
      content: .step(
        Step(work: .copy(.source(SourceID(index: 0)), kind: .folder, to: .path(Path("o"))), name: "C", location: nil),
        StepFrame(label: "C", rank: 1, identity: Digest(high: 0, low: 1)))),
  ]

  static let states: [NodeState] = [
    .unwanted, .stale, .known(Artifact(digest: Digest(high: 1, low: 2), isExecutable: true, size: 3)),
    .keyed(Digest(high: 3, low: 4)),
    .made(
      StepMade(
        key: Digest(high: 1, low: 1), contentKey: Digest(high: 2, low: 2),
        outputs: [Artifact(kind: .folder, digest: Digest(high: 7, low: 7), size: 8)], isSandboxed: true)),
  ]

  private func encode(_ body: (inout BinaryWriter) -> Void) -> [UInt8] {
    var writer = BinaryWriter()
    body(&writer)
    return writer.bytes
  }

  private func decode<Value>(_ bytes: [UInt8], _ read: (inout BinaryReader) -> Value?) -> Value? {
    var reader = BinaryReader(bytes)
    guard let value = read(&reader), reader.isAtEnd else { return nil }
    return value
  }

  @Test(arguments: definitions) func aDefinitionIsReadAsItWasWrittenAndNoPrefixOfItIsOne(_ definition: NodeDefinition) {
    let bytes = encode { definition.encode(into: &$0) }
    #expect(decode(bytes) { NodeDefinition(decoding: &$0) } == definition)
    for count in bytes.indices {
      #expect(decode(Array(bytes[..<count])) { NodeDefinition(decoding: &$0) } == nil, "\(count) bytes")
    }
    expectOneForm(bytes) {
      NodeDefinition(decoding: &$0)
    } encode: {
      $0.encode(into: &$1)
    }
  }

  @Test(arguments: states) func aStateIsReadAsItWasWrittenAndNoPrefixOfItIsOne(_ state: NodeState) {
    let bytes = encode { state.encode(into: &$0) }
    #expect(decode(bytes) { NodeState(decoding: &$0) } == state)
    for count in bytes.indices { #expect(decode(Array(bytes[..<count])) { NodeState(decoding: &$0) } == nil) }
    expectOneForm(bytes) {
      NodeState(decoding: &$0)
    } encode: {
      $0.encode(into: &$1)
    }
  }

  /// Whatever bytes are changed: what can still be read is written so, and nothing traps.
  private func expectOneForm<Value>(
    _ bytes: [UInt8], _ read: (inout BinaryReader) -> Value?, encode write: (Value, inout BinaryWriter) -> Void
  ) {
    for index in bytes.indices {
      for change: UInt8 in [1, 0x80, 0xFF, 0x7F] {
        var damaged = bytes
        damaged[index] ^= change
        guard let value = decode(damaged, read) else { continue }
        #expect(encode { write(value, &$0) } == damaged, "byte \(index)")
      }
    }
  }

  @Test func aHeaderIsReadAsItWasWrittenAndRefusedWhereItCannotBeMeant() {
    var program = PlacedProgram(
      ProgramLayout(
        file: "main.rf", words: Digest(high: 3, low: 4),
        lines: [.init(first: 1, count: 2), .init(first: 9, count: 300)]))
    program.lines = [.init(first: 5, count: 1), .init(first: 7, count: 301)]
    let header = GraphHeader(
      serial: 7, definition: Digest(high: 1, low: 2), counts: [1, 0, 300, 4], wantedSteps: 3,
      programFiles: [Path("main.rf")], programs: [program], staleSteps: [StepID(index: 1), StepID(index: 3)],
      sayings: [1, 2, 3])
    #expect(GraphHeader(encoded: header.encoded) == header)
    for count in header.encoded.indices.dropLast(3) {
      #expect(GraphHeader(encoded: Array(header.encoded[..<count])) == nil, "\(count) bytes")
    }
    expectOneForm(header.encoded) { (reader: inout BinaryReader) -> GraphHeader? in
      GraphHeader(encoded: reader.readAll())
    } encode: { header, writer in
      writer.append(header.encoded)
    }
    var other = header.encoded
    other[0] = 9
    #expect(GraphHeader(encoded: other) == nil, "another version")
    var wrong = header
    wrong.staleSteps = [StepID(index: 4)]
    #expect(GraphHeader(encoded: wrong.encoded) == nil, "a step that is not there")
  }

  @Test func aListPageGivesEachValueAndNothingBeyond() {
    let values: [ByteString] = ["", "a", "long enough", ""]
    let bytes = ListPage.encode(count: values.count) { $1.append(values[$0].bytes) }
    let page = ListPage(bytes)
    #expect(page?.count == 4)
    for (index, value) in values.enumerated() { #expect(page?.reader(at: index)?.remaining == value.count) }
    #expect(page?.reader(at: 4) == nil)
    #expect(page?.reader(at: -1) == nil)
    for count in bytes.indices { _ = ListPage(Array(bytes[..<count]))?.reader(at: 2) }
  }

  @Test(arguments: [0, 1, 127, 128, 16_384, UInt64(UInt32.max), .max - 1, .max])
  func aCompactNumberHasOneForm(number: UInt64) {
    let bytes = encode { $0.write(compact: number) }
    #expect(decode(bytes) { $0.readCompact() } == number)
    #expect(decode(bytes.dropLast() + [bytes.last! | 0x80, 0]) { $0.readCompact() } == nil)
  }
}

extension BinaryReader {
  fileprivate mutating func readAll() -> [UInt8] {
    var bytes: [UInt8] = []
    while let byte = readUInt8() { bytes.append(byte) }
    return bytes
  }
}
