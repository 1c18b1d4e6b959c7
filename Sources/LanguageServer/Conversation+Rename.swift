import BuildGraph
import Diagnostics
import Language

extension Conversation {
  func prepareRename(_ place: Place) throws(ResponseError) -> JSON {
    let (token, _) = try renamed(place)
    return ["range": place.index.range(of: token), "placeholder": .string(place.index.tree.text(token))]
  }

  /// What is at a place, if it may have another name.
  private func renamed(_ place: Place) throws(ResponseError) -> (TokenIndex, Symbol) {
    guard let token = place.token, let role = place.index[token] else {
      throw ResponseError(.requestFailed, "there is no name here")
    }
    switch role {
    case .field, .tag:
      throw ResponseError(
        .requestFailed, "fields and tags belong to every type that has them, so they are not renamed")
    case .builtin, .prelude: throw ResponseError(.requestFailed, "the language itself has this name")
    case .modulePath: throw ResponseError(.requestFailed, "a module is renamed by renaming its file")
    case .binding, .use, .member, .typePath, .argument: break
    }
    guard let symbol = place.program.symbol(at: token, in: place.index), let declared = symbol.token,
      let home = place.program.index(of: symbol.path)
    else { throw ResponseError(.requestFailed, "it is not known where this name is declared") }
    guard case .binding? = home[declared] else {
      throw ResponseError(
        .requestFailed, "fields and tags belong to every type that has them, so they are not renamed")
    }
    return (token, symbol)
  }

  /// The edits that give a name to something, wherever it is named; or why they would change what the programs mean.
  func rename(_ place: Place, to name: String?) throws(ResponseError) -> JSON {
    guard let name else { throw ResponseError(.invalidParams, "a newName is needed") }
    let (token, symbol) = try renamed(place)
    let old = place.index.tree.text(token)
    if name == old { return ["changes": [:]] }
    guard Self.isName(name) else { throw ResponseError(.requestFailed, "'\(name)' cannot be a name") }
    let before = wholeProgram(of: place.program.root)
    let occurrences = before.occurrences(of: symbol)
    var edits: [ByteString: [(range: Range<Int>, text: String)]] = [:]
    for occurrence in occurrences {
      guard let index = before.index(of: occurrence.path) else { continue }
      let written = index.tree.tokens[Int(occurrence.token)]
      edits[occurrence.path, default: []].append(
        (Int(written.lower)..<Int(written.upper), occurrence.replacement(old, name)))
    }
    try check(edits, of: symbol, named: name, before)
    var changes: [JSON.Member] = []
    for path in edits.keys.sorted() {
      guard let index = before.index(of: path), let list = edits[path] else { continue }
      let found = list.map { edit -> JSON in
        ["range": index.lines.range(edit.range.lowerBound, edit.range.upperBound), "newText": .string(edit.text)]
      }
      changes.append(.init(uri(of: path), .array(found)))
    }
    return ["changes": .object(changes)]
  }

  /// Refuses edits after which another name would mean something else: the edited programs are checked, and must have the same
  /// errors and name the renamed thing in as many places.
  private func check(
    _ edits: [ByteString: [(range: Range<Int>, text: String)]], of symbol: Symbol, named name: String, _ before: Program
  ) throws(ResponseError) {
    var texts: [ByteString: [UInt8]] = [:]
    var place: Int?
    for (path, list) in edits {
      guard let index = before.index(of: path) else { continue }
      var text: [UInt8] = []
      var end = 0
      for edit in list.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
        text += index.tree.source.text[end..<edit.range.lowerBound]
        if path == symbol.path, let token = symbol.token,
          Int(index.tree.tokens[Int(token)].lower) == edit.range.lowerBound
        {
          place = text.count + edit.text.utf8.count - name.utf8.count
        }
        text += Array(edit.text.utf8)
        end = edit.range.upperBound
      }
      texts[path] = text + index.tree.source.text[end...]
    }
    let after = wholeProgram(of: before.root, replacing: texts)
    func refuse() -> ResponseError {
      ResponseError(.requestFailed, "with the name '\(name)' the programs would mean something else: it is taken")
    }
    guard let place, let home = after.index(of: symbol.path), let token = home.tree.token(at: place) else {
      throw refuse()
    }
    let renamed = Symbol(path: symbol.path, token: token)
    let count = edits.values.reduce(0) { $0 + $1.count }
    guard after.occurrences(of: renamed).count == count,
      errors(of: after) == errors(of: before)
    else { throw refuse() }
  }

  private func errors(of program: Program) -> Int {
    program.checked.diagnostics.count { $0.severity == .error }
  }

  static func isName(_ text: String) -> Bool {
    let (tree, diagnostics) = parse(SourceFile(name: "", text: "val \(text) = 0\n"))
    guard diagnostics.isEmpty, tree.module.declarations.count == 1,
      case .value(let pattern, type: nil, _, form: _) = tree[tree.module.declarations[0]].kind,
      case .identifier(let name) = tree[pattern].kind
    else { return false }
    return name.text == text
  }
}
