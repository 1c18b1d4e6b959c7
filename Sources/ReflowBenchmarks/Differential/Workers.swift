import Differential
import Glibc
import Synchronization

/// A barrier for a few threads that mostly arrive together: it spins a little and then gives the processor up.
final class SpinningBarrier: Sendable {
  private let count: Int
  private let arrived = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)

  init(count: Int) { self.count = count }

  func wait() {
    let mine = generation.load(ordering: .acquiring)
    if arrived.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == count {
      arrived.store(0, ordering: .relaxed)
      generation.wrappingAdd(1, ordering: .releasing)
      return
    }
    var spins = 0
    while generation.load(ordering: .acquiring) == mine {
      spins += 1
      if spins > 2_000 { sched_yield() }
    }
  }
}

/// Which worker of a team makes a workload, and what the workers share beside their dataflow.
struct WorkerSeat {
  let team: Team
  let worker: Int

  /// Whether a change, numbered from 0, is fed by this worker.
  @inline(__always) func feeds(_ number: Int) -> Bool { team.count == 1 || number % team.count == worker }
}

/// Runs a body on so many threads at once, the first being the caller's.
func onThreads(_ count: Int, _ body: @escaping @Sendable (WorkerSeat, SpinningBarrier) -> Void) {
  let barrier = SpinningBarrier(count: count)
  let team = Team(count: count, barrier: { barrier.wait() })
  var threads: [pthread_t] = []
  for worker in 1..<max(count, 1) {
    let start = Unmanaged.passRetained(ThreadStart { body(WorkerSeat(team: team, worker: worker), barrier) })
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 16 << 20)
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        Unmanaged<ThreadStart>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, start.toOpaque())
    precondition(status == 0, "a thread could not be started: error \(status)")
    threads.append(thread)
  }
  body(WorkerSeat(team: team, worker: 0), barrier)
  for thread in threads { pthread_join(thread, nil) }
}

private final class ThreadStart: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
