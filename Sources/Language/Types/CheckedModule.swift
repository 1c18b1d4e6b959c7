package import Diagnostics

/// A module that has been checked: its tree, and what the checker found out about each node.
///
/// The evaluator works on this alone. Side tables are indexed like the tree's own tables.
package final class CheckedModule: Sendable {
  package let tree: SyntaxTree
  /// By expression.
  package let types: [Type]
  /// By expression: what an identifier refers to, and which builtin a call is of.
  package let resolutions: ResolutionTable
  /// By declaration: the declared or inferred type of a value, function or param; of a type alias, the type it names.
  package let declarationTypes: [Type]
  /// The modules that the `make` expressions refer to.
  package let imports: [ExpressionID: Import]
  package let params: [Param]
  /// Exported values, in order of declaration, each name once (the last declaration of it).
  package let exports: [Type.Field]
  /// Exported type aliases.
  package let aliases: [Type.Field]
  /// The comprehensions over tables.
  package let tableClauses: [ExpressionID: TableClauses]
  /// Exported values that are certainly delayed.
  package let delayedExports: Set<String>
  /// What its names mean; nil unless the loader was asked for it.
  package let names: NameTable?
  /// Of the parser and the checker: errors by position, then warnings in the order in which scopes end.
  package let diagnostics: [Diagnostic]

  /// Whether it can be evaluated.
  package var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// The type of `make` of it.
  package var type: Type { .module(exports, aliases: aliases) }

  /// What an identifier in an expression means.
  package enum Resolution: Hashable, Sendable {
    /// A variable of this module, by the declaration or binding of that name that is visible here. Names are looked up
    /// in the environment: scopes are strictly sequential, so the nearest earlier binding is the one.
    case variable
    /// `file`, `dir`, `KiB` … of the prelude.
    case prelude(String)
    /// The callee of a call, unbound in scope, and a builtin.
    case builtin(Builtin)
    /// In a template, an identifier that equals the label of an output: its index.
    case output(Int)
    /// In the body of a function, the function itself, by its declaration: its name is otherwise unbound there.
    case recursive(DeclarationID)
    /// A member expression that is known to denote a function of a system module. System modules are values, too, so a
    /// member of an unknown module may turn out to be one only when it is evaluated; a ``Type/scheme(_:)`` never does.
    case system(SystemFunction)
  }

  package enum Import: Sendable {
    case module(CheckedModule)
    case system(SystemModule)
  }

  package struct Param: Sendable {
    package var name: String
    package var type: Type
    package var hasDefault: Bool
    package var declaration: DeclarationID
    package var documentation: String?

    package init(
      name: String, type: Type, hasDefault: Bool, declaration: DeclarationID, documentation: String?
    ) {
      self.name = name
      self.type = type
      self.hasDefault = hasDefault
      self.declaration = declaration
      self.documentation = documentation
    }
  }

  package init(
    tree: SyntaxTree, types: [Type], resolutions: ResolutionTable, declarationTypes: [Type],
    imports: [ExpressionID: Import], params: [Param], exports: [Type.Field], aliases: [Type.Field],
    tableClauses: [ExpressionID: TableClauses] = [:], delayedExports: Set<String> = [], names: NameTable? = nil,
    diagnostics: [Diagnostic]
  ) {
    self.tree = tree
    self.types = types
    self.resolutions = resolutions
    self.declarationTypes = declarationTypes
    self.imports = imports
    self.params = params
    self.exports = exports
    self.aliases = aliases
    self.tableClauses = tableClauses
    self.delayedExports = delayedExports
    self.names = names
    self.diagnostics = diagnostics
  }
}

/// Functions that are recognised only when called by name and unbound in scope.
package enum Builtin: String, Hashable, Sendable, CaseIterable {
  case delay, error, fold, flatten, len, list, map, panic, range, reduce, trace, unzip, zip
  /// An extension: a shell-quoted string.
  case quote
  /// Extensions: tables.
  case distinct, group, semijoin, antijoin, fixpoint, rows, csv, tsv, jsonl, parts
  /// Extensions: aggregates of lists.
  case sum, avg, min, max

  /// Whether the original has it, so that a function of this name that uses it means the builtin and not itself.
  var isOriginal: Bool {
    switch self {
    case .delay, .error, .fold, .flatten, .len, .list, .map, .panic, .range, .reduce, .trace, .unzip, .zip: true
    case .quote, .distinct, .group, .semijoin, .antijoin, .fixpoint, .rows, .csv, .tsv, .jsonl, .parts, .sum, .avg,
      .min, .max:
      false
    }
  }

  /// Whether it works on tables.
  var isOfTables: Bool {
    switch self {
    case .distinct, .group, .semijoin, .antijoin, .fixpoint, .rows, .csv, .tsv, .jsonl, .parts: true
    case .delay, .error, .fold, .flatten, .len, .list, .map, .panic, .range, .reduce, .trace, .unzip, .zip, .quote,
      .sum, .avg, .min, .max:
      false
    }
  }
}
