import ArgumentParser
import Ports

/// The options of every command that runs steps.
struct RunningOptions: ParsableArguments {
  @Option(name: [.short, .long], help: "Steps at once; the number of cores where it is not given.")
  var jobs: Int?
  @Flag(name: [.short, .long], help: "After a failure, run every step that does not depend on it.")
  var keepGoing = false
  @Option(help: "auto, strict or off: whether a step sees only what it declares.")
  var sandbox: String?
  @Option(help: "The workspace root.")
  var root: String?
  @Option(help: "Write one JSON object a line for each event to this file.")
  var events: String?
  @Option(help: "Write a trace for Perfetto or chrome://tracing to this file.")
  var trace: String?
  @Flag(name: [.short, .long], help: "Say only what is wrong.")
  var quiet = false
  @Flag(name: [.short, .long], help: "Name every step and output.")
  var verbose = false
  @Flag(help: "Say for each step why it runs.")
  var explain = false

  @Flag(help: "Let what steps of a kind took lower what the program asks for them.")
  var predict = false

  @Option(help: "Where steps run: local or slurm.")
  var executor: String?

  var choices: RunningChoices {
    RunningChoices(
      jobs: jobs, keepGoing: keepGoing, sandbox: sandbox, root: root, events: events, trace: trace, quiet: quiet,
      verbose: verbose, explain: explain, predict: predict, executor: executor)
  }

  static func check(sandbox: String?) throws {
    if let sandbox, SandboxMode(rawValue: sandbox) == nil {
      throw ValidationError("--sandbox takes auto, strict or off, not '\(sandbox)'")
    }
  }

  mutating func validate() throws {
    if let jobs, !RunningChoices.jobLimits.contains(jobs) {
      throw ValidationError("--jobs takes a number from 1 to 4096")
    }
    try Self.check(sandbox: sandbox)
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other") }
    if let executor, !["local", "slurm"].contains(executor) {
      throw ValidationError("no executor named '\(executor)'; there are: local, slurm")
    }
  }

  /// The long options, for telling them from the program's parameters.
  static let names: [ProgramArguments.Option] = [
    .init(name: "jobs", takesValue: true), .init(name: "keep-going", takesValue: false),
    .init(name: "sandbox", takesValue: true), .init(name: "root", takesValue: true),
    .init(name: "events", takesValue: true), .init(name: "trace", takesValue: true),
    .init(name: "quiet", takesValue: false), .init(name: "verbose", takesValue: false),
    .init(name: "explain", takesValue: false), .init(name: "executor", takesValue: true),
    .init(name: "predict", takesValue: false), .init(name: "help", takesValue: false),
    .init(name: "version", takesValue: false),
  ]
}
