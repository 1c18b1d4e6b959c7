import Differential

private typealias Pairs = Multiset<Pair<UInt64, UInt64>, UInt32, Int>

/// Runs a workload over keys and values; false if there is none of that name.
func runKeyed(_ name: String, _ arguments: WorkloadArguments) throws -> Bool {
  let sizes = try KeyedSizes(
    arguments, defaultKeys: name == "wordcount" ? 100_000 : name == "join" ? 5_000_000 : 1_000_000)
  let schedule = try Schedule(load: try arguments.number("m", default: 10_000_000), arguments)
  switch name {
  case "arrange": run(name, schedule) { seat in keyed(seat, sizes) { pairs, _ in _ = pairs.arrangeByKey() } }
  case "count", "count_total":
    run(name, schedule) { seat in
      keyed(seat, sizes) { pairs, sums in
        collect(pairs.map { $0.first }.count(), sums) { Checksum.mix($0.first, UInt64($0.second)) }
      }
    }
  case "distinct":
    run(name, schedule) { seat in
      keyed(seat, sizes) { pairs, sums in
        collect(pairs.map { $0.first }.distinct(), sums) { Checksum.mix($0, 0) }
      }
    }
  case "min":
    run(name, schedule) { seat in
      keyed(seat, sizes) { pairs, sums in collect(pairs.min(), sums) { Checksum.mix($0.first, $0.second) } }
    }
  case "max5":
    run(name, schedule) { seat in
      keyed(seat, sizes) { pairs, sums in collect(pairs.top(5), sums) { Checksum.mix($0.first, $0.second) } }
    }
  case "wordcount": run(name, schedule) { seat in wordCount(seat, sizes) }
  case "join": run(name, schedule) { seat in join(seat, sizes) }
  default: return false
  }
  return true
}

/// What determines the streams of a keyed workload.
private struct KeyedSizes: Sendable {
  var keys: UInt64
  var seed: UInt64

  init(_ arguments: WorkloadArguments, defaultKeys: Int) throws {
    keys = UInt64(try arguments.number("k", default: defaultKeys))
    seed = UInt64(try arguments.number("seed", default: 42))
  }

  var stream: PairStream { PairStream(seed: seed, first: keys, second: 1 << 32) }
  /// The other side of a join.
  var otherStream: PairStream { PairStream(seed: seed ^ 0xABCDEF, first: keys, second: 1 << 32) }
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

private func keyed(_ seat: WorkerSeat, _ sizes: KeyedSizes, _ build: (Pairs, ChecksumBox) -> Void) -> Workload {
  let flow = Dataflow<UInt32>(seat.team, worker: seat.worker)
  let sums = ChecksumBox()
  let (input, pairs) = flow.input(Pair<UInt64, UInt64>.self)
  build(pairs, sums)
  return workload(seat, flow, input, sums, sizes.stream) { Pair($0.0, $0.1) }
}

/// Words of ten bytes or so, as text: the record holds the bytes themselves.
private func wordCount(_ seat: WorkerSeat, _ sizes: KeyedSizes) -> Workload {
  let flow = Dataflow<UInt32>(seat.team, worker: seat.worker)
  let sums = ChecksumBox()
  let (input, words) = flow.input(Word.self)
  collect(words.count(), sums) { Checksum.mix(fnv1a64($0.first.bytes), UInt64($0.second)) }
  return workload(seat, flow, input, sums, sizes.stream) { Word(number: $0.0) }
}

/// Where a workload is in its streams. It is behind a pointer so that feeding costs no exclusivity checks, and lives as
/// long as the process does.
struct FeedState {
  var inserted: PairStream
  var removed: PairStream
  var number = 0
}

/// A workload with one input, fed with records made of the pairs of a stream.
@inline(__always) func workload<D: Record>(
  _ seat: WorkerSeat, _ flow: Dataflow<UInt32>, _ input: Input<D, UInt32, Int>, _ sums: ChecksumBox,
  _ stream: PairStream, _ record: @escaping ((UInt64, UInt64)) -> D
) -> Workload {
  let state = UnsafeMutablePointer<FeedState>.allocate(capacity: 1)
  state.initialize(to: FeedState(inserted: stream, removed: stream))
  return Workload(
    insert: {
      let pair = state.pointee.inserted.next()
      if seat.feeds(state.pointee.number) { input.update(record(pair), by: 1) }
      state.pointee.number += 1
    },
    remove: {
      let pair = state.pointee.removed.next()
      if seat.feeds(state.pointee.number) { input.update(record(pair), by: -1) }
      state.pointee.number += 1
    },
    finishEpoch: {
      input.advance(to: input.epoch + 1)
      flow.step()
    },
    nextTime: { input.advance(to: input.epoch + 1) },
    checksum: { sums.value })
}

private func join(_ seat: WorkerSeat, _ sizes: KeyedSizes) -> Workload {
  let flow = Dataflow<UInt32>(seat.team, worker: seat.worker)
  let sums = ChecksumBox()
  let (left, leftPairs) = flow.input(Pair<UInt64, UInt64>.self)
  let (right, rightPairs) = flow.input(Pair<UInt64, UInt64>.self)
  collect(leftPairs.join(rightPairs) { key, x, y in Pair(Checksum.mix(key, x), y) }, sums) {
    Checksum.mix($0.first, $0.second)
  }
  let ofLeft = workload(seat, flow, left, sums, sizes.stream) { Pair($0.0, $0.1) }
  let ofRight = workload(seat, flow, right, sums, sizes.otherStream) { Pair($0.0, $0.1) }
  return Workload(
    insert: {
      ofLeft.insert()
      ofRight.insert()
    },
    remove: {
      ofLeft.remove()
      ofRight.remove()
    },
    finishEpoch: {
      left.advance(to: left.epoch + 1)
      right.advance(to: right.epoch + 1)
      flow.step()
    },
    nextTime: {
      ofLeft.nextTime()
      ofRight.nextTime()
    },
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
