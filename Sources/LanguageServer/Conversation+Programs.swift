import BuildGraph
package import Diagnostics
import Language

/// A place in an open document, with what is known about its module.
struct Place {
  var document: Document
  var program: Program
  var index: ModuleIndex
  var offset: Int
  /// The token there.
  var token: TokenIndex?
}

extension Conversation {
  mutating func initialize(_ params: JSON) -> JSON {
    let capabilities = params["capabilities"]
    let encodings = capabilities?["general"]?["positionEncodings"]?.array ?? []
    encoding = encodings.contains("utf-8") ? .utf8 : .utf16
    watchesFiles = capabilities?["workspace"]?["didChangeWatchedFiles"]?["dynamicRegistration"]?.bool ?? false
    folders = (params["workspaceFolders"]?.array ?? []).compactMap(Self.folder)
    if folders.isEmpty {
      if let root = Self.folder(["uri": params["rootUri"] ?? .null]) {
        folders = [root]
      } else if let path = params["rootPath"]?.string, path.hasPrefix("/") {
        folders = [ByteString(path)]
      }
    }
    return [
      "capabilities": [
        "positionEncoding": .string(encoding.rawValue),
        "textDocumentSync": ["openClose": true, "change": 2, "save": ["includeText": false]],
        "hoverProvider": true, "definitionProvider": true, "referencesProvider": true,
        "documentHighlightProvider": true, "documentSymbolProvider": true, "documentFormattingProvider": true,
        "renameProvider": ["prepareProvider": true],
        "completionProvider": ["triggerCharacters": [".", "#", "\"", "/"]],
        "signatureHelpProvider": ["triggerCharacters": ["(", ","]],
        "codeActionProvider": ["codeActionKinds": ["quickfix"]],
        "semanticTokensProvider": ["legend": SemanticTokens.legend, "full": true],
        "workspace": ["workspaceFolders": ["supported": true, "changeNotifications": true]],
      ],
      "serverInfo": ["name": "reflow"],
    ]
  }

  // MARK: Programs

  /// The path of a document; one without a file stands in the first folder, by a name that no file is likely to have.
  func path(of uri: String) -> ByteString {
    DocumentURI.path(uri) ?? (folders.first ?? "") + "/" + ByteString(uri.split(separator: "/").joined(separator: ":"))
  }

  /// What was worked out from texts and files does not hold any more.
  mutating func invalidate() {
    programs.removeAll()
    needsDiagnostics = true
    for (uri, document) in documents {
      let root = root(of: document.path)
      documents[uri]?.root = root
    }
  }

  /// The folder that paths in a document are relative to: what holds `.reflow/`, else the editor's folder, else its own.
  func root(of path: ByteString) -> ByteString {
    let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
    let folder = slash == 0 ? "/" : ByteString(bytes: Array(path.bytes[..<slash]))
    if let root = files.workspaceRoot(above: folder) { return root }
    let around = folders.filter { $0 == "/" || (path.bytes.starts(with: ($0 + "/").bytes)) }
    return around.max { $0.count < $1.count } ?? folder
  }

  /// The open documents by path.
  private var texts: [ByteString: [UInt8]] {
    Dictionary(documents.values.map { ($0.path, $0.text) }, uniquingKeysWith: { first, _ in first })
  }

  /// The modules of the open documents below a root.
  mutating func program(of root: ByteString) -> Program {
    if let program = programs[root] { return program }
    let entries = Set(documents.values.filter { $0.root == root }.map(\.path)).sorted()
    let program = makeProgram(root, entries, texts)
    programs[root] = program
    return program
  }

  /// A program with all programs below its root, open or not, so that every use of a name is in it.
  func wholeProgram(of root: ByteString, replacing changed: [ByteString: [UInt8]] = [:]) -> Program {
    let open = documents.values.filter { $0.root == root }.map(\.path)
    let entries = Set(files.programs(below: root) + open).sorted()
    return makeProgram(root, entries, texts.merging(changed) { $1 })
  }

  private func makeProgram(_ root: ByteString, _ entries: [ByteString], _ texts: [ByteString: [UInt8]]) -> Program {
    let files = files
    return Program(root: root, entries: entries, encoding: encoding) { texts[$0] ?? files.read($0) }
  }

  mutating func place(_ params: JSON) throws(ResponseError) -> Place {
    let document = try document(params)
    guard let offset = document.lines.offset(params["position"]) else {
      throw ResponseError(.invalidParams, "a position is needed")
    }
    let program = program(of: document.root)
    guard let index = program.index(of: document.path) else {
      throw ResponseError(.requestFailed, "\(document.uri) cannot be read as a program")
    }
    return Place(
      document: document, program: program, index: index, offset: offset, token: index.tree.token(at: offset))
  }

