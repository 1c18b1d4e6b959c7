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
