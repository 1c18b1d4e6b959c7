import BuildGraph
import Diagnostics
import Testing

@testable import Language

/// The page that `reflow doc --html` prints.
@Suite struct DocumentationPageTests {
  private static let files = [
    "main.rf": """
    // A level, <0> to 9.
    param level = "a&b"
    val lib = make("./lib.rf")
    // Says `x < 1`.
    //
    //   code()
    // And more.
    func Main(x int) = lib.F(x)

    """,
    "lib.rf": "val s = make(\"$/path\")\nfunc F(x int) = s.Base(\"\")\n",
  ]

  private func page() -> String {
    let files = Self.files
    let program = ProgramLoader { path in
      files[path.display].map { .success(Array($0.utf8)) } ?? .failure(UnreadableModule("gone"))
    }.load("main.rf")
    #expect(!program.hasErrors)
    return DocumentationPage(of: program, title: "main.rf").html
  }

  @Test func `all modules are on the page, those of the system last, and every name can be gone to`() {
    let page = page()
    let places = ["<h1>main.rf</h1>", "<h1>lib.rf</h1>", "<h1>$/path</h1>"].map { page.firstRange(of: $0)?.lowerBound }
    #expect(places.allSatisfy { $0 != nil } && places.compactMap { $0 } == places.compactMap { $0 }.sorted())
    let anchors = page.matches(of: /href="#([^"]+)"/).map { String($0.1) }
    #expect(anchors.count == 3 + 3 + 4)
    for anchor in anchors { #expect(page.contains("id=\"\(anchor)\""), "\(anchor)") }
  }

  @Test func `text is escaped, and comments keep their paragraphs and code`() {
    let page = page()
    #expect(page.contains("param level string = &quot;a&amp;b&quot;"))
    #expect(page.contains("<p>A level, &lt;0&gt; to 9.</p>"))
    #expect(page.contains("<p>Says <code>x &lt; 1</code>.</p>\n<pre>  code()</pre>\n<p>And more.</p>"))
    #expect(DocumentationPage.paragraphs("a ` b\n") == "<p>a ` b</p>\n")
    #expect(DocumentationPage.paragraphs("") == "")
  }

  @Test func `the page asks for nothing from elsewhere`() {
    let page = page()
    for word in ["http:", "https:", "src=", "@import", "url("] { #expect(!page.contains(word), "\(word)") }
  }
}
