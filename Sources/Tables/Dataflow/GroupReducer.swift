import BigInt
import Differential
import Language

/// Sums kept as a difference: how many rows, and up to three sums of ints, exact.
struct Totals: Difference {
  static let slotCount = 3

  var rows: Int
  var first: Int128 = 0
  var second: Int128 = 0
  var third: Int128 = 0

  static var zero: Totals { Totals(rows: 0) }
  var takesAway: Bool { rows < 0 }

  static func + (a: Totals, b: Totals) -> Totals {
    Totals(rows: a.rows + b.rows, first: a.first + b.first, second: a.second + b.second, third: a.third + b.third)
  }

  static func - (a: Totals, b: Totals) -> Totals {
    Totals(rows: a.rows - b.rows, first: a.first - b.first, second: a.second - b.second, third: a.third - b.third)
  }

  subscript(slot: Int) -> Int128 {
    get { slot == 0 ? first : slot == 1 ? second : third }
    set { if slot == 0 { first = newValue } else if slot == 1 { second = newValue } else { third = newValue } }
  }
}

/// Makes differences of rows, and words of their sums.
///
/// Sums of fewer than 2⁶³ rows of 64 bits fit 128 bits.
final class TotalStage {
  private struct Slot {
    /// Nil for counting.
    var function: BindingFunction?
    var conditions: [BindingFunction]
  }

  private let key: BindingFunction
  private let reducers: [Reducer]
  private let errors: ErrorTable
  /// For each reducer, one; for an average the sum and the count.
  private let slots: [Slot]
  /// Of the slots where all of them look at every row: what each adds up, or nothing for counting. At a fixed place and without references
  /// to count, since it is looked at for each row.
  private let plain: UnsafeMutableBufferPointer<Unmanaged<BindingFunction>?>
  private let scratch: RecordBuffer
  /// Of what comes of a group: a complaint's number or 0, and a word for each reducer.
  var width: Int { reducers.count + 1 }

  init(_ key: BindingFunction, _ reducers: [Reducer], _ layout: BindingLayout, _ flow: FlowCompiler) {
    self.key = key
    self.reducers = reducers
    errors = flow.errors
    var slots: [Slot] = []
    for reducer in reducers {
      let conditions = reducer.conditions.map { BindingFunction($0, layout, flow.evaluator) }
      if let function = reducer.function {
        slots.append(Slot(function: BindingFunction(function, layout, flow.evaluator), conditions: conditions))
      }
      switch reducer.kind {
      case .count, .average: slots.append(Slot(function: nil, conditions: conditions))
      case .sum, .minimum, .maximum, .top, .rows: break
      }
    }
    self.slots = slots
    let isPlain = slots.allSatisfy { $0.conditions.isEmpty }
    plain = .allocate(capacity: isPlain ? slots.count : 0)
    // The slots hold them.
    if isPlain { _ = plain.initialize(from: slots.map { $0.function.map { Unmanaged.passUnretained($0) } }) }
    let room = max(reducers.count + 1, key.outputCount)
    scratch = RecordBuffer(room)
  }

  deinit { plain.deallocate() }

  /// The key, valid until the next call, and what the row adds.
  ///
  /// No function can fail but by the limits of an evaluation; then the whole flow is in doubt.
  func weigh(_ row: Words, _ difference: Int) -> (Words, Totals) {
    var totals = Totals(rows: difference)
    for number in plain.indices {
      if let function = plain[number] {
        let word = function._withUnsafeGuaranteedRef { self.word(of: $0, row) }
        totals[number] = Int128(Int64(bitPattern: word)) * Int128(difference)
      } else {
        totals[number] = Int128(difference)
      }
    }
    if plain.isEmpty { addSlots(row, difference, to: &totals) }
    guard case .success(let words) = key.apply(row) else {
      errors.isInDoubt = true
      return (Words(UnsafePointer(scratch.words), count: key.outputCount), .zero)
    }
    return (Words(words, count: key.outputCount), totals)
  }

  private func addSlots(_ row: Words, _ difference: Int, to totals: inout Totals) {
    for (number, slot) in slots.enumerated() {
      var passes = true
      for condition in slot.conditions where passes {
        passes = word(of: condition, row) != 0
      }
      guard passes else { continue }
      guard let function = slot.function else {
        totals[number] = Int128(difference)
        continue
      }
      totals[number] = Int128(Int64(bitPattern: word(of: function, row))) * Int128(difference)
    }
  }

  private func word(of function: BindingFunction, _ row: Words) -> UInt64 {
    switch function.apply(row) {
    case .success(let word): return word[0]
    case .failure:
      errors.isInDoubt = true
      return 0
    }
  }

