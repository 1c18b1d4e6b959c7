import BigInt
import BuildGraph
import Language

/// The groups of a table with what is to be known of each: a row's words are the key's, then one for each reducer.
struct Groups {
  private(set) var rows: RowList
  /// By row: words that have no value, and why.
  private(set) var faults: [Int: [Int: RowError]] = [:]
  private let evaluation: Evaluation
  private let input: RowList

  init(_ grouping: Grouping, _ evaluation: Evaluation) throws(TableFailure) {
    self.evaluation = evaluation
    input = try evaluation.evaluate(grouping.input)
    rows = RowList(grouping.key.outputs + grouping.reducers.map(\.column))
    let key = BoundFunction(grouping.key, evaluation.evaluator)
    var index = RowIndex(width: grouping.key.outputs.count)
    var members: [[Int]] = []
    for row in 0..<input.count {
      switch key.apply({ input.words[row * input.width + $0.column] }) {
      case .success(let words):
        let (number, isNew) = index.insert(words)
        if isNew { members.append([row]) } else { members[number].append(row) }
      case .failure(let error): evaluation.note(error)
      }
    }
    let reducers = grouping.reducers.map { ReducerFunction($0, evaluation.evaluator) }
    for (number, members) in members.enumerated() {
      rows.append(index.key(number))
      for (place, reducer) in reducers.enumerated() {
        do throws(RowError) {
          rows.words.append(try reducer.reduce(input, members))
        } catch {
          faults[number, default: [:]][grouping.key.outputs.count + place] = error
          rows.words.append(0)
        }
      }
    }
  }
}

/// A reducer with its functions bound: from rows of a group to the one word that it is asked for.
struct ReducerFunction {
  let reducer: Reducer
  private let strings: any RowStrings
  private let conditions: [BoundFunction]
  private let function: BoundFunction?

  init(_ reducer: Reducer, _ evaluator: RowEvaluator) {
    self.reducer = reducer
    strings = evaluator.strings
    conditions = reducer.conditions.map { BoundFunction($0, evaluator) }
    switch reducer.kind {
    case .sum(let function), .average(let function), .minimum(let function), .maximum(let function),
      .top(let function, count: _, columns: _):
      self.function = BoundFunction(function, evaluator)
    case .count, .rows: function = nil
    }
  }

  /// - Parameter all: the rows of the group, by number.
  func reduce(_ input: RowList, _ all: [Int]) throws(RowError) -> UInt64 {
    try GroupPass(
      input: input, strings: strings, reducer: reducer, conditions: conditions, function: function
    ).reduce(all)
  }
}

/// One reducer at work on one group.
private struct GroupPass {
  let input: RowList
  let strings: any RowStrings
  let reducer: Reducer
  let conditions: [BoundFunction]
  let function: BoundFunction?

  private func apply(_ function: BoundFunction, _ row: Int) throws(RowError) -> UnsafePointer<UInt64> {
    try function.apply { input.words[row * input.width + $0.column] }.get()
  }

  func reduce(_ all: [Int]) throws(RowError) -> UInt64 {
    var members: [Int] = []
    members.reserveCapacity(all.count)
    for row in ordered(all, reducer) {
      var passes = true
      for condition in conditions where passes { passes = try apply(condition, row)[0] != 0 }
      if passes { members.append(row) }
    }
    switch reducer.kind {
    case .count: return UInt64(members.count)
    case .sum(let function): return try sum(function.outputs[0], members, isAverage: false)
    case .average(let function): return try sum(function.outputs[0], members, isAverage: true)
    case .minimum(let function), .maximum(let function):
      let kind = function.outputs[0]
      let order = RowOrder([kind], strings)
      var isMinimum = false
      if case .minimum = reducer.kind { isMinimum = true }
      var best: UInt64?
      for row in members {
        guard let function = self.function else { break }
        let word = try apply(function, row)[0]
        guard let known = best else {
          best = word
          continue
        }
        if word != known, order.precedes(word, known, kind) == isMinimum { best = word }
      }
      guard let best else { throw reducer.emptyError }
      return best
    case .top(let function, let count, let columns):
      return encoded(try top(function.outputs, members).prefix(count), columns)
    case .rows(let columns):
      var chosen = RowList(columns.map { input.kinds[$0] })
      for row in members {
        for column in columns { chosen.words.append(input.words[row * input.width + column]) }
      }
      var bytes: [UInt8] = []
      let order = RowOrder(chosen.kinds, strings).sorted(chosen)
      chosen.words.withUnsafeBufferPointer { words in
        guard let base = words.baseAddress else { return }
        for row in order { RowCoding.append(base + row * chosen.width, chosen.kinds, strings, to: &bytes) }
      }
      return intern(bytes)
    }
  }

