import Diagnostics

extension Checker {
  mutating func finishBuiltin(
    _ id: ExpressionID, _ builtin: Builtin, _ callee: ExpressionID, _ arguments: [ExpressionID]
  ) {
    let wanted = builtin.parameters
    guard arguments.count == wanted.count || (builtin == .fixpoint && arguments.count == 2) else {
      reportCount(
        id, arguments, callee: builtin.rawValue, wanted: "(" + wanted.joined(separator: ", ") + ")", wanted.count)
      return set(id, .error)
    }
    let given = arguments.map { type($0) }
    if given.contains(where: { if case .error = $0 { true } else { false } }) {
      return set(id, builtin.fixedResult ?? .error)
    }
    let flow: Flow = join(arguments)
    let all = bound(arguments)
    switch builtin {
    case .delay: set(id, types[Int(arguments[0].index)], .delayed, bound: measure(arguments[0]))
    case .trace: set(id, types[Int(arguments[0].index)], self.flow(arguments[0]), bound: measure(arguments[0]))
    case .panic:
      requireArgument(arguments[0], .string, builtin)
      set(id, .bottom)
    case .error:
      requireArgument(arguments[0], .int, builtin)
      requireArgument(arguments[1], .string, builtin)
      set(id, .bottom)
    case .quote:
      requireArgument(arguments[0], .string, builtin)
      set(id, .string, flow)
    case .range:
      requireArgument(arguments[0], .int, builtin)
      requireArgument(arguments[1], .int, builtin)
      set(id, .list(.int), flow)
    case .len:
      switch given[0] {
      case .file, .dir, .list, .map, .string: break
      case .table(let row):
        if row.isGroupRow { reportGrouped(at: range(arguments[0]), "len") }
        return set(id, .int, .delayed)
      case .int, .float, .bool, .unit, .fileset, .top, .bottom, .error, .tuple, .structure, .module, .function, .sum,
        .scheme:
        report(
          .argumentType, "cannot apply len operator to value of type \(given[0])", at: range(arguments[0]))
      }
      set(id, .int, flow)
    case .zip:
      guard let left = element(arguments[0], builtin), let right = element(arguments[1], builtin) else {
        return set(id, .error)
      }
      set(id, .list(.pair(left, right)), flow, bound: deeper(all))
    case .unzip:
      guard let inner = element(arguments[0], builtin) else { return set(id, .error) }
      if case .bottom = inner {
        set(id, .pair(.list(.bottom), .list(.bottom)), flow)
      } else if case .tuple(let parts) = inner, parts.count == 2 {
        set(id, .pair(.list(parts[0].type), .list(parts[1].type)), flow, bound: deeper(all))
      } else {
        refuse(id, arguments[0], "unzip expects a list of tuples of two, not \(given[0])")
      }
    case .flatten:
      guard let inner = element(arguments[0], builtin) else { return set(id, .error) }
      if case .bottom = inner {
        set(id, .list(.bottom), flow)
      } else if case .list = inner {
        set(id, inner, flow, bound: all)
      } else {
        refuse(id, arguments[0], "flatten expects a list of lists, not \(given[0])")
      }
    case .map: finishMapBuiltin(id, arguments[0], given[0], flow)
    case .list:
      if case .dir = given[0] {
        set(id, .list(.pair(.string, .file)), flow)
      } else if case .map(let key, let value) = given[0] {
        set(id, .list(.pair(key, value)), flow, bound: deeper(all))
      } else {
        refuse(id, arguments[0], "cannot convert type \(given[0]) to list")
      }
    case .reduce: finishReduce(id, arguments, given, flow)
    case .fold: finishFold(id, arguments, given, flow)
    case .sum, .avg, .min, .max: finishAggregate(id, builtin, arguments[0], flow)
    case .distinct, .group, .semijoin, .antijoin, .fixpoint, .rows, .csv, .tsv, .jsonl, .parts:
      finishTableBuiltin(id, builtin, arguments, given)
    }
  }

  private func deeper(_ measure: TypeMeasure) -> TypeMeasure {
    var result = TypeMeasure.scalar
    result.include(measure)
    return result
  }

  mutating func refuse(_ id: ExpressionID, _ argument: ExpressionID, _ text: String) {
    report(.argumentType, text, at: range(argument))
    set(id, .error)
  }

  mutating func requireArgument(_ argument: ExpressionID, _ wanted: Type, _ builtin: Builtin) {
    let given = type(argument)
    guard !given.isSubtype(of: wanted) else { return }
    report(
      .argumentType, "cannot use type \(given) as type \(wanted) in argument to \(builtin.rawValue)",
      at: range(argument))
  }

  /// The type of the elements of a list argument.
  mutating func element(_ argument: ExpressionID, _ builtin: Builtin) -> Type? {
    if case .list(let element) = type(argument) { return element.unlabelled }
    if case .table = type(argument) {
      reportTable(argument, .argumentType, "\(builtin.rawValue) expects a list, not \(type(argument))")
      return nil
    }
    report(
      .argumentType, "\(builtin.rawValue) expects a list, not \(type(argument))", at: range(argument))
    return nil
  }

