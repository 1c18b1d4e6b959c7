package import BuildGraph
package import Diagnostics

/// The graph of one (program, targets, parameters, configuration) as the state keeps it, read page by page as it is asked for.
///
/// What it tells is as of the build that saved it. Not for use by two threads at once, and only while the store is open; a commit by
/// somebody else makes it old, not wrong: see ``GraphHeader/serial``.
///
/// Every method throws `damaged` where a page is missing or is not what was written; the graph is then of no use, and a build makes
/// another.
package final class PersistedGraph {
  package let key: Digest
  package private(set) var header: GraphHeader
  private let store: any Store
  private var pages: [GraphPage: [UInt8]] = [:]
  private var knownDirectory: GraphDirectory?
  /// How many nodes' definitions were read.
  package private(set) var nodesRead = 0

  /// - Returns: nil where the state has no graph of that key, or one of another version.
  package init?(in store: any Store, key: Digest) throws(SystemError) {
    guard let bytes = try store.graphPages(of: key, [.header])[.header] else { return nil }
    guard let header = GraphHeader(encoded: bytes) else { return nil }
    self.key = key
    self.store = store
    self.header = header
  }

  // MARK: Pages

  private static func damage() -> SystemError {
    SystemError(.damaged, "the graph of the last build is damaged; building without it")
  }

  private func load(_ wanted: some Sequence<GraphPage>) throws(SystemError) {
    let missing = Set(wanted).filter { pages[$0] == nil }.sorted()
    guard !missing.isEmpty else { return }
    let found = try store.graphPages(of: key, missing)
    for page in missing {
      guard let bytes = found[page] else { throw Self.damage() }
      pages[page] = bytes
    }
  }

  private func list(_ page: GraphPage) throws(SystemError) -> ListPage {
    if pages[page] == nil { try load(CollectionOfOne(page)) }
    guard let bytes = pages[page], let list = ListPage(bytes) else { throw Self.damage() }
    return list
  }

  /// Takes over pages that have just been committed, and the header among them.
  package func note(_ committed: [GraphPage: [UInt8]]) {
    for (page, bytes) in committed {
      if page == .header {
        if let header = GraphHeader(encoded: bytes) { self.header = header }
      } else {
        pages[page] = bytes
      }
    }
  }

  // MARK: Nodes

  /// All nodes of a kind, in the order of the program; inputs of a step come before it.
  package func nodes(of kind: GraphNodeKind) -> [GraphNode] {
    (0..<UInt32(header.count(of: kind))).map { GraphNode(kind, $0) }
  }

  private func reader(_ node: GraphNode, in page: GraphPage) throws(SystemError) -> BinaryReader {
    guard let reader = try list(page).reader(at: Int(node.index % GraphPage.nodesPerPage)) else { throw Self.damage() }
    return reader
  }

  /// Reads the pages of many nodes in one go, for what is asked about them next.
  ///
  /// - Complexity: one row a page of 32 nodes.
  package func prefetch(_ nodes: [GraphNode], states: Bool = false) throws(SystemError) {
    if states {
      try load(nodes.lazy.map(GraphPage.state(of:)))
    } else {
      try load(nodes.lazy.map(GraphPage.definition(of:)))
    }
  }

  package func definition(of node: GraphNode) throws(SystemError) -> NodeDefinition {
    var reader = try reader(node, in: .definition(of: node))
    nodesRead += 1
    guard let definition = NodeDefinition(decoding: &reader), reader.isAtEnd else { throw Self.damage() }
    return placed(definition)
  }

  /// With the lines of the program as it is now.
  private func placed(_ definition: NodeDefinition) -> NodeDefinition {
    var definition = definition
    switch definition.content {
    case .source(var source):
      source.location = header.current(source.location)
      definition.content = .source(source)
    case .step(var step, let frame):
      step.location = header.current(step.location)
      definition.content = .step(step, frame)
    case .literal, .assembly: break
    }
    return definition
  }

  /// The steps and assemblies that have a node among their inputs, ascending.
  package func dependents(of node: GraphNode) throws(SystemError) -> [GraphNode] {
    var reader = try reader(node, in: .definition(of: node))
    guard let dependents = NodeDefinition.readDependents(from: &reader) else { throw Self.damage() }
    return dependents
  }

  package func state(of node: GraphNode) throws(SystemError) -> NodeState {
    var reader = try reader(node, in: .state(of: node))
    guard let state = NodeState(decoding: &reader), reader.isAtEnd else { throw Self.damage() }
    return state
  }

  /// All that rests on some nodes, they themselves included, ascending; without the steps that nothing rests on that is wanted.
  ///
  /// - Complexity: O(the nodes and their edges).
  package func closure(over roots: [GraphNode]) throws(SystemError) -> [GraphNode] {
    var seen = Set(roots)
    var frontier = roots
    while !frontier.isEmpty {
      try prefetch(frontier)
      var next: [GraphNode] = []
      for node in frontier {
        for dependent in try dependents(of: node) where seen.insert(dependent).inserted { next.append(dependent) }
      }
      try prefetch(next, states: true)
      frontier = []
      for node in next {
        if case .step = node, try state(of: node) == .unwanted {
          seen.remove(node)
        } else {
          frontier.append(node)
        }
      }
    }
    return seen.sorted()
  }

  // MARK: Paths

  private func directory() throws(SystemError) -> GraphDirectory {
    if let knownDirectory { return knownDirectory }
    try load(CollectionOfOne(.directory))
    guard let bytes = pages[.directory], let directory = GraphDirectory(encoded: bytes) else { throw Self.damage() }
    knownDirectory = directory
    return directory
  }

  /// The index of the last of ascending elements that are not above a limit, by `isAbove`; nil where all are.
  private func last<Element>(of list: [Element], isAbove: (Element) -> Bool) -> Int? {
    var low = 0
    var high = list.count
    while low < high {
      let middle = (low + high) / 2
      if isAbove(list[middle]) { high = middle } else { low = middle + 1 }
    }
    return low == 0 ? nil : low - 1
  }

  /// The sources that are named by a path: a file and a folder may have the same.
  ///
  /// - Complexity: O(log paths), one page.
  package func sources(at path: Path) throws(SystemError) -> [SourceID] {
    // Those of one path may begin on the page before.
    guard let page = last(of: try directory().paths, isAbove: { $0 > path }) else { return [] }
    var found: [SourceID] = []
    for number in max(0, page - 1)...page {
      let list = try list(GraphPage(.paths, UInt32(number)))
      for index in 0..<list.count {
        guard let indexed = list.value(at: index, { IndexedPath(decoding: &$0) }) else { throw Self.damage() }
        if indexed.path == path { found.append(indexed.source) }
      }
    }
    return found
  }

  /// The sources that hold a path: itself, and the folders that it lies in.
  ///
  /// - Complexity: O(depth · log paths).
  package func sources(holding path: Path) throws(SystemError) -> [SourceID] {
    var found = try sources(at: path)
    var rest = path.bytes.bytes[...]
    while !rest.isEmpty {
      rest = rest[..<(rest.lastIndex(of: UInt8(ascii: "/")) ?? rest.startIndex)]
      let folder = Path(root: path.root, ByteString(bytes: Array(rest)))
      for id in try sources(at: folder) {
        guard case .source(let source) = try definition(of: .source(id)).content else { throw Self.damage() }
        if source.kind == .folder { found.append(id) }
      }
    }
    return found
  }

  /// The output entry of exactly this path.
  package func entry(at path: ByteString) throws(SystemError) -> OutputEntry? {
    guard let page = last(of: try directory().entries, isAbove: { $0 > path }) else { return nil }
    let list = try list(GraphPage(.entries, UInt32(page)))
    for index in 0..<list.count {
      let entry = try entry(list, index)
      if entry.path == path { return entry }
    }
    return nil
  }

  private func entry(_ list: ListPage, _ index: Int) throws(SystemError) -> OutputEntry {
    guard var entry = list.value(at: index, { OutputEntry(decoding: &$0) }) else { throw Self.damage() }
    entry.location = header.current(entry.location)
    return entry
  }

  /// The entry that a path of the output tree belongs to: its own, or that of a folder that it lies in.
  package func entry(holding path: ByteString) throws(SystemError) -> OutputEntry? {
    if let entry = try entry(at: path) { return entry }
    var rest = path.bytes[...]
    while !rest.isEmpty {
      rest = rest[..<(rest.lastIndex(of: UInt8(ascii: "/")) ?? rest.startIndex)]
      if let entry = try entry(at: ByteString(bytes: Array(rest))), entry.kind == .folder { return entry }
    }
    return nil
  }

  /// Whether another entry lies below a path.
  package func hasEntry(below path: ByteString) throws(SystemError) -> Bool {
    let prefix = path.isEmpty ? [] : path.bytes + [UInt8(ascii: "/")]
    let firsts = try directory().entries
    let limit = ByteString(bytes: prefix)
    var page = last(of: firsts, isAbove: { $0 > limit }) ?? 0
    while page < firsts.count {
      let list = try list(GraphPage(.entries, UInt32(page)))
      for index in 0..<list.count {
        let entry = try entry(list, index)
        if entry.path == path || entry.path < limit { continue }
        return entry.path.bytes.starts(with: prefix)
      }
      page += 1
    }
    return false
  }

  /// All output entries, ascending by path.
  package func entries() throws(SystemError) -> [OutputEntry] {
    let count = try directory().entries.count
    try load((0..<UInt32(count)).lazy.map { GraphPage(.entries, $0) })
    var result: [OutputEntry] = []
    for page in 0..<count {
      let list = try list(GraphPage(.entries, UInt32(page)))
      for index in 0..<list.count { result.append(try entry(list, index)) }
    }
    return result
  }

  /// The pages that hold the states of some nodes, with these states set.
  package func pages(settingStates states: [GraphNode: NodeState]) throws(SystemError) -> [GraphPage: [UInt8]] {
    var pages: [GraphPage: [UInt8]] = [:]
    let nodes = states.keys.sorted()
    try prefetch(nodes, states: true)
    var start = 0
    while start < nodes.count {
      let page = GraphPage.state(of: nodes[start])
      var end = start + 1
      while end < nodes.count, GraphPage.state(of: nodes[end]) == page { end += 1 }
      let first = page.number * GraphPage.nodesPerPage
      var all: [NodeState] = []
      for index in 0..<(try list(page).count) {
        all.append(try state(of: GraphNode(nodes[start].kind, first + UInt32(index))))
      }
      for node in nodes[start..<end] {
        guard let state = states[node], Int(node.index - first) < all.count else { throw Self.damage() }
        all[Int(node.index - first)] = state
      }
      pages[page] = ListPage.encode(count: all.count) { all[$0].encode(into: &$1) }
      start = end
    }
    return pages
  }

  /// Reads every page, so that what is asked next asks the store for nothing: for those who visit all nodes.
  package func loadAll() throws(SystemError) {
    for kind in GraphNodeKind.allCases {
      try prefetch(nodes(of: kind))
      try prefetch(nodes(of: kind), states: true)
    }
  }
}
