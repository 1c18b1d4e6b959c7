import Diagnostics

/// What a module offers, from its doc comments: for `reflow doc`, and for the `-help` of a program.
package struct ModuleDocumentation: Sendable {
  package struct Item: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable { case param, value, function, type }

    package var kind: Kind
    package var name: String
    package var type: String
    /// The text of a param's default, as written.
    package var defaultText: String?
    /// Lines without comment markers; empty where there is no comment.
    package var documentation: String

    /// How it is declared.
    package var signature: String {
      switch kind {
      case .param: "param \(name) \(type)" + (defaultText.map { " = \($0)" } ?? "")
      case .value: "val \(name) \(type)"
      case .function: "func \(name)" + type.dropFirst("func".utf8.count)
      case .type: "type \(name) \(type)"
      }
    }
  }

  /// Params, then types, then values and functions, each in the order of the module.
  package let items: [Item]

  /// - Complexity: O(declarations of the module).
  package init(of module: CheckedModule) {
    var items: [Item] = []
    for param in module.params {
      var text: String?
      if case .param(_, _, let value?) = module.tree[param.declaration].kind { text = module.tree.text(of: value) }
      items.append(
        Item(
          kind: .param, name: param.name, type: param.type.description, defaultText: text,
          documentation: param.documentation ?? ""))
    }
    let comments = Self.comments(in: module)
    for alias in module.aliases {
      items.append(
        Item(
          kind: .type, name: alias.name, type: alias.type.description, documentation: comments[alias.name] ?? ""))
    }
    for export in module.exports {
      var kind = Item.Kind.value
      if case .function = export.type { kind = .function }
      items.append(
        Item(kind: kind, name: export.name, type: export.type.description, documentation: comments[export.name] ?? ""))
    }
    self.items = items
  }

  /// What a module of the system offers.
  package init(of module: SystemModule) {
    items = module.functions.map { function in
      let type = function.signature.dropFirst("func \(function.name)".utf8.count)
      return Item(kind: .function, name: function.name, type: "func" + type, documentation: function.summary + "\n")
    }
  }

  /// The doc comment of each exported name; of a name that is declared again, the last.
  private static func comments(in module: CheckedModule) -> [String: String] {
    var comments: [String: String] = [:]
    for id in module.tree.module.declarations {
      let declaration = module.tree[id]
      guard let text = declaration.documentation else { continue }
      switch declaration.kind {
      case .value(let pattern, _, _, _):
        for name in module.tree.names(boundBy: pattern) { comments[name] = text }
      case .function(let name, _), .type(let name, _), .param(let name, _, _):
        comments[name.text] = text
      case .error:
        break
      }
    }
    return comments
  }

  /// The documentation as plain text: a signature a line, its comment indented below.
  package var text: String {
    var result = ""
    for item in items {
      if !result.isEmpty { result += "\n" }
      result += item.signature + "\n"
      for line in item.documentation.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
        result += line.isEmpty ? "\n" : "    \(line)\n"
      }
    }
    return result
  }

  /// The flags of a program: each param that the command line can set, with its type, its default and its comment.
  package func help(program: String) -> String {
    let params = items.filter { $0.kind == .param }
    guard !params.isEmpty else { return "\(program) has no parameters\n" }
    var result = "parameters of \(program), as -NAME=VALUE or --NAME VALUE:\n"
    for param in params {
      let isFlag = ["int", "float", "string", "bool", "file", "dir"].contains(param.type)
      result += "  -\(param.name) \(param.type)"
      if let text = param.defaultText {
        result += " (default \(text))"
      } else if isFlag {
        result += param.type == "bool" ? " (default false)" : " (required)"
      }
      if !isFlag { result += " (set by make only)" }
      result += "\n"
      for line in param.documentation.split(separator: "\n") { result += "        \(line)\n" }
    }
    return result
  }
}

extension SyntaxTree {
  /// The source text of an expression.
  package func text(of id: ExpressionID) -> String {
    let span = self[id].span
    let lower = Int(tokens[Int(span.first)].lower)
    let upper = max(lower, Int(tokens[Int(span.last)].upper))
    return String(decoding: source.text[lower..<upper], as: UTF8.self)
  }

  /// The identifiers that a pattern binds, from left to right.
  ///
  /// - Complexity: O(size of the pattern).
  package func names(boundBy root: PatternID) -> [String] {
    var names: [String] = []
    var pending = [root]
    while let id = pending.popLast() {
      switch self[id].kind {
      case .identifier(let name): names.append(name.text)
      case .tuple(let elements): pending += elements.reversed()
      case .list(let elements, let tail):
        if case .pattern(let rest) = tail { pending.append(rest) }
        pending += elements.reversed()
      case .structure(let fields):
        for field in fields.reversed() {
          if let pattern = field.pattern { pending.append(pattern) } else { names.append(field.name.text) }
        }
      case .variant(_, let element?): pending.append(element)
      case .variant(_, nil), .wildcard, .literal, .error: break
      }
    }
    return names
  }
}
