import Foundation
import Glibc
import Testing

/// A Slurm of its own on this machine, from the system's packages; ended with the last reference.
final class SlurmCluster {
  let folder = "/tmp/reflow-slurm-" + UUID().uuidString
  private let project: Workspace

  static var isInstalled: Bool {
    geteuid() == 0 && Workspace.has("slurmctld", "slurmd", "sbatch", "scontrol", "munged")
  }

  struct NotUp: Error { var words: String }

  init(for project: Workspace, nodes: Int = 2) throws {
    self.project = project
    let up = try project.run(Workspace.fixtures + "/slurm/up", [folder, "\(nodes)", "4"])
    guard up.status == 0 else { throw NotUp(words: up.errors + up.output) }
  }

  deinit {
    _ = try? project.run(Workspace.fixtures + "/slurm/down", [folder])
    // Daemons write until they have ended.
    for _ in 0..<200 {
      let files = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/run")) ?? []
      if !files.contains(where: { $0.hasSuffix(".pid") }) { break }
      usleep(20_000)
    }
    try? FileManager.default.removeItem(atPath: folder)
  }

  var environment: [String: String] { ["SLURM_CONF": folder + "/etc/slurm.conf"] }

  func ask(_ words: String...) throws -> String {
    try project.run(words[0], Array(words.dropFirst()), environment: environment).output
  }

  /// The numbers of the jobs that wait or run.
  func jobs(_ states: String = "PD,R,CG") throws -> [String] {
    try ask("squeue", "-h", "-t", states, "-o", "%A").split(separator: "\n").map(String.init).sorted()
  }

  /// Jobs are over a moment after they were told to be.
  func awaitNoJobs() throws {
    var rest = try jobs()
    for _ in 0..<300 where !rest.isEmpty {
      usleep(100_000)
      rest = try jobs()
    }
    #expect(rest == [])
  }

  func killController() throws {
    let id = try String(contentsOfFile: folder + "/run/slurmctld.pid", encoding: .utf8)
    guard let id = pid_t(id.trimmingCharacters(in: .whitespacesAndNewlines)) else { return }
    kill(id, SIGKILL)
  }

  /// A node is gone from one moment to the next, with all that ran on it.
  func cut(_ node: String) throws {
    let cut = try project.run(Workspace.fixtures + "/slurm/cut", [folder, node])
    #expect(cut.status == 0, "\(cut.errors)")
  }

  func startController() throws { _ = try ask("slurmctld", "-f", folder + "/etc/slurm.conf") }
}
