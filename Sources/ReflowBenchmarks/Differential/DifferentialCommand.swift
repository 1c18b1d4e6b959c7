import ArgumentParser

/// `reflow-bench differential CASE k=… m=… batches=… workers=…`.
struct DifferentialCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "differential",
    abstract: "Runs a differential dataflow workload: a load, then batches of changes.",
    discussion: """
      Cases over keys (k= keys, m= pairs): arrange, count, count_total, distinct, min, max5, wordcount, join.
      Cases over graphs (n= nodes, m= edges, graph=uniform|rmat): reach, bfs, cc, cc_at, scc, scc_at, kcore (k=8), \
      pagerank (rounds=20). Further algorithms over graphs: degrees, closure, triangles, sssp, generations, recommend. \
      batches=1:5000,1000:500 runs 5000 epochs of 1 change, then 500 of 1000. multi=1 gives each \
      change a time of its own. rebuild=50 makes scc anew where a fiftieth of the edges changes.
      Tables: table runs every workload and puts the figures beside those of the Rust implementation (only=count,join, \
      workers=2); large compares epochs of many changes with loading; work counts what one change touches, by algorithm.
      """)

  @Argument(help: "The workload.")
  var workload: String

  @Argument(help: "Its sizes, as name=value.")
  var sizes: [String] = []

  func run() throws {
    let arguments = try WorkloadArguments(sizes)
    switch workload {
    case "table": return try runTable(arguments)
    case "large": return try runLarge(arguments)
    case "work": return try runWork(arguments)
    default: break
    }
    if try runKeyed(workload, arguments) { return }
    if try runGraph(workload, arguments) { return }
    if try runExample(workload, arguments) { return }
    throw ValidationError("there is no workload '\(workload)'")
  }
}