  /// The rows in the order of their columns where which of several errors is met first depends on it.
  private func ordered(_ members: [Int], _ reducer: Reducer) -> [Int] {
    switch reducer.kind {
    case .count where reducer.conditions.allSatisfy { !$0.canFail }: return members
    case .rows where reducer.conditions.allSatisfy { !$0.canFail }: return members
    case .sum(let function), .average(let function), .minimum(let function), .maximum(let function),
      .top(let function, count: _, columns: _):
      if !function.canFail, reducer.conditions.allSatisfy({ !$0.canFail }) { return members }
    case .count, .rows: break
    }
    let order = RowOrder(input.kinds, strings)
    return input.words.withUnsafeBufferPointer { words in
      guard let base = words.baseAddress else { return members }
      return members.sorted { order.precedes(base + $0 * input.width, base + $1 * input.width) }
    }
  }

  private func sum(_ kind: ColumnKind, _ members: [Int], isAverage: Bool) throws(RowError) -> UInt64 {
    var integer: Int128 = 0
    var exact = ExactSum()
    for row in members {
      guard let function else { break }
      let word = try apply(function, row)[0]
      // Fewer than 2⁶³ rows of 64 bits fit 128.
      if kind == .int { integer += Int128(Int64(bitPattern: word)) } else { exact.add(Double(bitPattern: word)) }
    }
    if isAverage {
      if members.isEmpty { throw reducer.emptyError }
      if kind == .int { exact.add(BigInt(integer)) }
      return exact.quotient(by: BigInt(members.count)).bitPattern
    }
    if kind == .float {
      let value = exact.quotient()
      guard value.isFinite else {
        throw RowError(
          "language.row-not-finite", "a float field of a row must be finite", at: reducer.location)
      }
      return value.bitPattern
    }
    guard let word = Int64(exactly: integer) else { throw reducer.overflowError }
    return UInt64(bitPattern: word)
  }

  private func top(_ kinds: [ColumnKind], _ members: [Int]) throws(RowError) -> [Int] {
    var keys = RowList(kinds)
    for row in members {
      guard let function else { break }
      keys.append(UnsafeBufferPointer(start: try apply(function, row), count: kinds.count))
    }
    let byKey = RowOrder(kinds, strings)
    let byRow = RowOrder(input.kinds, strings)
    return keys.words.withUnsafeBufferPointer { keyWords in
      input.words.withUnsafeBufferPointer { words in
        guard let keys = keyWords.baseAddress, let base = words.baseAddress else { return [] }
        let order = members.indices.sorted { a, b in
          let (x, y) = (keys + a * kinds.count, keys + b * kinds.count)
          if byKey.precedes(x, y) { return true }
          if byKey.precedes(y, x) { return false }
          return byRow.precedes(base + members[a] * input.width, base + members[b] * input.width)
        }
        return order.map { members[$0] }
      }
    }
  }

  private func encoded(_ members: ArraySlice<Int>, _ columns: [Int]) -> UInt64 {
    var bytes: [UInt8] = []
    let kinds = columns.map { input.kinds[$0] }
    for row in members {
      let words = columns.map { input.words[row * input.width + $0] }
      words.withUnsafeBufferPointer { words in
        if let base = words.baseAddress { RowCoding.append(base, kinds, strings, to: &bytes) }
      }
    }
    return intern(bytes)
  }

  private func intern(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { strings.intern($0) } }
}
