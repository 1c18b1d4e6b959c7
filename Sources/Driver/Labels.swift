import BuildGraph

/// What people call each step: its name in the program, with the input that tells it from others of that name.
///
/// `Aligned` where there is one, `Aligned[s1.fq]` where there are several, and `Aligned[s1.fq]#2` where that is not enough.
struct Labels {
  private var counts: [String: Int] = [:]
  private var subjects: [ByteString?] = []
  private var labels: [String?] = []
  private var used: [String: Int] = [:]

  /// - Complexity: O(what is new).
  mutating func extend(by steps: ArraySlice<Step>, in graph: FlowGraph) {
    for step in steps {
      counts[step.name, default: 0] += 1
      subjects.append(subject(of: step, in: graph))
      labels.append(nil)
    }
  }

  /// The base name of the first source behind a step.
  private func subject(of step: Step, in graph: FlowGraph) -> ByteString? {
    switch step.work {
    case .exec(let exec):
      for input in exec.inputs { if let found = subject(of: input.reference, in: graph) { return found } }
      return nil
    case .copy(let reference, _, _): return subject(of: reference, in: graph)
    }
  }

  private func subject(of reference: ArtifactReference, in graph: FlowGraph) -> ByteString? {
    switch reference {
    case .source(let id):
      guard case .path(let path) = graph.sources[Int(id.index)].place else { return nil }
      return path.baseName
    case .output(let step, _): return subjects[Int(step.index)]
    case .member(_, _, let path): return Path(path).baseName
    case .literal, .assembly: return nil
    }
  }

  mutating func label(of id: StepID, in graph: FlowGraph) -> String {
    if let label = labels[Int(id.index)] { return label }
    let name = graph.steps[Int(id.index)].name
    var label = name
    if counts[name, default: 0] > 1, let subject = subjects[Int(id.index)] { label += "[\(subject.display)]" }
    let count = used[label, default: 0] + 1
    used[label] = count
    if count > 1 { label += "#\(count)" }
    labels[Int(id.index)] = label
    return label
  }
}
