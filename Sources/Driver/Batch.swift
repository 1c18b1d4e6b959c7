import BuildGraph
import Diagnostics
import Ports

/// What steps have made and the state cannot be asked for yet: it counts at once, so that a step that says the same as one that has just
/// run does not run.
struct Uncommitted {
  private(set) var results: [Digest: StepResult] = [:]
  private(set) var derivations: [Digest: Derivation] = [:]
  private(set) var readSets: [Digest: [ReadSet]] = [:]

  mutating func note(_ change: StoreChange) {
    switch change {
    case .setResult(let key, let result): results[key] = result
    case .setDerivation(let key, let derivation): derivations[key] = derivation
    case .addReadSet(let key, let set): readSets[key, default: []].insert(set, at: 0)
    case .setSource, .removeSource, .removeResult, .setVariant, .setDeclaredKey, .setTrace, .addRun, .setOutput,
      .removeOutput,
      .setIntents, .removeIntents, .setHistory, .beginBuild, .endBuild, .setGraph, .updateGraph, .removeGraph:
      return
    }
  }

  /// The state has these now.
  mutating func forget(_ changes: [StoreChange]) {
    for change in changes {
      switch change {
      case .setResult(let key, let result): if results[key] == result { results[key] = nil }
      case .setDerivation(let key, let derivation): if derivations[key] == derivation { derivations[key] = nil }
      case .addReadSet(let key, let set):
        readSets[key]?.removeAll { $0 == set }
        if readSets[key] == [] { readSets[key] = nil }
      case .setSource, .removeSource, .removeResult, .setVariant, .setDeclaredKey, .setTrace, .addRun, .setOutput,
        .removeOutput,
        .setIntents, .removeIntents, .setHistory, .beginBuild, .endBuild, .setGraph, .updateGraph, .removeGraph:
        continue
      }
    }
  }
}

/// Changes of the state that wait for their objects to be durable: one flush and one transaction for many steps.
struct Batch {
  /// A batch is begun to be written when its oldest change is this old.
  static let secondsToWait = 0.1
  /// … or when it has so many changes.
  static let changesToWait = 2_000

  private(set) var changes: [StoreChange] = []
  private(set) var namesObjects = false
  private var since = 0.0

  var isEmpty: Bool { changes.isEmpty }

  mutating func append(_ change: StoreChange, now: Double) {
    if changes.isEmpty { since = now }
    switch change {
    case .setResult, .setOutput, .setGraph, .updateGraph: namesObjects = true
    case .setSource, .removeSource, .removeResult, .setDerivation, .setVariant, .addReadSet, .setDeclaredKey,
      .setTrace, .addRun, .setHistory,
      .removeOutput, .setIntents, .removeIntents, .beginBuild, .endBuild, .removeGraph:
      break
    }
    changes.append(change)
  }

  /// When the batch should go; nil while it is empty.
  func due(now: Double) -> Double? {
    if changes.isEmpty { return nil }
    return changes.count >= Self.changesToWait ? now : since + Self.secondsToWait
  }

  mutating func take() -> (changes: [StoreChange], namesObjects: Bool) {
    defer { self = Batch() }
    return (changes, namesObjects)
  }
}
