import Foundation
import Glibc
import Testing

/// What once went wrong, by the names in `fixtures/regressions`.
struct RegressionTests {
  @Test func `link-in-a-listed-folder-forgotten`() throws {
    let project = try Workspace(fixture: "regressions/link-in-a-listed-folder-forgotten")
    let watch = try Watch(on: project)
    // What was read has to rest for its figures to be known: a second evaluation that takes them.
    try project.append("// one\n", to: "main.rf")
    _ = try watch.catchUp()
    try project.append("// two\n", to: "main.rf")
    _ = try watch.catchUp()
    try project.edit("main.rf", replacing: "cat ", with: "cat -- ")
    _ = try watch.catchUp()
    #expect(try project.read("out/Main") == "plain\nfar\n")
    try project.write("far.txt", "other\n")
    #expect(watch.wait { _ in (try? project.read("out/Main")) == "plain\nother\n" })
  }

  @Test func `made-again-and-mixed`() throws {
    let project = try Workspace(fixture: "regressions/made-again-and-mixed")
    #expect(try project.build().ran == ["Stamp": 1, "Middle": 1, "Last": 1])
    let stamp = try project.read("out/stamp")
    for (name, text) in try project.texts(".reflow") where text == stamp { try project.remove(".reflow/" + name) }
    try project.remove("out/stamp")
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    let (again, last) = (try project.read("out/stamp"), try project.read("out/last"))
    #expect(again != stamp)
    #expect(last == "last middle" + again)
    #expect(build.started == ["Stamp": 1, "Middle": 1, "Last": 1])
    #expect(try project.build().started == [:])
  }

  @Test func `began-twice-and-ended-once`() throws {
    let project = try Workspace(fixture: "regressions/began-twice-and-ended-once")
    #expect(try project.build().ran == ["Slow": 1])
    try project.write("a.txt", "two\n")
    try project.link("data/away", to: "nowhere")
    try project.edit("main.rf", replacing: "other: All[0]", with: "other: All[1]")
    let build = try project.build()
    #expect(build.status == 2)
    let ended = build.events.filter { $0.event == "stepFinished" && $0.label == "Slow" }
    #expect(ended.count == build.started["Slow"], "\(build.events)")
    #expect(ended.last?.status == "run")
    #expect(build.complaints.count == 1, "what is wrong is said once")
  }

  @Test func `made-after-a-failure-and-never-looked-at`() throws {
    let project = try Workspace(fixture: "regressions/made-after-a-failure-and-never-looked-at")
    #expect(try project.build(["--keep-going"]).status == 1)
    let watch = try Watch(on: project, ["--keep-going"])
    try project.write("b.txt", "good\n")
    #expect(watch.wait { _ in (try? project.read("out/checked")) == "good\n" })
    _ = watch.end(SIGKILL)
    #expect(try project.build(["--keep-going"]).status == 0)
    try project.write("out/checked", "mine\n")
    let build = try project.build(["--keep-going"])
    #expect(try project.read("out/checked") == "good\n", "\(build.errors)")
  }

  @Test func `removed-while-an-input-was-missing`() throws {
    let project = try Workspace(fixture: "regressions/removed-while-an-input-was-missing")
    let watch = try Watch(on: project)
    try project.link("data/away", to: "nowhere")
    try project.edit("main.rf", replacing: "second: Second}", with: "data: dir(\"data\")}")
    #expect(watch.wait { _ in !project.exists("out/second") })
    try project.edit("main.rf", replacing: "data: dir(\"data\")}", with: "second: Second}")
    #expect(watch.wait { _ in (try? project.read("out/second")) == "one\none\n" })
    #expect(try project.texts().keys.sorted() == ["first", "second"])
  }

  @Test func `folder-back-behind-a-link`() throws {
    let project = try Workspace(fixture: "regressions/folder-back-behind-a-link")
    try project.link("data/b.txt", to: "../far/b.txt")
    let watch = try Watch(on: project)
    #expect(try project.read("out/Main") == "a\none\n")
    try project.remove("far")
    #expect(watch.wait { $0.contains { $0.event == "buildFinished" && $0.status == "invalid" } })
    try project.write("far/b.txt", "two\n")
    #expect(watch.wait { _ in (try? project.read("out/Main")) == "a\ntwo\n" })
  }

  @Test func `write-that-only-a-folder-showed`() throws {
    let project = try Workspace(fixture: "regressions/write-that-only-a-folder-showed")
    let watch = try Watch(on: project)
    let file = open(project.path("data/b.txt"), O_RDWR)
    defer { close(file) }
    let bytes = try #require(mmap(nil, 2, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))
    bytes.storeBytes(of: UInt8(ascii: "c"), as: UInt8.self)
    msync(bytes, 2, MS_SYNC)
    munmap(bytes, 2)
    try project.write("data/a.txt", "other\n")
    #expect(watch.wait { _ in (try? project.read("out/each/a")) == "each other\n" })
    #expect(watch.wait { _ in (try? project.read("out/all")) == "other\nc\n" })
    _ = watch.end(SIGKILL)
    let build = try project.build()
    #expect(try project.read("out/each/b") == "each c\n", "\(build.errors)")
  }
}
