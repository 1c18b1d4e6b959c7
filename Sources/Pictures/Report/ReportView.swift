import Diagnostics

/// A report as one page of HTML that needs nothing else.
package struct ReportView {
  private let report: Report
  private let lanes: (all: [Report.Lane], ofRuns: [Int])

  package init(_ report: Report) {
    self.report = report
    lanes = report.lanes
  }

  /// - Complexity: O(runs log runs).
  package var page: String {
    let title = "Build \(report.build.number) of \(report.program)"
    return """
      \(PageStyle.head(title: title, style: PageStyle.report))
      <body>
      <h1>\(escaped(title))</h1>
      <p class="quiet">\(Moment(report.build.startedAt)), \(escaped(report.build.status))</p>
      \(figures)
      \(section("timeline", "Timeline", timeline))
      \(section("critical", "Critical path", critical))
      \(section("slowest", "Slowest steps", slowest))
      \(section("kinds", "By name", kinds))
      \(section("memory", "Memory", memory))
      \(section("requests", "Asked for and used", requests))
      \(section("history", "Builds", history))
      \(section("tables", "Tables", tables))
      </body>
      </html>

      """
  }

  private func section(_ id: String, _ title: String, _ content: String) -> String {
    content.isEmpty ? "" : "<section id=\"\(id)\"><h2>\(title)</h2>\n\(content)</section>"
  }

  private var figures: String {
    let (build, span) = (report.build, report.span)
    let work = report.runs.reduce(0) { $0 + $1.seconds }
    let cpu = report.runs.reduce(0) { $0 + $1.cpuSeconds }
    var list = [
      ("\(build.steps)", "steps"), ("\(build.run)", "run"), ("\(build.cached)", "unchanged"),
      ("\(build.failed)", "failed"),
      (Measure.seconds(build.seconds), "in all"),
    ]
    if !report.runs.isEmpty {
      list += [
        (Measure.seconds(work), "of steps"), (Measure.seconds(cpu), "of CPU"),
        (span > 0 ? number(work / span) : "0", "steps at once, mean"),
        (Measure.bytes(report.runs.map(\.peakBytes).max() ?? 0), "largest step"),
      ]
    }
    return "<ul class=\"figures\">" + list.map { "<li><b>\(escaped($0.0))</b>\($0.1)</li>" }.joined() + "</ul>"
  }

  // MARK: Time

  private static let chartWidth = 1100.0
  private static let laneHeight = 22.0

  private var timeline: String {
    guard !report.runs.isEmpty else { return "<p class=\"quiet\">No step ran.</p>\n" }
    let span = max(report.span, 1e-3)
    // The names of nodes are long or short.
    let left = Double(max(0, lanes.all.map(\.node.count).max() ?? 0)) * 6.7 + 50
    let scale = (Self.chartWidth - left - 10) / span
    let height = Double(lanes.all.count) * Self.laneHeight + 26
    var text =
      "<div class=\"chart\"><svg width=\"\(number(Self.chartWidth))\" height=\"\(number(height))\" role=\"img\" "
    text += "aria-label=\"What ran when\">\n"
    for tick in Self.ticks(upTo: span) {
      let x = number(left + tick * scale)
      text += "<line class=\"grid\" x1=\"\(x)\" y1=\"0\" x2=\"\(x)\" y2=\"\(number(height - 18))\"/>"
      let isLast = left + tick * scale > Self.chartWidth - 70
      text += "<text class=\"quiet\" x=\"\(x)\" y=\"\(number(height - 5))\"\(isLast ? " text-anchor=\"end\"" : "")>"
      text += "\(Self.label(ofTick: tick))</text>\n"
    }
    for (index, lane) in lanes.all.enumerated() {
      let y = Double(index) * Self.laneHeight
      let name = (lane.node.isEmpty ? "" : lane.node + " ") + "\(lane.number + 1)"
      text += "<text class=\"quiet\" x=\"2\" y=\"\(number(y + 14))\">\(escaped(name))</text>\n"
      guard index > 0, lane.number == 0 else { continue }
      let width = number(Self.chartWidth)
      text += "<line class=\"grid\" x1=\"0\" y1=\"\(number(y - 1.5))\" x2=\"\(width)\" y2=\"\(number(y - 1.5))\"/>\n"
    }
    for (run, lane) in zip(report.runs, lanes.ofRuns) {
      let (x, width) = (left + run.start * scale, max(0.7, run.seconds * scale))
      let kind =
        (run.hasFailed ? "failed" : "run") + (run.isCritical ? " critical" : "") + (width < 4 ? " thin" : "")
      text += "<g class=\"bar\" transform=\"translate(\(number(x)) \(number(Double(lane) * Self.laneHeight)))\">"
      text +=
        "<title>\(escaped(told(run)))</title><rect class=\"\(kind)\" width=\"\(number(width))\" height=\"19\" rx=\"2\"/>"
      let letters = Int((width - 8) / 6.7)
      if letters >= 4 { text += "<text x=\"4\" y=\"13\">\(escaped(String(run.label.prefix(letters))))</text>" }
      text += "</g>\n"
    }
    let place = hasNodes ? " on its node" : ""
    return text + "</svg></div>\n<p class=\"quiet\">One row for each step that ran at the same time as others\(place); "
      + "outlined: the critical path.</p>\n"
  }

  private var hasNodes: Bool { report.runs.contains { !$0.node.isEmpty } }

  private func told(_ run: Report.Run) -> String {
    var lines = [
      run.label + (run.node.isEmpty ? "" : " on \(run.node)"),
      "\(Measure.seconds(run.seconds)), \(Measure.seconds(run.cpuSeconds)) of CPU",
    ]
    lines.append(
      "\(Measure.bytes(run.peakBytes)) of memory" + (run.askedBytes.map { ", \(Measure.bytes($0)) asked" } ?? ""))
    if let ending = run.ending { lines.append(ending) }
    if !run.reason.isEmpty { lines.append("because: \(run.reason)") }
    return lines.joined(separator: "\n")
  }

  /// `10 s` where the time is round, as it mostly is.
  private static func label(ofTick seconds: Double) -> String {
    guard seconds >= 1, seconds < 60, seconds == seconds.rounded() else { return Measure.seconds(seconds) }
    return "\(Int(seconds)) s"
  }

  /// Round times, ten at most.
  static func ticks(upTo span: Double) -> [Double] {
    var step = 1e-3
    let factors = [2.0, 2.5, 2.0]
    var index = 0
    while span / step > 10 {
      step *= factors[index % 3]
      index += 1
    }
    return (0...Int(span / step)).map { Double($0) * step }
  }

  private var critical: String {
    let chain = report.runs.filter(\.isCritical)
    guard !chain.isEmpty else { return "" }
    let total = chain.reduce(0) { $0 + $1.seconds }
    return "<p>\(Measure.seconds(total)) in \(chain.count == 1 ? "1 step" : "\(chain.count) steps"): "
      + "with any number of cores the build takes no less.</p>\n"
      + table(
        ["Step", "Start", "Took"], numbers: [1, 2],
        chain.map { [$0.label, Measure.seconds($0.start), Measure.seconds($0.seconds)] })
  }

  private var slowest: String {
    guard !report.runs.isEmpty else { return "" }
    let runs = report.runs.sorted { ($1.seconds, $0.start) < ($0.seconds, $1.start) }.prefix(25)
    return table(
      ["Step", "Took", "CPU", "Memory", "Ended", "Because"] + (hasNodes ? ["On"] : []), numbers: [1, 2, 3],
      runs.map {
        [
          $0.label, Measure.seconds($0.seconds), Measure.seconds($0.cpuSeconds), Measure.bytes($0.peakBytes),
          $0.ending ?? "ok", $0.reason,
        ] + (hasNodes ? [$0.node] : [])
      })
  }

  private var kinds: String {
    let kinds = report.kinds
    guard kinds.count < report.runs.count else { return "" }
    return table(
      ["Name", "Runs", "In all", "Mean", "Longest", "Most memory"], numbers: [1, 2, 3, 4, 5],
      kinds.map {
        [
          $0.name, "\($0.count)", Measure.seconds($0.seconds), Measure.seconds($0.seconds / Double($0.count)),
          Measure.seconds($0.longest), Measure.bytes($0.peakBytes),
        ]
      })
  }

  // MARK: Memory

  private var memory: String {
    let runs = largest
    guard let most = runs.map({ max($0.peakBytes, $0.askedBytes ?? 0) }).max(), most > 0 else { return "" }
    let scale = 620 / Double(most)
    var text =
      "<div class=\"chart\"><svg width=\"\(number(Self.chartWidth))\" height=\"\(runs.count * 20 + 4)\" role=\"img\" "
    text += "aria-label=\"Memory asked and used\">\n"
    for (index, run) in runs.enumerated() {
      let width = number(max(1, Double(run.peakBytes) * scale))
      text += "<g transform=\"translate(0 \(index * 20))\"><title>\(escaped(told(run)))</title>"
      text += "<text x=\"0\" y=\"13\">\(escaped(Box.shown(run.label)))</text>"
      text +=
        "<rect class=\"\(isOver(run) ? "failed" : "run")\" x=\"250\" y=\"3\" width=\"\(width)\" height=\"13\" rx=\"2\"/>"
      var end = 250 + Double(run.peakBytes) * scale
      if let asked = run.askedBytes {
        text +=
          "<rect class=\"asked\" x=\"250\" y=\"1\" width=\"\(number(Double(asked) * scale))\" height=\"17\" rx=\"2\"/>"
        end = max(end, 250 + Double(asked) * scale)
      }
      let asked = run.askedBytes.map { " of \(Measure.bytes($0)) asked" } ?? ""
      text +=
        "<text class=\"quiet\" x=\"\(number(end + 6))\" y=\"13\">\(Measure.bytes(run.peakBytes))\(asked)</text></g>\n"
    }
    return text + "</svg></div>\n<p class=\"quiet\">Filled: used at the most; framed: asked for in the program.</p>\n"
  }

  /// The runs that took most memory: of those of one name, which are often alike, three at most.
  private var largest: ArraySlice<Report.Run> {
    var counts: [String: Int] = [:]
    return report.runs.filter { $0.peakBytes > 0 }.sorted { ($1.peakBytes, $0.label) < ($0.peakBytes, $1.label) }
      .filter { run in
        let name = Picture.Node.group(ofStep: run.label)
        counts[name, default: 0] += 1
        return counts[name, default: 0] <= 3
      }.prefix(20)
  }

  private func isOver(_ run: Report.Run) -> Bool { run.askedBytes.map { run.peakBytes > $0 } ?? false }

  private var requests: String {
    guard !report.requests.isEmpty else { return "" }
    return
      "<p class=\"quiet\">Over the latest runs of all builds: what the program asks for, and the most that was used."
      + "</p>\n"
      + table(
        ["Name", "Runs", "Median", "Memory asked", "Used", "Cores asked", "Used", ""], numbers: [1, 2, 3, 4, 5, 6],
        report.requests.map { $0.words + [$0.remarks.joined(separator: "; ")] })
  }

  // MARK: The past

  private var history: String {
    guard report.history.count > 1 else { return "" }
    let most = Double(max(1, report.history.map { $0.run + $0.cached + $0.failed }.max() ?? 1))
    let width = min(28, (Self.chartWidth - 10) / Double(report.history.count))
    let height = 120.0
    var text =
      "<div class=\"chart\"><svg width=\"\(number(Self.chartWidth))\" height=\"\(number(height + 20))\" role=\"img\" "
    text += "aria-label=\"Steps run and unchanged, build by build\">\n"
    for (index, build) in report.history.enumerated() {
      text += "<g transform=\"translate(\(number(Double(index) * width)) 0)\"><title>"
      text += escaped(
        "build \(build.number), \(Moment(build.startedAt)): \(build.status)\n\(build.run) run, \(build.cached) unchanged, "
          + "\(build.failed) failed, \(Measure.seconds(build.seconds))")
      text += "</title>"
      var y = height
      for (kind, count) in [("cached", build.cached), ("run", build.run), ("failed", build.failed)] where count > 0 {
        let part = max(1.5, Double(count) / most * (height - 6))
        y -= part
        text +=
          "<rect class=\"\(kind)\" y=\"\(number(y))\" width=\"\(number(max(1, width - 3)))\" height=\"\(number(part))\"/>"
      }
      if width >= 20 || index % 10 == 0 {
        text += "<text class=\"quiet\" y=\"\(number(height + 14))\">\(build.number)</text>"
      }
      text += "</g>\n"
    }
    let looked = report.history.reduce(0) { $0 + $1.run + $1.cached + $1.failed }
    let hits = report.history.reduce(0) { $0 + $1.cached }
    let share = looked == 0 ? 0 : Int((Double(hits) / Double(looked) * 100).rounded())
    return text + "</svg></div>\n<p>\(hits) of \(looked) steps (\(share) %) had not to be run in these "
      + "\(report.history.count) builds.</p>\n<p class=\"quiet\">Green: unchanged; blue: run; red: failed. "
      + "Builds in which nothing at all had changed leave no record.</p>\n"
  }

  private var tables: String {
    guard !report.tables.isEmpty else { return "" }
    return table(
      ["Table", "As", "Records", "Size", "Took", "From"], numbers: [2, 3, 4],
      report.tables.map {
        [
          $0.label, $0.form, $0.records.map { "\($0)" } ?? "", $0.bytes.map(Measure.bytes) ?? "",
          $0.seconds.map(Measure.seconds) ?? "", $0.inputs.joined(separator: ", "),
        ]
      }) + plans
  }

  private var plans: String {
    report.tables.map { table in
      guard let plan = table.plan else { return "" }
      return "<details\(report.tables.count <= 3 ? " open" : "")><summary>The plan of \(escaped(table.label))</summary>"
        + "<pre>\(escaped(plan))</pre></details>\n"
    }.joined() + (report.tables.contains { $0.plan != nil } ? Self.planWords : "")
  }

  private static let planWords =
    "<p class=\"quiet\">In and out: records that came into an operator and that it handed on in the last run, those that go "
    + "among them; held: the records of its table now. Operators in loops are counted in all rounds.</p>\n"

  private func table(_ heads: [String], numbers: Set<Int>, _ rows: [[String]]) -> String {
    func cells(_ row: [String], _ tag: String) -> String {
      "<tr>"
        + row.enumerated().map {
          "<\(tag)\(numbers.contains($0.offset) ? " class=\"number\"" : "")>\(escaped($0.element))</\(tag)>"
        }.joined() + "</tr>\n"
    }
    return "<div class=\"chart\"><table><thead>\(cells(heads, "th"))</thead><tbody>\n"
      + rows.map { cells($0, "td") }.joined() + "</tbody></table></div>\n"
  }
}
