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

/// The environment overrides the file.
@Suite struct EnvironmentTests {
  @Test func `a variable overrides its key, and an empty one does not`() {
    var (settings, _) = Settings.parse(
      SourceFile(name: "reflow.toml", text: "jobs = 3\nimages = \"docker\"\n[sandbox]\nmode = \"strict\"\n"))
    let diagnostics = settings.apply(environment: [
      "REFLOW_JOBS": "7", "REFLOW_KEEP_GOING": "true", "REFLOW_IMAGES": "", "REFLOW_SANDBOX_MODE": "off",
      "REFLOW_ROOTS": "/a:/b c", "REFLOW_LOG_LIMIT": "10", "PATH": "/bin",
    ])
    #expect(diagnostics.isEmpty)
    #expect(settings.jobs == 7 && settings.keepGoing && settings.images == .docker && settings.sandboxMode == "off")
    #expect(settings.roots == ["/a", "/b c"] && settings.logLimitBytes == 10)
  }

  @Test func `a wrong value and a name that is nearly one are reported, and others are not`() {
    var settings = Settings()
    let diagnostics = settings.apply(environment: [
      "REFLOW_JOBS": "many", "REFLOW_KEEP_GOING": "1", "REFLOW_IMAGE": "docker", "REFLOW_ROOT": "/x",
      "REFLOW_FAILED": "2",
      "REFLOW_STATUS": "succeeded",
    ])
    #expect(
      diagnostics.map(\.id) == [
        "configuration.invalid-value", "configuration.invalid-value", "configuration.unknown-key",
      ])
    #expect(
      diagnostics[0].message == "the environment variable REFLOW_JOBS takes a whole number from 1 to 4096, not 'many'")
    #expect(diagnostics[2].notes.map(\.message) == ["did you mean REFLOW_IMAGES?"])
    #expect(settings.jobs == nil)
  }

  @Test func `every key has a variable of its own`() {
    #expect(Set(Settings.variables).count == Settings.variables.count)
    #expect(Settings.variables.contains("REFLOW_SANDBOX_READABLE"))
  }
}
