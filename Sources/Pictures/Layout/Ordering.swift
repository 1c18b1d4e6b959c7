/// The boxes of each rank from top to bottom, with few crossings of links between neighbouring ranks.
///
/// A link over several ranks goes through a joint in each rank between, which takes part in the ordering as a box does.
struct Ordering {
  /// Boxes are below `boxCount`; joints come behind.
  let boxCount: Int
  private(set) var columns: [[Int]]
  /// For each link of the layering, what it goes through: its ends, and the joints between.
  let routes: [[Int]]
  let left: Neighbours
  let right: Neighbours

  /// A link over more ranks than this has no joints: a genome that a thousand ranks read must not make a thousand joints for each.
  static let longestJointedSpan = 12

  /// - Complexity: O((boxes + joints) log, times a fixed number of sweeps).
  init(_ layering: Layering) {
    let boxCount = layering.ranks.count
    self.boxCount = boxCount
    var rankOf = layering.ranks
    var routes: [[Int]] = []
    var pairs: [(Int, Int)] = []
    for link in layering.links {
      var route = [link.from]
      let (first, last) = (layering.ranks[link.from], layering.ranks[link.to])
      if last - first > 1, last - first <= Self.longestJointedSpan {
        for rank in (first + 1)..<last {
          route.append(rankOf.count)
          rankOf.append(rank)
        }
      }
      route.append(link.to)
      if last - first <= Self.longestJointedSpan {
        for (a, b) in zip(route, route.dropFirst()) { pairs.append((a, b)) }
      }
      routes.append(route)
    }
    self.routes = routes
    right = Neighbours(count: rankOf.count, pairs)
    left = Neighbours(count: rankOf.count, pairs.map { ($0.1, $0.0) })
    columns = [[Int]](repeating: [], count: (rankOf.max() ?? -1) + 1)
    for item in Self.visitOrder(rankOf.count, boxCount, left, right) { columns[rankOf[item]].append(item) }
    reduceCrossings(itemCount: rankOf.count)
  }

  /// What hangs together is visited together, so that it begins side by side.
  private static func visitOrder(_ count: Int, _ boxCount: Int, _ left: Neighbours, _ right: Neighbours) -> [Int] {
    var order: [Int] = []
    order.reserveCapacity(count)
    var isSeen = [Bool](repeating: false, count: count)
    for start in 0..<boxCount where !isSeen[start] {
      var stack = [start]
      isSeen[start] = true
      while let item = stack.popLast() {
        order.append(item)
        for other in right[item].reversed() where !isSeen[other] {
          isSeen[other] = true
          stack.append(other)
        }
        for other in left[item].reversed() where !isSeen[other] {
          isSeen[other] = true
          stack.append(other)
        }
      }
    }
    return order
  }

  private mutating func reduceCrossings(itemCount: Int) {
    guard columns.count > 1 else { return }
    let sweeps = itemCount > 20_000 ? 4 : 12
    var places = [Int](repeating: 0, count: itemCount)
    func note(_ column: [Int]) { for (place, item) in column.enumerated() { places[item] = place } }
    for column in columns { note(column) }
    var best = columns
    var fewest = crossings(places)
    for sweep in 0..<sweeps where fewest > 0 {
      let isForward = sweep % 2 == 0
      let order = isForward ? Array(1..<columns.count) : Array((0..<(columns.count - 1)).reversed())
      for rank in order {
        let neighbours = isForward ? left : right
        let keys = columns[rank].map { item in
          (item: item, key: Self.mean(neighbours[item], places) ?? Double(places[item]))
        }
        // Equal keys keep their order: the sort of the library is stable in practice, and this makes it sure.
        columns[rank] = keys.enumerated().sorted {
          ($0.element.key, $0.offset) < ($1.element.key, $1.offset)
        }.map(\.element.item)
        note(columns[rank])
      }
      let now = crossings(places)
      if now < fewest { (best, fewest) = (columns, now) }
    }
    columns = best
  }

  private static func mean(_ items: ArraySlice<Int>, _ places: [Int]) -> Double? {
    items.isEmpty ? nil : Double(items.reduce(0) { $0 + places[$1] }) / Double(items.count)
  }

  /// How many pairs of links between neighbouring ranks cross.
  ///
  /// - Complexity: O(links log).
  private func crossings(_ places: [Int]) -> Int {
    var total = 0
    for rank in 0..<(columns.count - 1) {
      let width = columns[rank + 1].count
      // Counts, of the links seen so far, those that end above a place.
      var tree = [Int](repeating: 0, count: width + 1)
      var seen = 0
      for item in columns[rank] {
        let ends = right[item].map { places[$0] }.sorted()
        for end in ends {
          var (index, notBelow) = (end + 1, 0)
          while index > 0 {
            notBelow += tree[index]
            index -= index & -index
          }
          total += seen - notBelow
        }
        for end in ends {
          var index = end + 1
          while index <= width {
            tree[index] += 1
            index += index & -index
          }
        }
        seen += ends.count
      }
    }
    return total
  }
}
