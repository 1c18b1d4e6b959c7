import ArgumentParser
@preconcurrency import Glibc

/// Programs of tables: a first build, and builds after edits, beside others that compute the same from nothing.
struct TablesBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tables",
    abstract: "Joins, word counts and reachability, first and after edits; beside DuckDB, polars, pandas and Pathway.",
    discussion: """
      Workloads: join (orders with customers, grouped by region), parts (the same, the orders in a hundred files of which one is edited), words (how often each occurs), reach (the nodes that one reaches). An \
      edit writes other records over random ones. 'reflow' is a process for each build, which goes on from what the one before has left, \
      'watch' a watch that answers it. Of 'reflow' the last columns are what it says of its work: bytes parsed, rows that came or went, records \
      that operators touched, bytes of traces read and written. The peers are \
      used where the Python that is named has them, with one thread, and run anew each time; each result is compared with reflow's, byte by byte.
      """)

  @Option(help: "How many rows the edited file has.")
  var rows = 10_000_000
  @Option(help: "join, parts, words or reach; repeat for several.")
  var workload: [String] = TableWorkload.allCases.map(\.rawValue)
  @Option(help: "How many records an edit changes; repeat for several.")
  var changes = [1, 1_000, 100_000]
  @Option(help: "reflow, watch, duckdb, polars, pandas, pathway; repeat for several.")
  var tool = ["reflow", "watch", "duckdb", "polars", "pandas"]
  @Option(help: "Edits of each size; the median counts.")
  var rounds = 3
  @Option(help: "A Python with duckdb, polars, pandas or pathway.")
  var python = "python3"
  @OptionGroup var measured: MeasuredBinary
  @Option(help: "Where to work; emptied first.")
  var folder = "/tmp/reflow-bench-tables"

  func validate() throws {
    for name in workload where TableWorkload(rawValue: name) == nil { throw ValidationError("no workload \(name)") }
  }

  func run() throws {
    let binary = try measured.path()
    print("workload  tool     phase      wall s      CPU s       peak MiB    parsed, rows, touched, read, written")
    for workload in workload.compactMap({ TableWorkload(rawValue: $0) }) {
      for name in tool { measure(workload, name, binary) }
    }
  }

  private func measure(_ workload: TableWorkload, _ tool: String, _ binary: String) {
    guard let plain = command(workload, tool, binary) else { return }
    Scratch.removeAll(folder)
    Scratch.makeFolder(folder)
    workload.write(rows: rows, in: folder)
    var watch: pid_t?
    defer { if let watch { ChildProcess.kill(watch) } }
    let build = [binary, "build", "-q"]
    let events = "\(folder)/events.jsonl"
    let command = tool == "reflow" ? plain + ["--events", events] : plain
    let first = ChildProcess.run(tool == "watch" ? build : command, in: folder)
    guard first.status == 0 else { return print("\(workload.rawValue): \(tool) failed") }
    if tool == "watch" {
      watch = ChildProcess.start(command, in: folder)
      // Until it answers.
      for _ in 0..<6_000 where access("\(folder)/.reflow/socket", F_OK) != 0 { usleep(10_000) }
      _ = ChildProcess.run(build, in: folder)
    } else {
      report(workload, tool, "first", [first])
    }
    for count in changes {
      var runs: [ChildRun] = []
      var work: [[Int]] = []
      for round in 0..<rounds {
        workload.edit(count, rows: rows, seed: UInt64(count * 31 + round), in: folder)
        let run = ChildProcess.run(tool == "watch" ? build : command, in: folder)
        guard run.status == 0 else { return print("\(workload.rawValue): \(tool) failed after an edit") }
        runs.append(run)
        if tool == "reflow" { work.append(Self.work(in: Scratch.read(events))) }
      }
      report(workload, tool, "\(count)", runs, work)
    }
    // The same file by both ways.
    guard tool != "reflow", tool != "watch" else { return }
    guard ChildProcess.run(build, in: folder).status == 0 else { return print("\(workload.rawValue): reflow failed") }
    let same = ChildProcess.run(["cmp", "out/result.csv", "peer.csv"], in: folder).status == 0
    if !same { print("\(workload.rawValue): \(tool) and reflow differ") }
  }

  private func command(_ workload: TableWorkload, _ tool: String, _ binary: String) -> [String]? {
    switch tool {
    case "reflow": return [binary, "build", "-q"]
    case "watch": return [binary, "watch", "-q"]
    case "duckdb", "polars", "pandas", "pathway":
      guard ChildProcess.run([python, "-c", "import \(tool)"], in: "/").status == 0 else {
        print("\(workload.rawValue): \(python) has no \(tool)")
        return nil
      }
      let programs = ["polars": workload.polars, "pandas": workload.pandas, "pathway": workload.pathway]
      let program = tool == "duckdb" ? workload.duckdb : programs[tool] ?? nil
      return program.map { [python, "-c", $0] }
    case _: return nil
    }
  }

  /// The numbers of the note in which a build says what it did; none where it evaluated the table from nothing.
  private static func work(in events: String) -> [Int] {
    guard let line = events.split(separator: "\n").last(where: { $0.contains("went on from the last build") }),
      let start = line.firstRange(of: "went on")?.lowerBound
    else { return [] }
    return line[start...].split { !$0.isNumber }.compactMap { Int($0) }
  }

  private func report(
    _ workload: TableWorkload, _ tool: String, _ phase: String, _ runs: [ChildRun], _ work: [[Int]] = []
  ) {
    func median(_ value: (ChildRun) -> Double) -> String {
      let sorted = runs.map(value).sorted()
      let thousandths = Int((sorted[sorted.count / 2] * 1000).rounded())
      let fraction = String(thousandths % 1000)
      return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
    }
    let cells = [
      workload.rawValue, tool, phase, median(\.wallSeconds), median(\.cpuSeconds),
      median { Double($0.peakKibibytes) / 1024 },
      work.isEmpty ? "" : work[work.count / 2].map(String.init).joined(separator: ", "),
    ]
    let widths = [10, 9, 11, 12, 12, 12, 8]
    print(zip(cells, widths).map { $0 + String(repeating: " ", count: max(1, $1 - $0.utf8.count)) }.joined())
  }
}
