import Diagnostics
import Testing

@testable import LanguageServer

/// Diagnostics, fixes, symbols, formatting and colours of a document.
@Suite struct DocumentTests {
  @Test func `what is wrong is told as one types, with all errors, and taken back`() {
    var client = Client()
    client.open("main.rf", "val a = 1 +\nval b = nope\nval Main = 1\n")
    #expect(client.messages("main.rf").count == 2)
    client.replace("main.rf", "val Main = 1\n")
    #expect(client.messages("main.rf") == [])
    client.replace("main.rf", "val unused = 1\nval Main = 2\n")
    let warning = client.diagnostics("main.rf").first
    #expect(warning?["severity"] == 2 && warning?["tags"] == [1] && warning?["code"] == "language.unused-name")
    #expect(client.notifications.last?["params"]?["version"] == 2)
  }

  @Test func `many changes that arrive together are told of once`() {
    var client = Client()
    client.open("main.rf", "val Main = 1\n")
    let before = client.notifications.count
    client.send(
      (1...20).map { version in
        [
          "jsonrpc": "2.0", "method": "textDocument/didChange",
          "params": [
            "textDocument": ["uri": Client.uri("main.rf"), "version": JSON(version)],
            "contentChanges": [["text": .string("val Main = \(version % 2 == 0 ? "x" : "1")\n")]],
          ],
        ]
      })
    #expect(client.notifications.count == before + 1)
    #expect(client.messages("main.rf").count == 1)
  }

  @Test func `a module's errors are told of its file, and go when it is mended, opened or closed`() {
    var client = Client(["lib.rf": "val X = nope\n"])
    client.open("main.rf", "val l = make(\"./lib.rf\")\nval Main = l.X\n")
    #expect(client.messages("main.rf") == [])
    #expect(client.messages("lib.rf").count == 1)
    client.open("lib.rf", "val X = 1\n")
    #expect(client.messages("lib.rf") == [])
    client.replace("lib.rf", "val Y = 1\n")
    #expect(client.messages("main.rf").first?.contains("\"X\" not found") == true)
    client.notify("textDocument/didClose", ["textDocument": ["uri": Client.uri("lib.rf")]])
    #expect(client.messages("main.rf") == [])
    #expect(client.messages("lib.rf").count == 1)
    client.notify("textDocument/didClose", ["textDocument": ["uri": Client.uri("main.rf")]])
    #expect(client.messages("lib.rf") == [])
  }

  @Test func `notes with a place are related information`() {
    var client = Client()
    client.open("main.rf", "val a = b\nval b = 1\nval Main = (a, b)\n")
    let related = client.diagnostics("main.rf").first?["relatedInformation"]?.array?.first
    #expect(Client.places(related?["location"]) == ["main.rf:2:5-6"])
  }

  @Test func `a fix is offered, and after it the error is gone`() throws {
    var client = Client()
    client.open("main.rf", "val length = 1\nval Main = lenght\n")
    let place: JSON = ["line": 1, "character": 12]
    let actions = client.request(
      "textDocument/codeAction",
      [
        "textDocument": ["uri": Client.uri("main.rf")], "range": ["start": place, "end": place],
        "context": ["diagnostics": []],
      ])
    let action = try #require(actions.array?.first)
    #expect(action["title"] == "replace \"lenght\" with \"length\"")
    let mended = client.applied(action["edit"]?["changes"]?["file:///w/main.rf"], to: "main.rf")
    client.replace("main.rf", mended)
    #expect(client.messages("main.rf") == [])
  }

  @Test func `roots: paths are relative to the folder with the state, else to the editor's folder`() {
    let files = ["sub/main.rf": "", "sub/lib/m.rf": "val X = 1\n"]
    let text = "val m = make(\"lib/m.rf\")\nval Main = m.X\n"
    var without = Client(files)
    without.open("sub/main.rf", text)
    #expect(without.messages("sub/main.rf").first?.contains("failed to open module lib/m.rf") == true)
    var with = Client(files, roots: ["/w/sub"])
    with.open("sub/main.rf", text)
    #expect(with.messages("sub/main.rf") == [])
  }