  /// A complaint's number plus one, or 0; and the reducers' words. Valid until the next call.
  func words(_ totals: Totals) -> Words {
    scratch[0] = 0
    var slot = 0
    for (index, reducer) in reducers.enumerated() {
      switch reducer.kind {
      case .count:
        scratch[index + 1] = UInt64(truncatingIfNeeded: totals[slot])
        slot += 1
      case .sum:
        if let sum = Int64(exactly: totals[slot]) {
          scratch[index + 1] = UInt64(bitPattern: sum)
        } else {
          scratch[0] = errors.record(of: reducer.overflowError)[0] + 1
        }
        slot += 1
      case .average:
        if totals[slot + 1] == 0 {
          scratch[0] = errors.record(of: reducer.emptyError)[0] + 1
        } else {
          var exact = ExactSum()
          exact.add(BigInt(totals[slot]))
          scratch[index + 1] = exact.quotient(by: BigInt(totals[slot + 1])).bitPattern
        }
        slot += 2
      case .minimum, .maximum, .top, .rows: preconditionFailure("only sums are kept in differences")
      }
    }
    return Words(UnsafePointer(scratch.words), count: width)
  }
}

/// What comes of the sums of a group.
struct TotalReduction: Reduction {
  private let stage: TotalStage

  init(_ stage: TotalStage) { self.stage = stage }

  func reduce(_ key: Words, _ group: Group<Unit, Totals>, into results: inout Results<Words, Int>) {
    let totals = group[0].difference
    if totals.rows > 0 { results.append(stage.words(totals), 1) }
  }
}

/// From a group of rows to words: a complaint's number or 0, and a word for each reducer.
final class GroupReducer {
  enum Kind {
    /// Values are one word each, in the order of words.
    case extreme(ColumnKind, isMinimum: Bool)
    /// The same for the least, which is all that comes out.
    case least(ColumnKind)
    /// The first rows of the group. Values are so many words that decide, and all columns of the input, in the order of words.
    case top(ReducerFunction, count: Int, skipped: Int, kinds: [ColumnKind], ErrorTable)
    /// Values are some of the columns of the input, whose kinds are all given.
    case whole([ReducerFunction], keep: [Int], kinds: [ColumnKind], ErrorTable)
  }

  let kind: Kind
  let width: Int
  private let scratch: RecordBuffer

  init(_ kind: Kind) {
    self.kind = kind
    switch kind {
    case .extreme, .top: width = 2
    case .least: width = 1
    case .whole(let functions, keep: _, kinds: _, _): width = functions.count + 1
    }
    scratch = RecordBuffer(width)
  }

  func reduce(_ group: Group<Words, Int>, into results: inout Results<Words, Int>) {
    scratch[0] = 0
    switch kind {
    case .least(let kind):
      guard let found = group.indices.first(where: { group[$0].difference > 0 }) else { return }
      scratch[0] = ExtremeStage.unordered(group[found].value[0], kind)
    case .extreme(let kind, let isMinimum):
      let indices = group.indices
      let found =
        isMinimum
        ? indices.first { group[$0].difference > 0 } : indices.last { group[$0].difference > 0 }
      guard let found else { return }
      scratch[1] = ExtremeStage.unordered(group[found].value[0], kind)
    case .top(let function, let count, let skipped, let kinds, let errors):
      var rows = RowList(kinds)
      for entry in group where entry.difference > 0 && rows.count < count {
        let row = kinds.indices.map { ExtremeStage.unordered(entry.value[skipped + $0], kinds[$0]) }
        for _ in 0..<min(entry.difference, count - rows.count) { rows.append(row) }
      }
      guard rows.count > 0 else { return }
      do throws(RowError) {
        scratch[1] = try function.reduce(rows, Array(0..<rows.count))
      } catch {
        scratch[0] = errors.record(of: error)[0] + 1
      }
    case .whole(let functions, let keep, let kinds, let errors):
      var rows = RowList(kinds)
      var row = [UInt64](repeating: 0, count: kinds.count)
      for entry in group where entry.difference > 0 {
        for (index, column) in keep.enumerated() { row[column] = entry.value[index] }
        for _ in 0..<entry.difference { rows.append(row) }
      }
      guard rows.count > 0 else { return }
      let members = Array(0..<rows.count)
      for (index, function) in functions.enumerated() {
        do throws(RowError) {
          scratch[index + 1] = try function.reduce(rows, members)
        } catch {
          scratch[0] = errors.record(of: error)[0] + 1
        }
      }
    }
    results.append(scratch.record, 1)
  }
}

struct GroupReduction: Reduction {
  private let reducer: GroupReducer
  let reach: Reach
  let leastDecides: Bool

  init(_ reducer: GroupReducer) {
    self.reducer = reducer
    switch reducer.kind {
    case .extreme(_, let isMinimum):
      reach = isMinimum ? .least(1) : .greatest(1)
      leastDecides = isMinimum
    case .least:
      reach = .least(1)
      leastDecides = true
    case .top(_, let count, skipped: _, kinds: _, _):
      reach = .least(count)
      leastDecides = false
    case .whole:
      reach = .all
      leastDecides = false
    }
  }

  func multiplicity(_ difference: Int) -> Int { difference }

  func reduce(_ key: Words, _ group: Group<Words, Int>, into results: inout Results<Words, Int>) {
    reducer.reduce(group, into: &results)
  }
}
