import Differential
import Testing

/// Values within bounds that change are what a filter by the bounds would leave, at every epoch.
@Suite struct WithinTests {
  @Test(arguments: 0..<40)
  func whatIsWithinBoundsFollowsThem(_ seed: Int) {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func below(_ limit: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % limit
    }
    let flow = Dataflow<UInt32>()
    let (rows, rowCollection) = flow.input(Pair<UInt64, UInt64>.self)
    let (bounds, boundCollection) = flow.input(Pair<UInt64, UInt64>.self)
    // From the first of a bound up to before the second.
    let within = rowCollection.arrangeByKey().within(
      boundCollection.arrangeBySelf(), turns: [{ $0 >= $1.first }, { $0 >= $1.second }],
      admits: { $0 >= $1.first && $0 < $1.second }
    ) { key, value in key * 1000 + value }
    var changes: [UInt32: [UInt64: Int]] = [:]
    _ = within.inspect { update in changes[update.time, default: [:]][update.data, default: 0] += update.difference }
    var held: [(key: UInt64, value: UInt64)] = []
    var current: [(low: UInt64, high: UInt64)] = []
    var expected: [[UInt64: Int]] = []
    for _ in 0..<30 {
      // Several epochs in a step.
      for _ in 0..<1 + below(3) {
        let epoch = UInt32(expected.count)
        for _ in 0..<below(40) {
          if below(3) == 0, !held.isEmpty {
            let gone = held.remove(at: Int(below(UInt64(held.count))))
            rows.update(Pair(gone.key, gone.value), at: epoch, by: -1)
          } else {
            let row = (key: below(60), value: below(5))
            held.append(row)
            rows.update(Pair(row.key, row.value), at: epoch, by: 1)
          }
        }
        if below(2) == 0 {
          if !current.isEmpty, below(4) > 0 {
            let gone = current.removeFirst()
            bounds.update(Pair(gone.low, gone.high), at: epoch, by: -1)
          }
          if current.count < 2 {
            let bound = (low: below(60), high: below(60))
            current.append(bound)
            bounds.update(Pair(bound.low, bound.high), at: epoch, by: 1)
          }
        }
        var all: [UInt64: Int] = [:]
        for row in held {
          let times = current.count { row.key >= $0.low && row.key < $0.high }
          if times > 0 { all[row.key * 1000 + row.value, default: 0] += times }
        }
        expected.append(all)
      }
      rows.advance(to: UInt32(expected.count))
      bounds.advance(to: UInt32(expected.count))
      flow.step()
    }
    var found: [UInt64: Int] = [:]
    for (epoch, all) in expected.enumerated() {
      for (record, difference) in changes[UInt32(epoch)] ?? [:] { found[record, default: 0] += difference }
      found = found.filter { $0.value != 0 }
      // Turned round, the ends of a bound admit nothing: `admits` decides.
      #expect(found == all, "epoch \(epoch) of seed \(seed)")
    }
  }
}
