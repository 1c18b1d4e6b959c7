import BigInt
import BuildGraph

/// Why an operation on ints or floats has no result.
enum ArithmeticError: Error {
  case divisionByZero
  case notANumber
  case negativeShift
  /// The result would have more than ``Value/longestInteger`` bits.
  case tooLong

  var message: String {
    switch self {
    case .divisionByZero: "division by zero"
    case .notANumber: "the result is not a number"
    case .negativeShift: "cannot shift by a negative amount"
    case .tooLong: "the result has more than \(Value.longestInteger) bits"
    }
  }
}

extension Value {
  /// Bits of the longest int: a third of a million digits, which take a second to print.
  static let longestInteger = 1 << 20

  /// `a op b` on ints. Division is Euclidean: the remainder is never negative.
  static func integerOperation(_ op: BinaryOperator, _ a: Value, _ b: Value) throws(ArithmeticError) -> Value {
    if case .int(let x) = a, case .int(let y) = b, let fast = try wordOperation(op, x, y) { return fast }
    guard let x = a.integer, let y = b.integer else { preconditionFailure("the checker admits ints only") }
    switch op {
    case .add: return Value(x + y)
    case .subtract: return Value(x - y)
    case .multiply:
      guard x.bitWidth + y.bitWidth <= longestInteger + 64 else { throw .tooLong }
      return Value(x * y)
    case .divide: return Value(try euclidean(x, y).quotient)
    case .remainder: return Value(try euclidean(x, y).remainder)
    case .shiftLeft:
      if y < 0 { throw .negativeShift }
      if x == 0 { return .int(0) }
      guard let amount = Int(exactly: y), amount <= longestInteger, x.bitWidth + amount <= longestInteger + 64
      else { throw .tooLong }
      return Value(x << amount)
    case .shiftRight:
      if y < 0 { throw .negativeShift }
      guard let amount = Int(exactly: y), amount < x.bitWidth + 1 else { return .int(x < 0 ? -1 : 0) }
      return Value(x >> amount)
    case .less: return .bool(x < y)
    case .greater: return .bool(x > y)
    case .lessEqual: return .bool(x <= y)
    case .greaterEqual: return .bool(x >= y)
    case .equal: return .bool(x == y)
    case .notEqual: return .bool(x != y)
    case .sequence, .or, .and, .bitAnd: preconditionFailure("not an operation on ints")
    }
  }

  /// The operation in a machine word; nil where it overflows.
  private static func wordOperation(_ op: BinaryOperator, _ x: Int, _ y: Int) throws(ArithmeticError) -> Value? {
    func checked(_ result: (partialValue: Int, overflow: Bool)) -> Value? {
      result.overflow ? nil : .int(result.partialValue)
    }
    switch op {
    case .add: return checked(x.addingReportingOverflow(y))
    case .subtract: return checked(x.subtractingReportingOverflow(y))
    case .multiply: return checked(x.multipliedReportingOverflow(by: y))
    case .divide, .remainder:
      if y == 0 { throw .divisionByZero }
      if y == -1 { return op == .remainder ? .int(0) : checked((0).subtractingReportingOverflow(x)) }
      let (quotient, remainder) = x.quotientAndRemainder(dividingBy: y)
      if remainder >= 0 { return .int(op == .divide ? quotient : remainder) }
      // The remainder's magnitude is below the divisor's, and the divisor is not ±1: neither line overflows.
      if op == .divide { return .int(y > 0 ? quotient - 1 : quotient + 1) }
      return y == .min ? nil : .int(remainder + abs(y))
    case .shiftLeft:
      guard y >= 0, y < 63, (x << y) >> y == x else { return nil }
      return .int(x << y)
    case .shiftRight: return y < 0 ? nil : .int(x >> min(y, 63))
    case .less: return .bool(x < y)
    case .greater: return .bool(x > y)
    case .lessEqual: return .bool(x <= y)
    case .greaterEqual: return .bool(x >= y)
    case .equal: return .bool(x == y)
    case .notEqual: return .bool(x != y)
    case .sequence, .or, .and, .bitAnd: return nil
    }
  }

  private static func euclidean(
    _ x: BigInt, _ y: BigInt
  ) throws(ArithmeticError) -> (quotient: BigInt, remainder: BigInt) {
    if y == 0 { throw .divisionByZero }
    let (quotient, remainder) = x.quotientAndRemainder(dividingBy: y)
    if remainder >= 0 { return (quotient, remainder) }
    return y > 0 ? (quotient - 1, remainder + y) : (quotient + 1, remainder - y)
  }

  static func floatOperation(
    _ op: BinaryOperator, _ x: Floating, _ y: Floating
  ) throws(ArithmeticError) -> Value {
    let result: Floating
    switch op {
    case .add: result = .add(x, y)
    case .subtract: result = .subtract(x, y)
    case .multiply: result = .multiply(x, y)
    case .divide: result = .divide(x, y)
    case .less: return .bool(x.value < y.value)
    case .greater: return .bool(x.value > y.value)
    case .lessEqual: return .bool(x.value <= y.value)
    case .greaterEqual: return .bool(x.value >= y.value)
    case .equal: return .bool(x.value == y.value)
    case .notEqual: return .bool(x.value != y.value)
    case .remainder, .shiftLeft, .shiftRight, .sequence, .or, .and, .bitAnd:
      preconditionFailure("not an operation on floats")
    }
    if result.value.isNaN { throw .notANumber }
    return Value(result)
  }

  static func stringOperation(_ op: BinaryOperator, _ x: ByteString, _ y: ByteString) -> Value {
    switch op {
    case .add: return .string(x + y)
    case .less: return .bool(x < y)
    case .greater: return .bool(y < x)
    case .lessEqual: return .bool(!(y < x))
    case .greaterEqual: return .bool(!(x < y))
    case .equal: return .bool(x == y)
    case .notEqual: return .bool(x != y)
    case .subtract, .multiply, .divide, .remainder, .shiftLeft, .shiftRight, .sequence, .or, .and, .bitAnd:
      preconditionFailure("not an operation on strings")
    }
  }

  /// The order of map keys and of what `lists` sorts: numbers by value, strings bytewise, `false` first, files by digest,
  /// tuples by their first difference.
  ///
  /// - Precondition: both are of one kind, files with known artifacts.
  /// - Returns: below, at or above 0.
  static func compareKeys(_ a: Value, _ b: Value) -> Int {
    switch (a, b) {
    case (.int(let x), .int(let y)): return x < y ? -1 : x == y ? 0 : 1
    case (.string(let x), .string(let y)): return x == y ? 0 : x < y ? -1 : 1
    case (.bool(let x), .bool(let y)): return x == y ? 0 : x ? 1 : -1
    case (.float(let x), .float(let y)):
      return x.value.value < y.value.value ? -1 : x.value.value == y.value.value ? 0 : 1
    case (.file(let x), .file(let y)):
      guard let p = x.artifact?.digest, let q = y.artifact?.digest else {
        preconditionFailure("a file is made a key when its digest is known")
      }
      return p < q ? -1 : p == q ? 0 : 1
    case (.tuple(let x), .tuple(let y)):
      for (p, q) in zip(x.elements, y.elements) {
        let order = compareKeys(p, q)
        if order != 0 { return order }
      }
      return 0
    case _:
      guard let x = a.integer, let y = b.integer else { preconditionFailure("the checker admits keys of one kind") }
      return x < y ? -1 : x == y ? 0 : 1
    }
  }
}
