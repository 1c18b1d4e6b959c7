/// One step of the machine. Operands are on the stack, in the order in which the program evaluates them.
///
/// Targets are positions in the code of the same unit. `end` is where the expression ends to which the instruction belongs: if
/// an operand is not known yet, the machine puts what is between here and there off to a node of its own and goes on at `end`
/// with the node as the expression's value.
enum Instruction {
  case constant(Int32)
  case local(Int32)
  /// A variable of an enclosing unit, `depth` frames up.
  case outer(depth: Int32, slot: Int32)
  case store(Int32)
  /// Matches the top value with a pattern that must fit, and binds its names.
  case bind(matcher: Int32)
  case jump(Int32)
  /// Falls through if the top value is true.
  case branch(otherwise: Int32, end: Int32)
  /// Goes to the case whose pattern fits the top value.
  case select(table: Int32)

  case unary(UnaryOperator)
  case binary(BinaryOperator, type: Int32)
  /// `a ~> b`: goes on with b when a is there, down to its files.
  case sequence(end: Int32)
  case index
  case slice(hasLower: Bool, hasUpper: Bool)
  case member(Symbol)
  case toInteger
  case toFloat

  case tuple(Int32)
  case record(shape: Int32)
  case list(Int32)
  /// So many pairs of key and value.
  case map(Int32)
  /// Merges the top map under the one below it.
  case mergeUnder
  case variant(Symbol, hasElement: Bool)
  case closure(unit: Int32)

  case call(Int32)
  case builtin(Builtin, arguments: Int32, type: Int32)
  case system(SystemFunction, arguments: Int32, type: Int32)

  /// Function, list and start value are on the stack; adds the position.
  case foldStart(end: Int32)
  /// Function and list are on the stack; adds the first element as start value, and the position.
  case reduceStart(end: Int32)
  /// Pushes function, accumulator and next element for a call, or leaves with the accumulator.
  case foldNext(end: Int32)
  /// Takes the call's result as the accumulator.
  case foldStep(Int32)

  /// List and function are on the stack; adds a list for keys, and the position.
  case sortStart(end: Int32)
  case sortNext(finish: Int32)
  case sortStep(Int32)
  case sortFinish

  /// Begins the list of a comprehension.
  case collect
  /// Makes a list of the top value, whatever can be enumerated, and adds the position.
  case iterate(end: Int32)
  /// Runs the unit with the next element in its first slot.
  case iterateNext(unit: Int32, end: Int32)
  case filter(end: Int32)
  case yield
  case endIteration
  case collected

  /// Makes a table of the top values.
  case relate(Int32)
  /// Seed, function and perhaps priority are on the stack; adds the function and the loop's variable for a call.
  case fixpointStart(Int32, end: Int32)
  /// Seed, function, perhaps priority, the variable and the call's result are on the stack; makes the table.
  case fixpointEnd(Int32)

  case exec(Int32)
  case make(Int32)
  /// Leaves the value of a module's parameter alone if it is given.
  case parameter(Int32, given: Int32)
  case missingParameter(Int32)
  case enterRequirements(Int32)
  case leaveRequirements
  case endModule
  case `return`
}
