import Differential
import Testing

/// Sees every value, so that any wrong group shows.
private struct Listing: Reduction {
  func reduce(_ key: UInt8, _ group: Group<UInt8, Int>, into results: inout Results<Int, Int>) {
    results.append(group.reduce(0) { $0 * 31 + Int($1.value) * 7 + $1.difference }, 1)
    results.append(group.count, group[0].difference)
  }
}
private let listing = Listing()

private func flat(_ history: [Change]) -> [Update<KeyValue, UInt32, Int>] {
  history.map { Update(Pair($0.key, $0.value), $0.epoch, $0.difference) }
}

private func checkNested(_ history: [Change], _ steps: [UInt32]) {
  let input = history.map(\.update)
  let all = runNested(history, stepsEndingAt: steps) { $0.arrangeByKey().reduce(by: listing) { Pair($0, $1) } }
  #expect(all == referenceReduce(input, by: listing), "\(history) \(steps)")
  let least = runNested(history, stepsEndingAt: steps) { $0.min() }
  #expect(least == referenceReduce(input, by: LeastReduction<UInt8, UInt8>()), "\(history) \(steps)")
  let greatest = runNested(history, stepsEndingAt: steps) { $0.top(2) }
  #expect(greatest == referenceReduce(input, by: GreatestReduction<UInt8, UInt8>(count: 2)), "\(history) \(steps)")
}

private func checkFlat(_ history: [Change], _ steps: [UInt32]) {
  let input = flat(history)
  let all = runFlat(history, stepsEndingAt: steps) { $0.arrangeByKey().reduce(by: listing) { Pair($0, $1) } }
  #expect(all == referenceReduce(input, by: listing), "\(history) \(steps)")
  let exact = runFlat(history, stepsEndingAt: steps) { $0.arrangeByKey().reduceArranged(by: listing).asCollection() }
  #expect(exact == all, "the exact algorithm gives what the fast one gives: \(history) \(steps)")
  let least = runFlat(history, stepsEndingAt: steps) { $0.min() }
  #expect(least == referenceReduce(input, by: LeastReduction<UInt8, UInt8>()), "\(history) \(steps)")
  let greatest = runFlat(history, stepsEndingAt: steps) { $0.top(2) }
  #expect(greatest == referenceReduce(input, by: GreatestReduction<UInt8, UInt8>(count: 2)), "\(history) \(steps)")
}

/// A count as a reduction, for the reference.
private struct Counting: Reduction {
  func reduce(_ key: KeyValue, _ group: Group<Unit, Int>, into results: inout Results<Int, Int>) {
    results.append(group[0].difference, 1)
  }
}
private let counting = Counting()

private struct Distinguishing: Reduction {
  func reduce(_ key: KeyValue, _ group: Group<Unit, Int>, into results: inout Results<Unit, Int>) {
    if group[0].difference > 0 { results.append(Unit(), 1) }
  }
}
private let distinguishing = Distinguishing()

private func keysOnly<T: Timestamp>(_ updates: [Update<KeyValue, T, Int>]) -> [Update<Pair<KeyValue, Unit>, T, Int>] {
  updates.map { Update(Pair($0.data, Unit()), $0.time, $0.difference) }
}

private func checkCounts(_ history: [Change], _ steps: [UInt32]) {
  let nested = keysOnly(history.map(\.update))
  #expect(runNested(history, stepsEndingAt: steps) { $0.count() } == referenceReduce(nested, by: counting))
  #expect(
    runNested(history, stepsEndingAt: steps) { $0.distinct().map { Pair($0, Unit()) } }
      == referenceReduce(nested, by: distinguishing), "\(history) \(steps)")
  let flat = keysOnly(flat(history))
  #expect(runFlat(history, stepsEndingAt: steps) { $0.count() } == referenceReduce(flat, by: counting))
  #expect(
    runFlat(history, stepsEndingAt: steps) { $0.distinct().map { Pair($0, Unit()) } }
      == referenceReduce(flat, by: distinguishing), "\(history) \(steps)")
}

private func checkJoin(_ history: [Change], _ steps: [UInt32]) {
  // The values below 2 on one side, the others on the other.
  let small = history.filter { $0.value < 2 }.map(\.update)
  let large = history.filter { $0.value >= 2 }.map(\.update)
  let joined = runNested(history, stepsEndingAt: steps) { records in
    records.filter { $0.second < 2 }.join(records.filter { $0.second >= 2 }) { Pair($0, Pair($1, $2)) }
  }
  #expect(joined == referenceJoin(small, large), "\(history) \(steps)")
  let shared = runNested(history, stepsEndingAt: steps) { records in
    let arranged = records.arrangeByKey()
    return arranged.join(arranged) { Pair($0, Pair($1, $2)) }
  }
  #expect(shared == referenceJoin(history.map(\.update), history.map(\.update)), "\(history) \(steps)")
}

@Test(arguments: 0..<60) func operatorsKeepTheirDefinitionAtEveryTimeOfRandomHistories(seed: UInt64) {
  var generator = TestGenerator(seed: seed)
  let epochs = UInt32.random(in: 1...5, using: &generator)
  let history = randomHistory(
    &generator, epochs: epochs, rounds: .random(in: 1...4, using: &generator),
    changes: .random(in: 1...24, using: &generator))
  let steps = randomSteps(&generator, epochs: epochs)
  checkNested(history, steps)
  checkFlat(history, steps)
  checkCounts(history, steps)
  checkJoin(history, steps)
}