  @Test func `a document without a file is checked, too`() {
    var client = Client(["lib.rf": "val X = 1\n"])
    client.notify(
      "textDocument/didOpen",
      [
        "textDocument": [
          "uri": "untitled:Untitled-1", "version": 1, "text": "val l = make(\"lib.rf\")\nval Main = l.Z\n",
        ]
      ])
    #expect(client.notifications.last?["params"]?["uri"] == "untitled:Untitled-1")
    #expect(client.notifications.last?["params"]?["diagnostics"]?.array?.count == 1)
  }

  @Test func `the symbols are the declarations with their types`() {
    var client = Client()
    client.open(
      "main.rf",
      "param p int = 1\ntype T {a int}\nval s = make(\"$/strings\")\nval (x, y) = (p, s.FromInt(p))\nfunc F(a T) = a.a\nval Main = (x, y, F({a: 1}))\n"
    )
    let symbols =
      client.request("textDocument/documentSymbol", ["textDocument": ["uri": Client.uri("main.rf")]]).array ?? []
    let shown = symbols.map { symbol -> String in
      let detail = String((symbol["detail"]?.string ?? "").prefix(12))
      return "\(symbol["name"]?.string ?? "") \(symbol["kind"]?.integer ?? 0) \(detail)"
    }
    let expected = [
      "p 14 int", "T 23 {a int}", "s 2 module{Split", "x 13 int", "y 13 string", "F 12 func(a {a in",
      "Main 13 (int, string",
    ]
    #expect(shown == expected)
  }

  @Test func `formatting changes only the lines that differ`() {
    var client = Client()
    client.open("main.rf", "val a = 1\nval  b=a // é\nval Main = b\n")
    let edits = client.request(
      "textDocument/formatting", ["textDocument": ["uri": Client.uri("main.rf")], "options": [:]])
    #expect(client.applied(edits, to: "main.rf") == "val a = 1\nval b = a // é\nval Main = b\n")
    #expect(edits.array?.count == 1 && edits.array?[0]["range"]?["start"]?["line"] == 1)
    client.replace("main.rf", "val a = (\n")
    #expect(client.request("textDocument/formatting", ["textDocument": ["uri": Client.uri("main.rf")]]) == [])
  }

  @Test func `colours follow meaning, line by line`() {
    var client = Client()
    client.open(
      "main.rf",
      "// é😀\nval s = make(\"$/strings\")\nfunc F(a file) = exec() (out file) {\"\n  cat {{a}}\n\"}\nval Main = {n: len([#Red]), t: s.Join([``], \"\")}\n"
    )
    let data =
      client.request("textDocument/semanticTokens/full", ["textDocument": ["uri": Client.uri("main.rf")]])["data"]?
      .array?
      .compactMap(\.integer) ?? []
    #expect(data.count % 5 == 0)
    let names = SemanticTokens.Kind.allCases.map { "\($0)" }
    var line = 0
    var start = 0
    var shown: [String] = []
    for token in stride(from: 0, to: data.count, by: 5) {
      line += data[token]
      start = data[token] == 0 ? start + data[token + 1] : data[token + 1]
      shown.append("\(line):\(start)+\(data[token + 2]) \(names[data[token + 3]])")
    }
    #expect(shown.first == "0:0+6 comment")
    #expect(
      shown.contains("1:4+1 namespace") && shown.contains("2:5+1 function") && shown.contains("2:7+1 parameter")
        && shown.contains("2:9+4 keyword") && shown.contains("2:35+2 string") && shown.contains("3:0+8 string")
        && shown.contains("3:8+1 parameter") && shown.contains("5:12+1 property") && shown.contains("5:15+3 function")
        && shown.contains("5:21+3 enumMember") && shown.contains("5:31+1 namespace")
        && shown.contains("5:33+4 function"),
      "\(shown)")
  }
}
