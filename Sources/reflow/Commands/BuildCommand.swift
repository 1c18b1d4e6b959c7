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
  @Flag(name: [.customShort("n"), .long], help: "Say what would run and what is out of place; change nothing.")
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

  func run(_ arguments: ProgramArguments) throws {
    var order = BuildOrder()
    order.running = running.choices
    order.program = program
    order.isDryRun = dryRun
    order.targets = target.isEmpty ? order.targets : target
    order.isForced = force
    order.checksDeterminism = checkDeterminism
    order.out = out
    try order.run(arguments)
  }
}

/// A build that was asked for, whoever has read the command line.
struct BuildOrder {
  var running = RunningChoices()
  var program = "main.rf"
  var isDryRun = false
  var targets = ["Main"]
  var isForced = false
  var checksDeterminism = false
  var out: String?

  init() {}

  /// A build with no options but the commonest; nil for whatever else there is, right or wrong.
  ///
  /// - Parameter words: What follows the command's name.
  init?(plain words: ArraySlice<String>) {
    var hasProgram = false
    var rest = words
    while let word = rest.popFirst() {
      switch word {
      case "-q", "--quiet": running.quiet = true
      case "-v", "--verbose": running.verbose = true
      case "-k", "--keep-going": running.keepGoing = true
      case "--explain": running.explain = true
      case "--sandbox=auto": running.sandbox = "auto"
      case "--sandbox=strict": running.sandbox = "strict"
      case "--sandbox=off": running.sandbox = "off"
      case "-j", "--jobs":
        guard let text = rest.popFirst(), let jobs = Int(text), RunningChoices.jobLimits.contains(jobs) else {
          return nil
        }
        running.jobs = jobs
      case _:
        if word.hasPrefix("-j"), let jobs = Int(word.dropFirst(2)), RunningChoices.jobLimits.contains(jobs) {
          running.jobs = jobs
          continue
        }
        guard !word.hasPrefix("-"), !hasProgram else { return nil }
        program = word
        hasProgram = true
      }
    }
    if running.quiet, running.verbose { return nil }
  }

  func run(_ arguments: ProgramArguments) throws {
    let workspace = try Workspace(root: running.root)
    if arguments.wantsHelp { return try workspace.printHelp(of: program) }
    try workspace.requireProgram(program)
    var session = Session(
      workspace: workspace, options: running, verb: isDryRun ? "dry run" : "build",
      outputFolder: try workspace.outputFolder(out), isDryRun: isDryRun,
      isForced: isForced)
    session.mayBeServed = !isDryRun && !checksDeterminism
    session.checksDeterminism = checksDeterminism
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
        // Of the only target they are as they are: a copy of them is as large as all that is said of the steps.
        if isMain {
          outputs = entries
          continue
        }
        outputs += entries.map { entry in
          var entry = entry
          entry.path = ByteString(result.name) + "/" + entry.path
          return entry
        }
      }
      return (outputs, printed)
    }
  }
}
