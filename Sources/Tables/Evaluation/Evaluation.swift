package import BuildGraph
package import Language

/// Evaluates relations from nothing.
///
/// Each node is evaluated once, and in a loop once for each round in which what it reads has changed. Joins go by hashed keys.
/// For one thread.
package final class Evaluation {
  package typealias Source = (Relation.Input) throws(TableFailure) -> [InputFile]

  package let strings: StringDictionary
  /// Records that files held and that were malformed and dropped.
  package private(set) var dropped = 0
  /// The memory that its rows and strings take, in bytes; not that of the files, which are not kept.
  ///
  /// - Complexity: O(relations).
  package var heldBytes: Int {
    known.values.reduce(strings.heldBytes) { $0 + $1.rows.words.count * MemoryLayout<UInt64>.stride }
  }

  /// The rows of each node; of those in a loop what they are in the last round.
  ///
  /// - Complexity: O(relations).
  package var counts: PlanCounts {
    var result = PlanCounts()
    for entry in known.values {
      let isInLoop = !entry.relation.loops.isEmpty
      result.counts[NodeKey(entry.relation)] = PlanCounts.Count(
        out: entry.rows.count, held: isInLoop ? nil : entry.rows.count)
    }
    return result
  }

  let evaluator: RowEvaluator
  private let source: Source
  private let roundLimit: Int
  /// The most rounds that a loop has taken.
  private(set) var mostRounds = 0
  private var known: [ObjectIdentifier: Known] = [:]
  private var loops: [LoopID: (version: Int, rows: RowList)] = [:]
  private var versions = 0
  /// The least so far. Rows that have one are left out until the end.
  private var error: RowError?

  private struct Known {
    /// Keeps its identity from being used again.
    var relation: Relation
    var versions: [LoopID: Int]
    var rows: RowList
  }

  /// - Parameter roundLimit: how many rounds of a loop may change something.
  package init(roundLimit: Int = 1_000_000, _ source: @escaping Source) {
    strings = StringDictionary()
    evaluator = RowEvaluator(strings: strings)
    self.source = source
    self.roundLimit = roundLimit
  }

  /// An evaluation over other rows of files and literals, in the strings of another evaluation.
  ///
  /// - Parameter roundLimit: that of the other, or a lower one.
  init(over sources: [(relation: Relation, rows: RowList)], of other: Evaluation, roundLimit: Int) {
    strings = other.strings
    evaluator = other.evaluator
    source = other.source
    self.roundLimit = roundLimit
    for (relation, rows) in sources {
      known[ObjectIdentifier(relation)] = Known(relation: relation, versions: [:], rows: rows)
    }
  }

  /// The rows of a table, in no order.
  package func rows(of relation: Relation) throws(TableFailure) -> RowList {
    let rows = try evaluate(relation)
    if let error { throw .row(error) }
    return rows
  }

  /// The table as a step leaves it.
  package func output(of relation: Relation, _ form: TableStep.Form) throws(TableFailure) -> TableWriter.Output {
    TableWriter(relation.columns, strings).write(try rows(of: relation), form)
  }

  func note(_ found: RowError) {
    if let error, error <= found { return }
    error = found
  }

  /// The files of an input, as they are now.
  func files(of input: Relation.Input) throws(TableFailure) -> [InputFile] { try source(input) }

  // MARK: Nodes

  func evaluate(_ relation: Relation) throws(TableFailure) -> RowList {
    var versions: [LoopID: Int] = [:]
    for loop in relation.loops { versions[loop] = loops[loop]?.version }
    if let entry = known[ObjectIdentifier(relation)], entry.versions == versions { return entry.rows }
    let rows = try compute(relation)
    known[ObjectIdentifier(relation)] = Known(relation: relation, versions: versions, rows: rows)
    return rows
  }

  private func compute(_ relation: Relation) throws(TableFailure) -> RowList {
    var result = RowList(relation.columns.map(\.kind))
    switch relation.operation {
    case .files(let table): return try read(table)
    case .literal(let literal):
      let kinds = result.kinds
      let isWhole = literal.bytes.withUnsafeBufferPointer { bytes in
        RowCoding.forEachRow(in: bytes, kinds, strings) { row in
          result.append(UnsafeBufferPointer(start: row, count: kinds.count))
        }
      }
      guard isWhole else { throw .input("the rows of a literal are damaged") }
    case .loop(let id): return loops[id]?.rows ?? result
    case .project(let inner, let columns):
      let rows = try evaluate(inner)
      for row in 0..<rows.count {
        for column in columns { result.words.append(rows.words[row * rows.width + column]) }
      }
    case .union(let parts):
      for part in parts { result.words.append(contentsOf: try evaluate(part).words) }
    case .distinct(let inner):
      let rows = try evaluate(inner)
      var index = RowIndex(width: rows.width)
      rows.words.withUnsafeBufferPointer { words in
        guard let base = words.baseAddress else { return }
        for row in 0..<rows.count where index.insert(base + row * rows.width).isNew { result.append(rows[row]) }
      }
    case .comprehension(let comprehension):
      var join = Joining(self, comprehension)
      return try join.rows(result)
    case .semijoin(let join): return try compute(join, result)
    case .fixpoint(let fixpoint): return try compute(fixpoint, result.kinds)
    }
    return result
  }

  private func read(_ table: FileTable) throws(TableFailure) -> RowList {
    var reading = Reading(table)
    let reader = TableReader(table, strings)
    for part in table.parts {
      for file in try source(part) {
        let bytes = try file.bytes()
        do throws(ReadingError) {
          try bytes.withUnsafeBufferPointer { (bytes) throws(ReadingError) in
            try reader.read(bytes, path: file.path, into: &reading)
          }
        } catch {
          throw .reading(error)
        }
      }
    }
    dropped += reading.dropped
    return reading.rows
  }

  private func compute(_ join: Semijoin, _ empty: RowList) throws(TableFailure) -> RowList {
    let left = try evaluate(join.left)
    let right = try evaluate(join.right)
    let leftKey = BoundFunction(join.leftKey, evaluator)
    let rightKey = BoundFunction(join.rightKey, evaluator)
    var keys = RowIndex(width: join.rightKey.outputs.count)
    for row in 0..<right.count {
      switch rightKey.apply({ right.words[row * right.width + $0.column] }) {
      case .success(let key): _ = keys.insert(key)
      case .failure(let found): note(found)
      }
    }
    var result = empty
    for row in 0..<left.count {
      switch leftKey.apply({ left.words[row * left.width + $0.column] }) {
      case .success(let key):
        if (keys.number(of: key) != nil) == join.keepsMatches { result.append(left[row]) }
      case .failure(let found): note(found)
      }
    }
    return result
  }

  // MARK: Loops

  /// Lets the variable of a loop be the loop's result, for whoever looks into its body afterwards.
  func settle(_ loop: LoopID, _ rows: RowList) {
    versions += 1
    loops[loop] = (versions, rows)
  }

  /// What a loop's variable is in each of its rounds, and in the end its result.
  ///
  /// - Returns: nil where that is more than so many rounds or words.
  /// - Complexity: that of evaluating the loop.
  func rounds(
    of fixpoint: Fixpoint, _ kinds: [ColumnKind], limit: Int, words: Int
  ) throws(TableFailure) -> [RowList]? {
    var states: [RowList] = []
    var left = words
    _ = try compute(fixpoint, kinds) { state in
      left -= state.words.count
      if left >= 0, states.count <= limit { states.append(state) }
    }
    return left < 0 || states.count > limit ? nil : states
  }

  private func compute(
    _ fixpoint: Fixpoint, _ kinds: [ColumnKind], visit: (RowList) -> Void = { _ in }
  ) throws(TableFailure) -> RowList {
    let seed = try evaluate(fixpoint.seed)
    var waiting: [Int: RowList] = [:]
    if let priority = fixpoint.priority {
      let function = BoundFunction(priority, evaluator)
      for row in 0..<seed.count {
        switch function.apply({ seed.words[row * seed.width + $0.column] }) {
        case .success(let word):
          let round = Int(truncatingIfNeeded: Int64(bitPattern: word[0]))
          if round < 0 {
            note(RowError("language.negative-priority", "a priority is negative", at: priority.location))
          } else {
            waiting[round, default: RowList(kinds)].append(seed[row])
          }
        case .failure(let found): note(found)
        }
      }
    } else {
      waiting[0] = seed
    }
    var rows = waiting.removeValue(forKey: 0) ?? RowList(kinds)
    var entering = waiting.keys.sorted()[...]
    var state = Fingerprint(rows)
    var seen: Set<Fingerprint> = []
    var round = 0
    defer { loops[fixpoint.loop] = nil }
    visit(rows)
    while true {
      if let error { throw .row(error) }
      versions += 1
      loops[fixpoint.loop] = (versions, rows)
      var next = try evaluate(fixpoint.body)
      round += 1
      let isFixed = Fingerprint(next) == state
      if let first = entering.first, first == round || isFixed {
        // Rounds in which nothing happens are passed over.
        round = first
        next.words.append(contentsOf: waiting[first]?.words ?? [])
        entering = entering.dropFirst()
      } else if isFixed {
        mostRounds = max(mostRounds, seen.count)
        return rows
      } else if entering.isEmpty {
        let isNew = seen.insert(state).inserted
        if !isNew || seen.count > roundLimit {
          let why = isNew ? "has not ended after \(round) rounds" : "comes back to an earlier state in round \(round)"
          throw .row(RowError("language.endless-loop", "the loop \(why), with \(rows.count) rows", at: nil))
        }
      }
      rows = next
      state = Fingerprint(rows)
      visit(rows)
    }
  }
}

