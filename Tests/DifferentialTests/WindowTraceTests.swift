import Testing

@testable import Differential

/// Rows of one word as key and one as value, which come and go.
private final class Stream {
  let flow = Dataflow<UInt32>()
  let input: Input<Pair<Words, Words>, UInt32, Int>
  private let pairs: Multiset<Pair<Words, Words>, UInt32, Int>
  private var epoch: UInt32 = 0

  init() { (input, pairs) = flow.input(Pair<Words, Words>.self) }

  func arranged() -> Arrangement<Words, Words, Int, SameTime<UInt32>> { pairs.arrangeByKey() }

  func change(_ key: UInt64, _ value: UInt64, by difference: Int) {
    withUnsafePointer(to: key) { key in
      withUnsafePointer(to: value) { value in
        input.update(Pair(Words(key, count: 1), Words(value, count: 1)), by: difference)
      }
    }
  }

  func step() {
    epoch += 1
    input.advance(to: epoch)
    flow.step()
  }
}

@Test func theTraceOfAWindowIsHeldOneAndAHalfTimes() {
  let stream = Stream()
  let arranged = (0..<3).map { _ in stream.arranged() }
  let (window, step) = (UInt64(17_000), UInt64(850))
  // Keys are spread, so that what comes and what goes lie between each other.
  func change(_ number: UInt64, by difference: Int) {
    stream.change(number &* 0x9E37_79B9 % 32_749, number, by: difference)
  }
  for number in 0..<window { change(number, by: 1) }
  stream.step()
  let (rows, bytes) = (stream.flow.heldUpdates, stream.flow.heldBytes)
  #expect(rows == 3 * Int(window))
  var (mostRows, mostBytes) = (0, 0)
  for round in 0..<50 as Range<UInt64> {
    for number in round * step..<(round + 1) * step {
      change(number + window, by: 1)
      change(number, by: -1)
    }
    stream.step()
    mostRows = max(mostRows, stream.flow.heldUpdates)
    mostBytes = max(mostBytes, stream.flow.heldBytes)
  }
  // The day has gone by twice and a half. Half a window more, and what comes while traces wait for their turn.
  #expect(mostRows < 2 * rows, "\(mostRows) of \(rows) rows")
  // Beside them what one merge has made, with differences that are not all alike.
  #expect(mostBytes < 3 * bytes, "\(mostBytes) of \(bytes) bytes")
  #expect(
    arranged.allSatisfy { $0.movedUpdates < 12 * 50 * Int(step) }, "upkeep is in proportion to what comes and goes")
}

@Test func largeMergesTakeTurns() {
  let stream = Stream()
  let arranged = (0..<4).map { _ in stream.arranged() }
  let (window, step) = (UInt64(16_500), UInt64(750))
  for number in 0..<window { stream.change(number, 0, by: 1) }
  stream.step()
  var turns = 0
  for round in 0..<24 as Range<UInt64> {
    for number in round * step..<(round + 1) * step {
      stream.change(number + window, 0, by: 1)
      stream.change(number, 0, by: -1)
    }
    stream.step()
    let large = arranged.reduce(0) { sum, arrangement in
      sum + arrangement.hub.spine.slots.count { $0.merge != nil && $0.older.rowCount >= window / 2 }
    }
    #expect(large <= 1, "round \(round)")
    turns += large
  }
  #expect(turns > 0, "or there is nothing to show")
  for arrangement in arranged {
    #expect(arrangement.hub.spine.insertedRows > Int(window))
    var sum = 0
    arrangement.review().goOn(.max) { _, _, difference in sum += difference }
    #expect(sum == Int(window))
  }
}

@Test(arguments: 0..<8) func whatIsShownInARoundIsAllThatTracesHoldAtItsEnd(_ seed: UInt64) {
  var generator = TestGenerator(seed: seed)
  let stream = Stream()
  let arranged = stream.arranged()
  _ = stream.arranged().reduceArranged(by: LeastReduction())
  var live: [(UInt64, UInt64)] = []
  var rounds = 0
  var round: UInt32 = 1
  var shown: Set<UInt64> = []
  for step in 0..<400 as Range<UInt64> {
    for number in 0..<(1 + generator.next() % 60) {
      let pair = (generator.next() % 200, 1_000 + step * 100 + number)
      live.append(pair)
      stream.change(pair.0, pair.1, by: 1)
    }
    while live.count > 300 {
      let gone = live.remove(at: Int(generator.next() % UInt64(live.count)))
      stream.change(gone.0, gone.1, by: -1)
    }
    stream.step()
    var budget = 1 + Int(generator.next() % (seed % 2 == 0 ? 12_000 : 40_000))
    guard
      stream.flow.showContents(
        inRound: round, atMost: &budget, { shown.formUnion($0.bindMemory(to: UInt64.self)) })
    else { continue }
    var held: Set<UInt64> = []
    arranged.review().goOn(.max) { key, value, _ in held.formUnion([key[0], value[0]]) }
    #expect(held.isSubset(of: shown))
    #expect(Set(live.flatMap { [$0.0, $0.1] }).isSubset(of: held))
    #expect(shown.count < 20_000, "what went long ago is not shown")
    rounds += 1
    round += 1
    shown = []
  }
  #expect(rounds > 3)
}

@Test func aReviewGoesOverWhatWasThereThoughMoreComes() {
  let stream = Stream()
  let arranged = stream.arranged()
  for number in 0..<3_000 as Range<UInt64> {
    stream.change(number % 700, number, by: 1)
    if number % 100 == 99 { stream.step() }
  }
  let review = arranged.review()
  var seen: [UInt64: Int] = [:]
  var steps: UInt64 = 0
  while !review.isDone {
    review.goOn(200) { _, value, difference in seen[value[0], default: 0] += difference }
    for number in 0..<100 as Range<UInt64> { stream.change(number, steps * 100 + number, by: number % 2 == 0 ? -1 : 1) }
    stream.step()
    steps += 1
  }
  #expect(seen.count == 3_000)
  #expect(seen.values.allSatisfy { $0 == 1 })
  #expect(steps > 5)
}
