/// Whether what is said of launches is true: of each step, what it could last have been brought up to date with.
struct Reasons {
  private var history: [String: [SimulatedRunner.Seen]] = [:]
  /// Since some objects may have gone, the steps of which all are there again; nil where none have.
  private var whole: Set<String>?
  private var hasSharedSteps = false
  /// What was edited since the last check: a step can be launched for what a source held between two edits, and see what it
  /// holds after them, which may be what it held before.
  private var edited: Set<String> = []

  /// Nobody knows which objects are there.
  mutating func loseObjects() { whole = [] }

  /// A build that went well has looked at all that these made.
  mutating func findObjects(of labels: Set<String>) { whole?.formUnion(labels) }

  private func mayHaveLost(_ label: String) -> Bool { whole.map { !$0.contains(label) } ?? false }

  /// Nobody knows any more what was recorded.
  mutating func forget() { history = [:] }

  /// Nobody knows any more what was recorded of it.
  mutating func forget(_ label: String) { history[label] = nil }

  /// - Parameter names: of inputs, as reasons name them.
  mutating func noteEdits(of names: Set<String>) { edited.formUnion(names) }

  mutating func forgetEdits() { edited = [] }

  /// Some steps of these may be one, which has the name of the first: then names say little of what was recorded.
  mutating func noteSharedSteps(of builds: [ReferenceBuild]) {
    hasSharedSteps = hasSharedSteps || builds.contains(where: \.hasSharedSteps)
  }

  /// These may be what is recorded now.
  mutating func add(_ builds: [ReferenceBuild], _ program: SimulatedProgram) {
    noteSharedSteps(of: builds)
    for build in builds {
      for (label, seen) in build.commandsByName(program) where history[label] != nil { history[label]!.append(seen) }
    }
  }

  /// This may have been recorded of a step that had been built before.
  mutating func add(_ seen: SimulatedRunner.Seen, of label: String) { history[label]?.append(seen) }

  /// Steps of these names are up to date now; others may be.
  mutating func settle(_ touched: Set<String>, _ builds: [ReferenceBuild], _ program: SimulatedProgram) {
    for label in touched { history[label] = [] }
    add(builds, program)
  }

  /// - Returns: whether the reason holds of what the step saw, with respect to some state that it can last have been in.
  func isTrue(_ reason: String, of label: String, _ now: SimulatedRunner.Seen) -> Bool {
    let before = history[label] ?? []
    // After a crash or an edit during a build nobody knows what was recorded.
    if before.isEmpty { return true }
    if reason.hasPrefix("attempt") || reason.contains("while it ran") { return true }
    // What reads of a step that has been merged with another reads of one with another name.
    if reason == "never built" || Self.ofNamesakes.contains(where: reason.hasPrefix) { return hasSharedSteps }
    if reason.hasPrefix("command changed") { return before.contains { $0.script != now.script } }
    if reason.hasPrefix("result is gone") { return mayHaveLost(label) || before.contains { $0.inputs == now.inputs } }
    if reason.hasPrefix("input ") {
      return mayHaveLost(label) || before.contains { $0.inputs != now.inputs || $0.shape != now.shape }
        || edited.contains { isAbout($0, reason) }
    }
    return false
  }

  /// How reasons begin that compare a step with one of its name that read from others.
  private static let ofNamesakes = ["other inputs: ", "new input ", "fewer inputs"]

  /// Whether a reason names an input, a file in it or the list of its files.
  private func isAbout(_ input: String, _ reason: String) -> Bool {
    [" ", "/"].contains { reason.hasPrefix("input \(input)\($0)") }
      || reason.hasPrefix("input the list of files in \(input) ")
  }
}

extension ReferenceBuild {
  /// By the names of the steps, which the generator keeps apart.
  func commandsByName(_ program: SimulatedProgram) -> [String: SimulatedRunner.Seen] {
    var result: [String: SimulatedRunner.Seen] = [:]
    for (index, seen) in commands { result[program.steps[index].name] = seen }
    return result
  }
}
