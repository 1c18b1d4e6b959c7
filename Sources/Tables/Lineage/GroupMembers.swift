import Language

/// The rows of groups that what a comprehension made of them rests on.
///
/// A count, a sum or an average rests on all rows that its conditions let pass; a minimum or maximum on those that have it; the first
/// rows, and rows that a further generator goes through one by one, on themselves. Where only the key is asked for, on all.
struct GroupMembers {
  private let grouping: Grouping
  private let evaluation: Evaluation
  private let groups: RowList
  /// By reducer: where a generator goes through its rows one by one, and nothing else looks at them, by group those that count.
  private var chosen: [Int: [Int: RowIndex]] = [:]

  /// - Parameters:
  ///   - number: which generator of the comprehension the groups are.
  ///   - sources: by generator: its rows.
  ///   - bindings: those that count; of each, the number of a row for each generator.
  init(
    _ grouping: Grouping, _ comprehension: Comprehension, _ number: Int, _ sources: [RowList], _ bindings: [Int],
    _ evaluation: Evaluation
  ) {
    self.grouping = grouping
    self.evaluation = evaluation
    groups = sources[number]
    for (reducer, generator) in Self.iterated(grouping, comprehension, number) {
      let elements = sources[generator]
      var rows: [Int: RowIndex] = [:]
      for start in stride(from: 0, to: bindings.count, by: comprehension.generators.count) {
        Array(elements[bindings[start + generator]]).withUnsafeBufferPointer { element in
          guard let element = element.baseAddress else { return }
          _ = rows[bindings[start + number], default: RowIndex(width: elements.width)].insert(element)
        }
      }
      chosen[reducer] = rows
    }
  }

  /// The reducers whose rows one list generator goes through as they are, and that nothing else reads.
  private static func iterated(
    _ grouping: Grouping, _ comprehension: Comprehension, _ number: Int
  ) -> [(reducer: Int, generator: Int)] {
    var readers: [RowFunction] = comprehension.conditions.map(\.function) + [comprehension.head]
    var lists: [(generator: Int, function: RowFunction)] = []
    for (index, generator) in comprehension.generators.enumerated() {
      guard case .list(let function) = generator.source else { continue }
      readers.append(function)
      lists.append((index, function))
    }
    var result: [(reducer: Int, generator: Int)] = []
    for (index, reducer) in grouping.reducers.enumerated() {
      let columns: [Int]
      switch reducer.kind {
      case .rows(let all), .top(_, count: _, columns: let all): columns = all
      case .count, .sum, .average, .minimum, .maximum: continue
      }
      let place = RowFunction.Input(
        generator: number, column: grouping.key.outputs.count + index, kind: reducer.column)
      let kinds = columns.map { grouping.input.columns[$0].kind }
      let using = readers.filter { $0.inputs.contains(place) }
      guard using.count == 1, let list = lists.first(where: { $0.function === using[0] }),
        list.function.inputs.allSatisfy({ $0 == place || $0.generator == number && $0.column < place.column - index }),
        list.function.outputs == kinds
      else { continue }
      result.append((index, list.generator))
    }
    return result
  }

  /// - Parameters:
  ///   - wanted: the groups, by number.
  ///   - input: the table that is grouped.
  /// - Returns: the rows of these groups that count, with duplicates.
  func words(of wanted: Set<Int>, in input: RowList) -> [UInt64] {
    let width = grouping.key.outputs.count
    var keys = RowIndex(width: width)
    var numbers: [Int] = []
    for group in wanted {
      Array(groups[group].prefix(width)).withUnsafeBufferPointer { key in
        guard let key = key.baseAddress else { return }
        _ = keys.insert(key)
        numbers.append(group)
      }
    }
    let key = BoundFunction(grouping.key, evaluation.evaluator)
    var members: [Int: [UInt64]] = [:]
    let all = input.words(where: { row in
      guard case .success(let words) = key.apply({ row[$0.column] }), let number = keys.number(of: words) else {
        return false
      }
      members[numbers[number], default: []].append(contentsOf: row)
      return true
    })
    guard !grouping.reducers.isEmpty else { return all }
    var result: [UInt64] = []
    for (group, words) in members { result += counted(words, of: group, input.kinds) }
    return result
  }

  /// Of a group's rows those that some reducer counts.
  private func counted(_ words: [UInt64], of group: Int, _ kinds: [ColumnKind]) -> [UInt64] {
    var tests: [(UnsafeBufferPointer<UInt64>) -> Bool] = []
    for (index, reducer) in grouping.reducers.enumerated() {
      let value = groups[group][groups[group].startIndex + grouping.key.outputs.count + index]
      let test = test(reducer, value, chosen[index].map { $0[group] ?? RowIndex(width: 1) })
      let conditions = reducer.conditions.map { BoundFunction($0, evaluation.evaluator) }
      tests.append { row in
        for condition in conditions {
          // A row that has no value for a condition spoils the result: it counts.
          if case .success(let word) = condition.apply({ row[$0.column] }), word[0] == 0 { return false }
        }
        return test(row)
      }
    }
    var rows = RowList(kinds)
    rows.words = words
    let counted = rows.words { row in tests.contains { $0(row) } }
    return counted.isEmpty ? words : counted
  }

  private func test(
    _ reducer: Reducer, _ value: UInt64, _ chosen: RowIndex?
  ) -> (UnsafeBufferPointer<UInt64>) -> Bool {
    switch reducer.kind {
    case .count, .sum, .average: return { _ in true }
    case .minimum(let function), .maximum(let function):
      let bound = BoundFunction(function, evaluation.evaluator)
      return { row in
        guard case .success(let word) = bound.apply({ row[$0.column] }) else { return true }
        return word[0] == value
      }
    case .rows(let columns):
      guard let chosen else { return { _ in true } }
      return { row in columns.map { row[$0] }.withUnsafeBufferPointer { chosen.holds($0) } }
    case .top(_, count: _, let columns):
      var first = RowIndex(width: columns.count)
      _ = RowCoding.forEachRow(
        in: evaluation.strings.bytes(value), columns.map { grouping.input.columns[$0].kind }, evaluation.strings
      ) { _ = first.insert($0) }
      let found = chosen ?? first
      return { row in columns.map { row[$0] }.withUnsafeBufferPointer { found.holds($0) } }
    }
  }
}