/// Tells multisets of rows apart: their count and two sums of hashes, which do not depend on the order. That two that differ agree
/// takes a coincidence of 128 bits.
struct Fingerprint: Hashable {
  private var count: Int
  private var first: UInt64 = 0
  private var second: UInt64 = 0

  init(_ rows: RowList) {
    count = rows.count
    rows.words.withUnsafeBufferPointer { words in
      guard let base = words.baseAddress else { return }
      for row in 0..<rows.count {
        let hash = RowIndex.hash(base + row * rows.width, rows.width)
        var mixed = hash &* 0xBF58_476D_1CE4_E5B9
        for column in 0..<rows.width {
          mixed = (mixed ^ base[row * rows.width + column]) &* 0x94D0_49BB_1331_11EB
          mixed ^= mixed >> 29
        }
        first &+= hash
        second &+= mixed
      }
    }
  }
}

/// A row function with room for its words.
final class BoundFunction {
  let function: RowFunction
  private let bound: BoundRowFunction
  private let input: RecordBuffer
  private let output: RecordBuffer

  init(_ function: RowFunction, _ evaluator: RowEvaluator) {
    self.function = function
    bound = evaluator.bind(function)
    input = RecordBuffer(function.inputs.count)
    output = RecordBuffer(function.outputs.count)
  }

  /// What it makes of the words that `word` gives. The result stays until the next call.
  func apply(
    faults: [Int: RowError] = [:], _ word: (RowFunction.Input) -> UInt64
  ) -> Result<UnsafePointer<UInt64>, RowError> {
    for (index, place) in function.inputs.enumerated() { input[index] = word(place) }
    if let error = bound.apply(UnsafePointer(input.words), output.words, faults: faults) { return .failure(error) }
    return .success(UnsafePointer(output.words))
  }

  func expand(
    faults: [Int: RowError], _ word: (RowFunction.Input) -> UInt64, _ body: (UnsafePointer<UInt64>) -> Void
  ) -> RowError? {
    for (index, place) in function.inputs.enumerated() { input[index] = word(place) }
    return bound.expand(UnsafePointer(input.words), faults: faults, body)
  }
}
