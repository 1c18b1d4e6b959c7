import ArgumentParser
@preconcurrency import Glibc

/// A stream of mentions, a writer that appends to it, and how soon the outputs of a watch know.
struct MentionsBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mentions",
    abstract:
      "Components, top mentioned and mutual pairs of the last day of a stream, kept by a watch while a writer appends.",
    discussion: """
      The program is the fixture 'mentions'. A few users have most of the mentions, and now and then one of them has many at once. \
      The clock of the stream runs so that the mentions at the start are one day; with each that comes as many fall out. Ten times a second \
      the writer opens the file, appends, and closes it; an append counts as seen when the output with the latest time, which is written \
      last, has it. In the end the outputs are compared with those of a build from nothing, and the components with those that a \
      depth-first search finds.
      """)

  @Option(help: "How many users there are.")
  var users = 1_000_000
  @Option(help: "Mentions at the start.")
  var mentions = 5_000_000
  @Option(help: "Mentions appended in a second.")
  var rate = 5_000
  @Option(help: "For how long; with --highest, at each rate.")
  var seconds = 60
  @Flag(
    help: "Raise the rate until one append in a hundred is seen after more than a second, and find where that begins.")
  var highest = false
  @Flag(help: "Only write the project, and stop.")
  var generate = false
  @Option(help: "The folder of the fixture.")
  var fixture = "fixtures/mentions"
  @OptionGroup var measured: MeasuredBinary
  @Option(help: "Where to work; emptied first.")
  var folder = "/tmp/reflow-bench-mentions"

  func run() throws {
    let program = Scratch.read("\(fixture)/main.rf")
    Scratch.removeAll(folder)
    Scratch.makeFolder(folder)
    Scratch.write(program, to: "\(folder)/main.rf")
    var writer = MentionWriter("\(folder)/mentions.csv", users: users, aDay: mentions)
    writer.begin(mentions)
    if generate { return }
    let binary = try measured.path()
    let begin = ChildProcess.monotonicSeconds()
    let process = ChildProcess.start([binary, "watch", "-q"], in: folder)
    var isRunning = true
    defer { if isRunning { ChildProcess.kill(process) } }
    let watch = MeasuredWatch(process: process, output: "\(folder)/out/upto.csv")
    guard watch.hasSeen(writer.latest, withinSeconds: 3_600) else {
      return print("the watch did not come to an end of its first build")
    }
    let seconds = ChildProcess.monotonicSeconds() - begin
    print("first build: \(Self.rounded(seconds)) s, \(watch.memory) MiB, at most \(watch.peak) MiB on the way")
    if highest { findHighest(&writer, watch) } else { _ = measure(rate, &writer, watch) }
    guard watch.hasSeen(writer.latest, withinSeconds: 600) else { return print("the watch has lost something") }
    // All that is written by then is what nothing else will change.
    usleep(2_000_000)
    ChildProcess.kill(process)
    isRunning = false
    compare(binary)
  }

  /// Appends at a rate, and says what came of it.
  ///
  /// - Returns: the seconds within which 99 of 100 appends were seen.
  private func measure(_ rate: Int, _ writer: inout MentionWriter, _ watch: MeasuredWatch) -> Double {
    let cpu = watch.cpuSeconds
    let begin = ChildProcess.monotonicSeconds()
    let (latencies, memory) = append(rate, &writer, watch)
    let share = (watch.cpuSeconds - cpu) / (ChildProcess.monotonicSeconds() - begin)
    let all = latencies.map(\.seconds)
    let p99 = Self.quantile(all, 0.99)
    print(
      "\(rate) a second for \(seconds) s: latency p50 \(Self.quantile(all, 0.5)) s, p90 \(Self.quantile(all, 0.9)) s, "
        + "p99 \(p99) s, worst \(Self.quantile(all, 1)) s; \(Self.rounded(share)) cores")
    if !highest { printParts(latencies, memory) }
    print("at most \(watch.peak) MiB so far")
    fflush(stdout)
    return p99
  }

  /// Parts of the time that a measurement is told by.
  private static let parts = 12

  /// How it went over time: memory at the end of each part, and latencies within it.
  private func printParts(_ latencies: [Latency], _ memory: [Int]) {
    print("second  days gone by  MiB   p50 s   p99 s")
    for (part, mebibytes) in memory.enumerated() {
      let second = Double(seconds * part) / Double(Self.parts)
      let its = latencies.filter { $0.batch * Self.parts / (seconds * 10) == part - 1 }.map(\.seconds)
      let cells = [
        Self.padded(Int(second), 6), Self.padded(Self.rounded(second * Double(rate) / Double(mentions)), 12),
        Self.padded(mebibytes, 4), Self.padded(Self.quantile(its, 0.5), 6), Self.padded(Self.quantile(its, 0.99), 6),
      ]
      print(cells.joined(separator: "  "))
    }
  }

  private static func padded(_ value: some CustomStringConvertible, _ width: Int) -> String {
    let text = value.description
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// Doubles the rate until it is too high, and goes halfway back until it is known to a tenth.
  private func findHighest(_ writer: inout MentionWriter, _ watch: MeasuredWatch) {
    var good = 0
    var bad: Int?
    var next = rate
    while true {
      if measure(next, &writer, watch) < 1 { good = next } else { bad = next }
      // What has piled up must not count against the next rate.
      guard watch.hasSeen(writer.latest, withinSeconds: 3_600) else { break }
      guard let bad else {
        next *= 2
        continue
      }
      if bad - good <= max(good / 10, 100) { break }
      next = (good + bad) / 2
    }
    print("the highest rate of which 99 of 100 appends are seen within a second: \(good) a second")
  }

  /// How long an append was not seen.
  private struct Latency {
    var batch: Int
    var seconds: Double
  }

  /// Appends ten times a second.
  ///
  /// - Returns: the seconds from each append until it was seen, and the memory of the watch at the start and at the end of each part.
  private func append(
    _ rate: Int, _ writer: inout MentionWriter, _ watch: MeasuredWatch
  ) -> (latencies: [Latency], memory: [Int]) {
    var waiting: [(batch: Int, at: Int, since: Double)] = []
    var latencies: [Latency] = []
    var memory = [watch.memory]
    let begin = ChildProcess.monotonicSeconds()
    let batches = seconds * 10
    var batch = 0
    while batch < batches || !waiting.isEmpty {
      if batch < batches, ChildProcess.monotonicSeconds() - begin >= Double(batch) / 10 {
        let before = writer.latest
        writer.append(rate * (batch + 1) / 10 - rate * batch / 10)
        // One that the clock of the stream does not tell from the one before cannot be told to be seen.
        if writer.latest > before { waiting.append((batch, writer.latest, ChildProcess.monotonicSeconds())) }
        batch += 1
        if batch * Self.parts / batches > memory.count - 1 { memory.append(watch.memory) }
      }
      let seen = watch.seen
      let end = ChildProcess.monotonicSeconds()
      while let first = waiting.first, first.at <= seen {
        latencies.append(Latency(batch: first.batch, seconds: end - first.since))
        waiting.removeFirst()
      }
      // What is not seen by then is not seen at all.
      if let first = waiting.first, end - first.since > 600 {
        return (latencies + waiting.map { Latency(batch: $0.batch, seconds: end - $0.since) }, memory)
      }
      usleep(2_000)
    }
    return (latencies, memory)
  }

  /// Builds the same from nothing, and finds the components in another way.
  private func compare(_ binary: String) {
    // Not inside: it would be of the same project.
    let copy = "\(folder)-again"
    Scratch.removeAll(copy)
    Scratch.makeFolder(copy)
    _ = ChildProcess.run(["cp", "main.rf", "mentions.csv", copy], in: folder)
    let build = ChildProcess.run([binary, "build", "-q"], in: copy)
    let isSame = ChildProcess.run(["diff", "-r", "\(folder)/out", "out"], in: copy).status == 0
    print(
      "from nothing: \(Self.rounded(build.wallSeconds)) s, \(Self.rounded(build.cpuSeconds)) s of CPU; "
        + (isSame ? "the outputs are equal" : "THE OUTPUTS DIFFER"))
    let begin = ChildProcess.monotonicSeconds()
    let expected = MentionComponents(file: "\(folder)/mentions.csv").text
    let isRight = Scratch.bytes("\(folder)/out/components.csv") == expected
    let seconds = Self.rounded(ChildProcess.monotonicSeconds() - begin)
    Scratch.removeAll(copy)
    print(
      "by a depth-first search: \(seconds) s, reading included; "
        + (isRight ? "the components are equal" : "THE COMPONENTS DIFFER"))
  }

  private static func rounded(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }

  private static func quantile(_ values: [Double], _ quantile: Double) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return rounded(sorted[min(sorted.count - 1, Int(Double(sorted.count) * quantile))])
  }
}

