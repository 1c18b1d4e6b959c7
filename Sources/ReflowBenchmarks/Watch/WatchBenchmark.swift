import ArgumentParser
@preconcurrency import Glibc

/// What a watch adds to the command that an edit runs, and how quickly it answers a build.
struct WatchBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "From the closing of an edited file to the rename of its output, less the same command alone.",
    discussion: """
      Each sample rewrites one of the inputs of a project of steps of cp that 'reflow watch' watches, and waits for the
      new output to appear; right after it the same command is started under the same shell and waited for by this process. The \
      difference of the two is the overhead. Then 'reflow build' is timed, which the watch answers.
      """)

  @Option(help: "How many steps; repeat for several sizes.")
  var steps: [Int] = [100, 10_000]
  @Option(help: "Samples for each size.")
  var samples = 200
  @Option(help: "Milliseconds between two samples.")
  var pause = 120
  @Flag(help: "With the sandbox; without it unless this is given.")
  var sandbox = false
  @Flag(help: "Goes on with what an earlier run has left in the folder: many steps take long to build.")
  var keep = false
  @OptionGroup var measured: MeasuredBinary
  @Option(help: "Where to work; emptied first, without --keep.")
  var folder = "/tmp/reflow-bench-watch"

  func run() throws {
    let binary = try measured.path()
    print("steps   overhead ms: median  p90     p99     | command alone  whole    | answered build ms: median  worst")
    for count in steps { measure(count, binary) }
  }

  private func measure(_ count: Int, _ binary: String) {
    if !keep { Scratch.removeAll(folder) }
    Scratch.makeFolder(folder)
    unlink("\(folder)/events")
    let project = BuildProject(in: folder, .wide, steps: count)
    let mode = sandbox ? "--sandbox=auto" : "--sandbox=off"
    let first = ChildProcess.run([binary, "build", mode, "-q"], in: folder)
    precondition(first.status == 0, "the first build failed")
    let watch = WatchedProject(binary, ["watch", mode, "-q", "--events", "\(folder)/events"], in: folder)
    defer { watch.end() }
    watch.waitForEvent("watching", in: "\(folder)/events")
    var overheads: [Double] = []
    var alone: [Double] = []
    var whole: [Double] = []
    // The first few find caches cold that every later one finds warm.
    for sample in 0..<(samples + 5) {
      let step = (sample * 7919) % count
      let name = "f\(step)"
      usleep(UInt32(pause) * 1000)
      let seconds = watch.seconds(toRewrite: name, with: "sample \(sample) \(ChildProcess.monotonicSeconds())\n")
      // A step makes a new file.
      unlink("\(folder)/copy")
      let command = ChildProcess.run(project.wideCommand(ofStep: step, to: "copy"), in: folder)
      guard sample >= 5 else { continue }
      whole.append(seconds)
      alone.append(command.wallSeconds)
      overheads.append(seconds - command.wallSeconds)
    }
    var answers: [Double] = []
    for _ in 0..<20 {
      usleep(UInt32(pause) * 1000)
      let build = ChildProcess.run([binary, "build", mode, "-q"], in: folder)
      precondition(build.status == 0, "an answered build failed")
      answers.append(build.wallSeconds)
    }
    let cells = [
      "\(count)", Self.milliseconds(overheads, 0.5), Self.milliseconds(overheads, 0.9),
      Self.milliseconds(overheads, 0.99),
      "| " + Self.milliseconds(alone, 0.5), Self.milliseconds(whole, 0.5), "| " + Self.milliseconds(answers, 0.5),
      Self.milliseconds(answers, 1),
    ]
    let widths = [8, 21, 8, 8, 17, 9, 29, 8]
    print(zip(cells, widths).map { $0 + String(repeating: " ", count: max(1, $1 - $0.count)) }.joined())
  }

  /// A quantile in milliseconds, with two decimals.
  private static func milliseconds(_ seconds: [Double], _ quantile: Double) -> String {
    let sorted = seconds.sorted()
    guard !sorted.isEmpty else { return "-" }
    let value = sorted[min(sorted.count - 1, Int(Double(sorted.count) * quantile))]
    let hundredths = Int((abs(value) * 100_000).rounded())
    let fraction = hundredths % 100
    return (value < 0 ? "-" : "") + "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }
}

/// A running watch, and an ear for its output folder.
private final class WatchedProject {
  private let folder: String
  private let process: pid_t
  private var queue: Int32 = -1

  init(_ binary: String, _ arguments: [String], in folder: String) {
    self.folder = folder
    var words: [UnsafeMutablePointer<CChar>?] = ([binary] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    precondition(chdir(folder) == 0, "cannot enter \(folder)")
    var child: pid_t = 0
    let failure = posix_spawn(&child, binary, nil, nil, words, Glibc.environ)
    precondition(failure == 0, "cannot start \(binary)")
    process = child
  }

  func waitForEvent(_ name: String, in path: String) {
    for _ in 0..<60_000 {
      usleep(2000)
      guard let file = fopen(path, "r") else { continue }
      defer { fclose(file) }
      var buffer = [CChar](repeating: 0, count: 1 << 16)
      while fgets(&buffer, Int32(buffer.count), file) != nil {
        let line = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if line.contains("\"event\":\"\(name)\"") { return }
      }
    }
    preconditionFailure("the watch did not begin to wait")
  }

  /// Rewrites an input and waits for the rename of its output.
  ///
  /// - Returns: the seconds between.
  func seconds(toRewrite name: String, with text: String) -> Double {
    queue = inotify_init1(Int32(IN_CLOEXEC))
    defer { close(queue) }
    precondition(inotify_add_watch(queue, "\(folder)/out", UInt32(IN_MOVED_TO)) >= 0, "cannot watch the output")
    Scratch.write(text, to: "\(folder)/src/\(name)")
    let closed = ChildProcess.monotonicSeconds()
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      var wanted = pollfd(fd: queue, events: Int16(POLLIN), revents: 0)
      precondition(poll(&wanted, 1, 20_000) == 1, "no output came for \(name)")
      let end = ChildProcess.monotonicSeconds()
      let count = read(queue, &buffer, buffer.count)
      var offset = 0
      while offset + 16 <= count {
        let length = Int(buffer[offset + 12]) | Int(buffer[offset + 13]) << 8
        let text = String(decoding: buffer[(offset + 16)..<(offset + 16 + length)].prefix { $0 != 0 }, as: UTF8.self)
        if text == name { return end - closed }
        offset += 16 + length
      }
    }
  }

  func end() {
    kill(process, SIGTERM)
    waitpid(process, nil, 0)
  }
}
