import BuildGraph
import Configuration
import Diagnostics
import Testing

@Suite struct SettingsTests {
  private func parse(_ text: String) -> (Settings, [Diagnostic]) {
    Settings.parse(SourceFile(name: "reflow.toml", text: text))
  }

  @Test func everyKeyIsRead() {
    let (settings, diagnostics) = parse(
      """
      images = "ignore"
      jobs = 3
      keep-going = true
      roots = ["/data/genomes"]
      [mappings]
      "s3://bucket" = "all"
      "s3://bucket/special/" = "/srv/special"
      [sandbox]
      mode = "strict"
      readable = ["~/miniconda3", "/opt/tools"]
      [output]
      link = "copy"
      [log]
      limit = 1000
      """)
    #expect(diagnostics.isEmpty)
    #expect(settings.images == .ignore)
    #expect(settings.jobs == 3)
    #expect(settings.keepGoing)
    #expect(settings.roots == ["/data/genomes"])
    #expect(settings.sandboxMode == "strict")
    #expect(settings.readableFolders == ["~/miniconda3", "/opt/tools"])
    #expect(settings.linkMode == "copy")
    #expect(settings.logLimitBytes == 1000)
    #expect(settings.mappings.map(\.prefix) == ["s3://bucket/special", "s3://bucket"])
  }

  @Test func theLongestPrefixWinsAndMatchesWholeNamesOnly() throws {
    let (settings, _) = parse("[mappings]\n\"s3://data\" = \"a\"\n\"s3://data/deep\" = \"b\"\n")
    let deep = try #require(settings.resolve(url: "s3://data/deep/x.txt"))
    #expect(settings.mappings[deep.mapping].folder == "b")
    #expect(deep.path == "x.txt")
    let shallow = try #require(settings.resolve(url: "s3://data/other"))
    #expect(settings.mappings[shallow.mapping].folder == "a")
    #expect(settings.resolve(url: "s3://database/x") == nil)
    #expect(settings.resolve(url: "s3://data")?.path == "")
  }

  @Test func allMistakesAreReportedWithTheirLines() {
    let (settings, diagnostics) = parse(
      """
      jbos = 3
      jobs = 0
      images = "ignore"
      [sandbox]
      mode = "maybe"
      """)
    #expect(settings.images == .ignore)
    #expect(
      diagnostics.map(\.id.description).sorted() == [
        "configuration.invalid-value", "configuration.invalid-value", "configuration.unknown-key",
      ])
    #expect(diagnostics.first { $0.id == "configuration.unknown-key" }?.notes.first?.message == "did you mean 'jobs'?")
    #expect(Set(diagnostics.compactMap { $0.range?.start.line }) == [1, 2, 5])
  }

  @Test func aSyntaxErrorHasItsPosition() {
    let (_, diagnostics) = parse("jobs = 1\nimages = \n")
    #expect(diagnostics.count == 1)
    #expect(diagnostics[0].id == "configuration.syntax")
    #expect(diagnostics[0].range?.start.line == 2)
  }
}
