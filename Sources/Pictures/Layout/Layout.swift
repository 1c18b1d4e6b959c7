/// Where the boxes of a layered drawing are: ranks from left to right, in each the boxes from top to bottom.
///
/// Sugiyama's method: cycles are broken, boxes ranked, crossings reduced by barycenters, and places found so that links are
/// nearly straight. See <doc:Pictures>.
package struct Layout: Sendable {
  package struct Size: Hashable, Sendable {
    package var width: Double
    package var height: Double

    package init(width: Double, height: Double) {
      self.width = width
      self.height = height
    }
  }

  package struct Point: Hashable, Sendable {
    package var x: Double
    package var y: Double
  }

  /// An arrow, as it is drawn.
  package struct Route: Hashable, Sendable {
    package var from: Int
    package var to: Int
    /// Items in ascending ranks, from one end to the other; those that are not boxes are joints.
    package var items: [Int]
    /// It points from the last item to the first.
    package var isReversed: Bool
  }

  /// Items from top to bottom in each rank. Those below the count of boxes are boxes, the others joints of long arrows.
  package private(set) var columns: [[Int]]
  /// The middle of each item, from above.
  package private(set) var middles: [Double]
  /// The left side of each rank.
  package private(set) var lefts: [Double]
  package private(set) var widths: [Double]
  package private(set) var routes: [Route]
  package private(set) var width: Double
  package private(set) var height: Double
  /// The rank of each item.
  package private(set) var ranks: [Int]
  private let sizes: [Size]

  package static let rowGap = 8.0
  package static let jointHeight = 6.0
  package static let margin = 16.0

  /// - Complexity: near linear: O((boxes + joints) log) for a fixed number of sweeps.
  package init(sizes: [Size], edges: [(from: Int, to: Int)]) {
    let layering = Layering(count: sizes.count, edges: edges)
    let ordering = Ordering(layering)
    self.sizes = sizes
    columns = ordering.columns
    routes = zip(layering.links, ordering.routes).map { link, route in
      Route(
        from: link.isReversed ? link.to : link.from, to: link.isReversed ? link.from : link.to, items: route,
        isReversed: link.isReversed)
    }
    let itemCount = columns.reduce(0) { $0 + $1.count }
    ranks = [Int](repeating: 0, count: itemCount)
    for (rank, column) in columns.enumerated() { for item in column { ranks[item] = rank } }
    middles = [Double](repeating: 0, count: itemCount)
    lefts = []
    widths = []
    width = 0
    height = 0
    place(ordering)
    spread(ordering)
  }

  package func height(of item: Int) -> Double { item < sizes.count ? sizes[item].height : Self.jointHeight }

  // MARK: From top to bottom

  private mutating func place(_ ordering: Ordering) {
    for column in columns {
      var y = 0.0
      for item in column {
        middles[item] = y + height(of: item) / 2
        y += height(of: item) + Self.rowGap
      }
    }
    for sweep in 0..<8 {
      let isForward = sweep % 2 == 0
      for rank in isForward ? Array(columns.indices) : columns.indices.reversed() {
        straighten(rank, isForward ? ordering.left : ordering.right, ordering.boxCount)
      }
    }
    let top = zip(middles.indices, middles).map { $1 - height(of: $0) / 2 }.min() ?? 0
    for item in middles.indices { middles[item] += Self.margin - top }
    height = (zip(middles.indices, middles).map { $1 + height(of: $0) / 2 }.max() ?? 0) + Self.margin
  }

  /// Brings each item of a rank as near to the middle of its neighbours as the order and the gaps allow.
  private mutating func straighten(_ rank: Int, _ neighbours: Neighbours, _ boxCount: Int) {
    let column = columns[rank]
    guard !column.isEmpty else { return }
    var wishes: [(place: Double, weight: Double)] = []
    var offset = 0.0
    var offsets: [Double] = []
    for (index, item) in column.enumerated() {
      if index > 0 { offset += (height(of: column[index - 1]) + height(of: item)) / 2 + Self.rowGap }
      offsets.append(offset)
      let others = neighbours[item]
      // Joints want their arrow straight more than boxes want to be in the middle.
      let wish = others.isEmpty ? middles[item] : others.reduce(0) { $0 + middles[$1] } / Double(others.count)
      wishes.append((wish - offset, others.isEmpty ? 0.2 : item >= boxCount ? 4 : 1))
    }
    for (index, place) in Self.ascending(wishes).enumerated() { middles[column[index]] = place + offsets[index] }
  }

  /// The ascending places with the least sum of weighted squares of distances from what is wished: neighbours that would be out of
  /// order share their mean.
  ///
  /// - Complexity: O(n).
  static func ascending(_ wishes: [(place: Double, weight: Double)]) -> [Double] {
    var blocks: [(sum: Double, weight: Double, count: Int)] = []
    for wish in wishes {
      blocks.append((wish.place * wish.weight, wish.weight, 1))
      while blocks.count > 1 {
        let (last, before) = (blocks[blocks.count - 1], blocks[blocks.count - 2])
        guard last.sum / last.weight < before.sum / before.weight else { break }
        blocks.removeLast(2)
        blocks.append((before.sum + last.sum, before.weight + last.weight, before.count + last.count))
      }
    }
    return blocks.flatMap { [Double](repeating: $0.sum / $0.weight, count: $0.count) }
  }

  // MARK: From left to right

  private mutating func spread(_ ordering: Ordering) {
    var x = Self.margin
    for (rank, column) in columns.enumerated() {
      let widest = column.filter { $0 < sizes.count }.map { sizes[$0].width }.max() ?? 0
      lefts.append(x)
      widths.append(widest)
      let links = column.reduce(0) { $0 + ordering.right[$1].count }
      // Many arrows need room to turn.
      x += widest + (rank + 1 < columns.count ? min(120, 36 + Double(links) * 1.5) : Self.margin)
    }
    width = x
  }

  // MARK: What is drawn

  /// The left upper corner of a box, which stands in the middle of its rank.
  package func corner(of box: Int) -> Point {
    let rank = ranks[box]
    return Point(x: lefts[rank], y: middles[box] - sizes[box].height / 2)
  }

  package func size(of box: Int) -> Size { sizes[box] }

  /// The points that an arrow goes through, in the direction of ascending ranks.
  package func points(of route: Route) -> [Point] {
    var points: [Point] = []
    for (index, item) in route.items.enumerated() {
      let rank = ranks[item]
      let isFirst = index == 0
      let isLast = index == route.items.count - 1
      let boxWidth = item < sizes.count ? sizes[item].width : widths[rank]
      if !isFirst { points.append(Point(x: lefts[rank], y: middles[item])) }
      if !isLast { points.append(Point(x: lefts[rank] + boxWidth, y: middles[item])) }
    }
    return points
  }
}
