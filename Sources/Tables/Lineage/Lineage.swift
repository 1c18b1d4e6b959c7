import Language

/// Which rows of its sources a row of a table rests on: from the row backwards through the expression, operator by operator, over
/// tables that are evaluated once (Cui, Widom and Wiener, "Tracing the lineage of view data in a warehousing environment", 2000).
///
/// A joined row rests on the rows that were joined; a row of a union, of a `distinct` or of a head on all that come to it; an aggregate
/// on the rows that it counts, the least, the greatest and the first ones on themselves; a `semijoin` on the rows that let it pass.
/// That something is *not* there, as an `antijoin` wants it, rests on no row; unless it is not there because something else is.
///
/// In a loop each row rests on the rows of the round before it came that its body made it of, and so on down to the seed. Where there are too
/// many rounds to keep, it is followed through the rows of the result; results that other rows have replaced on the way are not gone into, so
/// there the answer has to be tried (``RowLineage``).
final class Lineage {
  private let evaluation: Evaluation
  /// By node: rows that are asked for.
  private var asked: [ObjectIdentifier: RowIndex] = [:]
  private var inLoops: [LoopID: RowIndex] = [:]
  /// Rows of loops' variables that have not been gone into.
  private var waiting: [LoopID: [UInt64]] = [:]

  /// After so many steps from one row of a loop to the next, all its rows are taken; loops of more rounds are not gone through by round.
  private static let loopLimit = 256
  /// How many words the rounds of a loop may take together.
  private static let loopWords = 16_000_000
  /// The nodes that rows were asked of, by the loops that they are in.
  private var askedInLoops: [LoopID: Set<ObjectIdentifier>] = [:]

  private let asksForBlockers: Bool

  /// - Parameter asksForBlockers: whether all that an `antijoin` compares with is asked for too.
  init(_ evaluation: Evaluation, asksForBlockers: Bool) {
    self.evaluation = evaluation
    self.asksForBlockers = asksForBlockers
  }

  /// Asks for rows of a table.
  ///
  /// - Parameter words: one row after the other; all are rows of the relation.
  /// - Complexity: that of an evaluation for each operator, and in a loop for each step from row to row, up to a bound.
  func ask(_ relation: Relation, _ words: [UInt64]) throws(TableFailure) {
    let id = ObjectIdentifier(relation)
    if case .loop(let loop) = relation.operation {
      waiting[loop, default: []] += Self.enter(words, relation.columns.count, &inLoops[loop])
      return
    }
    let new = Self.enter(words, relation.columns.count, &asked[id])
    guard !new.isEmpty else { return }
    for loop in relation.loops { askedInLoops[loop, default: []].insert(id) }
    switch relation.operation {
    case .files, .literal, .loop: break
    case .project(let inner, let columns):
      let wanted = RowIndex(new, width: columns.count)
      try ask(inner) { row in columns.map { row[$0] }.withUnsafeBufferPointer { wanted.holds($0) } }
    case .union(let parts):
      let wanted = RowIndex(new, width: relation.columns.count)
      for part in parts { try ask(part) { wanted.holds($0) } }
    case .distinct(let inner): try ask(inner, new)
    case .comprehension(let comprehension):
      try ask(comprehension, RowIndex(new, width: relation.columns.count))
    case .semijoin(let join): try ask(join, new)
    case .fixpoint(let fixpoint): try ask(fixpoint, new, of: relation)
    }
  }

  /// The rows of a file or literal that were asked for; nil if none were.
  func rows(of source: Relation) -> RowIndex? { asked[ObjectIdentifier(source)] }

  /// Asks for the rows of a table that a condition holds for.
  private func ask(
    _ relation: Relation, where holds: (UnsafeBufferPointer<UInt64>) -> Bool
  ) throws(TableFailure) {
    let rows = try evaluation.evaluate(relation)
    try ask(relation, rows.words(where: holds))
  }

  private func ask(_ join: Semijoin, _ words: [UInt64]) throws(TableFailure) {
    try ask(join.left, words)
    guard join.keepsMatches else {
      if asksForBlockers { try ask(join.right) { _ in true } }
      return
    }
    let (left, right) = (
      BoundFunction(join.leftKey, evaluation.evaluator), BoundFunction(join.rightKey, evaluation.evaluator)
    )
    let width = join.left.columns.count
    var keys = RowIndex(width: join.leftKey.outputs.count)
    for start in stride(from: 0, to: words.count, by: width) {
      if case .success(let key) = left.apply({ words[start + $0.column] }) { _ = keys.insert(key) }
    }
    try ask(join.right) { row in
      guard case .success(let key) = right.apply({ row[$0.column] }) else { return false }
      return keys.number(of: key) != nil
    }
  }

  private func ask(_ fixpoint: Fixpoint, _ words: [UInt64], of relation: Relation) throws(TableFailure) {
    let kinds = relation.columns.map(\.kind)
    if let states = try evaluation.rounds(of: fixpoint, kinds, limit: Self.loopLimit, words: Self.loopWords) {
      return try ask(fixpoint, words, states)
    }
    let rows = try evaluation.evaluate(relation)
    evaluation.settle(fixpoint.loop, rows)
    var pending = Self.enter(words, rows.width, &inLoops[fixpoint.loop])
    var steps = 0
    while !pending.isEmpty {
      let wanted = RowIndex(pending, width: rows.width)
      try ask(fixpoint.body, pending)
      try ask(fixpoint.seed) { wanted.holds($0) }
      pending = waiting.removeValue(forKey: fixpoint.loop) ?? []
      steps += 1
      if steps == Self.loopLimit { pending += Self.enter(rows.words, rows.width, &inLoops[fixpoint.loop]) }
    }
  }

