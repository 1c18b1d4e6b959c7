package import BuildGraph

/// What lies at a place of the output tree, as a content that can be compared.
package enum TreeContent: Hashable, Sendable {
  case missing
  /// A file, or a link or an empty folder by ``DesiredOutput/artifact`` of its kind.
  case holds(Artifact)
  /// A folder with something in it.
  case folder
  /// Nothing that Reflow makes: a device, a socket.
  case other
  /// Something that is no folder lies on the way, at this path.
  case blocked(by: ByteString)
}

extension DesiredOutput {
  /// The content as it is owned: a link and an empty folder have artifacts of their own.
  package var artifact: Artifact {
    switch content {
    case .file(let artifact), .elsewhere(let artifact, _): return artifact
    case .link(let target): return Self.link(to: target)
    case .emptyFolder: return Self.emptyFolder
    }
  }

  package static func link(to target: ByteString) -> Artifact {
    var manifest = DigestManifest()
    manifest.write(.path, target)
    return Artifact(digest: manifest.finish(), size: Int64(target.count))
  }

  package static let emptyFolder = FolderManifest(entries: []).artifact
}

/// Decides how the output tree is brought to what it should be (see <doc:Engine>, "Publishing"). Pure: the driver looks first
/// and acts afterwards.
package struct Publication: Hashable, Sendable {
  /// What the state says about a path: a finished write, or one that was begun.
  package struct Claim: Hashable, Sendable {
    package var owner: ByteString
    /// Contents that would be ours if they lay there; where it is settled, first the one that the state holds.
    package var artifacts: [Artifact]
    /// Whether the state holds it as a finished output.
    package var isSettled: Bool

    package init(owner: ByteString, artifacts: [Artifact], isSettled: Bool) {
      self.owner = owner
      self.artifacts = artifacts
      self.isSettled = isSettled
    }
  }

  package enum Action: Hashable, Sendable {
    /// Move aside what lies there (or on the way): the user made or edited it.
    case displace(ByteString)
    /// - Parameter old: what is ours there now, for the intent.
    case write(DesiredOutput, old: Artifact?)
    case remove(ByteString, old: Artifact)
    /// It is there already: take note of it.
    case adopt(DesiredOutput)
    /// Nothing of ours is there any more: forget it.
    case forget(ByteString)
  }

  package enum Refusal: Hashable, Sendable {
    /// A file that Reflow did not make is in the way.
    case foreign(path: ByteString, wanted: ByteString)
    case twoOwners(path: ByteString, other: ByteString)
    case twice(path: ByteString, first: ProgramLocation?, second: ProgramLocation?)
    /// One output would have to be a file and a folder.
    case fileAndFolder(file: ByteString, inside: ByteString)
  }

  /// In the order in which to do them.
  package var actions: [Action] = []
  /// If there are any, nothing is done.
  package var refusals: [Refusal] = []
  /// Claimed paths that stay as they are because what belongs there could not be made.
  package private(set) var left: Set<ByteString> = []

  /// - Parameters:
  ///   - desired: What the tree should hold of what could be made.
  ///   - kept: Outputs that could not be made: what lies there, and below, stays.
  ///   - owner: Whose an output is, by its path.
  ///   - claims: Everything that the state says of the tree.
  ///   - looks: What lies at each desired and each claimed path; what is not in it is missing.
  /// - Complexity: O(n log n) in desired outputs and claims.
  package init(
    desired: [DesiredOutput], kept: [ByteString], owner: (ByteString) -> ByteString, owners: Set<ByteString>,
    claims: [ByteString: Claim], looks: [ByteString: TreeContent], isForced: Bool
  ) {
    // As they mostly are; a second copy is as large as the first.
    let isSorted = zip(desired, desired.dropFirst()).allSatisfy { $0.path <= $1.path }
    let wanted = isSorted ? desired : desired.sorted { $0.path < $1.path }
    let wantedPaths = Set(wanted.lazy.map(\.path))
    checkPaths(wanted, wantedPaths)
    let keptPaths = Set(kept)
    func isKept(_ path: ByteString) -> Bool {
      keptPaths.contains(path) || keptPaths.contains("") || Self.ancestors(of: path).contains(where: keptPaths.contains)
    }
    let stale =
      claims
      .filter { owners.contains($0.value.owner) && !wantedPaths.contains($0.key) && !isKept($0.key) }
      .sorted { $0.key < $1.key }
    left = Set(claims.keys.filter { !wantedPaths.contains($0) && isKept($0) })
    var removals: [Action] = []
    var removed: Set<ByteString> = []
    for (path, claim) in stale {
      let action = Self.removal(of: path, claim, looks[path] ?? .missing)
      removals.append(action)
      removed.insert(path)
    }
    // A file that has become a folder, or the other way round, must go before what replaces it; the rest after.
    let folders = removals.isEmpty ? [] : Set(wanted.lazy.flatMap { Self.ancestors(of: $0.path) })
    let isInTheWay = { (action: Action) -> Bool in
      guard let path = Self.path(of: action) else { return false }
      return folders.contains(path) || Self.ancestors(of: path).contains(where: wantedPaths.contains)
    }
    actions = removals.filter(isInTheWay)
    // Most outputs are either all to be written, as in a first build, or all there.
    if claims.isEmpty { actions.reserveCapacity(wanted.count) }
    for output in wanted {
      plan(output, owner(output.path), claims[output.path], looks, removed: removed, claims, isForced)
    }
    actions += removals.filter { !isInTheWay($0) }
    if !refusals.isEmpty { actions = [] }
  }

  private static func path(of action: Action) -> ByteString? {
    switch action {
    case .displace(let path), .remove(let path, _), .forget(let path): return path
    case .write, .adopt: return nil
    }
  }

  private mutating func checkPaths(_ wanted: [DesiredOutput], _ files: Set<ByteString>) {
    for (first, second) in zip(wanted, wanted.dropFirst()) where first.path == second.path {
      refusals.append(.twice(path: first.path, first: first.location, second: second.location))
    }
    for output in wanted {
      for folder in Self.ancestors(of: output.path) where files.contains(folder) {
        refusals.append(.fileAndFolder(file: folder, inside: output.path))
      }
    }
  }

  private static func removal(of path: ByteString, _ claim: Claim, _ look: TreeContent) -> Action {
    switch look {
    case .missing, .blocked, .folder, .other: return .forget(path)
    case .holds(let artifact):
      if claim.artifacts.contains(artifact) { return .remove(path, old: artifact) }
      // Begun and never finished, and now somebody else's.
      return claim.isSettled ? .displace(path) : .forget(path)
    }
  }

  private mutating func plan(
    _ output: DesiredOutput, _ owner: ByteString, _ claim: Claim?, _ looks: [ByteString: TreeContent],
    removed: Set<ByteString>, _ claims: [ByteString: Claim], _ isForced: Bool
  ) {
    if let claim, claim.owner != owner, claim.isSettled {
      refusals.append(.twoOwners(path: output.path, other: claim.owner))
      return
    }
    switch looks[output.path] ?? .missing {
    case .missing: actions.append(.write(output, old: nil))
    case .holds(let artifact):
      if artifact == output.artifact {
        // What a crash kept from being noted is in an intent only, and intents are dropped afterwards.
        if claim?.isSettled != true || claim?.artifacts.first != artifact { actions.append(.adopt(output)) }
      } else if let claim, claim.artifacts.contains(artifact) {
        actions.append(.write(output, old: artifact))
      } else if claim?.isSettled == true || isForced {
        actions += [.displace(output.path), .write(output, old: nil)]
      } else {
        refusals.append(.foreign(path: output.path, wanted: output.path))
      }
    case .folder:
      if output.artifact == DesiredOutput.emptyFolder {
        if removed.contains(where: { Self.isAt($0, orBelow: output.path) }) {
          // It may go with the last thing in it.
          actions.append(.write(output, old: nil))
        } else if claim?.isSettled != true {
          // What somebody put into it is not ours, and the folder is there.
          actions.append(.adopt(output))
        }
        return
      }
      moveAside(output.path, for: output, removed: removed, claims, looks, isForced)
    case .other: refuseOrDisplace(output.path, for: output, isForced)
    case .blocked(let path):
      if removed.contains(path) {
        actions.append(.write(output, old: nil))
      } else {
        refuseOrDisplace(path, for: output, isForced)
      }
    }
  }

  /// A folder where a file is meant: it goes if all that it holds is ours and goes as well.
  private mutating func moveAside(
    _ folder: ByteString, for output: DesiredOutput, removed: Set<ByteString>, _ claims: [ByteString: Claim],
    _ looks: [ByteString: TreeContent], _ isForced: Bool
  ) {
    // Whether anything foreign is inside shows when the removals have been done: the folder is then gone, or the write fails.
    if removed.contains(where: { Self.isAt($0, orBelow: folder) }) {
      actions.append(.write(output, old: nil))
    } else {
      refuseOrDisplace(folder, for: output, isForced)
    }
  }

  private mutating func refuseOrDisplace(_ path: ByteString, for output: DesiredOutput, _ isForced: Bool) {
    guard isForced else { return refusals.append(.foreign(path: path, wanted: output.path)) }
    if !actions.contains(.displace(path)) { actions.append(.displace(path)) }
    actions.append(.write(output, old: nil))
  }

  // MARK: Paths

  package static func isAt(_ path: ByteString, orBelow folder: ByteString) -> Bool {
    folder.isEmpty || path == folder || path.bytes.starts(with: folder.bytes + [UInt8(ascii: "/")])
  }

  /// The folders that a path lies in, below the tree's root.
  package static func ancestors(of path: ByteString) -> [ByteString] {
    path.bytes.indices.filter { path.bytes[$0] == UInt8(ascii: "/") }.map {
      ByteString(bytes: Array(path.bytes[..<$0]))
    }
  }
}
