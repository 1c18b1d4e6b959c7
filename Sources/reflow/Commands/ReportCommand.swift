import ArgumentParser
import BuildGraph
import Diagnostics
import Pictures
import Ports
import Queries
import Storage

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Print a page about the last build that ran something.",
    discussion: """
      Timeline, critical path, slowest steps, memory, what was asked for in vain, earlier builds, tables. Look at it in a browser:
      reflow report > report.html
      """)

  @Option(help: "Report this build; they are numbered from 1.")
  var build: Int64?
  @Flag(help: "Print only what steps ask for and what they take, as text, the worst first.")
  var resources = false
  @Option(help: "The workspace root.")
  var root: String?

  /// A table that is larger is not read to count its records.
  private static let countedBytes = 64 << 20

  func run() throws {
    let state = try StateReading(root: root)
    if resources {
      let requests = try state.asking { () throws(SystemError) in
        try ResourceReview.all(in: state.store).map(Report.Request.init)
      }
      return Terminal.print(Self.text(requests))
    }
    let report = try state.asking { () throws(SystemError) in
      let objects = try FileObjectStore(in: state.workspace.stateFolder)
      return try Report(of: build, try state.graphs()[0], store: state.store) { artifact in
        guard artifact.size <= Int64(Self.countedBytes) else { return nil }
        return try? objects.read(artifact, limitBytes: Self.countedBytes)
      }
    }
    Terminal.print(ReportView(report).page)
  }

  /// A line for each, in columns, with what is wrong at its end.
  private static func text(_ requests: [Report.Request]) -> String {
    let heads = ["step", "runs", "median", "memory asked", "used", "cores asked", "used"]
    let rows = [heads] + requests.map { $0.words.map { $0.isEmpty ? "-" : $0 } }
    let widths = heads.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let remarks = [""] + requests.map { $0.remarks.joined(separator: "; ") }
    var text = ""
    for (row, remark) in zip(rows, remarks) {
      let cells = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + space : space + cell
      }
      text += (cells + (remark.isEmpty ? [] : [remark])).joined(separator: "  ") + "\n"
    }
    return text
  }
}
