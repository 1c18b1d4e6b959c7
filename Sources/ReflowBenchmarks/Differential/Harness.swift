import Differential
import Glibc

/// A workload ready to run: it feeds one change at a time to a dataflow, which adds what comes out to the checksum.
struct Workload {
  /// Inserts (`+1`) the next pair of the stream, or removes (`-1`) the next of its replay, at the open epoch.
  var insert: () -> Void
  var remove: () -> Void
  /// Closes the epoch and works it off.
  var finishEpoch: () -> Void
  /// Opens the next epoch without working anything off: each change gets a time of its own.
  var nextTime: () -> Void
  var checksum: () -> Checksum
}

/// Runs a workload and prints its lines.
func run(_ name: String, _ workload: Workload, loading count: Int, arguments: WorkloadArguments) throws {
  let batches = try arguments.batches()
  let isMultitemporal = arguments.text("multi", default: "0") == "1"
  let start = Usage.now()
  for _ in 0..<count { workload.insert() }
  workload.finishEpoch()
  let end = Usage.now()
  var sums = workload.checksum()
  print(
    name, "LOAD", "seconds=" + fixed(end.wallSeconds - start.wallSeconds, 3),
    "cpuSeconds=" + fixed(end.cpuSeconds - start.cpuSeconds, 3), "peakMiB=\(peakMiB())", "chk=" + sums.hex,
    "count=\(sums.count)")
  var isInsertion = true
  for batch in batches where batch.repeats > 0 {
    var latencies: [Double] = []
    latencies.reserveCapacity(batch.repeats)
    let cpuStart = Usage.now().cpuSeconds
    for _ in 0..<batch.repeats {
      let begin = Usage.now().wallSeconds
      for _ in 0..<batch.size {
        if isInsertion { workload.insert() } else { workload.remove() }
        isInsertion.toggle()
        if isMultitemporal { workload.nextTime() }
      }
      workload.finishEpoch()
      latencies.append(Usage.now().wallSeconds - begin)
    }
    let cpu = Usage.now().cpuSeconds - cpuStart
    latencies.sort()
    sums = workload.checksum()
    let changes = Double(batch.size * batch.repeats)
    print(
      name, "batch=\(batch.size)", "p50us=" + fixed(latencies[latencies.count / 2] * 1e6, 1),
      "p99us=" + fixed(latencies[min(latencies.count - 1, latencies.count * 99 / 100)] * 1e6, 1),
      "changesPerSecond=" + fixed(changes / cpu, 0), "chk=" + sums.hex, "count=\(sums.count)")
  }
  fflush(nil)
}

/// A checksum that a dataflow's closures add to.
final class ChecksumBox {
  var value = Checksum()
}