  /// Goes backwards from round to round: each row rests on what the variable was before the row came, the last time that it did.
  ///
  /// - Parameter states: what the variable was in each round.
  private func ask(_ fixpoint: Fixpoint, _ words: [UInt64], _ states: [RowList]) throws(TableFailure) {
    let last = states.count - 1
    let width = states[last].width
    let arrivals = Arrivals(states)
    var wanted: [Int: RowIndex] = [:]
    func want(_ words: [UInt64], upTo round: Int) {
      for start in stride(from: 0, to: words.count, by: width) {
        let row = Array(words[start..<start + width])
        if let arrival = arrivals.last(of: row, upTo: round) {
          _ = row.withUnsafeBufferPointer { wanted[arrival, default: RowIndex(width: width)].insert($0.baseAddress!) }
        }
      }
    }
    want(words, upTo: last)
    for round in stride(from: last, through: 0, by: -1) {
      guard let rows = wanted.removeValue(forKey: round) else { continue }
      guard round > 0 else {
        try ask(fixpoint.seed) { rows.holds($0) }
        break
      }
      evaluation.settle(fixpoint.loop, states[round - 1])
      // Of another round the same row of a node rests on others.
      for id in askedInLoops.removeValue(forKey: fixpoint.loop) ?? [] { asked[id] = nil }
      inLoops[fixpoint.loop] = nil
      let made = RowIndex(try evaluation.evaluate(fixpoint.body).words { rows.holds($0) }, width: width)
      try ask(fixpoint.body) { made.number(of: $0.baseAddress!) != nil }
      // What has a priority enters later.
      try ask(fixpoint.seed) { rows.holds($0) && made.number(of: $0.baseAddress!) == nil }
      want(waiting.removeValue(forKey: fixpoint.loop) ?? [], upTo: round - 1)
    }
    evaluation.settle(fixpoint.loop, states[last])
  }

  // MARK: Comprehensions

  private func ask(_ asked: Comprehension, _ wanted: RowIndex) throws(TableFailure) {
    var join = Joining(evaluation, asked)
    let comprehension = join.comprehension
    let bindings = try join.bindings()
    let width = comprehension.generators.count
    var kept: [Int] = []
    join.forEachHead(bindings) { start, row in
      if wanted.holds(row) { kept.append(contentsOf: bindings[start..<start + width]) }
    }
    for (number, generator) in comprehension.generators.enumerated() {
      var rows: Set<Int> = []
      for start in stride(from: number, to: kept.count, by: width) { rows.insert(kept[start]) }
      let source = join.sources[number]
      switch generator.source {
      case .table(let relation): try ask(relation, rows.flatMap { source[$0] })
      case .groups(let grouping):
        let members = GroupMembers(grouping, comprehension, number, join.sources, kept, evaluation)
        try ask(grouping.input, members.words(of: rows, in: try evaluation.evaluate(grouping.input)))
      case .list: break
      }
    }
  }

  /// Adds rows to a set.
  ///
  /// - Returns: those that are new in it.
  private static func enter(_ words: [UInt64], _ width: Int, _ set: inout RowIndex?) -> [UInt64] {
    var index = set ?? RowIndex(width: width)
    set = nil
    var new: [UInt64] = []
    words.withUnsafeBufferPointer { words in
      for start in stride(from: 0, to: words.count, by: width) {
        guard let row = words.baseAddress, index.insert(row + start).isNew else { continue }
        new.append(contentsOf: words[start..<start + width])
      }
    }
    set = index
    return new
  }
}

/// In which rounds of a loop rows came to be there that were not there before.
private struct Arrivals {
  private var rows: RowIndex
  /// By number of the row, ascending.
  private var rounds: [[Int32]] = []

  /// - Complexity: O(rows of all rounds).
  init(_ states: [RowList]) {
    rows = RowIndex(width: states[0].width)
    var seen: [Int32] = []
    for (round, state) in states.enumerated() {
      state.words.withUnsafeBufferPointer { words in
        guard let base = words.baseAddress else { return }
        for start in stride(from: 0, to: words.count, by: state.width) {
          let (number, isNew) = rows.insert(base + start)
          if isNew {
            rounds.append([Int32(round)])
            seen.append(Int32(round))
          } else {
            if seen[number] < Int32(round) - 1 { rounds[number].append(Int32(round)) }
            seen[number] = Int32(round)
          }
        }
      }
    }
  }

  /// When a row came the last time, up to a round; nil if it never did.
  func last(of row: [UInt64], upTo round: Int) -> Int? {
    guard let number = row.withUnsafeBufferPointer({ rows.number(of: $0.baseAddress!) }) else { return nil }
    return rounds[number].last { Int($0) <= round }.map { Int($0) }
  }
}

extension RowIndex {
  init(_ words: [UInt64], width: Int) {
    self.init(width: width)
    words.withUnsafeBufferPointer { words in
      guard let base = words.baseAddress else { return }
      for start in stride(from: 0, to: words.count, by: width) { _ = insert(base + start) }
    }
  }

  func holds(_ row: UnsafeBufferPointer<UInt64>) -> Bool {
    row.baseAddress.map { number(of: $0) != nil } ?? false
  }
}

extension RowList {
  /// The words of the rows that a condition holds for.
  func words(where holds: (UnsafeBufferPointer<UInt64>) -> Bool) -> [UInt64] {
    var found: [UInt64] = []
    words.withUnsafeBufferPointer { words in
      for start in stride(from: 0, to: words.count, by: width) {
        let row = UnsafeBufferPointer(rebasing: words[start..<start + width])
        if holds(row) { found.append(contentsOf: row) }
      }
    }
    return found
  }
}
