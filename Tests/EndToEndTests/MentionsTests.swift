import Testing

/// fixtures/mentions: what is kept of a stream is what sequential algorithms find.
@Suite struct MentionsTests {
  /// Mentions of few users, some of them a day old.
  private static func mentions(_ count: Int, seed: UInt64) -> [(src: Int, dst: Int, at: Int)] {
    var state = seed
    func next(_ bound: UInt64) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % bound)
    }
    return (0..<count).map { index in (next(30), next(30), index * 1_500 + next(400)) }
  }

  /// To each node of an edge within a component its least node, by what reaches what.
  private static func components(_ edges: Set<[Int]>) -> [String] {
    let nodes = Set(edges.flatMap { $0 })
    var reached: [Int: Set<Int>] = [:]
    for node in nodes {
      var seen: Set<Int> = []
      var open = [node]
      while let next = open.popLast() {
        for edge in edges where edge[0] == next && seen.insert(edge[1]).inserted { open.append(edge[1]) }
      }
      reached[node] = seen
    }
    return nodes.sorted().compactMap { node in
      guard let mine = reached[node], mine.contains(node) else { return nil }
      return "\(node),\(mine.filter { reached[$0]?.contains(node) == true }.min() ?? node)"
    }
  }

  private static func text(_ mentions: [(src: Int, dst: Int, at: Int)]) -> String {
    mentions.map { "\($0.src),\($0.dst),\($0.at)\n" }.joined()
  }

  @Test func `components, mutual pairs and the clock follow the stream`() throws {
    let stream = Self.mentions(120, seed: 5)
    let project = try Workspace(fixture: "mentions")
    try project.write("mentions.csv", "src,dst,at\n")
    for range in [0..<60, 60..<61, 61..<120] {
      try project.append(Self.text(Array(stream[range])), to: "mentions.csv")
      let build = try project.build()
      try #require(build.status == 0, "\(build.errors)")
      let known = stream[..<range.upperBound]
      let latest = known.map(\.at).max() ?? 0
      let edges = Set(known.filter { $0.at > latest - 86_400 && $0.src != $0.dst }.map { [$0.src, $0.dst] })
      let mutual = edges.filter { $0[0] < $0[1] && edges.contains([$0[1], $0[0]]) }.sorted {
        $0.lexicographicallyPrecedes($1)
      }
      let outputs = try project.texts()
      #expect(outputs["upto.csv"] == "at\n\(latest)\n")
      #expect(outputs["mutual.csv"] == "a,b\n" + mutual.map { "\($0[0]),\($0[1])\n" }.joined())
      #expect(outputs["components.csv"] == "node,label\n" + Self.components(edges).map { $0 + "\n" }.joined())
    }
  }
}
