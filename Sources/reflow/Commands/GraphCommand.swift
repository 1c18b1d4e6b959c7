import ArgumentParser
import BuildGraph
import Diagnostics
import Pictures
import Ports
import Queries

struct GraphCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Print the graph of the last build: sources, steps, outputs.",
    discussion: """
      Look at it in a browser: reflow graph --format html > graph.html
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case dot, json, svg, html }

  @Option(help: "dot, json, svg or html.")
  var format = Format.dot
  @Flag(help: "Draw every member of large groups; for svg.")
  var expand = false
  @Option(help: "The workspace root.")
  var root: String?

  func run() throws {
    let state = try StateReading(root: root)
    let (description, program) = try state.asking { () throws(SystemError) in
      let graph = try state.graphs()[0]
      return (try GraphDescription(graph, store: state.store), graph.header.programFiles.first)
    }
    // The first file of a program is the one that was named.
    let title = "\(program?.bytes.display ?? "program") in \(state.workspace.root.display)"
    switch format {
    case .dot: Terminal.print(description.dot)
    case .json: Terminal.print(description.json)
    case .svg: Terminal.print(VectorPicture(description.picture(title: title), expandsAll: expand).text)
    case .html: Terminal.print(GraphView(description.picture(title: title)).page())
    }
  }
}
