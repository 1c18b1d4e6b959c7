import Differential
import Testing

/// A store of batches in memory, at addresses as a mapped file would have them.
final class BatchShelf: BatchSink, BatchSource {
  /// Owns the bytes of one batch.
  private final class Block {
    let bytes: UnsafeMutableRawBufferPointer
    init(_ image: BatchImage) {
      bytes = .allocate(byteCount: image.byteCount, alignment: BatchImage.alignment)
      var offset = 0
      image.forEachPiece { piece in
        UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]).copyMemory(from: piece)
        offset += piece.count
      }
      precondition(offset == image.byteCount)
    }
    deinit { bytes.deallocate() }
  }

  private var blocks: [UInt64: Block] = [:]
  private(set) var storedBytes = 0
  /// Reads shortened by so much: damage.
  var missingBytes = 0

  func store(_ image: BatchImage) throws -> UInt64 {
    let name = UInt64(blocks.count + 1)
    blocks[name] = Block(image)
    storedBytes += image.byteCount
    return name
  }

  func batch(named name: UInt64) throws -> (bytes: UnsafeRawBufferPointer, owner: AnyObject) {
    let block = blocks[name]!
    return (UnsafeRawBufferPointer(rebasing: block.bytes.dropLast(missingBytes)), block)
  }
}

private typealias Edge = Pair<UInt32, UInt32>
private typealias Graph = Multiset<Edge, UInt32, Int>

/// A program over edges, with its results as words, so that programs of different results compare alike.
private struct Program: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var build: @Sendable (Graph, Multiset<UInt32, UInt32, Int>) -> Multiset<UInt64, UInt32, Int>

  init<Out: Record>(
    _ name: String, _ build: @escaping @Sendable (Graph, Multiset<UInt32, UInt32, Int>) -> Multiset<Out, UInt32, Int>,
    _ word: @escaping @Sendable (Out) -> UInt64
  ) {
    testDescription = name
    self.build = { build($0, $1).map(word) }
  }

  init(
    _ name: String, _ build: @escaping @Sendable (Graph, Multiset<UInt32, UInt32, Int>) -> Multiset<Edge, UInt32, Int>
  ) { self.init(name, build) { UInt64($0.first) << 32 | UInt64($0.second) } }
}

private let programs: [Program] = [
  Program("min of each key") { edges, _ in edges.min() },
  Program("greatest two of each key") { edges, _ in edges.top(2) },
  Program("counts of counts") { edges, _ in edges.map { $0.first }.count().map { Pair(UInt32($0.second), $0.first) } },
  Program("ways of two steps") { edges, _ in
    edges.map { Pair($0.second, $0.first) }.join(edges) { _, a, b in Pair(a, b) }.distinct()
  },
  Program("delayed by what the record says") { edges, _ in
    edges.delay { edge, epoch in epoch + edge.second % 3 }.map { $0.first }.count()
      .map { Pair($0.first, UInt32(truncatingIfNeeded: $0.second)) }
  },
  Program("distances") { edges, roots in roots.distances(along: edges) },
  Program("reachable through a buffered variable") { edges, roots in
    roots.iterate { loop, seen in
      seen.map { Pair($0, Unit()) }.join(edges.enter(loop)) { _, _, next in next }.concat(seen).distinct()
    }.map { Pair($0, 0) }
  },
  Program("connected components") { edges, roots in
    roots.concat(edges.flatMap { [$0.first, $0.second] }).distinct().connectedComponents(edges)
  },
  Program("strongly connected") { edges, _ in edges.stronglyConnected() },
  Program("strongly connected, all labels at once") { edges, _ in edges.stronglyConnected(.together) },
  Program("core") { edges, _ in edges.core(2) },
  Program(
    "the whole group",
    { edges, _ in
      edges.arrangeByKey().reduce { (_: UInt32, group: Group<UInt32, Int>, results: inout Results<UInt64, Int>) in
        results.append(group.reduce(7) { $0 &* 31 &+ UInt64($1.value) &+ UInt64($1.difference) }, 1)
      }.map { UInt64($0.first) &* 1_000_003 &+ $0.second }
    }, { $0 }),
]

