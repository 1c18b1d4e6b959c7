import Diagnostics

extension Checker {
  mutating func finishUnary(_ id: ExpressionID, _ sign: UnaryOperator, _ operand: ExpressionID) {
    let type = type(operand)
    switch sign {
    case .not:
      if !type.isEqual(to: .bool) {
        report(.operatorTypes, "unary operator \"!\" is only valid for bools, not \(type)", at: range(id))
      }
      set(id, .bool, flow(operand).computed)
    case .negate:
      guard type.isEqual(to: .int) || type.isEqual(to: .float) else {
        report(
          .operatorTypes, "unary operator \"-\" is only valid for integers and floats, not \(type)", at: range(id))
        return set(id, .error)
      }
      set(id, type, flow(operand).computed)
    }
  }

  mutating func finishBinary(
    _ id: ExpressionID, _ sign: BinaryOperator, _ left: ExpressionID, _ right: ExpressionID
  ) {
    let a = type(left)
    let b = type(right)
    let flow = join([left, right])
    switch sign {
    case .sequence: set(id, types[Int(right.index)], self.flow(right), bound: measure(right))
    case .add:
      switch (a, b) {
      case (.error, _), (_, .error): set(id, .error)
      case (.list, .list), (.map, .map), (.dir, .dir):
        switch Type.unify(a, b) {
        case .success(let type): set(id, type, flow, bound: bound([left, right]))
        case .failure(let conflict):
          reportOperands(id, sign, a, b, notes: [Diagnostic.Note("\(conflict)")])
          set(id, .error)
        }
      case (.table, .table): finishUnion(id, left, right)
      default: set(id, checkEqualOperands(id, sign, a, b) { $0.isAddable }, flow)
      }
    case .subtract, .multiply, .divide: set(id, checkEqualOperands(id, sign, a, b) { $0.isNumber }, flow)
    case .remainder, .shiftLeft, .shiftRight:
      set(id, checkEqualOperands(id, sign, a, b) { $0.isEqual(to: .int) }, flow)
    case .bitAnd: set(id, checkEqualOperands(id, sign, a, b) { _ in false }, flow)
    case .and, .or:
      _ = checkEqualOperands(id, sign, a, b) { $0.isEqual(to: .bool) }
      set(id, .bool, flow)
    case .equal, .notEqual:
      _ = checkEqualOperands(id, sign, a, b) { $0.isComparable }
      set(id, .bool, flow)
    case .less, .greater, .lessEqual, .greaterEqual:
      _ = checkEqualOperands(id, sign, a, b) { $0.isNumber || $0.isEqual(to: .string) }
      set(id, .bool, flow)
    }
  }

  /// Operands must be of equal types (not just related ones), and the operator defined on them.
  ///
  /// - Returns: the type of the operands; an error if they are wrong, after reporting it.
  private mutating func checkEqualOperands(
    _ id: ExpressionID, _ sign: BinaryOperator, _ a: Type, _ b: Type, _ isAllowed: (Type) -> Bool
  ) -> Type {
    if case .error = a { return .error }
    if case .error = b { return .error }
    guard a.isEqual(to: b) else {
      reportOperands(id, sign, a, b, notes: [])
      return .error
    }
    guard isAllowed(a) else {
      if case .table(let row) = a, row.isGroupRow {
        reportGrouped(at: range(id), "\"\(sign.rawValue)\"")
        return .error
      }
      report(.operatorTypes, "binary operator \"\(sign.rawValue)\" not allowed for type \(a)", at: range(id))
      return .error
    }
    return a
  }

  private mutating func reportOperands(
    _ id: ExpressionID, _ sign: BinaryOperator, _ a: Type, _ b: Type, notes: [Diagnostic.Note]
  ) {
    var notes = notes
    switch (a, b) {
    case (.int, .float), (.float, .int):
      notes.append(Diagnostic.Note("float(e) makes a float of an int, int(e) an int of a float"))
    case (.string, .int), (.int, .string):
      notes.append(Diagnostic.Note("make(\"$/strings\").FromInt makes a string of an int"))
    case (.table, .list), (.list, .table):
      notes.append(Diagnostic.Note("table(xs) {...} makes a table of a list, rows(t) a list of a table"))
    default: break
    }
    report(
      .operatorTypes, "cannot apply binary operator \"\(sign.rawValue)\" to type \(a) and \(b)", at: range(id),
      notes: notes)
  }

  mutating func finishConversion(_ id: ExpressionID, _ operand: ExpressionID, from source: Type, to target: Type) {
    if !type(operand).isEqual(to: source) {
      report(.invalidConversion, "cannot convert type \(type(operand)) to \(target)", at: range(id))
    }
    set(id, target, flow(operand).computed)
  }
}

extension Type {
  var isNumber: Bool { isEqual(to: .int) || isEqual(to: .float) }

  /// Whether `+` joins two values of just this type.
  var isAddable: Bool { isNumber || isEqual(to: .string) }
}
