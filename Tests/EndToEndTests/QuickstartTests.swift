import Foundation
import Testing

/// fixtures/quickstart: words of books, counted and merged. Five of the 66 books, so that a build takes no time.
@Suite(.enabled(if: Workspace.has("bible"), "wants the Debian package bible-kjv"))
struct QuickstartTests {
  private static let books = ["08-ruth", "57-philemon", "63-2-john", "64-3-john", "65-jude"]

  private func project() throws -> Workspace {
    let project = try Workspace(fixture: "quickstart")
    #expect(try project.run("./prepare").status == 0)
    for name in try FileManager.default.contentsOfDirectory(atPath: project.path("data")).sorted()
    where !Self.books.contains(String(name.dropLast(4))) {
      try project.remove("data/" + name)
    }
    return project
  }

  private func built() throws -> Workspace {
    let project = try project()
    let build = try project.build()
    try #require(build.status == 0, "\(build.errors)")
    return project
  }

  @Test func `a cold build counts every book and merges the counts`() throws {
    let project = try project()
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ran == ["Words": 5, "Counts": 5, "Line": 5, "Merge": 1, "Join": 1])
    let outputs = try project.texts()
    #expect(
      outputs.keys.sorted()
        == Self.books.map { "books/\($0).txt" } + ["library/books.txt", "library/common.txt", "library/words.txt"])
    #expect(outputs["library/common.txt"]?.hasPrefix("    254 and\n    242 the\n") == true)
    #expect(
      outputs["library/books.txt"]?.split(separator: "\n").last
        == "65-jude.txt                  609 words,   295 different")
    #expect(outputs["library/common.txt"]?.split(separator: "\n").count == 25)
  }

  @Test func `nothing changed runs nothing and touches nothing`() throws {
    let project = try built()
    let outputs = try project.snapshot()
    let objects = try project.snapshot(".reflow/objects")
    let build = try project.build()
    #expect(build.status == 0)
    #expect(build.started == [:])
    #expect(build.summary?.run == 0)
    #expect(build.written == [])
    #expect(try project.snapshot() == outputs)
    #expect(try project.snapshot(".reflow/objects") == objects)
  }

  @Test func `an edited book runs its own steps and the merges`() throws {
    let project = try built()
    try project.append("Zanzibar walked with Enoch.\n", to: "data/65-jude.txt")
    let build = try project.build()
    #expect(
      build.ranLabels == ["Counts[65-jude.txt]", "Join", "Line[65-jude.txt]", "Merge", "Words[65-jude.txt]"])
    #expect(try project.read("out/library/words.txt").contains(" zanzibar\n"))
    #expect(
      build.written == ["books/65-jude.txt", "library/books.txt", "library/words.txt"]
        || build.written == ["books/65-jude.txt", "library/books.txt", "library/common.txt", "library/words.txt"])
  }

  @Test func `an edit of the punctuation stops at the words`() throws {
    let project = try built()
    let outputs = try project.snapshot()
    try project.append("!!!\n", to: "data/65-jude.txt")
    let build = try project.build()
    #expect(build.status == 0)
    #expect(build.ranLabels == ["Words[65-jude.txt]"])
    #expect(try project.snapshot() == outputs)
    #expect(try project.build().started == [:])
  }

  @Test func `a book that comes or goes brings and takes its outputs`() throws {
    let project = try built()
    try project.write("data/67-new.txt", "A new book.\n")
    let added = try project.build()
    #expect(added.ran == ["Words": 1, "Counts": 1, "Line": 1, "Merge": 1, "Join": 1])
    #expect(try project.read("out/books/67-new.txt") == "      1 a\n      1 book\n      1 new\n")
    try project.remove("data/67-new.txt")
    let removed = try project.build()
    #expect(removed.status == 0)
    // What the merges made of the first five books is still in the cache.
    #expect(removed.started == [:])
    #expect(removed.removed == ["books/67-new.txt"])
    #expect(!project.exists("out/books/67-new.txt"))
  }

  @Test func `a deleted output comes back without a step`() throws {
    let project = try built()
    let before = try project.texts()
    try project.remove("out/books")
    try project.remove("out/library/common.txt")
    let build = try project.build()
    #expect(build.status == 0)
    #expect(build.started == [:])
    #expect(build.written == Self.books.map { "books/\($0).txt" } + ["library/common.txt"])
    #expect(try project.texts() == before)
  }

  @Test func `a copy at another place with new times runs nothing`() throws {
    let project = try built()
    let copy = try Workspace(copyOf: project)
    let build = try copy.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.started == [:])
    #expect(build.written == [])
    #expect(try copy.texts() == project.texts())
  }

  @Test func `with -k a failing step lets the others finish and its last good output stays`() throws {
    let project = try built()
    let summary = try project.read("out/library/books.txt")
    try project.edit(
      "main.rf", replacing: "  printf '%-24s", with: "  test {{quote(name)}} != 65-jude.txt\n  printf '%-20s")
    let build = try project.build("-k")
    #expect(build.status == 1)
    #expect(build.ran == ["Line": 4])
    #expect(build.failed == ["Line": 1])
    #expect(build.summary?.failed == 1)
    #expect(try project.read("out/library/books.txt") == summary)
    #expect(build.errors.contains("Line"))
    try project.edit("main.rf", replacing: "  test {{quote(name)}} != 65-jude.txt\n", with: "")
    let repaired = try project.build()
    #expect(repaired.status == 0)
    #expect(repaired.ran == ["Line": 5, "Join": 1])
  }
}
