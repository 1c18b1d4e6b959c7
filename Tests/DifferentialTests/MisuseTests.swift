import Differential
import Testing

// What cannot mean anything ends the program with a sentence that says why. Each runs in a process of its own.

/// Whether a process that ended so said the sentence.
private func said(_ result: ExitTest.Result?, _ sentence: String) -> Bool {
  guard let result else { return false }
  return String(decoding: result.standardErrorContent, as: UTF8.self).contains(sentence)
}

@Test func inputsChangeOnlyAtOpenEpochs() async {
  let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
    let (input, _) = Dataflow<UInt32>().input(UInt8.self)
    input.advance(to: 3)
    input.update(1, at: 2, by: 1)
  }
  #expect(said(result, "an input changes only at epochs that are still open"))
}

@Test func inputsDoNotGoBack() async {
  let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
    let (input, _) = Dataflow<UInt32>().input(UInt8.self)
    input.advance(to: 3)
    input.advance(to: 2)
  }
  #expect(said(result, "an input cannot go back"))
}

@Test func collectionsOfDifferentDataflowsDoNotMix() async {
  let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
    let (_, mine) = Dataflow<UInt32>().input(UInt8.self)
    let (_, other) = Dataflow<UInt32>().input(UInt8.self)
    _ = mine.concat(other)
  }
  #expect(said(result, "collections are combined within one scope"))
}

@Test func collectionsEnterLoopsOfTheirOwnScope() async {
  let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
    let (_, mine) = Dataflow<UInt32>().input(UInt8.self)
    let other = Dataflow<UInt32>()
    other.root.loop { loop in _ = mine.enter(loop) }
  }
  #expect(said(result, "collections enter loops of their own scope"))
}

@Test func aStepIsNotMadeInsideAStep() async {
  let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
    let flow = Dataflow<UInt32>()
    let (input, records) = flow.input(UInt8.self)
    _ = records.count().inspect { _ in flow.step() }
    input.insert(1)
    input.advance(to: 1)
    flow.step()
  }
  #expect(said(result, "a step is not made from inside a step"))
}

@Test func variablesAreDefinedOnce() async {
  let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
    let (_, records) = Dataflow<UInt32>().input(UInt8.self)
    records.scope.loop { loop in
      let variable = Variable(loop, from: records.enter(loop))
      variable.set(variable.collection)
      variable.set(variable.collection)
    }
  }
  #expect(said(result, "a variable is defined once"))
}

@Test func epochsThatWereGivenUpAreNotRead() async {
  let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
    let flow = Dataflow<UInt32>()
    let (input, records) = flow.input(UInt8.self)
    let history = records.arrangeBySelf().history()
    input.advance(to: 5)
    flow.step()
    history.advance(to: 3)
    _ = history.values(of: 1, at: 2)
  }
  #expect(said(result, "this epoch has been given up"))
}

@Test func recordsAreNotDelayedToEarlierTimes() async {
  let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
    let flow = Dataflow<UInt32>()
    let (input, records) = flow.input(UInt8.self)
    _ = records.delay { _, _ in 0 }
    input.update(1, at: 1, by: 1)
    input.flush()
  }
  #expect(said(result, "delay cannot move a record to an earlier time"))
}
