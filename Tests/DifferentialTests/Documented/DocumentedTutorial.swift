import Differential
import Testing

/// The tutorial, whole.
@Test func theTutorialComesToWhatItSays() {
  let flow = Dataflow<UInt32>()
  let (links, edges) = flow.input(Pair<UInt32, UInt32>.self)

  let bothWays = edges.concat(edges.map { Pair($0.second, $0.first) })
  let start = bothWays.map { Pair($0.first, $0.first) }.distinct()

  let labels = start.iterate { loop, labels in
    labels.join(bothWays.enter(loop)) { _, label, neighbour in Pair(neighbour, label) }
      .concat(start.enter(loop))
      .min()
  }

  var current: [Pair<UInt32, UInt32>: Int] = [:]
  _ = labels.inspect { update in
    current[update.data, default: 0] += update.difference
    if current[update.data] == 0 { current[update.data] = nil }
  }

  links.insert(Pair(1, 2))
  links.insert(Pair(3, 4))
  links.advance(to: 1)
  flow.step()
  // current holds (1, 1), (2, 1), (3, 3), (4, 3)
  #expect(current == [Pair(1, 1): 1, Pair(2, 1): 1, Pair(3, 3): 1, Pair(4, 3): 1])

  links.insert(Pair(2, 3))
  links.advance(to: 2)
  flow.step()
  // (3, 3) and (4, 3) have gone, (3, 1) and (4, 1) come
  #expect(current == [Pair(1, 1): 1, Pair(2, 1): 1, Pair(3, 1): 1, Pair(4, 1): 1])

  links.remove(Pair(2, 3))
  links.advance(to: 3)
  flow.step()
  #expect(current == [Pair(1, 1): 1, Pair(2, 1): 1, Pair(3, 3): 1, Pair(4, 3): 1])
}
