import BuildGraph
import Diagnostics
import Foundation
import Testing

@testable import LanguageServer

/// Programs that are edited at random: nothing crashes, and what the server says depends on the text alone.
@Suite struct MutationTests {
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("fixtures")

  /// Programs of the fixtures, wrong ones among them.
  private static func programs() throws -> [(name: String, text: String)] {
    let walk = FileManager.default.enumerator(atPath: fixtures.path)
    let names = (walk?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".rf") || $0.hasSuffix(".in") }
      .sorted()
    return try names.compactMap { name in
      let data = try Data(contentsOf: fixtures.appendingPathComponent(name))
      guard data.count < 4000 else { return nil }
      return (name, String(decoding: data, as: UTF8.self))
    }
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private static let pieces = [
    "", "(", ")", "{", "}", "[", "]", "\"", "`", "{\"", "\"}", "{{", "}}", "// ", "/*", "*/", "\n", "\r\n", "\r", "é",
    "😀", ".",
    ",", ":", ":=", "=", "|", "<-", "#", "#A", "...", "val ", "func f(x int) = ", "x", "make(\"./b.rf\")",
    "make(\"$/lists\")",
    "exec() (out file) ", "if true {1} else {2}", "switch x { case ", "table(", " | y <- xs]", "@requires(",
    "param p int\n", "\u{0}", "1", "type T ",
  ]

  private static let requests = [
    "hover", "definition", "references", "documentHighlight", "prepareRename", "completion", "signatureHelp",
    "documentSymbol",
    "formatting", "semanticTokens/full", "codeAction", "rename",
  ]

  /// What a server answers to everything that can be asked at a position.
  private static func answers(_ session: inout Conversation, _ uri: JSON, _ position: JSON) -> [String] {
    requests.map { method in
      session.handle([
        .value([
          "id": 1, "method": .string("textDocument/" + method),
          "params": [
            "textDocument": ["uri": uri], "position": position, "range": ["start": position, "end": position],
            "newName": "renamed",
          ],
        ])
      ]).map(\.text).joined()
    }
  }

  private static func started(_ files: MemoryFiles) -> Conversation {
    var session = Conversation(files: files)
    _ = session.handle([.value(["id": 0, "method": "initialize", "params": ["rootUri": "file:///w"]])])
    return session
  }

  private static func open(_ session: inout Conversation, _ uri: JSON, _ text: String) {
    _ = session.handle([
      .value([
        "method": "textDocument/didOpen",
        "params": ["textDocument": ["uri": uri, "version": 1, "text": .string(text)]],
      ])
    ])
  }

  @Test(arguments: 0..<6)
  func `random edits crash nothing, and the answers equal those of a fresh server`(_ seed: Int) throws {
    var random = Generator(state: UInt64(seed))
    let programs = try Self.programs()
    #expect(programs.count > 50)
    let uri = Client.uri("main.rf")
    let files = MemoryFiles(texts: ["/w/b.rf": "param p int = 1\ntype T {a int}\nval X = p\nfunc F(x T) = x.a\n"])
    var session = Self.started(files)
    for round in 0..<12 {
      let (name, original) = programs.randomElement(using: &random)!
      var text = original
      Self.open(&session, uri, text)
      for edit in 0..<8 {
        let table = LineTable(Array(text.utf8), .utf16)
        let starts = table.text.indices.filter { table.text[$0] & 0xC0 != 0x80 } + [table.text.count]
        let lower = starts.randomElement(using: &random)!
        let upper = min(
          starts.filter { $0 >= lower }.prefix(Int.random(in: 1...12, using: &random)).last!, table.text.count)
        let piece = Self.pieces.randomElement(using: &random)!
        let range = table.range(lower, upper)
        _ = session.handle([
          .value([
            "method": "textDocument/didChange",
            "params": [
              "textDocument": ["uri": uri, "version": JSON(edit)],
              "contentChanges": [["range": range, "text": .string(piece)]],
            ],
          ])
        ])
        var bytes = table.text
        // Between the bytes of a line's end is no place: the edit begins before them.
        bytes.replaceSubrange(table.offset(range["start"])!..<table.offset(range["end"])!, with: Array(piece.utf8))
        text = String(decoding: bytes, as: UTF8.self)

        let position = table.position(starts.randomElement(using: &random)!)
        let reports = session.settle()
        let found = Self.answers(&session, uri, position)
        guard edit % 4 == 3 else { continue }
        var fresh = Self.started(files)
        Self.open(&fresh, uri, text)
        #expect(Self.answers(&fresh, uri, position) == found, "seed \(seed), round \(round), \(name)")
        let told = fresh.settle().first { $0["params"]?["uri"] == uri }?["params"]?["diagnostics"]
        if let report = reports.last(where: { $0["params"]?["uri"] == uri }) {
          #expect(report["params"]?["diagnostics"] == told, "seed \(seed), round \(round), \(name)")
        }
      }
      _ = session.handle([.value(["method": "textDocument/didClose", "params": ["textDocument": ["uri": uri]]])])
    }
  }

  @Test func `at every place of every program of the fixtures, everything can be asked`() throws {
    let uri = Client.uri("main.rf")
    for (name, text) in try Self.programs() where text.utf8.count < 600 {
      var session = Self.started(MemoryFiles())
      Self.open(&session, uri, text)
      let table = LineTable(Array(text.utf8), .utf16)
      for offset in stride(from: 0, through: table.text.count, by: 7) {
        let answers = Self.answers(&session, uri, table.position(offset))
        #expect(answers.allSatisfy { !$0.isEmpty }, "\(name)")
      }
    }
  }
}
