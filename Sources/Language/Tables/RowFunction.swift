package import BuildGraph

/// A row expression: a pure function of rows, with everything that it needs of the program inside.
///
/// It is applied by a ``RowEvaluator``. Nothing that it holds is changed after it is made: values and code are immutable,
/// and the evaluators of several threads may share it; that is the proof behind `@unchecked Sendable`.
package final class RowFunction: @unchecked Sendable {
  /// A word that it reads: a column of one of the comprehension's generators.
  package struct Input: Hashable, Sendable {
    package var generator: Int
    package var column: Int
    package var kind: ColumnKind

    package init(generator: Int, column: Int, kind: ColumnKind) {
      self.generator = generator
      self.column = column
      self.kind = kind
    }
  }

  /// The words that it is applied to, in this order.
  package let inputs: [Input]
  /// The words that it makes; of a list, each element's.
  package let outputs: [ColumnKind]
  /// Whether it makes a list of rows (see ``BoundRowFunction/expand(_:faults:_:)``) and not one row.
  package let makesList: Bool
  /// Whether there may be rows for which it has no value. False is certain but for results beyond the limits of an
  /// evaluation: strings of a gigabyte, ints of a million bits, floats that are no numbers.
  package let canFail: Bool
  /// Where it does nothing but select: for each output the input that it is.
  package let selection: [Int]?
  /// What it computes, whatever it is called and wherever it stands.
  package let key: Digest
  package let location: ProgramLocation?

  let closure: Closure
  let parameters: [RowParameter]
  let result: RowLayout
  let program: RowProgram?
  let symbols: SymbolTable
  let limits: EvaluationLimits

  init(
    closure: Closure, parameters: [RowParameter], inputs: [Input], result: RowLayout, makesList: Bool, canFail: Bool,
    program: RowProgram?, key: Digest, location: ProgramLocation?, symbols: SymbolTable, limits: EvaluationLimits
  ) {
    self.closure = closure
    self.parameters = parameters
    self.inputs = inputs
    self.result = result
    self.makesList = makesList
    self.canFail = canFail
    self.program = program
    self.key = key
    self.location = location
    self.symbols = symbols
    self.limits = limits
    outputs = result.kinds
    selection = makesList ? nil : program?.selection(inputs: inputs.count)
  }

  /// The same for generators in another order.
  ///
  /// - Parameter places: by generator, which one it is there.
  package func renumbered(_ places: [Int]) -> RowFunction {
    var manifest = DigestManifest()
    manifest.write(.name, "renumbered")
    manifest.write(.identity, key)
    for input in inputs { manifest.write(.input, places[input.generator]) }
    return RowFunction(
      closure: closure, parameters: parameters,
      inputs: inputs.map { Input(generator: places[$0.generator], column: $0.column, kind: $0.kind) }, result: result,
      makesList: makesList, canFail: canFail, program: program, key: manifest.finish(), location: location,
      symbols: symbols, limits: limits)
  }

  /// Whether it makes a list of words of a text: together they are no longer than the text.
  package var makesFields: Bool { program?.makesFields ?? false }

  /// The generators that it reads.
  package var generators: Set<Int> { Set(inputs.map(\.generator)) }
}

/// How words become an argument of a row expression.
indirect enum RowParameter {
  /// A word of the inputs; nil if the expression does not look at it.
  case scalar(ColumnKind, Int?)
  case record(Shape, [RowParameter])
  case tuple([RowParameter])
  /// Rows of a group.
  case rows(Int?, Shape, [ColumnKind])
}

/// How the value of a row expression becomes words.
indirect enum RowLayout {
  case scalar(ColumnKind)
  case record([(name: Symbol, layout: RowLayout)])
  case tuple([RowLayout])
  /// One string that is the same for equal values and different for others: for keys that are not stored, whose ints may be
  /// of any length.
  case encoded(Type)

  var kinds: [ColumnKind] {
    switch self {
    case .scalar(let kind): [kind]
    case .record(let fields): fields.flatMap(\.layout.kinds)
    case .tuple(let parts): parts.flatMap(\.kinds)
    case .encoded: [.string]
    }
  }
}
