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

/// Words of ten bytes or so, as texts.
private func wordCount(_ seat: WorkerSeat, _ sizes: KeyedSizes) -> Workload {
  let flow = Dataflow<UInt32>(seat.team, worker: seat.worker)
  let sums = ChecksumBox()
  let (input, words) = flow.input(Text.self)
  collect(words.count(), sums) { Checksum.mix(fnv1a64($0.first.bytes), UInt64($0.second)) }
  return workload(seat, flow, input, sums, sizes.stream, record: wordMaker())
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
  _ stream: PairStream, record: @escaping ((UInt64, UInt64)) -> D
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

/// Makes `word` and six digits or more of the first of a pair. The text is valid until the next is made.
private func wordMaker() -> ((UInt64, UInt64)) -> Text {
  // As the state of feeds, it lives as long as the process does.
  let room = UnsafeMutablePointer<UInt8>.allocate(capacity: 24)
  for (index, letter) in "word".utf8.enumerated() { room[index] = letter }
  return { pair in
    var rest = pair.0
    var width = 6
    var limit: UInt64 = 1_000_000
    while rest >= limit && width < 20 {
      width += 1
      limit = width < 20 ? limit * 10 : .max
    }
    var at = 4 + width
    while at > 4 {
      at -= 1
      room[at] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    return Text(UnsafeBufferPointer(start: room, count: 4 + width))
  }
}
