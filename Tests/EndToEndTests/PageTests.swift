import Foundation
import Testing

/// Pictures and pages: `graph --format svg|html`, `report`, in a browser where there is one.
@Suite struct PageTests {
  private static let program = """
    func Upper(part file) = exec(mem := 64 * 1024 * 1024) (upper file) {"
      grep -v bad {{part}} | tr a-z A-Z > {{upper}}
    "}
    func Join(parts [file]) = exec() (joined file) {" cat {{parts}} > {{joined}} "}
    val parts = [(name, Upper(part)) | (name, part) <- dir("data")]
    val counted = table(file("t.csv")) {n int}
    val Main = {parts: map(parts), all: Join([part | (_, part) <- parts]), big: [{n: r.n} | r <- counted, if r.n > 1]}

    """

  private func project(parts: Int = 60) throws -> Workspace {
    let project = try Workspace(["main.rf": Self.program, "t.csv": "n\n1\n2\n3\n"])
    for number in 0..<parts { try project.write("data/p\(number)<&>.txt", "text \(number)\n") }
    return project
  }

  @Test func `graph draws the last build with what ran, what was unchanged and what failed`() throws {
    let project = try project(parts: 5)
    #expect(try project.build().status == 0)
    let first = try project.reflow("graph", "--format", "svg").output
    #expect(first.hasPrefix("<svg ") && first.hasSuffix("</svg>\n"))
    #expect(first.components(separatedBy: "class=\"node step run\"").count == 1 + 5 + 1 + 1)
    #expect(first.contains("Upper[p1&lt;&amp;&gt;.txt]\nran in the last build\nbecause: never built\n"))
    try project.write("data/p1<&>.txt", "bad\n")
    #expect(try project.build().status == 1)
    let second = try project.reflow("graph", "--format", "svg").output
    #expect(second.components(separatedBy: "class=\"node step failed\"").count == 2)
    #expect(second.contains("failed in the last build: exit status 1\nbecause: input data/p1&lt;&amp;&gt;.txt changed"))
    #expect(second.components(separatedBy: "class=\"node step stale\"").count == 2, "Join could not run")
    #expect(second.contains("class=\"node output stale\""))
  }

  @Test func `a large graph is collapsed unless all of it is wanted`() throws {
    let project = try project()
    #expect(try project.build().status == 0)
    let collapsed = try project.reflow("graph", "--format", "svg").output
    #expect(collapsed.contains(">60 steps</text>") && !collapsed.contains(">Upper[p1&lt;&amp;&gt;.txt]</text>"))
    let whole = try project.reflow("graph", "--format", "svg", "--expand").output
    #expect(whole.contains(">Upper[p1&lt;&amp;&gt;.txt]</text>"))
  }

