import Diagnostics

/// What the modules of a program offer, as one page for browsers that needs no other file.
package struct DocumentationPage: Sendable {
  private let title: String
  private let modules: [(name: String, documentation: ModuleDocumentation)]

  /// The entry first, then the modules that it refers to, then those of the system, by name.
  package init(of program: CheckedProgram, title: String) {
    var found: [(String, ModuleDocumentation)] = []
    var systemNames: Set<String> = []
    for module in program.modules.reversed() {
      found.append((module.tree.source.name, ModuleDocumentation(of: module)))
      for case .system(let system) in module.imports.values { systemNames.insert(system.name) }
    }
    for name in systemNames.sorted() {
      if let module = SystemModule(name: name) { found.append(("$/" + name, ModuleDocumentation(of: module))) }
    }
    self.title = title
    modules =
      found.prefix(1)
      + found.dropFirst().sorted { ($0.0.hasPrefix("$") ? 1 : 0, $0.0) < ($1.0.hasPrefix("$") ? 1 : 0, $1.0) }
  }

  package init(title: String, _ modules: KeyValuePairs<String, ModuleDocumentation>) {
    self.title = title
    self.modules = modules.map { ($0.key, $0.value) }
  }

  /// The page.
  ///
  /// - Complexity: O(its size).
  package var html: String {
    var page = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(escaped(title))</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <nav aria-label="Names">
      <input type="search" placeholder="Filter names" aria-label="Filter names" autofocus>

      """
    for (place, module) in modules.enumerated() {
      page += "<section><a class=\"module\" href=\"#m\(place)\">\(escaped(module.name))</a>\n<ul>\n"
      for item in module.documentation.items {
        page += "<li><a href=\"#\(Self.anchor(place, item))\">\(escaped(item.name))</a></li>\n"
      }
      page += "</ul></section>\n"
    }
    page += "</nav>\n<main>\n"
    for (place, module) in modules.enumerated() { page += section(place, module.name, module.documentation) }
    return page + "</main>\n<script>\(Self.script)</script>\n</body>\n</html>\n"
  }

  private func section(_ place: Int, _ name: String, _ documentation: ModuleDocumentation) -> String {
    var text = "<section id=\"m\(place)\">\n<h1>\(escaped(name))</h1>\n"
    if documentation.items.isEmpty { text += "<p>It exports nothing.</p>\n" }
    // Each kind where the first of it stands, with all of it.
    var kinds: [ModuleDocumentation.Item.Kind] = []
    for item in documentation.items where !kinds.contains(item.kind) { kinds.append(item.kind) }
    for kind in kinds {
      text += "<h2>\(Self.heading(kind))</h2>\n"
      for item in documentation.items where item.kind == kind {
        text += "<article id=\"\(Self.anchor(place, item))\">\n<pre><code>\(escaped(item.signature))</code></pre>\n"
        text += Self.paragraphs(item.documentation) + "</article>\n"
      }
    }
    return text + "</section>\n"
  }

  private static func heading(_ kind: ModuleDocumentation.Item.Kind) -> String {
    switch kind {
    case .param: "Parameters"
    case .type: "Types"
    case .value: "Values"
    case .function: "Functions"
    }
  }

  private static func anchor(_ place: Int, _ item: ModuleDocumentation.Item) -> String {
    "m\(place)-\(item.kind.rawValue)-\(escaped(item.name))"
  }

  /// A comment as paragraphs: an empty line parts two, a line that is indented stands as it is, and between backquotes is code.
  static func paragraphs(_ comment: String) -> String {
    var text = ""
    var lines: [Substring] = []
    func close() {
      guard !lines.isEmpty else { return }
      if lines.allSatisfy({ $0.hasPrefix("  ") }) {
        text += "<pre>" + escaped(lines.joined(separator: "\n")) + "</pre>\n"
      } else {
        text += "<p>" + inline(lines.joined(separator: "\n")) + "</p>\n"
      }
      lines = []
    }
    for line in comment.split(separator: "\n", omittingEmptySubsequences: false) {
      let isBlank = line.allSatisfy { $0 == " " }
      if isBlank || (!lines.isEmpty && lines[0].hasPrefix("  ") != line.hasPrefix("  ")) { close() }
      if !isBlank { lines.append(line) }
    }
    close()
    return text
  }

  private static func inline(_ text: String) -> String {
    let pieces = text.split(separator: "`", omittingEmptySubsequences: false)
    var result = ""
    for (place, piece) in pieces.enumerated() {
      if place.isMultiple(of: 2) {
        result += escaped(piece)
      } else if place < pieces.count - 1 {
        result += "<code>\(escaped(piece))</code>"
      } else {
        // A backquote without another one.
        result += "`" + escaped(piece)
      }
    }
    return result
  }

  private static let style = """

    :root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: light-dark(#0550ae, #79b8ff); }
    * { box-sizing: border-box; }
    body { margin: 0; font: 16px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: 16rem 1fr; }
    nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid var(--line); }
    nav input { width: 100%; padding: .3rem .5rem; font: inherit; }
    nav ul { list-style: none; margin: .2rem 0 1rem; padding-left: .8rem; }
    nav .module { display: block; margin-top: .6rem; font-weight: 600; }
    a { color: var(--link); text-decoration: none; overflow-wrap: anywhere; }
    a:hover, a:focus-visible { text-decoration: underline; }
    main { padding: 1rem 2rem; max-width: 60rem; min-width: 0; }
    article { margin: 0 0 1.2rem; scroll-margin-top: 1rem; }
    article:target { outline: 2px solid var(--link); outline-offset: .4rem; }
    pre { background: var(--soft); border: 1px solid var(--line); border-radius: .3rem; padding: .5rem .7rem; margin: 0 0 .4rem;
      white-space: pre-wrap; overflow-wrap: anywhere; }
    code, pre { font: .9em/1.5 ui-monospace, monospace; }
    p { margin: .3rem 0; }
    h1 { border-bottom: 1px solid var(--line); }
    @media (max-width: 45rem) { body { display: block; } nav { position: static; height: auto; border: 0; } }
    @media print { nav { display: none; } body { display: block; } }

    """

  private static let script = """

    const field = document.querySelector("nav input");
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      for (const item of document.querySelectorAll("nav li"))
        item.hidden = !item.textContent.toLowerCase().includes(wanted);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && document.activeElement !== field) { event.preventDefault(); field.focus(); }
    });

    """
}
