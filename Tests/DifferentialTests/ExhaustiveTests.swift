import Differential
import Testing

// All tiny histories at once: each is a key of its own in one dataflow, since what a keyed operator does for one key has nothing to
// do with the others. So thousands of histories cost one run, and they share batches as real keys do.

private typealias Tiny = Pair<UInt16, UInt8>

/// One change of a tiny history: what changes, when, and by how much.
private struct TinyChange {
  var time: Loop2
  var value: UInt8
  var difference: Int
}

/// Every multiset of up to `limit` of the changes.
private func histories(of choices: [TinyChange], limit: Int) -> [[TinyChange]] {
  var all: [[Int]] = [[]]
  var result: [[TinyChange]] = []
  for _ in 0..<limit {
    all = all.flatMap { history in ((history.last ?? 0)..<choices.count).map { history + [$0] } }
    result += all.map { $0.map { choices[$0] } }
  }
  return result
}

/// Changes at all times of two epochs and two loops of two rounds, of two values, up and down.
private let choices: [TinyChange] = {
  var result: [TinyChange] = []
  for epoch in 0..<2 as Range<UInt32> {
    for outer in 0..<2 as Range<UInt32> {
      for inner in 0..<2 as Range<UInt32> {
        for value in 0..<2 as Range<UInt8> {
          for difference in [1, -1] {
            let time = Product(Product(epoch, outer), inner)
            result.append(TinyChange(time: time, value: value, difference: difference))
          }
        }
      }
    }
  }
  return result
}()

private let allHistories = histories(of: choices, limit: 3)

/// Runs an operator on all histories, both epochs in one step or each in its own.
private func runAll<Out: Record>(
  together: Bool, _ body: (Multiset<Tiny, Loop2, Int>) -> Multiset<Out, Loop2, Int>
) -> [Update<Out, Loop2, Int>] {
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(Pair<Pair<UInt32, UInt32>, Tiny>.self)
  var recorder: Recorder<Out, Loop2, Int>?
  flow.root.loop { outer in
    let entered = records.enterAt(outer) { $0.first.first }
    outer.loop { inner in
      recorder = Recorder(body(entered.enterAt(inner) { $0.first.second }.map { $0.second }))
    }
  }
  for epoch in 0..<2 as Range<UInt32> {
    for (key, history) in allHistories.enumerated() {
      for change in history where change.time.epoch == epoch {
        input.update(
          Pair(Pair(change.time.outer.inner, change.time.inner), Pair(UInt16(key), change.value)), at: epoch,
          by: change.difference)
      }
    }
    guard !together || epoch == 1 else { continue }
    input.advance(to: epoch + 1)
    flow.step()
  }
  return recorder!.consolidatedUpdates
}

private let allUpdates: [Update<Tiny, Loop2, Int>] = allHistories.enumerated().flatMap { key, history in
  history.map { Update(Pair(UInt16(key), $0.value), $0.time, $0.difference) }
}

/// The first key on which two results differ, with its history: what a failure should show.
private func difference<Out: Record>(
  _ actual: [Update<Pair<UInt16, Out>, Loop2, Int>], _ expected: [Update<Pair<UInt16, Out>, Loop2, Int>]
) -> String? {
  guard actual != expected else { return nil }
  let a = Dictionary(grouping: actual, by: \.data.first)
  let b = Dictionary(grouping: expected, by: \.data.first)
  let key = Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.min()!
  return "\(allHistories[Int(key)]): \(a[key] ?? []), by definition \(b[key] ?? [])"
}

private struct Listing: Reduction {
  func reduce(_ key: UInt16, _ group: Group<UInt8, Int>, into results: inout Results<Int, Int>) {
    results.append(group.reduce(0) { $0 * 31 + Int($1.value) * 7 + $1.difference }, 1)
    results.append(group.count, group[0].difference)
  }
}

@Test(arguments: [true, false]) func reductionsKeepTheirDefinitionInAllTinyHistories(together: Bool) {
  #expect(allHistories.count == 32 + 528 + 5_984)
  let least = runAll(together: together) { $0.min() }
  #expect(difference(least, referenceReduce(allUpdates, by: LeastReduction<UInt16, UInt8>())) == nil)
  let greatest = runAll(together: together) { $0.max() }
  #expect(difference(greatest, referenceReduce(allUpdates, by: GreatestReduction<UInt16, UInt8>(count: 1))) == nil)
  let listed = runAll(together: together) { $0.arrangeByKey().reduce(by: Listing()) { Pair($0, $1) } }
  #expect(difference(listed, referenceReduce(allUpdates, by: Listing())) == nil)
}

@Test(arguments: [true, false]) func presenceKeepsItsDefinitionInAllTinyHistories(together: Bool) {
  let keys = allUpdates.map { Update(Pair($0.data.first, Unit()), $0.time, $0.difference) }
  let present = runAll(together: together) { $0.map { $0.first }.distinct().map { Pair($0, Unit()) } }
  #expect(difference(present, referenceReduce(keys, by: PresenceReduction<UInt16>())) == nil)
}

@Test(arguments: [true, false]) func joinsKeepTheirDefinitionInAllTinyHistories(together: Bool) {
  // Value 0 is the one side, value 1 the other.
  let joined = runAll(together: together) { records in
    records.filter { $0.second == 0 }.join(records.filter { $0.second == 1 }) { Pair($0, Pair($1, $2)) }
  }
  let left = allUpdates.filter { $0.data.second == 0 }
  let right = allUpdates.filter { $0.data.second == 1 }
  #expect(difference(joined, referenceJoin(left, right)) == nil)
}
