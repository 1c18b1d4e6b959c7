import ArgumentParser
import Glibc

/// A row of the table of `shared` workloads: what to run, and what the Rust implementation (0.25.1) took for it.
private struct TableRow {
  var name: String
  var words: String
  /// The checksum after loading.
  var checksum: String
  /// Loading: CPU seconds and peak memory in MiB. One change: the median in microseconds.
  var load: Double
  var peak: Double
  var single: Double
  /// Changes a second of CPU, in batches of 1,000 and of 100,000.
  var thousand: Double?
  var hundredThousand: Double?
}

private let keyedBatches = "batches=1:5000,1000:300,100000:15"
private let graphBatches = "batches=1:2000,1000:40"

private let rows: [TableRow] = [
  TableRow(
    name: "arrange", words: "arrange k=1M m=10M \(keyedBatches)", checksum: "0000000000000000", load: 2.12, peak: 530,
    single: 2.5, thousand: 11_904_762, hundredThousand: 8_000_000),
  TableRow(
    name: "count_total", words: "count_total k=1M m=10M \(keyedBatches)", checksum: "0419b72087fc7613", load: 1.36,
    peak: 624, single: 6.7, thousand: 1_373_626, hundredThousand: 4_123_711),
  TableRow(
    name: "count", words: "count k=1M m=10M \(keyedBatches)", checksum: "0419b72087fc7613", load: 1.49, peak: 623,
    single: 10.4, thousand: 429_923, hundredThousand: 1_338_688),
  TableRow(
    name: "distinct", words: "distinct k=1M m=10M \(keyedBatches)", checksum: "47c9a0d2921de5be", load: 1.48, peak: 623,
    single: 7.9, thousand: 748_503, hundredThousand: 2_607_562),
  TableRow(
    name: "min", words: "min k=1M m=10M \(keyedBatches)", checksum: "98e9d9091ecf9d32", load: 2.53, peak: 532,
    single: 8.6, thousand: 369_822, hundredThousand: 830_220),
  TableRow(
    name: "max5", words: "max5 k=1M m=10M \(keyedBatches)", checksum: "5456fd766308b6f8", load: 2.68, peak: 605,
    single: 9.5, thousand: 306_748, hundredThousand: 595_948),
  TableRow(
    name: "wordcount", words: "wordcount k=100k m=5M \(keyedBatches)", checksum: "8be2f024e95da956", load: 1.43,
    peak: 469, single: 8.2, thousand: 796_178, hundredThousand: 2_301_496),
  TableRow(
    name: "join", words: "join k=5M m=5M \(keyedBatches)", checksum: "9ba4c7904c036c6c", load: 2.40, peak: 599,
    single: 10.9, thousand: 644_330, hundredThousand: 1_427_552),
  TableRow(
    name: "reach", words: "reach n=1M m=5M \(graphBatches)", checksum: "2403754ea282276e", load: 2.37, peak: 333,
    single: 50.9, thousand: 41_964),
  TableRow(
    name: "bfs", words: "bfs n=1M m=5M \(graphBatches)", checksum: "b294b26ca4f23138", load: 2.55, peak: 390,
    single: 46.7, thousand: 29_334),
  TableRow(
    name: "bfs10M", words: "bfs10M n=1M m=10M \(graphBatches)", checksum: "a3c33557dd71aa5c", load: 4.43, peak: 530,
    single: 46.9, thousand: 51_203),
  TableRow(
    name: "cc_at", words: "cc_at n=1M m=5M \(graphBatches)", checksum: "693c299284aa6952", load: 4.51, peak: 478,
    single: 78.0, thousand: 20_475),
  TableRow(
    name: "scc_at_100k", words: "scc_at n=100k m=200k batches=1:500,1000:10", checksum: "f1aaa0234d450fd2", load: 0.74,
    peak: 166, single: 527, thousand: 6_949),
  TableRow(
    name: "scc_at_1M", words: "scc_at n=1M m=2M batches=1:300,1000:5", checksum: "1c9ea440eb9361f4", load: 11.5,
    peak: 736, single: 554, thousand: 3_110),
  TableRow(
    name: "scc_at_1M3M", words: "scc_at n=1M m=3M batches=1:300,1000:5", checksum: "634eeecfe1aa40c5", load: 11.7,
    peak: 1133, single: 520, thousand: 4_721),
  TableRow(
    name: "kcore", words: "kcore n=100k m=1M k=8 \(graphBatches)", checksum: "f0ef4d161fa50de5", load: 1.52, peak: 329,
    single: 54.0, thousand: 308_642),
  TableRow(
    name: "pagerank", words: "pagerank n=100k m=1M rounds=20 batches=1:3", checksum: "b25e7ce035157d16", load: 4.05,
    peak: 559, single: 2_943_733),
]

