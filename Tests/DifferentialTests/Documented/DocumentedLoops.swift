import Differential
import Testing

// The examples of the catalog's pages on loops, as they stand there.

@Test func iterateFindsTheFixedPoint() {
  let flow = Dataflow<UInt32>()
  let (links, edges) = flow.input(Pair<UInt32, UInt32>.self)
  let (given, starts) = flow.input(UInt32.self)
  let reached = starts.iterate { loop, found in
    found.map { Pair($0, Unit()) }
      .join(edges.enter(loop)) { _, _, next in next }
      .concat(starts.enter(loop))
      .distinct()
  }.contents()
  given.insert(1)
  given.close()
  for link in [Pair(1, 2), Pair(2, 3), Pair(4, 5)] as [Pair<UInt32, UInt32>] { links.insert(link) }
  links.advance(to: 1)
  flow.step()
  #expect(reached.records == [1: 1, 2: 1, 3: 1])
  links.remove(Pair(2, 3))
  links.insert(Pair(2, 4))
  links.advance(to: 2)
  flow.step()
  #expect(reached.records == [1: 1, 2: 1, 4: 1, 5: 1])
}

@Test func prioritiesChangeNothingInTheResult() {
  let flow = Dataflow<UInt32>()
  let (links, edges) = flow.input(Pair<UInt32, UInt32>.self)
  let nodes = edges.flatMap { [Pair($0.first, $0.first), Pair($0.second, $0.second)] }.distinct()
  let least = nodes.prioritizedIterate(priority: { $0.second * 10 }) { loop, labels in
    labels.join(edges.enter(loop)) { _, label, next in Pair(next, label) }
      .concat(nodes.enterAt(loop) { $0.second * 10 })
      .min()
  }.contents()
  for link in [Pair(1, 2), Pair(2, 3), Pair(3, 4)] as [Pair<UInt32, UInt32>] { links.insert(link) }
  links.advance(to: 1)
  flow.step()
  #expect(least.records == [Pair(1, 1): 1, Pair(2, 1): 1, Pair(3, 1): 1, Pair(4, 1): 1])
}

@Test func whatEntersIsThereInAllRounds() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(Int.self)
  var times: [Product<UInt32, UInt32>] = []
  flow.root.loop { loop in _ = numbers.enter(loop).inspect { times.append($0.time) } }
  input.insert(7)
  input.advance(to: 1)
  flow.step()
  #expect(times == [Product(0, 0)])
}

@Test func recordsEnterAtRoundsOfTheirOwn() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(UInt32.self)
  var times: [UInt32: Product<UInt32, UInt32>] = [:]
  flow.root.loop { loop in
    _ = numbers.enterAt(loop) { $0 * 100 }.inspect { times[$0.data] = $0.time }
  }
  input.insert(0)
  input.insert(3)
  input.advance(to: 1)
  flow.step()
  #expect(times == [0: Product(0, 0), 3: Product(0, 300)])
}

@Test func whatLeavesIsWhatAllRoundsCameTo() {
  let flow = Dataflow<UInt32>()
  let (input, numbers) = flow.input(UInt32.self)
  let back = flow.root.loop { loop in numbers.enterAt(loop) { $0 }.leave(flow.root) }.contents()
  input.insert(5)
  input.insert(9)
  input.advance(to: 1)
  flow.step()
  #expect(back.records == [5: 1, 9: 1])
}

@Test func loopsCanHaveSeveralVariables() {
  let flow = Dataflow<UInt32>()
  let (input, pairs) = flow.input(Pair<UInt32, UInt32>.self)
  // Numbers that an even, or an odd, number of steps leads to, from 0.
  let (even, odd) = flow.root.loop { loop in
    let next = pairs.enter(loop).arrangeByKey()
    let start = pairs.filter { $0.first == 0 }.map { $0.first }.distinct().enter(loop)
    let evenly = Variable<UInt32, UInt32, UInt32, Int>(loop, from: start)
    let oddly = Variable<UInt32, UInt32, UInt32, Int>(loop)
    oddly.set(evenly.collection.arrangeBySelf().join(next) { _, _, end in end }.distinct())
    evenly.set(oddly.collection.arrangeBySelf().join(next) { _, _, end in end }.concat(start).distinct())
    return (evenly.collection.leave(flow.root), oddly.collection.leave(flow.root))
  }
  let (evenContents, oddContents) = (even.contents(), odd.contents())
  for number in 0..<4 as Range<UInt32> { input.insert(Pair(number, number + 1)) }
  input.advance(to: 1)
  flow.step()
  #expect(evenContents.records == [0: 1, 2: 1, 4: 1])
  #expect(oddContents.records == [1: 1, 3: 1])
}

@Test func largeChangesAreLoadedLikeNewData() {
  let flow = Dataflow<UInt32>()
  let (input, edges) = flow.input(Pair<UInt32, UInt32>.self)
  var made = 0
  let core = edges.rebuilding(whenChangesExceedOneIn: 4) { edges in
    made += 1
    return edges.core(2)
  }.contents()
  for node in 0..<10 as Range<UInt32> { input.insert(Pair(node, (node + 1) % 10)) }
  input.advance(to: 1)
  flow.step()
  input.remove(Pair(3, 4))
  input.advance(to: 2)
  flow.step()
  #expect(core.count == 0 && made == 1, "one of ten edges")
  for node in 20..<30 as Range<UInt32> { input.insert(Pair(node, node)) }
  input.advance(to: 3)
  flow.step()
  #expect(core.count == 10 && made == 2, "as many as there are")
}
