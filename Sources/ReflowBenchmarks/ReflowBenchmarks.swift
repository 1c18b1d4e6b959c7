import ArgumentParser

/// Everything that Reflow claims about speed, measured.
@main
struct ReflowBenchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reflow-bench",
    abstract: "Measures Reflow beside something run in the same minutes.",
    subcommands: [
      BuildBenchmark.self, WatchBenchmark.self, SlurmBenchmark.self, SimulateCommand.self, KillCommand.self,
      SoakCommand.self, FullDiskCommand.self, LanguageBenchmark.self, DifferentialCommand.self, TablesBenchmark.self,
      MentionsBenchmark.self,
    ])
}
