import Differential
import Testing

@Test func resultsAreFinalWhenTheProbePassesTheirEpoch() {
  let flow = Dataflow<UInt64>()
  let (first, left) = flow.input(UInt32.self)
  let (second, right) = flow.input(UInt32.self)
  let together = left.concat(right).count()
  let probe = together.probe()
  let recorder = Recorder(together)
  first.insert(1)
  first.advance(to: 5)
  flow.step()
  #expect(!probe.isPast(0), "the second input may still change epoch 0")
  #expect(recorder.updates.isEmpty)
  second.insert(1)
  second.advance(to: 3)
  flow.step()
  #expect(probe.frontier == 3)
  #expect(flow.isComplete(2) && !flow.isComplete(3))
  #expect(recorder.consolidatedUpdates == [Update(Pair(1, 2), 0, 1)])
  first.close()
  second.close()
  flow.step()
  #expect(flow.frontier == Antichain())
}

@Test func anInterruptedStepGoesOnWhereItStopped() {
  func run(interrupting: Bool) -> [Update<Pair<UInt32, UInt32>, UInt32, Int>] {
    let flow = Dataflow<UInt32>()
    let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
    let recorder = Recorder(edges.stronglyConnected())
    for epoch in 0..<4 as Range<UInt32> {
      for node in 0..<9 as Range<UInt32> { input.insert(Pair(node, (node &* 5 &+ epoch) % 9)) }
      input.advance(to: epoch + 1)
      var stops = 0
      // One operator at a time: the closure says yes once a call.
      while true {
        var allowed = interrupting ? 1 : Int.max
        let isDone = flow.step {
          allowed -= 1
          return allowed >= 0
        }
        if isDone { break }
        stops += 1
        #expect(!flow.isComplete(epoch))
      }
      #expect(interrupting == (stops > 0))
      #expect(flow.isComplete(epoch))
    }
    return recorder.consolidatedUpdates
  }
  #expect(run(interrupting: true) == run(interrupting: false))
}

@Test func aChangeThatTouchesNothingVisitsFewOperators() {
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
  let (starts, roots) = flow.input(UInt32.self)
  let recorder = Recorder(roots.distances(along: edges))
  starts.insert(0)
  starts.close()
  for node in 0..<100 as Range<UInt32> { input.insert(Pair(node, node + 1)) }
  input.advance(to: 1)
  flow.step()
  let before = flow.visits
  let said = recorder.updates.count
  // An edge between nodes that the root does not lead to.
  input.insert(Pair(500, 501))
  input.advance(to: 2)
  flow.step()
  #expect(flow.visits - before <= 4)
  #expect(recorder.updates.count == said)
  let quiet = flow.visits
  input.advance(to: 3)
  flow.step()
  #expect(flow.visits == quiet, "an epoch without changes visits nothing")
}

@Test func memoryIsInProportionToLiveDataUnderEndlessUpdates() {
  let flow = Dataflow<UInt32>()
  let (input, pairs) = flow.input(Pair<UInt32, UInt32>.self)
  let arranged = pairs.arrangeByKey()
  let least = arranged.reduceArranged(by: LeastReduction())
  var largest = 0
  for epoch in 0..<3000 as Range<UInt32> {
    input.insert(Pair(epoch % 50, epoch))
    if epoch >= 100 { input.remove(Pair((epoch - 100) % 50, epoch - 100)) }
    input.advance(to: epoch + 1)
    flow.step()
    if epoch > 500 { largest = max(largest, arranged.heldUpdates + least.heldUpdates) }
  }
  #expect(largest < 1200, "100 pairs and 50 least ones are live")
}

@Test func whatIsRemovedIsForgottenThoughLittleIsLeftToMergeItWith() {
  let flow = Dataflow<UInt32>()
  let (input, pairs) = flow.input(Pair<UInt32, UInt32>.self)
  let arranged = pairs.arrangeByKey()
  let count: UInt32 = 4_000
  for at in 0..<count { input.insert(Pair(at, at)) }
  input.advance(to: 1)
  flow.step()
  // All but one go; then one pair comes and goes without end, and its batches cancel among themselves.
  for at in 1..<count { input.remove(Pair(at, at)) }
  input.advance(to: 2)
  flow.step()
  #expect(arranged.heldUpdates > Int(count), "or there is nothing to show")
  for epoch in 2..<8_000 as Range<UInt32> {
    if epoch % 2 == 0 { input.insert(Pair(9, 9)) } else { input.remove(Pair(9, 9)) }
    input.advance(to: epoch + 1)
    flow.step()
  }
  #expect(arranged.heldUpdates < 20, "two pairs are live")
}

