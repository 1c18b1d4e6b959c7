import BigInt
import BuildGraph
import Differential
import Language

/// Makes operators of a grouping: a row for each group, its key's words and then one for each reducer.
///
/// Counts, and sums and averages of ints, are kept in the differences: a change costs the same in a group of any size. Least and
/// greatest numbers look at the end of a group. For everything else the group is read again. Reducers of several sorts are kept
/// beside each other and joined by the key. Where a reducer has no value for a group, that is a complaint.
struct GroupCompiler {
  private let grouping: Grouping
  private let flow: FlowCompiler

  init(_ grouping: Grouping, _ flow: FlowCompiler) {
    self.grouping = grouping
    self.flow = flow
  }

  /// A set of reducers that are kept together.
  private enum Part {
    case totals([Int])
    case extreme(Int)
    case top(Int)
    case whole([Int])

    var reducers: [Int] {
      switch self {
      case .totals(let some), .whole(let some): some
      case .extreme(let one), .top(let one): [one]
      }
    }
  }

  func compile() throws(Unsupported) -> PlacedRows {
    let input = try flow.compile(grouping.input)
    let keyWidth = grouping.key.outputs.count
    var parts = self.parts()
    if parts.isEmpty { parts = [.totals([])] }
    var order: [Int] = []
    var rows: PlacedRows?
    // Each part's rows are the key, a complaint's number or 0, and the words of its reducers.
    var faults: [Int] = []
    var words: [Int] = []
    var width = keyWidth
    for part in parts {
      let its = try compile(part, input, keyWidth)
      let count = part.reducers.count
      faults.append(width)
      words += (0..<count).map { width + 1 + $0 }
      order += part.reducers
      if let known = rows {
        let left = flow.arrange(known, keyWidth: keyWidth, keep: Array(0..<width))
        let right = flow.arrange(its, keyWidth: keyWidth, keep: Array(keyWidth..<keyWidth + 1 + count))
        let splice = Splice(width, 1 + count)
        rows = flow.join(left, right) { splice($0, $1) }
      } else {
        rows = its
      }
      width += 1 + count
    }
    let places = (0..<keyWidth) + order.indices.map { words[order.firstIndex(of: $0)!] }
    guard let rows else { preconditionFailure("there is a part at least") }
    return flow.apply(FaultStage(faults: faults, places: Array(places)), to: rows)
  }

  private func parts() -> [Part] {
    var totals: [Int] = []
    var slots = 0
    var whole: [Int] = []
    var parts: [Part] = []
    let isPlain = !grouping.key.canFail
    for (number, reducer) in grouping.reducers.enumerated() {
      let wanted = reducer.totalSlots
      if isPlain, let wanted, slots + wanted <= Totals.slotCount {
        totals.append(number)
        slots += wanted
      } else if isPlain, reducer.isExtreme {
        parts.append(.extreme(number))
      } else if isPlain, reducer.isOrdered(grouping.input.columns.map(\.kind)) {
        parts.append(.top(number))
      } else {
        whole.append(number)
      }
    }
    if !totals.isEmpty { parts.append(.totals(totals)) }
    if !whole.isEmpty { parts.append(.whole(whole)) }
    return parts
  }

