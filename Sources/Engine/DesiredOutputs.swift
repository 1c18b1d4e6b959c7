package import BuildGraph

/// One file, link or empty folder that the output tree should hold.
package struct DesiredOutput: Hashable, Sendable {
  package enum Content: Hashable, Sendable {
    /// A file whose bytes are an object.
    case file(Artifact)
    /// A file whose bytes are somewhere else now: a source is no object yet.
    indirect case elsewhere(Artifact, ContentOrigin)
    case link(target: ByteString)
    case emptyFolder

    init(_ artifact: Artifact, at origin: ContentOrigin) {
      if case .object = origin { self = .file(artifact) } else { self = .elsewhere(artifact, origin) }
    }

    /// What the file is; nil of what is none.
    package var file: Artifact? {
      switch self {
      case .file(let artifact), .elsewhere(let artifact, _): artifact
      case .link, .emptyFolder: nil
      }
    }
  }

  package var path: ByteString
  package var content: Content
  package var location: ProgramLocation?

  package init(path: ByteString, content: Content, location: ProgramLocation?) {
    self.path = path
    self.content = content
    self.location = location
  }
}

/// All that the output tree should hold of what could be made, ascending by path.
///
/// Most are files whose bytes are objects and that are entries of their own: these take 32 bytes each, since path and place are those of the
/// entry. A ``DesiredOutput`` is made when it is asked for.
package struct DesiredOutputs: RandomAccessCollection, Sendable {
  private enum Row: Sendable {
    case file(Artifact, entry: UInt32)
    indirect case other(DesiredOutput)
  }

  private let entries: EntryTable
  private var rows: [Row] = []

  package init(_ outputs: [DesiredOutput]) {
    entries = EntryTable()
    rows = outputs.map { .other($0) }
    sortByPath()
  }

  /// - Parameter content: what becomes of an entry; empty where it could not be made.
  init(of entries: EntryTable, _ content: (OutputEntry) -> [DesiredOutput]) {
    self.entries = entries
    rows.reserveCapacity(entries.count)
    for (index, entry) in entries.enumerated() {
      let outputs = content(entry)
      if outputs.count == 1, case .file(let artifact) = outputs[0].content, outputs[0].path == entry.path {
        rows.append(.file(artifact, entry: UInt32(index)))
      } else {
        for output in outputs { rows.append(.other(output)) }
      }
    }
    sortByPath()
  }

  private mutating func sortByPath() {
    // As they mostly are; a second copy is as large as the first.
    var previous = ByteString()
    for position in rows.indices {
      let path = path(at: position)
      guard position == 0 || previous <= path else {
        rows = rows.indices.map { (self.path(at: $0), $0) }.sorted { $0 < $1 }.map { rows[$1] }
        return
      }
      previous = path
    }
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { rows.count }

  /// - Complexity: O(bytes of the path).
  package subscript(position: Int) -> DesiredOutput {
    switch rows[position] {
    case .other(let output): return output
    case .file(let artifact, let index):
      let entry = entries[Int(index)]
      return DesiredOutput(path: entry.path, content: .file(artifact), location: entry.location)
    }
  }

  package func path(at position: Int) -> ByteString {
    switch rows[position] {
    case .other(let output): output.path
    case .file(_, let index): entries[Int(index)].path
    }
  }

  /// Whether something should lie at a path.
  ///
  /// - Complexity: O(log n).
  func contains(path: ByteString) -> Bool {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if self.path(at: middle) < path { low = middle + 1 } else { high = middle }
    }
    return low < rows.count && self.path(at: low) == path
  }
}
