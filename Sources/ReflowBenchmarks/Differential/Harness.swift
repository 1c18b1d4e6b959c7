import Differential
import Glibc

/// A workload ready to run at one worker: it feeds that worker's share of changes to its dataflow, and adds what comes out
/// there to a checksum.
struct Workload {
  /// Inserts the next pair of the stream, or removes the next of its replay, at the open epoch; if it is for this worker.
  var insert: () -> Void
  var remove: () -> Void
  /// Closes the epoch and works it off.
  var finishEpoch: () -> Void
  /// Opens the next epoch without working anything off: each change gets a time of its own.
  var nextTime: () -> Void
  var checksum: () -> Checksum
}

/// What a run does, apart from the workload.
struct Schedule: Sendable {
  var load: Int
  var batches: [(size: Int, repeats: Int)]
  var isMultitemporal: Bool
  var workers: Int

  init(load: Int, _ arguments: WorkloadArguments) throws {
    self.load = load
    batches = try arguments.batches()
    isMultitemporal = arguments.text("multi", default: "0") == "1"
    workers = max(1, try arguments.number("workers", default: 1))
  }
}

/// Checksums of all workers, added up when they meet.
private final class ChecksumTable: @unchecked Sendable {
  // Each worker writes its own place before a barrier; worker 0 reads all after it, and a second barrier follows.
  private let sums: UnsafeMutablePointer<Checksum>
  private let count: Int

  init(count: Int) {
    self.count = count
    sums = .allocate(capacity: count)
    sums.initialize(repeating: Checksum(), count: count)
  }

  deinit { sums.deallocate() }

  func total(_ own: Checksum, _ worker: Int, _ barrier: SpinningBarrier) -> Checksum {
    sums[worker] = own
    if count == 1 { return own }
    barrier.wait()
    let total = (0..<count).reduce(into: Checksum()) { $0.merge(sums[$1]) }
    barrier.wait()
    return total
  }
}

/// Runs a workload at every worker; the first prints its lines.
func run(_ name: String, _ schedule: Schedule, _ make: @escaping @Sendable (WorkerSeat) -> Workload) {
  let table = ChecksumTable(count: schedule.workers)
  onThreads(schedule.workers) { seat, barrier in
    let workload = make(seat)
    let prints = seat.worker == 0
    if schedule.workers > 1 { barrier.wait() }
    let start = Usage.now()
    for _ in 0..<schedule.load { workload.insert() }
    workload.finishEpoch()
    if schedule.workers > 1 { barrier.wait() }
    let end = Usage.now()
    let loaded = table.total(workload.checksum(), seat.worker, barrier)
    if prints {
      print(
        name, "LOAD", "seconds=" + fixed(end.wallSeconds - start.wallSeconds, 3),
        "cpuSeconds=" + fixed(end.cpuSeconds - start.cpuSeconds, 3), "peakMiB=\(peakMiB())", "chk=" + loaded.hex,
        "count=\(loaded.count)")
      fflush(nil)
    }
    var isInsertion = true
    for batch in schedule.batches where batch.repeats > 0 {
      var latencies: [Double] = []
      latencies.reserveCapacity(batch.repeats)
      let cpuStart = Usage.now().cpuSeconds
      for _ in 0..<batch.repeats {
        let begin = Usage.wall()
        for _ in 0..<batch.size {
          if isInsertion { workload.insert() } else { workload.remove() }
          isInsertion.toggle()
          if schedule.isMultitemporal { workload.nextTime() }
        }
        workload.finishEpoch()
        latencies.append(Usage.wall() - begin)
      }
      let cpu = Usage.now().cpuSeconds - cpuStart
      latencies.sort()
      let sums = table.total(workload.checksum(), seat.worker, barrier)
      guard prints else { continue }
      let changes = Double(batch.size * batch.repeats)
      print(
        name, "batch=\(batch.size)", "p50us=" + fixed(latencies[latencies.count / 2] * 1e6, 1),
        "p99us=" + fixed(latencies[min(latencies.count - 1, latencies.count * 99 / 100)] * 1e6, 1),
        "changesPerSecond=" + fixed(changes / cpu, changes < cpu * 100 ? 2 : 0), "chk=" + sums.hex,
        "count=\(sums.count)")
      fflush(nil)
    }
  }
}

/// A checksum that a dataflow's closures add to.
final class ChecksumBox {
  var value = Checksum()
}
