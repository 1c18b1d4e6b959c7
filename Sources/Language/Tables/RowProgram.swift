import BuildGraph

/// The compact form of a row expression over scalars: operations on registers, each a word as in ``ColumnKind``.
///
/// Structs and tuples are gone, calls are in line, and nothing is allocated but new strings. Where an int leaves 64 bits the program
/// gives up and the general machine computes exactly.
struct RowProgram {
  enum Code: UInt8 {
    case move
    case addInt, subtractInt, multiplyInt, divideInt, remainderInt, negateInt
    case addFloat, subtractFloat, multiplyFloat, divideFloat, negateFloat
    case equalWord, unequalWord
    case lessInt, lessEqualInt
    case equalFloat, unequalFloat, lessFloat, lessEqualFloat
    case equalString, unequalString, lessString, lessEqualString
    case not
    case concatenate, length, hasPrefix, hasSuffix, contains
    case intToFloat, floatToInt
    /// Goes to `c`.
    case jump
    /// Goes to `c` if `a` is false.
    case jumpUnless
  }

  /// Most read `a` and `b` and write `c`; what can fail names its error in `d`.
  struct Operation {
    var code: Code
    var a: Int32 = 0
    var b: Int32 = 0
    var c: Int32 = 0
    var d: Int32 = -1
  }

  enum Outcome {
    case done
    /// An int needs more than 64 bits.
    case overflow
    case failed(Int)
  }

  /// The first registers are the inputs, in order.
  var operations: [Operation] = []
  var registerCount = 0
  var constants: [(register: Int, word: UInt64)] = []
  var strings: [(register: Int, text: ByteString)] = []
  var outputs: [Int] = []
  var errors: [RowError] = []
  /// Whether some row may have no value.
  var canFail = false
  /// Whether what comes out is text, and what is wanted its words as `strings.Fields` gives them.
  var makesFields = false

  /// Where it does nothing but select, the input that each output is.
  func selection(inputs: Int) -> [Int]? {
    operations.isEmpty && outputs.allSatisfy { $0 < inputs } ? outputs : nil
  }

  /// Computes the registers that come after the inputs and constants.
  static func run(
    _ operations: UnsafeBufferPointer<Operation>, _ registers: UnsafeMutablePointer<UInt64>, _ table: any RowStrings
  ) -> Outcome {
    var position = 0
    while position < operations.count {
      let operation = operations[position]
      position += 1
      let a = registers[Int(operation.a)]
      let b = registers[Int(operation.b)]
      var result: UInt64 = 0
      switch operation.code {
      case .move: result = a
      case .addInt:
        let (sum, overflow) = int(a).addingReportingOverflow(int(b))
        if overflow { return .overflow }
        result = word(sum)
      case .subtractInt:
        let (difference, overflow) = int(a).subtractingReportingOverflow(int(b))
        if overflow { return .overflow }
        result = word(difference)
      case .multiplyInt:
        let (product, overflow) = int(a).multipliedReportingOverflow(by: int(b))
        if overflow { return .overflow }
        result = word(product)
      case .divideInt, .remainderInt:
        // Left to the exact arithmetic: the one dividend that overflows.
        if int(b) == 0 { return .failed(Int(operation.d)) }
        if int(b) == -1 || int(b) == .min { return .overflow }
        let (quotient, remainder) = int(a).quotientAndRemainder(dividingBy: int(b))
        if operation.code == .remainderInt {
          result = word(remainder >= 0 ? remainder : remainder + abs(int(b)))
        } else {
          result = word(remainder >= 0 ? quotient : int(b) > 0 ? quotient - 1 : quotient + 1)
        }
      case .negateInt:
        if int(a) == .min { return .overflow }
        result = word(-int(a))
      case .addFloat, .subtractFloat, .multiplyFloat, .divideFloat:
        let (x, y) = (Double(bitPattern: a), Double(bitPattern: b))
        let value =
          operation.code == .addFloat
          ? x + y : operation.code == .subtractFloat ? x - y : operation.code == .multiplyFloat ? x * y : x / y
        if value.isNaN { return .failed(Int(operation.d)) }
        result = value.bitPattern
      case .negateFloat: result = (-Double(bitPattern: a)).bitPattern
      case .equalWord: result = a == b ? 1 : 0
      case .unequalWord: result = a == b ? 0 : 1
      case .lessInt: result = int(a) < int(b) ? 1 : 0
      case .lessEqualInt: result = int(a) <= int(b) ? 1 : 0
      case .equalFloat: result = Double(bitPattern: a) == Double(bitPattern: b) ? 1 : 0
      case .unequalFloat: result = Double(bitPattern: a) == Double(bitPattern: b) ? 0 : 1
      case .lessFloat: result = Double(bitPattern: a) < Double(bitPattern: b) ? 1 : 0
      case .lessEqualFloat: result = Double(bitPattern: a) <= Double(bitPattern: b) ? 1 : 0
      case .lessString: result = a != b && precedes(table.bytes(a), table.bytes(b)) ? 1 : 0
      case .lessEqualString: result = a == b || !precedes(table.bytes(b), table.bytes(a)) ? 1 : 0
      case .equalString: result = areEqual(a, b, table) ? 1 : 0
      case .unequalString: result = areEqual(a, b, table) ? 0 : 1
      case .not: result = a ^ 1
      case .concatenate:
        let (x, y) = (table.bytes(a), table.bytes(b))
        result = x.isEmpty ? b : y.isEmpty ? a : table.intern(Array(x) + Array(y))
      case .length: result = UInt64(table.bytes(a).count)
      case .hasPrefix: result = table.bytes(a).starts(with: table.bytes(b)) ? 1 : 0
      case .hasSuffix:
        let (text, end) = (table.bytes(a), table.bytes(b))
        result = text.count >= end.count && text.suffix(end.count).elementsEqual(end) ? 1 : 0
      case .contains: result = contains(table.bytes(a), table.bytes(b)) ? 1 : 0
      case .intToFloat: result = Double(int(a)).bitPattern
      case .floatToInt:
        let value = Double(bitPattern: a)
        result = word(value >= 0x1p63 ? .max : value <= -0x1p63 ? .min : Int64(value))
      case .jump:
        position = Int(operation.c)
        continue
      case .jumpUnless:
        if a == 0 { position = Int(operation.c) }
        continue
      }
      registers[Int(operation.c)] = result
    }
    return .done
  }

  private static func int(_ word: UInt64) -> Int64 { Int64(bitPattern: word) }
  private static func word(_ int: Int64) -> UInt64 { UInt64(bitPattern: int) }

  private static func areEqual<Strings: RowStrings>(_ a: UInt64, _ b: UInt64, _ table: Strings) -> Bool {
    a == b || max(a, b) >= Strings.passing && table.bytes(a).elementsEqual(table.bytes(b))
  }

  private static func precedes(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
    let count = min(a.count, b.count)
    var index = 0
    while index < count {
      if a[index] != b[index] { return a[index] < b[index] }
      index += 1
    }
    return a.count < b.count
  }

  private static func contains(_ text: UnsafeBufferPointer<UInt8>, _ part: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let first = part.first else { return true }
    guard text.count >= part.count else { return false }
    for start in 0...(text.count - part.count) where text[start] == first {
      if text[start..<start + part.count].elementsEqual(part) { return true }
    }
    return false
  }
}
