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
package struct Publication: Sendable {
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

  /// Outputs are named by their positions among ``desired``: a first build has as many actions as outputs.
  package enum Action: Hashable, Sendable {
    /// Move aside what lies there (or on the way): the user made or edited it.
    case displace(ByteString)
    /// Nothing of ours is there now.
    case write(output: Int)
    /// - Parameter old: what is ours there now, for the intent.
    indirect case replace(output: Int, old: Artifact)
    indirect case remove(ByteString, old: Artifact)
    /// It is there already: take note of it.
    case adopt(output: Int)
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

  package let desired: DesiredOutputs
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
    desired: DesiredOutputs, kept: [ByteString], owner: (ByteString) -> ByteString, owners: Set<ByteString>,
    claims: [ByteString: Claim], looks: [ByteString: TreeContent], isForced: Bool
  ) {
    self.desired = desired
    checkPaths()
    // A first build has nothing to compare with.
    let wantedPaths = claims.isEmpty ? [] : Set(desired.lazy.map(\.path))
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
    let folders = removals.isEmpty ? [] : Set(desired.lazy.flatMap { Self.ancestors(of: $0.path) })
    let isInTheWay = { (action: Action) -> Bool in
      guard let path = Self.path(of: action) else { return false }
      return folders.contains(path) || Self.ancestors(of: path).contains(where: wantedPaths.contains)
    }
    actions = removals.filter(isInTheWay)
    // Most outputs are either all to be written, as in a first build, or all there.
    if claims.isEmpty { actions.reserveCapacity(desired.count) }
    for (position, output) in desired.enumerated() {
      plan(position, output, owner(output.path), claims[output.path], looks, removed: removed, isForced)
    }
    actions += removals.filter { !isInTheWay($0) }
    if !refusals.isEmpty { actions = [] }
  }

  private static func path(of action: Action) -> ByteString? {
    switch action {
    case .displace(let path), .remove(let path, _), .forget(let path): return path
    case .write, .replace, .adopt: return nil
    }
  }

  private mutating func checkPaths() {
    for (first, second) in zip(desired, desired.dropFirst()) where first.path == second.path {
      refusals.append(.twice(path: first.path, first: first.location, second: second.location))
    }
    // Many lie in one folder.
    var folder: ArraySlice<UInt8> = []
    var filesOnTheWay: [ByteString] = []
    for output in desired {
      let path = output.path.bytes
      let parent = path[..<(path.lastIndex(of: UInt8(ascii: "/")) ?? 0)]
      if parent != folder {
        folder = parent
        filesOnTheWay = Self.ancestors(of: output.path).filter { desired.contains(path: $0) }
      }
      for file in filesOnTheWay { refusals.append(.fileAndFolder(file: file, inside: output.path)) }
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
    _ position: Int, _ output: DesiredOutput, _ owner: ByteString, _ claim: Claim?,
    _ looks: [ByteString: TreeContent], removed: Set<ByteString>, _ isForced: Bool
  ) {
    if let claim, claim.owner != owner, claim.isSettled {
      refusals.append(.twoOwners(path: output.path, other: claim.owner))
      return
    }
    switch looks[output.path] ?? .missing {
    case .missing: actions.append(.write(output: position))
    case .holds(let artifact):
      if artifact == output.artifact {
        // What a crash kept from being noted is in an intent only, and intents are dropped afterwards.
        if claim?.isSettled != true || claim?.artifacts.first != artifact { actions.append(.adopt(output: position)) }
      } else if let claim, claim.artifacts.contains(artifact) {
        actions.append(.replace(output: position, old: artifact))
      } else if claim?.isSettled == true || isForced {
        actions += [.displace(output.path), .write(output: position)]
      } else {
        refusals.append(.foreign(path: output.path, wanted: output.path))
      }
    case .folder:
      if output.artifact == DesiredOutput.emptyFolder {
        if removed.contains(where: { Self.isAt($0, orBelow: output.path) }) {
          // It may go with the last thing in it.
          actions.append(.write(output: position))
        } else if claim?.isSettled != true {
          // What somebody put into it is not ours, and the folder is there.
          actions.append(.adopt(output: position))
        }
        return
      }
      moveAside(position, output.path, removed: removed, isForced)
    case .other: refuseOrDisplace(output.path, for: position, isForced)
    case .blocked(let path):
      if removed.contains(path) {
        actions.append(.write(output: position))
      } else {
        refuseOrDisplace(path, for: position, isForced)
      }
    }
  }

  /// A folder where a file is meant: it goes if all that it holds is ours and goes as well.
  private mutating func moveAside(
    _ position: Int, _ folder: ByteString, removed: Set<ByteString>, _ isForced: Bool
  ) {
    // Whether anything foreign is inside shows when the removals have been done: the folder is then gone, or the write fails.
    if removed.contains(where: { Self.isAt($0, orBelow: folder) }) {
      actions.append(.write(output: position))
    } else {
      refuseOrDisplace(folder, for: position, isForced)
    }
  }

  private mutating func refuseOrDisplace(_ path: ByteString, for position: Int, _ isForced: Bool) {
    guard isForced else { return refusals.append(.foreign(path: path, wanted: desired.path(at: position))) }
    if !actions.contains(.displace(path)) { actions.append(.displace(path)) }
    actions.append(.write(output: position))
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
