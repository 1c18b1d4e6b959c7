import Differential

// Every operator beside its definition. The definitions are of multisets at one time and know nothing of differences.

/// Every operator, by name. What an operator's parameter chooses is an operator here.
let definedOperators: [(name: String, tested: any DefinedOperator)] = [
  ("map", MapOperator()), ("filter", FilterOperator()), ("flatMap", FlatMapOperator()), ("explode", ExplodeOperator()),
  ("concat", ConcatOperator()), ("negate", NegateOperator()), ("subtract", SubtractOperator()),
  ("inspect and consolidate", PassingOperator()), ("arrangeByKey and arrangeBySelf", ArrangedOperator()),
  ("count", CountOperator()), ("distinct", DistinctOperator()),
  ("distinct, arranged", DistinctOperator(isArranged: true)),
  ("threshold", ThresholdOperator()), ("threshold, arranged", ThresholdOperator(isArranged: true)),
  ("reduce", ReduceOperator()), ("reduce, arranged", ReduceOperator(isArranged: true)), ("min", MinOperator()),
  ("max", TopOperator(count: 1)), ("top(3)", TopOperator(count: 3)), ("sum", SumOperator()), ("join", JoinOperator()),
  ("join of one arrangement", JoinOperator(isShared: true)), ("semijoin", SemijoinOperator()),
  ("antijoin", AntijoinOperator()), ("iterate", IterateOperator()),
  ("prioritizedIterate", IterateOperator(isPrioritized: true)), ("iterate in iterate", NestedIterateOperator()),
]

extension Dictionary where Key == KeyValue, Value == Int {
  /// The values of each key with their multiplicities.
  fileprivate var groups: [UInt8: [UInt8: Int]] {
    Dictionary<UInt8, [(KeyValue, Int)]>(grouping: map { ($0.key, $0.value) }) { $0.0.first }
      .mapValues { Dictionary<UInt8, Int>(uniqueKeysWithValues: $0.map { ($0.0.second, $0.1) }) }
  }
}

private func once<Out: Hashable>(_ records: some Sequence<Out>) -> [Out: Int] {
  [Out: Int](counting: records.map { ($0, 1) })
}

struct MapOperator: DefinedOperator {
  func build<T: Timestamp>(_ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>) -> Multiset<UInt8, T, Int>
  {
    a.map { $0.second / 2 }
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [UInt8: Int] {
    [UInt8: Int](counting: a.map { ($0.key.second / 2, $0.value) })
  }
}

struct FilterOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { a.filter { $0.second > 1 } }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] { a.filter { $0.key.second > 1 } }
}

struct FlatMapOperator: DefinedOperator {
  func build<T: Timestamp>(_ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>) -> Multiset<UInt8, T, Int>
  {
    a.flatMap { 0..<$0.second }
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [UInt8: Int] {
    [UInt8: Int](counting: a.flatMap { entry in (0..<entry.key.second).map { ($0, entry.value) } })
  }
}

struct ExplodeOperator: DefinedOperator {
  func build<T: Timestamp>(_ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>) -> Multiset<UInt8, T, Int>
  {
    a.explode { [($0.first, Int($0.second)), ($0.second, -1)] }
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [UInt8: Int] {
    [UInt8: Int](
      counting: a.flatMap { [($0.key.first, $0.value * Int($0.key.second)), ($0.key.second, -$0.value)] })
  }
}

struct ConcatOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { a.concat(b).concat(a) }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    [KeyValue: Int](counting: [a, b, a].flatMap { $0.map { ($0.key, $0.value) } })
  }
}

struct NegateOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { a.negate() }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] { a.mapValues { -$0 } }
}

struct SubtractOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { a.subtract(b) }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    [KeyValue: Int](counting: a.map { ($0.key, $0.value) } + b.map { ($0.key, -$0.value) })
  }
}

/// `inspect`, `inspectRuns` and `consolidate` leave a collection what it is.
struct PassingOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { a.inspect { _ in }.inspectRuns { _ in }.concat(b).consolidate() }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    [KeyValue: Int](counting: [a, b].flatMap { $0.map { ($0.key, $0.value) } })
  }
}

