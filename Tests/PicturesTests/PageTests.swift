import Foundation
import Testing

@testable import Pictures

@Suite struct PictureTextTests {
  static func picture(samples: Int) -> Picture {
    var nodes: [Picture.Node] = []
    var edges: [Picture.Edge] = []
    func add(_ kind: Picture.Kind, _ label: String, _ state: Picture.State, _ group: String) -> Int {
      nodes.append(Picture.Node(kind: kind, label: label, state: state, details: ["of \(label)"], group: group))
      return nodes.count - 1
    }
    let genome = add(.source, "genome.fa", .plain, ".")
    var aligned: [Int] = []
    for sample in 0..<samples {
      let reads = add(.source, "data/s\(sample).fq", .plain, "data/")
      let step = add(.step, "Align[s\(sample).fq]", sample == 1 ? .failed : sample % 3 == 0 ? .run : .cached, "Align")
      edges += [Picture.Edge(from: genome, to: step), Picture.Edge(from: reads, to: step)]
      aligned.append(step)
    }
    let merge = add(.step, "Merge", .stale, "Merge")
    edges += aligned.map { Picture.Edge(from: $0, to: merge) }
    let output = add(.output, "all <&> \"x\"</script>", .stale, ".")
    edges.append(Picture.Edge(from: merge, to: output))
    return Picture(title: "main.rf", nodes: nodes, edges: edges)
  }

  @Test func `a small picture is drawn whole and a large one by groups`() {
    let small = Grouping(Self.picture(samples: 10))
    #expect(small.units.count == 23 && !small.units.contains { $0.isGroup })
    let large = Grouping(Self.picture(samples: 5_000))
    #expect(large.units.map(\.members.count) == [1, 5_000, 5_000, 1, 1])
    #expect(large.units[2].state == .failed, "what failed in a group shows")
    #expect(large.edges.map { [$0.from, $0.to] } == [[0, 2], [1, 2], [2, 3], [3, 4]])
    #expect(Grouping(Self.picture(samples: 5_000), expandsAll: true).units.count == 10_003)
  }

  @Test(arguments: [1, 10, 500])
  func `an svg is well-formed, tells reasons, and loads nothing`(samples: Int) throws {
    let text = VectorPicture(Self.picture(samples: samples)).text
    let parser = XMLParserCount(text)
    #expect(parser.isWellFormed)
    #expect(text.contains("all &lt;&amp;&gt; &quot;x&quot;&lt;/script&gt;"))
    #expect(text.contains("class=\"node step stale\"") && text.contains("class=\"node step failed\"") == (samples > 1))
    if samples == 10 { #expect(text.contains("<title>Align[s1.fq]\nof Align[s1.fq]</title>")) }
    #expect(!text.replacing("http://www.w3.org/2000/svg", with: "").contains("http"))
    #expect(text == VectorPicture(Self.picture(samples: samples)).text, "the same bytes each time")
  }

  @Test func `a page loads nothing, and no label ends its script`() throws {
    let page = GraphView(Self.picture(samples: 200)).page()
    #expect(page.components(separatedBy: "</script>").count == 3)
    let rest = page.replacing("http://www.w3.org/2000/svg", with: "")
    #expect(!rest.contains("http:") && !rest.contains("https:") && !rest.contains("src=") && !rest.contains("@import"))
    let start = try #require(page.range(of: "id=\"data\">"))
    let end = try #require(page.range(of: "</script>", range: start.upperBound..<page.endIndex))
    let json = Data(page[start.upperBound..<end.lowerBound].utf8)
    let data = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    #expect((data["nodes"] as? [Any])?.count == 403)
    #expect((data["edges"] as? [Int])?.count == 2 * (200 * 3 + 1))
    #expect((data["units"] as? [Any])?.count == 5)
    let columns = try #require(data["columns"] as? [[Int]])
    #expect(columns.joined().count == (data["middles"] as? [Any])?.count)
  }

  @Test func `a chain of ten thousand single steps is drawn whole`() {
    var picture = Picture(title: "chain", nodes: [], edges: [])
    for index in 0..<10_000 {
      picture.nodes.append(
        Picture.Node(kind: .step, label: "S\(index)", state: .run, details: [], group: "S\(index)"))
      if index > 0 { picture.edges.append(Picture.Edge(from: index - 1, to: index)) }
    }
    #expect(VectorPicture(picture).text.components(separatedBy: "<g class=\"node step run\"").count == 10_001)
  }
}

@Suite struct ReportTests {
  static func run(_ label: String, _ start: Double, _ seconds: Double, failed: Bool = false) -> Report.Run {
    Report.Run(
      label: label, start: start, seconds: seconds, cpuSeconds: seconds / 2, peakBytes: 1 << 20, askedBytes: 2 << 20,
      hasFailed: failed, ending: failed ? "exit status 1" : nil, reason: "never <built>")
  }

