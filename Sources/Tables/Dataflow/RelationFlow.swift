import BuildGraph
import Diagnostics
import Differential
import Language

/// Relations kept by differences: what their rows were, and what changes in them when rows of their sources come and go.
///
/// Several relations have in common what they are made of: what is equal in them is there once.
///
/// For one thread at a time.
final class RelationFlow {
  /// What an update came to.
  enum Outcome {
    /// The rows that came and went, in no order, none twice.
    case changes(RowSums)
    /// Some row expression has no value, or a loop does not end: only an evaluation from nothing tells what holds.
    case undecided
    /// It was told to stop, and is of no use any more.
    case stopped
  }

  private let flow: Dataflow<UInt32>
  private let errors: ErrorTable
  private let guards: [LoopGuard]
  private let labelOrders: [LabelOrder]
  private let forgetting: [any Forgetting]
  private let literals: [(input: Input<Words, UInt32, Int>, rows: LiteralRows, kinds: [ColumnKind])]
  private let strings: any RowStrings
  private var hasBegun = false
  /// The tables that it reads, in the order of first mention.
  let sources: [Source]
  /// By relation.
  private let collected: [Collected]
  private let tallies: [(node: NodeKey, tally: NodeTally)]
  private var epoch: UInt32 = 0

  /// A table, or what is made of each of its records while they are read.
  struct Source {
    let table: FileTable
    let stage: RecordStage?
    fileprivate let input: Input<Words, UInt32, Int>
    fileprivate let counts = StringCounts()

    init(_ table: FileTable, _ stage: RecordStage?, _ input: Input<Words, UInt32, Int>) {
      self.table = table
      self.stage = stage
      self.input = input
    }
  }

  /// What has come out of a relation and was not taken.
  private final class Collected {
    var changes = RowSums()
    var complaints: [[UInt64]: Int] = [:]
  }

  /// - Parameter forgets: whether rows that cannot matter any more, as long as files only grow, are forgotten. It cannot be kept then.
  /// - Throws: ``Unsupported`` if one of them is what only an evaluation from nothing can do.
  init(
    _ relations: [Relation], _ evaluator: RowEvaluator, roundLimit: Int, forgets: Bool = false
  ) throws(Unsupported) {
    let compiler = FlowCompiler(evaluator, roundLimit: roundLimit, forgets: forgets, readers: FileReaders(relations))
    var rows: [Multiset<Words, UInt32, Int>] = []
    for relation in relations { rows.append(try compiler.rows(of: relation)) }
    collected = rows.map { _ in Collected() }
    for (index, relation) in relations.enumerated() {
      let collected = collected[index]
      _ = rows[index].consolidate().inspect { update in
        collected.changes.add(update.data.buffer, by: update.difference)
      }
      let complaints = relation.nodes.flatMap { compiler.complaints[$0] ?? [] }
      if var all = complaints.first {
        for more in complaints.dropFirst() { all = all.concat(more) }
        _ = all.consolidate().inspect { update in
          let key = Array(update.data.buffer)
          let sum = (collected.complaints[key] ?? 0) + update.difference
          collected.complaints[key] = sum == 0 ? nil : sum
        }
      }
    }
    flow = compiler.flow
    errors = compiler.errors
    guards = compiler.guards
    labelOrders = compiler.labelOrders
    forgetting = compiler.forgetting
    sources = compiler.sources
    literals = compiler.literals
    tallies = compiler.tallies
    strings = evaluator.strings
  }

  /// The rows that the program itself holds: they came with the first update of all.
  private func begin() throws(Unsupported) {
    hasBegun = true
    for (input, literal, kinds) in literals {
      let isWhole = literal.bytes.withUnsafeBufferPointer { bytes in
        RowCoding.forEachRow(in: bytes, kinds, strings) { row in
          input.update(Words(row, count: kinds.count), by: 1)
        }
      }
      guard isWhole else { throw Unsupported.form("damaged rows of a literal") }
    }
  }

  // MARK: Keeping

