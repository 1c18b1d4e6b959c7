package import BigInt
package import BuildGraph
package import Diagnostics

package struct ExpressionID: Hashable, Sendable {
  package let index: Int32
  package init(index: Int32) { self.index = index }
}

package struct PatternID: Hashable, Sendable {
  package let index: Int32
  package init(index: Int32) { self.index = index }
}

package struct TypeSyntaxID: Hashable, Sendable {
  package let index: Int32
  package init(index: Int32) { self.index = index }
}

package struct DeclarationID: Hashable, Sendable {
  package let index: Int32
  package init(index: Int32) { self.index = index }
}

/// A module as it was written: dense tables of nodes, all tokens and all comments.
///
/// Nodes refer to each other by index, children before parents, so that a tree of any depth is freed and walked without
/// recursion. What could not be parsed is `.error`; the checker is silent about it.
///
/// Nesting is bounded (``Parser/nestingLimit``) but for two chains that programs really make long, and which whoever
/// walks the tree must follow in a loop: the left operands of `.binary`, `.call`, `.index`, `.slice` and `.member`
/// (any length), and the `else` of a `.conditional` (``Parser/chainLimit``).
package struct SyntaxTree: Sendable {
  package var source: SourceFile
  package var tokens: [Token] = []
  package var comments: [Comment] = []
  package var expressions: [Expression] = []
  package var patterns: [Pattern] = []
  package var types: [TypeSyntax] = []
  package var declarations: [Declaration] = []
  package var module = ModuleSyntax()

  package init(source: SourceFile) { self.source = source }

  package subscript(_ id: ExpressionID) -> Expression { expressions[Int(id.index)] }
  package subscript(_ id: PatternID) -> Pattern { patterns[Int(id.index)] }
  package subscript(_ id: TypeSyntaxID) -> TypeSyntax { types[Int(id.index)] }
  package subscript(_ id: DeclarationID) -> Declaration { declarations[Int(id.index)] }
}

/// A run of tokens, first to last, both included.
package struct TokenSpan: Hashable, Sendable {
  package var first: TokenIndex
  package var last: TokenIndex

  package init(_ first: TokenIndex, _ last: TokenIndex) {
    self.first = first
    self.last = last
  }
}

package struct ModuleSyntax: Hashable, Sendable {
  package var keyspace: ExpressionID?
  /// In order; each is `.param`.
  package var params: [DeclarationID] = []
  /// In order.
  package var declarations: [DeclarationID] = []

  package init() {}
}

/// An identifier where it is written.
package struct Name: Hashable, Sendable {
  package var text: String
  package var token: TokenIndex

  package init(_ text: String, _ token: TokenIndex) {
    self.text = text
    self.token = token
  }
}

package struct Expression: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case error
    case integer(BigInt)
    /// The literal's text; its value has the precision of the evaluator's floats.
    case float(String)
    /// Escapes resolved; not necessarily UTF-8.
    case string(ByteString)
    case bool(Bool)
    case identifier(Name)
    case unary(UnaryOperator, ExpressionID)
    case binary(BinaryOperator, ExpressionID, ExpressionID)
    case conditional(condition: ExpressionID, then: ExpressionID, else: ExpressionID)
    case `switch`(ExpressionID, [Case])
    case index(ExpressionID, ExpressionID)
    /// `xs[a:b]`; a missing bound is the list's end.
    case slice(ExpressionID, lower: ExpressionID?, upper: ExpressionID?)
    case call(ExpressionID, [ExpressionID])
    case member(ExpressionID, Name)
    case tuple([ExpressionID])
    /// Parentheses as written; meaning is that of the inner expression.
    case parenthesized(ExpressionID)
    case function(Function)
    case exec(Exec)
    case make(path: ByteString, arguments: [DeclarationID])
    /// `{ defs; value }`; also the branch of an `if`, and then `declarations` may be empty.
    case block(declarations: [DeclarationID], value: ExpressionID)
    case structure([Field])
    case list([ExpressionID], spreads: [ExpressionID])
    case map([Pair], spreads: [ExpressionID])
    case comprehension(ExpressionID, [Clause])
    /// `table(source, option := …) ROW`
    case table(Table)
    case variant(tag: Name, ExpressionID?)
    /// `int(e)`
    case toInteger(ExpressionID)
    /// `float(e)`
    case toFloat(ExpressionID)
  }

  package struct Case: Hashable, Sendable {
    package var pattern: PatternID
    package var body: ExpressionID

    package init(pattern: PatternID, body: ExpressionID) {
      self.pattern = pattern
      self.body = body
    }
  }

  package struct Field: Hashable, Sendable {
    package var name: Name
    /// nil for the shorthand `{x}`, which means `{x: x}`.
    package var value: ExpressionID?

    package init(name: Name, value: ExpressionID?) {
      self.name = name
      self.value = value
    }
  }

  package struct Pair: Hashable, Sendable {
    package var key: ExpressionID
    package var value: ExpressionID

    package init(key: ExpressionID, value: ExpressionID) {
      self.key = key
      self.value = value
    }
  }

  package enum Clause: Hashable, Sendable {
    case enumeration(PatternID, ExpressionID)
    case filter(ExpressionID)
  }

  package struct Function: Hashable, Sendable {
    package var parameters: [TypedName]
    package var result: TypeSyntaxID?
    package var body: ExpressionID

    package init(parameters: [TypedName], result: TypeSyntaxID?, body: ExpressionID) {
      self.parameters = parameters
      self.result = result
      self.body = body
    }
  }

  /// `exec(arguments) outputs {"template"}`
  package struct Exec: Hashable, Sendable {
    /// `name := value` or the shorthand `name`; each a `.value` declaration with an identifier pattern.
    package var arguments: [DeclarationID]
    package var outputs: TypeSyntaxID
    package var template: [TemplatePart]
    /// The first piece of the template.
    package var templateToken: TokenIndex

    package init(
      arguments: [DeclarationID], outputs: TypeSyntaxID, template: [TemplatePart], templateToken: TokenIndex
    ) {
      self.arguments = arguments
      self.outputs = outputs
      self.template = template
      self.templateToken = templateToken
    }
  }

  /// `table(source, format := …) {a int}`
  package struct Table: Hashable, Sendable {
    package var source: ExpressionID
    /// `name := value` or the shorthand `name`, as the arguments of an `exec`.
    package var options: [DeclarationID]
    /// A struct type or the alias of one.
    package var row: TypeSyntaxID

    package init(source: ExpressionID, options: [DeclarationID], row: TypeSyntaxID) {
      self.source = source
      self.options = options
      self.row = row
    }
  }

  package enum TemplatePart: Hashable, Sendable {
    case text(ByteString)
    /// `{{ e }}`. Whether it names an output is for the checker to say.
    case interpolation(ExpressionID)
  }

  package var kind: Kind
  package var span: TokenSpan

  package init(_ kind: Kind, _ span: TokenSpan) {
    self.kind = kind
    self.span = span
  }
}

