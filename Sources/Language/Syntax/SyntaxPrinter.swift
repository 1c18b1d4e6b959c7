import BigInt
import BuildGraph

/// The canonical text of a module, without its comments. Reading it gives a tree of the same structure.
///
/// - Precondition: The tree is that of a program without syntax errors.
/// - Complexity: O(nodes).
package func print(_ tree: SyntaxTree) -> String {
  var printer = SyntaxPrinter(tree: tree)
  printer.module()
  return printer.text
}

/// Writes a tree as text. Parentheses are nodes of the tree, so none has to be added.
struct SyntaxPrinter {
  let tree: SyntaxTree
  private(set) var text = ""
  private var indentation = 0
  /// How many interpolations are open: there a line break would not end a declaration.
  private var interpolations = 0

  init(tree: SyntaxTree) { self.tree = tree }

  mutating func module() {
    if let keyspace = tree.module.keyspace {
      text += "keyspace "
      expression(keyspace)
      text += "\n"
    }
    for id in tree.module.params + tree.module.declarations {
      declaration(id, separator: "\n")
      text += "\n"
    }
  }

  // MARK: Declarations

  /// - Parameter separator: What stands behind `@requires(…)`.
  private mutating func declaration(_ id: DeclarationID, separator: String) {
    for arguments in tree[id].requires {
      text += "@requires("
      self.arguments(arguments)
      text += ")" + separator
    }
    switch tree[id].kind {
    case .error: break
    case .value(let item, let type, let value, let form):
      if form == .val { text += "val " }
      pattern(item)
      if form == .shorthand { return }
      if let type {
        text += " "
        self.type(type)
      }
      text += form == .val ? " = " : " := "
      expression(value)
    case .function(let name, let function):
      text += "func " + name.text
      signature(function)
      text += " = "
      expression(function.body)
    case .type(let name, let type):
      text += "type " + name.text + " "
      self.type(type)
    case .param(let name, let type, let value):
      text += "param " + name.text
      if let type {
        text += " "
        self.type(type)
      }
      if let value {
        text += " = "
        expression(value)
      }
    }
  }

  private mutating func arguments(_ ids: [DeclarationID]) {
    separated(ids) { $0.declaration($1, separator: " ") }
  }

  private mutating func signature(_ function: Expression.Function) {
    text += "("
    typedNames(function.parameters)
    text += ")"
    if let result = function.result {
      text += " "
      type(result)
    }
  }

  private mutating func separated<Part>(_ parts: [Part], _ write: (inout Self, Part) -> Void) {
    for (position, part) in parts.enumerated() {
      if position > 0 { text += ", " }
      write(&self, part)
    }
  }

  private mutating func enclosed(_ open: String, _ close: String, _ write: (inout Self) -> Void) {
    text += open
    write(&self)
    text += close
  }

  // MARK: Expressions

  /// Left operands are followed in a loop, since there may be any number of them.
  mutating func expression(_ id: ExpressionID) {
    var spine: [ExpressionID] = []
    var base = id
    while let left = tree[base].leftOperand {
      spine.append(base)
      base = left
    }
    term(base)
    for id in spine.reversed() { suffix(tree[id].kind, after: base) }
  }

  /// What stands behind the left operand of an expression.
  private mutating func suffix(_ kind: Expression.Kind, after base: ExpressionID) {
    switch kind {
    case .binary(let symbol, _, let right):
      text += " " + symbol.rawValue + " "
      expression(right)
    case .call(_, let arguments): enclosed("(", ")") { $0.separated(arguments) { $0.expression($1) } }
    case .index(_, let index): enclosed("[", "]") { $0.expression(index) }
    case .slice(_, let lower, let upper):
      text += "["
      if let lower { expression(lower) }
      text += ":"
      if let upper { expression(upper) }
      text += "]"
    case .member(_, let name):
      // Directly behind digits the dot would be part of the number.
      if text.utf8.last.map(isDigit) == true || text.utf8.last == UInt8(ascii: ".") { text += " " }
      text += "." + name.text
    case .error, .integer, .float, .string, .bool, .identifier, .unary, .conditional, .switch, .tuple, .parenthesized,
      .function, .exec, .make, .block, .structure, .list, .map, .comprehension, .table, .variant, .toInteger,
      .toFloat:
      break
    }
  }

