package import BuildGraph

/// What a run came to.
package struct Tally: Hashable, Sendable {
  /// Steps that the demanded outputs rest on, whether they had to be looked at or not.
  package var steps = 0
  /// Those of them that have run, however often.
  package var run = 0
  package var failed = 0
  /// Steps that never came to run, behind a failure or an interruption.
  package var notRun = 0

  package init() {}

  package var cached: Int { max(0, steps - run - failed - notRun) }
}

extension BuildEngine {
  /// - Complexity: O(steps).
  package var tally: Tally {
    var tally = Tally()
    for (index, node) in graph.stepNodes.enumerated() where progress[node].isKeyDemanded {
      tally.steps += 1
      switch progress.steps[index].state {
      case .failed: tally.failed += 1
      case .blocked, .cancelled, .queued, .running, .runningStale, .exporting, .exportingStale, .awaitingInputs,
        .lookingUpReadSets,
        .lookingUpResult, .lookingUpDerivation:
        tally.notRun += 1
      case .idle: tally.notRun += progress[node].isDemanded ? 1 : 0
      case .done, .wouldRun: tally.run += progress.steps[index].hasRun ? 1 : 0
      }
    }
    return tally
  }

  /// The steps that run, or as far as is known will have to.
  ///
  /// - Complexity: O(steps).
  package var stepsAhead: [StepID] {
    var ahead: [StepID] = []
    for (index, step) in progress.steps.enumerated() {
      switch step.state {
      case .awaitingInputs, .lookingUpReadSets, .lookingUpResult, .queued, .running, .runningStale:
        ahead.append(StepID(index: UInt32(index)))
      case .idle, .lookingUpDerivation, .exporting, .exportingStale, .done, .failed, .blocked, .cancelled, .wouldRun:
        continue
      }
    }
    return ahead
  }

  /// Seconds of the longest chain of steps that begins with this one.
  package func rank(of step: StepID) -> Double { graph.ranks[Int(step.index)] }

  /// Whether something that was demanded cannot be had.
  package var hasFailures: Bool {
    progress.failedSteps > 0 || (!options.isDryRun && !missingOutputs.isEmpty)
  }

  /// The declared outputs that could not be made in this run; what lies there stays.
  package var missingOutputs: [OutputEntry] {
    progress.outputs.filter { !canMake($0) }
  }

  /// All that the output tree should hold of what could be made.
  ///
  /// - Complexity: O(files in the tree), and n log n in entries that do not ascend by path.
  package var desiredOutputs: DesiredOutputs { DesiredOutputs(of: progress.outputs) { desired(for: $0) } }

  private func canMake(_ entry: OutputEntry) -> Bool {
    guard let artifact = artifact(of: entry.reference), origin(of: entry.reference) != nil else { return false }
    return artifact.kind == .file || manifest(of: artifact) != nil
  }

  private func desired(for entry: OutputEntry) -> [DesiredOutput] {
    guard let artifact = artifact(of: entry.reference), let origin = origin(of: entry.reference) else { return [] }
    switch artifact.kind {
    case .file:
      return [DesiredOutput(path: entry.path, content: .init(artifact, at: origin), location: entry.location)]
    case .folder:
      guard let manifest = manifest(of: artifact) else { return [] }
      if manifest.entries.isEmpty, !entry.path.isEmpty {
        return [DesiredOutput(path: entry.path, content: .emptyFolder, location: entry.location)]
      }
      return manifest.entries.map { file in
        let path = entry.path.isEmpty ? file.path : entry.path + "/" + file.path
        return DesiredOutput(
          path: path, content: content(of: file, in: origin), location: entry.location)
      }
    }
  }

  private func content(of entry: FolderManifest.Entry, in folder: ContentOrigin) -> DesiredOutput.Content {
    switch entry.content {
    case .file(let artifact): return .init(artifact, at: folder.member(entry.path, artifact))
    case .link(let target): return .link(target: target)
    case .emptyFolder: return .emptyFolder
    }
  }
}

extension ContentOrigin {
  /// Where a file of a folder lies.
  func member(_ path: ByteString, _ artifact: Artifact) -> ContentOrigin {
    switch self {
    case .source(let folder): return .source(folder.appending(path))
    case .object: return .object(artifact)
    case .view(let members):
      if let exact = Self.find(path, in: members) { return exact.origin }
      for folder in Publication.ancestors(of: path) {
        guard let member = Self.find(folder, in: members) else { continue }
        return member.origin.member(ByteString(bytes: Array(path.bytes[(folder.count + 1)...])), artifact)
      }
      return .object(artifact)
    }
  }

  /// - Precondition: members ascend by path.
  private static func find(_ path: ByteString, in members: [ViewMember]) -> ViewMember? {
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      if members[middle].path < path { low = middle + 1 } else { high = middle }
    }
    return low < members.count && members[low].path == path ? members[low] : nil
  }
}
