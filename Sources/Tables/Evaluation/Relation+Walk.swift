package import Language

extension Relation {
  /// Calls `body` with it and all that it is made of, each node once, in an order that is the same for relations that are the same.
  ///
  /// - Complexity: O(nodes).
  func visit(_ body: (Relation) -> Void) {
    var seen: Set<ObjectIdentifier> = []
    func visit(_ relation: Relation) {
      guard seen.insert(ObjectIdentifier(relation)).inserted else { return }
      body(relation)
      for child in relation.operation.children { visit(child) }
    }
    visit(self)
  }

  /// The nodes that are files or written in the program.
  var sources: [Relation] {
    var found: [Relation] = []
    visit { relation in
      switch relation.operation {
      case .files, .literal: found.append(relation)
      case .loop, .project, .union, .distinct, .comprehension, .semijoin, .fixpoint: break
      }
    }
    return found
  }

  /// The tables of files that it reads, once for each node.
  package var fileTables: [FileTable] {
    sources.compactMap { source in if case .files(let table) = source.operation { table } else { nil } }
  }
}
