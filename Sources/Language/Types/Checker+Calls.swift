import Diagnostics

extension Checker {
  mutating func visitCall(_ id: ExpressionID, _ callee: ExpressionID, _ arguments: [ExpressionID]) {
    isCallee[Int(callee.index)] = true
    if case .identifier(let name) = tree[callee].kind, let builtin = Builtin(rawValue: name.text),
      scope[name.text] == nil
    {
      resolutions[callee] = .builtin(builtin)
      visit(id, parts: arguments)
    } else {
      visit(id, parts: [callee] + arguments)
    }
  }

  mutating func finishCall(_ id: ExpressionID, _ callee: ExpressionID, _ arguments: [ExpressionID]) {
    if case .builtin(let builtin)? = resolutions[callee] { return finishBuiltin(id, builtin, callee, arguments) }
    let function = type(callee)
    switch function {
    case .error: set(id, .error)
    case .scheme(let scheme): finishScheme(id, scheme, callee, arguments)
    case .function(let parameters, let result):
      guard arguments.count == parameters.count else {
        reportCount(id, arguments, callee: text(range(callee)), wanted: Self.list(parameters), parameters.count)
        return set(id, result, callFlow(callee, arguments), bound: measure(callee))
      }
      for (argument, parameter) in zip(arguments, parameters) where !type(argument).isSubtype(of: parameter.type) {
        let given = type(argument)
        report(
          .argumentType,
          "cannot use type \(given) as type \(parameter.type) in argument to \(text(range(callee))) (type \(function))",
          at: range(argument),
          notes: pairNote(given, parameter.type)
            ?? given.discrepancy(with: parameter.type).map { [Diagnostic.Note($0)] } ?? [])
      }
      set(id, result, callFlow(callee, arguments), bound: measure(callee))
    case .int, .float, .string, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .list, .map, .tuple, .structure,
      .module, .sum, .table:
      report(
        .notAFunction, "cannot call non-function \(text(range(callee))) (type \(function))", at: range(id))
    }
  }

  /// What a call is known to be: as the function says, or delayed where a system function needs a delayed argument.
  private func callFlow(_ callee: ExpressionID, _ arguments: [ExpressionID]) -> Flow {
    let result = flow(callee).result
    if case .system? = resolutions[callee], result.isImmediate { return join(arguments) }
    return result
  }

  /// What to do about a pair where its second part is wanted: the elements of dirs and maps are pairs.
  func pairNote(_ given: Type, _ wanted: Type) -> [Diagnostic.Note]? {
    guard case .tuple(let parts) = given, parts.count == 2, parts[1].type.isSubtype(of: wanted) else { return nil }
    let what =
      parts[0].type == .string && parts[1].type == .file
      ? "dirs are enumerated as pairs of path and file"
      : "maps are enumerated as pairs of key and value"
    return [Diagnostic.Note("\(what): take them apart, as in (_, x) <- xs")]
  }

  private static func list(_ parameters: [Type.Labelled]) -> String {
    parameters.isEmpty ? "()" : "\(Type.tuple(parameters))"
  }

  func reportText(_ arguments: [ExpressionID]) -> String {
    "(" + arguments.map { "\(shortened(type($0)))" }.joined(separator: ", ") + ")"
  }

  mutating func reportCount(
    _ id: ExpressionID, _ arguments: [ExpressionID], callee: String, wanted: String, _ count: Int
  ) {
    if arguments.contains(where: { type($0).containsError }) && arguments.count == count { return }
    report(
      .argumentCount,
      "too \(arguments.count < count ? "few" : "many") arguments in call to \(callee)\n\thave \(reportText(arguments))\n\twant \(wanted)",
      at: range(id))
  }

  // MARK: Functions of $/lists

