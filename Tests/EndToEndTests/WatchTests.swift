import Foundation
import Glibc
import Testing

/// `reflow watch` does by itself what a build would do.
struct WatchTests {
  private static let program = """
    func Upper(part file) = exec() (upper file) {" tr a-z A-Z < {{part}} > {{upper}} "}
    func Join(parts [file]) = exec() (joined file) {" cat {{parts}} > {{joined}} "}
    val parts = [(name, Upper(part)) | (name, part) <- dir("data")]
    val Main = {parts: map(parts), all: Join([part | (_, part) <- parts])}

    """

  private func project() throws -> Workspace {
    try Workspace(["main.rf": Self.program, "data/a.txt": "a\n", "data/b.txt": "b\n"])
  }

  @Test func `an edit runs what rests on it`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    #expect(watch.take().ran == ["Upper": 2, "Join": 1])
    try project.write("data/a.txt", "c\n")
    let build = try watch.next()
    #expect(build.ranLabels.filter { $0.hasPrefix("Upper") } == ["Upper[a.txt]"])
    #expect(build.events.first { $0.event == "changed" }?.paths == ["data/a.txt"])
    #expect(try project.read("out/all") == "C\nB\n")
    #expect(watch.end().status == 130)
  }

  @Test func `a file that is saved by a rename is one change`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    try project.write("data/.a.tmp", "saved\n")
    _ = try project.run("mv", ["data/.a.tmp", "data/a.txt"])
    #expect(watch.wait { _ in (try? project.read("out/all")) == "SAVED\nB\n" })
    _ = try watch.catchUp()
    #expect(try project.texts("out/parts").keys.sorted() == ["a.txt", "b.txt"])
  }

  @Test func `names that come and go in a listed folder add and remove steps`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    try project.write("data/c.txt", "c\n")
    #expect(watch.wait { _ in (try? project.read("out/all")) == "A\nB\nC\n" })
    try project.write("data/deep/er/d.txt", "d\n")
    #expect(watch.wait { _ in (try? project.read("out/all")) == "A\nB\nC\nD\n" })
    try project.write("data/deep/er/d.txt", "e\n")
    #expect(watch.wait { _ in (try? project.read("out/all")) == "A\nB\nC\nE\n" })
    try project.remove("data/deep")
    try project.remove("data/a.txt")
    #expect(watch.wait { _ in (try? project.read("out/all")) == "B\nC\n" })
    _ = try watch.catchUp()
    #expect(try project.texts("out/parts") == ["b.txt": "B\n", "c.txt": "C\n"])
  }

  @Test func `a folder that is moved away and another that takes its place are seen`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    try project.write("other/x.txt", "x\n")
    _ = try project.run("sh", ["-c", "mv data away && mv other data"])
    #expect(watch.wait { _ in (try? project.read("out/all")) == "X\n" })
    try project.write("away/a.txt", "nobody reads this\n")
    try project.write("data/x.txt", "y\n")
    #expect(watch.wait { _ in (try? project.read("out/all")) == "Y\n" })
  }

  @Test(.enabled(if: Workspace.has("git")))
  func `a switch between branches ends in the outputs of the branch`() throws {
    let project = try project()
    try project.write(".gitignore", "out\n.reflow\n")
    let git = "git -c user.name=n -c user.email=e -c commit.gpgsign=false"
    func branch(_ script: String) throws {
      let done = try project.run("sh", ["-e", "-c", script])
      try #require(done.status == 0, "\(done.errors)")
    }
    try branch("git init -q -b one; git add -A; \(git) commit -qm one; git checkout -q -b two")
    for name in 0..<40 { try project.write("data/\(name).txt", "two \(name)\n") }
    try project.remove("data/a.txt")
    try project.edit("main.rf", replacing: "cat {{parts}}", with: "tac {{parts}}")
    try branch("git add -A; \(git) commit -qm two; git checkout -q one")
    let watch = try Watch(on: project)
    #expect(try project.read("out/all") == "A\nB\n")
    _ = watch.take()
    for round in 0..<3 {
      try branch("git checkout -q two")
      #expect(watch.wait { _ in (try? project.texts("out/parts").count) == 41 }, "round \(round)")
      try branch("git checkout -q one")
      #expect(watch.wait { _ in (try? project.read("out/all")) == "A\nB\n" }, "round \(round)")
      #expect(try watch.catchUp().status == 0)
    }
    // git may be held up for any time between taking a file away and putting the other one there: then a round says, rightly, that
    // it is missing, and no outputs change. What is promised is the end.
    let builds = watch.take().events.filter { $0.event == "buildFinished" }
    #expect(builds.last?.status == "succeeded")
  }

  @Test func `an input that is missing is waited for`() throws {
    let project = try Workspace(["main.rf": Samples.oneStep("cp {{input}} {{out}}")])
    try project.edit("main.rf", replacing: "in.txt", with: "not/yet/in.txt")
    let watch = try Watch(on: project)
    #expect(watch.take().status == 2)
    try project.write("not/yet/in.txt", "there\n")
    #expect(watch.wait { _ in (try? project.read("out/out")) == "there\n" })
    _ = try watch.catchUp()
    _ = watch.take()
    try project.remove("not")
    #expect(try watch.next().status == 2)
    #expect(try project.read("out/out") == "there\n")
  }

  @Test func `the target of a link is watched, and the link`() throws {
    let project = try Workspace([
      "main.rf": Samples.oneStep("cp {{input}} {{out}}"), "far/one": "one\n", "far/two": "two\n",
    ])
    try project.link("in.txt", to: "far/one")
    let watch = try Watch(on: project)
    _ = watch.take()
    try project.write("far/one", "more\n")
    #expect(try watch.next().written == ["out"])
    #expect(try project.read("out/out") == "more\n")
    _ = try project.run("ln", ["-sfn", "far/two", "in.txt"])
    #expect(watch.wait { _ in (try? project.read("out/out")) == "two\n" })
    try project.write("far/two", "other\n")
    #expect(watch.wait { _ in (try? project.read("out/out")) == "other\n" })
  }

  @Test func `a circle of links is waited for to be mended, in a folder that came with it`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    _ = try project.run("sh", ["-c", "mkdir new && ln -s .. new/up && mv new data/new"])
    #expect(try watch.next().status == 2)
    _ = try project.run("sh", ["-c", "rm data/new/up && echo c > data/new/c.txt"])
    #expect(watch.wait { _ in (try? project.read("out/all")) == "A\nB\nC\n" })
  }

  @Test func `a folder gives way to a link that leads to itself, and comes again`() throws {
    let project = try project()
    try project.write("data/sub/c.txt", "c\n")
    let watch = try Watch(on: project)
    _ = watch.take()
    _ = try project.run("sh", ["-c", "rm -r data/sub && ln -s sub data/sub"])
    #expect(watch.wait { $0.contains { $0.event == "buildFinished" && $0.status == "invalid" } })
    _ = try project.run("sh", ["-c", "rm data/sub && mkdir data/sub && echo d > data/sub/d.txt"])
    #expect(watch.wait { _ in (try? project.read("out/all")) == "A\nB\nD\n" })
  }

  @Test func `a wrong program keeps the outputs, and a mended one goes on`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    try project.append("val X =\n", to: "main.rf")
    let build = try watch.next()
    #expect(build.status == 2)
    #expect(build.complaints.first?.id == "language.syntax")
    #expect(build.errors.contains("main.rf:"))
    #expect(try project.read("out/all") == "A\nB\n")
    try project.write("main.rf", Self.program.replacingOccurrences(of: "a-z A-Z", with: "a-z b-za"))
    #expect(try watch.next().status == 0)
    #expect(try project.read("out/all") == "b\nc\n")
  }

  @Test func `a module that is missing is waited for`() throws {
    let project = try Workspace(["main.rf": "val Main = make(\"./lib/m.rf\").Text\n"])
    let watch = try Watch(on: project)
    #expect(watch.take().status == 2)
    try project.write("lib/m.rf", "val Text = \"hello\"\n")
    #expect(watch.wait { $0.contains { $0.event == "printed" && $0.text == "hello" } })
  }

  @Test func `the configuration is read again`() throws {
    let project = try Workspace([
      "main.rf": "val Main = file(\"s3://bucket/x\")\n", "one/x": "1\n", "two/x": "2\n",
      "reflow.toml": "[mappings]\n\"s3://bucket\" = \"one\"\n",
    ])
    let watch = try Watch(on: project)
    #expect(try project.read("out/Main") == "1\n")
    _ = watch.take()
    try project.write("reflow.toml", "[mappings]\n\"s3://bucket\" = \"two\"\n")
    #expect(watch.wait { _ in (try? project.read("out/Main")) == "2\n" })
    try project.write("reflow.toml", "[mappings\n")
    #expect(watch.wait { $0.contains { $0.event == "buildFinished" && $0.status == "invalid" } })
    try project.write("reflow.toml", "[mappings]\n\"s3://bucket\" = \"one\"\n")
    #expect(watch.wait { _ in (try? project.read("out/Main")) == "1\n" })
    try project.write("one/x", "3\n")
    #expect(watch.wait { _ in (try? project.read("out/Main")) == "3\n" })
  }

  @Test func `outputs that are removed or edited come back without a step`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    try project.remove("out")
    #expect(watch.wait { _ in (try? project.read("out/all")) == "A\nB\n" && project.exists("out/parts/b.txt") })
    try project.write("note", "mine\n")
    _ = try project.run("mv", ["-f", "note", "out/parts/a.txt"])
    #expect(watch.wait { $0.contains { $0.event == "outputDisplaced" && $0.path == "parts/a.txt" } })
    _ = try watch.catchUp()
    #expect(try project.read("out/parts/a.txt") == "A\n")
    #expect(watch.take().started == [:])
  }

  @Test func `the state may be deleted under it`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    try project.remove(".reflow")
    #expect(try watch.next().ran == ["Upper": 2, "Join": 1])
    try project.write("data/a.txt", "c\n")
    #expect(try watch.next().ran == ["Upper": 1, "Join": 1])
    #expect(try project.build().status == 0)
  }

  @Test func `a step whose input changes is cancelled and run again`() throws {
    let marker = markedSeconds(3021)
    let project = try Workspace([
      "in.txt": marker + "\n", "main.rf": Samples.oneStep("sleep $(cat {{input}}); cp {{input}} {{out}}"),
    ])
    let events = project.outside("events")
    let process = try project.start(Workspace.binary, ["watch", "--events", events])
    process.wait { !TrustTests.processes(with: "sleep\0" + marker).isEmpty }
    try project.write("in.txt", "0\n")
    process.wait { (try? project.read("out/out")) == "0\n" }
    #expect(try project.read("out/out") == "0\n")
    #expect(TrustTests.processes(with: "sleep\0" + marker) == [])
    process.signal(SIGTERM)
    #expect(process.wait().status == 143)
  }
}
