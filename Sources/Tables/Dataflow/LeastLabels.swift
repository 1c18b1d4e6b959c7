import BuildGraph
import Differential
import Language

/// A fixpoint that takes for each key the least label that reaches it: connected components and what is like them.
///
/// Its body groups, by a key and with the least of one int or float, rows of three sorts: rows that the loop does not change, the
/// variable itself, and rows that are made of single rows of the variable and hand its label on as it is. Such a body has one
/// least fixed point, in which each key has the least of the labels that come to it. It does not matter then when a label
/// enters: so the least enter first, and those that come later mostly find their place taken.
struct LeastLabels {
  /// Rows and where in them the words of the key and the label are.
  struct Part {
    var relation: Relation
    var key: [Int]
    var label: Int
  }

  /// What brings labels into the loop.
  private(set) var sources: [Part] = []
  /// What hands them on.
  private(set) var steps: [Part] = []
  /// Of the fixpoint's columns: where the words of the key are, and the label.
  let keyColumns: [Int]
  let labelColumn: Int
  let kind: ColumnKind

  /// - Returns: nil for all other fixpoints.
  init?(_ fixpoint: Fixpoint) {
    guard fixpoint.priority == nil, case .comprehension(let body) = fixpoint.body.operation,
      body.generators.count == 1, body.conditions.isEmpty, case .groups(let grouping) = body.generators[0].source,
      grouping.reducers.count == 1, let reducer = grouping.reducers.first, reducer.conditions.isEmpty,
      case .minimum(let label) = reducer.kind, label.outputs[0] == .int || label.outputs[0] == .float,
      let labelAt = Self.columns(label), let keyAt = Self.columns(grouping.key), let head = Self.columns(body.head),
      head.sorted() == Array(0...keyAt.count)
    else { return nil }
    kind = label.outputs[0]
    keyColumns = keyAt.indices.map { head.firstIndex(of: $0)! }  // Each is there, as has been seen.
    labelColumn = head.firstIndex(of: keyAt.count)!
    let own = (key: keyColumns, label: labelColumn)
    var keepsItself = false
    var open = [Part(relation: grouping.input, key: keyAt, label: labelAt[0])]
    while let part = open.popLast() {
      switch part.relation.operation {
      case .loop(fixpoint.loop):
        guard part.key == own.key, part.label == own.label else { return nil }
        keepsItself = true
      case _ where !part.relation.loops.contains(fixpoint.loop): sources.append(part)
      case .union(let parts): open += parts.map { Part(relation: $0, key: part.key, label: part.label) }.reversed()
      case .project(let inner, let columns):
        open.append(Part(relation: inner, key: part.key.map { columns[$0] }, label: columns[part.label]))
      case .comprehension(let comprehension):
        guard handsOn(comprehension, part, fixpoint.loop) else { return nil }
        steps.append(part)
      case .files, .literal, .loop, .distinct, .semijoin, .fixpoint: return nil
      }
    }
    let seed = Part(relation: fixpoint.seed, key: own.key, label: own.label)
    if keepsItself {
      sources.append(seed)
    } else {
      // Rows that are there in the first round only could hold on to labels that nothing brings.
      let isAmongSources = sources.contains {
        $0.relation.key == seed.relation.key && $0.key == seed.key && $0.label == seed.label
      }
      guard isAmongSources else { return nil }
    }
    guard !steps.isEmpty else { return nil }
  }

  /// The columns of generator 0 that a function selects; nil if it does anything else.
  private static func columns(_ function: RowFunction) -> [Int]? {
    guard !function.canFail, let selection = function.selection else { return nil }
    let inputs = selection.map { function.inputs[$0] }
    return inputs.allSatisfy { $0.generator == 0 } ? inputs.map(\.column) : nil
  }

  /// Whether a comprehension goes over the variable once, hands the label on, and looks at it for nothing else.
  private func handsOn(_ comprehension: Comprehension, _ part: Part, _ loop: LoopID) -> Bool {
    var variables: [Int] = []
    for (number, generator) in comprehension.generators.enumerated() {
      switch generator.source {
      case .table(let relation):
        if case .loop(loop) = relation.operation {
          variables.append(number)
        } else if relation.loops.contains(loop) {
          return false
        }
      case .groups(let grouping): if grouping.input.loops.contains(loop) { return false }
      case .list: return false
      }
    }
    guard variables.count == 1 else { return false }
    let label = RowFunction.Input(generator: variables[0], column: labelColumn, kind: kind)
    let head = comprehension.head
    guard !head.canFail, let selection = head.selection, head.inputs[selection[part.label]] == label,
      part.key.allSatisfy({ head.inputs[selection[$0]] != label })
    else { return false }
    return comprehension.conditions.allSatisfy { condition in
      !condition.function.canFail && !condition.function.inputs.contains(label)
    }
  }
}

/// Makes of a row the key and, in an order that words have, the label.
final class LabelStage {
  private let part: LeastLabels.Part
  private let kind: ColumnKind
  private let key: RecordBuffer
  private let label: RecordBuffer

  init(_ part: LeastLabels.Part, _ kind: ColumnKind) {
    self.part = part
    self.kind = kind
    key = RecordBuffer(part.key.count)
    label = RecordBuffer(1)
  }

  /// Valid until the next call.
  func callAsFunction(_ row: Words) -> Pair<Words, Words> {
    var index = 0
    while index < part.key.count {
      key[index] = row[part.key[index]]
      index += 1
    }
    label[0] = ExtremeStage.ordered(row[part.label], kind)
    return Pair(key.record, label.record)
  }
}

/// When labels enter, and whether one goes on for too long.
final class LabelOrder {
  private let kind: ColumnKind
  private let roundLimit: Int
  private(set) var isExceeded = false
  /// Labels of a class have so many rounds to spread before the next class enters.
  private static let roundsPerClass = 256

  init(_ kind: ColumnKind, roundLimit: Int) {
    self.kind = kind
    self.roundLimit = roundLimit
  }

  /// The round in which a label enters: later for a greater one, by its number of bits.
  ///
  /// - Parameter word: in an order that words have.
  func round(_ word: UInt64) -> UInt32 {
    guard kind == .int else { return 0 }
    let number = Int64(bitPattern: ExtremeStage.unordered(word, .int))
    return number <= 0 ? 0 : UInt32((64 - number.leadingZeroBitCount) * Self.roundsPerClass)
  }

  /// Notes that a label has come somewhere in a round.
  func see(_ word: UInt64, in round: UInt32) {
    if Int(round) - Int(self.round(word)) > roundLimit { isExceeded = true }
  }
}
