import BuildGraph
import Diagnostics
import Testing

@testable import LanguageServer

/// Frames, positions, and what is no request.
@Suite struct ProtocolTests {
  // MARK: Frames

  private static func messages(_ pieces: [[UInt8]]) throws -> [MessageReader.Message] {
    var reader = MessageReader()
    var found: [MessageReader.Message] = []
    for piece in pieces {
      reader.append(piece)
      while let message = try reader.next() { found.append(message) }
    }
    return found
  }

  @Test func `messages are the same however their bytes arrive`() throws {
    let values: [JSON] = [["method": "é"], [1, 2, nil], "x"]
    let bytes = values.flatMap(MessageReader.frame)
    let whole = try Self.messages([bytes])
    #expect(whole == values.map { .value($0) })
    for cut in bytes.indices {
      #expect(try Self.messages([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole)
    }
    #expect(try Self.messages(bytes.map { [$0] }) == whole)
  }

  @Test func `what is no message is told, and the next one is read`() throws {
    let good = MessageReader.frame("x")
    for bad in [
      "Content-Length: 3\r\n\r\n{]}", "Content-Type: a\r\n\r\n", "Content-Length: -1\r\n\r\n", "nonsense\n\n",
      "Content-Length: 0\r\n\r\n",
    ] {
      let found = try Self.messages([Array(bad.utf8) + good])
      #expect(found.count == 2 && found.last == .value("x"), "\(bad)")
      guard case .malformed? = found.first else {
        Issue.record("\(bad) was read")
        continue
      }
    }
    #expect(try Self.messages([Array("content-length:   3  \nX: y\n\n\"x\"".utf8)]) == [.value("x")])
  }

