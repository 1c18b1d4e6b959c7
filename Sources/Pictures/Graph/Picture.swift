/// A graph as it is to be seen: what it shows, and how each part of it went.
package struct Picture: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable, CaseIterable { case source, literal, folder, step, output }

  /// How a part went in the last build. The names are those of style classes.
  package enum State: String, Hashable, Sendable, CaseIterable {
    /// An input, or what holds inputs only.
    case plain
    case run, cached, stale, failed
  }

  package struct Node: Hashable, Sendable {
    package var kind: Kind
    package var label: String
    package var state: State
    /// What is told on hover, line by line.
    package var details: [String]
    /// What it is collapsed into where it has many of its like: a step's name, a file's folder.
    package var group: String

    package init(kind: Kind, label: String, state: State, details: [String], group: String) {
      self.kind = kind
      self.label = label
      self.state = state
      self.details = details
      self.group = group
    }
  }

  package struct Edge: Hashable, Sendable {
    package var from: Int
    package var to: Int

    package init(from: Int, to: Int) {
      self.from = from
      self.to = to
    }
  }

  package var title: String
  package var nodes: [Node]
  package var edges: [Edge]

  package init(title: String, nodes: [Node], edges: [Edge]) {
    self.title = title
    self.nodes = nodes
    self.edges = edges
  }
}

extension Picture.Node {
  /// The group of a step by its label: `Counts` of `Counts[08-ruth.txt]#2`.
  package static func group(ofStep label: String) -> String {
    String(label.prefix { $0 != "[" && $0 != "#" })
  }

  /// The group of a file by its path: its folder.
  package static func group(ofFile path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return String(path[..<slash]) + "/"
  }
}

/// A picture whose large groups are one box each.
package struct Grouping: Sendable {
  package struct Unit: Hashable, Sendable {
    package var label: String
    package var kind: Picture.Kind
    /// Indexes of the picture's nodes, ascending; one for what stands alone.
    package var members: [Int]
    /// The most notable state of a member: what failed before what is stale, and so on.
    package var state: Picture.State

    package var isGroup: Bool { members.count > 1 }
  }

  package private(set) var units: [Unit] = []
  /// Between different units, each pair once, in the order of the picture's edges.
  package private(set) var edges: [(from: Int, to: Int)] = []
  /// The unit of each node.
  package private(set) var unitOf: [Int]

  /// Up to so many nodes a picture is drawn whole.
  package static let wholeLimit = 120
  /// So many of one kind and group become one box.
  package static let groupMinimum = 6

  /// - Parameter expandsAll: No group is collapsed, whatever the size.
  /// - Complexity: O(nodes + edges).
  package init(_ picture: Picture, expandsAll: Bool = false) {
    struct Key: Hashable {
      let kind: Picture.Kind
      let group: String
    }
    var counts: [Key: Int] = [:]
    for node in picture.nodes { counts[Key(kind: node.kind, group: node.group), default: 0] += 1 }
    let collapses = !expandsAll && picture.nodes.count > Self.wholeLimit
    unitOf = []
    unitOf.reserveCapacity(picture.nodes.count)
    var groups: [Key: Int] = [:]
    for (index, node) in picture.nodes.enumerated() {
      let key = Key(kind: node.kind, group: node.group)
      if collapses, counts[key, default: 0] >= Self.groupMinimum {
        if let unit = groups[key] {
          units[unit].members.append(index)
          units[unit].state = max(units[unit].state, node.state)
          unitOf.append(unit)
          continue
        }
        groups[key] = units.count
        unitOf.append(units.count)
        units.append(Unit(label: node.group, kind: node.kind, members: [index], state: node.state))
      } else {
        unitOf.append(units.count)
        units.append(Unit(label: node.label, kind: node.kind, members: [index], state: node.state))
      }
    }
    var seen: Set<Picture.Edge> = []
    for edge in picture.edges {
      let (from, to) = (unitOf[edge.from], unitOf[edge.to])
      if from != to, seen.insert(Picture.Edge(from: from, to: to)).inserted { edges.append((from, to)) }
    }
  }
}

extension Picture.State: Comparable {
  /// How much somebody wants to know of it.
  private var notability: Int {
    switch self {
    case .plain: 0
    case .cached: 1
    case .run: 2
    case .stale: 3
    case .failed: 4
    }
  }

  package static func < (a: Self, b: Self) -> Bool { a.notability < b.notability }
}
