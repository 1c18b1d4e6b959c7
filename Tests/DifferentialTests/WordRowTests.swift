import Differential
import Testing

/// Changes of rows of words, over epochs; many are equal, and some cancel.
private func history(
  seed: UInt64, keyWidth: Int, valueWidth: Int
) -> [[(key: [UInt64], value: [UInt64], difference: Int)]] {
  var generator = TestGenerator(seed: seed)
  func words(_ count: Int) -> [UInt64] {
    (0..<count).map { _ in [0, 1, 2, 1 << 40, .max].randomElement(using: &generator)! }
  }
  return (0..<8).map { epoch in
    (0..<[0, 10, 200, 700].randomElement(using: &generator)!).map { _ in
      (words(keyWidth), words(valueWidth), Int.random(in: -1...(epoch == 0 ? 1 : 2), using: &generator))
    }
  }
}

/// The sums of all differences up to each epoch, by a dictionary.
private func sums(
  _ history: [[(key: [UInt64], value: [UInt64], difference: Int)]]
) -> [[[UInt64]: Int]] {
  var sums: [[UInt64]: Int] = [:]
  return history.map { changes in
    for change in changes {
      let sum = sums[change.key + change.value, default: 0] + change.difference
      sums[change.key + change.value] = sum == 0 ? nil : sum
    }
    return sums
  }
}

/// What has come out so far, added up.
private final class Sums {
  private(set) var all: [[UInt64]: Int] = [:]

  func add(_ row: [UInt64], _ difference: Int) {
    let sum = (all[row] ?? 0) + difference
    all[row] = sum == 0 ? nil : sum
  }
}

@Test(arguments: 0..<6 as Range<UInt64>, [(1, 1), (2, 1), (1, 3), (3, 1), (3, 3), (5, 1)])
func rowsOfAnyWidthComeOutOfAnArrangementAsTheyWentIn(seed: UInt64, widths: (key: Int, value: Int)) {
  let changes = history(seed: seed, keyWidth: widths.key, valueWidth: widths.value)
  let expected = sums(changes)
  let expectedKeys = sums(changes.map { $0.map { ($0.key, [], $0.difference) } })
  // Several epochs a step have several times in a batch.
  for epochsInAStep in [1, 3] {
    let flow = Dataflow<UInt32>()
    let (input, rows) = flow.input(Pair<Words, Words>.self)
    let found = Sums()
    let keys = Sums()
    let made = Region()
    _ = rows.arrangeByKey().asCollection { Words(Array($0.buffer) + Array($1.buffer), in: made) }
      .inspect { found.add(Array($0.data.buffer), $0.difference) }
    _ = rows.map { $0.first }.arrangeBySelf().asCollection { key, _ in key }
      .inspect { keys.add(Array($0.data.buffer), $0.difference) }
    for (epoch, its) in changes.enumerated() {
      let region = Region()
      for change in its {
        input.update(Pair(Words(change.key, in: region), Words(change.value, in: region)), by: change.difference)
      }
      input.advance(to: UInt32(epoch + 1))
      guard (epoch + 1) % epochsInAStep == 0 || epoch + 1 == changes.count else { continue }
      flow.step()
      #expect(found.all == expected[epoch])
      #expect(keys.all == expectedKeys[epoch])
    }
  }
}

@Test(arguments: 0..<8 as Range<UInt64>)
func whatIsAddedUpAsItComesIsWhatASortMakesOfIt(seed: UInt64) throws {
  let changes = history(seed: seed, keyWidth: 2, valueWidth: 1)
  func make(
    _ combines: Bool, _ found: Sums
  ) -> (Dataflow<UInt32>, Input<Pair<Words, Words>, UInt32, Int>) {
    let flow = Dataflow<UInt32>()
    let (input, rows) = flow.input(Pair<Words, Words>.self)
    let counts = rows.map { $0.first }.weigh { key, difference in (key, DifferencePair(difference, 3 * difference)) }
      .arrangeBySelf(combines: combines)
    _ = counts.asCollection { key, _ in key }.inspect { update in
      found.add(Array(update.data.buffer), update.difference.first)
      #expect(update.difference.second == 3 * update.difference.first)
    }
    // In a loop, where what arrives is of several rounds.
    let lowered = rows.map { $0.first }.iterate { _, keys in
      keys.concat(keys.negate()).concat(keys).arrangeBySelf(combines: combines).asCollection { key, _ in key }
        .distinct()
    }
    _ = lowered.inspect { found.add([.max] + Array($0.data.buffer), $0.difference) }
    return (flow, input)
  }
  let plain = Sums()
  let combined = Sums()
  let (flow, input) = make(false, plain)
  var (other, otherInput) = make(true, combined)
  var shelf = BatchShelf()
  for (epoch, its) in changes.enumerated() {
    let region = Region()
    for change in its {
      let row = Pair(Words(change.key, in: region), Words(change.value, in: region))
      input.update(row, by: abs(change.difference))
      otherInput.update(row, by: abs(change.difference))
    }
    input.advance(to: UInt32(epoch + 1))
    otherInput.advance(to: UInt32(epoch + 1))
    guard epoch % 3 != 1 else { continue }
    flow.step()
    other.step()
    #expect(plain.all == combined.all)
    let checkpoint = try other.checkpoint(into: &shelf)
    (other, otherInput) = make(true, combined)
    try other.resume(checkpoint, from: shelf)
  }
  #expect(!plain.all.isEmpty)
}