@Test func manyKeysAndManyBatchesAgreeWithTheDefinition() {
  var generator = TestGenerator(seed: 7)
  let flow = Dataflow<UInt32>()
  let (input, pairs) = flow.input(Pair<UInt16, UInt16>.self)
  let least = Recorder(pairs.min())
  let counts = Recorder(pairs.map { $0.first }.count())
  let arranged = pairs.arrangeByKey()
  var present: [Pair<UInt16, UInt16>] = []
  for epoch in 1...60 as ClosedRange<UInt32> {
    for _ in 0..<Int.random(in: 1...400, using: &generator) {
      if present.count > 500, Bool.random(using: &generator) {
        input.remove(present.swapRemove(Int.random(in: 0..<present.count, using: &generator)))
      } else {
        let pair = Pair(UInt16.random(in: 0..<900, using: &generator), UInt16.random(in: 0..<50, using: &generator))
        present.append(pair)
        input.insert(pair)
      }
    }
    input.advance(to: epoch)
    flow.step()
    if epoch % 20 == 0 {
      let groups = Dictionary(grouping: present, by: \.first)
      #expect(
        accumulated(least.updates, at: epoch)
          == Dictionary(uniqueKeysWithValues: groups.map { (Pair($0.key, $0.value.map(\.second).min()!), 1) }))
      #expect(
        accumulated(counts.updates, at: epoch)
          == Dictionary(uniqueKeysWithValues: groups.map { (Pair($0.key, $0.value.count), 1) }))
    }
  }
  #expect(arranged.heldUpdates < 3 * present.count + 3000, "what cancels is not kept")
}

extension Array {
  /// Takes an element out, putting the last in its place.
  mutating func swapRemove(_ index: Int) -> Element {
    swapAt(index, count - 1)
    return removeLast()
  }
}

@Test func sumsFollowTheirValues() {
  let flow = Dataflow<UInt32>()
  let (input, pairs) = flow.input(Pair<UInt8, Int>.self)
  let sums = Recorder(pairs.sum())
  input.insert(Pair(1, 5))
  input.insert(Pair(1, -5))
  input.insert(Pair(2, 7))
  input.advance(to: 1)
  flow.step()
  input.remove(Pair(2, 7))
  input.insert(Pair(1, 3))
  input.advance(to: 2)
  flow.step()
  #expect(accumulated(sums.updates, at: 0) == [Pair(1, 0): 1, Pair(2, 7): 1])
  #expect(accumulated(sums.updates, at: 1) == [Pair(1, 3): 1])
}

@Test func semijoinKeepsAndAntijoinDropsTheGivenKeys() {
  let flow = Dataflow<UInt32>()
  let (pairs, records) = flow.input(KeyValue.self)
  let (keys, chosen) = flow.input(UInt8.self)
  let kept = Recorder(records.semijoin(chosen))
  let dropped = Recorder(records.antijoin(chosen))
  pairs.insert(Pair(1, 1))
  pairs.insert(Pair(2, 2))
  keys.insert(1)
  pairs.advance(to: 1)
  keys.advance(to: 1)
  flow.step()
  keys.remove(1)
  keys.insert(2)
  pairs.advance(to: 2)
  keys.advance(to: 2)
  flow.step()
  #expect(accumulated(kept.updates, at: 0) == [Pair(1, 1): 1])
  #expect(accumulated(dropped.updates, at: 0) == [Pair(2, 2): 1])
  #expect(accumulated(kept.updates, at: 1) == [Pair(2, 2): 1])
  #expect(accumulated(dropped.updates, at: 1) == [Pair(1, 1): 1])
}

@Test func delayedRecordsAppearAtTheirLaterEpochAlone() {
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(UInt8.self)
  let counts = Recorder(records.delay { record, time in time + UInt32(record) }.count())
  input.insert(3)
  input.insert(0)
  input.advance(to: 1)
  flow.step()
  #expect(counts.consolidatedUpdates == [Update(Pair(0, 1), 0, 1)])
  input.advance(to: 3)
  flow.step()
  #expect(counts.updates.count == 1)
  input.advance(to: 4)
  flow.step()
  #expect(counts.consolidatedUpdates == [Update(Pair(0, 1), 0, 1), Update(Pair(3, 1), 3, 1)])
}

@Test func whatIsAddedUpAsItComesWaitsOnceForEachRecord() {
  let flow = Dataflow<UInt32>()
  let (numbers, records) = flow.input(UInt64.self)
  let (others, plain) = flow.input(UInt64.self)
  let counts = records.arrangeBySelf(combines: true).asCollection { key, _ in key }.contents()
  let sums = plain.arrangeBySelf().asCollection { key, _ in key }.contents()
  for number in 0..<10_000 as Range<UInt64> {
    numbers.update(number % 7, by: number % 50 == 0 ? 3 : 1)
    others.update(number % 7, by: 1)
  }
  #expect(flow.waitingUpdates == 7 + 10_000)
  numbers.advance(to: 1)
  others.advance(to: 1)
  flow.step()
  #expect(flow.waitingUpdates == 0)
  #expect(counts.records.values.reduce(0, +) == 10_400)
  #expect(sums.records.values.reduce(0, +) == 10_000)
}
