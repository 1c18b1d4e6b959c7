/// Something that an evaluation must know before it can go on. Also what the evaluation is recorded to depend on.
package enum Need: Hashable, Sendable {
  /// That a source is there and of its kind. Asked for each source that a program names, demanded or not.
  case presence(SourceID)
  /// Digest and size of a file or folder.
  case artifact(ArtifactReference)
  /// The paths of the files in a folder, recursively. An answer for a source folder does not depend on contents.
  case listing(ArtifactReference)
  /// The bytes of a file, as a value.
  case text(ArtifactReference)
}

/// What became of a ``Need``.
package enum Answer: Hashable, Sendable {
  case present
  case artifact(Artifact)
  /// Relative paths of files, ascending bytewise; folders are not listed.
  case listing([ByteString])
  case text(ByteString)
  /// The source is missing, unreadable or of another kind, or the step failed. The message says which and what to do;
  /// an evaluation turns it into a diagnostic at the place that asked, or drops it where `isReported` says that the
  /// build has told the user already (a failed step).
  case failed(message: String, isReported: Bool)
}

/// A set of needs in which a presence takes a byte: there is one for each source that a program names.
package struct NeedSet: Sendable {
  private var presences: [Bool] = []
  private var others: Set<Need> = []

  package init() {}

  /// - Returns: whether it was not in it.
  package mutating func insert(_ need: Need) -> Bool {
    guard case .presence(let id) = need else { return others.insert(need).inserted }
    let index = Int(id.index)
    if presences.count <= index { presences += repeatElement(false, count: index + 1 - presences.count) }
    defer { presences[index] = true }
    return !presences[index]
  }

  package func contains(_ need: Need) -> Bool {
    guard case .presence(let id) = need else { return others.contains(need) }
    return presences.indices.contains(Int(id.index)) && presences[Int(id.index)]
  }
}

/// Answers by their needs; that a source is there is what most of them say, and takes a byte.
package struct NeedAnswers: Sendable {
  private var present = NeedSet()
  private var others: [Need: Answer] = [:]

  package init() {}

  package subscript(need: Need) -> Answer? { present.contains(need) ? .present : others[need] }

  /// Sets the answer to a need that has none.
  package mutating func add(_ answer: Answer, to need: Need) {
    if case .present = answer, case .presence = need { _ = present.insert(need) } else { others[need] = answer }
  }
}
