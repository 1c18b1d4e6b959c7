import Diagnostics
import Testing

@testable import LanguageServer

/// Hover, definition, references and rename.
@Suite struct NameTests {
  private static let library = """
    // How loud.
    param level int = 3

    // Greets somebody.
    // Politely.
    func Greet(name string) string = "hello " + name

    type Person {name string, age int}

    val Inner = {Deep: make("$/strings"), Own: {x: 1}}
    val hidden = 1
    val Shown = hidden + level

    """
  private static let main = """
    val lib = make("./lib.rf", level := 5)
    val strings = make("$/strings")
    func twice(s string) = { t := s + s; lib.Greet(t) }
    val who lib.Person = {name: "é😀", age: 3}
    val Main = [twice(w.name) + strings.Join([n], ",") | w <- [who], n <- [w.name]]
    func Sort(in file) = exec(mem := 1*GiB) (out file) {" sort {{in}} > {{out}} "}

    """

  private func client() -> Client {
    var client = Client(["lib.rf": Self.library, "other.rf": "val l = make(\"./lib.rf\")\nval Main = l.Shown\n"])
    client.open("main.rf", Self.main)
    #expect(client.messages("main.rf") == [])
    return client
  }

  @Test func `hover shows how a name would be declared, and its comment`() {
    var client = client()
    #expect(
      client.hover("main.rf", at: "Greet")
        == "```reflow\nfunc Greet(name string) string\n```\n\nGreets somebody.\nPolitely.\n")
    #expect(client.hover("main.rf", at: "twice", 2) == "```reflow\nfunc twice(s string) string\n```")
    #expect(client.hover("main.rf", at: "s + s") == "```reflow\ns string\n```")
    #expect(client.hover("main.rf", at: "w.name") == "```reflow\nw {name string, age int}\n```")
    #expect(client.hover("main.rf", at: "level") == "```reflow\nparam level int = 3\n```\n\nHow loud.\n")
    #expect(client.hover("main.rf", at: "Person") == "```reflow\ntype Person {name string, age int}\n```")
    #expect(client.hover("main.rf", at: "out}}") == "```reflow\noutput out file\n```")
    #expect(client.hover("main.rf", at: "Join")?.contains("func Join(strs [string], sep string) string") == true)
    #expect(client.hover("main.rf", at: "mem")?.contains("bytes of memory") == true)
    #expect(client.hover("main.rf", at: "./lib.rf")?.contains("`Greet`") == true)
    #expect(client.hover("main.rf", at: "= {", 1) == nil)
  }

  @Test func `a definition is found in its module and in others`() {
    var client = client()
    #expect(client.definition("main.rf", at: "twice", 2) == ["main.rf:3:6-11"])
    #expect(client.definition("main.rf", at: "t)") == ["main.rf:3:26-27"])
    #expect(client.definition("main.rf", at: "lib", 4) == ["main.rf:1:5-8"])
    #expect(client.definition("main.rf", at: "Greet") == ["lib.rf:6:6-11"])
    #expect(client.definition("main.rf", at: "Person") == ["lib.rf:8:6-12"])
    #expect(client.definition("main.rf", at: "level") == ["lib.rf:2:7-12"])
    #expect(client.definition("main.rf", at: "./lib.rf") == ["lib.rf:1:1-1"])
    #expect(client.definition("main.rf", at: "in}}") == ["main.rf:6:11-13"])
    #expect(client.definition("main.rf", at: "GiB") == [])
  }

  @Test func `a field is found where its struct is written down, through names, types and modules`() {
    var client = client()
    client.open(
      "fields.rf",
      """
      val lib = make("./lib.rf")
      val r = {a: {b: 1}}
      func F(p lib.Person) = p.age
      val Main = r.a.b + lib.Inner.Own.x + F({name: "n", age: 1})

      """)
    #expect(client.messages("fields.rf") == [])
    #expect(client.definition("fields.rf", at: "b + ") == ["fields.rf:2:14-15"])
    #expect(client.definition("fields.rf", at: "age") == ["lib.rf:8:27-30"])
    #expect(client.definition("fields.rf", at: "x + ") == ["lib.rf:10:45-46"])
  }

  @Test func `references are found in all modules of the workspace, open or not`() {
    var client = client()
    #expect(client.references("main.rf", at: "who") == ["main.rf:4:5-8", "main.rf:5:60-63"])
    client.open("lib.rf", Self.library)
    #expect(client.references("lib.rf", at: "Shown") == ["lib.rf:12:5-10", "other.rf:2:14-19"])
    #expect(client.references("lib.rf", at: "level") == ["lib.rf:2:7-12", "lib.rf:12:22-27", "main.rf:1:28-33"])
    #expect(client.references("lib.rf", at: "Greet", 2) == ["lib.rf:6:6-11", "main.rf:3:42-47"])
    #expect(client.references("lib.rf", at: "hidden", 2) == ["lib.rf:11:5-11", "lib.rf:12:13-19"])
  }

  @Test func `highlights are those of the document, also of a builtin`() {
    var client = client()
    client.open("b.rf", "val xs = [1]\nval Main = len(xs) + len(xs)\n")
    func count(_ piece: String) -> Int? { client.ask("documentHighlight", "b.rf", at: piece)["result"]?.array?.count }
    #expect(count("xs") == 3)
    #expect(count("len") == 2)
  }

  // MARK: Rename

  private func rename(_ client: inout Client, _ name: String, at piece: String, _ occurrence: Int = 1, to new: String)
    -> JSON
  {
    client.ask("rename", name, at: piece, occurrence, adding: [.init("newName", .string(new))])
  }

  @Test func `a rename writes the fields and arguments that a name stood for`() {
    var client = Client()
    client.open(
      "main.rf",
      """
      val {a, b} = {a: 1, b: 2}
      val image = "x"
      val r = {a, b}
      func F() = exec(image) (out file) {" echo {{a}} > {{out}} "}
      val Main = (r.a, F())

      """)
    #expect(client.messages("main.rf") == [])
    let changes = rename(&client, "main.rf", at: "a, b", 2, to: "first")["result"]
    #expect(
      client.renamed("main.rf", by: changes) == """
        val {a: first, b} = {a: 1, b: 2}
        val image = "x"
        val r = {a: first, b}
        func F() = exec(image) (out file) {" echo {{first}} > {{out}} "}
        val Main = (r.a, F())

        """)
    let image = rename(&client, "main.rf", at: "image", to: "base")["result"]
    #expect(client.renamed("main.rf", by: image).contains("exec(image := base)"))
    let out = rename(&client, "main.rf", at: "out}}", to: "made")["result"]
    #expect(
      client.renamed("main.rf", by: out).contains("(made file) {\" echo {{a}} > {{made}} \"}"))
  }

  @Test func `an export is renamed in all modules, and so is a parameter`() {
    var client = client()
    client.open("lib.rf", Self.library)
    let greet = rename(&client, "main.rf", at: "Greet", to: "Welcome")["result"]
    #expect(client.renamed("lib.rf", by: greet).contains("func Welcome(name string)"))
    #expect(client.renamed("main.rf", by: greet).contains("lib.Welcome(t)"))
    let level = rename(&client, "lib.rf", at: "level", to: "volume")["result"]
    #expect(client.renamed("main.rf", by: level).contains("make(\"./lib.rf\", volume := 5)"))
  }

  @Test(arguments: ["b", "len", "val", "1a", "a b", "", "é!", "_x"])
  func `a name that is taken, or none, is refused`(_ name: String) {
    var client = Client()
    client.open("main.rf", "val a = [1]\nval b = 2\nval Main = len(a) + b\n")
    let answer = rename(&client, "main.rf", at: "a", 2, to: name)
    if name == "len" {
      // The builtin would be hidden from the line that uses it.
      #expect(answer["error"] != nil)
    }
    #expect(answer["error"]?["code"] == -32803)
  }

  @Test func `fields, tags, builtins and words are not renamed`() {
    var client = Client()
    client.open("main.rf", "val s = {f: 1}\nval t = #Tag\nval Main = (s.f, t, len([1]), if true {1} else {2})\n")
    for piece in ["f: 1", "f, t", "Tag", "len", "if", "val"] {
      #expect(client.ask("prepareRename", "main.rf", at: piece)["error"]?["code"] == -32803, "\(piece)")
    }
    #expect(client.ask("prepareRename", "main.rf", at: "s.f")["result"]?["placeholder"] == "s")
  }
}
