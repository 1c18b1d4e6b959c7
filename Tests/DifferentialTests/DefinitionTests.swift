import Differential
import Testing

/// In no loop (where the cheaper algorithms of total orders work), in one, two and three, and with several epochs a step and
/// interruptions at random places.
@Test(arguments: definedOperators.indices, 0...3)
func everyOperatorKeepsItsDefinitionAtEveryTimeOfRandomHistories(place: Int, loops: Int) {
  func check(_ tested: some DefinedOperator) {
    for seed in 0..<20 as Range<UInt64> {
      var generator = TestGenerator(seed: seed &* 1_000 &+ UInt64(4 * place + loops))
      let epochs = UInt32.random(in: 1...5, using: &generator)
      let history = randomSidedHistory(&generator, loops: loops, epochs: epochs)
      let steps = randomSteps(&generator, epochs: epochs)
      var interruptions = generator
      let isInterrupted = seed % 2 == 1
      let emitted = emissions(of: tested, over: history, loops: loops, stepsEndingAt: steps) {
        isInterrupted && Bool.random(using: &interruptions)
      }
      if let reason = disagreement(of: tested, over: history, emitted: emitted) {
        Issue.record("\(definedOperators[place].name) in \(loops) loops: \(reason); \(history), steps \(steps)")
      }
    }
  }
  check(definedOperators[place].tested)
}

/// The checker itself: a difference left out, one too many and one at another time are found.
@Test func theCheckerOfDefinitionsFindsWrongDifferences() {
  let history = [
    SidedChange(time: [0, 1], isRight: false, data: Pair(1, 1), difference: 1),
    SidedChange(time: [1, 0], isRight: false, data: Pair(1, 2), difference: 1),
  ]
  let right = emissions(of: ReduceOperator(), over: history, loops: 1, stepsEndingAt: [2])
  #expect(disagreement(of: ReduceOperator(), over: history, emitted: right) == nil)
  for index in right.indices {
    var fewer = right
    fewer.remove(at: index)
    #expect(disagreement(of: ReduceOperator(), over: history, emitted: fewer) != nil)
    #expect(disagreement(of: ReduceOperator(), over: history, emitted: right + [right[index]]) != nil)
    var moved = right
    moved[index].time[1] += 5
    #expect(disagreement(of: ReduceOperator(), over: history, emitted: moved) != nil)
  }
}
