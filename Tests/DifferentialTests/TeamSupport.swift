import Differential
import Foundation

/// A barrier for tests: plain, and understood by the thread sanitizer.
private final class ConditionBarrier: @unchecked Sendable {
  // All state is read and written under the condition's lock.
  private let condition = NSCondition()
  private let count: Int
  private var arrived = 0
  private var generation = 0

  init(count: Int) { self.count = count }

  func wait() {
    condition.lock()
    defer { condition.unlock() }
    arrived += 1
    if arrived == count {
      arrived = 0
      generation += 1
      condition.broadcast()
      return
    }
    let mine = generation
    while generation == mine { condition.wait() }
  }
}

/// Results gathered from several threads.
private final class Gathered<Element: Sendable>: @unchecked Sendable {
  // Guarded by the lock.
  private let lock = NSLock()
  private var elements: [Element] = []
  func append(_ more: [Element]) {
    lock.lock()
    elements += more
    lock.unlock()
  }
  var all: [Element] {
    lock.lock()
    defer { lock.unlock() }
    return elements
  }
}

/// Runs a program at each worker of a team, on threads of their own but for one worker, and gives what all of them say.
///
/// - Parameter program: Is given this worker's dataflow, and its number; it says what came out there.
func gather<Element: Sendable>(
  workers: Int, _ program: @escaping @Sendable (Dataflow<UInt32>, Int) -> [Element]
) -> [Element] {
  guard workers > 1 else { return program(Dataflow<UInt32>(), 0) }
  let barrier = ConditionBarrier(count: workers)
  let team = Team(count: workers, barrier: { barrier.wait() })
  let gathered = Gathered<Element>()
  let finished = DispatchGroup()
  for worker in 0..<workers {
    finished.enter()
    let thread = Thread {
      gathered.append(program(Dataflow<UInt32>(team, worker: worker), worker))
      finished.leave()
    }
    thread.start()
  }
  finished.wait()
  return gathered.all
}
