import BuildGraph
import Diagnostics

@testable import Language

/// What a tree says, without where it was written, as one line of nested parentheses. Two trees with equal structure
/// mean the same.
struct Structure {
  let tree: SyntaxTree

  static func of(_ tree: SyntaxTree) -> String {
    let structure = Structure(tree: tree)
    var parts = tree.module.keyspace.map { ["(keyspace \(structure.expression($0)))"] } ?? []
    parts += (tree.module.params + tree.module.declarations).map(structure.declaration)
    return parts.joined(separator: " ")
  }

  func expression(_ id: ExpressionID) -> String {
    switch tree[id].kind {
    case .error: "error"
    case .integer(let value): "\(value)"
    case .float(let text): "(float \(text))"
    case .string(let bytes): GoText.quoted(bytes)
    case .bool(let value): "\(value)"
    case .identifier(let name): name.text
    case .unary(let symbol, let operand): "(\(symbol.rawValue) \(expression(operand)))"
    case .binary(let symbol, let left, let right): "(\(symbol.rawValue) \(expression(left)) \(expression(right)))"
    case .conditional(let condition, let then, let otherwise):
      "(if \(expression(condition)) \(expression(then)) \(expression(otherwise)))"
    case .switch(let subject, let cases):
      "(switch"
        + list([expression(subject)] + cases.map { "(\(pattern($0.pattern)) \(expression($0.body)))" }) + ")"
    case .index(let base, let index): "(index \(expression(base)) \(expression(index)))"
    case .slice(let base, let lower, let upper):
      "(slice \(expression(base)) \(lower.map(expression) ?? "-") \(upper.map(expression) ?? "-"))"
    case .call(let function, let arguments): "(call" + list([expression(function)] + arguments.map(expression)) + ")"
    case .member(let base, let name): "(. \(expression(base)) \(name.text))"
    case .tuple(let elements): "(tuple" + list(elements.map(expression)) + ")"
    case .parenthesized(let inner): "(paren \(expression(inner)))"
    case .function(let function): "(func \(self.function(function)))"
    case .exec(let exec):
      "(exec (" + exec.arguments.map(declaration).joined(separator: " ") + ") \(type(exec.outputs))"
        + list(
          exec.template.map {
            switch $0 {
            case .text(let text): GoText.quoted(text)
            case .interpolation(let value): "(interpolation \(expression(value)))"
            }
          }) + ")"
    case .make(let path, let arguments):
      "(make" + list([GoText.quoted(path)] + arguments.map(declaration)) + ")"
    case .block(let declarations, let value):
      "(block" + list(declarations.map(declaration) + [expression(value)]) + ")"
    case .structure(let fields):
      "(struct" + list(fields.map { "(\($0.name.text) \($0.value.map(expression) ?? "-"))" }) + ")"
    case .list(let elements, let spreads):
      "(list" + list(elements.map(expression) + spreads.map { "(... \(expression($0)))" }) + ")"
    case .map(let pairs, let spreads):
      "(map"
        + list(
          pairs.map { "(\(expression($0.key)) \(expression($0.value)))" } + spreads.map { "(... \(expression($0)))" })
        + ")"
    case .comprehension(let head, let clauses):
      "(for"
        + list(
          [expression(head)]
            + clauses.map {
              switch $0 {
              case .enumeration(let item, let source): "(<- \(pattern(item)) \(expression(source)))"
              case .filter(let condition): "(if \(expression(condition)))"
              }
            }) + ")"
    case .table(let table):
      "(table" + list([expression(table.source)] + table.options.map(declaration) + [type(table.row)]) + ")"
    case .variant(let tag, let element): "(#\(tag.text)" + list(element.map { [expression($0)] } ?? []) + ")"
    case .toInteger(let value): "(int \(expression(value)))"
    case .toFloat(let value): "(float \(expression(value)))"
    }
  }

  func pattern(_ id: PatternID) -> String {
    switch tree[id].kind {
    case .error: "error"
    case .identifier(let name): name.text
    case .wildcard: "_"
    case .tuple(let elements): "(tuple" + list(elements.map(pattern)) + ")"
    case .list(let elements, .none): "(list" + list(elements.map(pattern)) + ")"
    case .list(let elements, .anything): "(list" + list(elements.map(pattern) + ["..."]) + ")"
    case .list(let elements, .pattern(let tail)):
      "(list" + list(elements.map(pattern) + ["(... \(pattern(tail)))"]) + ")"
    case .structure(let fields):
      "(struct" + list(fields.map { "(\($0.name.text) \($0.pattern.map(pattern) ?? "-"))" }) + ")"
    case .variant(let tag, let element): "(#\(tag.text)" + list(element.map { [pattern($0)] } ?? []) + ")"
    case .literal(let value): "(literal \(expression(value)))"
    }
  }

  func type(_ id: TypeSyntaxID) -> String {
    switch tree[id].kind {
    case .error: "error"
    case .int: "int"
    case .float: "float"
    case .string: "string"
    case .bool: "bool"
    case .file: "file"
    case .dir: "dir"
    case .alias(let names): names.map(\.text).joined(separator: ".")
    case .list(let element): "(list \(type(element)))"
    case .map(let key, let value): "(map \(type(key)) \(type(value)))"
    case .structure(let fields): "(struct" + list(fields.map(typedName)) + ")"
    case .module(let fields): "(module" + list(fields.map(typedName)) + ")"
    case .tuple(let elements): "(tuple" + list(elements.map(typedName)) + ")"
    case .function(let parameters, let result):
      "(func (" + parameters.map(typedName).joined(separator: " ") + ") \(type(result)))"
    case .sum(let variants):
      "(sum" + list(variants.map { "(#\($0.tag.text)" + list($0.element.map { [type($0)] } ?? []) + ")" }) + ")"
    case .table(let row): "(table \(type(row)))"
    }
  }

  func declaration(_ id: DeclarationID) -> String {
    let declaration = tree[id]
    let requires = declaration.requires.map { "(@" + list($0.map(self.declaration)) + ") " }.joined()
    switch declaration.kind {
    case .error: return requires + "error"
    case .value(let item, let type, let value, let form):
      return requires + "(\(form)" + list([pattern(item)] + (type.map { [self.type($0)] } ?? []) + [expression(value)])
        + ")"
    case .function(let name, let function): return requires + "(func \(name.text) \(self.function(function)))"
    case .type(let name, let type): return requires + "(type \(name.text) \(self.type(type)))"
    case .param(let name, let type, let value):
      return requires + "(param \(name.text) \(type.map(self.type) ?? "-") \(value.map(expression) ?? "-"))"
    }
  }

  private func function(_ function: Language.Expression.Function) -> String {
    "(" + function.parameters.map(typedName).joined(separator: " ") + ") \(function.result.map(type) ?? "-") "
      + expression(function.body)
  }

  private func typedName(_ typed: TypedName) -> String {
    typed.name.map { "(\($0.text) \(type(typed.type)))" } ?? type(typed.type)
  }

  private func list(_ parts: [String]) -> String { parts.map { " " + $0 }.joined() }
}
