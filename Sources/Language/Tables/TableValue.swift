import BuildGraph

/// A table as a value: what it is made of. Its rows are nowhere in an evaluation.
package final class TableValue {
  enum Content {
    case relation(Relation)
    case groups(GroupedTable)
  }

  let content: Content
  /// The file that it becomes in the output tree, once it is on its way there.
  let exported: ArtifactReference?

  init(_ content: Content, exported: ArtifactReference? = nil) {
    self.content = content
    self.exported = exported
  }

  var key: Digest {
    switch content {
    case .relation(let relation): relation.key
    case .groups(let groups): groups.key
    }
  }
}

/// `group(t, f)`, until a comprehension says what it wants to know of the groups.
struct GroupedTable {
  /// With the columns of its static type.
  var input: Relation
  /// Makes the words of the key.
  var keyFunction: RowFunction
  var keyType: Type

  var key: Digest {
    var manifest = DigestManifest()
    manifest.write(.name, "group")
    manifest.write(.identity, input.key)
    manifest.write(.identity, keyFunction.key)
    return manifest.finish()
  }
}
