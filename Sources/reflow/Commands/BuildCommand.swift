import ArgumentParser
import BuildGraph
import Diagnostics
import Language

struct BuildCommand: ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Bring the output tree up to date.",
    usage: "reflow build [<options>] [<program>] [-NAME=VALUE ...]",
    discussion: """
      Parameters of the program follow it, as -NAME=VALUE or --NAME VALUE; '-help' behind the program lists them.
      """)

  @Argument(help: "The program.")
  var program = "main.rf"
  @OptionGroup var running: RunningOptions
  @Flag(name: [.customShort("n"), .long], help: "Say what would run and why, and change nothing.")
  var dryRun = false
  @Option(help: "Build this exported value and not Main, into a folder of its name; may be repeated.")
  var target: [String] = []
  @Flag(help: "Move a foreign file in the way of an output aside.")
  var force = false
  @Flag(help: "Run each step that has to run twice, and report outputs that differ; ends with status 1 if one does.")
  var checkDeterminism = false
  @Option(help: "The output tree (default: out).")
  var out: String?

  mutating func validate() throws {
    if dryRun && checkDeterminism { throw ValidationError("--dry-run and --check-determinism exclude each other") }
  }

  static let programOptions =
    RunningOptions.names + [
      .init(name: "dry-run", takesValue: false), .init(name: "target", takesValue: true),
      .init(name: "force", takesValue: false), .init(name: "check-determinism", takesValue: false),
      .init(name: "out", takesValue: true),
    ]

  init() {}

  /// A build with no options but the commonest; nil for whatever else there is, right or wrong.
  init?(plain words: [String]) {
    var running = RunningOptions()
    running.setDefaults()
    var program: String?
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "-q", "--quiet": running.quiet = true
      case "-v", "--verbose": running.verbose = true
      case "-k", "--keep-going": running.keepGoing = true
      case "--explain": running.explain = true
      case "--sandbox=auto", "--sandbox=strict", "--sandbox=off": running.sandbox = String(word.dropFirst(10))
      case "-j", "--jobs":
        guard let text = rest.popFirst(), let jobs = Int(text) else { return nil }
        running.jobs = jobs
      case _:
        guard !word.hasPrefix("-"), program == nil else { return nil }
        program = word
      }
    }
    guard (try? running.validate()) != nil else { return nil }
    self.running = running
    self.program = program ?? "main.rf"
    dryRun = false
    target = []
    force = false
    checkDeterminism = false
    out = nil
  }

  func run(_ arguments: ProgramArguments) throws {
    let workspace = try Workspace(root: running.root)
    if arguments.wantsHelp { return try workspace.printHelp(of: program) }
    try workspace.requireProgram(program)
    let targets = target.isEmpty ? ["Main"] : target
    var session = Session(
      workspace: workspace, options: running, verb: dryRun ? "dry run" : "build",
      outputFolder: try workspace.outputFolder(out), isDryRun: dryRun,
      isForced: force)
    session.mayBeServed = !dryRun && !checkDeterminism
    session.checksDeterminism = checkDeterminism
    try session.run(Session.Request(outputsOf: program, targets: targets, arguments.parameters))
  }
}

extension Session.Request {
  /// What `build` and `watch` ask for: an output tree.
  ///
  /// - Parameter targets: `["Main"]`, or the names of which each gets a folder of its own.
  init(outputsOf program: String, targets: [String], _ parameters: [(name: String, value: String)]) {
    let isMain = targets == ["Main"]
    self.init(program: program, targets: targets, goals: targets.map { .outputs($0) }, parameters: parameters) {
      results in
      var outputs: [OutputEntry] = []
      var printed: [String] = []
      for result in results {
        guard case .outputs(let entries, let lines) = result.content else { continue }
        printed += lines.map { isMain ? $0 : "\(result.name): \($0)" }
        outputs += entries.map { entry in
          var entry = entry
          if !isMain { entry.path = ByteString(result.name) + "/" + entry.path }
          return entry
        }
      }
      return (outputs, printed)
    }
  }
}
