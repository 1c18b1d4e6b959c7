import BuildGraph

/// The edges of a graph, both ways, in a few flat lists: an array for each node would take more than all else that is known of it.
struct EdgeTable {
  fileprivate static let none = UInt32.max

  private var nodes: [Row] = []
  /// By edge, those of a node next to each other.
  private var edges: [Edge] = []

  private struct Row {
    /// Where the edges to its dependencies begin, and how many there are.
    var start: UInt32 = 0
    var count: UInt32 = 0
    /// The first and the last edge from a dependent.
    var first = EdgeTable.none
    var last = EdgeTable.none
  }

  fileprivate struct Edge {
    var dependent: NodeID
    var dependency: NodeID
    /// The next edge to the same dependency.
    var next = EdgeTable.none
  }

  mutating func makeRoom(forMoreNodes added: Int) { nodes.makeRoom(forMore: added) }

  mutating func addNode() { nodes.append(Row()) }

  /// Sets what a node depends on, which must be distinct; once for each node.
  mutating func connect(_ node: NodeID, to dependencies: [NodeID]) {
    nodes[node.position].start = UInt32(edges.count)
    nodes[node.position].count = UInt32(dependencies.count)
    for dependency in dependencies {
      let edge = UInt32(edges.count)
      edges.append(Edge(dependent: node, dependency: dependency))
      let last = nodes[dependency.position].last
      if last == Self.none {
        nodes[dependency.position].first = edge
      } else {
        edges[Int(last)].next = edge
      }
      nodes[dependency.position].last = edge
    }
  }

  /// Distinct, in the order in which they were given.
  func dependencies(of node: NodeID) -> Dependencies {
    let row = nodes[node.position]
    return Dependencies(edges: edges[Int(row.start)..<Int(row.start + row.count)])
  }

  /// Those that depend on a node, in the order in which they were connected.
  func dependents(of node: NodeID) -> Dependents { Dependents(edges: edges, position: nodes[node.position].first) }

  struct Dependencies: RandomAccessCollection {
    fileprivate let edges: ArraySlice<Edge>
    var startIndex: Int { edges.startIndex }
    var endIndex: Int { edges.endIndex }
    subscript(position: Int) -> NodeID { edges[position].dependency }
  }

  struct Dependents: Sequence, IteratorProtocol {
    fileprivate let edges: [Edge]
    fileprivate var position: UInt32

    mutating func next() -> NodeID? {
      if position == EdgeTable.none { return nil }
      let edge = edges[Int(position)]
      position = edge.next
      return edge.dependent
    }
  }
}
