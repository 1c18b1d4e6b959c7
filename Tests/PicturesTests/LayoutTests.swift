import Testing

@testable import Pictures

@Suite struct LayoutTests {
  /// The same numbers on every run.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  private static func random(_ seed: UInt64) -> (sizes: [Layout.Size], edges: [(from: Int, to: Int)]) {
    var numbers = Numbers(state: seed)
    let count = Int.random(in: 1...60, using: &numbers)
    let sizes = (0..<count).map { _ in
      Layout.Size(width: .random(in: 20...200, using: &numbers), height: .random(in: 10...60, using: &numbers))
    }
    // Any direction, so with cycles, doubles and loops.
    let edges = (0..<Int.random(in: 0...(count * 2), using: &numbers)).map { _ in
      (from: Int.random(in: 0..<count, using: &numbers), to: Int.random(in: 0..<count, using: &numbers))
    }
    return (sizes, edges)
  }

  @Test(arguments: 1...60 as ClosedRange<UInt64>)
  func `links lead to higher ranks and boxes of a rank do not overlap`(seed: UInt64) {
    let (sizes, edges) = Self.random(seed)
    let layout = Layout(sizes: sizes, edges: edges)
    for route in layout.routes {
      for (a, b) in zip(route.items, route.items.dropFirst()) { #expect(layout.ranks[a] < layout.ranks[b]) }
      #expect(route.items.first == (route.isReversed ? route.to : route.from))
    }
    for column in layout.columns {
      for (above, below) in zip(column, column.dropFirst()) {
        let gap =
          layout.middles[below] - layout.height(of: below) / 2 - layout.middles[above] - layout.height(of: above) / 2
        #expect(gap >= Layout.rowGap - 1e-6)
      }
    }
    #expect(Set(layout.columns.joined().filter { $0 < sizes.count }) == Set(sizes.indices))
    for box in sizes.indices {
      let corner = layout.corner(of: box)
      #expect(corner.x >= 0 && corner.y >= 0)
      #expect(corner.x + sizes[box].width <= layout.width && corner.y + sizes[box].height <= layout.height)
    }
    // Every arrow between two boxes is drawn once.
    let wanted = Set(edges.filter { $0.from != $0.to }.map { [min($0.from, $0.to), max($0.from, $0.to)] })
    #expect(Set(layout.routes.map { [min($0.from, $0.to), max($0.from, $0.to)] }) == wanted)
  }

  @Test func `a ladder is drawn without crossings and level`() {
    let size = Layout.Size(width: 50, height: 20)
    // Two chains whose members come in turn, the second one's in the opposite order.
    let layout = Layout(
      sizes: [Layout.Size](repeating: size, count: 6), edges: [(0, 3), (1, 2), (3, 4), (2, 5)])
    for route in layout.routes { #expect(Set(layout.points(of: route).map(\.y)).count == 1) }
  }

  @Test func `an input stands beside its first reader`() {
    let size = Layout.Size(width: 50, height: 20)
    let layout = Layout(sizes: [Layout.Size](repeating: size, count: 4), edges: [(0, 1), (1, 2), (3, 2)])
    #expect(layout.ranks[3] == 1)
  }

  @Test func `the regression keeps the order and shares what is wished twice`() {
    #expect(Layout.ascending([(1, 1), (5, 1), (3, 1), (9, 1)]) == [1, 4, 4, 9])
    #expect(Layout.ascending([(3, 1), (2, 1), (1, 1)]) == [2, 2, 2])
    #expect(Layout.ascending([(0, 1), (8, 3), (4, 1)]) == [0, 7, 7])
    #expect(Layout.ascending([]).isEmpty)
  }

  @Test func `nothing at all has a layout`() {
    let layout = Layout(sizes: [], edges: [])
    #expect(layout.columns.isEmpty && layout.routes.isEmpty)
  }

  @Test func `a genome that a long chain reads makes joints for the near readers only`() {
    let count = 3_000
    var edges: [(from: Int, to: Int)] = (1..<count).map { (from: $0, to: $0 + 1) }
    edges += (1...count).map { (from: 0, to: $0) }
    let layout = Layout(sizes: [Layout.Size](repeating: .init(width: 50, height: 20), count: count + 1), edges: edges)
    let joints = layout.columns.reduce(0) { $0 + $1.count } - count - 1
    #expect(joints <= Ordering.longestJointedSpan * Ordering.longestJointedSpan)
  }
}