/// The watch that is measured, seen from outside.
private struct MeasuredWatch {
  let process: pid_t
  /// The file that holds the latest time that it knows of.
  let output: String

  /// The latest time that the outputs know of; -1 if there is none.
  var seen: Int {
    guard let file = fopen(output, "r") else { return -1 }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = fread(&buffer, 1, buffer.count, file)
    let lines = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n")
    return lines.count == 2 ? Int(lines[1]) ?? -1 : -1
  }

  /// Waits until a time has been seen; false if it takes too long, or the watch is gone.
  func hasSeen(_ time: Int, withinSeconds limit: Double) -> Bool {
    let begin = ChildProcess.monotonicSeconds()
    while seen < time {
      guard kill(process, 0) == 0, ChildProcess.monotonicSeconds() - begin < limit else { return false }
      usleep(20_000)
    }
    return true
  }

  /// What it holds in memory, in MiB.
  var memory: Int { mebibytes("VmRSS:") }

  /// The most that it has held so far.
  var peak: Int { mebibytes("VmHWM:") }

  private func mebibytes(_ name: String) -> Int {
    let lines = Scratch.read("/proc/\(process)/status").split(separator: "\n")
    let line = lines.first { $0.hasPrefix(name) } ?? ""
    return (Int(line.filter(\.isNumber)) ?? 0) / 1024
  }

  /// What it has used so far; its name has no blanks.
  var cpuSeconds: Double {
    let fields = Scratch.read("/proc/\(process)/stat").split(separator: " ")
    guard fields.count > 14, let user = Double(fields[13]), let system = Double(fields[14]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
