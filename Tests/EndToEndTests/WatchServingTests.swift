import Foundation
import Glibc
import Testing

/// How a watch ends, what it starts, and what it does for others.
struct WatchServingTests {
  private func project() throws -> Workspace {
    try Workspace(["main.rf": Samples.twoSteps, "in.txt": "one\ntwo\n"])
  }

  @Test(arguments: zip([SIGINT, SIGTERM, SIGHUP], [Int32(130), 143, 129]))
  func `a signal ends it and all that it started`(signal: Int32, status: Int32) throws {
    let marker = markedSeconds(3030 + Int(signal))
    let project = try Workspace([
      "in.txt": marker + "\n", "main.rf": Samples.oneStep("sleep $(cat {{input}}); cp {{input}} {{out}}"),
    ])
    let process = try project.start(Workspace.binary, ["watch"])
    process.wait { !TrustTests.processes(with: "sleep\0" + marker).isEmpty }
    process.signal(signal)
    let execution = process.wait()
    #expect(execution.status == status)
    #expect(TrustTests.processes(with: "sleep\0" + marker) == [])
    #expect(!project.exists(".reflow/socket"))
    #expect(!project.exists("out/out"))
  }

  @Test func `it ends when nobody can read what it says`() throws {
    let project = try project()
    // The reader of standard error goes after the first line.
    let process = try project.start(
      "bash", ["-c", "exec 2> >(exec head -n 1 > /dev/null); exec \"$1\" watch", "bash", Workspace.binary])
    #expect(process.wait().status == 129)
  }

  @Test func `hooks are told how a round went, and end before the next`() throws {
    let project = try project()
    let marker = markedSeconds(3041)
    let success =
      "echo \"$REFLOW_STATUS $REFLOW_STEPS $REFLOW_RUN $REFLOW_UNCHANGED $REFLOW_FAILED\" >> yes; exec sleep \(marker)"
    let watch = try Watch(on: project, ["--on-success", success, "--on-failure", "echo \"$REFLOW_STATUS\" >> no"])
    watch.process.wait { (try? project.read("yes")) == "succeeded 2 2 0 0\n" }
    watch.process.wait { TrustTests.processes(with: "sleep\0" + marker).count == 1 }
    _ = watch.take()
    try project.write("in.txt", "three\n")
    watch.process.wait { (try? project.read("yes")) == "succeeded 2 2 0 0\nsucceeded 2 2 0 0\n" }
    #expect(try project.read("yes") == "succeeded 2 2 0 0\nsucceeded 2 2 0 0\n")
    watch.process.wait { TrustTests.processes(with: "sleep\0" + marker).count == 1 }
    #expect(TrustTests.processes(with: "sleep\0" + marker).count == 1)
    try project.append("val X =\n", to: "main.rf")
    watch.process.wait { (try? project.read("no")) == "invalid\n" }
    #expect(try project.read("no") == "invalid\n")
    #expect(watch.end().status == 130)
    #expect(TrustTests.processes(with: "sleep\0" + marker) == [])
  }

  /// What was said, without times.
  private func said(_ build: Build) -> [String] {
    build.errors.split(separator: "\n").map { String($0.prefix { $0 != "(" }) }
  }

  @Test func `a build is answered with the same output and status`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    let process = watch.process.id
    #expect(said(try project.build()) == ["build: 2 steps, 0 run, 2 unchanged, 0 failed "])
    _ = watch.take()
    // What happened before the request is in its answer, whoever was quicker.
    for round in 0..<5 {
      try project.write("in.txt", "round \(round)\n")
      #expect(try project.build().status == 0)
      #expect(try project.read("out/first") == "ROUND \(round)\n")
    }
    // While the watch is stopped it answers nobody: so the answers were its.
    kill(process, SIGSTOP)
    #expect(try project.build().status == 0)
    kill(process, SIGCONT)
    try project.edit("main.rf", replacing: "wc -l", with: "false; wc -l")
    let served = try project.build()
    _ = watch.end()
    let alone = try project.build()
    #expect(served.status == 1)
    #expect(alone.status == 1)
    #expect(said(served) == said(alone))
    #expect(served.failed == alone.failed)
  }

  @Test func `a build that wants another thing builds itself`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    #expect(try project.build("--out", "elsewhere").status == 0)
    #expect(try project.texts("elsewhere") == ["first": "ONE\nTWO\n", "second": "2\n"])
    #expect(try project.build("--target", "First").written == ["First/Main"] || project.exists("out/First"))
    #expect(watch.take().events.filter { $0.event == "buildStarted" }.isEmpty)
  }

  /// Whether a process has a socket open.
  private func isConnected(_ process: RunningProcess) -> Bool {
    let folder = "/proc/\(process.id)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.contains { name in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name))?.hasPrefix("socket:") ?? false
    }
  }

  @Test func `a build goes on alone when the watch is killed, in the middle or before`() throws {
    let marker = markedSeconds(3051)
    let project = try Workspace(["in.txt": "a\n", "main.rf": Samples.oneStep("cp {{input}} {{out}}")])
    let watch = try Watch(on: project, ["--sandbox=off"])
    _ = watch.take()
    try project.write(
      "main.rf", Samples.oneStep("test -e '\(project.folder)/go' || sleep \(marker); cp {{input}} {{out}}"))
    watch.process.wait { !TrustTests.processes(with: "sleep\0" + marker).isEmpty }
    try project.write("go", "")
    let build = try project.start(Workspace.binary, ["build", "--sandbox=off"])
    build.wait { isConnected(build) }
    watch.process.signal(SIGKILL)
    _ = watch.process.wait()
    let execution = build.wait()
    #expect(execution.status == 0, "\(execution.errors)")
    #expect(execution.errors.contains("1 run"))
    #expect(try project.read("out/out") == "a\n")
    // Its socket is still there.
    #expect(project.exists(".reflow/socket"))
    #expect(try project.build("--sandbox=off").status == 0)
    let next = try Watch(on: project)
    #expect(next.end().status == 130)
  }

  @Test(.enabled(if: Sandbox.isAvailable, "wants user namespaces"))
  func `a limit of the system ends it with the setting to raise`() throws {
    let project = try project()
    for (limit, setting) in [
      ("watches", "fs.inotify.max_user_watches"), ("instances", "fs.inotify.max_user_instances"),
    ] {
      let script = "echo 0 > /proc/sys/user/max_inotify_\(limit); exec \"$1\" watch --sandbox=off"
      let execution = try project.run("unshare", ["-Ur", "sh", "-c", script, "sh", Workspace.binary])
      #expect(execution.status == 3)
      #expect(execution.errors.contains("sysctl \(setting)="), "\(execution.errors)")
    }
  }

  @Test func `a second watch of the same says who watches already`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    let second = try project.reflow("watch")
    #expect(second.status == 3)
    #expect(second.errors.contains("process \(watch.process.id) watches this already"))
    #expect(watch.end().status == 130)
  }

  @Test func `another process may build in between`() throws {
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    for round in 0..<3 {
      try project.write("in.txt", "round \(round)\n")
      // Explaining is something that this watch does not do for others.
      #expect(try project.build("--explain").status == 0)
      #expect(try project.read("out/first") == "ROUND \(round)\n")
      _ = try watch.catchUp()
    }
    try project.write("in.txt", "last\n")
    #expect(watch.wait { _ in (try? project.read("out/first")) == "LAST\n" })
    let events = watch.take().events
    #expect(events.allSatisfy { $0.event != "outputDisplaced" })
  }
}
