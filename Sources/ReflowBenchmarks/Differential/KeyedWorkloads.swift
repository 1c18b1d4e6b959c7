import Differential

private typealias Pairs = Multiset<Pair<UInt64, UInt64>, UInt32, Int>

/// Runs a workload over keys and values; false if there is none of that name.
func runKeyed(_ name: String, _ arguments: WorkloadArguments) throws -> Bool {
  let count = try arguments.number("m", default: 10_000_000)
  switch name {
  case "arrange":
    try run(name, keyed(arguments) { pairs, _ in _ = pairs.arrangeByKey() }, loading: count, arguments: arguments)
  case "count", "count_total":
    try run(
      name,
      keyed(arguments) { pairs, sums in
        collect(pairs.map { $0.first }.count(), sums) { Checksum.mix($0.first, UInt64($0.second)) }
      }, loading: count, arguments: arguments)
  case "distinct":
    try run(
      name,
      keyed(arguments) { pairs, sums in
        collect(pairs.map { $0.first }.distinct(), sums) { Checksum.mix($0, 0) }
      }, loading: count, arguments: arguments)
  case "min":
    try run(
      name, keyed(arguments) { pairs, sums in collect(pairs.min(), sums) { Checksum.mix($0.first, $0.second) } },
      loading: count, arguments: arguments)
  case "max5":
    try run(
      name, keyed(arguments) { pairs, sums in collect(pairs.top(5), sums) { Checksum.mix($0.first, $0.second) } },
      loading: count, arguments: arguments)
  case "wordcount": try run(name, wordCount(arguments), loading: count, arguments: arguments)
  case "join": try run(name, join(arguments), loading: count, arguments: arguments)
  default: return false
  }
  return true
}

/// Adds the differences of a collection to a checksum.
@inline(__always) func collect<D: Record, T: Timestamp>(
  _ collection: Multiset<D, T, Int>, _ sums: ChecksumBox, _ word: @escaping (D) -> UInt64
) {
  _ = collection.inspectRuns { run in
    var value = sums.value
    for i in 0..<run.count { value.add(word(run.data(at: i)), run.difference(at: i)) }
    sums.value = value
  }
}

private func keyed(
  _ arguments: WorkloadArguments, _ build: (Pairs, ChecksumBox) -> Void
) throws -> Workload {
  let keys = UInt64(try arguments.number("k", default: 1_000_000))
  let seed = UInt64(try arguments.number("seed", default: 42))
  let flow = Dataflow<UInt32>()
  let sums = ChecksumBox()
  let (input, pairs) = flow.input(Pair<UInt64, UInt64>.self)
  build(pairs, sums)
  var inserted = PairStream(seed: seed, first: keys, second: 1 << 32)
  var removed = PairStream(seed: seed, first: keys, second: 1 << 32)
  return Workload(
    insert: {
      let (key, value) = inserted.next()
      input.update(Pair(key, value), by: 1)
    },
    remove: {
      let (key, value) = removed.next()
      input.update(Pair(key, value), by: -1)
    },
    finishEpoch: {
      input.advance(to: input.epoch + 1)
      flow.step()
    },
    nextTime: { input.advance(to: input.epoch + 1) },
    checksum: { sums.value })
}

private func join(_ arguments: WorkloadArguments) throws -> Workload {
  let keys = UInt64(try arguments.number("k", default: 5_000_000))
  let seed = UInt64(try arguments.number("seed", default: 42))
  let flow = Dataflow<UInt32>()
  let sums = ChecksumBox()
  let (left, leftPairs) = flow.input(Pair<UInt64, UInt64>.self)
  let (right, rightPairs) = flow.input(Pair<UInt64, UInt64>.self)
  _ = leftPairs.join(rightPairs) { key, x, y in Pair(Checksum.mix(key, x), y) }.inspectRuns { run in
    var value = sums.value
    for i in 0..<run.count {
      let data = run.data(at: i)
      value.add(Checksum.mix(data.first, data.second), run.difference(at: i))
    }
    sums.value = value
  }
  let other = seed ^ 0xABCDEF
  var inserted = PairStream(seed: seed, first: keys, second: 1 << 32)
  var removed = PairStream(seed: seed, first: keys, second: 1 << 32)
  var insertedRight = PairStream(seed: other, first: keys, second: 1 << 32)
  var removedRight = PairStream(seed: other, first: keys, second: 1 << 32)
  return Workload(
    insert: {
      let (key, value) = inserted.next()
      left.update(Pair(key, value), by: 1)
      let (keyRight, valueRight) = insertedRight.next()
      right.update(Pair(keyRight, valueRight), by: 1)
    },
    remove: {
      let (key, value) = removed.next()
      left.update(Pair(key, value), by: -1)
      let (keyRight, valueRight) = removedRight.next()
      right.update(Pair(keyRight, valueRight), by: -1)
    },
    finishEpoch: {
      left.advance(to: left.epoch + 1)
      right.advance(to: right.epoch + 1)
      flow.step()
    },
    nextTime: {
      left.advance(to: left.epoch + 1)
      right.advance(to: right.epoch + 1)
    },
    checksum: { sums.value })
}

/// Words of twelve bytes or so, as text: the record holds the bytes themselves.
private func wordCount(_ arguments: WorkloadArguments) throws -> Workload {
  let keys = UInt64(try arguments.number("k", default: 100_000))
  let seed = UInt64(try arguments.number("seed", default: 42))
  let flow = Dataflow<UInt32>()
  let sums = ChecksumBox()
  let (input, words) = flow.input(Word.self)
  collect(words.count(), sums) { Checksum.mix(fnv1a64($0.first.bytes), UInt64($0.second)) }
  var inserted = PairStream(seed: seed, first: keys, second: 1 << 32)
  var removed = PairStream(seed: seed, first: keys, second: 1 << 32)
  return Workload(
    insert: { input.update(Word(number: inserted.next().0), by: 1) },
    remove: { input.update(Word(number: removed.next().0), by: -1) },
    finishEpoch: {
      input.advance(to: input.epoch + 1)
      flow.step()
    },
    nextTime: { input.advance(to: input.epoch + 1) },
    checksum: { sums.value })
}

/// A text of up to 15 bytes held in place, ordered by its bytes.
struct Word: Record {
  private var high: UInt64
  private var low: UInt64

  /// `word` and six digits or more.
  init(number: UInt64) {
    var digits: UInt64 = 0
    var width: UInt64 = 0
    var rest = number
    repeat {
      digits |= (0x30 + rest % 10) << (8 * width)
      rest /= 10
      width += 1
    } while rest > 0 || width < 6
    // "word", then the digits from the left, then the length in the last byte.
    var text = UInt64(0x776F_7264) << 32
    var tail: UInt64 = 0
    for i in 0..<width {
      let digit = digits >> (8 * (width - 1 - i)) & 0xFF
      if i < 4 { text |= digit << (24 - 8 * i) } else { tail |= digit << (56 - 8 * (i - 4)) }
    }
    high = text
    low = tail | (4 + width)
  }

  static func < (a: Word, b: Word) -> Bool { a.high == b.high ? a.low < b.low : a.high < b.high }
  static var radixWidth: Int { 64 }
  /// All begin with `wo`, so the bytes from the third on decide.
  var radix: UInt64 { high << 16 | low >> 48 }
  var route: UInt64 { finalize(high ^ low) }

  var bytes: [UInt8] {
    (0..<Int(low & 0xFF)).map { (i: Int) -> UInt8 in
      let word = i < 8 ? high : low
      let shift = UInt64(56 - 8 * (i & 7))
      return UInt8(truncatingIfNeeded: word >> shift)
    }
  }
}
