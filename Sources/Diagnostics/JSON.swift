/// A JSON value: what a message of another program says, or an answer to it.
///
/// The members of an object keep their order; of several of one name the first counts. What is only written, and long, is
/// better written piece by piece with ``JSONText``.
package enum JSON: Hashable, Sendable {
  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits.
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  package struct Member: Hashable, Sendable {
    package var name: String
    package var value: JSON

    package init(_ name: String, _ value: JSON) {
      self.name = name
      self.value = value
    }
  }

  /// A member of an object; nil for what has no such member and for what is no object.
  ///
  /// - Complexity: O(members).
  package subscript(_ name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var array: [JSON]? { if case .array(let elements) = self { elements } else { nil } }

  /// A whole number, also one that was written with a fraction of nought.
  package var integer: Int? {
    switch self {
    case .integer(let value): Int(value)
    case .number(let value): Int(exactly: value)
    case .null, .bool, .string, .array, .object: nil
    }
  }

  /// The value on one line.
  ///
  /// - Complexity: O(size of the text).
  package var text: String {
    var text = JSONText()
    write(to: &text)
    return text.text
  }

  private func write(to text: inout JSONText) {
    switch self {
    case .null: text.literal("null")
    case .bool(let value): text.bool(value)
    case .integer(let value): text.integer(value)
    case .number(let value): text.literal(value.isFinite ? "\(value)" : "null")
    case .string(let value): text.string(value)
    case .array(let elements):
      text.beginArray()
      for element in elements { element.write(to: &text) }
      text.endArray()
    case .object(let members):
      text.beginObject()
      for member in members {
        text.key(member.name)
        member.value.write(to: &text)
      }
      text.endObject()
    }
  }
}

extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
  package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { Member($0, $1) }) }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }

  package init(_ value: Int) { self = .integer(Int64(value)) }
}