package enum UnaryOperator: String, Hashable, Sendable { case not = "!", negate = "-" }

package enum BinaryOperator: String, Hashable, Sendable {
  case sequence = "~>", or = "||", and = "&&", less = "<", greater = ">", lessEqual = "<=", greaterEqual = ">=",
    notEqual = "!=", equal = "==", add = "+", subtract = "-", multiply = "*", divide = "/", remainder = "%",
    bitAnd = "&", shiftLeft = "<<", shiftRight = ">>"
}

package struct Pattern: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case error
    case identifier(Name)
    case wildcard
    case tuple([PatternID])
    /// `[a, b, ...rest]`; `tail` is nil without `...`, and `.some(.none)` for a bare `...`.
    case list([PatternID], tail: Tail)
    case structure([FieldPattern])
    case variant(tag: Name, PatternID?)
    /// An extension: an int, float, string or bool literal (an expression of that kind, perhaps negated).
    case literal(ExpressionID)
  }

  package enum Tail: Hashable, Sendable {
    case none
    case anything
    case pattern(PatternID)
  }

  package struct FieldPattern: Hashable, Sendable {
    package var name: Name
    /// nil for the shorthand `{x}`, which binds `x`.
    package var pattern: PatternID?

    package init(name: Name, pattern: PatternID?) {
      self.name = name
      self.pattern = pattern
    }
  }

  package var kind: Kind
  package var span: TokenSpan

  package init(_ kind: Kind, _ span: TokenSpan) {
    self.kind = kind
    self.span = span
  }
}

package struct TypedName: Hashable, Sendable {
  /// nil where a tuple or function type has no labels.
  package var name: Name?
  package var type: TypeSyntaxID

  package init(name: Name?, type: TypeSyntaxID) {
    self.name = name
    self.type = type
  }
}

package struct TypeSyntax: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case error
    case int, float, string, bool, file, dir
    /// `T` or `module.T`
    case alias([Name])
    case list(TypeSyntaxID)
    case map(key: TypeSyntaxID, value: TypeSyntaxID)
    case structure([TypedName])
    case module([TypedName])
    /// One unlabelled element is a parenthesised type.
    case tuple([TypedName])
    case function(parameters: [TypedName], result: TypeSyntaxID)
    case sum([Variant])
    /// `table {a int}` or `table ROW`; inside is a struct type or the alias of one.
    case table(TypeSyntaxID)
  }

  package struct Variant: Hashable, Sendable {
    package var tag: Name
    package var element: TypeSyntaxID?

    package init(tag: Name, element: TypeSyntaxID?) {
      self.tag = tag
      self.element = element
    }
  }

  package var kind: Kind
  package var span: TokenSpan

  package init(_ kind: Kind, _ span: TokenSpan) {
    self.kind = kind
    self.span = span
  }
}

package struct Declaration: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case error
    /// `val p T = e`, `x := e`, an argument `x := e` of `exec`, `make` or `@requires`, or the shorthand `x` there.
    case value(PatternID, type: TypeSyntaxID?, value: ExpressionID, form: ValueForm)
    /// `func f(…) T = e`
    case function(Name, Expression.Function)
    case type(Name, TypeSyntaxID)
    /// At least one of type and default is there.
    case param(Name, type: TypeSyntaxID?, default: ExpressionID?)
  }

  package enum ValueForm: Hashable, Sendable { case val, define, shorthand }

  package var kind: Kind
  package var span: TokenSpan
  /// The arguments of the `@requires` before it, outermost first.
  package var requires: [[DeclarationID]]
  /// Markers stripped, each line ending in a newline.
  package var documentation: String?

  package init(_ kind: Kind, _ span: TokenSpan, requires: [[DeclarationID]] = [], documentation: String? = nil) {
    self.kind = kind
    self.span = span
    self.requires = requires
    self.documentation = documentation
  }
}
