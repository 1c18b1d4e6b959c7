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
  private var subjects: [Subject] = []
  /// Labels as they were given out before, and those alone.
  private var given: [String] = []
  /// What was said of each step when it was first asked for; more may come that is called so, and its label stays.
  private var told: [Told] = []
  /// How many there are so far, by a digest of name and subject: the texts themselves would be a second program.
  private var used: [Digest: UInt32] = [:]

  private struct Told {
    /// The how-manieth of its label it is; 0 where nobody has asked yet.
    var ordinal: UInt32 = 0
    var hasSubject = false
  }

  /// Where the text that tells a step from its namesakes comes from.
  private enum Subject {
    case none
    case source(SourceID)
    case member(ByteString)
  }

  /// - Complexity: O(what is new).
  mutating func extend(by steps: Slice<StepTable>, sources: SourceTable) {
    for step in steps {
      let inputs = step.inputs
      namesakes[step.name, default: Namesakes(inputs: inputs)].note(inputs)
    }
    for step in steps { subjects.append(subject(of: step, sources)) }
    told += repeatElement(Told(), count: subjects.count - told.count)
  }

  /// Forgets what further steps would be told apart by.
  mutating func complete() { for name in namesakes.keys { namesakes[name]?.inputs = [] } }

  /// Takes labels as they were given out before.
  mutating func extend(by given: [String]) { self.given += given }

  /// The first source behind a step's inputs, those first that others of its name do not have.
  private func subject(of step: Step, _ sources: SourceTable) -> Subject {
    let inputs = step.inputs
    let differing = namesakes[step.name]?.differing ?? []
    for position in differing.sorted() where position < inputs.count {
      let found = subject(of: inputs[position], sources)
      if case .none = found { continue }
      return found
    }
    for input in inputs {
      let found = subject(of: input, sources)
      if case .none = found { continue }
      return found
    }
    return .none
  }

  private func subject(of reference: ArtifactReference, _ sources: SourceTable) -> Subject {
    switch reference {
    case .source(let id):
      guard case .path = sources[Int(id.index)].place else { return .none }
      return .source(id)
    case .output(let step, _): return subjects[Int(step.index)]
    case .member(_, _, let path): return .member(path)
    case .literal, .assembly: return .none
    }
  }

  /// The base name of what a step's subject is.
  private func text(of subject: Subject, _ sources: SourceTable) -> ByteString? {
    switch subject {
    case .none: return nil
    case .source(let id):
      guard case .path(let path) = sources[Int(id.index)].place else { return nil }
      return path.baseName
    case .member(let path): return Path(path).baseName
    }
  }

  /// Whether no other step that is known has its name.
  func isAlone(_ id: StepID, named name: String) -> Bool {
    let index = Int(id.index)
    if !given.isEmpty { return given[index] == name }
    guard told[index].ordinal > 0 else { return namesakes[name]?.count == 1 }
    if told[index].hasSubject {
      guard case .none = subjects[index] else { return false }
    }
    return told[index].ordinal == 1
  }

  mutating func label(of id: StepID, named name: String, _ sources: SourceTable) -> String {
    if !given.isEmpty { return given[Int(id.index)] }
    let index = Int(id.index)
    let isNew = told[index].ordinal == 0
    if isNew { told[index].hasSubject = namesakes[name]?.count ?? 0 > 1 }
    var label = name
    if told[index].hasSubject, let subject = text(of: subjects[index], sources) { label += "[\(subject.display)]" }
    if isNew {
      let digest = Digest(hashing: Array(label.utf8))
      told[index].ordinal = used[digest, default: 0] + 1
      used[digest] = told[index].ordinal
    }
    return told[index].ordinal > 1 ? label + "#\(told[index].ordinal)" : label
  }
}
