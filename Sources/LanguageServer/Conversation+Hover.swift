import BuildGraph
import Diagnostics
import Language

extension Conversation {
  /// The type and the comment of what is at a place.
  func hover(_ place: Place) throws(ResponseError) -> JSON {
    guard let token = place.token, let text = Description(of: token, in: place.index, of: place.program)?.markdown
    else {
      return .null
    }
    return ["contents": ["kind": "markdown", "value": .string(text)], "range": place.index.range(of: token)]
  }
}

extension ModuleIndex {
  func range(of token: TokenIndex) -> JSON {
    let token = tree.tokens[Int(token)]
    return lines.range(Int(token.lower), Int(token.upper))
  }
}

/// What there is to say of a name: how it would be declared, and its comment.
struct Description {
  var signature: String
  var documentation = ""

  var markdown: String {
    let comment = documentation.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n")
    return "```reflow\n\(signature)\n```" + (comment.isEmpty ? "" : "\n\n" + comment)
  }

  init(_ signature: String, _ documentation: String = "") {
    self.signature = Self.shortened(signature)
    self.documentation = documentation
  }

  /// - Returns: nil for what means nothing, or what nothing is known about.
  init?(of token: TokenIndex, in index: ModuleIndex, of program: Program) {
    let name = index.tree.text(token)
    switch index[token] {
    case .binding?: self.init(binding: token, in: index)
    case .use(let declaration)?: self.init(binding: declaration, in: index)
    case .builtin(let builtin)?: self.init(builtin)
    case .prelude(let name)?: self.init(prelude: name)
    case .member(let id)?:
      guard let description = Self.member(id, token, in: index, of: program) else { return nil }
      self = description
    case .typePath?:
      guard let symbol = program.symbol(at: token, in: index), let declared = symbol.token,
        let home = program.index(of: symbol.path)
      else { return nil }
      self.init(binding: declared, in: home)
    case .argument(let owner, let value)?:
      guard let description = Self.argument(name, owner, value, token, in: index, of: program) else { return nil }
      self = description
    case .modulePath(let id)?: self.init(moduleOf: id, in: index)
    case .field, .tag, nil:
      guard let type = index.type(at: token) else { return nil }
      self.init(Self.shortened("\(type)"))
    }
  }

  /// A name that is bound in the module.
  init?(binding token: TokenIndex, in index: ModuleIndex) {
    let name = index.tree.text(token)
    if case .output(let type)? = index.sites[token] {
      self.init("output \(name) \(index.tree.text(of: type))")
      return
    }
    guard let type = index.type(ofBindingAt: token) else { return nil }
    switch index.sites[token] {
    case .declaration(let id)?:
      let declaration = index.tree[id]
      let comment = declaration.documentation ?? ""
      switch declaration.kind {
      case .function: self.init(Self.function(name, type), comment)
      case .type: self.init("type \(name) \(type)", comment)
      case .param(_, type: _, let value):
        let text = value.map { " = " + index.tree.text(of: $0) } ?? ""
        self.init("param \(name) \(type)\(text)", comment)
      case .value, .error: self.init(Self.value(name, type), comment)
      }
    case .part(of: let id)?: self.init(Self.value(name, type), index.tree[id].documentation ?? "")
    case .parameter?, .pattern?, .output?, nil: self.init("\(name) \(type)")
    }
  }

  static func value(_ name: String, _ type: Type) -> String {
    if case .module = type { return "val \(name) module" }
    if case .function = type { return function(name, type) }
    return "val \(name) \(type)"
  }

  static func function(_ name: String, _ type: Type) -> String {
    guard case .function = type else { return "func \(name)" }
    return "func \(name)\(type.description.dropFirst("func".utf8.count))"
  }

  init(_ builtin: Builtin) { self.init(builtin.signature, builtin.summary) }

  init(_ function: SystemFunction) { self.init(function.signature, function.summary) }

  init(prelude name: String) {
    switch name {
    case "file":
      self.init("func file(url string) file", "The file at a path, relative to the workspace root, or at a URL.")
    case "dir":
      self.init("func dir(url string) dir", "The folder at a path, relative to the workspace root, or at a URL.")
    case "KiB": self.init("val KiB int", "1024 bytes.")
    case "MiB": self.init("val MiB int", "1024 KiB.")
    case "GiB": self.init("val GiB int", "1024 MiB.")
    case _: self.init("val \(name) int", "1024 GiB.")
    }
  }

  init?(moduleOf id: ExpressionID, in index: ModuleIndex) {
    switch index.module.imports[id] {
    case .module(let module)?:
      self.init("module \(module.tree.source.name)", "Exports " + Self.list(module.exports.map(\.name)) + ".")
    case .system(let module)?:
      self.init("module $/\(module.name)", "Exports " + Self.list(module.members.map(\.name)) + ".")
    case nil: return nil
    }
  }

  private static func list(_ names: [String]) -> String {
    names.isEmpty ? "nothing" : names.map { "`\($0)`" }.joined(separator: ", ")
  }

  private static func member(
    _ id: ExpressionID, _ token: TokenIndex, in index: ModuleIndex, of program: Program
  ) -> Description? {
    if case .system(let function)? = index.module.resolutions[id] { return Description(function) }
    if let symbol = program.symbol(at: token, in: index), let declared = symbol.token,
      let home = program.index(of: symbol.path), let description = Description(binding: declared, in: home)
    {
      return description
    }
    let type = index.module.types[Int(id.index)]
    if type == .error { return nil }
    return Description("\(index.tree.text(token)) \(type)")
  }

  private static func argument(
    _ name: String, _ owner: ModuleIndex.Owner, _ value: ExpressionID, _ token: TokenIndex, in index: ModuleIndex,
    of program: Program
  ) -> Description? {
    switch owner {
    case .exec:
      return ArgumentNames.exec.first { $0.name == name }.map { Description("\(name) \($0.type)", $0.summary) }
    case .table:
      return ArgumentNames.table.first { $0.name == name }.map { Description("\(name) \($0.type)", $0.summary) }
    case .requires:
      return ArgumentNames.requires.first { $0.name == name }.map { Description("\(name) \($0.type)", $0.summary) }
    case .make:
      guard let symbol = program.symbol(at: token, in: index), let declared = symbol.token,
        let home = program.index(of: symbol.path)
      else { return nil }
      return Description(binding: declared, in: home)
    }
  }

  /// What an editor shows is read at a glance.
  static func shortened(_ text: String) -> String {
    text.utf8.count <= 2000 ? text : text.prefix(1997) + "..."
  }
}

extension ModuleIndex {
  /// The type of the smallest expression that begins at a token and that the checker has found a type for.
  ///
  /// - Complexity: O(expressions of the module).
  func type(at token: TokenIndex) -> Type? {
    var best: (length: TokenIndex, type: Type)?
    for (position, expression) in tree.expressions.enumerated() where expression.span.first == token {
      let length = expression.span.last - expression.span.first
      let type = module.types[position]
      guard type != .error, length < best?.length ?? .max else { continue }
      best = (length, type)
    }
    return best?.type
  }
}

extension SyntaxTree {
  /// The source text of a type.
  func text(of id: TypeSyntaxID) -> String {
    let span = self[id].span
    guard span.first >= 0, Int(span.last) < tokens.count else { return "" }
    let lower = Int(tokens[Int(span.first)].lower)
    return String(decoding: source.text[lower..<max(lower, Int(tokens[Int(span.last)].upper))], as: UTF8.self)
  }
}
