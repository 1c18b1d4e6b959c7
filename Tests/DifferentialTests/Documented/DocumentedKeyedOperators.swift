import Differential
import Testing

// The examples of the catalog's pages on arrangements and joins, as they stand there.

@Test func oneArrangementServesManyReaders() {
  let flow = Dataflow<UInt32>()
  let (input, people) = flow.input(Pair<UInt8, Int>.self)
  let byTown = people.arrangeByKey()
  let oldest = byTown.reduce(by: GreatestReduction(count: 1)) { town, age in Pair(town, age) }.contents()
  let neighbours = byTown.join(byTown) { town, one, other in Pair(one, other) }
    .filter { $0.first < $0.second }.contents()
  input.insert(Pair(1, 30))
  input.insert(Pair(1, 70))
  input.insert(Pair(2, 50))
  input.advance(to: 1)
  flow.step()
  #expect(oldest.records == [Pair(1, 70): 1, Pair(2, 50): 1])
  #expect(neighbours.records == [Pair(30, 70): 1])
}

@Test func recordsAreArrangedByThemselves() {
  let flow = Dataflow<UInt32>()
  let (input, words) = flow.input(UInt64.self)
  let arranged = words.arrangeBySelf()
  let often = arranged.count().contents()
  let once = arranged.distinct().contents()
  for word in [5, 5, 8] as [UInt64] { input.insert(word) }
  input.advance(to: 1)
  flow.step()
  #expect(often.records == [Pair(5, 2): 1, Pair(8, 1): 1])
  #expect(once.records == [5: 1, 8: 1])
}

@Test func consolidateAddsUpAndDropsWhatCancels() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  var before = 0
  var after: [Update<Int, UInt32, Int>] = []
  _ = numbers.map { $0 / 10 }.inspect { _ in before += 1 }.consolidate().inspect { after.append($0) }
  input.insert(11)
  input.insert(12)
  input.remove(13)
  input.advance(to: 1)
  flow.step()
  #expect(before == 3)
  #expect(after == [Update(1, 0, 1)])
}

@Test func joinPairsRecordsOfEqualKeys() {
  let flow = Dataflow<UInt32>()
  let (first, names) = flow.input(Pair<UInt32, UInt64>.self)
  let (second, orders) = flow.input(Pair<UInt32, Int>.self)
  let named = names.join(orders) { _, name, amount in Pair(name, amount) }.contents()
  first.insert(Pair(1, 100))
  second.insert(Pair(1, 25))
  second.insert(Pair(2, 99))
  first.advance(to: 1)
  second.advance(to: 1)
  flow.step()
  #expect(named.records == [Pair(100, 25): 1])
  first.update(Pair(1, 100), by: -1)
  first.insert(Pair(1, 200))
  first.advance(to: 2)
  second.advance(to: 2)
  flow.step()
  #expect(named.records == [Pair(200, 25): 1])
}

@Test func semijoinKeepsWhatHasAGivenKey() {
  let flow = Dataflow<UInt32>()
  let (first, orders) = flow.input(Pair<UInt32, Int>.self)
  let (second, chosen) = flow.input(UInt32.self)
  let kept = orders.semijoin(chosen).contents()
  first.insert(Pair(1, 25))
  first.insert(Pair(2, 99))
  second.insert(2)
  first.advance(to: 1)
  second.advance(to: 1)
  flow.step()
  #expect(kept.records == [Pair(2, 99): 1])
}

@Test func antijoinKeepsWhatHasNoneOfTheGivenKeys() {
  let flow = Dataflow<UInt32>()
  let (first, orders) = flow.input(Pair<UInt32, Int>.self)
  let (second, cancelled) = flow.input(UInt32.self)
  let open = orders.antijoin(cancelled.distinct()).contents()
  first.insert(Pair(1, 25))
  first.insert(Pair(2, 99))
  second.insert(2)
  second.insert(2)
  first.advance(to: 1)
  second.advance(to: 1)
  flow.step()
  #expect(open.records == [Pair(1, 25): 1])
}
