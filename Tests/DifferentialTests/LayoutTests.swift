import Differential
import Testing

private let samples: [String] = {
  var generator = TestGenerator(seed: 3)
  let fixed = [
    "", "a", "ab", "a\0", "a\0\0", "abcdefg", "abcdefgh", "abcdefg\0", "abcdefgi", "abcdefghijklmnopq",
    "abcdefghijklmnopqr", "word000001", "word000002", "word00000", "ä", "\u{7F}",
  ]
  return fixed
    + (0..<200).map { _ in
      String(
        decoding: (0..<Int.random(in: 0..<20, using: &generator)).map { _ in
          UInt8.random(in: 96..<99, using: &generator)
        }, as: UTF8.self)
    }
}()

/// Two records in a region compare, and give radices, as the values that they stand for do.
private func checkOrder<R: Record, Value>(_ a: R, _ b: R, _ x: Value, _ y: Value, _ isLess: (Value, Value) -> Bool) {
  #expect((a < b) == isLess(x, y), "\(x) and \(y)")
  #expect((a == b) == (!isLess(x, y) && !isLess(y, x)), "\(x) and \(y)")
  if a == b { #expect(a.hashValue == b.hashValue && a.route == b.route) }
  if a < b { #expect(a.radix <= b.radix) }
  // Position after position, the first radix that differs decides, and there is one if the records differ.
  var position = 0
  while a.radix(from: position) == b.radix(from: position) {
    let next = a.radixPosition(after: position)
    #expect(next == b.radixPosition(after: position), "\(x) and \(y)")
    guard let next else { break }
    position = next
  }
  #expect((a.radix(from: position) < b.radix(from: position)) == (a < b), "\(x) and \(y)")
}

@Test func textsAreOrderedByTheirBytes() {
  let region = Region()
  let texts = samples.map { Text($0.utf8, in: region) }
  for (a, x) in zip(texts, samples) {
    #expect(String(a) == x)
    #expect(a.kept(in: region) == a)
    for (b, y) in zip(texts, samples) {
      checkOrder(a, b, x, y) { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      checkOrder(Pair(a, UInt8(1)), Pair(b, UInt8(1)), x, y) { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      checkOrder(Pair(UInt8(1), a), Pair(UInt8(1), b), x, y) { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
  }
}

@Test func rowsOfWordsAreOrderedWordByWord() {
  let region = Region()
  var generator = TestGenerator(seed: 4)
  for width in 0...4 {
    let rows = (0..<40).map { _ in (0..<width).map { _ in [0, 1, .max].randomElement(using: &generator)! as UInt64 } }
    let words = rows.map { Words($0, in: region) }
    for (a, x) in zip(words, rows) {
      #expect(Array(a.buffer) == x)
      for (b, y) in zip(words, rows) {
        checkOrder(a, b, x, y) { $0.lexicographicallyPrecedes($1) }
        checkOrder(Pair(a, b), Pair(b, a), x + y, y + x) { $0.lexicographicallyPrecedes($1) }
      }
    }
  }
}

/// Changes of records with what they stand for, over epochs.
private func keyedHistory(seed: UInt64) -> [[(key: String, value: String, difference: Int)]] {
  var generator = TestGenerator(seed: seed)
  var live: [(String, String)] = []
  return (0..<12).map { epoch in
    (0..<(epoch == 0 ? 300 : Int.random(in: 0..<40, using: &generator))).map { _ in
      if epoch > 0, Bool.random(using: &generator), !live.isEmpty {
        let (key, value) = live.swapRemove(Int.random(in: 0..<live.count, using: &generator))
        return (key, value, -1)
      }
      live.append((samples.randomElement(using: &generator)!, samples.randomElement(using: &generator)!))
      return (live.last!.0, live.last!.1, 1)
    }
  }
}

/// Strings as numbers, in the order of their bytes: the same work over plain records.
private let numbered: [String] = Set(samples).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
private func number(_ string: some StringProtocol) -> UInt32 {
  UInt32(numbered.firstIndex { $0.utf8.elementsEqual(string.utf8) }!)
}

/// Everything that comes out of a few operators, as numbers.
private func outcome<R: Record>(
  _ history: [[(key: String, value: String, difference: Int)]], _ record: (String, Region) -> R,
  _ number: @escaping (R) -> UInt32, resumingEveryEpoch: Bool
) throws -> [Update<Triple<UInt32, UInt32, Int>, UInt32, Int>] {
  typealias Out = Triple<UInt32, UInt32, Int>
  var updates: [Update<Out, UInt32, Int>] = []
  func make() -> (Dataflow<UInt32>, Input<Pair<R, R>, UInt32, Int>) {
    let flow = Dataflow<UInt32>()
    let (input, pairs) = flow.input(Pair<R, R>.self)
    func record(_ results: Multiset<Out, UInt32, Int>) { _ = results.inspect { updates.append($0) } }
    record(pairs.min().map { Pair(number($0.first), Pair(number($0.second), 1)) })
    record(pairs.top(2).map { Pair(number($0.first), Pair(number($0.second), 2)) })
    record(pairs.map { $0.second }.count().map { Pair(number($0.first), Pair(0, $0.second)) })
    record(
      pairs.map { Pair($0.second, $0.first) }.join(pairs) { Pair($1, $2) }.distinct()
        .map { Pair(number($0.first), Pair(number($0.second), 3)) })
    record(
      pairs.arrangeByKey().reduce { (key: R, group: Group<R, Int>, results: inout Results<R, Int>) in
        for entry in group where entry.value < key { results.append(entry.value) }
      }.map { Pair(number($0.first), Pair(number($0.second), 4)) })
    // A loop: what is reached from the values, as labels.
    let start = pairs.map { Pair($0.first, $0.first) }
    record(
      start.iterate { loop, labels in
        labels.join(pairs.enter(loop)) { _, label, next in Pair(next, label) }.concat(start.enter(loop)).min()
      }.map { Pair(number($0.first), Pair(number($0.second), 5)) })
    return (flow, input)
  }
  var (flow, input) = make()
  var shelf = BatchShelf()
  for (epoch, changes) in history.enumerated() {
    // The views last as long as this epoch's region: the input copies what it is given.
    let region = Region()
    for change in changes {
      input.update(Pair(record(change.key, region), record(change.value, region)), by: change.difference)
    }
    input.advance(to: UInt32(epoch + 1))
    flow.step()
    if resumingEveryEpoch {
      let checkpoint = try flow.checkpoint(into: &shelf)
      (flow, input) = make()
      try flow.resume(checkpoint, from: shelf)
    }
  }
  return consolidated(updates)
}

@Test(arguments: 0..<4 as Range<UInt64>) func layoutsChangeNoResult(seed: UInt64) throws {
  let history = keyedHistory(seed: seed)
  let plain = try outcome(history, { string, _ in number(string) }, { $0 }, resumingEveryEpoch: false)
  for resuming in [false, true] {
    let texts = try outcome(
      history, { Text($0.utf8, in: $1) }, { number(String($0)) }, resumingEveryEpoch: resuming)
    #expect(texts == plain)
    let rows = try outcome(
      history, { Words([7, UInt64(number($0))], in: $1) }, { UInt32($0[1]) }, resumingEveryEpoch: resuming)
    #expect(rows == plain)
  }
}

@Test func largeBatchesOfTextsAndRowsAreSortedAndFound() {
  let flow = Dataflow<UInt32>()
  let (texts, textRecords) = flow.input(Text.self)
  let (rows, rowRecords) = flow.input(Pair<Words, Words>.self)
  var counts: [String: Int] = [:]
  _ = textRecords.count().inspect { counts[String($0.data.first), default: 0] += $0.difference * $0.data.second }
  var groups: [UInt64: Int] = [:]
  _ = rowRecords.arrangeByKey().reduce { (key: Words, group: Group<Words, Int>, results: inout Results<UInt64, Int>) in
    results.append(UInt64(group.count), 1)
  }.inspect { groups[$0.data.first[1], default: 0] += $0.difference * Int($0.data.second) }
  let region = Region()
  for number in 0..<6_000 as Range<UInt64> {
    // Long common beginnings, and some that repeat.
    Text.with("a common beginning \(number * 7919 % 2_000)") { texts.insert($0) }
    rows.insert(Pair(Words([1, number % 50], in: region), Words([2, 3, number * 7919 % 6_000], in: region)))
  }
  texts.advance(to: 1)
  rows.advance(to: 1)
  flow.step()
  #expect(counts.count == 2_000)
  #expect(counts.allSatisfy { $0.value == 3 })
  #expect(groups.count == 50)
  #expect(groups.allSatisfy { $0.value == 120 })
  for number in 0..<2_000 {
    Text.with("a common beginning \(number)") { texts.remove($0) }
    Text.with("another \(number)") { texts.insert($0) }
  }
  texts.advance(to: 2)
  rows.advance(to: 2)
  flow.step()
  #expect(counts["a common beginning 77"] == 2)
  #expect(counts["another 77"] == 1)
}

@Test(arguments: 0..<4 as Range<UInt64>) func keysThatFillARangeOfNumbersAreCountedAsOthersAre(seed: UInt64) {
  var generator = TestGenerator(seed: seed)
  let flow = Dataflow<UInt32>()
  let (input, keys) = flow.input(Int32.self)
  let dense = Recorder(keys.count())
  // The same keys far apart: they are sorted.
  let sparse = Recorder(keys.map { Int64($0) << 32 }.count().map { Pair(Int32($0.first >> 32), $0.second) })
  let consolidated = Recorder(keys.consolidate())
  var counts: [Int32: Int] = [:]
  for epoch in 0..<8 as Range<UInt32> {
    for _ in 0..<Int.random(in: 0..<200, using: &generator) {
      let key = Int32.random(in: -20..<20, using: &generator)
      let difference = [-1, 1, 1, 2].randomElement(using: &generator)!
      counts[key, default: 0] += difference
      input.update(key, by: difference)
    }
    input.advance(to: epoch + 1)
    flow.step()
    #expect(dense.consolidatedUpdates == sparse.consolidatedUpdates)
    #expect(accumulated(consolidated.updates, at: epoch) == counts.filter { $0.value != 0 })
  }
}
