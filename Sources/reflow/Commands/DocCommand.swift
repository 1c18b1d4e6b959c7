import ArgumentParser
import BuildGraph
import Diagnostics
import Language

struct DocCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doc", abstract: "Print what a module exports, with its doc comments.")

  @Argument(help: "A program, or a module of the system such as '$/strings'.")
  var program = "main.rf"
  @Flag(help: "Print one page for browsers, of the program, its modules and the modules of the system that they use.")
  var html = false
  @Option(help: "The workspace root.")
  var root: String?

  func run() throws {
    if program.hasPrefix("$/") { return try printSystemModule(String(program.dropFirst(2))) }
    let workspace = try Workspace(root: root)
    let checked = workspace.load(program)
    guard let module = checked.entry, !checked.hasErrors else {
      workspace.report(checked.diagnostics)
      throw ExitStatus.badInput.exitCode
    }
    Terminal.print(html ? DocumentationPage(of: checked, title: program).html : ModuleDocumentation(of: module).text)
  }

  private func printSystemModule(_ name: String) throws {
    guard let module = SystemModule(name: name) else {
      Terminal.printError(
        "error: no system module named \(name); there are "
          + SystemModule.names.map { "$/" + $0 }.joined(separator: ", ") + "\n")
      throw ExitStatus.badInput.exitCode
    }
    let documentation = ModuleDocumentation(of: module)
    Terminal.print(
      html ? DocumentationPage(title: "$/" + name, ["$/" + name: documentation]).html : documentation.text)
  }
}
