import ArgumentParser
@preconcurrency import Glibc

/// Kills builds and watches at random moments, and checks what comes after.
struct KillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill",
    abstract: "Kill builds and watches at random moments; what comes after is as if nothing had been.")

  @Option(help: "Kills.")
  var rounds = 300
  @Option(help: "Decides the edits and the moments, as far as the machine lets it.")
  var seed: UInt64 = 1
  @Option(help: "Of a hundred, how many are kills of watches.")
  var watches = 40
  @Option(help: "Kill after at most so many milliseconds.")
  var longest = 250
  @OptionGroup var measured: MeasuredBinary
  @Option(help: "Where to work; emptied first.")
  var folder = "/tmp/reflow-bench-kill"

  func run() throws {
    let binary = try measured.path()
    Scratch.removeAll(folder)
    var project = TortureProject(in: folder, binary: binary, seed: seed)
    for round in 0..<rounds {
      project.edit()
      let isWatch = project.below(100) < watches
      let child = ChildProcess.start([project.binary, isWatch ? "watch" : "build", "-q"], in: folder)
      let edits = isWatch ? project.below(3) : 0
      for _ in 0..<edits {
        usleep(useconds_t(project.below(longest) * 1000 / 2))
        project.edit()
      }
      usleep(useconds_t(project.below(longest) * 1000))
      ChildProcess.kill(child)
      do throws(TortureProject.Broken) {
        try project.expectNoProcess()
        try project.check()
      } catch {
        print("seed \(seed), round \(round), \(isWatch ? "watch" : "build"): \(error.message)")
        throw ExitCode(1)
      }
      if (round + 1) % 50 == 0 {
        print("\(round + 1) kills")
        fflush(stdout)
      }
    }
    print("\(rounds) kills, all laws hold")
    Scratch.removeAll(folder)
    Scratch.removeAll(folder + "-fresh")
  }
}
