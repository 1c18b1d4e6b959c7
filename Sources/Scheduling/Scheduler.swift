package import BuildGraph

/// A place where steps run, and how much of it there is.
package struct Pool: Hashable, Sendable {
  package var name: String
  /// How many steps at a time.
  package var jobs: Int
  /// Cores.
  package var cpu: Double
  /// Bytes.
  package var memory: Int64

  package init(name: String, jobs: Int, cpu: Double, memory: Int64) {
    self.name = name
    self.jobs = jobs
    self.cpu = cpu
    self.memory = memory
  }
}

/// Chooses which step runs next, and where.
///
/// Steps at the head of the longest chain go first, equal ones in the order of the program. A step that does not fit now is
/// passed over for smaller ones, but only so often: then its pool is kept free until it fits, so that nothing starves.
package struct Scheduler: ~Copyable {
  private struct Entry {
    var step: StepID
    var rank: Double
    var cpu: Double
    var memory: Int64
  }

  private struct Running {
    var pool: Int
    var cpu: Double
    var memory: Int64
  }

  /// What a step that does not say takes of its pool.
  private static let defaultCPU = 1.0
  /// How often the first in line is passed over before its pool is kept free for it.
  private static let patience = 32
  /// How many entries behind one that does not fit are tried: a bound on the work of each choice.
  private static let reach = 64

  private let pools: [Pool]
  private var free: [Pool]
  /// A binary heap: the entry to start first on top.
  private var heap: [Entry] = []
  private var running: [StepID: Running] = [:]
  private var passedOver: (step: StepID, times: Int)?

  /// - Precondition: there is a pool.
  package init(pools: [Pool]) {
    precondition(!pools.isEmpty, "a scheduler without pools can run nothing")
    self.pools = pools
    free = pools
  }

  package var runningCount: Int { running.count }
  /// Whether steps wait to be started.
  package var hasWaiting: Bool { !heap.isEmpty }

  /// Why no pool could ever run a step that asks for this; nil if one can.
  package func refusal(of resources: Resources) -> String? {
    let cpu = resources.cpu ?? Self.defaultCPU
    let memory = resources.memory ?? 0
    if pools.contains(where: { cpu <= $0.cpu && memory <= $0.memory }) { return nil }
    let most = pools.map(\.cpu).max() ?? 0
    if cpu > most { return "it asks for \(Self.display(cpu)) cpus, and there are \(Self.display(most))" }
    let largest = pools.map(\.memory).max() ?? 0
    if memory > largest {
      return "it asks for \(Self.mebibytes(memory)) MiB of memory, and there are \(Self.mebibytes(largest))"
    }
    return "no pool has both the \(Self.display(cpu)) cpus and the \(Self.mebibytes(memory)) MiB that it asks for"
  }

  private static func display(_ cpu: Double) -> String {
    cpu == cpu.rounded() && cpu < 1e9 ? "\(Int(cpu))" : "\(cpu)"
  }

  private static func mebibytes(_ bytes: Int64) -> Int64 { bytes >> 20 }

  /// - Parameter rank: how long a chain of work waits for the step, itself included.
  /// - Complexity: O(log waiting).
  package mutating func submit(_ step: StepID, _ resources: Resources, rank: Double) {
    heap.append(
      Entry(step: step, rank: rank, cpu: resources.cpu ?? Self.defaultCPU, memory: resources.memory ?? 0))
    siftUp(heap.count - 1)
  }

  /// Takes back a step that has not been started.
  ///
  /// - Complexity: O(waiting); rare.
  package mutating func withdraw(_ step: StepID) {
    guard let index = heap.firstIndex(where: { $0.step == step }) else { return }
    heap.remove(at: index)
    for position in stride(from: heap.count / 2, through: 0, by: -1) where position < heap.count { siftDown(position) }
  }

  /// The step to start now, if there is room for one; its room is taken until ``finished(_:)``.
  ///
  /// - Complexity: O(log waiting), times a constant where steps do not fit.
  package mutating func next() -> StepID? {
    var skipped: [Entry] = []
    defer {
      for entry in skipped {
        heap.append(entry)
        siftUp(heap.count - 1)
      }
    }
    while let entry = pop() {
      if let pool = free.indices.first(where: { fits(entry, free[$0]) }) {
        if let first = skipped.first {
          let times = passedOver?.step == first.step ? passedOver!.times : 0
          guard times < Self.patience else {
            skipped.append(entry)
            return nil
          }
          passedOver = (first.step, times + 1)
        } else if passedOver?.step == entry.step {
          passedOver = nil
        }
        take(entry, pool)
        return entry.step
      }
      skipped.append(entry)
      if skipped.count >= Self.reach || free.allSatisfy({ $0.jobs == 0 }) { return nil }
    }
    return nil
  }

  private func fits(_ entry: Entry, _ pool: Pool) -> Bool {
    // Sums of fractions of a core come out a hair above the whole.
    pool.jobs > 0 && entry.cpu <= pool.cpu + 1e-9 && entry.memory <= pool.memory
  }

  private mutating func take(_ entry: Entry, _ pool: Int) {
    free[pool].jobs -= 1
    free[pool].cpu -= entry.cpu
    free[pool].memory -= entry.memory
    running[entry.step] = Running(pool: pool, cpu: entry.cpu, memory: entry.memory)
  }

  /// Gives back the room of a step that was started.
  package mutating func finished(_ step: StepID) {
    guard let entry = running.removeValue(forKey: step) else { return }
    free[entry.pool].jobs += 1
    free[entry.pool].cpu += entry.cpu
    free[entry.pool].memory += entry.memory
  }

  // MARK: Heap

  private func precedes(_ a: Entry, _ b: Entry) -> Bool {
    a.rank != b.rank ? a.rank > b.rank : a.step < b.step
  }

  private mutating func pop() -> Entry? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      siftDown(0)
    }
    return top
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard precedes(heap[index], heap[parent]) else { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var first = index
      for child in (2 * index + 1)...(2 * index + 2) where child < heap.count && precedes(heap[child], heap[first]) {
        first = child
      }
      if first == index { return }
      heap.swapAt(index, first)
      index = first
    }
  }
}