  /// Gives a type scheme its type for these arguments, and checks them.
  private mutating func finishScheme(
    _ id: ExpressionID, _ scheme: SystemFunction, _ callee: ExpressionID, _ arguments: [ExpressionID]
  ) {
    guard let function = ListFunction(rawValue: scheme.rawValue) else { return set(id, .error) }
    let name = text(range(callee))
    let wanted = function.parameters
    guard arguments.count == wanted.count else {
      reportCount(
        id, arguments, callee: name, wanted: "(" + wanted.joined(separator: ", ") + ")", wanted.count)
      return set(id, .error)
    }
    let given = type(arguments[0])
    guard case .list(let element) = given else {
      let text = "cannot use type \(given) as a list in argument to \(name)"
      if case .table = given {
        reportTable(arguments[0], .argumentType, text)
      } else if !given.containsError {
        report(.argumentType, text, at: range(arguments[0]))
      }
      return set(id, .error)
    }
    var second = Type.error
    if arguments.count > 1 { second = type(arguments[1]) }
    guard let (parameter, result) = instantiate(function, name, element, second, arguments) else {
      return set(id, .error)
    }
    var parameters = [Type.Labelled("list", .list(element))]
    if let parameter { parameters.append(Type.Labelled(nil, parameter)) }
    if parameters.count > 1 { parameters[0].label = nil }
    types[Int(callee.index)] = .function(parameters, result)
    set(id, result, join(arguments), bound: bound(arguments))
  }

  /// - Returns: the type of the second parameter, if there is one, and of the result; nil after a report.
  private mutating func instantiate(
    _ function: ListFunction, _ name: String, _ element: Type, _ second: Type, _ arguments: [ExpressionID]
  ) -> (parameter: Type?, result: Type)? {
    let list = Type.list(element)
    switch function {
    case .sort:
      guard element.isOrdered else { return refuse(arguments[0], name, list, "scalars or tuples of scalars") }
      return (nil, list)
    case .min, .max:
      guard element.isOrdered else { return refuse(arguments[0], name, list, "scalars or tuples of scalars") }
      return (nil, element)
    case .sum:
      if case .bottom = element { return (nil, .int) }
      guard element.isNumber else { return refuse(arguments[0], name, list, "ints or floats") }
      return (nil, element)
    case .unique:
      guard element.isComparable else { return refuse(arguments[0], name, list, "values that == compares") }
      return (nil, list)
    case .reverse: return (nil, list)
    case .enumerate:
      return (nil, .list(.tuple([Type.Labelled(nil, .int), Type.Labelled(nil, element)])))
    case .take, .drop:
      guard second.isEqual(to: .int) else { return mismatch(arguments[1], second, "int", name) }
      return (.int, list)
    case .contains:
      guard element.isComparable else { return refuse(arguments[0], name, list, "values that == compares") }
      guard second.isSubtype(of: element) || element.isSubtype(of: second) else {
        return mismatch(arguments[1], second, "\(element)", name)
      }
      return (second, .bool)
    case .sortBy:
      guard case .function(let parameters, let key) = second, parameters.count == 1,
        element.isSubtype(of: parameters[0].type)
      else { return mismatch(arguments[1], second, "func(\(element)) K", name) }
      guard key.isOrdered else {
        report(
          .argumentType, "\(name) cannot sort by keys of type \(key): they must be scalars or tuples of scalars",
          at: range(arguments[1]))
        return nil
      }
      return (second, list)
    }
  }

  private mutating func refuse(
    _ argument: ExpressionID, _ name: String, _ type: Type, _ wanted: String
  ) -> (parameter: Type?, result: Type)? {
    report(
      .argumentType, "cannot use type \(type) in argument to \(name): it works on lists of \(wanted)",
      at: range(argument))
    return nil
  }

  private mutating func mismatch(
    _ argument: ExpressionID, _ type: Type, _ wanted: String, _ name: String
  ) -> (parameter: Type?, result: Type)? {
    if case .error = type { return nil }
    report(.argumentType, "cannot use type \(type) as type \(wanted) in argument to \(name)", at: range(argument))
    return nil
  }
}

/// The functions of `$/lists`, whose types depend on their arguments.
private enum ListFunction: String {
  case sort = "lists.Sort"
  case sortBy = "lists.SortBy"
  case contains = "lists.Contains"
  case unique = "lists.Unique"
  case reverse = "lists.Reverse"
  case enumerate = "lists.Enumerate"
  case sum = "lists.Sum"
  case min = "lists.Min"
  case max = "lists.Max"
  case take = "lists.Take"
  case drop = "lists.Drop"

  /// For a message about their number.
  var parameters: [String] {
    switch self {
    case .sortBy: ["[T]", "func(T) K"]
    case .contains: ["[T]", "T"]
    case .take, .drop: ["[T]", "int"]
    case .sort, .unique, .reverse, .enumerate, .sum, .min, .max: ["[T]"]
    }
  }
}
