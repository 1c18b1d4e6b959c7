/// Why a step is run. Compares with the time when the step was last brought up to date.
///
/// Two words: it waits with each step, and mostly says that the step was never built.
package enum Reason: Hashable, Sendable {
  /// An input whose content differs from last time.
  package struct Change: Hashable, Sendable {
    /// As people know it: a source's path, or the step that makes it.
    package var name: String
    /// Nil where it was no input then.
    package var old: Digest?
    package var new: Digest
    /// How many other inputs differ as well.
    package var others: Int

    package init(name: String, old: Digest?, new: Digest, others: Int) {
      self.name = name
      self.old = old
      self.new = new
      self.others = others
    }
  }

  case neverBuilt
  indirect case inputChanged(Change)
  case commandChanged(Set<CommandKey.Part>)
  /// The one step of its name reads others than it did: the first that it did not read then, nil where it only reads fewer.
  indirect case otherInputs(first: String?, others: Int, areAdded: Bool)
  /// It was built with exactly these inputs, but what it made is no longer in the cache.
  case resultGone
  /// The result in the cache was made outside the sandbox, and `--sandbox=strict` wants none such.
  case notSandboxed
  /// What lies at the place that it copies to is not what it would put there.
  case destinationDiffers
  /// In a dry run: a step whose outputs it reads would run, and may make something else.
  indirect case inputWouldRun(name: String)
  /// A source changed while the step ran, so that what it made was thrown away.
  indirect case inputChangedWhileRunning(name: String)
  /// The last attempt failed, and the step asks for more.
  indirect case retry(attempt: Int, of: Int)

  package var description: String {
    switch self {
    case .neverBuilt: return "never built"
    case .inputChanged(let change):
      let others = change.others == 0 ? "" : " and \(change.others) more"
      return "input \(change.name) changed\(others)"
    case .commandChanged(let parts):
      let names = CommandKey.Part.allCases.filter(parts.contains).map { "\($0)" }
      return names == ["template"] ? "command changed" : "command changed (\(names.joined(separator: ", ")))"
    case .otherInputs(nil, _, _): return "fewer inputs"
    case .otherInputs(let first?, let others, let areAdded):
      let more = others == 0 ? "" : " and \(others) more"
      return areAdded ? "new input \(first)\(more)" : "other inputs: \(first)\(more)"
    case .resultGone: return "result is gone from the cache"
    case .notSandboxed: return "cached result was made outside the sandbox"
    case .destinationDiffers: return "destination differs"
    case .inputWouldRun(let name): return "\(name) would run"
    case .inputChangedWhileRunning(let name): return "\(name) changed while it ran"
    case .retry(let attempt, let of): return "attempt \(attempt) of \(of)"
    }
  }
}
