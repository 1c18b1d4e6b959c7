import BigInt
import BuildGraph

extension Machine {
  mutating func strings(_ function: SystemFunction, _ arguments: ContiguousArray<Value>) throws(Failure) -> Value {
    switch function {
    case .stringsFromInt: return Value(arguments[0].integer.map { String($0) } ?? "")
    case .stringsFromBool: return Value(Printer.key(arguments[0]))
    case .stringsFromFloat:
      guard case .float(let box) = arguments[0], let precision = arguments[1].integer else {
        preconditionFailure("the checker admits a float and an int only")
      }
      guard precision >= 0, precision <= 1000 else {
        throw fail(.badArgument, "strings.FromFloat: the precision \(precision) is not within 0 to 1000")
      }
      return Value(GoText.general(box.value.value, precision: Int(precision)))
    case .stringsJoin:
      let parts = Self.texts(arguments[0])
      let separator = Self.text(arguments[1])
      try checkLength(parts.reduce(0) { $0 + $1.count + separator.count })
      return .string(ByteString(bytes: Array(parts.map(\.bytes).joined(separator: separator.bytes))))
    case .stringsSort: return Self.strings(Self.texts(arguments[0]).sorted())
    case _: return try strings(function, Self.text(arguments[0]), arguments)
    }
  }

  /// Those whose first argument is a string.
  private mutating func strings(
    _ function: SystemFunction, _ text: ByteString, _ arguments: ContiguousArray<Value>
  ) throws(Failure) -> Value {
    switch function {
    case .stringsSplit: return Self.strings(StringFunctions.split(text, by: Self.text(arguments[1])))
    case .stringsChunk:
      guard let length = arguments[1].integer, length >= 4 else {
        let length = arguments[1].integer.map { String($0) } ?? ""
        throw fail(.badArgument, "strings.Chunk: maxlen \(length) must be >= 4")
      }
      return Self.strings(StringFunctions.chunks(of: text, maximum: Int(min(length, BigInt(Int.max)))))
    case .stringsHasPrefix: return .bool(text.bytes.starts(with: Self.text(arguments[1]).bytes))
    case .stringsHasSuffix: return .bool(text.bytes.reversed().starts(with: Self.text(arguments[1]).bytes.reversed()))
    case .stringsToInt:
      guard let value = Self.integer(text) else {
        throw fail(.badNumber, "strings.ToInt: \(GoText.quoted(text)) is not an int")
      }
      return Value(value)
    case .stringsToFloat: return try float(text)
    case .stringsTrim: return .string(StringFunctions.trimmed(text))
    case .stringsReplace:
      let old = Self.text(arguments[1])
      let new = Self.text(arguments[2])
      // Counted only where the bound, every place a match, is beyond the limit.
      var matches = text.count / max(1, old.count) + 1
      if (limits.stringBytes - text.count) / max(1, new.count) < matches {
        matches = StringFunctions.split(text, by: old).count
      }
      let added = matches.multipliedReportingOverflow(by: new.count)
      try checkLength(added.overflow ? Int.max : text.count + added.partialValue)
      return .string(StringFunctions.replacing(old, in: text, with: new))
    case .stringsFields: return Self.strings(StringFunctions.fields(text))
    case .stringsLines: return Self.strings(StringFunctions.lines(text))
    case .stringsLower: return .string(StringFunctions.lowercased(text))
    case .stringsUpper: return .string(StringFunctions.uppercased(text))
    case .stringsContains: return .bool(StringFunctions.firstIndex(of: Self.text(arguments[1]), in: text) != nil)
    case .stringsIndex: return .int(StringFunctions.firstIndex(of: Self.text(arguments[1]), in: text) ?? -1)
    case _:
      guard let lower = arguments[1].integer, let upper = arguments[2].integer else {
        preconditionFailure("the checker admits ints only")
      }
      guard lower >= 0, lower <= upper, upper <= text.count else {
        throw fail(
          .indexOutOfBounds,
          "strings.Slice: [\(lower):\(upper)] out of bounds for a string of \(text.count) bytes")
      }
      return .string(ByteString(bytes: Array(text.bytes[Int(lower)..<Int(upper)])))
    }
  }

  private static func integer(_ text: ByteString) -> BigInt? {
    let digits =
      text.bytes.first == UInt8(ascii: "-") || text.bytes.first == UInt8(ascii: "+")
      ? text.bytes.dropFirst() : text.bytes[...]
    guard !digits.isEmpty, digits.allSatisfy({ $0.isDigit }), digits.count <= longestDecimal,
      let value = BigInt(String(decoding: digits, as: UTF8.self))
    else { return nil }
    return text.bytes.first == UInt8(ascii: "-") ? -value : value
  }

  /// Decimal digits of the longest int that is read from a string; reading takes quadratic time.
  private static let longestDecimal = 100_000

  private mutating func float(_ text: ByteString) throws(Failure) -> Value {
    let bytes = text.bytes
    var end = 0
    var digits = 0
    if end < bytes.count, bytes[end] == UInt8(ascii: "-") || bytes[end] == UInt8(ascii: "+") { end += 1 }
    func skipDigits() {
      while end < bytes.count, bytes[end].isDigit {
        end += 1
        digits += 1
      }
    }
    skipDigits()
    if end < bytes.count, bytes[end] == UInt8(ascii: ".") {
      end += 1
      skipDigits()
    }
    guard digits > 0 else { throw fail(.badNumber, "strings.ToFloat: number has no digits") }
    if end < bytes.count, bytes[end] | 0x20 == UInt8(ascii: "e") {
      end += 1
      if end < bytes.count, bytes[end] == UInt8(ascii: "-") || bytes[end] == UInt8(ascii: "+") { end += 1 }
      digits = 0
      skipDigits()
      guard digits > 0 else { throw fail(.badNumber, "strings.ToFloat: exponent has no digits") }
    }
    guard end == bytes.count else {
      let rest = ByteString(bytes: [bytes[end]]).display
      throw fail(.badNumber, "strings.ToFloat: expected end of string, found '\(rest)'")
    }
    let isNegative = bytes.first == UInt8(ascii: "-")
    let start = bytes.first.map { $0.isDigit || $0 == UInt8(ascii: ".") } == true ? 0 : 1
    guard let value = Floating(literal: String(decoding: bytes[start...], as: UTF8.self)) else {
      throw fail(.badNumber, "strings.ToFloat: \(GoText.quoted(text)) is not a float")
    }
    return Value(isNegative ? value.negated : value)
  }

  mutating func regexp(_ function: SystemFunction, _ arguments: ContiguousArray<Value>) throws(Failure) -> Value {
    let text = Self.text(arguments[0])
    let source = Self.text(arguments[1])
    let expression = try regularExpression(source)
    switch function {
    case .regexpMatch: return .bool(expression.firstMatch(in: text) != nil)
    case .regexpReplace: return .string(expression.replacingAll(in: text, with: Self.text(arguments[2])))
    case _:
      guard let match = expression.firstMatch(in: text) else {
        throw fail(.noMatch, "regexp \(source.display) does not match string \(text.display)")
      }
      return Self.strings(match.texts(in: text).dropFirst())
    }
  }

  func path(_ function: SystemFunction, _ arguments: ContiguousArray<Value>) -> Value {
    switch function {
    case .pathJoin: return .string(PathFunctions.join(Self.texts(arguments[0])))
    case .pathExt: return .string(PathFunctions.extension(of: Self.text(arguments[0])))
    case .pathDir: return .string(PathFunctions.folder(of: Self.text(arguments[0])))
    case _: return .string(PathFunctions.base(of: Self.text(arguments[0])))
    }
  }
}