  @Test func `report tells of the last build that ran something, of memory, of tables and of the past`() throws {
    let project = try project(parts: 5)
    #expect(try project.build().status == 0)
    try project.append("more\n", to: "data/p0<&>.txt")
    #expect(try project.build().status == 0)
    let page = try project.reflow("report").output
    #expect(page.contains("<title>Build 2 of main.rf</title>"))
    #expect(
      page.contains("<td>Upper[p0&lt;&amp;&gt;.txt]</td>") && !page.contains("<td>Upper[p1&lt;&amp;&gt;.txt]</td>"))
    #expect(page.contains("because: input data/p0&lt;&amp;&gt;.txt changed"))
    #expect(page.contains("of 64.0 MiB asked"))
    #expect(page.contains("<td>csv</td><td class=\"number\">2</td>"), "the table has two records")
    #expect(page.contains("in  out  held  operator"), "what went through the table's plan")
    #expect(page.contains("5 of 14 steps"), "of seven steps five were unchanged in the second build")
    let row = "<td>Upper</td><td class=\"number\">6</td>"
    #expect(page.contains("<section id=\"requests\">") && page.contains(row), "five runs, and one more")
    let words = try project.reflow("report", "--resources").output.split(separator: "\n").map(String.init)
    let upper = try #require(words.first { $0.hasPrefix("Upper ") })
    #expect(upper.contains("64.0 MiB") && upper.contains("asks for more memory than it needs"))
    let table = try #require(words.first { $0.hasPrefix("Main ") }, "not called as the step before it")
    #expect(!table.contains(" 0 B"), "a table has its memory as well")
    let first = try project.reflow("report", "--build", "1").output
    #expect(
      first.contains("<title>Build 1 of main.rf</title>") && first.contains("<td>Upper[p1&lt;&amp;&gt;.txt]</td>"))
    let unknown = try project.reflow("report", "--build", "77")
    #expect(unknown.status == 2 && unknown.errors.contains("no build 77 is on record; there are 1 to 2"))
  }

  @Test func `a trace is what viewers of Chrome's format ask for`() throws {
    let project = try project(parts: 8)
    #expect(try project.build("-j4", "--trace", "trace.json").status == 0)
    let trace = try JSONSerialization.jsonObject(with: Data(try project.read("trace.json").utf8))
    let events = try #require(trace as? [[String: Any]])
    #expect(events.count == 10)
    var ends: [Int: Int] = [:]
    for event in events.sorted(by: { ($0["ts"] as? Int ?? 0) < ($1["ts"] as? Int ?? 0) }) {
      // Complete events: microseconds, and rows in which nothing overlaps.
      #expect(event["ph"] as? String == "X" && event["name"] is String && event["cat"] as? String == "run")
      let start = try #require(event["ts"] as? Int)
      let duration = try #require(event["dur"] as? Int)
      let row = try #require(event["tid"] as? Int)
      #expect(event["pid"] is Int && duration >= 0 && start >= ends[row] ?? 0)
      ends[row] = start + duration
      #expect((event["args"] as? [String: Any])?["reason"] as? String == "never built")
    }
  }

  @Test func `before a build there is nothing to draw`() throws {
    let project = try Workspace(["main.rf": "val Main = 1\n"])
    #expect(try project.reflow("report").status == 2)
    #expect(try project.reflow("graph", "--format", "html").status == 2)
  }

  /// The attribute of a page's body.
  private static func attribute(_ name: String, _ document: String) -> String? {
    guard let body = document.range(of: "<body "), let end = document[body.upperBound...].firstIndex(of: ">"),
      let start = document[body.upperBound..<end].range(of: "data-\(name)=\"")
    else { return nil }
    return String(document[start.upperBound...].prefix { $0 != "\"" })
  }

  @Test(.enabled(if: Browser.isThere, "there is no chromium here"))
  func `in a browser the page draws, searches, opens groups and chooses`() throws {
    let project = try project()
    #expect(try project.build().status == 0)
    try project.write("g.html", try project.reflow("graph", "--format", "html").output)
    let address = "file://" + project.path("g.html")
    let plain = try Browser.document(address, project)
    #expect(Self.attribute("ready", plain) == "yes")
    // data/, t.csv, Upper, Join, the table's step; parts/, all, big.csv.
    #expect(Self.attribute("drawn", plain) == "8")
    #expect(plain.contains("▸ Upper"))
    let found = try Browser.document(address + "#q=p5&open=all", project)
    // p5 and p50 to p59, each an input, a step and an output.
    #expect(Self.attribute("hits", found) == "33")
    #expect(Self.attribute("drawn", found) == "\(8 + 3 * 60)")
    let chosen = try Browser.document(address + "#choose=Upper%5Bp0%3C%26%3E.txt%5D&theme=dark", project)
    #expect(Self.attribute("chosen", chosen) == "Upper[p0&lt;&amp;&gt;.txt]")
    #expect(chosen.contains("data-theme=\"dark\"") && chosen.contains("<h3>reads</h3>"))
    #expect(chosen.contains("because: never built"))
    let png = try Browser.screenshot(address, project)
    #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]) && png.count > 5_000)
  }
}
