import BuildGraph
import Diagnostics
import Ports

/// A graph of which a part can be built: that of the last build, or that of a program which was evaluated again beside it.
///
/// Every method throws `damaged` where the state's graph is not what was written.
protocol PlannedGraph: AnyObject {
  var header: GraphHeader { get }
  /// Nodes of which the last build knows nothing, and that are wanted.
  var fresh: [GraphNode] { get }
  /// Whether an evaluation has just said all of this: what it says of the program's files and of tables needs no proof.
  var isEvaluated: Bool { get }
  /// Sources that only grow, as far as that is known.
  var growing: Set<SourceID> { get }

  /// Makes ready what is asked about many nodes next.
  func prefetch(_ nodes: [GraphNode], states: Bool) throws(SystemError)
  func definition(of node: GraphNode) throws(SystemError) -> NodeDefinition
  func state(of node: GraphNode) throws(SystemError) -> NodeState
  /// All that rests on some nodes and is wanted, they themselves included, ascending.
  func closure(over roots: [GraphNode]) throws(SystemError) -> [GraphNode]
  /// The sources that hold a path: itself, and the folders that it lies in.
  func sources(holding path: Path) throws(SystemError) -> [SourceID]
  func entry(at path: ByteString) throws(SystemError) -> OutputEntry?
  /// The entry that a path of the output tree belongs to.
  func entry(holding path: ByteString) throws(SystemError) -> OutputEntry?
  func hasEntry(below path: ByteString) throws(SystemError) -> Bool
}

extension PersistedGraph: PlannedGraph {
  var fresh: [GraphNode] { [] }
  var isEvaluated: Bool { false }
  var growing: Set<SourceID> { [] }
}
