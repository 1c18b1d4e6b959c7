import BuildGraph
import Diagnostics
import Language
import Testing

/// What of a program's text an evaluation depends on, and where its lines went.
struct LayoutTests {
  private func layout(_ text: String) -> ProgramLayout {
    let (tree, diagnostics) = parse(SourceFile(name: "main.rf", text: text))
    #expect(diagnostics.isEmpty, "\(text)")
    return tree.layout
  }

  private static let text = """
    val a = 1
    func f(x int) = exec() (out file) {"
      echo {{x}} > {{out}}
    "}
    val Main = [
      f(i) | i <- [a, 2]]

    """

  @Test(arguments: [
    "// first\n\n\(text)", "\(text)// last", "\(text)\n\n/* more\nlines */\n",
    text.replacing("= 1", with: "= 1 // one"),
    text.replacing("[\n", with: "[  /* é */\n\n  // list\n"),
    text.replacing("= 1\n", with: "= 1   \r\n"),
  ])
  func `comments and empty lines leave the words as they are`(_ other: String) {
    #expect(layout(other).words == layout(Self.text).words)
  }

  @Test(arguments: [
    text.replacing("1", with: "3"), text.replacing("a, 2", with: "2, a"),
    text.replacing("echo", with: "// echo"), text.replacing("echo", with: "echo "),
    text.replacing("  f(i)", with: " f(i)"), text.replacing("[\n  f", with: "[ f"),
    text.replacing("a = 1", with: "/**/a = 1"), text.replacing("1\n", with: "1; "),
    "\(text)val b = 2\n", text.replacing("{{x}}", with: "{{ x}}"),
  ])
  func `another word, another column or another line break is another program`(_ other: String) {
    #expect(layout(other).words != layout(Self.text).words)
  }

  @Test func `a line is found where it went`() {
    var placed = PlacedProgram(layout(Self.text))
    // On the fourth no word begins: the template's last piece does so on the third.
    #expect(placed.evaluated.lines == [.init(first: 1, count: 3), .init(first: 5, count: 2)])
    #expect(!placed.hasMoved)
    let moved =
      "// one\n\nval a = 1\n/* two */\n" + Self.text.split(separator: "\n").dropFirst().joined(separator: "\n")
    let isSame = placed.move(to: layout(moved))
    #expect(isSame && placed.hasMoved)
    #expect(placed.line(of: 1) == 3)
    #expect(placed.line(of: 2) == 5)
    #expect(placed.line(of: 5) == 8)
    #expect(placed.line(of: 99) == nil)
    let isBack = placed.move(to: layout(Self.text))
    #expect(isBack && !placed.hasMoved)
    let isMore = placed.move(to: layout(Self.text + "val c = 1\n"))
    #expect(!isMore && !placed.hasMoved)
  }
}
