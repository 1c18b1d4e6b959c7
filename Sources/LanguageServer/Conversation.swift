import BuildGraph
package import Diagnostics

/// The conversation with one editor: messages in, messages out.
///
/// Nothing is done but in ``handle(_:)`` and ``settle()``, and all that is known follows from the texts of the open documents and
/// of the files: an answer never depends on the edits by which a text came about. See <doc:LanguageServer>.
package struct Conversation {
  enum Phase { case new, running, shutDown }

  let files: any Files
  var phase = Phase.new
  var encoding = PositionEncoding.utf16
  var watchesFiles = false
  /// The folders that the editor works in, absolute.
  var folders: [ByteString] = []
  /// By the address that the client uses.
  var documents: [String: Document] = [:]
  /// Of the open documents, by root; made when they are asked for.
  var programs: [ByteString: Program] = [:]
  /// What the client was last told of each document or file that something is wrong with.
  var published: [String: JSON] = [:]
  var needsDiagnostics = false
  /// How many requests this side has sent.
  var sent = 0

  /// How the process is to end, when it is to end.
  package private(set) var exitStatus: Int32?

  package init(files: any Files) { self.files = files }

  /// Answers what a client said.
  package mutating func handle(_ messages: [MessageReader.Message]) -> [JSON] {
    let cancelled = Self.cancelled(in: messages)
    var answers: [JSON] = []
    for message in messages where exitStatus == nil {
      switch message {
      case .malformed(let reason): answers.append(failure(.null, ResponseError(.parseError, reason)))
      case .value(.array(let batch)):
        // JSON-RPC has batches, though no editor sends them.
        for value in batch { answers += handle(value, cancelled) }
      case .value(let value): answers += handle(value, cancelled)
      }
    }
    return answers
  }

  /// The stream of messages has ended.
  package mutating func finish() { if exitStatus == nil { exitStatus = 1 } }

  /// The requests that are taken back by a message behind them that has been read already.
  private static func cancelled(in messages: [MessageReader.Message]) -> Set<JSON> {
    var ids: Set<JSON> = []
    for case .value(let value) in messages where value["method"]?.string == "$/cancelRequest" {
      if let id = value["params"]?["id"] { ids.insert(id) }
    }
    return ids
  }

  private mutating func handle(_ message: JSON, _ cancelled: Set<JSON>) -> [JSON] {
    guard case .object = message else {
      return [failure(.null, ResponseError(.invalidRequest, "a message is an object"))]
    }
    let id = message["id"]
    guard let method = message["method"]?.string else {
      // The answer to a request of ours says nothing that we wait for.
      if message["result"] != nil || message["error"] != nil { return [] }
      return [failure(id ?? .null, ResponseError(.invalidRequest, "a message has a method"))]
    }
    let params = message["params"] ?? .null
    guard let id else { return notify(method, params) }
    if cancelled.contains(id) { return [failure(id, ResponseError(.requestCancelled, "cancelled"))] }
    do throws(ResponseError) {
      return [["jsonrpc": "2.0", "id": id, "result": try answer(method, params)]]
    } catch {
      return [failure(id, error)]
    }
  }

  private func failure(_ id: JSON, _ error: ResponseError) -> JSON {
    ["jsonrpc": "2.0", "id": id, "error": ["code": JSON(error.code.rawValue), "message": .string(error.message)]]
  }

  static func notification(_ method: String, _ params: JSON) -> JSON {
    ["jsonrpc": "2.0", "method": .string(method), "params": params]
  }

  // MARK: Notifications

  private mutating func notify(_ method: String, _ params: JSON) -> [JSON] {
    if method == "exit" {
      exitStatus = phase == .shutDown ? 0 : 1
      return []
    }
    guard phase == .running else { return [] }
    switch method {
    case "initialized": return registrations()
    case "textDocument/didOpen": open(params)
    case "textDocument/didChange": change(params)
    case "textDocument/didClose": close(params)
    case "textDocument/didSave", "workspace/didChangeWatchedFiles", "workspace/didChangeConfiguration": invalidate()
    case "workspace/didChangeWorkspaceFolders": changeFolders(params)
    case _: break
    }
    return []
  }

  /// Asks the client to tell of programs that change on the disk.
  private mutating func registrations() -> [JSON] {
    guard watchesFiles else { return [] }
    sent += 1
    let watcher: JSON = ["globPattern": "**/*.rf"]
    let registration: JSON = [
      "id": "programs", "method": "workspace/didChangeWatchedFiles", "registerOptions": ["watchers": [watcher]],
    ]
    return [
      [
        "jsonrpc": "2.0", "id": .string("reflow-\(sent)"), "method": "client/registerCapability",
        "params": ["registrations": [registration]],
      ]
    ]
  }

  private mutating func open(_ params: JSON) {
    let item = params["textDocument"]
    guard let uri = item?["uri"]?.string, let text = item?["text"]?.string else { return }
    documents[uri] = Document(
      uri: uri, path: path(of: uri), version: item?["version"] ?? .null, text: text, encoding: encoding)
    invalidate()
  }

  private mutating func change(_ params: JSON) {
    guard let uri = params["textDocument"]?["uri"]?.string, documents[uri] != nil else { return }
    for change in params["contentChanges"]?.array ?? [] { documents[uri]?.apply(change) }
    documents[uri]?.version = params["textDocument"]?["version"] ?? .null
    invalidate()
  }

  private mutating func close(_ params: JSON) {
    guard let uri = params["textDocument"]?["uri"]?.string, documents.removeValue(forKey: uri) != nil else { return }
    invalidate()
  }

  private mutating func changeFolders(_ params: JSON) {
    let removed = Set((params["event"]?["removed"]?.array ?? []).compactMap(Self.folder))
    folders.removeAll { removed.contains($0) }
    folders += (params["event"]?["added"]?.array ?? []).compactMap(Self.folder)
    invalidate()
  }

  static func folder(_ value: JSON) -> ByteString? {
    guard let uri = value["uri"]?.string, var path = DocumentURI.path(uri) else { return nil }
    while path.count > 1, path.bytes.last == UInt8(ascii: "/") { path.bytes.removeLast() }
    return path
  }

  // MARK: Requests

  private mutating func answer(_ method: String, _ params: JSON) throws(ResponseError) -> JSON {
    switch phase {
    case .new:
      guard method == "initialize" else { throw ResponseError(.notInitialized, "initialize comes first") }
      phase = .running
      return initialize(params)
    case .shutDown: throw ResponseError(.invalidRequest, "the server has been shut down")
    case .running: break
    }
    switch method {
    case "initialize": throw ResponseError(.invalidRequest, "the server has been initialized")
    case "shutdown":
      phase = .shutDown
      return .null
    case "textDocument/hover": return try hover(place(params))
    case "textDocument/definition": return try definition(place(params))
    case "textDocument/references":
      return try references(place(params), withDeclaration: params["context"]?["includeDeclaration"]?.bool ?? true)
    case "textDocument/documentHighlight": return try highlights(place(params))
    case "textDocument/prepareRename": return try prepareRename(place(params))
    case "textDocument/rename": return try rename(place(params), to: params["newName"]?.string)
    case "textDocument/completion": return try completion(document(params), params["position"])
    case "textDocument/signatureHelp": return try signatureHelp(document(params), params["position"])
    case "textDocument/documentSymbol": return try symbols(of: document(params))
    case "textDocument/formatting": return try formatting(document(params))
    case "textDocument/semanticTokens/full": return try semanticTokens(document(params))
    case "textDocument/codeAction": return try codeActions(document(params), params)
    case _: throw ResponseError(.methodNotFound, "there is no method \(method)")
    }
  }

  func document(_ params: JSON) throws(ResponseError) -> Document {
    guard let uri = params["textDocument"]?["uri"]?.string else {
      throw ResponseError(.invalidParams, "a textDocument with a uri is needed")
    }
    guard let document = documents[uri] else { throw ResponseError(.invalidParams, "\(uri) is not open") }
    return document
  }
}

/// Why a request has no answer.
struct ResponseError: Error, Hashable {
  enum Code: Int {
    case parseError = -32700
    case invalidRequest = -32600
    case methodNotFound = -32601
    case invalidParams = -32602
    case notInitialized = -32002
    case requestCancelled = -32800
    case requestFailed = -32803
  }

  var code: Code
  var message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