  private mutating func term(_ id: ExpressionID) {
    switch tree[id].kind {
    case .error, .binary, .call, .index, .slice, .member: break
    case .integer(let value): text += String(value)
    case .float(let digits): text += digits
    case .string(let value): text += GoText.quoted(value)
    case .bool(let value): text += value ? "true" : "false"
    case .identifier(let name): text += name.text
    case .unary(let symbol, let operand):
      text += symbol.rawValue
      expression(operand)
    case .conditional: conditional(id)
    case .switch(let subject, let cases): switchExpression(subject, cases)
    case .tuple(let elements): enclosed("(", ")") { $0.separated(elements) { $0.expression($1) } }
    case .parenthesized(let inner): enclosed("(", ")") { $0.expression(inner) }
    case .function(let function):
      text += "func"
      signature(function)
      text += " => "
      expression(function.body)
    case .exec(let exec): self.exec(exec)
    case .make(let path, let arguments):
      text += "make(" + GoText.quoted(path)
      if !arguments.isEmpty { text += ", " }
      self.arguments(arguments)
      text += ")"
    case .block(let declarations, let value): block(declarations, value)
    case .structure(let fields): structure(fields)
    case .list(let elements, let spreads):
      text += "["
      separated(elements) { $0.expression($1) }
      self.spreads(spreads, isFirst: elements.isEmpty)
    case .map(let pairs, let spreads):
      text += pairs.isEmpty ? "[:" : "["
      separated(pairs) { printer, pair in
        printer.expression(pair.key)
        printer.text += ": "
        printer.expression(pair.value)
      }
      self.spreads(spreads, isFirst: pairs.isEmpty)
    case .comprehension(let head, let clauses): comprehension(head, clauses)
    case .table(let table):
      text += "table("
      expression(table.source)
      if !table.options.isEmpty { text += ", " }
      arguments(table.options)
      text += ") "
      type(table.row)
    case .variant(let tag, let element):
      text += "#" + tag.text
      if let element { enclosed("(", ")") { $0.expression(element) } }
    case .toInteger(let value): enclosed("int(", ")") { $0.expression(value) }
    case .toFloat(let value): enclosed("float(", ")") { $0.expression(value) }
    }
  }

  /// A chain of `else if` is one loop, as it is in the parser.
  private mutating func conditional(_ id: ExpressionID) {
    var rest = id
    while case .conditional(let condition, let then, let otherwise) = tree[rest].kind {
      text += "if "
      expression(condition)
      text += " "
      expression(then)
      text += " else "
      rest = otherwise
    }
    expression(rest)
  }

  private mutating func switchExpression(_ subject: ExpressionID, _ cases: [Expression.Case]) {
    text += "switch "
    expression(subject)
    text += " {"
    lines(cases) { printer, choice in
      printer.text += "case "
      printer.pattern(choice.pattern)
      printer.text += ": "
      printer.expression(choice.body)
    }
    text += "}"
  }

  private mutating func block(_ declarations: [DeclarationID], _ value: ExpressionID) {
    text += "{"
    if declarations.isEmpty {
      enclosed(" ", " ") { $0.expression(value) }
    } else {
      lines(declarations.map(Optional.some) + [nil]) { printer, id in
        if let id { printer.declaration(id, separator: " ") } else { printer.expression(value) }
      }
    }
    text += "}"
  }

  /// Each part on a line of its own; in an interpolation with semicolons on one.
  private mutating func lines<Part>(_ parts: [Part], _ write: (inout Self, Part) -> Void) {
    if interpolations > 0 {
      for (position, part) in parts.enumerated() {
        text += position > 0 ? "; " : " "
        write(&self, part)
      }
      text += " "
      return
    }
    indentation += 1
    for part in parts {
      text += "\n" + String(repeating: "  ", count: indentation)
      write(&self, part)
    }
    indentation -= 1
    text += "\n" + String(repeating: "  ", count: indentation)
  }

  private mutating func structure(_ fields: [Expression.Field]) {
    text += "{"
    separated(fields) { printer, field in
      printer.text += field.name.text
      if let value = field.value {
        printer.text += ": "
        printer.expression(value)
      }
    }
    text += "}"
  }

  private mutating func spreads(_ spreads: [ExpressionID], isFirst: Bool) {
    for (position, spread) in spreads.enumerated() {
      text += position > 0 ? " ..." : isFirst ? "..." : ", ..."
      expression(spread)
    }
    text += "]"
  }