  @Test func `a message without end is refused, and not kept`() {
    #expect(throws: MessageReader.TooLong.self) {
      try Self.messages([Array("Content-Length: 99999999999\r\n\r\n".utf8)])
    }
    #expect(throws: MessageReader.TooLong.self) { try Self.messages([Array(repeating: 0x41, count: 1 << 17)]) }
  }

  // MARK: Positions

  @Test func `positions and offsets are each other's inverse at every character, in both encodings`() {
    let text = "a\n\u{e9}\u{1F600}x\r\n\r\rz\u{20AC}"
    let table16 = LineTable(Array(text.utf8), .utf16)
    let table8 = LineTable(Array(text.utf8), .utf8)
    #expect(table16.lineCount == 5)
    for (offset, byte) in table16.text.enumerated() where byte & 0xC0 != 0x80 {
      // Between the two bytes of a line's end is no place.
      if byte == 10, offset > 0, table16.text[offset - 1] == 13 { continue }
      #expect(table16.offset(table16.position(offset)) == offset)
      #expect(table8.offset(table8.position(offset)) == offset)
    }
    #expect(table16.position(Array("a\n\u{e9}\u{1F600}".utf8).count) == ["line": 1, "character": 3])
    #expect(table8.position(Array("a\n\u{e9}\u{1F600}".utf8).count) == ["line": 1, "character": 6])
  }

  @Test func `a position outside the text, or inside a character, is the nearest place before it`() {
    let table = LineTable(Array("ab\n\u{1F600}c\n".utf8), .utf16)
    #expect(table.offset(["line": 0, "character": 99]) == 2)
    #expect(table.offset(["line": 99, "character": 0]) == 9)
    #expect(table.offset(["line": -1, "character": 5]) == 0)
    #expect(table.offset(["line": 0, "character": -5]) == 0)
    #expect(table.offset(["line": 1, "character": 1]) == 3)
    #expect(table.offset(["line": 1]) == nil && table.offset(nil) == nil)
    let bytes = LineTable(Array("\u{1F600}c".utf8), .utf8)
    #expect(bytes.offset(["line": 0, "character": 2]) == 0)
    #expect(bytes.offset(["line": 0, "character": 4]) == 4)
  }

  @Test func `utf-8 is used where the client offers it`() {
    var client = Client(encoding: "utf-8")
    client.open("main.rf", "val Main = \"\u{1F600}\" + nope\n")
    #expect(client.diagnostics("main.rf").first?["range"]?["start"]?["character"] == 20)
    var other = Client(encoding: "utf-32")
    other.open("main.rf", "val Main = \"\u{1F600}\" + nope\n")
    #expect(other.diagnostics("main.rf").first?["range"]?["start"]?["character"] == 18)
  }

  @Test(arguments: ["file:///a/b%20c/%C3%A9.rf", "file://localhost/a/b.rf", "FILE:///a%2Fb.rf", "file:///100%"])
  func `addresses are paths and back`(_ uri: String) throws {
    let path = try #require(DocumentURI.path(uri))
    #expect(DocumentURI.path(DocumentURI.uri(path)) == path)
  }

  @Test func `other addresses are no paths`() {
    for uri in ["untitled:x", "file:", "file://", "", "http://a/b", "file:///a%00b"] {
      #expect(DocumentURI.path(uri) == nil)
    }
  }

  // MARK: The life of a server

  private func code(_ answers: [JSON]) -> Int? { answers.first?["error"]?["code"]?.integer }

  @Test func `requests before initialize, twice, unknown and after shutdown are refused, notifications are not`() {
    var session = Conversation(files: MemoryFiles())
    func ask(_ method: String, _ id: JSON = 1) -> [JSON] {
      session.handle([.value(["id": id, "method": .string(method)])])
    }
    #expect(code(ask("textDocument/hover")) == -32002)
    #expect(session.handle([.value(["method": "textDocument/didOpen", "params": 3])]) == [])
    #expect(ask("initialize").first?["result"]?["capabilities"]?["hoverProvider"] == true)
    #expect(code(ask("initialize")) == -32600)
    #expect(code(ask("no/such", "text id")) == -32601)
    #expect(code(ask("textDocument/hover")) == -32602)
    #expect(session.handle([.value(["method": "$/setTrace"]), .value(["method": "no/such"])]) == [])
    #expect(ask("shutdown").first?["result"] == .null)
    #expect(code(ask("textDocument/hover")) == -32600)
    #expect(session.exitStatus == nil)
    _ = session.handle([.value(["method": "exit"])])
    #expect(session.exitStatus == 0)
  }

  @Test func `an exit without a shutdown, and an end of the messages, are failures`() {
    var session = Conversation(files: MemoryFiles())
    _ = session.handle([.value(["method": "exit"])])
    #expect(session.exitStatus == 1)
    var other = Conversation(files: MemoryFiles())
    other.finish()
    #expect(other.exitStatus == 1)
  }

  @Test func `a request that was taken back before its turn is answered as cancelled`() {
    var client = Client()
    let answers = client.send([
      ["jsonrpc": "2.0", "id": 7, "method": "textDocument/hover", "params": [:]],
      ["jsonrpc": "2.0", "method": "$/cancelRequest", "params": ["id": 7]],
      ["jsonrpc": "2.0", "method": "$/cancelRequest", "params": ["id": 99]],
    ])
    #expect(code(answers) == -32800 && answers.count == 1)
  }

  @Test func `messages of any form are answered or passed over`() {
    var client = Client()
    #expect(code(client.session.handle([.malformed("why")])) == -32700)
    for message: JSON in [
      nil, 1, "x", [], [:], ["id": 1], ["method": 3, "id": 2], ["result": 1], [[1], [:]],
      ["id": nil, "method": "shutdown"],
    ] {
      _ = client.session.handle([.value(message)])
    }
    for method in [
      "hover", "definition", "references", "rename", "prepareRename", "completion", "signatureHelp", "documentSymbol",
      "formatting", "semanticTokens/full", "codeAction", "documentHighlight",
    ] {
      for params: JSON in [
        nil, [], 3, ["textDocument": 1], ["textDocument": ["uri": 3]],
        ["textDocument": ["uri": "file:///w/none.rf"], "position": ["line": 0, "character": 0]],
      ] {
        let answer = client.session.handle([
          .value(["id": 1, "method": .string("textDocument/" + method), "params": params])
        ])
        #expect(code(answer) == -32602 || code(answer) == -32600, "\(method) \(params.text)")
      }
    }
  }
}