/// What happens in each epoch, and after which epochs a step is run.
private struct Script {
  var changes: [[(Edge, Int)]] = []
  var steps: Set<Int> = []

  init(seed: UInt64, epochs: Int) {
    var generator = TestGenerator(seed: seed)
    var live: [Edge] = []
    for epoch in 0..<epochs {
      changes.append(
        (0..<(epoch == 0 ? 14 : Int.random(in: 0...3, using: &generator))).map { _ in
          if epoch > 0, !live.isEmpty, Bool.random(using: &generator) {
            return (live.swapRemove(Int.random(in: 0..<live.count, using: &generator)), -1)
          }
          live.append(Pair(.random(in: 0..<9, using: &generator), .random(in: 0..<9, using: &generator)))
          return (live.last!, 1)
        })
      if epoch == epochs - 1 || Int.random(in: 0..<3, using: &generator) > 0 { steps.insert(epoch) }
    }
  }
}

/// A dataflow of a program with its inputs, and all that came out.
private final class Run {
  let flow = Dataflow<UInt32>()
  let input: Input<Edge, UInt32, Int>
  let given: Input<UInt32, UInt32, Int>
  let recorder: Recorder<UInt64, UInt32, Int>

  init(_ program: Program) {
    let (input, edges) = flow.input(Edge.self)
    let (given, roots) = flow.input(UInt32.self)
    self.input = input
    self.given = given
    recorder = Recorder(program.build(edges, roots))
  }

  func start() {
    given.insert(1)
    given.close()
  }

  /// Changes of later epochs come early now and then, as where several epochs are in flight.
  func play(_ script: Script, _ epochs: Range<Int>) {
    for epoch in epochs {
      for (edge, difference) in script.changes[epoch] { input.update(edge, at: UInt32(epoch), by: difference) }
      guard script.steps.contains(epoch) else { continue }
      input.advance(to: UInt32(epoch + 1))
      flow.step()
    }
  }
}

@Test(arguments: programs) private func aDataflowTakenUpFromACheckpointGoesOnAsIfItHadNotStopped(_ program: Program)
  throws
{
  for seed in 0..<6 as Range<UInt64> {
    let script = Script(seed: seed, epochs: 12)
    let whole = Run(program)
    whole.start()
    whole.play(script, 0..<12)
    let expected = whole.recorder.consolidatedUpdates

    var shelf = BatchShelf()
    var outcome: [Update<UInt64, UInt32, Int>] = []
    var run = Run(program)
    run.start()
    var next = 0
    for epoch in script.steps.sorted() {
      run.play(script, next..<epoch + 1)
      next = epoch + 1
      outcome += run.recorder.updates
      let bytes = try run.flow.checkpoint(into: &shelf).bytes
      let checkpoint = try #require(Checkpoint(bytes: bytes))
      run = Run(program)
      let unused = try run.flow.resume(checkpoint, from: shelf)
      run.given.close()
      #expect(unused.isEmpty)
      #expect(run.flow.isComplete(UInt32(epoch)))
    }
    #expect(consolidated(outcome) == expected, "\(program.testDescription), seed \(seed)")
  }
}

@Test func aCheckpointStoresOnlyWhatIsNew() throws {
  var shelf = BatchShelf()
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Edge.self)
  let labels = edges.flatMap { [$0.first, $0.second] }.distinct().connectedComponents(edges)
  _ = labels.arrangeByKey(name: "labels")
  for node in 0..<20_000 as Range<UInt32> { input.insert(Pair(node, node ^ 1)) }
  input.advance(to: 1)
  flow.step()
  _ = try flow.checkpoint(into: &shelf)
  let first = shelf.storedBytes
  _ = try flow.checkpoint(into: &shelf)
  #expect(shelf.storedBytes == first, "nothing has changed")
  input.insert(Pair(5, 9))
  input.advance(to: 2)
  flow.step()
  let checkpoint = try flow.checkpoint(into: &shelf)
  #expect(shelf.storedBytes - first < first / 50, "\(shelf.storedBytes - first) of \(first) for one edge")
  #expect(checkpoint.contains("labels"))
}

