import Testing

/// fixtures/original: a program as one wrote them for the original Reflow, with images and S3 paths.
struct OriginalTests {
  private func built() throws -> Workspace {
    let project = try Workspace(fixture: "original")
    let build = try project.build()
    try #require(build.status == 0, "\(build.errors)")
    #expect(build.ran == ["align.index": 1, "align.Hits": 3, "align.Summary": 1])
    return project
  }

  @Test func `a cold build reads the mapped bucket, and a second one runs nothing`() throws {
    let project = try built()
    let texts = try project.texts()
    #expect(texts.keys.sorted() == ["hits/alpha", "hits/beta", "hits/gamma", "summary"])
    #expect(texts["summary"] == "25\n16\n21\n")
    #expect(texts["hits/alpha"]?.hasPrefix("55\n108\n135\n136\n") == true)
    let outputs = try project.snapshot()
    let objects = try project.snapshot(".reflow/objects")
    #expect(try project.build().started == [:])
    #expect(try project.snapshot() == outputs)
    #expect(try project.snapshot(".reflow/objects") == objects)
  }

  @Test func `without a mapping the error says what to write in the configuration`() throws {
    let project = try Workspace(fixture: "original", ["reflow.toml": "images = \"ignore\"\n"])
    let build = try project.build()
    #expect(build.status == 2)
    #expect(build.errors.contains("s3://tiny-genomes/"))
    #expect(build.errors.contains("[mappings]"))
  }

  @Test(.enabled(if: !Workspace.has("podman") && !Workspace.has("docker") && !Workspace.has("apptainer")))
  func `without a container runtime the error says what to install or to set`() throws {
    let project = try Workspace(fixture: "original")
    try project.edit("reflow.toml", replacing: "images = \"ignore\"", with: "")
    let build = try project.build()
    #expect(build.status != 0)
    #expect(build.errors.contains("podman"))
    #expect(build.errors.contains("images = \"ignore\""))
  }

  @Test func `an edited read runs the steps of its sample and the summary`() throws {
    let project = try built()
    let reads = try project.read("cloud/reads/gamma_1.fq").split(separator: "\n", omittingEmptySubsequences: false)
    // Without the first read.
    try project.write("cloud/reads/gamma_1.fq", reads.dropFirst(4).joined(separator: "\n"))
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ranLabels == ["align.Hits[gamma_1.fq]", "align.Summary"])
    #expect(try project.read("out/summary") == "25\n16\n20\n")
  }

  @Test func `an edit of the qualities stops at the hits`() throws {
    let project = try built()
    let outputs = try project.snapshot()
    try project.edit("cloud/reads/gamma_1.fq", replacing: "IIII", with: "####")
    let build = try project.build()
    #expect(build.ranLabels == ["align.Hits[gamma_1.fq]"])
    #expect(try project.snapshot() == outputs)
  }

  @Test func `a deleted output comes back without a step, also in a copy with new times`() throws {
    let project = try built()
    let before = try project.texts()
    try project.remove("out/summary")
    let restored = try project.build()
    #expect(restored.started == [:])
    #expect(restored.written == ["summary"])
    let copy = try Workspace(copyOf: project)
    let build = try copy.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.started == [:])
    #expect(try copy.texts() == before)
  }

  @Test func `with -k a failing step lets the others finish and the last good summary stays`() throws {
    let project = try built()
    let before = try project.texts()
    try project.edit("align.rf", replacing: "# {{sample.name}}", with: "test {{sample.name}} != beta")
    let build = try project.build("-k")
    #expect(build.status == 1)
    #expect(build.ran == ["align.Hits": 2])
    #expect(build.failed == ["align.Hits": 1])
    #expect(try project.texts() == before)
  }

  @Test func `a parameter runs what depends on it`() throws {
    let project = try built()
    let build = try project.build("main.rf", "-k=10")
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ran == ["align.index": 1, "align.Hits": 3, "align.Summary": 1])
    #expect(try project.build("main.rf", "-k=12").started == [:])
  }

  @Test func `a copy to a URL writes into the mapped folder`() throws {
    let project = try built()
    let build = try project.build("--target", "Upload")
    #expect(build.status == 0, "\(build.errors)")
    #expect(try project.read("results/summary.txt") == "25\n16\n21\n")
  }
}
