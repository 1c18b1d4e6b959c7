import ArgumentParser
import Dispatch
@preconcurrency import Glibc

/// Builds of projects of many short steps, beside ninja, make and tup in the same minutes.
struct BuildBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Many short steps: full, nothing changed, and after edits; beside ninja, make and tup.",
    discussion: """
      Cases: full; null (nothing changed); leaf (one source edited); touch (one source written again with its content); header (a file \
      that half the steps of 'wide' read); comment (a comment added to the program); edit (one step's command); touchall (all sources written \
      again with their content).
      """)

  enum Case: String, ExpressibleByArgument, CaseIterable {
    case full, null, leaf, touch, header, comment, edit, touchall
  }

  @Option(help: "How many steps; repeat for several sizes.")
  var steps: [Int] = [1000, 10000]
  @Option(help: "wide, tree or chain; repeat for several.")
  var shape: [BuildShape] = [.wide]
  @Option(help: "What to measure besides full; repeat for several.")
  var only: [Case] = Case.allCases
  @Option(help: "reflow, reflow-sandbox, ninja, make, tup; repeat for several.")
  var tool: [String] = ["ninja", "reflow", "reflow-sandbox", "make", "tup"]
  @Option(help: "Counted rounds; each runs every tool once, in turn.")
  var rounds = 3
  @Option(help: "Steps at once.")
  var jobs = 2
  @Option(help: "Seconds to rest before each full build.")
  var rest = 6
  @Flag(help: "Drop the system's caches before each full build, where that is permitted.")
  var cold = false
  @Flag(help: "Count the system calls of a build in which nothing changed, by strace, and stop.")
  var syscalls = false
  @OptionGroup var measured: MeasuredBinary
  @Option(help: "Where to work; emptied first.")
  var folder = "/tmp/reflow-bench-build"

  private struct Tool {
    let name: String
    let command: [String]
    /// What is set aside so that the next build starts from nothing.
    let state: [String]
    /// The folder of its outputs, where it does not make that itself.
    var outputs: String?
    /// A command that must run before the first build.
    var preparation: [String]?
  }

  func run() throws {
    let binary = try measured.path()
    for shape in shape {
      for count in steps { measure(shape, count, tools: tools(binary)) }
    }
  }

  private func tools(_ binary: String) -> [Tool] {
    let all = [
      Tool(
        name: "ninja", command: ["ninja", "-j", "\(jobs)", "--quiet"], state: ["nout", ".ninja_log", ".ninja_deps"],
        outputs: "nout"),
      Tool(
        name: "reflow", command: [binary, "build", "-j", "\(jobs)", "--sandbox=off", "-q"], state: ["out", ".reflow"]),
      Tool(name: "reflow-sandbox", command: [binary, "build", "-j", "\(jobs)", "-q"], state: ["out", ".reflow"]),
      Tool(name: "make", command: ["make", "-s", "-j", "\(jobs)"], state: ["mout"], outputs: "mout"),
      // It looks at each file of the tree and runs its steps under FUSE.
      Tool(
        name: "tup", command: ["tup", "upd", "-j\(jobs)", "--quiet"], state: ["tout", ".tup"], outputs: "tout",
        preparation: ["tup", "init", "--no-sync"]),
    ]
    return all.filter { wanted in
      tool.contains(wanted.name) && (wanted.command[0] == binary || Scratch.has(wanted.command[0]))
    }
  }

  private func measure(_ shape: BuildShape, _ count: Int, tools: [Tool]) {
    // ext4 without a journal passes over inodes that were freed in the last minutes, which slows whoever makes more files: what was made is
    // set aside, and removed when all is measured.
    let aside = folder + ".aside"
    Scratch.removeAll(folder)
    Scratch.removeAll(aside)
    Scratch.makeFolder(folder)
    Scratch.makeFolder(aside)
    defer { Scratch.removeAll(aside) }
    let project = BuildProject(in: folder, shape, steps: count)
    if syscalls { return countCalls(project, tools) }
    var figures: [String: [Case: [ChildRun]]] = [:]
    var looks: [Double] = []
    for round in 0..<rounds {
      for tool in tools {
        // Nobody is to look at what another made.
        for name in Set(tools.flatMap(\.state)) {
          _ = rename("\(folder)/\(name)", "\(aside)/\(round)-before-\(tool.name)-\(name)")
        }
        prepare(tool)
        sleep(UInt32(rest))
        if cold { dropCaches() }
        for phase in Case.allCases where phase == .full || only.contains(phase) {
          apply(phase, to: project)
          // What is measured after an edit is the first build; of a build in which nothing changed the second, as it goes on being.
          if phase == .null { _ = ChildProcess.run(tool.command, in: folder) }
          let run = ChildProcess.run(tool.command, in: folder)
          guard run.status == 0 else { return print("\(tool.name) failed in phase \(phase.rawValue)") }
          figures[tool.name, default: [:]][phase, default: []].append(run)
          if phase == .null && tool.name == "reflow" { looks.append(Self.secondsOfLooks(at: project.lookedAt)) }
        }
      }
    }
    report(shape, count, tools: tools.map(\.name), figures)
    guard !looks.isEmpty else { return }
    print(
      "one lstat of each of \(project.lookedAt.count) files, on two threads: \(Self.rounded(looks.sorted()[looks.count / 2] * 1000)) ms"
    )
  }

  /// Makes what a tool wants to find before its first build.
  private func prepare(_ tool: Tool) {
    if let outputs = tool.outputs { Scratch.makeFolder("\(folder)/\(outputs)") }
    guard let preparation = tool.preparation else { return }
    let run = ChildProcess.run(preparation, in: folder)
    precondition(run.status == 0, "\(preparation.joined(separator: " ")) failed")
  }

  /// What the machine needs to look at each of these files once, with both of its cores.
  private static func secondsOfLooks(at paths: [String]) -> Double {
    let halves = [paths[..<(paths.count / 2)], paths[(paths.count / 2)...]]
    let start = ChildProcess.monotonicSeconds()
    DispatchQueue.concurrentPerform(iterations: halves.count) { half in
      var status = stat()
      for path in halves[half] { precondition(lstat(path, &status) == 0, "\(path) is not there") }
    }
    return ChildProcess.monotonicSeconds() - start
  }

  private func apply(_ phase: Case, to project: BuildProject) {
    let stamp = ChildProcess.monotonicSeconds()
    switch phase {
    case .full, .null: return
    case .leaf: project.editLeaf(stamp)
    case .touch: project.touchLeaf()
    case .header: project.editHeader(stamp)
    case .comment: project.editComment(stamp)
    case .edit: project.editStep(stamp)
    case .touchall: project.touchAll()
    }
  }

  private func dropCaches() {
    sync()
    guard let file = fopen("/proc/sys/vm/drop_caches", "w") else { return print("caches cannot be dropped here") }
    fputs("3\n", file)
    fclose(file)
  }

  private func report(
    _ shape: BuildShape, _ count: Int, tools: [String], _ figures: [String: [Case: [ChildRun]]]
  ) {
    func median(_ tool: String, _ phase: Case, _ figure: (ChildRun) -> Double) -> Double {
      let sorted = (figures[tool]?[phase] ?? []).map(figure).sorted()
      return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    }
    let peer = tools[0]
    print(
      "shape=\(shape.rawValue) steps=\(count) jobs=\(jobs) rounds=\(rounds); milliseconds, and the ratio to \(peer)")
    var head = Self.pad("case", 12)
    for tool in tools { head += Self.pad(tool, 24) }
    print(head)
    for phase in Case.allCases where phase == .full || only.contains(phase) {
      var line = Self.pad(phase.rawValue, 12)
      for tool in tools {
        let own = median(tool, phase) { $0.wallSeconds } * 1000
        let other = median(peer, phase) { $0.wallSeconds } * 1000
        line += Self.pad("\(Self.rounded(own)) (\(Self.rounded(own / other)))", 24)
      }
      print(line)
    }
    for phase in [Case.full, .null] where phase == .full || only.contains(phase) {
      var line = Self.pad("MiB \(phase.rawValue)", 12)
      for tool in tools { line += Self.pad(Self.rounded(median(tool, phase) { Double($0.peakKibibytes) / 1024 }), 24) }
      print(line)
    }
    fflush(stdout)
  }

  private func countCalls(_ project: BuildProject, _ tools: [Tool]) {
    let summary = "\(folder)/calls"
    for tool in tools {
      prepare(tool)
      for _ in 0..<2 { _ = ChildProcess.run(tool.command, in: folder) }
      sleep(1)
      _ = ChildProcess.run(tool.command, in: folder)
      let traced = ChildProcess.run(["strace", "-f", "-c", "-o", summary] + tool.command, in: folder)
      guard traced.status == 0 else { return print("strace is not there, or may not look") }
      print("\(tool.name), \(project.sources.count) sources:\n\(Scratch.read(summary))")
    }
  }

  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  static func rounded(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let hundredths = Int((value * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }
}
