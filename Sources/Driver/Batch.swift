import BuildGraph
import Diagnostics
import Ports

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
    case .setSource, .removeSource, .removeResult, .setDerivation, .addReadSet, .setDeclaredKey, .setTrace, .addRun,
      .setHistory,
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
