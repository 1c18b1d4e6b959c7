/// What is laid out: boxes, and arrows between them by their indexes. Arrows from a box to itself are left out.
struct Layering {
  /// An arrow as it is drawn: from a lower rank to a higher one.
  struct Link: Hashable {
    var from: Int
    var to: Int
    /// It points the other way: it was turned round to break a cycle.
    var isReversed = false
  }

  private(set) var ranks: [Int]
  private(set) var links: [Link]

  /// Gives each box a rank so that every link goes upward.
  ///
  /// - Complexity: O(boxes + links).
  init(count: Int, edges: [(from: Int, to: Int)]) {
    links = Self.acyclic(count, edges)
    ranks = Self.longestPaths(count, links)
    pullStarts()
  }

  /// Turns round the arrows that lead back to a box that is being visited.
  private static func acyclic(_ count: Int, _ edges: [(from: Int, to: Int)]) -> [Link] {
    let outgoing = Neighbours(count: count, edges.map { ($0.from, $0.to) })
    enum Mark { case new, open, closed }
    var marks = [Mark](repeating: .new, count: count)
    var isBack: Set<Link> = []
    for start in 0..<count where marks[start] == .new {
      // A stack of our own: chains may be long.
      var stack: [(box: Int, next: Int)] = [(start, 0)]
      marks[start] = .open
      while let (box, next) = stack.last {
        let list = outgoing[box]
        guard next < list.count else {
          marks[box] = .closed
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let other = list[list.startIndex + next]
        switch marks[other] {
        case .new:
          marks[other] = .open
          stack.append((other, 0))
        case .open: isBack.insert(Link(from: box, to: other))
        case .closed: break
        }
      }
    }
    var seen: Set<Link> = []
    var links: [Link] = []
    for edge in edges where edge.from != edge.to {
      let isReversed = isBack.contains(Link(from: edge.from, to: edge.to))
      let link =
        isReversed
        ? Link(from: edge.to, to: edge.from, isReversed: true) : Link(from: edge.from, to: edge.to)
      if seen.insert(link).inserted { links.append(link) }
    }
    return links
  }

  private static func longestPaths(_ count: Int, _ links: [Link]) -> [Int] {
    let outgoing = Neighbours(count: count, links.map { ($0.from, $0.to) })
    var missing = [Int](repeating: 0, count: count)
    for link in links { missing[link.to] += 1 }
    var ranks = [Int](repeating: 0, count: count)
    var ready = (0..<count).filter { missing[$0] == 0 }
    var next = 0
    while next < ready.count {
      let box = ready[next]
      next += 1
      for other in outgoing[box] {
        ranks[other] = max(ranks[other], ranks[box] + 1)
        missing[other] -= 1
        if missing[other] == 0 { ready.append(other) }
      }
    }
    return ranks
  }

  /// A box that nothing leads to stands beside the first that it leads to, not at the far left.
  private mutating func pullStarts() {
    var hasIncoming = [Bool](repeating: false, count: ranks.count)
    var nearest = [Int](repeating: .max, count: ranks.count)
    for link in links {
      hasIncoming[link.to] = true
      nearest[link.from] = min(nearest[link.from], ranks[link.to])
    }
    for box in ranks.indices where !hasIncoming[box] && nearest[box] < .max { ranks[box] = nearest[box] - 1 }
  }
}

/// The neighbours of each box, in one array.
struct Neighbours {
  private var starts: [Int]
  private var all: [Int]

  /// In the order of the pairs.
  init(count: Int, _ pairs: [(Int, Int)]) {
    starts = [Int](repeating: 0, count: count + 1)
    for pair in pairs { starts[pair.0 + 1] += 1 }
    for index in 0..<count { starts[index + 1] += starts[index] }
    all = [Int](repeating: 0, count: pairs.count)
    var places = starts
    for pair in pairs {
      all[places[pair.0]] = pair.1
      places[pair.0] += 1
    }
  }

  subscript(box: Int) -> ArraySlice<Int> { all[starts[box]..<starts[box + 1]] }
}
