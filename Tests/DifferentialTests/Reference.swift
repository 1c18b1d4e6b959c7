import Differential

/// One change of a test history: a pair at an epoch and, in two nested loops, at a round of each.
struct Change: Equatable, CustomStringConvertible {
  var epoch: UInt32
  var outer: UInt32
  var inner: UInt32
  var key: UInt8
  var value: UInt8
  var difference: Int

  var time: Loop2 { Product(Product(epoch, outer), inner) }
  var update: Update<KeyValue, Loop2, Int> { Update(Pair(key, value), time, difference) }
  var description: String { "(\(key),\(value))@\(epoch).\(outer).\(inner)\(difference < 0 ? "" : "+")\(difference)" }
}

typealias KeyValue = Pair<UInt8, UInt8>

/// The reduction by its definition: at every join of times of a key, what the function says of the group there, less
/// what was said at the times that precede. Same signature as the engine's, but from updates to updates.
func referenceReduce<R: Reduction, T: Timestamp>(
  _ updates: [Update<Pair<R.Key, R.Value>, T, R.Diff>], by reduction: R
) -> [Update<Pair<R.Key, R.Output>, T, R.OutDiff>] {
  var result: [Update<Pair<R.Key, R.Output>, T, R.OutDiff>] = []
  for (key, own) in Dictionary(grouping: updates, by: \.data.first).sorted(by: { $0.key < $1.key }) {
    var said: [Update<Pair<R.Key, R.Output>, T, R.OutDiff>] = []
    for time in closure(Set(own.map(\.time))).sorted() {
      let group = accumulated(own, at: time).map { Counted($0.key.second, $0.value) }.sorted { $0.value < $1.value }
      var now: [R.Output: R.OutDiff] = [:]
      if !group.isEmpty {
        var results = Results<R.Output, R.OutDiff>()
        group.withUnsafeBufferPointer { reduction.reduce(key, Group($0), into: &results) }
        for result in results.contents { now[result.value, default: .zero] += result.difference }
        results.deallocate()
      }
      for (data, difference) in accumulated(said, at: time) { now[data.second, default: .zero] -= difference }
      for (output, difference) in now where difference != .zero {
        said.append(Update(Pair(key, output), time, difference))
      }
    }
    result += said
  }
  return consolidated(result)
}

/// The join by its definition: every pair of updates, at the least upper bound of their times.
func referenceJoin<K: Record, V: Record, W: Record, T: Timestamp>(
  _ left: [Update<Pair<K, V>, T, Int>], _ right: [Update<Pair<K, W>, T, Int>]
) -> [Update<Pair<K, Pair<V, W>>, T, Int>] {
  let others = Dictionary(grouping: right, by: \.data.first)
  return consolidated(
    left.flatMap { a in
      (others[a.data.first] ?? []).map { b in
        Update(
          Pair(a.data.first, Pair(a.data.second, b.data.second)), a.time.join(b.time), a.difference * b.difference)
      }
    })
}

/// Runs an operator on a history inside two nested loops, in steps that end at the given epochs.
func runNested<Out: Record>(
  _ history: [Change], stepsEndingAt ends: [UInt32],
  _ body: (Multiset<KeyValue, Loop2, Int>) -> Multiset<Out, Loop2, Int>
) -> [Update<Out, Loop2, Int>] {
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(Pair<Pair<UInt32, UInt32>, KeyValue>.self)
  var recorder: Recorder<Out, Loop2, Int>?
  flow.root.loop { outer in
    let entered = records.enterAt(outer) { $0.first.first }
    outer.loop { inner in
      recorder = Recorder(body(entered.enterAt(inner) { $0.first.second }.map { $0.second }))
    }
  }
  feed(input, history, ends) {
    Pair(Pair($0.outer, $0.inner), Pair($0.key, $0.value))
  } step: {
    flow.step()
  }
  return recorder!.consolidatedUpdates
}

/// Runs an operator on a history without loops; rounds are ignored.
func runFlat<Out: Record>(
  _ history: [Change], stepsEndingAt ends: [UInt32],
  _ body: (Multiset<KeyValue, UInt32, Int>) -> Multiset<Out, UInt32, Int>
) -> [Update<Out, UInt32, Int>] {
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(KeyValue.self)
  let recorder = Recorder(body(records))
  feed(input, history, ends) {
    Pair($0.key, $0.value)
  } step: {
    flow.step()
  }
  return recorder.consolidatedUpdates
}

private func feed<D: Record>(
  _ input: Input<D, UInt32, Int>, _ history: [Change], _ ends: [UInt32], _ record: (Change) -> D, step: () -> Void
) {
  var start: UInt32 = 0
  for end in ends {
    for change in history where change.epoch >= start && change.epoch < end {
      input.update(record(change), at: change.epoch, by: change.difference)
    }
    input.advance(to: end)
    step()
    start = end
  }
}

/// A random history over few keys, values and rounds, so that much of it collides.
func randomHistory(_ generator: inout TestGenerator, epochs: UInt32, rounds: UInt32, changes: Int) -> [Change] {
  (0..<changes).map { _ in
    Change(
      epoch: .random(in: 0..<epochs, using: &generator), outer: .random(in: 0..<rounds, using: &generator),
      inner: .random(in: 0..<rounds, using: &generator), key: .random(in: 0..<3, using: &generator),
      value: .random(in: 0..<4, using: &generator), difference: [-2, -1, 1, 1, 2].randomElement(using: &generator)!)
  }
}

/// Random places to step: each epoch ends a step or is worked off together with the next.
func randomSteps(_ generator: inout TestGenerator, epochs: UInt32) -> [UInt32] {
  (1..<epochs).filter { _ in Bool.random(using: &generator) } + [epochs]
}
