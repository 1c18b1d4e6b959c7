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
      Timeline, critical path, slowest steps, memory, earlier builds, tables. Look at it in a browser: reflow report > report.html
      """)

  @Option(help: "Report this build; they are numbered from 1.")
  var build: Int64?
  @Option(help: "The workspace root.")
  var root: String?

  /// A table that is larger is not read to count its records.
  private static let countedBytes = 64 << 20

  func run() throws {
    let state = try StateReading(root: root)
    let report = try state.asking { () throws(SystemError) in
      let objects = try FileObjectStore(in: state.workspace.stateFolder)
      return try Report(of: build, try state.graphs()[0], store: state.store) { artifact in
        guard artifact.size <= Int64(Self.countedBytes) else { return nil }
        return try? objects.read(artifact, limitBytes: Self.countedBytes)
      }
    }
    Terminal.print(ReportView(report).page)
  }
}
