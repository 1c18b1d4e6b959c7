import Differential
import Foundation
import Testing

/// The tutorial, whole. `everyBlockOfTheCatalogIsCompiledHere` finds each of its blocks in this file.
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

@Test func everyBlockOfTheCatalogIsCompiledHere() throws {
  let here = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
  let code = lines(try String(contentsOf: here, encoding: .utf8))
  let catalog = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/Differential/Differential.docc")
  var blocks = 0
  for name in try FileManager.default.contentsOfDirectory(atPath: catalog.path) where name.hasSuffix(".md") {
    let text = try String(contentsOf: catalog.appending(path: name), encoding: .utf8)
    for part in text.components(separatedBy: "```swift\n").dropFirst() {
      let block = lines(part.components(separatedBy: "```")[0])
      blocks += 1
      let isHere = code.indices.contains { code[$0...].starts(with: block) }
      #expect(isHere, "\(name): \(block.first ?? "")")
    }
  }
  #expect(blocks >= 7)
}

/// The lines that are not empty, without their indentation.
private func lines(_ text: String) -> [Substring] {
  text.split(separator: "\n").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
}
