import Differential
import Testing

// Compaction and merging must change no answer. These histories are long enough for merges that are done in pieces, and readers
// take hold of epochs and let go of them at random moments.

private typealias Entry = Pair<UInt16, UInt8>

/// A history of so many epochs: what each changes, and at which round of a loop.
private func longHistory(seed: UInt64, epochs: Int, changes: Int) -> [[(entry: Entry, round: UInt32, difference: Int)]]
{
  var generator = TestGenerator(seed: seed)
  return (0..<epochs).map { _ in
    (0..<changes).map { _ in
      (
        Pair(.random(in: 0..<300, using: &generator), .random(in: 0..<3, using: &generator)),
        .random(in: 0..<3, using: &generator), Bool.random(using: &generator) ? 1 : -1
      )
    }
  }
}

@Test(arguments: 0..<3 as Range<UInt64>) func readersThatHoldEpochsAtRandomSeeEveryAnswerThere(seed: UInt64) {
  let history = longHistory(seed: seed, epochs: 60, changes: 120)
  var generator = TestGenerator(seed: seed + 100)
  let flow = Dataflow<UInt32>()
  let (input, entries) = flow.input(Pair<UInt32, Entry>.self)
  let arranged = flow.root.loop { loop in entries.enterAt(loop) { $0.first }.map { $0.second }.arrangeByKey() }
  var readers: [History<UInt16, UInt8, Loop1, Int>] = []
  var updates: [UInt16: [Update<UInt8, Loop1, Int>]] = [:]
  for (epoch, changes) in history.enumerated() {
    for change in changes {
      input.update(Pair(change.round, change.entry), by: change.difference)
      updates[change.entry.first, default: []]
        .append(Update(change.entry.second, Product(UInt32(epoch), change.round), change.difference))
    }
    input.advance(to: UInt32(epoch + 1))
    // A step that is interrupted at random, so that compaction happens half-way too.
    while !flow.step(while: { Bool.random(using: &generator) }) {}
    switch Int.random(in: 0..<4, using: &generator) {
    case 0 where readers.count < 4: readers.append(arranged.history())
    case 1 where !readers.isEmpty: readers.remove(at: Int.random(in: 0..<readers.count, using: &generator))
    case 2 where !readers.isEmpty:
      let reader = readers[Int.random(in: 0..<readers.count, using: &generator)]
      reader.advance(to: UInt32.random(in: reader.since...UInt32(epoch + 1), using: &generator))
    default: break
    }
    for reader in readers where reader.since <= UInt32(epoch) {
      for _ in 0..<4 {
        let key = UInt16.random(in: 0..<300, using: &generator)
        let time = Product(
          UInt32.random(in: reader.since...UInt32(epoch), using: &generator),
          UInt32.random(in: 0..<3, using: &generator))
        let expected = accumulated(updates[key] ?? [], at: time)
        let actual = reader.values(of: key, at: time)
        #expect(Dictionary(uniqueKeysWithValues: actual.map { ($0.value, $0.difference) }) == expected)
        #expect(actual.map(\.value) == expected.keys.sorted())
      }
    }
  }
}

@Test(arguments: 0..<2 as Range<UInt64>) func operatorsInLoopsAreRightWhileMergesAreUnderWay(seed: UInt64) {
  let history = longHistory(seed: seed + 7, epochs: 40, changes: 150)
  let flow = Dataflow<UInt32>()
  let (input, entries) = flow.input(Pair<UInt32, Entry>.self)
  var least: Recorder<Entry, Loop1, Int>?
  var joined: Recorder<Pair<UInt16, Pair<UInt8, UInt8>>, Loop1, Int>?
  flow.root.loop { loop in
    let entered = entries.enterAt(loop) { $0.first }.map { $0.second }
    let arranged = entered.arrangeByKey()
    least = Recorder(arranged.reduceArranged(by: LeastReduction()).asCollection())
    joined = Recorder(arranged.join(entered.distinct().arrangeByKey()) { Pair($0, Pair($1, $2)) })
  }
  var updates: [Update<Entry, Loop1, Int>] = []
  for (epoch, changes) in history.enumerated() {
    for change in changes {
      input.update(Pair(change.round, change.entry), by: change.difference)
      updates.append(Update(change.entry, Product(UInt32(epoch), change.round), change.difference))
    }
    input.advance(to: UInt32(epoch + 1))
    flow.step()
  }
  for time in [Product(0, 2), Product(13, 0), Product(26, 1), Product(39, 2)] as [Loop1] {
    let now = accumulated(updates, at: time)
    let present = now.filter { $0.value > 0 }.keys
    let groups = Dictionary(grouping: present, by: \.first)
    #expect(
      accumulated(least!.updates, at: time)
        == Dictionary(uniqueKeysWithValues: groups.map { (Pair($0.key, $0.value.map(\.second).min()!), 1) }))
    var pairs: [Pair<UInt16, Pair<UInt8, UInt8>>: Int] = [:]
    for (entry, count) in now {
      for other in groups[entry.first] ?? [] {
        pairs[Pair(entry.first, Pair(entry.second, other.second)), default: 0] += count
      }
    }
    #expect(accumulated(joined!.updates, at: time) == pairs)
  }
}

