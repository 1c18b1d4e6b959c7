import Language

extension Comprehension {
  /// The same, with generators in an order in which each is joined to those before it where the conditions allow that, and with
  /// each condition at the first place where all that it reads is there.
  ///
  /// What can fail stays behind all conditions that the program has before it: then generators keep their order, and only
  /// conditions that come before the first that can fail move to the front.
  ///
  /// - Complexity: O(generators² · conditions).
  var planned: Comprehension {
    guard generators.count > 1 else { return self }
    let lacking = generators.map(\.lackingColumns)
    func mayFail(_ function: RowFunction) -> Bool {
      function.canFail || function.inputs.contains { lacking[$0.generator].contains($0.column) }
    }
    var firstFailing = conditions.firstIndex { mayFail($0.function) } ?? conditions.count
    var hasLists = false
    for (number, generator) in generators.enumerated() {
      guard case .list(let function) = generator.source else { continue }
      hasLists = true
      if mayFail(function) {
        firstFailing = min(firstFailing, conditions.firstIndex { $0.after > number } ?? conditions.count)
      }
    }
    let isFree = firstFailing == conditions.count && !hasLists
    let order = isFree ? joinOrder() : Array(generators.indices)
    var places = [Int](repeating: 0, count: order.count)
    for (place, generator) in order.enumerated() { places[generator] = place }
    let isSame = order == Array(generators.indices)
    var result = self
    result.generators = order.map { generators[$0] }
    result.head = isSame ? head : head.renumbered(places)
    for (number, condition) in conditions.enumerated() {
      var moved = condition
      if !isSame { moved = condition.renumbered(places) }
      if number < firstFailing {
        moved.after = 1 + (moved.function.inputs.map(\.generator).max() ?? 0)
      }
      result.conditions[number] = moved
    }
    return result
  }

  /// Each time the first generator that is the best to go on with.
  private func joinOrder() -> [Int] {
    var order = [0]
    var rest = Array(generators.indices.dropFirst())
    while !rest.isEmpty {
      let bound = Set(order)
      let best = rest.min { rank($0, bound) < rank($1, bound) }!  // The rest is not empty.
      order.append(best)
      rest.removeAll { $0 == best }
    }
    return order
  }

  /// How late a generator should come when some others are there: a bound by one row, an equality, one row, a product.
  private func rank(_ generator: Int, _ bound: Set<Int>) -> Int {
    for condition in conditions {
      guard let window = condition.window else { continue }
      let sides: [Set<Int>] = [[window.column.generator], window.bound.generators]
      if sides.contains([generator]), sides.contains(where: { !$0.isEmpty && $0.isSubset(of: bound) }) { return 0 }
    }
    for condition in conditions {
      guard let equality = condition.equality else { continue }
      let sides = [equality.left.generators, equality.right.generators]
      if sides[0] == [generator], sides[1].isSubset(of: bound) { return 1 }
      if sides[1] == [generator], sides[0].isSubset(of: bound) { return 1 }
    }
    return generators[generator].isAtMostOneRow ? 2 : 3
  }
}

extension Condition {
  fileprivate func renumbered(_ places: [Int]) -> Condition {
    var result = self
    result.function = function.renumbered(places)
    if var equality {
      equality.left = equality.left.renumbered(places)
      equality.right = equality.right.renumbered(places)
      result.equality = equality
    }
    if var window {
      window.column.generator = places[window.column.generator]
      window.bound = window.bound.renumbered(places)
      result.window = window
    }
    return result
  }
}

extension Generator {
  /// Columns of groups whose reducer may have no value.
  fileprivate var lackingColumns: Set<Int> {
    guard case .groups(let grouping) = source else { return [] }
    let keyWidth = grouping.key.outputs.count
    return Set(grouping.reducers.indices.filter { grouping.reducers[$0].mayLackValue }.map { keyWidth + $0 })
  }
}

extension Reducer {
  fileprivate var mayLackValue: Bool {
    if conditions.contains(where: \.canFail) { return true }
    switch kind {
    case .count, .rows: return false
    case .sum: return true
    case .average(let function): return !conditions.isEmpty || function.canFail || function.outputs[0] != .int
    case .minimum(let function), .maximum(let function): return !conditions.isEmpty || function.canFail
    case .top(let function, count: _, columns: _): return function.canFail
    }
  }
}