@Test func memoryIsInProportionToLiveDataInLoopsToo() {
  var generator = TestGenerator(seed: 3)
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
  let arranged = edges.arrangeByKey()
  let starts = edges.map { _ in UInt32(0) }.distinct()
  let found = flow.root.loop { loop in
    let proposals = Variable<Pair<UInt32, UInt32>, UInt32, UInt32, Int>(loop)
    let nearest = proposals.collection.concat(starts.enter(loop).map { Pair($0, 0) }).arrangeByKey()
      .reduceArranged(by: LeastReduction())
    proposals.set(nearest.join(arranged.enter(loop)) { _, distance, next in Pair(next, distance + 1) })
    return nearest
  }
  var live: [Pair<UInt32, UInt32>] = []
  var largest = 0
  for epoch in 0..<2_000 as Range<UInt32> {
    let edge = Pair(UInt32.random(in: 0..<20, using: &generator), UInt32.random(in: 0..<20, using: &generator))
    live.append(edge)
    input.insert(edge)
    if live.count > 40 { input.remove(live.swapRemove(Int.random(in: 0..<live.count, using: &generator))) }
    input.advance(to: epoch + 1)
    flow.step()
    if epoch > 200 { largest = max(largest, found.heldUpdates) }
  }
  // Twenty nodes, each with one distance in each of the rounds that its history still tells apart.
  #expect(largest < 120, "\(largest)")
}

@Test func upkeepPerUpdateGrowsSlowlyWithTheData() {
  func moved(_ count: UInt32) -> Double {
    let flow = Dataflow<UInt32>()
    let (input, pairs) = flow.input(Pair<UInt32, UInt32>.self)
    let arranged = pairs.arrangeByKey()
    for at in 0..<count {
      input.insert(Pair(at &* 2_654_435_761 % count, at))
      if at % 16 == 15 {
        input.advance(to: at + 1)
        flow.step()
      }
    }
    return Double(arranged.movedUpdates) / Double(count)
  }
  let small = moved(2_000)
  let large = moved(20_000)
  #expect(large < small * 2 + 6, "ten times the data: \(small) and \(large) moves an update")
}

@Test func aDataflowIsFreedInTheMiddleOfAStepToo() {
  weak var scope: Scope<UInt32>?
  weak var session: Input<Pair<UInt32, UInt32>, UInt32, Int>?
  do {
    let flow = Dataflow<UInt32>()
    let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
    let contents = edges.stronglyConnected().contents()
    for node in 0..<20 as Range<UInt32> { input.insert(Pair(node, (node + 1) % 20)) }
    input.advance(to: 1)
    var allowed = 5
    let isDone = flow.step {
      allowed -= 1
      return allowed >= 0
    }
    #expect(!isDone && contents.count == 0)
    scope = flow.root
    session = input
  }
  #expect(scope == nil && session == nil)
}

@Test func aDataflowIsFreedThoughClosuresHoldItsInputsAndEpochsAreToCome() {
  weak var scope: Scope<UInt32>?
  weak var session: Input<UInt32, UInt32, Int>?
  do {
    let flow = Dataflow<UInt32>()
    let (input, records) = flow.input(UInt32.self)
    let counts = records.inspect { if $0.data < 9 { input.update($0.data + 1, at: $0.time + 5, by: 1) } }.count()
      .contents()
    input.insert(1)
    for epoch in 1...8 as ClosedRange<UInt32> {
      input.advance(to: epoch)
      flow.step { flow.visits < .max }
    }
    #expect(counts.count == 2)
    scope = flow.root
    session = input
  }
  #expect(scope == nil && session == nil)
}

@Test func aWorkerThatNeverSteppedIsFreed() {
  weak var scope: Scope<UInt32>?
  do {
    let flow = Dataflow<UInt32>(Team(count: 2, barrier: {}), worker: 0)
    let (_, records) = flow.input(UInt32.self)
    let counts = records.count().contents()
    scope = flow.root
    #expect(counts.count == 0)
  }
  #expect(scope == nil)
}

@Test func anInputOutlivesItsDataflowWithoutHarm() {
  var flow: Dataflow<UInt32>? = Dataflow()
  let (input, records) = flow!.input(UInt32.self)
  let contents = records.distinct().contents()
  input.insert(1)
  input.advance(to: 1)
  flow!.step()
  flow = nil
  for record in 0..<10_000 as Range<UInt32> { input.insert(record) }
  input.advance(to: 2)
  #expect(contents.records == [1: 1])
}

@Test func aDataflowThatIsGivenUpIsFreed() {
  weak var scope: Scope<UInt32>?
  do {
    let flow = Dataflow<UInt32>()
    let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
    let recorder = Recorder(edges.stronglyConnected())
    input.insert(Pair(1, 1))
    input.advance(to: 1)
    flow.step()
    scope = flow.root
    #expect(recorder.updates.count == 1)
  }
  #expect(scope == nil)
}
