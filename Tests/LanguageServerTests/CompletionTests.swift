import Diagnostics
import Testing

@testable import LanguageServer

@Suite struct CompletionTests {
  private static let library =
    "// How loud.\nparam level int\ntype T {a int}\nfunc Double(x int) = 2 * x + level\nval Name = \"n\"\n"

  private func labels(_ text: String, behind piece: String, _ occurrence: Int = 1) -> [String] {
    var client = Client(["lib.rf": Self.library])
    client.open("main.rf", text)
    return client.labels("main.rf", behind: piece, occurrence)
  }

  @Test func `behind a dot stand the members, also where nothing else is written yet`() {
    let lib = "val lib = make(\"./lib.rf\", level := 1)\n"
    #expect(labels(lib + "val Main = lib.\nval Other = 1\n", behind: "lib.", 2) == ["Double", "Name"])
    #expect(labels(lib + "val Main = lib.Do(1)\n", behind: "lib.Do") == ["Double", "Name"])
    #expect(labels("val r = {first: 1, second: \"\"}\nval Main = r.", behind: "r.") == ["first", "second"])
    #expect(
      labels("val s = make(\"$/path\")\nval Main = [s.(x) | x <- [\"\"]]\n", behind: "[s.") == [
        "Base", "Ext", "Dir", "Join",
      ])
    #expect(labels(lib + "func F(x lib.) = x\n", behind: "lib.", 2) == ["T"])
  }

  @Test func `names are those that are visible there, innermost first`() {
    let text = """
      val outer = 1
      func F(par int, outer string) = { local := par; [ | element <- [1], two <- [2]] }
      val later = 2

      """
    let found = labels(text, behind: "; [")
    #expect(Set(["outer", "par", "local", "element", "two", "len", "file", "exec"]).isSubset(of: found))
    #expect(!found.contains("later") && found.filter { $0 == "outer" }.count == 1)
    let case1 = labels("val Main = switch #A(1) { case #A(inside): ; case _: 2 }\n", behind: "(inside): ")
    #expect(case1.contains("inside"))
    let template = labels("func F(given file) = exec() (made file) {\" cat {{}} \"}\n", behind: "cat {{")
    #expect(Set(["given", "made"]).isSubset(of: template))
    #expect(!labels("func F(given int) = given\nval Main = \n", behind: "Main = ").contains("given"))
  }

  @Test func `arguments by name, tags, types and modules are completed as what they are`() {
    #expect(labels("val Main = exec(m) (out file) {\" \"}\n", behind: "exec(m").contains("mem"))
    #expect(labels("val Main = exec() (out file) {\" \"}\n", behind: "exec(").contains("image"))
    #expect(labels("val Main = table(file(\"x\"), ) {a int}\n", behind: "\"x\"), ").contains("format"))
    #expect(labels("@requires()\nval Main = 1\n", behind: "@requires(").contains("cpu"))
    #expect(labels("val l = make(\"./lib.rf\", )\n", behind: "rf\", ") == ["level"])
    #expect(labels("type S #Red | #Green(int)\nfunc F(s S) = s\nval Main = F(#)\n", behind: "F(#") == ["Green", "Red"])
    #expect(Set(["Mine", "int", "table"]).isSubset(of: labels("type Mine int\nfunc F(x ) = 1\n", behind: "(x ")))
    let paths = labels("val s = make(\"\")\n", behind: "make(\"")
    #expect(Set(["$/strings", "./lib.rf"]).isSubset(of: paths) && !paths.contains("./main.rf"))
  }

  @Test func `nothing is completed in comments, strings and the text of commands`() {
    let text = "// a comment\nval a = \"text here\" /* and */\nfunc F() = exec() (out file) {\" echo word \"}\n"
    for piece in ["a comm", "text", "and", "echo wo"] { #expect(labels(text, behind: piece) == [], "\(piece)") }
  }

  @Test func `an item says its type and its comment`() {
    var client = Client(["lib.rf": Self.library])
    client.open("main.rf", "val l = make(\"./lib.rf\", )\n")
    let item = client.ask("completion", "main.rf", at: "rf\", ", behind: true)["result"]?.array?.first
    #expect(item?["detail"] == "int")
    #expect(item?["documentation"]?["value"] == "How loud.\n")
  }

  @Test func `signature help shows the function and which argument is being written`() {
    var client = Client()
    client.open(
      "main.rf",
      "// Adds.\nfunc add(a int, b [int]) = a + b[0]\nval s = make(\"$/strings\")\nval Main = (add(1, [2, 3]), s.Join([\"\"], \"\"), fold())\n"
    )
    func help(_ piece: String) -> (String?, Int?) {
      let answer = client.ask("signatureHelp", "main.rf", at: piece, behind: true)["result"]
      return (answer?["signatures"]?.array?.first?["label"]?.string, answer?["activeParameter"]?.integer)
    }
    #expect(help("add(1") == ("func add(a int, b [int]) int", 0))
    #expect(help("add(1, [2, ") == ("func add(a int, b [int]) int", 1))
    #expect(help("Join([\"\"],") == ("func Join(strs [string], sep string) string", 1))
    #expect(help("fold(").0?.hasPrefix("func fold(") == true)
    #expect(help("val Main = (").0 == nil)
  }
}
