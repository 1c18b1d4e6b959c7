import BuildGraph

/// What people call each step: its name in the program, with the input that tells it from others of that name.
///
/// `Aligned` where there is one, `Aligned[s1.fq]` where there are several, and `Aligned[s1.fq]#2` where that is not enough.
struct Labels {
  /// What is known of the steps of one name.
  private struct Namesakes {
    var count = 0
    /// The inputs of the first of them.
    var inputs: [ArtifactReference]
    /// Positions at which another has another input: a genome that all of them read tells nothing.
    var differing: Set<Int> = []

    mutating func note(_ others: [ArtifactReference]) {
      count += 1
      for (position, (mine, other)) in zip(inputs, others).enumerated() where mine != other {
        differing.insert(position)
      }
    }
  }

  private var namesakes: [String: Namesakes] = [:]
  private var subjects: [ByteString?] = []
  private var labels: [String?] = []
  private var used: [String: Int] = [:]

  /// - Complexity: O(what is new).
  mutating func extend(by steps: Slice<Chunked<Step>>, sources: Chunked<Source>) {
    for step in steps {
      let inputs = step.inputs
      namesakes[step.name, default: Namesakes(inputs: inputs)].note(inputs)
      labels.append(nil)
    }
    for step in steps { subjects.append(subject(of: step, sources)) }
  }

  /// Forgets what further steps would be told apart by.
  mutating func complete() { for name in namesakes.keys { namesakes[name]?.inputs = [] } }

  /// Takes labels as they were given out before.
  mutating func extend(by given: [String]) {
    labels += given
    subjects += repeatElement(nil, count: given.count)
  }

  /// The base name of the first source behind a step's inputs, those first that others of its name do not have.
  private func subject(of step: Step, _ sources: Chunked<Source>) -> ByteString? {
    let inputs = step.inputs
    let differing = namesakes[step.name]?.differing ?? []
    for position in differing.sorted() where position < inputs.count {
      if let found = subject(of: inputs[position], sources) { return found }
    }
    for input in inputs { if let found = subject(of: input, sources) { return found } }
    return nil
  }

  private func subject(of reference: ArtifactReference, _ sources: Chunked<Source>) -> ByteString? {
    switch reference {
    case .source(let id):
      guard case .path(let path) = sources[Int(id.index)].place else { return nil }
      return path.baseName
    case .output(let step, _): return subjects[Int(step.index)]
    case .member(_, _, let path): return Path(path).baseName
    case .literal, .assembly: return nil
    }
  }

  /// Whether no other step that is known has its name.
  func isAlone(_ id: StepID, named name: String) -> Bool {
    if let label = labels[Int(id.index)] { return label == name }
    return namesakes[name]?.count == 1
  }

  mutating func label(of id: StepID, named name: String) -> String {
    if let label = labels[Int(id.index)] { return label }
    var label = name
    if namesakes[name]?.count ?? 0 > 1, let subject = subjects[Int(id.index)] { label += "[\(subject.display)]" }
    let count = used[label, default: 0] + 1
    used[label] = count
    if count > 1 { label += "#\(count)" }
    labels[Int(id.index)] = label
    return label
  }
}
