import ArgumentParser
import BuildGraph
import Diagnostics
import Driver
import LinuxSystem
import Storage

struct PruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Shrink the cache: forget what the last builds did not need.",
    discussion: """
      Without a limit of size or age, everything goes that neither the last builds nor the current outputs need. With limits, \
      what was needed least recently goes first, and no more of it than they ask for. Nothing in out/ is touched, nor is \
      .reflow/displaced/.
      """)

  @Option(help: "Remove until objects and logs take no more than this, such as 10G or 500M.")
  var maxSize: ByteSize?
  @Option(help: "Remove what was not needed for so long, such as 30d or 12h.")
  var olderThan: Age?
  @Option(help: "Never remove what this many last builds needed.")
  var keepBuilds = 10
  @Flag(name: [.customShort("n"), .long], help: "Say what would be removed, and change nothing.")
  var dryRun = false
  @Flag(name: [.short, .long], help: "Say only what is wrong.")
  var quiet = false
  @Option(help: "The workspace root.")
  var root: String?

  mutating func validate() throws {
    if keepBuilds < 1 { throw ValidationError("--keep-builds takes a number from 1 on") }
    if keepBuilds > 1_000_000_000 { throw ValidationError("--keep-builds takes a number up to a thousand million") }
  }

  func run() throws {
    let access = StateAccess(workspace: try Workspace(root: root), verb: "prune")
    guard access.exists() else { return }
    try StateAccess.run { () throws(SystemError) in
      let report = try access.locked(isReading: dryRun) { () throws(SystemError) in try prune(access.folder) }
      if !quiet { Terminal.print(Self.text(report, isDryRun: dryRun)) }
    }
  }

  private func prune(_ state: ByteString) throws(SystemError) -> PruneReport {
    let objects = try FileObjectStore(in: state)
    let store = try SQLiteStore(in: state, options: SQLiteStore.Options(isReadOnly: dryRun))
    defer { store.close() }
    for notice in store.notices { Terminal.printError("warning: \(notice)\n") }
    let limits = PruneLimits(keptBuilds: keepBuilds, ageSeconds: olderThan?.seconds, maximumBytes: maxSize?.bytes)
    return try Driver.prune(store, objects, limits: limits, now: SystemClock().now, isDryRun: dryRun)
  }

  static func text(_ report: PruneReport, isDryRun: Bool) -> String {
    guard !report.isEmpty else {
      return "prune: nothing to remove; \(ByteSize.text(report.remainingBytes)) are in use\n"
    }
    let counts: [(Int, String, String)] = [
      (report.results, "result", "results"), (report.objects, "object", "objects"), (report.logs, "log", "logs"),
      (report.trees, "tree", "trees"), (report.tables, "kept table", "kept tables"),
      (report.graphs, "graph", "graphs"), (report.remains, "leftover", "leftovers"),
    ]
    let list = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.0 == 1 ? $0.1 : $0.2)" }.joined(separator: ", ")
    let verb = isDryRun ? "would free" : "freed"
    return "prune: \(verb) \(ByteSize.text(report.freedBytes)): \(list); \(ByteSize.text(report.remainingBytes)) "
      + "\(isDryRun ? "would be left" : "are left")\n"
  }
}
