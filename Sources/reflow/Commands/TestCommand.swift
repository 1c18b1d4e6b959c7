import ArgumentParser
import BuildGraph
import Diagnostics
import Language

struct TestCommand: ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "test", abstract: "Evaluate every exported Test* value; each must be the bool true.",
    usage: "reflow test [<options>] [<program> ...] [-NAME=VALUE ...]")

  @Argument(help: "Programs with tests (default: main.rf).")
  var programs: [String] = []
  @OptionGroup var running: RunningOptions

  static let programOptions = RunningOptions.names

  func run(_ arguments: ProgramArguments) throws {
    let workspace = try Workspace(root: running.root)
    let programs = programs.isEmpty ? ["main.rf"] : programs
    if arguments.wantsHelp, let first = programs.first { return try workspace.printHelp(of: first) }
    var worst = ExitStatus.done
    var counts = (passed: 0, failed: 0)
    for program in programs {
      let checked = workspace.load(program)
      guard let module = checked.entry, !checked.hasErrors else {
        workspace.report(checked.diagnostics)
        worst = .badInput
        continue
      }
      workspace.report(checked.diagnostics)
      for export in module.exports where export.name.hasPrefix("Test") {
        let status = try evaluate(export.name, of: program, workspace: workspace, arguments: arguments)
        if status == .done { counts.passed += 1 } else { counts.failed += 1 }
        if worst == .done || status == .interrupted { worst = status }
        if status == .interrupted { throw status.exitCode }
      }
    }
    // Of a program that is wrong there is nothing to count.
    if worst != .badInput || counts.passed + counts.failed > 0 {
      Terminal.print("\(counts.passed) passed, \(counts.failed) failed\n")
    }
    guard worst == .done else { throw worst.exitCode }
  }

  /// Each test is a build of its own, so that one that fails, or panics, does not keep the others from being told.
  private func evaluate(
    _ name: String, of program: String, workspace: Workspace, arguments: ProgramArguments
  ) throws -> ExitStatus {
    var running = running.choices
    if !running.verbose { running.quiet = true }
    let session = Session(
      workspace: workspace, options: running, verb: "test", outputFolder: try workspace.outputFolder(nil),
      saysWarnings: false)
    var passed = false
    let status = session.status(
      of: Session.Request(
        program: program, targets: ["test \(name)"], goals: [.test(name)], parameters: arguments.parameters,
        evaluatesAlways: true
      ) { results in
        for result in results {
          if case .test(true) = result.content { passed = true }
        }
        return ([], [])
      })
    let outcome = status == .done && !passed ? ExitStatus.stepFailed : status
    Terminal.print("\(outcome == .done ? "ok    " : "FAILED") \(program) \(name)\n")
    return outcome == .badInput ? .stepFailed : outcome
  }
}
