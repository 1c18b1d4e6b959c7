import BuildGraph
import Diagnostics
import Testing

@testable import LanguageServer

/// Files in memory.
struct MemoryFiles: Files {
  var texts: [String: String] = [:]
  /// The folders that hold `.reflow/`.
  var roots: Set<String> = []

  func read(_ path: ByteString) -> [UInt8]? { texts[path.display].map { Array($0.utf8) } }

  func workspaceRoot(above folder: ByteString) -> ByteString? {
    roots.filter { folder.display == $0 || folder.display.hasPrefix($0 + "/") }.max { $0.count < $1.count }
      .map { ByteString($0) }
  }

  func programs(below folder: ByteString) -> [ByteString] {
    texts.keys.filter { $0.hasPrefix(folder.display + "/") && $0.hasSuffix(".rf") }.sorted().map { ByteString($0) }
  }
}

/// An editor that talks to the server, without a process between.
struct Client {
  var session: Conversation
  private var lastID = 0
  private(set) var notifications: [JSON] = []
  /// Texts of the open documents without their marks.
  private var texts: [String: String] = [:]

  /// - Parameter files: By path in the folder `/w`, which the editor works in.
  init(_ files: [String: String] = [:], encoding: String? = nil, roots: Set<String> = []) {
    session = Conversation(
      files: MemoryFiles(
        texts: Dictionary(uniqueKeysWithValues: files.map { ("/w/" + $0, $1) }), roots: roots))
    let encodings: JSON = encoding.map { [.string($0)] } ?? []
    let answer = request(
      "initialize",
      [
        "workspaceFolders": [["uri": "file:///w", "name": "w"]],
        "capabilities": ["general": ["positionEncodings": encodings]],
      ])
    _ = answer
    notify("initialized", [:])
  }

  static func uri(_ name: String) -> JSON { .string("file:///w/" + name) }

  // MARK: Messages

  @discardableResult
  mutating func send(_ messages: [JSON]) -> [JSON] {
    let answers = session.handle(messages.map { .value($0) })
    let settled = session.settle()
    notifications += (answers + settled).filter { $0["method"] != nil }
    return answers
  }

  mutating func response(_ method: String, _ params: JSON) -> JSON {
    lastID += 1
    let answers = send([["jsonrpc": "2.0", "id": JSON(lastID), "method": .string(method), "params": params]])
    return answers.first { $0["id"] == JSON(lastID) } ?? .null
  }

  mutating func request(_ method: String, _ params: JSON) -> JSON { response(method, params)["result"] ?? .null }

  mutating func notify(_ method: String, _ params: JSON) {
    send([["jsonrpc": "2.0", "method": .string(method), "params": params]])
  }

  // MARK: Documents

  mutating func open(_ name: String, _ text: String) {
    texts[name] = text
    notify(
      "textDocument/didOpen",
      ["textDocument": ["uri": Self.uri(name), "languageId": "reflow", "version": 1, "text": .string(text)]])
  }

  mutating func replace(_ name: String, _ text: String) {
    texts[name] = text
    notify(
      "textDocument/didChange",
      ["textDocument": ["uri": Self.uri(name), "version": 2], "contentChanges": [["text": .string(text)]]])
  }

  /// What the server last said is wrong with a document.
  func diagnostics(_ name: String) -> [JSON] {
    notifications.last { $0["params"]?["uri"] == Self.uri(name) }?["params"]?["diagnostics"]?.array ?? []
  }

  /// The messages of what is wrong.
  func messages(_ name: String) -> [String] { diagnostics(name).compactMap { $0["message"]?.string } }

  // MARK: Places

  /// The position of the n-th occurrence of a piece of a document, or of the place behind it.
  func position(_ name: String, _ piece: String, _ occurrence: Int = 1, behind: Bool = false) -> JSON {
    let text = Array((texts[name] ?? "").utf16)
    let wanted = Array(piece.utf16)
    var rest = occurrence
    for start in text.indices where text[start...].starts(with: wanted) {
      rest -= 1
      guard rest == 0 else { continue }
      let place = text[..<(behind ? start + wanted.count : start)]
      let line = place.filter { $0 == 10 }.count
      return ["line": JSON(line), "character": JSON(place.count - (place.lastIndex(of: 10).map { $0 + 1 } ?? 0))]
    }
    Issue.record("'\(piece)' does not occur \(occurrence) times in \(name)")
    return .null
  }

  mutating func ask(
    _ method: String, _ name: String, at piece: String, _ occurrence: Int = 1, behind: Bool = false,
    adding extra: [JSON.Member] = []
  ) -> JSON {
    response(
      "textDocument/" + method,
      .object(
        [
          .init("textDocument", ["uri": Self.uri(name)]),
          .init("position", position(name, piece, occurrence, behind: behind)),
        ] + extra))
  }

  /// The text of a hover.
  mutating func hover(_ name: String, at piece: String, _ occurrence: Int = 1) -> String? {
    ask("hover", name, at: piece, occurrence)["result"]?["contents"]?["value"]?.string
  }

  /// `file:line:column-column`, counted from 1, of each location.
  static func places(_ locations: JSON?) -> [String] {
    let list = locations?.array ?? (locations.map { $0 == .null ? [] : [$0] } ?? [])
    return list.map { location in
      let name = location["uri"]?.string?.split(separator: "/").last ?? ""
      let start = location["range"]?["start"]
      let end = location["range"]?["end"]
      return "\(name):\((start?["line"]?.integer ?? -2) + 1):\((start?["character"]?.integer ?? -2) + 1)"
        + "-\((end?["character"]?.integer ?? -2) + 1)"
    }
  }

  mutating func definition(_ name: String, at piece: String, _ occurrence: Int = 1) -> [String] {
    Self.places(ask("definition", name, at: piece, occurrence)["result"])
  }

  mutating func references(_ name: String, at piece: String, _ occurrence: Int = 1) -> [String] {
    Self.places(
      ask(
        "references", name, at: piece, occurrence,
        adding: [.init("context", ["includeDeclaration": true])])["result"])
  }

  mutating func labels(_ name: String, behind piece: String, _ occurrence: Int = 1) -> [String] {
    (ask("completion", name, at: piece, occurrence, behind: true)["result"]?.array ?? [])
      .compactMap { $0["label"]?.string }
  }

  /// What a document is after the edits of a rename.
  func renamed(_ name: String, by edit: JSON?) -> String {
    applied(edit?["changes"]?["file:///w/" + name], to: name)
  }

  /// What a document is after edits of the server.
  func applied(_ edits: JSON?, to name: String) -> String {
    let table = LineTable(Array((texts[name] ?? "").utf8), .utf16)
    var text = table.text
    let found = (edits?.array ?? []).map { edit in
      (table.offset(edit["range"]?["start"])!, table.offset(edit["range"]?["end"])!, edit["newText"]?.string ?? "")
    }
    for (lower, upper, new) in found.sorted(by: { $0.0 > $1.0 }) {
      text.replaceSubrange(lower..<upper, with: Array(new.utf8))
    }
    return String(decoding: text, as: UTF8.self)
  }
}
