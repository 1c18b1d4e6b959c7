import Foundation
import Glibc
import Testing

/// Steps on a real Slurm. Where there is none these are skipped; `SlurmTests` holds the same rules to commands that answer as told.
@Suite(
  .serialized,
  .enabled(
    if: SlurmCluster.isInstalled,
    "skipped: no Slurm here, or no root; after 'apt-get install slurm-wlm slurm-client munge' root runs these"))
struct SlurmClusterTests {
  /// Steps that wait for a file beside the project, and count how often they were run.
  static func held(_ project: Workspace, steps: String) -> String {
    """
    func Held(n int) = exec(cpu := 1) (o file) {"
      echo run >> \(project.outside("count-"))$(echo {{n}})
      echo begun {{n}} > {{o}}
      while [ ! -e \(project.outside("go")) ]; do sleep 0.05; done
      echo {{n}} > {{o}}; echo log of {{n}}
    "}
    val Main = map([(n, Held(n)) | n <- [\(steps)]])
    """
  }

  func project(_ program: (Workspace) -> String, slurm: String = "") throws -> Workspace {
    let project = try Workspace()
    try project.write("main.rf", program(project))
    try project.write("reflow.toml", "executor = \"slurm\"\n[slurm]\nsmall = 0\nlate = 1\n\(slurm)")
    return project
  }

  func count(_ project: Workspace, _ step: Int) -> Int {
    let text = try? String(contentsOfFile: project.outside("count-\(step)"), encoding: .utf8)
    return text?.split(separator: "\n").count ?? 0
  }

  func letGo(_ project: Workspace) {
    _ = FileManager.default.createFile(atPath: project.outside("go"), contents: nil)
  }

  func start(_ project: Workspace, _ cluster: SlurmCluster) throws -> RunningProcess {
    try project.start(Workspace.binary, ["build", "--sandbox", "off"], environment: cluster.environment)
  }

  @Test func `steps run in jobs, and their outputs, logs and figures come back`() throws {
    let project = try project { project in
      letGo(project)
      return Self.held(project, steps: "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")
    }
    let cluster = try SlurmCluster(for: project)
    let build = try project.build("--sandbox", "off", environment: cluster.environment)
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ran.count == 12)
    #expect(try project.texts().count == 12)
    #expect(try project.texts()["7"] == "7\n")
    #expect(build.events.contains { $0.event == "stepFinished" && ($0.maxrssBytes ?? 0) > 0 })
    #expect(try project.reflow("log", "Held").output.contains("log of"))
    try cluster.awaitNoJobs()
    let left = (try? FileManager.default.contentsOfDirectory(atPath: project.path(".reflow/jobs"))) ?? []
    #expect(left.isEmpty)
    let again = try project.build("--sandbox", "off", environment: cluster.environment)
    #expect(again.status == 0 && again.ran.isEmpty)
  }

  @Test func `a job that an administrator cancels in the middle of its outputs is made good`() throws {
    let project = try project { Self.held($0, steps: "1, 2") }
    let cluster = try SlurmCluster(for: project)
    let build = try start(project, cluster)
    #expect(build.wait { count(project, 1) > 0 && count(project, 2) > 0 })
    let job = try cluster.jobs("R").first ?? "none"
    let status = try project.reflow("status", environment: cluster.environment)
    #expect(status.output.contains("job \(job)"), "\(status.output)\(status.errors)")
    let json = try project.reflow("status", "--json", environment: cluster.environment).output
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    let jobs = try #require(object?["jobs"] as? [[String: Any]])
    let node = try #require(jobs.first { $0["id"] as? String == job }?["node"] as? String)
    #expect(["n1", "n2"].contains(node), "as Slurm calls it")
    #expect(jobs.flatMap { $0["running"] as? [String] ?? [] }.count == 2, "\(json)")
    _ = try cluster.ask("scancel", job)
    #expect(build.wait { count(project, 1) > 1 && count(project, 2) > 1 })
    letGo(project)
    let ended = build.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(ended.errors.contains("job \(job)") && ended.errors.contains("was lost"))
    let page = try project.reflow("report", environment: cluster.environment).output
    #expect(page.contains(">n1 1</text>") || page.contains(">n2 1</text>"), "the timeline is by node")
    #expect(try project.texts() == ["1": "1\n", "2": "2\n"])
  }

  @Test func `a controller that is away for a while changes nothing`() throws {
    let project = try project { Self.held($0, steps: "1, 2") }
    let cluster = try SlurmCluster(for: project)
    let build = try start(project, cluster)
    #expect(build.wait { count(project, 1) > 0 && count(project, 2) > 0 })
    try cluster.killController()
    #expect(build.wait { build.errorsSoFar.contains("does not answer") })
    letGo(project)
    #expect(build.wait { project.exists("out/1") && project.exists("out/2") })
    try cluster.startController()
    let ended = build.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(count(project, 1) == 1 && count(project, 2) == 1)
  }

  @Test func `a Reflow that is killed and started again finds its jobs and runs nothing twice`() throws {
    let project = try project { Self.held($0, steps: "1, 2, 3") }
    let cluster = try SlurmCluster(for: project)
    let killed = try start(project, cluster)
    #expect(killed.wait { (1...3).allSatisfy { count(project, $0) > 0 } })
    killed.signal(SIGKILL)
    #expect(killed.wait().status == 137)
    let build = try start(project, cluster)
    #expect(build.wait { build.errorsSoFar.contains("under way") })
    letGo(project)
    let ended = build.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect((1...3).allSatisfy { count(project, $0) == 1 })
    #expect(try project.texts() == ["1": "1\n", "2": "2\n", "3": "3\n"])
    try cluster.awaitNoJobs()
  }

  @Test func `what the partition will never run is said with Slurm's reason`() throws {
    let project = try project({ Self.held($0, steps: "1") }, slurm: "partition = \"small\"\ncpus = 3\n")
    let cluster = try SlurmCluster(for: project)
    let build = try project.build("--sandbox", "off", environment: cluster.environment)
    #expect(build.status == 1, "\(build.errors)")
    #expect(build.errors.contains("PartitionConfig") || build.errors.contains("Slurm refuses"), "\(build.errors)")
    try cluster.awaitNoJobs()
  }

  @Test func `Ctrl-C ends what runs and cancels what is queued`() throws {
    let project = try project(
      { Self.held($0, steps: (1...40).map(String.init).joined(separator: ", ")) }, slurm: "allocations = 5\n")
    let cluster = try SlurmCluster(for: project)
    let build = try start(project, cluster)
    #expect(build.wait { (try? cluster.jobs("R").count == 2 && cluster.jobs("PD").count >= 1) ?? false })
    build.signal(SIGINT)
    let ended = build.wait()
    #expect(ended.status == 130, "\(ended.errors)")
    try cluster.awaitNoJobs()
  }

  @Test func `a cluster that is not there is said, and nothing runs`() throws {
    let project = try project { Self.held($0, steps: "1") }
    // One that is not there at all is waited for, for a minute, by Slurm itself.
    try project.write("empty.conf", "")
    let build = try project.build(environment: ["SLURM_CONF": project.path("empty.conf")])
    #expect(build.status == 3, "\(build.errors)")
    #expect(build.errors.contains("cannot use Slurm"))
  }
}