  /// What a later process goes on from, after an update that came to changes.
  struct Kept {
    var checkpoint: [UInt8]
    /// Of each loop; see ``LoopGuard/words``.
    var loops: [[UInt64]]
    /// How many rows each node has, in the order of making.
    var held: [Int]
    /// The batches that it rests on.
    var blobs: [UInt64]
  }

  /// Whether it has forgotten something, or may: whoever goes on from it has to forget the same.
  var forgets: Bool { !forgetting.isEmpty }

  /// What came to the outputs and was not taken, by relation, so that it can be kept.
  ///
  /// - Throws: that it cannot be: some relation is in doubt, or it was told to stop.
  /// - Complexity: in proportion to what is to be forgotten next.
  func takeAll() throws -> [RowSums] {
    // What is forgotten goes with the step after: before there is none left, what is kept of it would go twice.
    var turns = 4
    while forgets, waitingRecords > 0, turns > 0 {
      guard try advance(while: { true }) else { throw Self.notKept }
      turns -= 1
    }
    guard hasBegun, isSound, !forgets || waitingRecords == 0, collected.allSatisfy(\.complaints.isEmpty),
      !forgetting.contains(where: { $0.isMissed })
    else { throw Self.notKept }
    return collected.map { collected in
      defer { collected.changes = RowSums() }
      return collected.changes
    }
  }

  private static let notKept = SystemError(.unsupported, "some row has no value")

  /// A batch of at least so many bytes that is not kept yet.
  func unstoredBatch(ofAtLeast bytes: Int) -> UnstoredBatch? { flow.unstoredBatch(ofAtLeast: bytes) }

  /// Keeps what is not kept yet.
  ///
  /// - Parameter finishesMerges: whether merges under way are completed first, which a process that ends soon has to.
  /// - Throws: what the shelf throws.
  /// - Complexity: in proportion to what came since it was kept last, times a logarithm, on average.
  func keep(on shelf: TraceShelf, finishesMerges: Bool) throws -> Kept {
    var sink = shelf
    let checkpoint = try flow.checkpoint(into: &sink, finishesMerges: finishesMerges)
    return Kept(
      checkpoint: checkpoint.bytes, loops: guards.map(\.words), held: tallies.map(\.tally.held),
      blobs: checkpoint.batches)
  }

  /// Takes up what another process has kept; before the first update.
  ///
  /// - Throws: where it does not fit, or cannot be read. It is of no use then.
  /// - Complexity: O(batches), whatever their size.
  func resume(_ kept: Kept, from shelf: TraceShelf) throws {
    guard let checkpoint = Checkpoint(bytes: kept.checkpoint), kept.loops.count == guards.count,
      kept.held.count == tallies.count,
      let epoch = UInt32(exactly: checkpoint.epoch)
    else { throw TraceShelf.damaged }
    for (loop, words) in zip(guards, kept.loops) where !loop.adopt(words) { throw TraceShelf.damaged }
    let unknown = try flow.resume(checkpoint, from: shelf)
    guard unknown.isEmpty else { throw TraceShelf.damaged }
    self.epoch = epoch
    for ((_, tally), held) in zip(tallies, kept.held) { tally.held = held }
    for memory in forgetting { memory.begin() }
    hasBegun = true
  }

  /// What the nodes have handed on in this process, and what they hold.
  ///
  /// - Complexity: O(nodes).
  var counts: PlanCounts {
    var result = PlanCounts()
    for (node, tally) in tallies {
      result.counts[node] = PlanCounts.Count(out: tally.out, held: tally.isPassing ? nil : tally.held)
    }
    return result
  }

  /// Records that operators have touched in this process.
  var touchedRecords: Int { flow.work.touchedUpdates }

  /// Records that operators hold.
  var heldRecords: Int { flow.heldUpdates }

  /// The memory that these take, in bytes.
  var heldBytes: Int { flow.heldBytes }

  // MARK: Showing

