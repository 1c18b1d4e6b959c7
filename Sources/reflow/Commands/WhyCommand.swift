import ArgumentParser
import BuildGraph
import Diagnostics
import Ports
import Queries

struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Say where an output comes from, or what depends on an input.",
    discussion: """
      WHAT is the path of an output (with or without 'out/'), a step's label, or the first digits of its key (four at least). The answer is \
      about the last build that knows it.
      """)

  @Argument(help: "An output, or a step.")
  var what: String?
  @Option(help: "Say which steps and outputs depend on this file or folder.")
  var input: String?
  @Flag(help: "Print JSON.")
  var json = false
  @Option(help: "The workspace root.")
  var root: String?
  @Option(help: "The output tree (default: out).")
  var out: String?

  func validate() throws {
    guard (what == nil) != (input == nil) else {
      throw ValidationError("name an output or a step, or an input with --input")
    }
  }

  func run() throws {
    let state = try StateReading(root: root)
    let text = try input.map { try tellInput($0, state) } ?? tellOutput(what ?? "", state)
    Terminal.print(text)
  }

  // MARK: Outputs and steps

  private func tellOutput(_ name: String, _ state: StateReading) throws -> String {
    let paths = try candidates(name, state.workspace)
    return try state.asking { () throws(SystemError) in
      let graphs = try state.graphs()
      for graph in graphs {
        let query = ProvenanceQuery(graph: graph, store: state.store)
        for path in paths {
          if let found = try query.output(at: path) { return json ? found.json : found.text }
        }
      }
      for graph in graphs {
        let query = ProvenanceQuery(graph: graph, store: state.store)
        let steps = try query.steps(named: name)
        guard let step = steps.first else { continue }
        guard steps.count == 1 else { throw SystemError(.notFound, try ambiguous(name, steps, query)) }
        let found = try query.provenance(of: step)
        return json ? found.json : found.text
      }
      throw SystemError(.notFound, try unknown(name, graphs, state))
    }
  }

  /// The paths in the output tree that a name may mean: as it is, and from the current folder.
  private func candidates(_ name: String, _ workspace: Workspace) throws -> [ByteString] {
    let folder = try workspace.outputFolder(out)
    var paths: [ByteString] = []
    let absolute = workspace.relative(name).map { workspace.absolute($0) } ?? ByteString(name)
    if absolute == folder {
      paths.append("")
    } else if absolute.bytes.starts(with: folder.bytes + [UInt8(ascii: "/")]) {
      paths.append(ByteString(bytes: Array(absolute.bytes[(folder.count + 1)...])))
    }
    paths.append(ByteString(name))
    return paths
  }

  private func ambiguous(
    _ name: String, _ steps: [StepID], _ query: ProvenanceQuery
  ) throws(SystemError) -> String {
    var labels: [String] = []
    for step in steps.prefix(10) { labels.append("'\(try query.label(of: step))'") }
    let more = steps.count > labels.count ? ", and \(steps.count - labels.count) more" : ""
    return "'\(name)' may be \(steps.count) steps: \(labels.joined(separator: ", "))\(more); name one of them"
  }

  private func unknown(
    _ name: String, _ graphs: [PersistedGraph], _ state: StateReading
  ) throws(SystemError) -> String {
    let named = state.workspace.relative(name) ?? ByteString(name)
    for graph in graphs {
      if try !graph.sources(holding: Path(named)).isEmpty {
        return "'\(name)' is an input; see what depends on it with 'reflow why --input \(name)'"
      }
    }
    let query = ProvenanceQuery(graph: graphs[0], store: state.store)
    var known = try graphs[0].entries().map(\.path.display)
    known += try query.labels()
    let hint = Suggestion.nearest(to: name, among: known).map { "; did you mean '\($0)'?" } ?? ""
    let isThere = HostFile.exists(state.workspace.absolute(named))
    let about = isThere ? "'\(name)' was not made by reflow" : "no build made an output or a step '\(name)'"
    return about + hint
  }

  // MARK: Inputs

  private func tellInput(_ name: String, _ state: StateReading) throws -> String {
    let path = Path(state.workspace.relative(name) ?? ByteString(name))
    return try state.asking { () throws(SystemError) in
      let graphs = try state.graphs()
      for graph in graphs {
        if let found = try Dependents(of: path, in: graph) { return json ? found.json : found.text }
      }
      for graph in graphs where graph.header.programFiles.contains(path) {
        return json
          ? "{\"input\":\"program\",\"steps\":\(graph.header.wantedSteps)}\n"
          : "\(name)\n  is a part of the program, or shapes it: where it changes, the program is evaluated again\n"
      }
      throw SystemError(.notFound, "no build has read '\(name)'")
    }
  }
}
