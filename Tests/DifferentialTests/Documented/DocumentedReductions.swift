import Differential
import Testing

// The examples of the catalog's pages on reductions, as they stand there.

@Test func reduceKeepsAnyFunctionOfAGroup() {
  let flow = Dataflow<UInt32>()
  let (input, readings) = flow.input(Pair<UInt8, Int>.self)
  let medians = readings.reduce { (sensor: UInt8, values: Group<Int, Int>, results: inout Results<Int, Int>) in
    results.append(values[values.count / 2].value)
  }.contents()
  for value in [3, 90, 20] { input.insert(Pair(1, value)) }
  input.advance(to: 1)
  flow.step()
  #expect(medians.records == [Pair(1, 20): 1])
  input.remove(Pair(1, 3))
  input.advance(to: 2)
  flow.step()
  #expect(medians.records == [Pair(1, 90): 1])
}

@Test func countSaysHowOftenEachRecordIsThere() {
  let flow = Dataflow<UInt32>()
  let (input, people) = flow.input(Pair<UInt8, Int>.self)
  let inhabitants = people.map { $0.first }.count().contents()
  for person in [Pair(1, 30), Pair(1, 70), Pair(2, 50)] as [Pair<UInt8, Int>] { input.insert(person) }
  input.advance(to: 1)
  flow.step()
  #expect(inhabitants.records == [Pair(1, 2): 1, Pair(2, 1): 1])
}

@Test func thresholdMakesMultiplicitiesOfMultiplicities() {
  let flow = Dataflow<UInt32>()
  let (input, words) = flow.input(UInt64.self)
  let frequent = words.threshold { _, count in count >= 2 ? 1 : 0 }.contents()
  for word in [5, 5, 8] as [UInt64] { input.insert(word) }
  input.advance(to: 1)
  flow.step()
  #expect(frequent.records == [5: 1])
  input.remove(5)
  input.advance(to: 2)
  flow.step()
  #expect(frequent.records.isEmpty)
}

@Test func distinctMakesASet() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  let set = numbers.distinct().contents()
  input.insert(7)
  input.insert(7)
  input.advance(to: 1)
  flow.step()
  #expect(set.records == [7: 1])
  input.remove(7)
  input.advance(to: 2)
  flow.step()
  #expect(set.records == [7: 1])
}

@Test func minFollowsTheLeastValue() {
  let flow = Dataflow<UInt32>()
  let (input, prices) = flow.input(Pair<UInt8, Int>.self)
  let cheapest = prices.min().contents()
  for price in [Pair(1, 30), Pair(1, 25), Pair(2, 99)] as [Pair<UInt8, Int>] { input.insert(price) }
  input.advance(to: 1)
  flow.step()
  #expect(cheapest.records == [Pair(1, 25): 1, Pair(2, 99): 1])
  input.remove(Pair(1, 25))
  input.advance(to: 2)
  flow.step()
  #expect(cheapest.records == [Pair(1, 30): 1, Pair(2, 99): 1])
}

@Test func maxFollowsTheGreatestValue() {
  let flow = Dataflow<UInt32>()
  let (input, bids) = flow.input(Pair<UInt8, Int>.self)
  let highest = bids.max().contents()
  for bid in [Pair(1, 30), Pair(1, 45)] as [Pair<UInt8, Int>] { input.insert(bid) }
  input.advance(to: 1)
  flow.step()
  #expect(highest.records == [Pair(1, 45): 1])
}

@Test func topKeepsTheGreatestValues() {
  let flow = Dataflow<UInt32>()
  let (input, scores) = flow.input(Pair<UInt8, Int>.self)
  let best = scores.top(2).contents()
  for score in [10, 40, 20, 40] { input.insert(Pair(1, score)) }
  input.advance(to: 1)
  flow.step()
  #expect(best.records == [Pair(1, 40): 2])
  input.remove(Pair(1, 40))
  input.advance(to: 2)
  flow.step()
  #expect(best.records == [Pair(1, 40): 1, Pair(1, 20): 1])
}

@Test func sumAddsUpTheValuesOfAKey() {
  let flow = Dataflow<UInt32>()
  let (input, sales) = flow.input(Pair<UInt8, Int>.self)
  let turnover = sales.sum().contents()
  for sale in [Pair(1, 30), Pair(1, 12), Pair(2, 5)] as [Pair<UInt8, Int>] { input.insert(sale) }
  input.advance(to: 1)
  flow.step()
  #expect(turnover.records == [Pair(1, 42): 1, Pair(2, 5): 1])
}