  private func compile(_ part: Part, _ input: PlacedRows, _ keyWidth: Int) throws(Unsupported) -> PlacedRows {
    let columns = grouping.input.columns
    let layout = BindingLayout(generator: 0, width: columns.count)
    switch part {
    case .totals(let numbers):
      guard !grouping.key.canFail else { return try compile(.whole(numbers), input, keyWidth) }
      let stage = TotalStage(
        BindingFunction(grouping.key, layout, flow.evaluator), numbers.map { grouping.reducers[$0] }, layout, flow)
      return flow.total(input, keyWidth: keyWidth, stage)
    case .extreme(let number):
      let reducer = grouping.reducers[number]
      guard let function = reducer.function else { preconditionFailure("the least of what") }
      let kind = function.outputs[0]
      // The key's words and the value's, in an order that words have.
      let pick = ExtremeStage(
        BindingFunction(grouping.key, layout, flow.evaluator), BindingFunction(function, layout, flow.evaluator), kind,
        flow.errors)
      var isMinimum = false
      if case .minimum = reducer.kind { isMinimum = true }
      var pairs = flow.apply(pick, to: input)
      // Where there are many groups, it takes as much to know the best of each as to keep all.
      var memory: ExtremeMemory?
      if flow.forgets, grouping.key.inputs.isEmpty, grouping.input.onlyGrows, case .root(let rows) = pairs {
        let made = flow.forgetting(rows, isMinimum: isMinimum, place: keyWidth)
        (pairs, memory) = (.root(made.rows), made.memory)
      }
      let index = flow.arrange(pairs, keyWidth: keyWidth, keep: [keyWidth])
      if case .root(let index) = index { memory?.watch(index) }
      return flow.reduce(
        index, keyWidth: keyWidth, GroupReducer(.extreme(kind, isMinimum: isMinimum)))
    case .top(let number):
      let reducer = grouping.reducers[number]
      guard case .top(let function, let count, _) = reducer.kind else { preconditionFailure("the first of what") }
      let kinds = columns.map(\.kind)
      // What decides comes first, and then the row: so the first of a group are its least.
      let pick = TopStage(
        BindingFunction(grouping.key, layout, flow.evaluator), BindingFunction(function, layout, flow.evaluator), kinds,
        flow.errors)
      let pairs = flow.apply(pick, to: input)
      let skipped = function.outputs.count
      let index = flow.arrange(pairs, keyWidth: keyWidth, keep: Array(keyWidth..<keyWidth + skipped + kinds.count))
      let reduction = ReducerFunction(reducer, flow.evaluator)
      return flow.reduce(
        index, keyWidth: keyWidth,
        GroupReducer(.top(reduction, count: count, skipped: skipped, kinds: kinds, flow.errors)))
    case .whole(let numbers):
      let reducers = numbers.map { grouping.reducers[$0] }
      var needed: Set<Int> = []
      for reducer in reducers { needed.formUnion(reducer.columnsRead(of: columns.count)) }
      let keep = needed.sorted()
      let index = try flow.index(of: grouping.input, input, [grouping.key], layout, keep: keep)
      let reductions = reducers.map { ReducerFunction($0, flow.evaluator) }
      return flow.reduce(
        index, keyWidth: keyWidth, GroupReducer(.whole(reductions, keep: keep, kinds: columns.map(\.kind), flow.errors))
      )
    }
  }
}

extension Reducer {
  /// What it applies to each row.
  var function: RowFunction? {
    switch kind {
    case .sum(let function), .average(let function), .minimum(let function), .maximum(let function),
      .top(let function, count: _, columns: _):
      function
    case .count, .rows: nil
    }
  }

  /// How many sums it takes to keep it in differences; nil if it cannot be.
  fileprivate var totalSlots: Int? {
    guard conditions.allSatisfy({ !$0.canFail }), function.map({ !$0.canFail }) ?? true else { return nil }
    switch kind {
    case .count: return 1
    case .sum(let function): return function.outputs[0] == .int ? 1 : nil
    case .average(let function): return function.outputs[0] == .int ? 2 : nil
    case .minimum, .maximum, .top, .rows: return nil
    }
  }

  /// Whether it is the least or greatest number of all rows.
  fileprivate var isExtreme: Bool {
    guard conditions.isEmpty, let function, !function.canFail else { return false }
    switch kind {
    case .minimum, .maximum: return function.outputs[0] == .int || function.outputs[0] == .float
    case .count, .sum, .average, .top, .rows: return false
    }
  }

  /// Whether it is some first rows, and the order is one of words. Strings have none, and of floats there are two that are equal.
  fileprivate func isOrdered(_ kinds: [ColumnKind]) -> Bool {
    guard conditions.isEmpty, case .top(let function, let count, _) = kind, count > 0, !function.canFail else {
      return false
    }
    return function.outputs.allSatisfy { $0 == .int || $0 == .bool }
      && kinds.allSatisfy { $0 == .int || $0 == .bool || $0 == .float }
  }

