import ArgumentParser
@preconcurrency import Glibc

/// Edits a project below a running watch, and compares its outputs with those of builds from nothing.
struct SoakCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract: "Edit files and links below a running watch; what comes of it is what a build from nothing makes.")

  @Option(help: "Bursts of edits, each with a comparison.")
  var rounds = 300
  @Option(help: "Decides the edits, as far as the machine lets it.")
  var seed: UInt64 = 1
  @OptionGroup var measured: MeasuredBinary
  @Option(help: "Where to work; emptied first.")
  var folder = "/tmp/reflow-bench-soak"

  func run() throws {
    let binary = try measured.path()
    Scratch.removeAll(folder)
    var project = SoakProject(in: folder, binary: binary, seed: seed)
    let watch = ChildProcess.start([binary, "watch", "-q"], in: project.workspace)
    defer { ChildProcess.kill(watch) }
    var good = 0
    for round in 0..<rounds {
      do throws(TortureProject.Broken) {
        if try soak(&project, watch) { good += 1 }
      } catch {
        print("seed \(seed), round \(round): \(error.message)")
        throw ExitCode(1)
      }
      if (round + 1) % 50 == 0 {
        print("\(round + 1) rounds, \(good) of projects that can be built")
        fflush(stdout)
      }
    }
    print("\(rounds) rounds, all as from nothing")
    Scratch.removeAll(folder)
  }

  /// - Returns: whether the project could be built.
  private func soak(_ project: inout SoakProject, _ watch: pid_t) throws(TortureProject.Broken) -> Bool {
    if project.below(10) < 6 { project.mend() }
    for _ in 0...project.below(6) {
      project.edit()
      usleep([0, 0, 0, 3_000, 20_000, 60_000][project.below(6)])
    }
    let isGood = try project.check(asks: project.below(2) == 0)
    var status: Int32 = 0
    guard waitpid(watch, &status, WNOHANG) == 0 else { throw project.broken("the watch has ended with \(status >> 8)") }
    return isGood
  }
}
