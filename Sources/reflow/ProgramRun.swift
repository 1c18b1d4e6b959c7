import BuildGraph
import Diagnostics
import Driver
import Language

/// Drives the language's coroutine through the driver's door.
final class ProgramRun: ProgramEvaluation {
  private var evaluation: Evaluation
  private let finish: ([GoalResult]) -> (outputs: [OutputEntry], printed: [String])
  private var reportedTraces = 0

  /// - Parameter finish: What the results of the goals become: entries of the output tree, and lines to print.
  init(_ evaluation: Evaluation, finish: @escaping ([GoalResult]) -> (outputs: [OutputEntry], printed: [String])) {
    self.evaluation = evaluation
    self.finish = finish
  }

  var graph: FlowGraph { evaluation.graph }

  func resume(_ answers: [(need: Need, answer: Answer)]) -> EvaluationProgress {
    switch evaluation.resume(answers) {
    case .needs(let needs): return .needs(needs)
    case .failed(let diagnostics): return .failed(evaluation.traces + diagnostics)
    case .done(let results):
      let (outputs, printed) = finish(results)
      return .done(outputs: outputs, printed: printed, diagnostics: evaluation.traces)
    }
  }
}
