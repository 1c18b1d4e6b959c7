import Differential
import Language

/// Conditions that compare one column of some rows with bounds of one row: kept by an arrangement that is ordered by the column, so
/// that a bound that moves touches only rows that it passes.
struct WindowPlan {
  /// Where the column is among the words of the rows.
  var column: Int
  var kind: ColumnKind
  var relations: [Window.Relation]
  /// Each makes one word of a row of the other side.
  var bounds: [RowFunction]
  /// What is taken of the rows.
  var keep: [Int]
  /// Whether rows that the bounds have left behind are forgotten.
  var forgets = false
}

/// Makes of a row the word that it is ordered by, and what is kept of it.
final class WindowRowStage {
  private let column: Int
  private let kind: ColumnKind
  private let keep: [Int]
  private let key: RecordBuffer
  private let scratch: RecordBuffer

  init(_ plan: WindowPlan) {
    column = plan.column
    kind = plan.kind
    keep = plan.keep
    key = RecordBuffer(1)
    scratch = RecordBuffer(keep.count)
  }

  /// Valid until the next call.
  func callAsFunction(_ row: Words) -> Pair<Words, Words> {
    key[0] = ExtremeStage.ordered(row[column], kind)
    for index in 0..<keep.count { scratch[index] = row[keep[index]] }
    return Pair(key.record, scratch.record)
  }
}

/// Makes of the one row the bounds, in the order of words. One that has no value is a complaint.
final class BoundStage: Stage {
  private let bounds: [BindingFunction]
  private let kind: ColumnKind
  private let errors: ErrorTable
  private let scratch: RecordBuffer

  init(_ bounds: [BindingFunction], _ kind: ColumnKind, _ errors: ErrorTable) {
    self.bounds = bounds
    self.kind = kind
    self.errors = errors
    scratch = RecordBuffer(bounds.count)
  }

  func process<T: Timestamp>(_ row: Words, _ out: inout Expansion<Words, Words, T, Int>) {
    for (index, bound) in bounds.enumerated() {
      switch bound.apply(row) {
      case .success(let word): scratch[index] = ExtremeStage.ordered(word[0], kind)
      case .failure(let error): return out.appendAside(errors.record(of: error))
      }
    }
    out.append(scratch.record)
  }
}

extension FlowCompiler {
  /// The rows that are within the bounds; outside of loops only.
  func window(
    _ rows: Multiset<Words, UInt32, Int>, _ bounds: Multiset<Words, UInt32, Int>, _ boundLayout: BindingLayout,
    _ plan: WindowPlan
  ) -> PlacedRows {
    let rowStage = WindowRowStage(plan)
    let boundStage = BoundStage(plan.bounds.map { BindingFunction($0, boundLayout, evaluator) }, plan.kind, errors)
    guard case .root(let made) = apply(boundStage, to: .root(bounds)) else {
      preconditionFailure("it stays where it is")
    }
    let relations = plan.relations
    let turns = relations.enumerated().map { index, relation in
      { (key: Words, bound: Words) -> Bool in
        switch relation {
        case .greater, .lessEqual: key[0] > bound[index]
        case .greaterEqual, .less: key[0] >= bound[index]
        }
      }
    }
    func admits(_ key: Words, _ bound: Words) -> Bool {
      for (index, relation) in relations.enumerated() {
        let holds =
          switch relation {
          case .greater: key[0] > bound[index]
          case .greaterEqual: key[0] >= bound[index]
          case .less: key[0] < bound[index]
          case .lessEqual: key[0] <= bound[index]
          }
        if !holds { return false }
      }
      return true
    }
    var keyed = rows.map { rowStage($0) }
    var memory: WindowMemory?
    var observer: RangeObserver<Words, Words, Words>?
    if plan.forgets {
      let (input, taken) = flow.input(Pair<Words, Words>.self)
      keyed = keyed.concat(taken)
      let its = WindowMemory(relations, input)
      forgetting.append(its)
      observer = RangeObserver {
        its.see($0)
      } isOutside: {
        its.forget($0, $1, $2)
      }
      memory = its
    }
    let index = keyed.arrangeByKey()
    let arrangedBounds = made.arrangeBySelf()
    memory?.watch(index, arrangedBounds)
    let result = index.within(arrangedBounds, turns: turns, admits: admits, observer: observer) { _, value in value }
    return .root(result)
  }
}
