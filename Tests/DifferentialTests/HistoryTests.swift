import Differential
import Testing

@Test func historiesAnswerAtEveryEpochThatTheyHold() {
  var generator = TestGenerator(seed: 11)
  let flow = Dataflow<UInt32>()
  let (input, pairs) = flow.input(KeyValue.self)
  let arranged = pairs.arrangeByKey()
  let history = arranged.history()
  var values: [[KeyValue: Int]] = []
  var now: [KeyValue: Int] = [:]
  for epoch in 0..<200 as Range<UInt32> {
    for _ in 0..<3 {
      let pair = Pair(UInt8.random(in: 0..<4, using: &generator), UInt8.random(in: 0..<4, using: &generator))
      let difference = (now[pair] ?? 0) > 0 && Bool.random(using: &generator) ? -1 : 1
      now[pair, default: 0] += difference
      if now[pair] == 0 { now[pair] = nil }
      input.update(pair, by: difference)
    }
    values.append(now)
    input.advance(to: epoch + 1)
    flow.step()
    if epoch == 120 { history.advance(to: 100) }
    if epoch % 40 == 39 {
      for at in history.since...epoch {
        let records = history.records(at: at)
        #expect(Dictionary(uniqueKeysWithValues: records.map { ($0.value, $0.difference) }) == values[Int(at)])
        let own = history.values(of: 2, at: at).map { Pair(2 as UInt8, $0.value) }
        #expect(own == values[Int(at)].keys.filter { $0.first == 2 }.sorted())
      }
    }
  }
  let held = arranged.heldUpdates
  for epoch in 200..<1_000 as Range<UInt32> {
    history.advance(to: epoch)
    input.update(Pair(9, 9), by: epoch % 2 == 0 ? 1 : -1)
    input.advance(to: epoch + 1)
    flow.step()
  }
  #expect(arranged.heldUpdates < held / 4, "what is given up is compacted")
}
