import Differential

/// A small generator for tests: the same seed gives the same histories everywhere.
struct TestGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return finalize(state)
  }
}

typealias Loop1 = Product<UInt32, UInt32>
typealias Loop2 = Product<Loop1, UInt32>

/// Collects every difference that a collection hands out.
final class Recorder<D: Record, T: Timestamp, R: Difference> {
  private(set) var updates: [Update<D, T, R>] = []

  init(_ collection: Multiset<D, T, R>) {
    _ = collection.inspect { [self] in updates.append($0) }
  }

  var consolidatedUpdates: [Update<D, T, R>] { consolidated(updates) }
}

/// The value of a trace at a time, by definition.
func accumulated<D: Record, T: Timestamp, R: Difference>(_ updates: [Update<D, T, R>], at time: T) -> [D: R] {
  var sums: [D: R] = [:]
  for update in updates where update.time.precedes(time) { sums[update.data, default: .zero] += update.difference }
  return sums.filter { $0.value != .zero }
}

/// All least upper bounds of sets of the times.
func closure<T: Timestamp>(_ times: Set<T>) -> Set<T> {
  var closed = times
  var grew = true
  while grew {
    let joins = Set(closed.flatMap { a in times.map { a.join($0) } })
    grew = !joins.isSubset(of: closed)
    closed.formUnion(joins)
  }
  return closed
}
