/// A map as a persistent tree, balanced by weight, ascending by key.
///
/// - Complexity: look-up and insertion O(log n); merging m pairs into n, the smaller of O(m log n) and O(m + n); from sorted
///   pairs O(n).
package final class MapNode {
  package typealias Pair = (key: Value, value: Value)

  package let key: Value
  package let value: Value
  package let left: MapNode?
  package let right: MapNode?
  package let count: Int

  private init(_ left: MapNode?, _ key: Value, _ value: Value, _ right: MapNode?) {
    self.left = left
    self.key = key
    self.value = value
    self.right = right
    count = 1 + Self.count(left) + Self.count(right)
  }

  static func count(_ node: MapNode?) -> Int { node?.count ?? 0 }

  static func lookUp(_ key: Value, in root: MapNode?) -> Value? {
    var node = root
    while let here = node {
      let order = Value.compareKeys(key, here.key)
      if order == 0 { return here.value }
      node = order < 0 ? here.left : here.right
    }
    return nil
  }

  static func inserting(_ key: Value, _ value: Value, into node: MapNode?) -> MapNode {
    guard let node else { return MapNode(nil, key, value, nil) }
    let order = Value.compareKeys(key, node.key)
    if order == 0 { return MapNode(node.left, key, value, node.right) }
    if order < 0 { return balanced(inserting(key, value, into: node.left), node.key, node.value, node.right) }
    return balanced(node.left, node.key, node.value, inserting(key, value, into: node.right))
  }

  /// The pairs of both; where both have a key, those of `b`.
  static func merging(_ a: MapNode?, _ b: MapNode?) -> MapNode? {
    guard let a else { return b }
    guard let b else { return a }
    let logarithm = Int.bitWidth - max(a.count, b.count).leadingZeroBitCount
    if b.count * logarithm < a.count {
      var result = a
      forEach(in: b) { result = inserting($0, $1, into: result) }
      return result
    }
    if a.count * logarithm < b.count {
      var result = b
      forEach(in: a) { if lookUp($0, in: b) == nil { result = inserting($0, $1, into: result) } }
      return result
    }
    return fromSorted(merged(pairs(of: a), pairs(of: b)))
  }

  private static func merged(_ a: [Pair], _ b: [Pair]) -> [Pair] {
    var result: [Pair] = []
    result.reserveCapacity(a.count + b.count)
    var i = 0
    var j = 0
    while i < a.count, j < b.count {
      let order = Value.compareKeys(a[i].key, b[j].key)
      if order < 0 {
        result.append(a[i])
        i += 1
      } else {
        if order == 0 { i += 1 }
        result.append(b[j])
        j += 1
      }
    }
    result.append(contentsOf: a[i...])
    result.append(contentsOf: b[j...])
    return result
  }

  /// A map of pairs in any order; of equal keys the last wins.
  ///
  /// - Complexity: O(n log n), O(n) if they ascend already.
  static func fromPairs(_ pairs: [Pair]) -> MapNode? {
    var ascends = true
    for index in pairs.indices.dropFirst()
    where Value.compareKeys(pairs[index - 1].key, pairs[index].key) >= 0 {
      ascends = false
      break
    }
    if ascends { return fromSorted(pairs) }
    let sorted = pairs.enumerated().sorted {
      let order = Value.compareKeys($0.element.key, $1.element.key)
      return order != 0 ? order < 0 : $0.offset < $1.offset
    }
    var distinct: [Pair] = []
    distinct.reserveCapacity(sorted.count)
    for (_, pair) in sorted {
      if let last = distinct.last, Value.compareKeys(last.key, pair.key) == 0 { distinct.removeLast() }
      distinct.append(pair)
    }
    return fromSorted(distinct)
  }

  /// - Precondition: keys ascend and are distinct.
  static func fromSorted(_ pairs: [Pair]) -> MapNode? { build(pairs, 0, pairs.count) }

  private static func build(_ pairs: [Pair], _ lower: Int, _ upper: Int) -> MapNode? {
    guard lower < upper else { return nil }
    let middle = (lower + upper) / 2
    return MapNode(
      build(pairs, lower, middle), pairs[middle].key, pairs[middle].value, build(pairs, middle + 1, upper))
  }

  /// All pairs, ascending.
  package static func pairs(of root: MapNode?) -> [Pair] {
    var result: [Pair] = []
    result.reserveCapacity(count(root))
    forEach(in: root) { result.append(($0, $1)) }
    return result
  }

  /// Visits the pairs in ascending order. The recursion is as deep as the tree, which is balanced.
  package static func forEach<Failure: Error>(
    in node: MapNode?, _ body: (Value, Value) throws(Failure) -> Void
  ) throws(Failure) {
    guard let node else { return }
    try forEach(in: node.left, body)
    try body(node.key, node.value)
    try forEach(in: node.right, body)
  }

  /// The same keys with other values.
  static func mapValues(of node: MapNode?, _ transform: (Value) -> Value) -> MapNode? {
    guard let node else { return nil }
    let left = mapValues(of: node.left, transform)
    let value = transform(node.value)
    return MapNode(left, node.key, value, mapValues(of: node.right, transform))
  }

  // Weight-balanced trees with the parameters (3, 2), for which insertion is proved to keep the balance.
  private static func balanced(_ left: MapNode?, _ key: Value, _ value: Value, _ right: MapNode?) -> MapNode {
    let leftWeight = count(left) + 1
    let rightWeight = count(right) + 1
    if let right, rightWeight > 3 * leftWeight {
      if count(right.left) + 1 < 2 * (count(right.right) + 1) {
        return MapNode(MapNode(left, key, value, right.left), right.key, right.value, right.right)
      }
      if let pivot = right.left {
        return MapNode(
          MapNode(left, key, value, pivot.left), pivot.key, pivot.value,
          MapNode(pivot.right, right.key, right.value, right.right))
      }
    }
    if let left, leftWeight > 3 * rightWeight {
      if count(left.right) + 1 < 2 * (count(left.left) + 1) {
        return MapNode(left.left, left.key, left.value, MapNode(left.right, key, value, right))
      }
      if let pivot = left.right {
        return MapNode(
          MapNode(left.left, left.key, left.value, pivot.left), pivot.key, pivot.value,
          MapNode(pivot.right, key, value, right))
      }
    }
    return MapNode(left, key, value, right)
  }
}