  /// Shows the words of all that operators hold and that has not been shown in this round, as far as the budget of bytes goes.
  ///
  /// - Returns: whether all has been shown.
  func showHeld(inRound round: UInt32, _ budget: inout Int, _ body: (UnsafeBufferPointer<UInt64>) -> Void) -> Bool {
    flow.showContents(inRound: round, atMost: &budget) { body($0.bindMemory(to: UInt64.self)) }
  }

  /// Shows the words of what has come out and was not taken, and of what is remembered beside.
  ///
  /// - Complexity: O(words).
  func showPending(_ body: (UnsafeBufferPointer<UInt64>) -> Void) {
    for collected in collected { collected.changes.forEach { row, _ in body(row) } }
    for memory in forgetting { memory.words.withUnsafeBufferPointer(body) }
  }

  /// Rows that come or go with the next update.
  ///
  /// - Parameter source: by its place.
  func add(_ rows: RowList, to source: Int, times: Int) {
    guard rows.count > 0 else { return }
    let input = sources[source].input
    if rows.kinds == [.string], rows.count >= StringCounts.leastRows {
      return sources[source].counts.add(rows.words, times: times)
    }
    rows.words.withUnsafeBufferPointer { words in
      guard let base = words.baseAddress else { return }
      for row in 0..<rows.count { input.update(Words(base + row * rows.width, count: rows.width), by: times) }
    }
  }

  /// Records that wait to be worked off, in memory.
  ///
  /// - Complexity: O(operators).
  var waitingRecords: Int { sources.reduce(flow.waitingUpdates) { $0 + $1.counts.count } }

  /// Ends the epoch of all inputs.
  private func close() {
    epoch += 1
    for source in sources {
      source.counts.take { number, times in
        withUnsafePointer(to: number) { source.input.update(Words($0, count: 1), by: times) }
      }
      source.input.advance(to: epoch)
    }
    for (input, _, _) in literals { input.advance(to: epoch) }
    for memory in forgetting { memory.advance(to: epoch) }
  }

  /// Works off what has been added so far; what it comes to is part of the next update.
  ///
  /// - Returns: false if it was told to stop; it is of no use then.
  func advance(while mayContinue: @escaping () -> Bool) throws(Unsupported) -> Bool {
    if !hasBegun { try begin() }
    close()
    return flow.step(while: mayContinue)
  }

  /// Whether it has loops: for them many small updates are more work than a large one.
  var hasLoops: Bool { !guards.isEmpty || !labelOrders.isEmpty }

  /// Works off what has been added, and says what it came to for one relation, with all that it came to since this was asked for it
  /// last.
  ///
  /// - Parameter isInDoubt: whether it is known already that what is fed is not the table.
  /// - Complexity: in proportion to what changes, with what a loop touches on its way.
  /// - Throws: ``Unsupported`` where the program's own rows are damaged, or something that was forgotten matters again.
  func update(
    _ index: Int = 0, isInDoubt: Bool = false, while mayContinue: @escaping () -> Bool
  ) throws(Unsupported) -> Outcome {
    if !hasBegun { try begin() }
    close()
    guard flow.step(while: { [self] in mayContinue() && !isEndless }) || isEndless else { return .stopped }
    if forgetting.contains(where: { $0.isMissed }) { throw .missesRows }
    guard isSound, !isInDoubt, collected[index].complaints.isEmpty else { return .undecided }
    defer { collected[index].changes = RowSums() }
    return .changes(collected[index].changes)
  }

  /// Whether a loop does not come to an end.
  private var isEndless: Bool { guards.contains { $0.isEndless } || labelOrders.contains { $0.isExceeded } }

  /// Whether it can still be used after an update that was undecided.
  var isSound: Bool { !errors.isInDoubt && !isEndless }
}

extension Relation {
  /// Itself and all that it is made of, each node once, in an order that the relation decides.
  var nodes: [NodeKey] {
    var keys: [NodeKey] = []
    var seen: Set<NodeKey> = []
    var open = [self]
    while let next = open.popLast() {
      let key = NodeKey(next)
      guard seen.insert(key).inserted else { continue }
      keys.append(key)
      open += next.operation.children
    }
    return keys
  }
}