  static func report() -> Report {
    let past = (1...4).map {
      Report.Past(
        number: Int64($0), startedAt: 1e9 + Double($0), status: "succeeded", steps: 4, run: 4 - $0, cached: $0,
        failed: 0,
        seconds: 2)
    }
    var report = Report(
      program: "main.rf", build: past[3],
      runs: [run("A[1]", 0, 2), run("A[2]", 0.5, 1), run("A[3]", 1.5, 1), run("Join", 2.5, 1, failed: true)],
      history: past, tables: [.init(label: "T", form: "csv", inputs: ["a.csv"], records: 7, bytes: 99, seconds: 0.1)],
      requests: [
        .init(
          name: "A", runs: 3, seconds: 1, askedBytes: 4 << 30, peakBytes: 1 << 20, askedCPU: nil, usedCPU: 1,
          remarks: ["asks for <much>"])
      ])
    report.markCritical(order: [0, 1, 2, 3]) { $0 == 3 ? [0, 1, 2] : [] }
    return report
  }

  @Test func `runs at the same time have lanes of their own and a free lane is used again`() {
    #expect(Self.report().lanes.ofRuns == [0, 1, 1, 0])
    #expect(Self.report().lanes.all.map(\.number) == [0, 1])
  }

  @Test func `runs on nodes have lanes by node, those of this machine first`() {
    var report = Self.report()
    for (index, node) in ["n<2>", "", "n1", "n<2>"].enumerated() { report.runs[index].node = node }
    #expect(
      report.lanes.all == [.init(node: "", number: 0), .init(node: "n1", number: 0), .init(node: "n<2>", number: 0)])
    #expect(report.lanes.ofRuns == [2, 0, 1, 2])
    let page = ReportView(report).page
    #expect(page.contains(">n1 1</text>") && page.contains(">n&lt;2&gt; 1</text>") && page.contains("<th>On</th>"))
    #expect(!ReportView(Self.report()).page.contains("<th>On</th>"))
  }

  @Test func `a table's plan is on the page, as it was told`() {
    var report = Self.report()
    report.tables[0].plan = "in  out  held  operator\n 1    2     3  join <by> key"
    #expect(ReportView(report).page.contains("<pre>in  out  held  operator\n 1    2     3  join &lt;by&gt; key</pre>"))
  }

  @Test func `the critical path is the longest chain`() {
    #expect(Self.report().runs.map(\.isCritical) == [true, false, false, true])
    var alone = Self.report()
    alone.runs.removeLast()
    alone.runs = alone.runs.map { Self.run($0.label, $0.start, $0.seconds) }
    alone.markCritical(order: [0, 1, 2]) { _ in [] }
    #expect(alone.runs.map(\.isCritical) == [true, false, false])
  }

  @Test func `kinds are summed by name, the longest first`() {
    let kinds = Self.report().kinds
    #expect(kinds.map(\.name) == ["A", "Join"])
    #expect(kinds[0].count == 3 && kinds[0].seconds == 4 && kinds[0].longest == 2)
  }

  @Test func `a page has its sections, escapes what it is told, and loads nothing`() {
    let page = ReportView(Self.report()).page
    for id in ["timeline", "critical", "slowest", "kinds", "memory", "requests", "history", "tables"] {
      #expect(page.contains("<section id=\"\(id)\">"), "\(id)")
    }
    #expect(page.contains("never &lt;built&gt;") && !page.contains("<built>"))
    #expect(page.contains("4.0 GiB") && page.contains("asks for &lt;much&gt;"))
    #expect(!page.contains("http") && !page.contains("<script"))
  }

  @Test func `ticks are round and ten at most`() {
    for span in [0.001, 0.004, 0.03, 1, 7, 95, 4_000, 100_000] {
      let ticks = ReportView.ticks(upTo: span)
      #expect((1...11).contains(ticks.count) && ticks[0] == 0)
    }
  }
}

/// Whether a text is well-formed XML, by a small check of tags: Foundation's parser is a library of its own on Linux.
private struct XMLParserCount {
  let isWellFormed: Bool

  init(_ text: String) {
    var open: [Substring] = []
    var isFine = true
    var rest = text[...]
    while let start = rest.firstIndex(of: "<") {
      guard let end = rest[start...].firstIndex(of: ">") else {
        isFine = false
        break
      }
      let tag = rest[rest.index(after: start)..<end]
      let name = tag.drop { $0 == "/" }.prefix { $0 != " " && $0 != "/" }
      if tag.hasPrefix("/") {
        if open.popLast() != name { isFine = false }
      } else if !tag.hasSuffix("/") {
        open.append(name)
      }
      rest = rest[rest.index(after: end)...]
    }
    isWellFormed = isFine && open.isEmpty
  }
}
