import Foundation
import Testing

/// The manual says what the tool does: every command has a page, and every option is in it.
@Suite struct ManualPageTests {
  private static let folder = Workspace.fixtures + "/../man"

  private static func page(_ name: String) -> String {
    String(decoding: FileManager.default.contents(atPath: folder + "/" + name) ?? Data(), as: UTF8.self)
  }

  private struct Dump: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String
    }
    struct Argument: Decodable {
      var kind: String
      var names: [Name]?
      var shouldDisplay: Bool
    }
    struct Command: Decodable {
      var commandName: String
      var arguments: [Argument]?
      var subcommands: [Command]?
    }
    var command: Command
  }

  private static func commands() throws -> [Dump.Command] {
    let text = try Workspace([:]).reflow("--experimental-dump-help").output
    let commands = try JSONDecoder().decode(Dump.self, from: Data(text.utf8)).command.subcommands ?? []
    return commands.filter { $0.commandName != "help" }
  }

  /// Every command takes these; reflow(1) says so.
  private static let common: Set<String> = ["h", "-help", "-version"]

  /// The options that a page describes: the words behind `Fl` in the items of its OPTIONS.
  private static func options(of page: String) -> Set<String> {
    guard
      let section = page.components(separatedBy: "\n.Sh OPTIONS\n").dropFirst().first?.components(separatedBy: "\n.Sh ")
        .first
    else { return [] }
    var options: Set<String> = []
    for line in section.split(separator: "\n") where line.hasPrefix(".It Fl ") {
      let words = line.split(separator: " ")
      for (word, next) in zip(words, words.dropFirst()) where word == "Fl" { options.insert(String(next)) }
    }
    return options
  }

  @Test func `every command has a page with every option of its help and no other`() throws {
    let overview = Self.page("reflow.1")
    let commands = try Self.commands()
    #expect(commands.count >= 17)
    for command in commands {
      let name = "reflow-\(command.commandName).1"
      let page = Self.page(name)
      #expect(page.contains("\n.Nm reflow-\(command.commandName)\n"), "man/\(name) is missing")
      #expect(
        overview.contains(".It Xr reflow-\(command.commandName) 1\n"), "reflow.1 does not list \(command.commandName)")
      let wanted = (command.arguments ?? []).filter { $0.shouldDisplay && $0.kind != "positional" }.flatMap {
        argument in
        (argument.names ?? []).map { $0.kind == "long" ? "-" + $0.name : $0.name }
      }
      let described = Self.options(of: page)
      #expect(
        Set(wanted).subtracting(Self.common).subtracting(described).sorted() == [], "options that man/\(name) lacks")
      #expect(described.subtracting(wanted).sorted() == [], "options of man/\(name) that there are not")
    }
    let pages = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasPrefix("reflow-") }
    #expect(Set(pages) == Set(commands.map { "reflow-\($0.commandName).1" }))
  }

  @Test func `every reference of a page leads to a page or to the system`() throws {
    let system: Set<String> = ["dot 1", "mmap 2", "sysctl 8", "make 1", "awk 1", "bash 1", "fish 1", "zsh 1"]
    let pages = Set(
      try FileManager.default.contentsOfDirectory(atPath: Self.folder).map { name in
        String(name.dropLast(2)) + " " + name.suffix(1)
      })
    for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder) {
      for line in Self.page(name).split(separator: "\n") {
        guard let start = line.range(of: "Xr ") else { continue }
        let words = line[start.upperBound...].split(separator: " ")
        let target = words.prefix(2).joined(separator: " ")
        #expect(
          pages.contains(target) || system.contains(target), "\(name) refers to \(target)")
      }
    }
  }

  @Test(.enabled(if: Workspace.has("mandoc"), "there is no mandoc here"))
  func `mandoc finds nothing wrong`() throws {
    let project = try Workspace([:])
    for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder).sorted() {
      let lint = try project.run("mandoc", ["-Tlint", "-Wstyle", Self.folder + "/" + name])
      let complaints = (lint.output + lint.errors).split(separator: "\n").filter { line in
        // Depends on what is installed, and is tested above.
        !line.contains("referenced manual not found") && !line.contains("outdated mandoc.db")
      }
      #expect(complaints.isEmpty, "\(name): \(complaints)")
    }
  }

  @Test func `every key of the configuration is in its page`() throws {
    let page = Self.page("reflow.toml.5")
    // The message for an unknown key names all that there are.
    let said = try Workspace(["main.rf": "val Main = 1\n", "reflow.toml": "zzzzzzzzzz = 1\n"]).build().errors
    let keys = try #require(
      said.components(separatedBy: "the keys are ").dropFirst().first?.split(separator: "\n").first)
    for key in keys.components(separatedBy: ", ") {
      for part in key.split(separator: ".") {
        #expect(page.contains(".It Li \(part)\n") || page.contains(".It Li [\(part)]\n"), "reflow.toml.5 lacks \(key)")
      }
    }
  }

  @Test func `the example of the configuration is right`() throws {
    let page = Self.page("reflow.toml.5")
    let example = try #require(
      page.components(separatedBy: ".Bd -literal -offset indent\n").dropFirst().first?.components(separatedBy: ".Ed")
        .first)
    let project = try Workspace(["main.rf": "val Main = 1\n", "reflow.toml": example])
    #expect(try project.reflow("build", "-n").status == 0)
  }
}
