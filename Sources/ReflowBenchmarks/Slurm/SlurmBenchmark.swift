import ArgumentParser
@preconcurrency import Glibc

/// Many steps on a Slurm cluster: by Reflow's allocations, by a submission a step, and by snakemake.
///
/// `fixtures/slurm/up FOLDER 4` starts a cluster of four nodes on this machine; its last line is what to put into the environment.
struct SlurmBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "slurm",
    abstract: "Steps on a Slurm cluster, beside sbatch for each step, arrays and snakemake; and a node that dies.",
    discussion:
      """
      Needs SLURM_CONF of a cluster that is up. The overhead of a step is the wall time beyond work over slots, by steps. The tool 'cut' takes a node \
      away in the middle (fixtures/slurm/cut) and tells how long it is until a step that ran there has begun elsewhere, and until all such have.
      """
  )

  @Option(help: "How many steps; repeat for several.")
  var steps: [Int] = [1000]
  @Option(help: "Seconds that a step sleeps; repeat for several.")
  var seconds: [Double] = [0, 1]
  @Option(help: "local, slurm, sbatch, array, snakemake, cut; repeat for several.")
  var tool: [String] = ["local", "slurm", "sbatch", "snakemake"]
  @Option(help: "Nodes that allocations are held on.")
  var nodes = 4
  @Option(help: "Cores of a node.")
  var cpus = 4
  @Option(help: "Steps at once on this machine.")
  var jobs = 2
  @Option(help: "Counted rounds.")
  var rounds = 1
  @OptionGroup var measured: MeasuredBinary
  @Option(help: "The snakemake command, with the cluster-generic executor installed.")
  var snakemake = "snakemake"
  @Option(help: "The command that cuts a node off, for the tool 'cut'.")
  var cut = "fixtures/slurm/cut"
  @Option(
    help: "For the tool 'cut': what reflow.toml says of silence, in seconds; what is built in where nothing is said.")
  var silence: Double?
  @Option(help: "Where to work; emptied first.")
  var folder = "/tmp/reflow-bench-slurm"

  func run() throws {
    guard getenv("SLURM_CONF") != nil || tool == ["local"] else {
      throw ValidationError("SLURM_CONF is not set; start a cluster with fixtures/slurm/up")
    }
    let binary = try measured.path()
    if tool.contains("cut") { for _ in 0..<rounds { try SlurmCut(self, binary: binary).measure() } }
    guard tool != ["cut"] else { return }
    print("tool\tsteps\tseconds\tslots\twall s\tms a step beyond its work\tsubmissions")
    for count in steps {
      for seconds in seconds {
        for _ in 0..<rounds {
          for tool in tool where tool != "cut" { try measure(tool, count, seconds, binary) }
        }
      }
    }
  }

  private func measure(_ tool: String, _ count: Int, _ seconds: Double, _ binary: String) throws {
    Scratch.removeAll(folder)
    Scratch.makeFolder(folder)
    let list = (1...count).map(String.init).joined(separator: ", ")
    Scratch.write(
      """
      func S(n int) = exec(cpu := 1) (o file) {" sleep \(seconds); echo {{n}} > {{o}} "}
      val Main = map([(n, S(n)) | n <- [\(list)]])

      """, to: folder + "/main.rf")
    Scratch.write(
      "[slurm]\nallocations = \(nodes)\ncpus = \(cpus)\nsmall = 0\n", to: folder + "/reflow.toml")
    Scratch.write(
      """
      for i in $(seq \(count)); do
        sbatch -Q --ntasks=1 --cpus-per-task=1 --mem=50M -o /dev/null --wrap="sleep \(seconds); echo $i > out/$i" > /dev/null
      done
      while [ "$(ls out | wc -l)" -lt \(count) ]; do sleep 0.2; done

      """, to: folder + "/each.sh")
    // No array is longer than a cluster's limit, which is 1001 where nobody says.
    Scratch.write(
      """
      for first in $(seq 1 1000 \(count)); do
        last=$((first + 999 < \(count) ? first + 999 : \(count)))
        sbatch -Q --array=1-$((last - first + 1)) --ntasks=1 --cpus-per-task=1 --mem=50M -o /dev/null \\
          --wrap="sleep \(seconds); echo x > out/\\$((first - 1 + SLURM_ARRAY_TASK_ID))" --export=ALL,first=$first > /dev/null
      done
      while [ "$(ls out | wc -l)" -lt \(count) ]; do sleep 0.2; done

      """, to: folder + "/array.sh")
    Scratch.write(
      """
      rule all:
        input: expand("out/{n}", n=range(\(count)))
      rule one:
        output: "out/{n}"
        shell: "sleep \(seconds); echo {wildcards.n} > {output}"

      """, to: folder + "/Snakefile")
    Scratch.makeFolder(folder + "/out")
    let command: [String]
    var slots = nodes * cpus
    switch tool {
    case "local":
      slots = jobs
      command = [binary, "build", "-q", "-j", "\(jobs)", "--out", "made"]
    case "slurm": command = [binary, "build", "-q", "--executor", "slurm", "--out", "made"]
    case "sbatch": command = ["bash", "each.sh"]
    case "array": command = ["bash", "array.sh"]
    case "snakemake":
      command = [
        snakemake, "--quiet", "all", "--executor", "cluster-generic", "--cluster-generic-submit-cmd",
        "sbatch -Q --parsable --ntasks=1 --cpus-per-task=1 --mem=200M -o /dev/null", "-j", "\(slots)",
        "--latency-wait", "30",
      ]
    case _: throw ValidationError("no tool named '\(tool)'")
    }
    let before = Self.lastJob()
    let run = ChildProcess.run(command, in: folder)
    guard run.status == 0 else { return print("\(tool)\t\(count)\t\(seconds)\tfailed with \(run.status)") }
    let ideal = seconds * Double(count) / Double(slots)
    let overhead = (run.wallSeconds - ideal) / Double(count) * 1000
    // The last number is that of the question itself.
    let submissions = tool == "local" ? 0 : Self.lastJob() - before - 1
    print(
      "\(tool)\t\(count)\t\(seconds)\t\(slots)\t\(Self.rounded(run.wallSeconds))\t\(Self.rounded(overhead))\t\(submissions)"
    )
  }

  static func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

  /// The number of the last job: by asking for one that is over at once.
  private static func lastJob() -> Int {
    let path = "/tmp/reflow-bench-slurm-job"
    _ = ChildProcess.run(
      ["sh", "-c", "sbatch --parsable --mem=10M -o /dev/null --wrap=true > \(path) 2> /dev/null"], in: "/tmp")
    guard let file = fopen(path, "r") else { return 0 }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 64)
    guard fgets(&buffer, 64, file) != nil else { return 0 }
    return Int(String(decoding: buffer.prefix { $0 >= 48 && $0 <= 57 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
      ?? 0
  }
}
