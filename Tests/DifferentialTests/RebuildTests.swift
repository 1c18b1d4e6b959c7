import Differential
import Testing

private typealias Edge = Pair<UInt32, UInt32>

@Test(arguments: 0..<6 as Range<UInt64>) func makingALoopAnewChangesNoResult(seed: UInt64) {
  var generator = TestGenerator(seed: seed)
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Edge.self)
  let kept = Recorder(edges.stronglyConnected())
  var made = 0
  let anew = Recorder(
    edges.rebuilding(whenChangesExceedOneIn: 4) { edges in
      made += 1
      return edges.stronglyConnected()
    })
  var live: [Edge] = []
  for epoch in 0..<30 as Range<UInt32> {
    // Few changes, and now and then as many as there are edges.
    let many = epoch % 7 == 3
    for _ in 0..<(epoch == 0 ? 20 : many ? 18 : Int.random(in: 0..<3, using: &generator)) {
      if epoch > 0, live.count > 4, Bool.random(using: &generator) {
        input.update(live.swapRemove(Int.random(in: 0..<live.count, using: &generator)), at: epoch, by: -1)
      } else {
        live.append(Pair(.random(in: 0..<9, using: &generator), .random(in: 0..<9, using: &generator)))
        input.update(live.last!, at: epoch, by: 1)
      }
    }
    if epoch < 29, Int.random(in: 0..<4, using: &generator) == 0 { continue }
    input.advance(to: epoch + 1)
    flow.step()
    #expect(kept.consolidatedUpdates == anew.consolidatedUpdates, "epoch \(epoch)")
  }
  #expect(made > 1 && made < 15, "made \(made) times")
}

@Test func smallChangesAreNotMadeAnew() {
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Edge.self)
  var made = 0
  let results = Recorder(
    edges.rebuilding { edges in
      made += 1
      return edges.core(2)
    })
  for node in 0..<200 as Range<UInt32> { input.insert(Pair(node, (node + 1) % 200)) }
  for epoch in 1..<20 as Range<UInt32> {
    input.advance(to: epoch)
    flow.step()
    input.update(Pair(epoch, epoch), by: epoch % 2 == 0 ? 1 : -1)
  }
  #expect(made == 1)
  #expect(accumulated(results.updates, at: 0).count == 200)
}