/// `differential table`: every workload in a process of its own, its lines as they come, and then the table beside
/// the Rust implementation's figures.
func runTable(_ arguments: WorkloadArguments) throws {
  let only = Set(arguments.text("only", default: "").split(separator: ",").map(String.init))
  let workers = try arguments.number("workers", default: 1)
  var lines = [
    "| case | load, CPU s | peak MiB | one change, p50 µs (p99) | 1,000: changes/s | 100,000: changes/s | checksum |",
    "|---|---|---|---|---|---|---|",
  ]
  for row in rows where only.isEmpty || only.contains(row.name) {
    let figures = Figures(runSelf(row.words + (workers > 1 ? " workers=\(workers)" : "")))
    func cell(_ ours: Double?, _ theirs: Double?, _ digits: Int, greaterIsBetter: Bool = false) -> String {
      guard let ours else { return "" }
      guard let theirs else { return fixed(ours, digits) }
      let ratio = greaterIsBetter ? ours / theirs : theirs / ours
      return "\(fixed(ours, digits)) / \(fixed(theirs, digits)) (\(fixed(ratio, 1))×)"
    }
    let single = figures.value("batch=1", "p50us")
    let tail = figures.value("batch=1", "p99us").map { " (p99 \(fixed($0, 1)))" } ?? ""
    lines.append(
      "| "
        + [
          row.name, cell(figures.value("LOAD", "cpuSeconds"), row.load, 2),
          cell(figures.value("LOAD", "peakMiB"), row.peak, 0), cell(single, row.single, 1) + tail,
          cell(figures.value("batch=1000", "changesPerSecond"), row.thousand, 0, greaterIsBetter: true),
          cell(figures.value("batch=100000", "changesPerSecond"), row.hundredThousand, 0, greaterIsBetter: true),
          figures.text("LOAD", "chk") == row.checksum ? "agrees" : "DIFFERS",
        ].joined(separator: " | ") + " |")
  }
  print("\nOurs / differential-dataflow 0.25.1, and how many times better ours is.\n")
  for line in lines { print(line) }
}

/// `differential large`: changes of ten and more, up to what rivals the data, beside loading.
func runLarge(_ arguments: WorkloadArguments) throws {
  let only = Set(arguments.text("only", default: "").split(separator: ",").map(String.init))
  let sizes = [10, 100, 1_000, 10_000, 100_000]
  let batches = "batches=10:20,100:20,1000:10,10000:3,100000:1"
  var lines = [
    "| case | load, CPU s | " + sizes.map { "\($0)" }.joined(separator: " | ") + " |", "|---|---|---|---|---|---|---|",
  ]
  for words in [
    "count k=1M m=1M", "join k=1M m=1M", "bfs n=100k m=200k", "cc_at n=100k m=200k", "scc_at n=100k m=200k",
    "scc_at n=100k m=200k rebuild=50",
  ] {
    let name = String(words.prefix { $0 != " " })
    guard only.isEmpty || only.contains(name) else { continue }
    let figures = Figures(runSelf("\(words) \(batches)"))
    let load = figures.value("LOAD", "cpuSeconds") ?? 0
    let cells = sizes.map { size -> String in
      guard let rate = figures.value("batch=\(size)", "changesPerSecond") else { return "" }
      let seconds = Double(size) / rate
      return "\(fixed(seconds * 1e3, 2)) ms, \(fixed(seconds / load, 2))"
    }
    lines.append("| \(words) | \(fixed(load, 3)) | " + cells.joined(separator: " | ") + " |")
  }
  print("\nCPU for one epoch of so many changes, and as a part of that for loading.\n")
  for line in lines { print(line) }
}

/// The lines that a workload printed.
private struct Figures {
  private var lines: [[Substring]]

  init(_ output: [String]) { lines = output.map { $0.split(separator: " ") } }

  /// What follows `name=` in the line with a word.
  func text(_ word: String, _ name: String) -> String? {
    lines.first { $0.contains(Substring(word)) }?.first { $0.hasPrefix(name + "=") }.map {
      String($0.dropFirst(name.utf8.count + 1))
    }
  }

  func value(_ word: String, _ name: String) -> Double? { text(word, name).flatMap { Double($0) } }
}

/// Runs this program with a workload, prints its lines as they come, and gives them.
private func runSelf(_ words: String) -> [String] {
  var path = [CChar](repeating: 0, count: 4096)
  let length = readlink("/proc/self/exe", &path, path.count - 1)
  precondition(length > 0, "this program cannot find itself")
  let program = String(decoding: path.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  guard let pipe = popen("'\(program)' differential \(words)", "r") else {
    preconditionFailure("'\(program)' cannot be run: error \(errno)")
  }
  defer { pclose(pipe) }
  var lines: [String] = []
  var line = [CChar](repeating: 0, count: 4096)
  while fgets(&line, Int32(line.count), pipe) != nil {
    let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    print(text)
    fflush(nil)
    lines.append(text)
  }
  return lines
}
