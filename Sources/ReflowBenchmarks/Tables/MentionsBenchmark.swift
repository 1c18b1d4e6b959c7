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
      the writer appends; an append counts as seen when the table with the latest time is in the output tree. In the end the \
      outputs are compared with those of a build from nothing.
      """)

  @Option(help: "How many users there are.")
  var users = 1_000_000
  @Option(help: "Mentions at the start.")
  var mentions = 10_000_000
  @Option(help: "Mentions appended in a second.")
  var rate = 5_000
  @Option(help: "For how long.")
  var seconds = 60
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
    var stream = MentionStream(users: users, aDay: mentions)
    guard let file = fopen("\(folder)/mentions.csv", "w") else {
      throw ValidationError("cannot write to \(folder)")
    }
    defer { fclose(file) }
    fputs("src,dst,at\n", file)
    for _ in 0..<mentions { fputs(stream.next(), file) }
    fflush(file)
    if generate { return }
    let binary = try measured.path()
    let begin = ChildProcess.monotonicSeconds()
    let watch = ChildProcess.start([binary, "watch", "-q"], in: folder)
    var isRunning = true
    defer { if isRunning { ChildProcess.kill(watch) } }
    while seen() < stream.latest {
      guard kill(watch, 0) == 0, ChildProcess.monotonicSeconds() - begin < 3_600 else {
        return print("the watch did not come to an end of its first build")
      }
      usleep(20_000)
    }
    print("first build: \(Self.rounded(ChildProcess.monotonicSeconds() - begin)) s, \(memory(of: watch)) MiB")
    let latencies = append(to: file, &stream, watch)
    print("\(rate) a second for \(seconds) s: latency p50 \(Self.quantile(latencies, 0.5)) s", terminator: ", ")
    print("p99 \(Self.quantile(latencies, 0.99)) s, worst \(Self.quantile(latencies, 1)) s; \(memory(of: watch)) MiB")
    ChildProcess.kill(watch)
    isRunning = false
    compare(binary)
  }

  /// Appends at the rate.
  ///
  /// - Returns: the seconds from each append until it was seen.
  private func append(to file: UnsafeMutablePointer<FILE>, _ stream: inout MentionStream, _ watch: pid_t) -> [Double] {
    var waiting: [(at: Int, since: Double)] = []
    var latencies: [Double] = []
    let begin = ChildProcess.monotonicSeconds()
    var batch = 0
    while batch < seconds * 10 || !waiting.isEmpty {
      let now = ChildProcess.monotonicSeconds()
      if batch < seconds * 10, now - begin >= Double(batch) / 10 {
        for _ in 0..<max(1, rate / 10) { fputs(stream.next(), file) }
        fflush(file)
        waiting.append((stream.latest, ChildProcess.monotonicSeconds()))
        batch += 1
        if batch % 600 == 0 { print("after \(batch / 10) s: \(memory(of: watch)) MiB") }
      }
      let seen = seen()
      let end = ChildProcess.monotonicSeconds()
      while let first = waiting.first, first.at <= seen {
        latencies.append(end - first.since)
        waiting.removeFirst()
      }
      // What is not seen by then is not seen at all.
      if let first = waiting.first, end - first.since > 600 { return latencies + waiting.map { end - $0.since } }
      usleep(5_000)
    }
    return latencies
  }

  /// The latest time that the outputs know of.
  private func seen() -> Int {
    guard let file = fopen("\(folder)/out/clock.csv", "r") else { return -1 }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = fread(&buffer, 1, buffer.count, file)
    let lines = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n")
    return lines.count == 2 ? Int(lines[1]) ?? -1 : -1
  }

  private func memory(of process: pid_t) -> Int {
    let lines = Scratch.read("/proc/\(process)/status").split(separator: "\n")
    let line = lines.first { $0.hasPrefix("VmRSS:") } ?? ""
    return (Int(line.filter(\.isNumber)) ?? 0) / 1024
  }

  /// Builds the same from nothing.
  private func compare(_ binary: String) {
    let copy = "\(folder)/again"
    Scratch.makeFolder(copy)
    _ = ChildProcess.run(["cp", "main.rf", "mentions.csv", copy], in: folder)
    let build = ChildProcess.run([binary, "build", "-q"], in: copy)
    let isSame = ChildProcess.run(["diff", "-r", "out", "again/out"], in: folder).status == 0
    print(
      "from nothing: \(Self.rounded(build.wallSeconds)) s; \(isSame ? "the outputs are equal" : "THE OUTPUTS DIFFER")")
  }

  private static func rounded(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }

  private static func quantile(_ values: [Double], _ quantile: Double) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return rounded(sorted[min(sorted.count - 1, Int(Double(sorted.count) * quantile))])
  }
}

/// Who mentions whom: the same stream each time.
struct MentionStream {
  private var generator = SplitMix64(seed: 11)
  private let users: Double
  /// Mentions in a day of the stream's clock.
  private let aDay: Int
  private var count = 0
  /// Whom everybody mentions just now, and how often still.
  private var burst = (user: 0, left: 0)
  /// The time of the last mention, in seconds.
  private(set) var latest = 0

  init(users: Int, aDay: Int) {
    self.users = Double(max(2, users))
    self.aDay = max(1, aDay)
  }

  /// A user: how often one comes is as one over the number.
  private mutating func user() -> Int {
    let unit = Double(generator.next() >> 11) / Double(1 << 53)
    return Int(pow(users, unit))
  }

  /// The next mention, as a line of the file.
  mutating func next() -> String {
    count += 1
    latest = Int(Double(count) * 86_400 / Double(aDay))
    let source = user()
    if burst.left == 0, generator.below(20_000) == 0 { burst = (user(), 500) }
    if burst.left > 0, generator.below(2) == 0 {
      burst.left -= 1
      return "\(source),\(burst.user),\(latest)\n"
    }
    return "\(source),\(user()),\(latest)\n"
  }
}
