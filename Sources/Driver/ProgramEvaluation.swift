package import BuildGraph
package import Diagnostics

/// A program on its way to its outputs: a coroutine that asks for what it must know.
package protocol ProgramEvaluation: AnyObject {
  /// Goes on with what has been learned since it last asked; the first time with nothing.
  func resume(_ answers: [(need: Need, answer: Answer)]) -> EvaluationProgress

  /// All that the program has said so far; grows with each `resume`.
  var graph: FlowGraph { get }
}

/// What an evaluation came to so far.
package enum EvaluationProgress {
  /// It waits for these; those that it has asked for before and that are not answered yet may be among them.
  case needs([Need])
  case done(outputs: [OutputEntry], printed: [String], diagnostics: [Diagnostic])
  /// The program is wrong.
  case failed([Diagnostic])
}

/// A program that has been read and checked.
package struct LoadedProgram {
  package var evaluation: any ProgramEvaluation
  /// Every file that it was read from.
  package var files: [Path]
  /// Of those of the files of which comments alone may change without an evaluation.
  package var layouts: [ProgramLayout]
  /// Warnings.
  package var diagnostics: [Diagnostic]

  package init(
    evaluation: any ProgramEvaluation, files: [Path], layouts: [ProgramLayout] = [], diagnostics: [Diagnostic] = []
  ) {
    self.evaluation = evaluation
    self.files = files
    self.layouts = layouts
    self.diagnostics = diagnostics
  }
}
