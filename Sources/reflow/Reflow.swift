import ArgumentParser

@main
struct Reflow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reflow",
    abstract: "Keep a tree of outputs up to date with the files and the program that they are made from.",
    version: "reflow 0.1.0",
    subcommands: [CheckCommand.self, DocCommand.self, VersionCommand.self])
}
