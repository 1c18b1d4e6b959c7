import Differential
import Testing

// The examples of the catalog's pages on inputs and results, as they stand there.

@Test func inputsChangeEpochByEpoch() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  let counts = numbers.count().contents()
  input.insert(7)
  input.update(7, at: 1, by: 2)
  input.update(7, at: 5, by: 10)
  input.advance(to: 2)
  flow.step()
  #expect(counts.records == [Pair(7, 3): 1], "epochs 0 and 1 are complete, epoch 5 is to come")
  input.close()
  flow.step()
  #expect(counts.records == [Pair(7, 13): 1])
}

@Test func probesSayWhatIsFinal() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  let probe = numbers.distinct().probe()
  input.insert(7)
  input.advance(to: 3)
  #expect(!probe.isPast(0))
  flow.step()
  #expect(probe.isPast(2) && !probe.isPast(3))
  #expect(flow.frontier == Antichain([3]))
}

@Test func contentsFollowTheCollection() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  let squares = numbers.map { $0 * $0 }.contents()
  for number in [-2, 2, 3] { input.insert(number) }
  input.advance(to: 1)
  flow.step()
  #expect(squares[4] == 2 && squares[5] == 0)
  #expect(squares.sorted == [Counted(4, 2), Counted(9, 1)])
}

@Test func epochsAreShownWhenTheyAreFinal() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  var story: [String] = []
  _ = numbers.map { Pair($0 % 2, $0) }.min().inspectEpochs { epoch, changes in story.append("\(epoch): \(changes)") }
  input.insert(4)
  input.insert(3)
  input.advance(to: 1)
  input.insert(2)
  input.advance(to: 2)
  flow.step()
  #expect(story == ["0: [(0, 4) x 1, (1, 3) x 1]", "1: [(0, 2) x 1, (0, 4) x -1]"])
}

@Test func historiesReadEarlierEpochs() {
  let flow = Dataflow<UInt32>()
  let (input, prices) = flow.input(Pair<UInt8, Int>.self)
  let history = prices.arrangeByKey().history()
  input.insert(Pair(1, 30))
  input.advance(to: 1)
  input.remove(Pair(1, 30))
  input.insert(Pair(1, 35))
  input.advance(to: 2)
  flow.step()
  #expect(history.values(of: 1, at: 0) == [Counted(30, 1)])
  #expect(history.values(of: 1, at: 1) == [Counted(35, 1)])
  history.advance(to: 1)
  #expect(history.since == 1)
}

@Test func importedArrangementsServeOperatorsThatComeLater() {
  let flow = Dataflow<UInt32>()
  let (input, people) = flow.input(Pair<UInt8, Int>.self)
  let byTown = people.arrangeByKey()
  input.insert(Pair(1, 30))
  input.advance(to: 1)
  flow.step()
  // A question that nobody had thought of.
  let oldest = byTown.imported().reduce(by: GreatestReduction(count: 1)) { town, age in Pair(town, age) }.contents()
  input.insert(Pair(1, 70))
  input.advance(to: 2)
  flow.step()
  #expect(oldest.records == [Pair(1, 70): 1])
  // Another dataflow that reads the same trace.
  let other = Dataflow<UInt32>()
  let inhabitants = byTown.imported(into: other).asCollection().map { $0.first }.count().contents()
  other.step()
  #expect(inhabitants.records == [Pair(1, 2): 1])
}
