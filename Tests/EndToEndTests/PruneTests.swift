import Foundation
import Glibc
import Testing

/// `reflow prune`: what it frees, what it never touches, and what a kill in its middle leaves.
struct PruneTests {
  private static func objects(_ project: Workspace) throws -> Int { try project.snapshot(".reflow/objects").count }

  /// A one-step project after builds with the input's content "0", "1", … in turn.
  private static func history(_ count: Int) throws -> Workspace {
    let project = try Workspace(["main.rf": Samples.oneStep("cat {{input}} > {{out}}; echo ran"), "in.txt": "0\n"])
    for number in 0..<count {
      try project.write("in.txt", "\(number)\n")
      let build = try project.build()
      try #require(build.status == 0 && build.ran == ["Only": 1], "\(build.errors)")
    }
    return project
  }

  @Test func `without anything to remove it says so, and without a state too`() throws {
    let project = try Samples.twoStepProject()
    let prune = try project.reflow("prune")
    #expect(prune.status == 0, "\(prune.errors)")
    #expect(prune.output == "prune: nothing to remove; 10 bytes are in use\n")
    let nothing = try Workspace().reflow("prune")
    #expect(nothing.status == 0)
    #expect(nothing.errors.contains("nothing has been built here yet"))
    #expect(nothing.output == "")
  }

  @Test func `what the last builds needed stays, and what they did not goes`() throws {
    let project = try Self.history(5)
    #expect(try Self.objects(project) == 5)
    let dry = try project.reflow("prune", "--keep-builds", "2", "--dry-run")
    #expect(dry.status == 0, "\(dry.errors)")
    #expect(dry.output == "prune: would free 18 bytes: 3 results, 3 objects, 3 logs; 12 bytes would be left\n")
    #expect(try Self.objects(project) == 5)
    let prune = try project.reflow("prune", "--keep-builds", "2")
    #expect(prune.output == "prune: freed 18 bytes: 3 results, 3 objects, 3 logs; 12 bytes are left\n")
    #expect(try Self.objects(project) == 2)
    #expect(try project.reflow("prune", "--keep-builds", "2").output.contains("nothing to remove"))
    // The last two are answered from the cache, older ones are not.
    for (content, runs) in [("3\n", [:]), ("4\n", [:]), ("1\n", ["Only": 1])] {
      try project.write("in.txt", content)
      let build = try project.build()
      #expect(build.ran == runs, "\(content)")
      #expect(try project.read("out/out") == content)
    }
  }

  @Test func `a result that an older build made and the last ones still use stays`() throws {
    let project = try Samples.twoStepProject()
    // Only Second changes; First is of the first build, and needed by all.
    for number in 1..<4 {
      try project.write(
        "main.rf",
        Samples.twoSteps.replacingOccurrences(of: "wc -l", with: "wc -l" + String(repeating: " ", count: number)))
      try #require(try project.build().ran == ["Second": 1])
    }
    #expect(try project.reflow("prune", "--keep-builds", "1").status == 0)
    try project.remove("out")
    let build = try project.build()
    #expect(build.started == [:])
    #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
  }

  @Test func `a result that was left by the build before the last counts as needed by it`() throws {
    let project = try Workspace(["main.rf": Samples.oneStep("cat {{input}} > {{out}}"), "in.txt": "a\n"])
    // a is made by the first build and used until the third; the fourth leaves it.
    for content in ["a\n", "b\n", "a\n", "c\n"] {
      try project.write("in.txt", content)
      try #require(try project.build().status == 0)
    }
    #expect(try project.reflow("prune", "--keep-builds", "2").status == 0)
    try project.write("in.txt", "a\n")
    #expect(try project.build().started == [:])
    try project.write("in.txt", "b\n")
    #expect(try project.build().ran == ["Only": 1])
  }

  @Test func `a limit of size removes the least recently needed first, and no more than it must`() throws {
    let project = try Workspace([
      "main.rf": Samples.oneStep("head -c 1000 /dev/zero | tr '\\0' \"$(cat {{input}})\" > {{out}}"), "in.txt": "0",
    ])
    for number in 0..<6 {
      try project.write("in.txt", "\(number)")
      try #require(try project.build().status == 0)
    }
    let prune = try project.reflow("prune", "--keep-builds", "1", "--max-size", "3500")
    #expect(prune.status == 0, "\(prune.errors)")
    #expect(try Self.objects(project) == 3)
    try project.write("in.txt", "3")
    #expect(try project.build().started == [:])
    try project.write("in.txt", "2")
    #expect(try project.build().ran == ["Only": 1])
    // What the last builds need stays even if it is too much.
    #expect(try project.reflow("prune", "--max-size", "1").output.contains("nothing to remove"))
  }

