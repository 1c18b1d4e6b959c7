/// Names one page of a persisted graph. Pages are what the state stores: opaque to it, and rewritten only where they differ.
package struct GraphPage: Hashable, Comparable, Sendable {
  package var section: GraphSection
  package var number: UInt32

  package init(_ section: GraphSection, _ number: UInt32) {
    self.section = section
    self.number = number
  }

  /// The page with a node's definition.
  package static func definition(of node: GraphNode) -> GraphPage {
    GraphPage(GraphSection.definitions(of: node.kind), node.index / GraphPage.nodesPerPage)
  }

  /// The page with a node's state.
  package static func state(of node: GraphNode) -> GraphPage {
    GraphPage(GraphSection.states(of: node.kind), node.index / GraphPage.nodesPerPage)
  }

  package static let header = GraphPage(.header, 0)
  package static let directory = GraphPage(.directory, 0)

  /// How many nodes share a page: enough that a page is worth a row, few enough that one node is cheap to change.
  package static let nodesPerPage: UInt32 = 32
  /// How many paths share a page of an index.
  package static let pathsPerPage = 64

  package static func < (a: Self, b: Self) -> Bool {
    (a.section.rawValue, a.number) < (b.section.rawValue, b.number)
  }
}

/// The numbers are stored: never reuse one.
package enum GraphSection: UInt8, Hashable, Sendable, CaseIterable {
  case header = 0
  /// The first path of each page of the two indexes.
  case directory = 1
  /// Sources by path.
  case paths = 2
  /// Output entries by path.
  case entries = 3
  case sourceDefinitions = 4
  case literalDefinitions = 5
  case assemblyDefinitions = 6
  case stepDefinitions = 7
  case sourceStates = 8
  case literalStates = 9
  case assemblyStates = 10
  case stepStates = 11

  static func definitions(of kind: GraphNodeKind) -> GraphSection {
    switch kind {
    case .source: .sourceDefinitions
    case .literal: .literalDefinitions
    case .assembly: .assemblyDefinitions
    case .step: .stepDefinitions
    }
  }

  static func states(of kind: GraphNodeKind) -> GraphSection {
    switch kind {
    case .source: .sourceStates
    case .literal: .literalStates
    case .assembly: .assemblyStates
    case .step: .stepStates
    }
  }
}

/// A page that holds a list of values: their number (2 bytes), the offset of each one's end among the values (4 bytes each),
/// then the values. One value can be read without the others.
package struct ListPage {
  package static func encode(count: Int, _ value: (Int, inout BinaryWriter) -> Void) -> [UInt8] {
    var values = BinaryWriter(reserving: count * 256)
    var ends: [UInt32] = []
    ends.reserveCapacity(count)
    for index in 0..<count {
      value(index, &values)
      ends.append(UInt32(values.bytes.count))
    }
    var page = BinaryWriter(reserving: 2 + count * 4 + values.bytes.count)
    page.write(UInt16(count))
    for end in ends { page.write(end) }
    page.append(values.bytes)
    return page.bytes
  }

  private let bytes: [UInt8]
  package let count: Int

  /// Nil where the bytes end too early.
  package init?(_ bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    guard let count = reader.readUInt16(), reader.remaining >= Int(count) * 4 else { return nil }
    self.bytes = bytes
    self.count = Int(count)
  }

  /// A reader of one value, or nil where there is none.
  package func reader(at index: Int) -> BinaryReader? {
    guard index >= 0, index < count else { return nil }
    func end(_ index: Int) -> Int {
      var reader = BinaryReader(bytes, in: (2 + index * 4)..<(6 + index * 4))
      return Int(reader.readUInt32() ?? 0)
    }
    let start = 2 + count * 4
    let (from, to) = (index == 0 ? 0 : end(index - 1), end(index))
    guard from <= to, start + to <= bytes.count else { return nil }
    return BinaryReader(bytes, in: (start + from)..<(start + to))
  }

  /// All of one value, read to its end.
  package func value<Value>(at index: Int, _ read: (inout BinaryReader) -> Value?) -> Value? {
    guard var reader = reader(at: index), let value = read(&reader), reader.isAtEnd else { return nil }
    return value
  }
}

/// Which page of an index holds a path: the first path of each.
package struct GraphDirectory: Hashable, Sendable {
  /// Of the pages of ``GraphSection/paths``.
  package var paths: [Path]
  /// Of the pages of ``GraphSection/entries``.
  package var entries: [ByteString]

  package init(paths: [Path] = [], entries: [ByteString] = []) {
    self.paths = paths
    self.entries = entries
  }

  package var encoded: [UInt8] {
    var writer = BinaryWriter(reserving: (paths.count + entries.count) * 40)
    writer.write(compact: paths.count)
    for path in paths { writer.write(path) }
    writer.write(compact: entries.count)
    for path in entries { writer.write(compact: path) }
    return writer.bytes
  }

  package init?(encoded bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    guard let paths = reader.readList({ $0.readPath() }),
      let entries = reader.readList({ $0.readCompactByteString() }), reader.isAtEnd
    else { return nil }
    self.init(paths: paths, entries: entries)
  }
}

/// A source under its path, as the index holds it.
package struct IndexedPath: Hashable, Sendable {
  package var path: Path
  package var source: SourceID

  package init(path: Path, source: SourceID) {
    self.path = path
    self.source = source
  }

  package func encode(into writer: inout BinaryWriter) {
    writer.write(path)
    writer.write(compact: UInt64(source.index))
  }

  package init?(decoding reader: inout BinaryReader) {
    guard let path = reader.readPath(), let source = reader.readCompactUInt32() else { return nil }
    self.init(path: path, source: SourceID(index: source))
  }
}