/// A known error of other engines: a batch is on its way to a join when the trace it also went into is compacted, and what cancels there
/// is never matched. The updates must be matched at the times that they have.
@Test func whatCancelsBeforeAJoinSeesItIsJoinedAllTheSame() {
  let flow = Dataflow<UInt32>()
  let (left, leftPairs) = flow.input(KeyValue.self)
  let (right, rightPairs) = flow.input(KeyValue.self)
  let arranged = leftPairs.arrangeByKey()
  let joined = Recorder(arranged.join(rightPairs.arrangeByKey()) { Pair($0, Pair($1, $2)) })
  right.insert(Pair(1, 9))
  right.advance(to: 1)
  left.advance(to: 1)
  flow.step()
  // There and gone again within one step, in which nothing runs but one operator at a time.
  left.update(Pair(1, 5), at: 1, by: 1)
  left.update(Pair(1, 5), at: 2, by: -1)
  left.advance(to: 4)
  right.advance(to: 4)
  var allowed = 1
  while !flow.step(while: {
    allowed -= 1
    return allowed >= 0
  }) {
    allowed = 1
    // More arrives while the step is interrupted.
    left.update(Pair(1, 6), at: 4, by: 1)
    left.flush()
    left.update(Pair(1, 6), at: 4, by: -1)
    left.flush()
  }
  let result: Pair<UInt8, KeyValue> = Pair(1, Pair(5, 9))
  #expect(joined.consolidatedUpdates == [Update(result, 1, 1), Update(result, 2, -1)])
  // The next batch is as large and merged with it, and then nobody can tell the two times apart.
  for value in 1...3 as ClosedRange<UInt8> { left.update(Pair(2, value), at: 4, by: 1) }
  left.advance(to: 9)
  right.advance(to: 9)
  flow.step()
  #expect(joined.consolidatedUpdates == [Update(result, 1, 1), Update(result, 2, -1)])
  #expect(arranged.heldUpdates == 3, "what cancels is not kept")
}

@Test func batchesThatCancelAltogetherMakeRoomForLargerOnes() {
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(UInt32.self)
  let arranged = records.arrangeBySelf()
  // Two rows, then one that takes back both, then a batch larger than each.
  input.update(1, at: 0, by: 1)
  input.update(1, at: 1, by: 1)
  input.advance(to: 2)
  flow.step()
  input.update(1, by: -2)
  input.advance(to: 3)
  flow.step()
  for record in 5..<15 as Range<UInt32> { input.insert(record) }
  input.advance(to: 4)
  flow.step()
  input.insert(20)
  input.advance(to: 5)
  flow.step()
  #expect(arranged.heldUpdates == 11)
}

/// Another known error: the cheap form of `distinct` keeps a key whose count comes back to zero.
@Test func aKeyWhoseCountComesBackToZeroIsGone() {
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(UInt32.self)
  let present = Recorder(records.distinct())
  let always = Recorder(records.threshold { _, _ in 1 })
  input.insert(7)
  input.advance(to: 1)
  flow.step()
  input.remove(7)
  input.advance(to: 2)
  flow.step()
  #expect(present.consolidatedUpdates == [Update(7, 0, 1), Update(7, 1, -1)])
  #expect(always.consolidatedUpdates == [Update(7, 0, 1), Update(7, 1, -1)])
}
