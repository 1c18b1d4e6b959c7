import BuildGraph
import Diagnostics
import Language

extension Conversation {
  /// What may be written at a place.
  ///
  /// A name is completed where one stands; where none stands, the document is read as if one stood there. So the parser, the
  /// checker and its recovery say what kind of place it is.
  mutating func completion(_ document: Document, _ position: JSON?) throws(ResponseError) -> JSON {
    guard let offset = document.lines.offset(position) else {
      throw ResponseError(.invalidParams, "a position is needed")
    }
    let program = program(of: document.root)
    guard let index = program.index(of: document.path) else { return [] }
    if index.isInText(offset) {
      guard let token = index.tree.token(at: offset), case .modulePath? = index[token] else { return [] }
      return .array(modulePaths(token, document, index))
    }
    var place = Completion(program: program, index: index, token: -1)
    if let token = index.tree.token(at: offset), index.tree.tokens[Int(token)].isWord {
      place.token = token
    } else {
      var text = document.text
      text.insert(contentsOf: Self.placeholder, at: offset)
      var texts: [ByteString: [UInt8]] = [document.path: text]
      for other in documents.values where other.path != document.path { texts[other.path] = other.text }
      let files = files
      place.program = Program(root: document.root, entries: [document.path], encoding: encoding) {
        texts[$0] ?? files.read($0)
      }
      guard let index = place.program.index(of: document.path) else { return [] }
      guard let token = index.tree.token(at: offset + 1), index.tree.tokens[Int(token)].kind == .identifier else {
        return []
      }
      place.index = index
      place.token = token
    }
    return .array(place.items())
  }

  /// Lower case, so that it exports nothing, and not a name that anybody uses.
  private static let placeholder = Array("reflowCompletesHere".utf8)

  /// The modules that a `make` may name.
  private func modulePaths(_ token: TokenIndex, _ document: Document, _ index: ModuleIndex) -> [JSON] {
    let string = index.tree.tokens[Int(token)]
    let range = index.lines.range(Int(string.lower) + 1, max(Int(string.lower) + 1, Int(string.upper) - 1))
    let slash = document.path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
    let folder = ByteString(bytes: Array(document.path.bytes[..<slash]))
    var paths = SystemModule.names.map { ("$/" + $0, "module of the system") }
    for path in files.programs(below: folder) where path != document.path {
      paths.append(("./" + Program.relative(path, to: folder).display, "module"))
    }
    return paths.map { path, detail in
      [
        "label": .string(path), "kind": 9, "detail": .string(detail), "filterText": .string(path),
        "textEdit": ["range": range, "newText": .string(path)],
      ]
    }
  }
}

extension ModuleIndex {
  /// Whether an offset is inside a comment, a string or the text of a template.
  func isInText(_ offset: Int) -> Bool {
    for comment in tree.comments where Int(comment.lower) < offset && offset <= Int(comment.upper) {
      // Behind a block comment the program goes on.
      let isLine = tree.source.text[Int(comment.lower) + 1] == UInt8(ascii: "/")
      if isLine || offset < Int(comment.upper) { return true }
    }
    for token in tree.tokens where Int(token.lower) < offset && offset < Int(token.upper) {
      if token.kind == .string || token.kind == .template || token.kind == .character { return true }
    }
    return false
  }
}

/// A place where a name is to be completed.
private struct Completion {
  var program: Program
  var index: ModuleIndex
  /// The name that is there so far, or the placeholder.
  var token: TokenIndex

  /// The kinds of items in the protocol.
  enum Kind: Int {
    case function = 3
    case field = 5
    case variable = 6
    case module = 9
    case keyword = 14
    case enumMember = 20
    case constant = 21
    case structure = 22
    case parameter = 25
  }

  func items() -> [JSON] {
    if let owner = argumentOwner { return arguments(of: owner) }
    switch index[token] {
    case .member(let id)?: return members(of: id)
    case .tag?: return tags()
    case .typePath(let id, let position)?: return typeMembers(id, position)
    case .binding?, .modulePath?: return []
    case .field?: return fieldHasValue ? [] : names()
    case .use?, .builtin?, .prelude?, .argument?, nil: return isInType ? types() : names()
    }
  }

  private func item(
    _ label: String, _ kind: Kind, _ detail: String, _ documentation: String = "", rank: Int = 0
  ) -> JSON {
    var members: [JSON.Member] = [
      .init("label", .string(label)), .init("kind", JSON(kind.rawValue)),
      .init("detail", .string(Description.shortened(detail))),
    ]
    if !documentation.isEmpty {
      members.append(.init("documentation", ["kind": "markdown", "value": .string(documentation)]))
    }
    members.append(.init("sortText", .string("\(rank)\(label)")))
    return .object(members)
  }

  // MARK: Kinds of places

  private var fieldHasValue: Bool {
    !index.shorthandFields.contains(token) && !index.shorthandPatterns.contains(token)
  }

  private var isInType: Bool {
    index.tree.types.contains { type in
      guard case .alias(let path) = type.kind else { return false }
      return path.first?.token == token
    }
  }

  /// What the token names an argument of.
  private var argumentOwner: ModuleIndex.Owner? {
    if let owner = index.shorthandArguments[token] { return owner }
    if case .argument(let owner, value: _)? = index[token] { return owner }
    return nil
  }

  // MARK: Items