  private mutating func comprehension(_ head: ExpressionID, _ clauses: [Expression.Clause]) {
    text += "["
    expression(head)
    text += " | "
    separated(clauses) { printer, clause in
      switch clause {
      case .enumeration(let item, let source):
        printer.pattern(item)
        printer.text += " <- "
        printer.expression(source)
      case .filter(let condition):
        printer.text += "if "
        printer.expression(condition)
      }
    }
    text += "]"
  }

  private mutating func exec(_ exec: Expression.Exec) {
    text += "exec("
    arguments(exec.arguments)
    text += ") "
    type(exec.outputs)
    text += " {\""
    interpolations += 1
    for part in exec.template {
      switch part {
      case .text(let bytes): text += String(decoding: bytes.bytes, as: UTF8.self)
      case .interpolation(let value):
        text += "{{"
        let start = text.utf8.count
        expression(value)
        // Braces of the expression are kept apart from those of the interpolation.
        if text.utf8.last == UInt8(ascii: "}") { text += " " }
        let first = text.utf8.index(text.startIndex, offsetBy: start)
        if first < text.endIndex, text.utf8[first] == UInt8(ascii: "{") { text.insert(" ", at: first) }
        text += "}}"
      }
    }
    interpolations -= 1
    text += "\"}"
  }

  // MARK: Patterns

  private mutating func pattern(_ id: PatternID) {
    switch tree[id].kind {
    case .error: break
    case .identifier(let name): text += name.text
    case .wildcard: text += "_"
    case .tuple(let elements): enclosed("(", ")") { $0.separated(elements) { $0.pattern($1) } }
    case .list(let elements, let tail):
      text += "["
      separated(elements) { $0.pattern($1) }
      if tail != .none { text += elements.isEmpty ? "..." : ", ..." }
      if case .pattern(let rest) = tail { pattern(rest) }
      text += "]"
    case .structure(let fields):
      text += "{"
      separated(fields) { printer, field in
        printer.text += field.name.text
        if let inner = field.pattern {
          printer.text += ": "
          printer.pattern(inner)
        }
      }
      text += "}"
    case .variant(let tag, let element):
      text += "#" + tag.text
      if let element { enclosed("(", ")") { $0.pattern(element) } }
    case .literal(let value): expression(value)
    }
  }

  // MARK: Types

  private mutating func type(_ id: TypeSyntaxID) {
    switch tree[id].kind {
    case .error: break
    case .int: text += "int"
    case .float: text += "float"
    case .string: text += "string"
    case .bool: text += "bool"
    case .file: text += "file"
    case .dir: text += "dir"
    case .alias(let names): text += names.map(\.text).joined(separator: ".")
    case .list(let element): enclosed("[", "]") { $0.type(element) }
    case .map(let key, let value):
      text += "["
      type(key)
      text += ":"
      type(value)
      text += "]"
    case .structure(let fields): enclosed("{", "}") { $0.typedNames(fields) }
    case .module(let fields): enclosed("module{", "}") { $0.typedNames(fields) }
    case .tuple(let elements): enclosed("(", ")") { $0.typedNames(elements) }
    case .function(let parameters, let result):
      enclosed("func(", ") ") { $0.typedNames(parameters) }
      type(result)
    case .sum(let variants):
      for (position, variant) in variants.enumerated() {
        text += position > 0 ? " | #" : "#"
        text += variant.tag.text
        if let element = variant.element { enclosed("(", ")") { $0.type(element) } }
      }
    case .table(let row):
      text += "table "
      type(row)
    }
  }

  /// `a, b int, c string`: names that were written with one type share it.
  private mutating func typedNames(_ names: [TypedName]) {
    for (position, typed) in names.enumerated() {
      if position > 0 { text += ", " }
      text += typed.name?.text ?? ""
      let next = position + 1 < names.count ? names[position + 1] : nil
      if typed.name != nil, next?.type == typed.type { continue }
      if typed.name != nil { text += " " }
      type(typed.type)
    }
  }
}

extension Expression {
  /// The operand that it begins with, if it is not alone; whoever walks a tree follows these in a loop.
  package var leftOperand: ExpressionID? {
    switch kind {
    case .binary(_, let left, _), .index(let left, _), .slice(let left, _, _), .call(let left, _), .member(let left, _):
      left
    case .error, .integer, .float, .string, .bool, .identifier, .unary, .conditional, .switch, .tuple, .parenthesized,
      .function, .exec, .make, .block, .structure, .list, .map, .comprehension, .table, .variant, .toInteger,
      .toFloat:
      nil
    }
  }
}
