import Diagnostics

/// A graph as one SVG file that needs nothing else: colours follow the viewer's light or dark mode, and what a part is, how it
/// went and why is told on hover.
package struct VectorPicture {
  private let picture: Picture
  private let grouping: Grouping
  private let layout: Layout

  /// - Parameter expandsAll: Draw every member of large groups.
  /// - Complexity: near linear in nodes and edges.
  package init(_ picture: Picture, expandsAll: Bool = false) {
    self.picture = picture
    grouping = Grouping(picture, expandsAll: expandsAll)
    layout = Layout(sizes: grouping.units.map(Box.size), edges: grouping.edges)
  }

  package var text: String {
    let legend = 34.0
    let width = max(layout.width, 420)
    let height = layout.height + legend
    var text = """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(number(width))" height="\(number(height))" \
      viewBox="0 0 \(number(width)) \(number(height))" role="img">
      <title>\(escaped(picture.title))</title>
      <style>\(Colours.style(root: "svg"))\(Self.style)</style>
      <defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" \
      orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>
      <rect class="ground" width="100%" height="100%"/>

      """
    text += Self.legend
    text += "<g transform=\"translate(0 \(number(legend)))\">\n"
    for route in layout.routes { text += drawn(route) }
    for unit in grouping.units.indices { text += drawn(unit) }
    return text + "</g>\n</svg>\n"
  }

  private func drawn(_ route: Layout.Route) -> String {
    let tip = route.isReversed ? " marker-start=\"url(#tip)\"" : " marker-end=\"url(#tip)\""
    return "<path class=\"edge\" d=\"\(Self.curve(layout.points(of: route)))\"\(tip)/>\n"
  }

  /// Level at every point, so that the pieces join smoothly.
  static func curve(_ points: [Layout.Point]) -> String {
    guard let first = points.first else { return "" }
    var path = "M\(number(first.x)) \(number(first.y))"
    var last = first
    for point in points.dropFirst() {
      if point.y == last.y {
        path += "H\(number(point.x))"
      } else {
        let middle = number((last.x + point.x) / 2)
        path += "C\(middle) \(number(last.y)) \(middle) \(number(point.y)) \(number(point.x)) \(number(point.y))"
      }
      last = point
    }
    return path
  }

  private func drawn(_ index: Int) -> String {
    let unit = grouping.units[index]
    let (corner, size) = (layout.corner(of: index), layout.size(of: index))
    let details: [String]
    if unit.isGroup {
      let shown = unit.members.prefix(12).map { picture.nodes[$0].label }
      let more = unit.members.count - shown.count
      details =
        ["\(unit.label): \(Box.counted(unit))", Box.states(unit, of: picture)].filter { !$0.isEmpty } + shown
        + (more > 0 ? ["and \(more) more"] : [])
    } else {
      details = [picture.nodes[unit.members[0]].label] + picture.nodes[unit.members[0]].details
    }
    var text = "<g class=\"node \(unit.kind.rawValue) \(unit.state.rawValue)\" "
    text += "transform=\"translate(\(number(corner.x)) \(number(corner.y)))\">"
    text += "<title>\(escaped(details.joined(separator: "\n")))</title>"
    if unit.isGroup {
      text +=
        "<rect class=\"behind\" x=\"4\" y=\"-4\" width=\"\(number(size.width))\" height=\"\(number(size.height))\""
      text += " rx=\"\(Self.radius(unit.kind))\"/>"
    }
    text += "<rect width=\"\(number(size.width))\" height=\"\(number(size.height))\" rx=\"\(Self.radius(unit.kind))\"/>"
    text += "<text x=\"13\" y=\"17\">\(escaped(Box.shown(unit.label)))</text>"
    if unit.isGroup { text += "<text class=\"count\" x=\"13\" y=\"32\">\(escaped(Box.counted(unit)))</text>" }
    return text + "</g>\n"
  }

  private static func radius(_ kind: Picture.Kind) -> Int {
    switch kind {
    case .step: 8
    case .source, .literal, .folder, .output: 2
    }
  }

  private static let legend: String = {
    var text = "<g class=\"legend\">"
    var x = 16
    for state in Picture.State.allCases {
      text +=
        "<g class=\"node \(state.rawValue)\" transform=\"translate(\(x) 10)\"><rect width=\"14\" height=\"14\" rx=\"4\"/>"
      text += "<text x=\"20\" y=\"11\">\(state.word)</text></g>"
      x += 34 + state.word.count * 8
    }
    return text + "</g>\n"
  }()

  private static let style = """
    text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:var(--ink)}
    .count{font-size:10.5px;fill:var(--quiet)}
    .ground{fill:var(--ground)}
    .edge{fill:none;stroke:var(--line);stroke-width:1.2}
    marker path{fill:var(--line)}
    \(PageStyle.nodes)

    """
}

/// The colours of all pictures: told apart also by who sees no red and green, and readable on both grounds.
enum Colours {
  private static let light = """
    --ground:#fff;--panel:#f7f8fa;--ink:#1b1f24;--quiet:#59636e;--line:#9aa4af;--plain:#8b95a1;--accent:#0a5ad6;\
    --run:#0a66c2;--run-fill:#dcecfb;--cached:#2e7d4f;--cached-fill:#e6f3ea;--stale:#a15c00;--stale-fill:#fdf0d9;\
    --failed:#b3261e;--failed-fill:#fbe3e1;
    """
  private static let dark = """
    --ground:#14171b;--panel:#1d2228;--ink:#e6e9ed;--quiet:#9aa5b1;--line:#5d6772;--plain:#77828e;--accent:#6aa7ff;\
    --run:#6aa7ff;--run-fill:#17304f;--cached:#63b883;--cached-fill:#17301f;--stale:#e0a44a;--stale-fill:#3a2a10;\
    --failed:#ff8a80;--failed-fill:#48191b;
    """

  /// Variables on an element: light, dark where the viewer prefers it, and either where an attribute `data-theme` says so.
  static func style(root: String) -> String {
    """
    \(root){\(light)}
    @media(prefers-color-scheme:dark){\(root){\(dark)}}
    \(root)[data-theme=light]{\(light)color-scheme:light}
    \(root)[data-theme=dark]{\(dark)color-scheme:dark}

    """
  }
}
