import BuildGraph
import Diagnostics
import Engine
import Ports

/// A second run of a step that has just succeeded, to see whether it makes the same again. The first run's outputs are kept; what the
/// second made is named by nobody, and pruning removes it.
struct DeterminismCheck: Sendable {
  var run: RunID
  var objects: any ObjectStore

  /// What differs, in words for people; empty where nothing does.
  ///
  /// - Complexity: that of the step, and one reading of outputs that differ.
  func differences(
    from first: RunOutcome, of request: RunRequest, _ runner: any StepRunner
  ) throws(SystemError) -> [String] {
    var request = request
    request.run = run
    let second = try runner.run(request)
    guard second.ending == .exited(0) else {
      return second.ending == .cancelled ? [] : ["it failed when it was run again: \(second.message)"]
    }
    var lines: [String] = []
    for (output, (old, new)) in zip(request.outputs, zip(first.outputs, second.outputs)) where old != new {
      // `out/LABEL`, as the command saw it.
      lines += try differences(old, new, at: output.stagedPath)
    }
    return lines
  }

  private func differences(_ old: Artifact, _ new: Artifact, at path: ByteString) throws(SystemError) -> [String] {
    guard old.kind == .folder else { return [try difference(old, new, at: path)] }
    let before = try objects.manifest(of: old)
    let after = try objects.manifest(of: new)
    let others = Dictionary(after.entries.map { ($0.path, $0.content) }, uniquingKeysWith: { first, _ in first })
    let known = Set(before.entries.map(\.path))
    var lines: [(path: ByteString, line: String)] = []
    for entry in before.entries {
      let place = path + "/" + entry.path
      switch (entry.content, others[entry.path]) {
      case (_, nil): lines.append((place, "'\(place.display)' was made by the first run only"))
      case (let old, let new?) where old == new: continue
      case (.file(let old), .file(let new)?): lines.append((place, try difference(old, new, at: place)))
      case (.link(let old), .link(let new)?):
        lines.append((place, "'\(place.display)' is a link to '\(old.display)', then to '\(new.display)'"))
      case (.file, _), (.link, _), (.emptyFolder, _):
        lines.append((place, "'\(place.display)' is of another kind the second time"))
      }
    }
    for entry in after.entries where !known.contains(entry.path) {
      let place = path + "/" + entry.path
      lines.append((place, "'\(place.display)' was made by the second run only"))
    }
    return lines.sorted { $0.path < $1.path }.map(\.line)
  }

  private func difference(_ old: Artifact, _ new: Artifact, at path: ByteString) throws(SystemError) -> String {
    if old.digest == new.digest { return "'\(path.display)' is executable in one of two runs only" }
    let offset = try objects.firstDifference(old, new)
    let sizes = old.size == new.size ? "\(old.size) bytes each" : "\(old.size) bytes, then \(new.size)"
    return "'\(path.display)' differs from byte \(offset) on (\(sizes))"
  }
}

extension BuildRun {
  /// The second run of a step, where one is asked for and the program does not say that it may differ.
  func repetition(of work: Step.Work) throws(SystemError) -> DeterminismCheck? {
    guard options.checksDeterminism, case .exec(let exec) = work, !exec.nondeterministic else { return nil }
    return DeterminismCheck(run: try store.nextRun(), objects: world.objects)
  }

  func take(_ differences: [String], of step: StepID) {
    guard !differences.isEmpty else {
      deterministicSteps += 1
      return
    }
    hasNondeterminism = true
    let label = engine.label(of: step)
    for line in differences {
      sink.receive(
        .diagnostic(Diagnostic("step.nondeterministic", .error, "\(label) is not deterministic: \(line)")))
    }
  }

  func reportDeterminism() {
    let said =
      switch deterministicSteps {
      case 0: "no step was run twice: what ran declares itself nondeterministic, or failed"
      case 1: "1 step ran twice and made the same bytes"
      case let count: "\(count) steps ran twice and made the same bytes"
      }
    sink.receive(.diagnostic(Diagnostic("build.determinism", .note, said)))
  }
}