  fileprivate func columnsRead(of width: Int) -> Set<Int> {
    var columns = Set((conditions + [function].compactMap { $0 }).flatMap { $0.inputs.map(\.column) })
    switch kind {
    // Equal ones go by all columns of the row.
    case .top: columns.formUnion(0..<width)
    case .rows(let some): columns.formUnion(some)
    case .count, .sum, .average, .minimum, .maximum: break
    }
    return columns
  }
}

/// Takes the words of groups apart: what has a complaint is one, and the rest is put in order.
final class FaultStage: Stage {
  private let faults: [Int]
  private let places: [Int]
  private let scratch: RecordBuffer
  private let cell: RecordBuffer

  init(faults: [Int], places: [Int]) {
    self.faults = faults
    self.places = places
    scratch = RecordBuffer(places.count)
    cell = RecordBuffer(1)
  }

  func process<T: Timestamp>(_ row: Words, _ out: inout Expansion<Words, Words, T, Int>) {
    for fault in faults where row[fault] != 0 {
      cell[0] = row[fault] - 1
      return out.appendAside(cell.record)
    }
    for index in 0..<places.count { scratch[index] = row[places[index]] }
    out.append(scratch.record)
  }
}

/// The words of a key, those by which the rows of a group are ordered, and the row, all in the order of words.
final class TopStage: Stage {
  private let key: BindingFunction
  private let value: BindingFunction
  private let kinds: [ColumnKind]
  private let errors: ErrorTable
  private let scratch: RecordBuffer

  init(_ key: BindingFunction, _ value: BindingFunction, _ kinds: [ColumnKind], _ errors: ErrorTable) {
    self.key = key
    self.value = value
    self.kinds = kinds
    self.errors = errors
    scratch = RecordBuffer(key.outputCount + value.outputCount + kinds.count)
  }

  func process<T: Timestamp>(_ row: Words, _ out: inout Expansion<Words, Words, T, Int>) {
    switch key.apply(row) {
    case .success(let words): for index in 0..<key.outputCount { scratch[index] = words[index] }
    case .failure(let error): return out.appendAside(errors.record(of: error))
    }
    switch value.apply(row) {
    case .success(let words):
      for index in 0..<value.outputCount {
        scratch[key.outputCount + index] = ExtremeStage.ordered(words[index], value.function.outputs[index])
      }
    case .failure(let error): return out.appendAside(errors.record(of: error))
    }
    let start = key.outputCount + value.outputCount
    for index in 0..<kinds.count { scratch[start + index] = ExtremeStage.ordered(row[index], kinds[index]) }
    out.append(scratch.record)
  }
}

/// The words of a key, and one number in the order of words.
final class ExtremeStage: Stage {
  private let key: BindingFunction
  private let value: BindingFunction
  private let kind: ColumnKind
  private let errors: ErrorTable
  private let scratch: RecordBuffer

  init(_ key: BindingFunction, _ value: BindingFunction, _ kind: ColumnKind, _ errors: ErrorTable) {
    self.key = key
    self.value = value
    self.kind = kind
    self.errors = errors
    scratch = RecordBuffer(key.outputCount + 1)
  }

  func process<T: Timestamp>(_ row: Words, _ out: inout Expansion<Words, Words, T, Int>) {
    switch key.apply(row) {
    case .success(let words): for index in 0..<key.outputCount { scratch[index] = words[index] }
    case .failure(let error): return out.appendAside(errors.record(of: error))
    }
    switch value.apply(row) {
    case .success(let word): scratch[key.outputCount] = Self.ordered(word[0], kind)
    case .failure(let error): return out.appendAside(errors.record(of: error))
    }
    out.append(scratch.record)
  }

  private static let sign: UInt64 = 1 << 63

  /// A word whose order as an unsigned number is that of the value.
  static func ordered(_ word: UInt64, _ kind: ColumnKind) -> UInt64 {
    guard kind == .float else { return word ^ sign }
    return word & sign == 0 ? word | sign : ~word
  }

  static func unordered(_ word: UInt64, _ kind: ColumnKind) -> UInt64 {
    guard kind == .float else { return word ^ sign }
    return word & sign == 0 ? ~word : word ^ sign
  }
}
