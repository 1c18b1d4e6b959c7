import Differential
import Testing

@Test func contentsAreTheCollectionAfterEachStep() {
  var generator = TestGenerator(seed: 5)
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(UInt8.self)
  let contents = records.map { $0 / 2 }.contents()
  var now: [UInt8: Int] = [:]
  var later: [UInt32: [UInt8: Int]] = [:]
  for epoch in 0..<50 as Range<UInt32> {
    for _ in 0..<4 {
      let record = UInt8.random(in: 0..<10, using: &generator)
      let difference = Bool.random(using: &generator) ? 1 : -1
      // Some changes are of epochs to come: they are not there before.
      let at = epoch + UInt32.random(in: 0..<3, using: &generator)
      input.update(record, at: at, by: difference)
      later[at, default: [:]][record / 2, default: 0] += difference
    }
    input.advance(to: epoch + 1)
    flow.step()
    now.merge(later[epoch] ?? [:], uniquingKeysWith: +)
    now = now.filter { $0.value != 0 }
    #expect(contents.records == now)
    #expect(contents.count == now.count && contents[200] == 0)
    #expect(contents.sorted.map(\.value) == now.keys.sorted())
  }
}

@Test func eachEpochIsShownOnceInOrderAndConsolidated() {
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(UInt8.self)
  var seen: [String] = []
  _ = records.map { $0 / 10 }.inspectEpochs { epoch, changes in seen.append("\(epoch): \(changes)") }
  input.update(50, at: 2, by: 1)
  input.insert(21)
  input.insert(22)
  input.insert(10)
  input.update(13, at: 1, by: -1)
  input.update(14, at: 1, by: 1)
  input.advance(to: 2)
  flow.step()
  #expect(seen == ["0: [1 x 1, 2 x 2]"], "what cancels in an epoch is no change, and epoch 2 is open")
  input.advance(to: 5)
  flow.step()
  #expect(seen == ["0: [1 x 1, 2 x 2]", "2: [5 x 1]"])
}

@Test func closuresMayChangeInputsForTheNextStep() {
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(UInt32.self)
  // Every record below 20,000 is answered by the next: far more than fits a run, on the very way of the input.
  let answered = records.map { $0 }.inspect { update in
    guard update.data < 20_000 else { return }
    input.update(update.data + 10_000, at: update.time + 1, by: update.difference)
  }.contents()
  for record in 0..<10_000 as Range<UInt32> { input.insert(record) }
  for epoch in 1...4 as ClosedRange<UInt32> {
    input.advance(to: epoch)
    flow.step()
    #expect(answered.count == Int(min(epoch, 3)) * 10_000)
  }
}

@Test func differencesCanBeOfAnyGroup() {
  // Sets under symmetric difference: a record inserted twice is gone.
  let flow = Dataflow<UInt32>()
  let (input, records) = flow.input(UInt8.self, differences: Parity.self)
  let contents = records.map { $0 % 4 }.contents()
  let (counted, pairs) = flow.input(UInt8.self, differences: DifferencePair<Int, Int>.self)
  let sums = pairs.map { $0 % 2 }.contents()
  for record in 0..<6 as Range<UInt8> {
    input.update(record, by: Parity(isOdd: true))
    counted.update(record, by: DifferencePair(1, Int(record)))
  }
  input.advance(to: 1)
  counted.advance(to: 1)
  flow.step()
  #expect(contents.records == [2: Parity(isOdd: true), 3: Parity(isOdd: true)])
  #expect(sums.records == [0: DifferencePair(3, 6), 1: DifferencePair(3, 9)])
}

/// The group of two elements.
struct Parity: Weight {
  var isOdd: Bool
  static var zero: Parity { Parity(isOdd: false) }
  static var one: Parity { Parity(isOdd: true) }
  static func + (a: Parity, b: Parity) -> Parity { Parity(isOdd: a.isOdd != b.isOdd) }
  static func - (a: Parity, b: Parity) -> Parity { a + b }
  static func * (a: Parity, b: Parity) -> Parity { Parity(isOdd: a.isOdd && b.isOdd) }
}
