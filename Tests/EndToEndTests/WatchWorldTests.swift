import Foundation
import Glibc
import Testing

/// A watch, and what kernels, file systems and users do to it.
struct WatchWorldTests {
  private static let program = """
    func Upper(part file) = exec() (upper file) {" tr a-z A-Z < {{part}} > {{upper}} "}
    func Join(parts [file]) = exec() (joined file) {" cat {{parts}} > {{joined}} "}
    val Main = Join([Upper(part) | (_, part) <- dir("data")])

    """

  private func project() throws -> Workspace {
    try Workspace(["main.rf": Self.program, "data/a.txt": "a\n", "data/b.txt": "b\n"])
  }

  private func waitForOutput(_ text: String, of watch: Watch, _ location: SourceLocation = #_sourceLocation) {
    #expect(
      watch.wait { _ in (try? watch.project.read("out/Main")) == text }, "\(watch.process.errorsSoFar)",
      sourceLocation: location)
  }

  @Test func `a queue that overflows loses nothing`() throws {
    let limit = try #require(
      Int(String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8).split(separator: "\n")[0]))
    try #require(limit <= 1 << 20)
    let project = try project()
    let watch = try Watch(on: project)
    _ = watch.take()
    watch.process.signal(SIGSTOP)
    // Two names in turn: events that are equal to the one before them would be merged.
    let names = ["data/a.txt", "data/b.txt"].map { project.path($0) }
    for round in 0...(limit / 2 + 100) {
      for name in names {
        let opened = open(name, O_WRONLY | O_CLOEXEC)
        if opened < 0 { Issue.record("cannot open \(name) in round \(round)") }
        close(opened)
      }
    }
    try project.remove("data")
    try project.write("data/c.txt", "other\n")
    watch.process.signal(SIGCONT)
    waitForOutput("OTHER\n", of: watch)
    // Folders that came while events were lost, or took the place of others, are watched.
    try project.write("data/deep/d.txt", "d\n")
    waitForOutput("OTHER\nD\n", of: watch)
    try project.write("data/deep/d.txt", "e\n")
    waitForOutput("OTHER\nE\n", of: watch)
  }

  @Test(.enabled(if: Sandbox.isAvailable, "wants mount namespaces"))
  func `a file system that is unmounted and mounted is seen`() throws {
    let project = try project()
    // The mounts are the watch's own; who edits has to be in the same namespace.
    let script = """
      mount -t tmpfs none data || exit 77
      echo one > data/one.txt
      "$1" watch --sandbox=off &
      watch=$!
      until grep -qx ONE out/Main; do sleep 0.02; done
      umount -l data
      until [ "$(cat out/Main)" = "A
      B" ]; do sleep 0.02; done
      echo c > data/a.txt
      until grep -qx C out/Main; do sleep 0.02; done
      mount -t tmpfs none data
      echo two > data/two.txt
      "$1" build --sandbox=off
      grep -qx TWO out/Main; status=$?
      # What a shell starts in the background ignores SIGINT.
      kill -TERM $watch
      wait $watch
      exit $status
      """
    let execution = try project.run("unshare", ["-Urm", "sh", "-c", script, "sh", Workspace.binary])
    if execution.status == 77 { return }
    #expect(execution.status == 0, "\(execution.errors)")
  }

  @Test func `a file system that tells nothing is looked at`() throws {
    let project = try Workspace([
      "main.rf": Self.program, "data/a.txt": "a\n", "data/deep/b.txt": "b\n", "elsewhere.txt": "x\n",
    ])
    let watch = try Watch(on: project, ["--poll"])
    waitForOutput("A\nB\n", of: watch)
    try project.write("data/deep/b.txt", "new\n")
    waitForOutput("A\nNEW\n", of: watch)
    try project.write("data/c.txt", "c\n")
    waitForOutput("A\nC\nNEW\n", of: watch)
    try project.remove("data/deep")
    waitForOutput("A\nC\n", of: watch)
    try project.remove("out/Main")
    waitForOutput("A\nC\n", of: watch)
    // Who asks need not wait for the next look.
    try project.write("data/c.txt", "d\n")
    #expect(try project.build().status == 0)
    #expect(try project.read("out/Main") == "A\nD\n")
    try project.edit("main.rf", replacing: "\"data\"", with: "\"not/yet\"")
    #expect(watch.wait { $0.contains { $0.event == "buildFinished" && $0.status == "invalid" } })
    try project.write("not/yet/e.txt", "e\n")
    waitForOutput("E\n", of: watch)
    #expect(watch.end().status == 130)
  }

  @Test func `folders that no build reads any longer are left alone`() throws {
    let project = try project()
    for name in ["one", "two", "three"] { try project.write("other/\(name)/x.txt", "x\n") }
    try project.edit("main.rf", replacing: "\"data\"", with: "\"other\"")
    let watch = try Watch(on: project)
    let before = try #require(watch.take().events.last { $0.event == "watching" }?.folders)
    try project.edit("main.rf", replacing: "\"other\"", with: "\"data\"")
    waitForOutput("A\nB\n", of: watch)
    _ = try watch.catchUp()
    let after = try #require(watch.take().events.last { $0.event == "watching" }?.folders)
    // `other` and three folders in it go, `data` comes.
    #expect(after == before - 3)
    try project.write("other/one/x.txt", "y\n")
    #expect(try watch.catchUp().status == 0)
    #expect(watch.take().events.allSatisfy { $0.event == "watching" })
    try project.write("data/a.txt", "c\n")
    waitForOutput("C\nB\n", of: watch)
    // What is read again is watched again.
    try project.edit("main.rf", replacing: "\"data\"", with: "\"other\"")
    waitForOutput("Y\nX\nX\n", of: watch)
    try project.write("other/two/x.txt", "z\n")
    waitForOutput("Y\nX\nZ\n", of: watch)
  }

  @Test func `a hook does not outlive a watch that is killed`() throws {
    let project = try project()
    let (hook, behind) = (markedSeconds(3061), markedSeconds(3062))
    func processes(_ marker: String) -> [String] { TrustTests.processes(with: "sleep\0" + marker) }
    let watch = try Watch(on: project, ["--on-success", "sleep \(behind) & sleep \(hook); true"])
    watch.process.wait { processes(hook).count == 1 && processes(behind).count == 1 }
    #expect(processes(hook).count == 1)
    #expect(processes(behind).count == 1)
    watch.process.signal(SIGKILL)
    let execution = watch.process.wait()
    #expect(execution.status == 137)
    for _ in 0..<6000 where !(processes(hook) + processes(behind)).isEmpty { usleep(10_000) }
    #expect(processes(hook) + processes(behind) == [])
  }

  @Test func `a build that is asked for sees what is written to a file that is still open`() throws {
    let project = try Samples.twoStepProject()
    let watch = try Watch(on: project)
    _ = watch.take()
    let script = """
      exec 3>> in.txt
      for text in three four; do
        echo $text >&3
        "$1" build || exit
        cat out/first
      done
      """
    let execution = try project.run("bash", ["-c", script, "bash", Workspace.binary])
    #expect(execution.status == 0, "\(execution.errors)")
    #expect(execution.output == "ONE\nTWO\nTHREE\nONE\nTWO\nTHREE\nFOUR\n")
  }
}
