import BuildGraph
import Diagnostics
import Language

/// A name where it is written.
struct Occurrence: Hashable {
  var path: ByteString
  var token: TokenIndex
  /// Whether the name means two things there, and what is written in its place must say which.
  var form: Form

  enum Form: Hashable {
    case plain
    /// `x` in `{x}`, in an expression or a pattern: the name stands for a field of that name, too.
    case field
    /// `x` in `exec(x)` or `make("m.rf", x)`, as the variable.
    case argumentValue
    /// The same, as the parameter.
    case argumentName
  }

  /// What is written in its place when the name is another one.
  func replacement(_ old: String, _ new: String) -> String {
    switch form {
    case .plain: new
    case .field: "\(old): \(new)"
    case .argumentValue: "\(old) := \(new)"
    case .argumentName: "\(new) := \(old)"
    }
  }
}

extension Program {
  /// All places where something is named, by path and place.
  ///
  /// - Complexity: O(size of the modules).
  func occurrences(of symbol: Symbol) -> [Occurrence] {
    guard let declared = symbol.token, let home = index(of: symbol.path) else { return [] }
    let isLocal = !isVisibleOutside(symbol)
    let name = Array(home.tree.text(declared).utf8)
    var found: [Occurrence] = []
    for path in isLocal ? [symbol.path] : modules.keys.sorted() {
      guard let module = modules[path], isLocal || path == symbol.path || mentions(module, symbol.path),
        let index = index(of: path)
      else { continue }
      for (place, token) in index.tree.tokens.enumerated()
      where token.isWord && Int(token.upper - token.lower) == name.count
        && index.tree.source.text[Int(token.lower)..<Int(token.upper)].elementsEqual(name)
      {
        let place = TokenIndex(place)
        if self.symbol(at: place, in: index) == symbol {
          found.append(Occurrence(path: path, token: place, form: index.form(of: place)))
        } else if shorthandParam(at: place, in: index) == symbol {
          found.append(Occurrence(path: path, token: place, form: .argumentName))
        }
      }
    }
    return found
  }

  /// Whether other modules can name it: a field, what the module exports, or one of its parameters.
  func isVisibleOutside(_ symbol: Symbol) -> Bool {
    guard let token = symbol.token, let home = index(of: symbol.path) else { return true }
    guard case .binding? = home[token] else { return true }
    guard let id = home.topLevelDeclaration(ofBindingAt: token) else { return false }
    if case .param = home.tree[id].kind { return true }
    return home.module.exports.contains { $0.name == home.tree.text(token) }
      || home.module.aliases.contains { $0.name == home.tree.text(token) }
  }

  /// Whether a module refers to another one, itself or by others.
  private func mentions(_ module: CheckedModule, _ path: ByteString) -> Bool {
    var pending = [module]
    var seen: Set<ObjectIdentifier> = []
    while let module = pending.popLast() {
      for imported in module.imports.values {
        guard case .module(let other) = imported, seen.insert(ObjectIdentifier(other)).inserted else { continue }
        if self.path(of: other) == path { return true }
        pending.append(other)
      }
    }
    return false
  }
}

extension ModuleIndex {
  /// How a variable is written at a token.
  fileprivate func form(of token: TokenIndex) -> Occurrence.Form {
    if shorthandArguments[token] != nil { return .argumentValue }
    return shorthandFields.contains(token) || shorthandPatterns.contains(token) ? .field : .plain
  }
}

extension Conversation {
  func location(_ path: ByteString, _ token: TokenIndex, in program: Program) -> JSON? {
    guard let index = program.index(of: path), token >= 0, Int(token) < index.tree.tokens.count else { return nil }
    return ["uri": .string(uri(of: path)), "range": index.range(of: token)]
  }

  func definition(_ place: Place) throws(ResponseError) -> JSON {
    guard let token = place.token, let symbol = place.program.symbol(at: token, in: place.index) else { return .null }
    guard let declared = symbol.token else {
      let start: JSON = ["line": 0, "character": 0]
      return ["uri": .string(uri(of: symbol.path)), "range": ["start": start, "end": start]]
    }
    return location(symbol.path, declared, in: place.program) ?? .null
  }

  func references(_ place: Place, withDeclaration: Bool) throws(ResponseError) -> JSON {
    guard let token = place.token, let symbol = place.program.symbol(at: token, in: place.index) else { return [] }
    let program = place.program.isVisibleOutside(symbol) ? wholeProgram(of: place.program.root) : place.program
    return .array(
      program.occurrences(of: symbol).filter { withDeclaration || Symbol(path: $0.path, token: $0.token) != symbol }
        .compactMap { location($0.path, $0.token, in: program) })
  }

  /// The places of the document that name what is at a place; of a builtin, say, the places that name it, too.
  func highlights(_ place: Place) throws(ResponseError) -> JSON {
    guard let token = place.token, let role = place.index[token] else { return .null }
    let tokens: [TokenIndex]
    if let symbol = place.program.symbol(at: token, in: place.index) {
      tokens = place.program.occurrences(of: symbol).filter { $0.path == place.document.path }.map(\.token)
    } else {
      switch role {
      case .builtin, .prelude:
        tokens = place.index.roles.indices.lazy.map { TokenIndex($0) }.filter { place.index[$0] == role }
      case .binding, .use, .member, .typePath, .argument, .field, .tag, .modulePath: return .null
      }
    }
    return .array(tokens.map { ["range": place.index.range(of: $0)] })
  }
}
