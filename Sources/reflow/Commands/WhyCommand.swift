import ArgumentParser
import BuildGraph
import Diagnostics
import Driver
import Ports
import Queries

struct WhyCommand: ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Say where an output comes from, or what depends on an input.",
    usage: """
      reflow why [--json] [--root <root>] [--out <out>] <what>
      reflow why [--json] [--root <root>] [--out <out>] --row <row> [--program <program>] <what> [-NAME=VALUE ...]
      reflow why [--json] [--root <root>] --input <input>
      """,
    discussion: """
      WHAT is the path of an output (with or without 'out/'), a step's label, or the first digits of its key (four at least). The answer is \
      about the last build that knows it. With --row, WHAT is a table, and the answer are the records that the row rests on.
      """)

  @Argument(help: "An output, or a step.")
  var what: String?
  @Option(help: "Say which steps and outputs depend on this file or folder.")
  var input: String?
  @Option(help: "Name the records that this row of a table rests on, from 1; the header is none.")
  var row: Int?
  @Option(help: "The program that makes the table.")
  var program = "main.rf"
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
    if let row {
      guard what != nil else { throw ValidationError("--row asks about an output") }
      guard row > 0 else { throw ValidationError("rows are counted from 1") }
    }
  }

  static let programOptions: [ProgramArguments.Option] = [
    .init(name: "input", takesValue: true), .init(name: "row", takesValue: true),
    .init(name: "program", takesValue: true), .init(name: "json", takesValue: false),
    .init(name: "root", takesValue: true), .init(name: "out", takesValue: true),
    .init(name: "help", takesValue: false), .init(name: "version", takesValue: false),
  ]

  func run(_ arguments: ProgramArguments) throws {
    if let row, let what { return try tellRow(row, of: what, arguments) }
    if let unknown = arguments.parameters.first {
      throw ValidationError("'-\(unknown.name)' is no option; parameters of a program go with --row")
    }
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

  // MARK: Rows

  /// How many records people want to read.
  private static let toldRecords = 50

  private func tellRow(_ row: Int, of name: String, _ arguments: ProgramArguments) throws {
    let workspace = try Workspace(root: root)
    if arguments.wantsHelp { return try workspace.printHelp(of: program) }
    var options = RunningChoices()
    options.quiet = true
    var session = Session(
      workspace: workspace, options: options, verb: "why", outputFolder: try workspace.outputFolder(out), isDryRun: true
    )
    session.saysWarnings = false
    var answer: Result<RowAnswer, SystemError>?
    session.question = RowQuestion(
      path: try candidates(name, workspace)[0], row: row, limit: json ? .max : Self.toldRecords
    ) { answer = $0 }
    var request = Session.Request(outputsOf: program, targets: ["Main"], arguments.parameters)
    request.evaluatesAlways = true
    let status = session.status(of: request)
    guard let answer else { throw (status == .done ? ExitStatus.refused : status).exitCode }
    switch answer {
    case .success(let answer): Terminal.print(json ? answer.json(name, row) : answer.text(name, row))
    case .failure(let error):
      Terminal.printError("error: \(error.message)\n")
      throw error.exitStatus.exitCode
    }
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
