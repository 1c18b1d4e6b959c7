import ArgumentParser
import Diagnostics
import Queries

struct GraphCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Print the graph of the last build: sources, steps, outputs.",
    discussion: "Draw it with Graphviz: reflow graph | dot -Tsvg > graph.svg")

  enum Format: String, ExpressibleByArgument, CaseIterable { case dot, json }

  @Option(help: "dot or json.")
  var format = Format.dot
  @Option(help: "The workspace root.")
  var root: String?

  func run() throws {
    let state = try StateReading(root: root)
    let description = try state.asking { () throws(SystemError) in
      try GraphDescription(try state.graphs()[0], store: state.store)
    }
    switch format {
    case .dot: Terminal.print(description.dot)
    case .json: Terminal.print(description.json)
    }
  }
}
