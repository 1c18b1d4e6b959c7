import Foundation
import Testing

/// `reflow lsp` as an editor meets it.
@Suite struct LspTests {
  private func started(_ project: Workspace) throws -> Editor {
    let editor = try Editor(in: "/tmp")
    let answer = try editor.request(
      "initialize", ["processId": NSNull(), "rootUri": "file://" + project.folder, "capabilities": [:]])
    let capabilities = (answer["result"] as? [String: Any])?["capabilities"] as? [String: Any]
    #expect(capabilities?["hoverProvider"] as? Bool == true)
    try editor.notify("initialized")
    return editor
  }

  private func open(_ editor: Editor, _ project: Workspace, _ name: String) throws -> String {
    let uri = "file://" + project.path(name)
    try editor.notify(
      "textDocument/didOpen",
      ["textDocument": ["uri": uri, "languageId": "reflow", "version": 1, "text": try project.read(name)]])
    return uri
  }

  private func diagnostics(_ editor: Editor, _ uri: String) throws -> [[String: Any]] {
    let message = try editor.receive { ($0["params"] as? [String: Any])?["uri"] as? String == uri }
    return (message["params"] as? [String: Any])?["diagnostics"] as? [[String: Any]] ?? []
  }

  @Test func `an editor opens, edits, asks and leaves`() throws {
    let project = try Workspace([
      "lib/words.rf": "// Counts.\nfunc Count(f file) = exec() (out file) {\" wc -w < {{f}} > {{out}} \"}\n",
      "main.rf": "val words = make(\"./lib/words.rf\")\nval Main = words.Count(file(\"a.txt\"))\n",
    ])
    let editor = try started(project)
    let uri = try open(editor, project, "main.rf")
    #expect(try diagnostics(editor, uri).isEmpty)
    try editor.notify(
      "textDocument/didChange",
      [
        "textDocument": ["uri": uri, "version": 2],
        "contentChanges": [
          [
            "range": ["start": ["line": 1, "character": 17], "end": ["line": 1, "character": 22]], "text": "Conut",
          ]
        ],
      ])
    let found = try diagnostics(editor, uri)
    #expect(found.count == 1 && (found[0]["message"] as? String)?.contains("\"Conut\" not found") == true)
    let place = ["line": 1, "character": 19]
    try editor.notify(
      "textDocument/didChange",
      ["textDocument": ["uri": uri, "version": 3], "contentChanges": [["text": try project.read("main.rf")]]])
    let hover = try editor.request("textDocument/hover", ["textDocument": ["uri": uri], "position": place])
    let contents = (hover["result"] as? [String: Any])?["contents"] as? [String: Any]
    #expect((contents?["value"] as? String)?.contains("func Count(f file)") == true)
    #expect((contents?["value"] as? String)?.contains("Counts.") == true)
    let definition = try editor.request("textDocument/definition", ["textDocument": ["uri": uri], "position": place])
    #expect((definition["result"] as? [String: Any])?["uri"] as? String == "file://" + project.path("lib/words.rf"))
    #expect(try editor.request("shutdown")["error"] == nil)
    try editor.notify("exit")
    #expect(editor.wait() == 0)
  }

  @Test func `what is no message does not end the server, and the end of the stream does`() throws {
    let editor = try started(try Workspace())
    for body in ["", "{", "[]", "null", "{\"id\": 77}", "\u{0}"] {
      try editor.write(raw: body)
    }
    let answer = try editor.request("no/such/method")
    #expect((answer["error"] as? [String: Any])?["code"] as? Int == -32601)
    editor.hangUp()
    #expect(editor.wait() == 1)
  }
}