  /// The address of a file: as the client writes it where it is open.
  func uri(of path: ByteString) -> String {
    documents.values.filter { $0.path == path }.map(\.uri).min() ?? DocumentURI.uri(path)
  }

  // MARK: Diagnostics

  /// How much of one file is told: more than anybody reads.
  private static let diagnosticsLimit = 500

  /// What is wrong now, of documents of which something else was known before.
  ///
  /// To be called when nothing more of the client is waiting to be handled: an editor that types faster than programs are
  /// checked is told of the last state only.
  package mutating func settle() -> [JSON] {
    guard needsDiagnostics, phase == .running else { return [] }
    needsDiagnostics = false
    var current: [String: [JSON]] = [:]
    for document in documents.values { current[document.uri] = [] }
    for root in Set(documents.values.map(\.root)).sorted() {
      let program = program(of: root)
      for module in program.checked.modules where !module.diagnostics.isEmpty {
        let path = program.path(of: module)
        let lines = LineTable(module.tree.source.text, encoding)
        let found = module.diagnostics.prefix(Self.diagnosticsLimit).map { json($0, lines, program) }
        let open = documents.values.filter { $0.path == path }.map(\.uri)
        for uri in open.isEmpty ? [DocumentURI.uri(path)] : open { current[uri] = found }
      }
      for diagnostic in program.checked.diagnostics where diagnostic.range == nil {
        // Of an entry that is no program at all, by its name.
        for document in documents.values
        where document.root == root && program.modules[document.path] == nil {
          current[document.uri] = [json(diagnostic, document.lines, program)]
        }
      }
    }
    var answers: [JSON] = []
    for uri in Set(current.keys).union(published.keys).sorted() {
      var params: [JSON.Member] = [.init("uri", .string(uri))]
      if let version = documents[uri]?.version, version != .null { params.append(.init("version", version)) }
      params.append(.init("diagnostics", .array(current[uri] ?? [])))
      let report = JSON.object(params)
      if published[uri] != report { answers.append(Self.notification("textDocument/publishDiagnostics", report)) }
      published[uri] = current[uri] == nil || (documents[uri] == nil && current[uri] == []) ? nil : report
    }
    return answers
  }

  private func json(_ diagnostic: Diagnostic, _ lines: LineTable, _ program: Program) -> JSON {
    var message = diagnostic.message
    var related: [JSON] = []
    for note in diagnostic.notes {
      if let range = note.range {
        // The checker looks at one module at a time: whatever it points at is in the same file.
        let path = Program.absolute(ByteString(range.file.name), in: program.root)
        related.append([
          "location": ["uri": .string(uri(of: path)), "range": lines.range(range.lower, range.upper)],
          "message": .string(note.message),
        ])
      } else {
        message += "\n" + note.message
      }
    }
    let severity: JSON =
      switch diagnostic.severity {
      case .error: 1
      case .warning: 2
      case .note: 3
      }
    var members: [JSON.Member] = [
      .init("range", lines.range(diagnostic.range?.lower ?? 0, diagnostic.range?.upper ?? 0)),
      .init("severity", severity), .init("code", .string(diagnostic.id.description)), .init("source", "reflow"),
      .init("message", .string(message)),
    ]
    // Faded in editors rather than underlined.
    if diagnostic.id == CheckerMessage.unusedName.id { members.append(.init("tags", [1])) }
    if !related.isEmpty { members.append(.init("relatedInformation", .array(related))) }
    return .object(members)
  }

  // MARK: Fixes

  /// The fixes of what is wrong in a range.
  mutating func codeActions(_ document: Document, _ params: JSON) throws(ResponseError) -> JSON {
    guard let lower = document.lines.offset(params["range"]?["start"]),
      let upper = document.lines.offset(params["range"]?["end"])
    else { throw ResponseError(.invalidParams, "a range is needed") }
    if let only = params["context"]?["only"]?.array,
      !only.contains(where: { $0.string.map { $0.isEmpty || $0 == "quickfix" } ?? false })
    {
      return []
    }
    let program = program(of: document.root)
    guard let module = program.modules[document.path] else { return [] }
    var actions: [JSON] = []
    for diagnostic in module.diagnostics {
      guard let range = diagnostic.range, range.lower <= max(lower, upper), range.upper >= min(lower, upper) else {
        continue
      }
      for fix in diagnostic.fixIts {
        let edits = fix.edits.map { edit -> JSON in
          ["range": document.lines.range(edit.range.lower, edit.range.upper), "newText": .string(edit.replacement)]
        }
        let changes = JSON.object([.init(document.uri, .array(edits))])
        actions.append([
          "title": .string(fix.message), "kind": "quickfix", "edit": ["changes": changes],
          "diagnostics": [json(diagnostic, document.lines, program)],
        ])
      }
    }
    return .array(actions)
  }
}
