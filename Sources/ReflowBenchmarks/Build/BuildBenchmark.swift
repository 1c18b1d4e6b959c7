import ArgumentParser
@preconcurrency import Glibc

/// Overhead per step, and a build in which nothing changed, beside ninja and make in the same minutes.
struct BuildBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Steps of cp: full, nothing changed, one leaf changed; beside ninja and make.")

  @Option(help: "How many steps; repeat for several sizes.")
  var steps: [Int] = [1000, 10000]
  @Option(help: "Counted rounds; each runs every tool once, in turn.")
  var rounds = 5
  @Option(help: "Steps at once.")
  var jobs = 2
  // ext4 passes over inodes that were freed in the last five seconds, which would slow whoever makes more files.
  @Option(help: "Seconds to rest after the removal of what a round before it made.")
  var rest = 6
  @Option(help: "The reflow binary to measure.")
  var reflow: String?
  @Option(help: "Where to work; emptied first.")
  var folder = "/tmp/reflow-bench-build"

  private struct Tool {
    let name: String
    let full: [String]
    /// What is removed so that the next build starts from nothing.
    let state: [String]
  }

  func run() throws {
    let binary = reflow ?? Self.besideThisBinary("reflow")
    guard access(binary, X_OK) == 0 else {
      throw ValidationError("no reflow binary at \(binary); build it, or name it with --reflow")
    }
    for count in steps { measure(count, binary: binary) }
  }

  private func measure(_ count: Int, binary: String) {
    Scratch.removeAll(folder)
    Scratch.makeFolder(folder)
    Self.prepare(folder, steps: count)
    var tools = [
      Tool(
        name: "reflow", full: [binary, "build", "-j", "\(jobs)", "--sandbox=off", "-q"], state: ["out", ".reflow"]),
      Tool(name: "reflow-sandbox", full: [binary, "build", "-j", "\(jobs)", "-q"], state: ["out", ".reflow"]),
    ]
    if Scratch.has("ninja") {
      tools.insert(
        Tool(
          name: "ninja", full: ["ninja", "-j", "\(jobs)", "--quiet"], state: ["nout", ".ninja_log", ".ninja_deps"]),
        at: 0)
    }
    if Scratch.has("make") {
      tools.append(Tool(name: "make", full: ["make", "-s", "-j", "\(jobs)"], state: ["mout"]))
    }
    var figures: [String: [String: [ChildRun]]] = [:]
    for _ in 0..<rounds {
      for tool in tools {
        for name in tool.state { Scratch.removeAll("\(folder)/\(name)") }
        for name in ["nout", "mout"] { Scratch.makeFolder("\(folder)/\(name)") }
        sleep(UInt32(rest))
        for (phase, change) in [("full", false), ("null", false), ("null2", false), ("leaf", true)] {
          if change { Scratch.write("changed \(ChildProcess.monotonicSeconds())\n", to: "\(folder)/src/f7") }
          let run = ChildProcess.run(tool.full, in: folder)
          precondition(run.status == 0, "\(tool.name) failed in phase \(phase)")
          figures[tool.name, default: [:]][phase, default: []].append(run)
        }
      }
    }
    report(count, tools: tools.map(\.name), figures)
  }

  private func report(_ count: Int, tools: [String], _ figures: [String: [String: [ChildRun]]]) {
    func median(_ tool: String, _ phase: String, _ figure: (ChildRun) -> Double) -> Double {
      let sorted = (figures[tool]?[phase] ?? []).map(figure).sorted()
      return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    }
    print("steps=\(count) jobs=\(jobs) rounds=\(rounds)")
    print("tool            full ms/step  (ratio)   null ms  (ratio)   leaf ms  (ratio)   peak MiB full/null")
    for tool in tools {
      var line = Self.pad(tool, 16)
      for (phase, scale) in [("full", 1000 / Double(count)), ("null2", 1000), ("leaf", 1000)] {
        let own = median(tool, phase) { $0.wallSeconds } * scale
        let peer = median(tools[0], phase) { $0.wallSeconds } * scale
        line += Self.pad("\(Self.rounded(own))", 10) + Self.pad("(\(Self.rounded(own / peer)))", 10)
      }
      let full = median(tool, "full") { Double($0.peakKibibytes) / 1024 }
      let null = median(tool, "null2") { Double($0.peakKibibytes) / 1024 }
      print(line + "\(Self.rounded(full)) / \(Self.rounded(null))")
    }
  }

  /// The same steps for each tool: every file of `src` is copied.
  static func prepare(_ folder: String, steps: Int) {
    Scratch.makeFolder("\(folder)/src")
    var ninja = "rule cp\n  command = cp $in $out\n"
    var targets = ""
    for index in 0..<steps {
      Scratch.write("file number \(index)\n", to: "\(folder)/src/f\(index)")
      ninja += "build nout/f\(index): cp src/f\(index)\n"
      targets += " mout/f\(index)"
    }
    Scratch.write(ninja, to: "\(folder)/build.ninja")
    Scratch.write("all:\(targets)\nmout/%: src/%\n\tcp $< $@\n", to: "\(folder)/Makefile")
    Scratch.write(
      """
      val strings = make("$/strings")
      func Copied(name string) = exec() (out file) {"cp {{file("src/" + name)}} {{out}}"}
      val names = ["f" + strings.FromInt(i) | i <- range(0, \(steps))]
      val Main = map([(name, Copied(name)) | name <- names])

      """, to: "\(folder)/main.rf")
  }

  static func besideThisBinary(_ name: String) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let own = String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/" + name
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  private static func rounded(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let thousandths = Int((value * 1000).rounded())
    let fraction = String(thousandths % 1000)
    return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }
}
