import BuildGraph
import Diagnostics
import Ports

/// An evaluation that goes on before there is a build, as far as the file system can answer it: most programs say all that they
/// say without knowing what a step makes. If it comes to its end, what it says can be compared with the graph of the last build;
/// else a build takes it over as if it had not begun.
final class EvaluationInAdvance: ProgramEvaluation {
  /// What it came to.
  struct Result {
    var graph: FlowGraph
    var entries: [OutputEntry]
    var printed: [String]
    /// What the evaluation said.
    var diagnostics: [Diagnostic]
    /// What it was told, but for presences.
    var needs: [RecordedNeed]
  }

  private let inner: any ProgramEvaluation
  /// What it was told in advance and the build has not been asked for yet.
  private var told: [Need: Answer] = [:]
  private var order: [Need] = []
  private var progress: EvaluationProgress?

  init(_ inner: any ProgramEvaluation) { self.inner = inner }

  var graph: FlowGraph { inner.graph }

  // MARK: Alone

  /// Goes on with the sources that are there and the names that lie in source folders.
  ///
  /// - Returns: what it came to; nil where it needs more than that, or went wrong.
  /// - Complexity: one look at each source that the program names.
  func finish(_ fileSystem: any FileSystem) -> Result? {
    var answers: [(need: Need, answer: Answer)] = []
    var needs: [RecordedNeed] = []
    while true {
      let progress = inner.resume(answers)
      self.progress = progress
      switch progress {
      case .failed: return nil
      case .done(let outputs, let lines, let diagnostics):
        return Result(
          graph: inner.graph, entries: outputs, printed: lines, diagnostics: diagnostics, needs: needs)
      case .needs(let wanted):
        guard let found = Self.answers(to: wanted.filter { told[$0] == nil }, inner.graph, fileSystem), !found.isEmpty
        else { return nil }
        answers = found
        for (need, answer) in found {
          told[need] = answer
          order.append(need)
          if case .presence = need { continue }
          if let recorded = RecordedNeed(need, answer) { needs.append(recorded) }
        }
      }
    }
  }

  /// What the file system says to needs; nil where one of them is not for it, or not well.
  private static func answers(
    to needs: [Need], _ graph: FlowGraph, _ fileSystem: any FileSystem
  ) -> [(need: Need, answer: Answer)]? {
    var answers: [(need: Need, answer: Answer)] = []
    answers.reserveCapacity(needs.count)
    var present: [(path: Path, kind: ArtifactKind)] = []
    present.reserveCapacity(needs.count)
    for need in needs {
      switch need {
      case .presence(let id):
        let source = graph.sources[Int(id.index)]
        guard case .path(let path) = source.place else { return nil }
        present.append((path, source.kind))
        answers.append((need, .present))
      case .listing(.source(let id)):
        guard case .path(let path) = graph.sources[Int(id.index)].place,
          let listing = try? fileSystem.list(folder: path), listing.holdsFilesAndFoldersOnly
        else { return nil }
        answers.append((need, .listing(listing.files)))
      case .listing, .artifact, .text: return nil
      }
    }
    for (look, wanted) in zip(fileSystem.look(at: present.map(\.path)), present) {
      switch (look, wanted.kind) {
      case (.file, .file), (.folder, .folder): continue
      case (.missing, _), (.file, _), (.folder, _), (.special, _), (.refused, _): return nil
      }
    }
    return answers
  }

  // MARK: For a build

  /// As any evaluation: what was told in advance has to be told again, and counts only if it is the same.
  func resume(_ answers: [(need: Need, answer: Answer)]) -> EvaluationProgress {
    guard progress != nil else { return inner.resume(answers) }
    var further: [(need: Need, answer: Answer)] = []
    for (need, answer) in answers {
      guard let before = told.removeValue(forKey: need) else {
        further.append((need, answer))
        continue
      }
      if answer == before { continue }
      var message = "an input changed while the program was evaluated; build again"
      if case .failed(let why, _) = answer { message = why }
      return .failed([Diagnostic("build.input-changed", message)])
    }
    if !further.isEmpty { progress = inner.resume(further) }
    var open = order.filter { told[$0] != nil }
    if open.isEmpty, let progress { return progress }
    if case .needs(let more)? = progress { open += more }
    return .needs(open)
  }
}
