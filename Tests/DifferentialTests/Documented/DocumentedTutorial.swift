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

  let current = labels.contents()
  var story: [String] = []
  _ = labels.inspectEpochs { epoch, changes in story.append("epoch \(epoch): \(changes)") }

  links.insert(Pair(1, 2))
  links.insert(Pair(3, 4))
  links.advance(to: 1)
  flow.step()
  #expect(current.records == [Pair(1, 1): 1, Pair(2, 1): 1, Pair(3, 3): 1, Pair(4, 3): 1])

  links.insert(Pair(2, 3))
  links.advance(to: 2)
  flow.step()
  #expect(story.last == "epoch 1: [(3, 1) x 1, (3, 3) x -1, (4, 1) x 1, (4, 3) x -1]")

  links.remove(Pair(2, 3))
  links.advance(to: 3)
  flow.step()
  #expect(current.sorted.map(\.value) == [Pair(1, 1), Pair(2, 1), Pair(3, 3), Pair(4, 3)])
}
