import Diagnostics

/// A graph as a page to look around in: pan, zoom, search, groups that open and close, keyboard, light and dark.
///
/// One file that loads nothing: it works from a disk, from a mail, without network.
package struct GraphView {
  private let picture: Picture
  private let grouping: Grouping
  private let layout: Layout

  /// - Complexity: near linear in nodes and edges.
  package init(_ picture: Picture) {
    self.picture = picture
    grouping = Grouping(picture)
    layout = Layout(sizes: grouping.units.map(Box.size), edges: grouping.edges)
  }

  /// - Parameter isLive: The page is told by a watch what happens, and asks it for the graph after each build.
  package func page(isLive: Bool = false) -> String {
    let states = Picture.State.allCases.filter { $0 != .plain }.map { state in
      "<button data-state=\"\(state.rawValue)\" aria-pressed=\"true\"><i class=\"dot \(state.rawValue)\"></i>\(state.word)</button>"
    }.joined()
    return """
      \(PageStyle.head(title: picture.title, style: PageStyle.graph))
      <body data-live="\(isLive ? "yes" : "no")">
      <header>
      <h1>\(escaped(picture.title))</h1>
      <input id="search" type="search" placeholder="Search ( / )" aria-label="Search">
      <span class="buttons">\(states)</span>
      <span class="buttons"><button data-act="expand">Expand all</button><button data-act="collapse">Collapse all</button>\
      <button data-act="farther" aria-label="Farther">−</button><button data-act="closer" aria-label="Closer">+</button>\
      <button data-act="fit">Fit</button><button data-act="theme">Light/dark</button></span>
      <progress id="bar" hidden></progress><output id="status" aria-live="polite"></output>
      </header>
      <main>
      <svg id="stage" tabindex="0" role="application" aria-label="The graph; press ? for the keys">
      <defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">\
      <path d="M0 0L8 4L0 8z"/></marker>\
      <marker id="tip-lit" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="4.5" markerHeight="4.5" \
      orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>
      <g id="scene"><g id="edges"></g><g id="nodes"></g><g id="lights"></g></g>
      </svg>
      <aside><div id="failures"></div><div id="panel" aria-live="polite"></div></aside>
      </main>
      <template id="help">
      <h2>Keys</h2>
      <dl><dt>drag, wheel</dt><dd>move, zoom</dd><dt>click</dt><dd>choose; a group opens or closes</dd>\
      <dt>/</dt><dd>search; Enter for the next</dd><dt>← →</dt><dd>what it reads, what reads it</dd><dt>↑ ↓</dt><dd>beside it</dd>\
      <dt>Enter</dt><dd>open or close its group</dd><dt>e, c</dt><dd>expand, collapse all</dd><dt>+ − 0</dt><dd>zoom, fit</dd>\
      <dt>t</dt><dd>light or dark</dd><dt>Esc</dt><dd>let go</dd></dl>
      </template>
      <script type="application/json" id="data">\(Self.embedded(json))</script>
      <script>
      \(GraphScript.text)
      </script>
      </body>
      </html>

      """
  }

  /// JSON inside a page: nothing in it may end the element that holds it.
  static func embedded(_ json: String) -> String {
    var text = ""
    for scalar in json.unicodeScalars {
      // `<` occurs in strings only.
      if scalar == "<" { text += "\\u003c" } else { text.unicodeScalars.append(scalar) }
    }
    return text
  }

  /// What the page shows; a watch sends it again after each build.
  package var json: String {
    var json = JSONText()
    json.beginObject()
    json.field("title", picture.title)
    json.key("nodes")
    json.beginArray()
    for (index, node) in picture.nodes.enumerated() {
      json.beginObject()
      json.field("k", node.kind.rawValue)
      json.field("l", node.label)
      json.field("s", node.state.rawValue)
      json.key("d")
      json.beginArray()
      for line in node.details { json.string(line) }
      json.endArray()
      json.field("u", grouping.unitOf[index])
      json.endObject()
    }
    json.endArray()
    Self.write("edges", picture.edges.flatMap { [$0.from, $0.to] }, to: &json)
    json.key("units")
    json.beginArray()
    for unit in grouping.units {
      json.beginObject()
      json.field("l", unit.label)
      json.field("k", unit.kind.rawValue)
      Self.write("m", unit.members, to: &json)
      json.endObject()
    }
    json.endArray()
    writeLayout(to: &json)
    json.endObject()
    return json.text
  }

  private func writeLayout(to json: inout JSONText) {
    json.key("sizes")
    json.beginArray()
    for unit in grouping.units.indices {
      json.beginArray()
      json.literal(number(layout.size(of: unit).width))
      json.literal(number(layout.size(of: unit).height))
      json.endArray()
    }
    json.endArray()
    json.key("columns")
    json.beginArray()
    for column in layout.columns {
      json.beginArray()
      for item in column { json.integer(item) }
      json.endArray()
    }
    json.endArray()
    json.key("middles")
    json.beginArray()
    for middle in layout.middles { json.literal(number(middle)) }
    json.endArray()
    json.key("routes")
    json.beginArray()
    for route in layout.routes {
      json.beginObject()
      json.field("f", route.from)
      json.field("t", route.to)
      json.field("b", route.isReversed)
      Self.write("i", route.items, to: &json)
      json.endObject()
    }
    json.endArray()
  }

  private static func write(_ name: String, _ numbers: [Int], to json: inout JSONText) {
    json.key(name)
    json.beginArray()
    for number in numbers { json.integer(number) }
    json.endArray()
  }
}
