/// What a `relate` instruction makes, of the operands that the code before it has left on the stack.
enum RelationCode {
  /// The source, and then the options.
  case source(SourceCode)
  /// A builtin, with the static types of its operands.
  case operation(Builtin, [Type])
  case union(Type, Type)
  case fixpoint(seed: Type, parameter: Type, result: Type, hasPriority: Bool)
  case comprehension(ComprehensionCode)

  struct SourceCode {
    var source: Type
    var options: [String]
    var row: Type
  }
}

/// A comprehension over tables. Its operands are, in this order: the tables of its table generators; and then functions: for
/// each list generator, each condition, the head and the aggregates, what their parts say.
struct ComprehensionCode {
  struct Generator {
    var kind: TableClauses.Generator.Kind
    /// Of the table or list.
    var type: Type
    /// Of what the pattern is bound to.
    var element: Type
    /// The unit of a list generator.
    var unit: Unit?
    var origin: Int32
    /// Whether something looks at the rows of a group other than by the aggregates.
    var needsRows = false
  }

  struct Condition {
    var after: Int
    var unit: Unit
    var type: Type
    var equality: (left: Unit, right: Unit)?
    var comparison: (BinaryOperator, left: Unit, right: Unit)?
    var origin: Int32
  }

  struct Aggregate {
    var generator: Int
    var kind: TableClauses.Aggregate.Kind
    var value: Unit?
    var valueType: Type
    var conditions: [Unit]
    var origin: Int32
  }

  /// A function among the operands, and what it is applied to.
  struct Unit {
    enum Parameter {
      case generator(Int)
      case aggregate(Int)
      /// A row of a group.
      case row
    }

    var parameters: [Parameter]
    var result: Type
    var origin: Int32
  }

  var generators: [Generator] = []
  var conditions: [Condition] = []
  var head: Unit
  var aggregates: [Aggregate] = []
  var tableCount = 0
  var functionCount = 0
  /// How many operands there are.
  var operandCount: Int { tableCount + functionCount }
}

extension Type {
  var isTable: Bool { if case .table = unlabelled { true } else { false } }

  /// The row type of a table.
  ///
  /// - Precondition: it is one.
  var tableRow: Type {
    guard case .table(let row) = unlabelled else { preconditionFailure("the checker admits tables only") }
    return row.unlabelled
  }
}