/// An arrangement read as a collection, by key and by itself, is that collection.
struct ArrangedOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> {
    a.arrangeByKey().asCollection().concat(b.arrangeBySelf().asCollection { key, _ in key })
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    [KeyValue: Int](counting: [a, b].flatMap { $0.map { ($0.key, $0.value) } })
  }
}

struct CountOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<Pair<UInt8, Int>, T, Int> { a.map { $0.first }.count() }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [Pair<UInt8, Int>: Int] {
    once([UInt8: Int](counting: a.map { ($0.key.first, $0.value) }).map { Pair($0.key, $0.value) })
  }
}

struct DistinctOperator: DefinedOperator {
  /// Arranged, it is the same.
  var isArranged = false
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> {
    isArranged ? a.arrangeBySelf().distinctArranged().asCollection { key, _ in key } : a.distinct()
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] { once(a.filter { $0.value > 0 }.keys) }
}

/// The function would answer for records that are not there too: it must not be asked about them.
struct ThresholdOperator: DefinedOperator {
  var isArranged = false
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> {
    let answer = { (_: KeyValue, count: Int) in count * count + 3 }
    return isArranged
      ? a.arrangeBySelf().thresholdArranged(answer).asCollection { key, _ in key } : a.threshold(answer)
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] { a.mapValues { $0 * $0 + 3 } }
}

/// Sees the whole group, so that any wrong one shows, and answers with several results.
struct ReduceOperator: DefinedOperator {
  var isArranged = false
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<Pair<UInt8, Int>, T, Int> {
    let body = { (key: UInt8, group: Group<UInt8, Int>, results: inout Results<Int, Int>) in
      results.append(group.reduce(0) { $0 * 31 + Int($1.value) * 7 + $1.difference })
      results.append(-group.count, group[0].difference)
    }
    return isArranged
      ? a.arrangeByKey().reduceArranged(by: ClosureReduction(body)).asCollection() : a.reduce(body)
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [Pair<UInt8, Int>: Int] {
    [Pair<UInt8, Int>: Int](
      counting: a.groups.flatMap { key, group in
        let values = group.sorted { $0.key < $1.key }
        return [
          (Pair(key, values.reduce(0) { $0 * 31 + Int($1.key) * 7 + $1.value }), 1),
          (Pair(key, -values.count), values[0].value),
        ]
      })
  }
}

struct MinOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { a.min() }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    once(a.filter { $0.value > 0 }.groups.map { Pair($0.key, $0.value.keys.min()!) })
  }
}

/// The greatest values of each key, counted with multiplicity; `max` is the greatest one.
struct TopOperator: DefinedOperator {
  var count: Int
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { count == 1 ? a.max() : a.top(count) }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    let present = a.filter { $0.value > 0 }.groups
    return [KeyValue: Int](
      counting: present.flatMap { key, group in
        let all = group.sorted { $0.key > $1.key }.flatMap { Array(repeating: $0.key, count: $0.value) }
        return all.prefix(count).map { (Pair(key, $0), 1) }
      })
  }
}

struct SumOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<Pair<UInt8, Int>, T, Int> { a.map { Pair($0.first, Int($0.second)) }.sum() }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [Pair<UInt8, Int>: Int] {
    // A key is gone when its records and its sum come to nothing.
    once(
      a.groups.compactMap { key, group in
        let count = group.values.reduce(0, +)
        let sum = group.reduce(0) { $0 + Int($1.key) * $1.value }
        return count == 0 && sum == 0 ? nil : Pair(key, sum)
      })
  }
}