  private mutating func finishMapBuiltin(_ id: ExpressionID, _ argument: ExpressionID, _ given: Type, _ flow: Flow) {
    if case .dir = given { return set(id, .map(key: .string, value: .file), flow) }
    guard case .list(let whole) = given else {
      return refuse(id, argument, "map expects a list of tuples or a dir, not \(given)")
    }
    let element = whole.unlabelled
    if case .bottom = element { return set(id, .map(key: .top, value: .bottom), flow) }
    guard case .tuple(let parts) = element, parts.count == 2 else {
      return refuse(id, argument, "map expects a list of tuples, not \(element)")
    }
    let key = parts[0].type
    guard key.isEqual(to: .string) || key.isEqual(to: .int) else {
      return refuse(id, argument, "type \(key) is not a valid map index")
    }
    set(id, .map(key: key, value: parts[1].type), flow, bound: measure(argument))
  }

  /// `reduce(func(T, T) T, [E])`, `E ⊑ T`.
  private mutating func finishReduce(_ id: ExpressionID, _ arguments: [ExpressionID], _ given: [Type], _ flow: Flow) {
    guard let element = element(arguments[1], .reduce) else { return set(id, .error) }
    guard case .function(let parameters, let result) = given[0], parameters.count == 2,
      parameters[0].type.isEqual(to: parameters[1].type), result.isSubtype(of: parameters[0].type)
    else {
      return refuse(id, arguments[0], "reduce expects a function of two T that returns T, not \(given[0])")
    }
    guard element.isSubtype(of: parameters[0].type) else {
      return refuse(
        id, arguments[1],
        "cannot use type \(given[1]) as type \(Type.list(parameters[0].type)) in argument to reduce")
    }
    set(
      id, parameters[0].type, self.flow(arguments[0]).result.isDelayed ? .delayed : flow, bound: bound(arguments))
  }

  /// `fold(func(A, E) R, [E], Z)` with `Z ⊑ A` and `R ⊑ A`.
  private mutating func finishFold(_ id: ExpressionID, _ arguments: [ExpressionID], _ given: [Type], _ flow: Flow) {
    guard let element = element(arguments[1], .fold) else { return set(id, .error) }
    guard case .function(let parameters, let result) = given[0], parameters.count == 2,
      result.isSubtype(of: parameters[0].type)
    else {
      return refuse(
        id, arguments[0], "fold expects a function of an A and an element that returns A, not \(given[0])")
    }
    guard element.isSubtype(of: parameters[1].type) else {
      return refuse(
        id, arguments[1],
        "cannot use type \(given[1]) as type \(Type.list(parameters[1].type)) in argument to fold")
    }
    let accumulator = parameters[0].type
    guard given[2].isSubtype(of: accumulator) else {
      return refuse(id, arguments[2], "cannot use type \(given[2]) as type \(accumulator) in argument to fold")
    }
    // The original says R, also where the list is empty and the value is the one that fold was given.
    let type = given[2].isSubtype(of: result) ? result : accumulator
    set(id, type, self.flow(arguments[0]).result.isDelayed ? .delayed : flow, bound: bound(arguments))
  }
}

extension Builtin {
  /// The parameters, for a message about their number.
  var parameters: [String] {
    switch self {
    case .delay, .trace: ["T"]
    case .error: ["int", "string"]
    case .fold: ["func(A, E) A", "[E]", "A"]
    case .flatten: ["[[T]]"]
    case .len: ["file, dir, list, map, string or table"]
    case .list: ["map or dir"]
    case .map: ["list of pairs or dir"]
    case .panic, .quote: ["string"]
    case .range: ["int", "int"]
    case .reduce: ["func(T, T) T", "[T]"]
    case .unzip: ["[(A, B)]"]
    case .zip: ["[A]", "[B]"]
    case .distinct: ["table R"]
    case .group: ["table R", "func(R) K"]
    case .semijoin, .antijoin: ["table R", "table S", "func(R) K", "func(S) K"]
    case .fixpoint: ["table R", "func(table R) table R", "func(R) int"]
    case .rows, .csv, .tsv, .jsonl: ["table R"]
    case .parts: ["table R", "int"]
    case .sum, .avg: ["list of ints or floats"]
    case .min, .max: ["list of ints, floats or strings"]
    }
  }

  /// The type of the result where it does not depend on the arguments.
  var fixedResult: Type? {
    switch self {
    case .len: .int
    case .range: .list(.int)
    case .panic, .error: .bottom
    case .quote: .string
    case .csv, .tsv, .jsonl: .file
    case .parts: .dir
    case .delay, .fold, .flatten, .list, .map, .reduce, .trace, .unzip, .zip, .distinct, .group, .semijoin, .antijoin,
      .fixpoint, .rows, .sum, .avg, .min, .max:
      nil
    }
  }
}

extension Type {
  static func pair(_ a: Type, _ b: Type) -> Type { .tuple([Labelled(nil, a), Labelled(nil, b)]) }
}