@Test func whatDoesNotFitIsNotTakenUp() throws {
  var shelf = BatchShelf()
  func make(_ name: String) -> (Dataflow<UInt32>, Input<Edge, UInt32, Int>) {
    let flow = Dataflow<UInt32>()
    let (input, edges) = flow.input(Edge.self)
    flow.root.named("part") { _ = edges.arrangeByKey(name: name) }
    return (flow, input)
  }
  let (flow, input) = make("edges")
  for node in 0..<100 as Range<UInt32> { input.insert(Pair(node, node)) }
  input.advance(to: 1)
  flow.step()
  var checkpoint = try flow.checkpoint(into: &shelf)
  #expect(checkpoint.traces.map(\.name) == ["part/edges"])

  #expect(throws: CheckpointError.missingTraces(["part/others"])) {
    try make("others").0.resume(checkpoint, from: shelf)
  }
  #expect(try make("others").0.resume(checkpoint, from: shelf) { $0 == "part/others" } == ["part/edges"])
  #expect(throws: CheckpointError.alreadyRunning) { try flow.resume(checkpoint, from: shelf) }

  let wide = Dataflow<UInt64>()
  let (_, pairs) = wide.input(Pair<UInt64, UInt64>.self)
  wide.root.named("part") { _ = pairs.arrangeByKey(name: "edges") }
  #expect(throws: CheckpointError.unreadable(trace: "part/edges", .otherTypes)) {
    try wide.resume(checkpoint, from: shelf)
  }
  for missing in [64, 700] {
    shelf.missingBytes = missing
    #expect(throws: CheckpointError.unreadable(trace: "part/edges", .damaged)) {
      try make("edges").0.resume(checkpoint, from: shelf)
    }
  }
  shelf.missingBytes = 0
  checkpoint.workers = 2
  #expect(throws: CheckpointError.otherWorker) { try make("edges").0.resume(checkpoint, from: shelf) }
  for length in checkpoint.bytes.indices {
    #expect(Checkpoint(bytes: Array(checkpoint.bytes.prefix(length))) == nil)
  }
  #expect(Checkpoint(bytes: checkpoint.bytes) == checkpoint)
}

/// A graph of disjoint rings of ten nodes: what a change touches does not depend on how many there are.
private func rings(_ count: UInt32) -> (Dataflow<UInt32>, Input<Edge, UInt32, Int>) {
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Edge.self)
  let nodes = edges.flatMap { [$0.first, $0.second] }.distinct()
  let components = nodes.connectedComponents(edges)
  let strong = edges.stronglyConnected(.together)
  _ = components.map { Pair($0.second, $0.first) }.arrangeByKey().join(strong.arrangeByKey()) { Pair($0, Pair($1, $2)) }
    .count()
  _ = flow.root.named("triangles") { edges.triangles() }
  return (flow, input)
}

@Test func aSmallChangeAfterTakingUpTouchesFewRecords() throws {
  var touched: [Int] = []
  for count in [30, 300] as [UInt32] {
    var shelf = BatchShelf()
    var (flow, input) = rings(count)
    for node in 0..<10 * count { input.insert(Pair(node, node % 10 == 9 ? node - 9 : node + 1)) }
    input.advance(to: 1)
    flow.step()
    let loading = flow.work.touchedUpdates
    // Each change is made by a process of its own.
    var total = 0
    for round in 0..<12 as Range<UInt32> {
      let checkpoint = try flow.checkpoint(into: &shelf)
      (flow, input) = rings(count)
      try flow.resume(checkpoint, from: shelf)
      #expect(flow.work == Work())
      input.update(Pair(5, 7 + round / 2 % 3), by: round % 2 == 0 ? 1 : -1)
      input.advance(to: round + 2)
      flow.step()
      total += flow.work.touchedUpdates
    }
    #expect(total < loading, "\(total) for twelve changes, \(loading) for loading")
    touched.append(total)
  }
  #expect(touched[1] < 2 * touched[0], "ten times the data: \(touched)")
}