struct JoinOperator: DefinedOperator {
  /// The right side is the left one, and one arrangement is read twice.
  var isShared = false
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<Pair<UInt8, KeyValue>, T, Int> {
    guard isShared else { return a.join(b) { Pair($0, Pair($1, $2)) } }
    let arranged = a.arrangeByKey()
    return arranged.join(arranged) { Pair($0, Pair($1, $2)) }
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [Pair<UInt8, KeyValue>: Int] {
    [Pair<UInt8, KeyValue>: Int](
      counting: a.flatMap { x in
        (isShared ? a : b).filter { $0.key.first == x.key.first }
          .map { y in (Pair(x.key.first, Pair(x.key.second, y.key.second)), x.value * y.value) }
      })
  }
}

struct SemijoinOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { a.semijoin(b.map { $0.first }) }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    let keys = [UInt8: Int](counting: b.map { ($0.key.first, $0.value) })
    return [KeyValue: Int](counting: a.map { ($0.key, $0.value * keys[$0.key.first, default: 0]) })
  }
}

struct AntijoinOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> { a.antijoin(b.map { $0.first }.distinct()) }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    let keys = [UInt8: Int](counting: b.map { ($0.key.first, $0.value) })
    return a.filter { keys[$0.key.first, default: 0] <= 0 }
  }
}

/// What edges lead to from the given starts, by `iterate`: a loop inside all the loops around.
struct IterateOperator: DefinedOperator {
  /// Values enter by their size.
  var isPrioritized = false
  func build<T: Timestamp>(_ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>) -> Multiset<UInt8, T, Int>
  {
    let starts = b.map { $0.second }
    func step<U: Timestamp>(
      _ found: Multiset<UInt8, U, Int>, _ edges: Multiset<KeyValue, U, Int>, _ starts: Multiset<UInt8, U, Int>
    ) -> Multiset<UInt8, U, Int> {
      found.map { Pair($0, Unit()) }.join(edges) { _, _, next in next }.concat(starts).distinct()
    }
    let edges = a.threshold { max($1, 0) }
    let given = starts.distinct()
    return isPrioritized
      ? given.prioritizedIterate(priority: { UInt32($0) * 3 }) { loop, found in
        step(found, edges.enter(loop), given.enterAt(loop) { UInt32($0) * 3 })
      } : given.iterate { loop, found in step(found, edges.enter(loop), given.enter(loop)) }
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [UInt8: Int] {
    let edges = a.filter { $0.value > 0 }.keys
    var found = Set([UInt8: Int](counting: b.map { ($0.key.second, $0.value) }).filter { $0.value > 0 }.keys)
    while true {
      let more = found.union(edges.filter { found.contains($0.first) }.map(\.second))
      if more == found { return once(found) }
      found = more
    }
  }
}

/// A loop in a loop: the pairs that remain when those without a successor are taken out until none is left to take, where a
/// successor is one that edges lead to within the pairs left.
struct NestedIterateOperator: DefinedOperator {
  func build<T: Timestamp>(
    _ a: Multiset<KeyValue, T, Int>, _ b: Multiset<KeyValue, T, Int>
  ) -> Multiset<KeyValue, T, Int> {
    let edges = a.distinct()
    return edges.iterate { outer, kept in
      let all = edges.enter(outer)
      // Inside: all that is reachable from the ends of the kept edges, along them.
      let reached = kept.map { $0.second }.distinct().iterate { inner, found in
        found.map { Pair($0, Unit()) }.join(kept.enter(inner)) { _, _, next in next }
          .concat(kept.map { $0.second }.enter(inner)).distinct()
      }
      return all.semijoin(reached).semijoin(kept.map { $0.first }.distinct())
        .map { Pair($0.second, $0.first) }.semijoin(kept.map { $0.first }.distinct())
        .map { Pair($0.second, $0.first) }
    }
  }
  func define(_ a: [KeyValue: Int], _ b: [KeyValue: Int]) -> [KeyValue: Int] {
    let edges = Set(a.filter { $0.value > 0 }.keys)
    var kept = edges
    while true {
      // What is reachable along the kept edges from their ends is their ends.
      let ends = Set(kept.map(\.second))
      let starts = Set(kept.map(\.first))
      let next = edges.filter { ends.contains($0.first) && starts.contains($0.first) && starts.contains($0.second) }
      if next == kept { return once(kept) }
      kept = next
    }
  }
}