  @Test func `a limit of age leaves what is younger`() throws {
    let project = try Self.history(3)
    #expect(
      try project.reflow("prune", "--keep-builds", "1", "--older-than", "1h").output.contains("nothing to remove"))
    #expect(try project.reflow("prune", "--keep-builds", "1", "--older-than", "0s").status == 0)
    #expect(try Self.objects(project) == 1)
  }

  @Test func `orphans, stale logs and what was set aside go, and displaced files never`() throws {
    let project = try Samples.twoStepProject()
    try project.write(".reflow/objects/00/00000000000000000000000000000000", "orphan")
    try project.write(".reflow/logs/4000.log", "orphan")
    try project.write(".reflow/runs/77/out/x", "orphan")
    try project.write(".reflow/tmp/99-1", "orphan")
    try project.write(".reflow/damaged/00-1", "orphan")
    try project.write(".reflow/reflow.db.damaged-1", "orphan")
    try project.write(".reflow/displaced/2026-01-01-1/mine", "mine")
    let outputs = try project.snapshot()
    let prune = try project.reflow("prune")
    #expect(prune.output.contains("1 object, 1 log, 4 leftovers"), "\(prune.output)")
    for path in ["objects/00/00000000000000000000000000000000", "logs/4000.log", "runs/77", "tmp/99-1", "damaged/00-1"]
    {
      #expect(!project.exists(".reflow/" + path), "\(path)")
    }
    #expect(try project.read(".reflow/displaced/2026-01-01-1/mine") == "mine")
    #expect(try project.snapshot() == outputs)
    #expect(try project.build().started == [:])
  }

  @Test func `folders' members stay as long as their folder does`() throws {
    let project = try Workspace([
      "main.rf": """
      val input = file("in.txt")
      val Only = exec() (out dir) {" cp {{input}} {{out}}/a; echo same > {{out}}/b "}
      val Main = {out: Only}

      """, "in.txt": "1\n",
    ])
    for number in 0..<3 {
      try project.write("in.txt", "\(number)\n")
      try #require(try project.build().status == 0)
    }
    // Three manifests, three of a and one of b.
    #expect(try Self.objects(project) == 7)
    #expect(try project.reflow("prune", "--keep-builds", "1").status == 0)
    #expect(try Self.objects(project) == 3)
    try project.remove("out")
    #expect(try project.build().started == [:])
    #expect(try project.texts() == ["out/a": "2\n", "out/b": "same\n"])
  }

  @Test func `the database gets smaller`() throws {
    let project = try Workspace([
      "main.rf": """
      func Copy(part file) = exec() (out file) {" cat {{part}} > {{out}} "}
      val Main = map([(name, Copy(part)) | (name, part) <- dir("data")])

      """
    ])
    for name in 0..<40 { try project.write("data/\(name)", "\(name)") }
    for round in 0..<4 {
      for name in 0..<40 { try project.write("data/\(name)", "\(name) of \(round)") }
      try #require(try project.build("--sandbox=off").status == 0)
    }
    func size() throws -> Int {
      ["reflow.db", "reflow.db-wal"].reduce(0) { sum, name in
        var status = stat()
        return lstat(project.path(".reflow/" + name), &status) == 0 ? sum + Int(status.st_size) : sum
      }
    }
    let before = try size()
    #expect(try project.reflow("prune", "--keep-builds", "1").status == 0)
    let after = try size()
    #expect(after < before, "\(before) then \(after)")
    #expect(try project.build("--sandbox=off").started == [:])
  }

  @Test func `wrong sizes, ages and numbers are wrong usage`() throws {
    let project = try Samples.twoStepProject()
    for arguments in [
      ["--max-size", "lots"], ["--max-size", "-1"], ["--max-size", "10X"], ["--older-than", "30"],
      ["--older-than", "d"], ["--keep-builds", "0"], ["--keep-builds", "many"], ["extra"],
    ] {
      let prune = try project.run(Workspace.binary, ["prune"] + arguments)
      #expect(prune.status == 2, "\(arguments): \(prune.errors)")
      #expect(prune.errors != "")
    }
    #expect(try project.reflow("prune", "-q", "--keep-builds", "1").output == "")
  }

  @Test func `a state that cannot be written is refused, and a dry run reads it`() throws {
    let project = try Self.history(3)
    if !Sandbox.unprivileged.isEmpty {
      _ = try project.run("chown", ["-R", "65534:65534", project.outside("logs")])
    }
    _ = try project.run("chmod", ["-R", "a-w", ".reflow"])
    defer { _ = try? project.run("chmod", ["-R", "u+w", ".reflow"]) }
    func prune(_ arguments: [String]) throws -> Execution {
      let command = Sandbox.unprivileged + [Workspace.binary, "prune", "--keep-builds", "1"] + arguments
      return try project.run(command[0], Array(command.dropFirst()))
    }
    let refused = try prune([])
    #expect(refused.status == 3, "\(refused.errors)")
    #expect(refused.errors.contains(".reflow"))
    let dry = try prune(["--dry-run"])
    #expect(dry.status == 0, "\(dry.errors)")
    #expect(dry.output.contains("2 results"), "\(dry.output)")
    #expect(try Self.objects(project) == 3)
  }

  @Test func `a damaged state is set aside and said, and what it named goes`() throws {
    let project = try Samples.twoStepProject()
    for suffix in ["-wal", "-shm"] { unlink(project.path(".reflow/reflow.db" + suffix)) }
    try project.write(".reflow/reflow.db", String(repeating: "no database ", count: 5000))
    let prune = try project.reflow("prune")
    #expect(prune.status == 0, "\(prune.errors)")
    #expect(prune.errors.contains("damaged"))
    #expect(try project.build().status == 0)
    #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
  }

  @Test func `it waits for a build, says for whom, and the build is whole`() throws {
    let project = try Self.history(3)
    let gate = project.outside("gate")
    try project.write(
      "main.rf", Samples.oneStep("while ! test -e '\(gate)'; do sleep 0.01; done; cat {{input}} > {{out}}"))
    let events = project.outside("events")
    let build = try project.start(Workspace.binary, ["build", "--sandbox=off", "--events", events])
    build.wait { ((try? String(contentsOfFile: events, encoding: .utf8)) ?? "").contains("stepStarted") }
    let prune = try project.start(Workspace.binary, ["prune", "--keep-builds", "1"])
    prune.wait { !prune.errorsSoFar.isEmpty }
    #expect(prune.errorsSoFar == "prune: another reflow is at work (process \(build.id)); waiting for it to end\n")
    try Workspace.writeBytes([], to: gate)
    #expect(build.wait().status == 0)
    let ended = prune.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    try project.remove("out")
    #expect(try project.build("--sandbox=off").started == [:])
  }

  @Test(arguments: [1, 2])
  func `killed at any moment, the next build and the next prune are right`(seed: UInt64) throws {
    var state = seed
    func random(_ limit: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % limit
    }
    let project = try Workspace([
      "main.rf": """
      func Copy(part file) = exec() (out file) {" cat {{part}} > {{out}} "}
      val Main = map([(name, Copy(part)) | (name, part) <- dir("data")])

      """
    ])
    for round in 0..<8 {
      for name in 0..<6 { try project.write("data/\(name)", "\(name) of \(round)") }
      try #require(try project.build("--sandbox=off").status == 0)
      let prune = try project.start(Workspace.binary, ["prune", "--keep-builds", "1"])
      usleep(UInt32(random(30_000)))
      prune.signal(SIGKILL)
      _ = prune.wait()
      try project.remove("out")
      let build = try project.build("--sandbox=off")
      #expect(build.status == 0, "seed \(seed), round \(round): \(build.errors)")
      #expect(build.started == [:], "seed \(seed), round \(round)")
      #expect(try project.texts() == project.texts("data"), "seed \(seed), round \(round)")
      let verify = try project.reflow("verify")
      #expect(verify.status == 0, "seed \(seed), round \(round): \(verify.output)")
    }
    #expect(try project.reflow("prune", "--keep-builds", "1").status == 0)
    #expect(try Self.objects(project) == 6)
  }

  @Test func `builds and prunes at once are all right`() throws {
    let project = try Samples.twoStepProject()
    for round in 0..<4 {
      try project.write("in.txt", "round \(round)\n")
      let processes = try ["build", "prune", "build", "prune"].map { try project.start(Workspace.binary, [$0]) }
      for process in processes {
        let ended = process.wait()
        #expect(ended.status == 0, "\(ended.errors)")
      }
      #expect(try project.texts()["first"] == "ROUND \(round)\n")
      #expect(try project.build().started == [:])
    }
    #expect(try project.reflow("verify").status == 0)
  }

  @Test func `an idle watch notices that the state was pruned`() throws {
    let project = try Self.history(3)
    let watch = try Watch(on: project, ["--sandbox=off"])
    _ = watch.take()
    try project.write("in.txt", "another\n")
    #expect(try watch.next().ran == ["Only": 1])
    let prune = try project.reflow("prune", "--keep-builds", "1")
    #expect(prune.status == 0, "\(prune.errors)")
    // What older builds made is gone from the cache, and it must not believe that it is there.
    try project.write("in.txt", "1\n")
    #expect(try watch.next().ran == ["Only": 1])
    #expect(try project.read("out/out") == "1\n")
    try project.remove("out/out")
    #expect(try watch.next().started == [:])
    #expect(try project.read("out/out") == "1\n")
    // Nor is it disturbed by another program's build, which sweeps the folders that steps run in.
    try project.write(
      "other.rf", "val Other = exec() (out file) {\" echo other > {{out}} \"}\nval Main = {other: Other}\n")
    #expect(try project.build("--sandbox=off", "other.rf").ran == ["Other": 1])
    try project.write("in.txt", "after it\n")
    #expect(try watch.next().ran == ["Only": 1])
    _ = watch.end()
    #expect(try project.reflow("verify").status == 0)
    try project.remove("out")
    #expect(try project.build("--sandbox=off").started == [:])
  }
}