  private func members(of id: ExpressionID) -> [JSON] {
    guard case .member(let base, _) = index.tree[id].kind else { return [] }
    let fields: [Type.Field]
    switch index.module.types[Int(base.index)].unlabelled {
    case .structure(let found), .module(let found, aliases: _): fields = found
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .list, .map, .tuple,
      .function, .sum, .table, .scheme:
      return []
    }
    let origin = program.origin(of: base, in: index)
    return fields.map { field in
      switch origin {
      case .system(let module)?:
        guard let function = module[field.name] else { break }
        return item(field.name, .function, function.signature, function.summary)
      case .module(let home)?:
        guard let token = home.export(field.name), let description = Description(binding: token, in: home) else {
          break
        }
        return item(field.name, kind(of: field.type), description.signature, description.documentation)
      case .expression?, .type?, nil: break
      }
      return item(field.name, .field, "\(field.type)")
    }
  }

  private func typeMembers(_ id: TypeSyntaxID, _ position: Int) -> [JSON] {
    guard case .alias(let path) = index.tree[id].kind, let first = path.first,
      case .use(let declaration)? = index[first.token], var type = index.type(ofBindingAt: declaration)
    else { return [] }
    for name in path[1..<position] {
      guard let inner = type.field(name.text) else { return [] }
      type = inner
    }
    guard case .module(_, let aliases) = type else { return [] }
    return aliases.map { item($0.name, .structure, "\($0.type)") }
  }

  private func tags() -> [JSON] {
    var tags: [String: String] = [:]
    func add(_ type: Type) {
      guard case .sum(let variants) = type else { return }
      for variant in variants {
        tags[variant.tag] = variant.element.map { "#\(variant.tag)(\($0))" } ?? "#\(variant.tag)"
      }
    }
    for type in index.module.types { add(type) }
    for type in index.module.declarationTypes { add(type) }
    tags[index.tree.text(token)] = nil
    return tags.sorted { $0.key < $1.key }.map { item($0.key, .enumMember, $0.value) }
  }

  private func arguments(of owner: ModuleIndex.Owner) -> [JSON] {
    switch owner {
    case .exec: return ArgumentNames.exec.map { item($0.name, .parameter, $0.type, $0.summary) }
    case .table: return ArgumentNames.table.map { item($0.name, .parameter, $0.type, $0.summary) }
    case .requires: return ArgumentNames.requires.map { item($0.name, .parameter, $0.type, $0.summary) }
    case .make(let id):
      guard case .module(let module)? = index.module.imports[id] else { return [] }
      return module.params.map { item($0.name, .parameter, "\($0.type)", $0.documentation ?? "") }
    }
  }

  private func types() -> [JSON] {
    var items = index.visibleTypes(at: token).map { token in
      item(index.tree.text(token), .structure, index.type(ofBindingAt: token)?.description ?? "")
    }
    for binding in index.visibleBindings(at: token) {
      guard case .module(_, let aliases)? = index.type(ofBindingAt: binding), !aliases.isEmpty else { continue }
      items.append(item(index.tree.text(binding), .module, "module"))
    }
    for name in ["int", "float", "string", "bool", "file", "dir", "table", "module", "func"] {
      items.append(item(name, .keyword, "type", rank: 1))
    }
    return items
  }

  private func kind(of type: Type) -> Kind {
    switch type {
    case .function, .scheme: .function
    case .module: .module
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .list, .map, .tuple,
      .structure, .sum, .table:
      .variable
    }
  }

  private func names() -> [JSON] {
    var items: [JSON] = []
    var seen: Set<String> = []
    for binding in index.visibleBindings(at: token) {
      let name = index.tree.text(binding)
      guard let description = Description(binding: binding, in: index) else { continue }
      seen.insert(name)
      let type = index.type(ofBindingAt: binding) ?? .file
      let isLocal = index.topLevelDeclaration(ofBindingAt: binding) == nil
      items.append(
        item(
          name, index.sites[binding].map { isParameter($0) } == true ? .parameter : kind(of: type),
          description.signature, description.documentation, rank: isLocal ? 0 : 1))
    }
    for builtin in Builtin.allCases where !seen.contains(builtin.rawValue) {
      items.append(item(builtin.rawValue, .function, builtin.signature, builtin.summary, rank: 2))
    }
    for name in ["file", "dir", "KiB", "MiB", "GiB", "TiB"] where !seen.contains(name) {
      let description = Description(prelude: name)
      items.append(
        item(
          name, name.first == "f" || name.first == "d" ? .function : .constant, description.signature,
          description.documentation, rank: 2))
    }
    for word in isAtDeclaration ? Self.declarationWords : Self.expressionWords {
      items.append(item(word, .keyword, "keyword", rank: 3))
    }
    return items
  }

  private func isParameter(_ site: ModuleIndex.Site) -> Bool {
    switch site {
    case .parameter: true
    case .declaration, .part, .output, .pattern: false
    }
  }

  /// Whether a declaration of the module may begin here: nothing else does.
  private var isAtDeclaration: Bool {
    let before = token == 0 ? nil : index.tree.tokens[Int(token) - 1]
    guard before == nil || before?.kind == .semicolon else { return false }
    return !index.tree.expressions.contains { $0.span.first <= token && token <= $0.span.last }
  }

  private static let expressionWords = [
    "if", "else", "switch", "case", "exec", "make", "func", "val", "table", "int", "float", "true", "false",
  ]
  private static let declarationWords = ["val", "func", "type", "param", "keyspace"]
}
