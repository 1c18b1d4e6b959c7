import Differential
import Testing

// The examples of the catalog's pages on linear operators, as they stand there.

@Test func mapMakesARecordOfEachRecord() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  let halves = numbers.map { $0 / 2 }.contents()
  for number in 1...4 { input.insert(number) }
  input.advance(to: 1)
  flow.step()
  #expect(halves.records == [0: 1, 1: 2, 2: 1])
}

@Test func filterKeepsWhatSatisfiesItsPredicate() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  let even = numbers.filter { $0.isMultiple(of: 2) }.contents()
  for number in [1, 2, 2, 3] { input.insert(number) }
  input.advance(to: 1)
  flow.step()
  #expect(even.records == [2: 2])
}

@Test func flatMapMakesAnyNumberOfRecordsOfEach() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  let divisors = numbers.flatMap { number in (1...number).lazy.filter { number.isMultiple(of: $0) } }.contents()
  input.insert(4)
  input.insert(6)
  input.advance(to: 1)
  flow.step()
  #expect(divisors.records == [1: 2, 2: 2, 3: 1, 4: 1, 6: 1])
}

@Test func explodeMakesRecordsWithWeights() {
  let flow = Dataflow<UInt32>()
  let (input, sales) = flow.input(Pair<UInt8, Int>.self)
  let pieces = sales.explode { [($0.first, $0.second)] }.contents()
  input.insert(Pair(1, 30))
  input.insert(Pair(1, 12))
  input.advance(to: 1)
  flow.step()
  #expect(pieces.records == [1: 42])
}

@Test func concatAddsMultiplicities() {
  let flow = Dataflow<UInt32>()
  let (first, mine) = flow.input(Int.self)
  let (second, yours) = flow.input(Int.self)
  let all = mine.concat(yours).contents()
  first.insert(1)
  second.insert(1)
  second.insert(2)
  first.advance(to: 1)
  second.advance(to: 1)
  flow.step()
  #expect(all.records == [1: 2, 2: 1])
}

@Test func negateTurnsMultiplicitiesRound() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  let opposite = numbers.negate().contents()
  let nothing = numbers.concat(numbers.negate()).contents()
  input.insert(7)
  input.advance(to: 1)
  flow.step()
  #expect(opposite.records == [7: -1])
  #expect(nothing.records.isEmpty)
}

@Test func subtractTakesMultiplicitiesAway() {
  let flow = Dataflow<UInt32>()
  let (stock, delivered) = flow.input(UInt8.self)
  let (orders, sold) = flow.input(UInt8.self)
  let left = delivered.subtract(sold).contents()
  for _ in 0..<3 { stock.insert(1) }
  orders.insert(1)
  orders.insert(2)
  stock.advance(to: 1)
  orders.advance(to: 1)
  flow.step()
  #expect(left.records == [1: 2, 2: -1])
}

@Test func inspectShowsUpdatesOnTheirWay() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  var seen: [String] = []
  _ = numbers.map { $0 * 10 }.inspect { seen.append("\($0.data) at \($0.time): \($0.difference)") }
  input.insert(1)
  input.advance(to: 1)
  input.remove(1)
  input.advance(to: 2)
  flow.step()
  #expect(seen == ["10 at 0: 1", "10 at 1: -1"])
}

@Test func delayMovesRecordsToLaterTimes() {
  let flow = Dataflow<UInt32>()
  let (input, days) = flow.input(UInt32.self)
  let due = days.delay { day, epoch in epoch + day }.contents()
  input.insert(3)
  input.advance(to: 1)
  flow.step()
  #expect(due.records.isEmpty)
  input.advance(to: 4)
  flow.step()
  #expect(due.records == [3: 1])
}
