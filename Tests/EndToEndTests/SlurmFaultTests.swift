import Foundation
import Glibc
import Testing

/// What else happens on clusters; of the same suite, so that no two clusters are up at once.
extension SlurmClusterTests {
  private func begun(_ project: Workspace, _ steps: ClosedRange<Int>) -> Bool {
    steps.allSatisfy { count(project, $0) > 0 }
  }

  @Test func `a node that dies with its steps is noticed, and they run elsewhere`() throws {
    let project = try project({ Self.held($0, steps: "1, 2") }, slurm: "silence = 5\n")
    let cluster = try SlurmCluster(for: project)
    let build = try start(project, cluster)
    #expect(build.wait { begun(project, 1...2) })
    // Both are in one allocation, which has a whole node.
    let node = try cluster.ask("squeue", "-h", "-t", "R", "-o", "%N").split(separator: "\n").first
    try cluster.cut(String(try #require(node)))
    #expect(build.wait { count(project, 1) > 1 && count(project, 2) > 1 })
    letGo(project)
    let ended = build.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(ended.errors.contains("was lost"), "\(ended.errors)")
    #expect(ended.errors.contains("(attempt 2 of 4)"), "\(ended.errors)")
    #expect(try project.texts() == ["1": "1\n", "2": "2\n"])
  }

  @Test func `a full partition is waited for`() throws {
    let project = try project { project in
      letGo(project)
      return Self.held(project, steps: "1, 2")
    }
    let cluster = try SlurmCluster(for: project)
    for node in ["n1", "n2"] {
      _ = try cluster.ask("sbatch", "--exclusive", "-w", node, "-o", "/dev/null", "--wrap", "sleep 3600")
    }
    let build = try start(project, cluster)
    #expect(build.wait { (try? cluster.jobs("R").count == 2 && cluster.jobs("PD").count >= 1) ?? false })
    let status = try project.reflow("status", environment: cluster.environment)
    #expect(status.output.contains("waits for the cluster"), "\(status.output)")
    _ = try cluster.ask("scancel", "--name", "wrap")
    let ended = build.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(count(project, 1) == 1 && count(project, 2) == 1)
    try cluster.awaitNoJobs()
  }

  @Test func `what was made while no Reflow ran is taken when one runs again`() throws {
    let project = try project { Self.held($0, steps: "1, 2, 3") }
    let cluster = try SlurmCluster(for: project)
    let killed = try start(project, cluster)
    #expect(killed.wait { begun(project, 1...3) })
    killed.signal(SIGKILL)
    #expect(killed.wait().status == 137)
    letGo(project)
    var made = 0
    for _ in 0..<3000 where made < 3 {
      usleep(20_000)
      let jobs = (try? FileManager.default.contentsOfDirectory(atPath: project.path(".reflow/jobs"))) ?? []
      made = jobs.reduce(0) { sum, job in
        let done = try? FileManager.default.contentsOfDirectory(atPath: project.path(".reflow/jobs/\(job)/done"))
        return sum + (done ?? []).count { !$0.hasPrefix(".") }
      }
    }
    #expect(made == 3)
    let build = try project.build("--sandbox", "off", environment: cluster.environment)
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.errors.contains("made by a job of an earlier build"), "\(build.errors)")
    #expect((1...3).allSatisfy { count(project, $0) == 1 })
    #expect(try project.texts() == ["1": "1\n", "2": "2\n", "3": "3\n"])
    try cluster.awaitNoJobs()
  }

  @Test func `exit codes and logs come back, and who exits with 75 is tried again`() throws {
    let project = try project { project in
      """
      val Fails = exec() (o file) {" echo the last words; exit 7 # {{o}} "}
      val Later = exec() (o file) {"
        echo try >> \(project.outside("count-75"))
        test $(wc -l < \(project.outside("count-75"))) -ge 3 || exit 75
        echo later > {{o}}
      "}
      val Main = {Fails, Later}

      """
    }
    let cluster = try SlurmCluster(for: project)
    let build = try project.build("-k", "--sandbox", "off", environment: cluster.environment)
    #expect(build.status == 1, "\(build.errors)")
    #expect(build.errors.contains("Fails: exit status 7") && build.errors.contains("the last words"), "\(build.errors)")
    #expect(
      build.errors.contains("Later failed: exit status 75; it is tried again (attempt 3 of 4)"), "\(build.errors)")
    #expect(try project.texts()["Later"] == "later\n")
    try cluster.awaitNoJobs()
  }

  @Test func `steps run here while others are out, as the configuration says`() throws {
    let project = try project { project in
      """
      func Here(n int) = exec() (o file) {" echo {{n}} > {{o}}; echo >> \(project.outside("here")) "}
      \(Self.held(project, steps: "1").replacing("val Main", with: "val there"))
      val Main = {there, here: map([(n, Here(n)) | n <- [1, 2, 3]])}

      """
    }
    try project.append("\n[executors]\nHere = \"local\"\n", to: "reflow.toml")
    let cluster = try SlurmCluster(for: project)
    let build = try start(project, cluster)
    #expect(build.wait { count(project, 1) == 1 })
    // The one that is out waits for a word, so these were done beside it.
    let isDone = build.wait {
      let text = try? String(contentsOfFile: project.outside("here"), encoding: .utf8)
      return text?.count == 3
    }
    #expect(isDone)
    let status = try project.reflow("status", environment: cluster.environment)
    #expect(status.output.contains("1 running, 0 waiting, 0 ended"), "\(status.output)")
    letGo(project)
    let ended = build.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    try cluster.awaitNoJobs()
  }
}
